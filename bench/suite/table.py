"""The result as a table for people."""

from suite.invokes import BURST

LABEL = 44


def heading(text, *columns):
    print(f"\n{text:<{LABEL}}{'p50':>10}{'p99':>10}" + "".join(f"{column:>19}" for column in columns))


def row(label, figures, last=""):
    print(f"  {label:<{LABEL - 2}}{figures['p50']:>10.1f}{figures['p99']:>10.1f}{last:>19}".rstrip())


def show(result):
    m = result["machine"]
    print(f"\n{m['cores']} x {m['cpu']}, kernel {m['kernel']}, commit {m['commit']}, load {result['load_before']:.2f}")
    if result["load_before"] > 0.5:
        print("\nthe machine was busy before this began: read nothing into the figures, least of all those of memory")
    heading("warm invoke through HTTP, µs", "beyond echo, p50")
    echo = result["warm"]["echo (baseline)"]["p50_us"]
    for name, one in result["warm"].items():
        beyond = "" if "echo" in name else f"{one['p50_us'] - echo:.0f}"
        row(name, {"p50": one["p50_us"], "p99": one["p99_us"]}, beyond)
    heading("cold start, ms")
    for name, one in result["cold"].items():
        for key, label in (
            ("invoke_ms", "caller's latency"),
            ("init_ms", "Init Duration"),
            ("interpreter_ms", "bare interpreter (baseline)"),
        ):
            if key in one:
                row(f"{name}, {label}", one[key])
    heading("cold start of provided.al2023, ms", "over isolated, p50")
    for mode, one in result["network"].items():
        row(f"network {mode}", one, ratio(one, result["network"]["isolated"]))
    heading("cold start by package, ms", "over 1 kB, p50")
    small = next(iter(result["packages"].values()))
    for label, one in result["packages"].items():
        row(label, one, ratio(one, small))
    heading("hearth dev, by folder, ms", "over cold, p50")
    for label, one in result["reload"].items():
        row(f"{label}: cold start (baseline)", one["cold_ms"], ratio(one["cold_ms"], one["cold_ms"]))
        row("  from the write to the new answer", one["answered_ms"], ratio(one["answered_ms"], one["cold_ms"]))
        row("  of that, to deploy", one["deployed_ms"], ratio(one["deployed_ms"], one["cold_ms"]))
    heading(f"{BURST} cold starts at once, ms to the handler", "the last one")
    for name, one in result["burst"].items():
        row(name, one["entry_ms"], f"{one['last_ms']:.1f}")
        row(f"{BURST} bare interpreters (baseline)", one["interpreter_ms"], f"{one['interpreter_last_ms']:.1f}")
    print(f"\n{'memory of a frozen environment, KiB':<{LABEL}}{'whole':>10}{'its own':>10}{'beyond its own':>19}")
    for name, one in result["density"].items():
        print(f"  {name:<{LABEL - 2}}{one['whole_kib']:>10.0f}{one['own_kib']:>10.0f}{one['beyond_kib']:>19.0f}")


def ratio(figures, baseline):
    return f"{figures['p50'] / baseline['p50']:.2f}"
