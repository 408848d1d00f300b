"""Cold starts, one at a time and many at once, each beside what the machine takes without a service."""

import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from suite.machine import RUNTIMES, TARGET, figures
from suite.service import KINDS, Service

BURST = 30
# What waits for a cold start: a sandbox with the runtime in it, a sandbox, nothing.
MODES = {
    "runtime ready": [],
    "sandbox ready": ["--preboot", "off"],
    "nothing ready": ["--pool", "off", "--preboot", "off"],
}
INTERPRETED = ("python3.11", "nodejs20.x")
# The same interpreter with what AWS's client has to load before it can ask for an event: no plain start takes less than that.
WITH_CLIENT = {"python3.11": ["/var/lang/bin/python3.11", "-c", "import awslambdaric.bootstrap, app"]}


def function(runtime):
    return runtime.replace(".", "-")


def bare(runtime, command=None):
    """Milliseconds of the tree's own interpreter on the handler file, unless told to run something else, or of the function's
    own program: start to end."""
    command = command or KINDS[runtime][3]
    if command:
        command = ["/usr/sbin/chroot", RUNTIMES / runtime / "tree", *command]
    else:
        command = [TARGET / "examples/rust-hello/bootstrap"]
    started = time.monotonic()
    # A function's program that finds no Runtime API complains and ends.
    places = {"PATH": "/bin", "PYTHONPATH": "/var/runtime:/var/task"}
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=places, check=False)
    return (time.monotonic() - started) * 1e3


def starts(count):
    """By mode and runtime: caller's latency, and Init Duration as reported; by runtime, the baseline."""
    rows = {runtime: {"baseline": [], "modes": {}} for runtime in KINDS}
    for mode, options in MODES.items():
        service = Service(*options)
        try:
            for runtime in KINDS:
                service.create(function(runtime), runtime)
                service.invoke(function(runtime), {})
            for runtime, row in rows.items():
                name, latencies, inits = function(runtime), [], []
                for _ in range(count):
                    latencies.append(service.cold_ms(name))
                    row["baseline"].append(bare(runtime))
                for _ in range(max(3, count // 3)):
                    service.forget_environments(name)
                    service.refilled()
                    _, tail = service.invoke(name, {}, tail=True)
                    inits.append(float(re.search(r"Init Duration: ([\d.]+) ms", tail)[1]))
                row["modes"][mode] = {"invoke_ms": figures(latencies), "init_ms": figures(inits)}
        finally:
            service.stop()
    for runtime, row in rows.items():
        row["baseline"] = figures(row["baseline"])
        if command := WITH_CLIENT.get(runtime):
            row["with_client"] = figures([bare(runtime, command) for _ in range(count)])
    return rows


def bursts(turns):
    """BURST cold starts at once, by mode: from the request to the handler's first line, and as many bare interpreters."""
    rows = {runtime: {"baseline": [], "modes": {}} for runtime in INTERPRETED}
    for mode in ("runtime ready", "nothing ready"):
        service = Service(*MODES[mode])
        try:
            for runtime, row in rows.items():
                service.create(function(runtime), runtime)
                service.invoke(function(runtime), {})
                # What waits follows what was wanted lately: once to be known.
                one_burst(service, function(runtime))
                lasts = []
                for _ in range(turns):
                    lasts.append(one_burst(service, function(runtime)))
                    with ThreadPoolExecutor(BURST) as pool:
                        row["baseline"].append(max(pool.map(lambda _, runtime=runtime: bare(runtime), range(BURST))))
                row["modes"][mode] = figures(lasts)
        finally:
            service.stop()
    for row in rows.values():
        row["baseline"] = figures(row["baseline"])
    return rows


def one_burst(service, name):
    """Milliseconds until the last of BURST handlers has been entered."""
    service.forget_environments(name)
    service.refilled()
    gate, until = threading.Barrier(BURST), time.time() + 8

    def one():
        gate.wait()
        started = time.time()
        (entered, stream, _), _ = service.invoke(name, {"until": until})
        return entered - started, stream

    with ThreadPoolExecutor(BURST) as pool:
        answers = [f.result() for f in [pool.submit(one) for _ in range(BURST)]]
    assert len({stream for _, stream in answers}) == BURST, "an environment was reused: not a burst of cold starts"
    return max(seconds for seconds, _ in answers) * 1e3


def network(count):
    """First invokes of new environments in either network, by turns: what a link of its own costs a cold start."""
    services = {mode: Service(network=mode) for mode in ("isolated", "nat")}
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
