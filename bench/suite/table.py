"""The result as tables for people."""

from suite import targets
from suite.cold import BURST
from suite.parts import PARTS

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
    heading("warm invoke through HTTP, µs", "over echo, p50")
    echo = result["warm"]["echo (baseline)"]["p50_us"]
    for name, one in result["warm"].items():
        row(name, {"p50": one["p50_us"], "p99": one["p99_us"]}, f"{one['p50_us'] / echo:.2f}")
    columns = ("per second", "client, µs each", "server", "functions")
    print(f"\n{'throughput, and what takes processor time':<{LABEL}}" + "".join(f"{column:>17}" for column in columns))
    for name, one in result["throughput"].items():
        cells = (one["per_second"], one["client_us"], one["server_us"], one["functions_us"])
        print(f"  {name:<{LABEL - 2}}" + "".join(f"{cell:>17.1f}" for cell in cells))
    heading("cold start, caller's latency, ms", "over its program")
    for name, one in result["cold"].items():
        row(f"{name}, its program alone (baseline)", one["baseline"])
        if client := one.get("with_client"):
            row("  the same with the client's imports", client, ratio(client, one["baseline"]))
        for mode, figures in one["modes"].items():
            row(f"{name}, {mode}", figures["invoke_ms"], ratio(figures["invoke_ms"], one["baseline"]))
            row("  of that, Init Duration", figures["init_ms"])
    print(f"\n{'where the time of a cold start goes, ms':<{LABEL}}" + "".join(f"{part:>17}" for part in PARTS))
    for name, one in result["parts"].items():
        for mode, found in one.items():
            cells = ("" if found[part] is None else f"{found[part]:.2f}" for part in PARTS)
            print(f"  {f'{name}, {mode}':<{LABEL - 2}}" + "".join(f"{cell:>17}" for cell in cells))
    heading(f"{BURST} cold starts, ms to the last handler", "over the baseline")
    for name, one in result["burst"].items():
        row(f"{name}, {BURST} programs alone (baseline)", one["baseline"])
        for mode, figures in one["modes"].items():
            row(f"{name}, {mode}", figures, ratio(figures, one["baseline"]))
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
    print(f"\n{'memory of a frozen environment, KiB':<{LABEL}}{'whole':>10}{'its own':>10}{'beyond its own':>19}")
    for name, one in result["density"].items():
        print(f"  {name:<{LABEL - 2}}{one['whole_kib']:>10.0f}{one['own_kib']:>10.0f}{one['beyond_kib']:>19.0f}")
    targets.show(result)
    took = result["took_s"]
    print(
        f"\ntook {sum(took.values()) / 60:.0f} min: "
        + ", ".join(f"{part} {seconds:.0f} s" for part, seconds in took.items())
    )


def ratio(figures, baseline):
    return f"{targets.ratio(figures, baseline)[0]:.2f}"
