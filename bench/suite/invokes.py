"""Invokes: warm ones, cold ones, many cold ones at once; each beside what the machine takes without a service."""

import json
import re
import statistics
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from suite.machine import RUNTIMES, TARGET, figures
from suite.service import KINDS, Service, ready

BURST = 30


def load(address, path, count, connections=1):
    done = subprocess.run(
        [TARGET / "bench/release/load", address, path, '{"name":"bench"}', str(count), str(connections)],
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout)


def warm(service, count):
    """Latency of a warm invoke through HTTP, and of a bare echo server under the same client."""
    rows = {}
    echo = subprocess.Popen([TARGET / "bench/release/echo"], stdout=subprocess.PIPE, text=True)
    try:
        address = ready(echo)
        rows["echo (baseline)"] = load(address, "/", count)
        for runtime in KINDS:
            rows[runtime] = load(
                service.address, f"/2015-03-31/functions/{runtime.replace('.', '-')}/invocations", count
            )
    finally:
        echo.kill()
        echo.wait()
    return rows


def bare(runtime):
    """Seconds from spawning the tree's own interpreter on the handler file until that file has run."""
    tree, command = RUNTIMES / runtime / "tree", KINDS[runtime][3]
    started = time.time()
    process = subprocess.Popen(["/usr/sbin/chroot", tree, *command], stdout=subprocess.PIPE, env={"PATH": "/bin"})
    entered = float(process.stdout.readline())
    process.stdout.close()
    process.wait()
    return entered - started


def cold(service, count):
    """First invokes of new environments: caller's latency, and Init Duration as reported."""
    rows = {}
    for runtime, (_, _, _, command) in KINDS.items():
        name, latencies, inits = runtime.replace(".", "-"), [], []
        for _ in range(count):
            service.forget_environments(name)
            started = time.monotonic()
            _, tail = service.invoke(name, {}, tail=True)
            latencies.append((time.monotonic() - started) * 1e3)
            inits.append(float(re.search(r"Init Duration: ([\d.]+) ms", tail)[1]))
        rows[runtime] = {"invoke_ms": figures(latencies), "init_ms": figures(inits)}
        if command:
            rows[runtime]["interpreter_ms"] = figures([bare(runtime) * 1e3 for _ in range(count)])
    return rows


def burst(service, turns):
    """BURST cold starts at once: from sending the request to the handler's first line, and the interpreter's own."""
    rows = {}
    for runtime in ("python3.11", "nodejs20.x"):
        name, entries, lasts, baseline, baseline_lasts = runtime.replace(".", "-"), [], [], [], []
        for _ in range(turns):
            service.forget_environments(name)
            gate, until = threading.Barrier(BURST), time.time() + 8

            def one(name=name, gate=gate, until=until):
                gate.wait()
                started = time.time()
                (entered, stream), _ = service.invoke(name, {"until": until})
                return entered - started, stream

            with ThreadPoolExecutor(BURST) as pool:
                answers = [f.result() for f in [pool.submit(one) for _ in range(BURST)]]
            assert len({stream for _, stream in answers}) == BURST, (
                "an environment was reused: not a burst of cold starts"
            )
            entries += [seconds * 1e3 for seconds, _ in answers]
            lasts.append(max(seconds for seconds, _ in answers) * 1e3)
            with ThreadPoolExecutor(BURST) as pool:
                bares = list(pool.map(lambda _, runtime=runtime: bare(runtime) * 1e3, range(BURST)))
            baseline += bares
            baseline_lasts.append(max(bares))
        rows[runtime] = {
            "entry_ms": figures(entries), "last_ms": statistics.median(lasts),
            "interpreter_ms": figures(baseline), "interpreter_last_ms": statistics.median(baseline_lasts),
        }  # fmt: skip
    return rows


def network(count):
    """First invokes of new environments in either network, by turns: what a link of its own costs a cold start."""
    services = {mode: Service(mode) for mode in ("isolated", "nat")}
    latencies = {mode: [] for mode in services}
    try:
        for service in services.values():
            service.create("provided-al2023", "provided.al2023")
        for _ in range(count):
            for mode, service in services.items():
                latencies[mode].append(service.cold_ms("provided-al2023"))
    finally:
        for service in services.values():
            service.stop()
    return {mode: figures(values) for mode, values in latencies.items()}
