"""How latencies are distributed, as one SVG: to the right fall, by powers of ten, the shares of those that are at least as slow, so
that the slow ones, of which a median knows nothing, have their place."""

import math
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 420, 64, 150, 44, 48
COLOURS = ("#9aa5b1", "#2b6cb0", "#2f855a", "#c05621")
NINES = 3
SHARES = ((0, "all"), (0.5, "half of them"), (0.9, "a tenth"), (0.99, "a hundredth"), (0.999, "a thousandth"))


def curves(title, unit, rows):
    """`rows`: {label: [[share that is faster, value], …]}; the first is the baseline. Both axes are logarithmic."""
    values = [value for points in rows.values() for _, value in points]
    low, high = math.log10(min(values)), math.log10(max(values))
    wide, high_px = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(share):
        return LEFT + wide * min(NINES, -math.log10(max(1 - share, 10**-NINES))) / NINES

    def y(value):
        return TOP + high_px * (1 - (math.log10(value) - low) / (high - low or 1))

    parts = []
    for share, text in SHARES:
        at = x(share)
        parts.append(f'<path d="M{at:.1f} {TOP}V{TOP + high_px}" class="g"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 28}" text-anchor="middle" class="n">{text}</text>')
    for value in ticks(low, high):
        parts.append(f'<path d="M{LEFT} {y(value):.1f}h{wide}" class="g"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" class="n">{value:g}</text>')
    # Labels stand where their lines begin to be slow, and do not cover each other.
    free = HEIGHT
    for (label, points), colour in sorted(
        zip(rows.items(), COLOURS, strict=False), key=lambda row: y(row[0][1][-1][1]), reverse=True
    ):
        line = " ".join(f"{x(share):.1f},{y(value):.1f}" for share, value in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        free = min(y(points[-1][1]) + 4, free - 14)
        parts.append(f'<text x="{LEFT + wide + 8}" y="{free:.1f}" fill="{colour}">{escape(label)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12"><style>.n{font-size:11px;fill:#4a5568}.g{stroke:#e2e8f0}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/><text x="12" y="20" font-size="15">{escape(title)}</text>'
        f'<text x="{LEFT - 6}" y="{TOP - 8}" text-anchor="end" class="n">{escape(unit)}</text>'
        f'<text x="{LEFT + wide / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle" class="n">this share of them is at least as slow</text>'
        f"{''.join(parts)}</svg>\n"
    )


def ticks(low, high):
    """1, 2 and 5 of each power of ten between two powers of ten."""
    every = (digit * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for digit in (1, 2, 5))
    return [value for value in every if low <= math.log10(value) <= high]
