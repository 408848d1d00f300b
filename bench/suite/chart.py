"""One SVG per table: bars with their figures, readable by themselves."""

from html import escape

from suite import distribution
from suite.parts import PARTS

WIDTH, LABEL, BAR, GAP = 860, 330, 16, 6
COLOURS = {"baseline": "#9aa5b1", "p50": "#2b6cb0", "p99": "#90cdf4"}
PART_COLOURS = ("#9aa5b1", "#2b6cb0", "#90cdf4", "#2f855a", "#9ae6b4", "#d69e2e")


def bars(title, unit, groups):
    """`groups`: (label, [(kind, value)]), kinds being those of COLOURS."""
    longest = max(value for _, values in groups for _, value in values)
    scale = (WIDTH - LABEL - 110) / longest
    parts, y = [], 56
    for label, values in groups:
        height = len(values) * BAR
        parts.append(f'<text x="{LABEL - 10}" y="{y + height / 2 + 4}" text-anchor="end">{escape(label)}</text>')
        for kind, value in values:
            width = max(1, value * scale)
            parts.append(f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{COLOURS[kind]}"/>')
            parts.append(f'<text x="{LABEL + width + 6:.1f}" y="{y + BAR - 5}" class="n">{number(value)} {unit}</text>')
            y += BAR
        y += GAP
    return picture(title, COLOURS.items(), parts, y, LABEL)


def stacks(title, unit, kinds, groups):
    """One bar each. `groups`: (label, values), a value for each kind, or `None`."""
    longest = max(sum(value or 0 for value in values) for _, values in groups)
    scale = (WIDTH - LABEL - 110) / longest
    colours = list(zip(kinds, PART_COLOURS, strict=True))
    parts, y = [], 56
    for label, values in groups:
        parts.append(f'<text x="{LABEL - 10}" y="{y + BAR / 2 + 4}" text-anchor="end">{escape(label)}</text>')
        x = LABEL
        for value, (kind, colour) in zip(values, colours, strict=True):
            if value:
                width = value * scale
                told = f"<title>{escape(kind)}: {number(value)} {unit}</title>"
                parts.append(
                    f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{colour}">{told}</rect>'
                )
                x += width
        total = sum(value or 0 for value in values)
        parts.append(f'<text x="{x + 6:.1f}" y="{y + BAR - 5}" class="n">{number(total)} {unit}</text>')
        y += BAR + GAP
    return picture(title, colours, parts, y, 12)


def picture(title, colours, parts, y, left):
    """The whole of it: `colours` explains them from `left` on, `y` is where `parts` end."""
    legend = "".join(
        f'<rect x="{left + 110 * n}" y="32" width="12" height="12" fill="{colour}"/>'
        f'<text x="{left + 110 * n + 17}" y="42" class="n">{escape(kind)}</text>'
        for n, (kind, colour) in enumerate(colours)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 8}" viewBox="0 0 {WIDTH} {y + 8}" '
        'font-family="sans-serif" font-size="12"><style>.n{font-size:11px;fill:#4a5568}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/><text x="12" y="20" font-size="15">{escape(title)}</text>'
        f"{legend}{''.join(parts)}</svg>\n"
    )


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def pair(figures):
    return [("p50", figures["p50"]), ("p99", figures["p99"])]


def charts(result):
    """Name and SVG of each."""
    cold = []
    for runtime, row in result["cold"].items():
        cold.append((f"{runtime}: its own program alone", [("baseline", row["baseline"]["p50"])]))
        cold += [(f"{runtime}: {mode}", pair(one["invoke_ms"])) for mode, one in row["modes"].items()]
        cold += [(f"{runtime}: {mode}, Init alone", pair(one["init_ms"])) for mode, one in row["modes"].items()]
    warm = [
        (name, [("baseline" if "echo" in name else "p50", one["p50_us"]), ("p99", one["p99_us"])])
        for name, one in result["warm"].items()
    ]
    burst = []
    for runtime, row in result["burst"].items():
        burst.append((f"{runtime}: as many interpreters alone", [("baseline", row["baseline"]["p50"])]))
        burst += [(f"{runtime}: {mode}", pair(one)) for mode, one in row["modes"].items()]
    latency = {name: one["quantiles_us"] for name, one in result["warm"].items()}
    packages = [(label, pair(one)) for label, one in result["packages"].items()]
    parts = [
        (f"{runtime}: {mode}", [one[part] for part in PARTS])
        for runtime, row in result["parts"].items()
        for mode, one in row.items()
    ]
    yield "cold", bars("Cold start, from request to response through HTTP", "ms", cold)
    yield "parts", stacks("Where the time of a cold start goes", "ms", PARTS, parts)
    yield "warm", bars("Warm invoke through HTTP, frozen between invokes", "µs", warm)
    yield "latency", distribution.curves("Warm invoke: how many are how slow", "µs", latency)
    yield "burst", bars("30 cold starts at once, until the last handler runs", "ms", burst)
    yield "packages", bars("Cold start by package", "ms", packages)
