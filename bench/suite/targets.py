"""What the figures are held against: ratios to a baseline of the same run, and what they are to reach."""

from suite.cold import BURST


def ratio(one, baseline):
    return one["p50"] / baseline["p50"], one["p99"] / baseline["p99"]


def rows(result):
    """(What, measured, at the 99th percentile, to reach at most or at least, unit) of each target."""
    found = []
    reach = {
        "python3.11": (0.25, 1.4, 1.9, "x"),
        "nodejs20.x": (0.35, 2.0, 2.5, "x"),
        "provided.al2023": (2, None, 6, "ms more"),
    }
    for runtime, (*limits, unit) in reach.items():
        row = result["cold"][runtime]
        for (mode, figures), limit in zip(row["modes"].items(), limits, strict=True):
            if limit is None:
                continue
            invoke, baseline = figures["invoke_ms"], row["baseline"]
            if unit == "x":
                p50, p99 = ratio(invoke, baseline)
            else:
                p50, p99 = invoke["p50"] - baseline["p50"], invoke["p99"] - baseline["p99"]
            found.append((f"cold start, {runtime}, {mode}", p50, p99, limit, unit))
    warm = result["warm"]
    echo, rust = warm["echo (baseline)"], warm["provided.al2023"]
    found.append(("warm invoke, Rust, over echo", rust["p50_us"] / echo["p50_us"], None, 4, "x"))
    found.append(("the same at p99", rust["p99_us"] / echo["p99_us"], None, 8, "x"))
    through = result["throughput"]
    share = through["provided.al2023"]["per_second"] / through["echo (baseline)"]["per_second"]
    found.append(("throughput, 32 environments, over echo", share, None, -0.2, "x"))
    for runtime, row in result["burst"].items():
        for mode, limit in (("runtime ready", 0.5), ("nothing ready", 2.5)):
            p50, p99 = ratio(row["modes"][mode], row["baseline"])
            found.append((f"{BURST} cold starts, {runtime}, {mode}", p50, p99, limit, "x"))
    many = result["thousand"]
    for network, ready, limit in (("nat", "", 8), ("isolated", ", /tmp ready", 4)):
        found.append((f"{many['count']} environments, {network}{ready}", many[network], None, limit, "s"))
    beyond = result["density"]["provided.al2023"]["beyond_kib"]
    found.append(("memory beyond the runtime's own", beyond / 1024, None, 1, "MiB"))
    small, large = list(result["packages"].values())[:2]
    found.append(("cold start with 250 MB, over 1 kB", *ratio(large, small), 1.1, "x"))
    stored = result["stored"]
    among = stored["among"]["p50_us"] / stored["alone"]["p50_us"]
    found.append((f"warm among {stored['functions']} functions, {stored['alive']} alive", among, None, 1.1, "x"))
    found.append((f"start with {stored['functions']} functions", stored["start_ms"], None, 100, "ms"))
    found.append(("memory of the service alone", stored["rss_kib"] / 1024, None, 40, "MiB"))
    return found


def met(measured, limit):
    """A limit below zero is to be exceeded."""
    return measured <= limit if limit > 0 else measured >= -limit


def show(result):
    print(f"\n{'target':<50}{'measured':>10}{'p99':>9}{'to reach':>12}")
    for what, measured, p99, limit, unit in rows(result):
        late = "" if p99 is None else f"{p99:.2f}"
        sign = "at most" if limit > 0 else "at least"
        verdict = "" if met(measured, limit) else "  missed"
        print(f"  {what:<48}{measured:>10.2f}{late:>9}  {sign} {abs(limit)} {unit}{verdict}")


def markdown(result):
    """The same as a table for a page."""
    machine = result["machine"]
    lines = [
        f"{machine['cores']} x {machine['cpu']}, kernel {machine['kernel']}, commit {machine['commit']}, load before "
        f"{result['load_before']:.2f}, {result['rounds']} figures for each cold start.",
        "",
        "| what | measured | p99 | to reach | |",
        "|---|---|---|---|---|",
    ]
    for what, measured, p99, limit, unit in rows(result):
        late = "" if p99 is None else f"{p99:.2f}"
        sign = "at most" if limit > 0 else "at least"
        verdict = "reached" if met(measured, limit) else "missed"
        lines.append(f"| {what} | {measured:.2f} {unit} | {late} | {sign} {abs(limit)} {unit} | {verdict} |")
    return "\n".join(lines) + "\n"
