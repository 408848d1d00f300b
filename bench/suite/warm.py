"""Warm invokes beside a bare echo server under the same client."""

import os
import resource
import subprocess
from contextlib import contextmanager
from pathlib import Path

from suite.cold import function
from suite.machine import TARGET
from suite.service import KINDS, invocations, load, ready

CONNECTIONS = 32


@contextmanager
def echo():
    """The address of a server that answers with what it was sent, and its process."""
    process = subprocess.Popen([TARGET / "bench/release/echo"], stdout=subprocess.PIPE, text=True)
    try:
        yield ready(process), process.pid
    finally:
        process.kill()
        process.wait()


def latency(service, count):
    """One caller, one request after the other: frozen between any two."""
    with echo() as (address, _):
        rows = {"echo (baseline)": load(address, "/", count)}
        for runtime in KINDS:
            rows[runtime] = load(service.address, invocations(function(runtime)), count)
    return rows


def processor_us(processes):
    """The processor time that they have had, user and system, µs."""
    fields = (Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in processes)
    return sum(int(of[11]) + int(of[12]) for of in fields) * 1e6 / os.sysconf("SC_CLK_TCK")


def client_us():
    """The same of children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (ended.ru_utime + ended.ru_stime) * 1e6


def saturated(address, path, count, server, functions):
    """Requests in a second, and the processor time that each takes of the client, the server and the functions' own processes."""
    before = [client_us(), processor_us([server]), processor_us(functions)]
    per_second = load(address, path, count, CONNECTIONS)["per_second"]
    after = [client_us(), processor_us([server]), processor_us(functions)]
    # A tenth of them is run first, and not counted.
    each = [(end - start) / (count * 1.1) for start, end in zip(before, after, strict=True)]
    return {"per_second": per_second} | dict(zip(("client_us", "server_us", "functions_us"), each, strict=True))


def runtimes(service, name):
    """The processes of a function's environments, without each PID 1."""
    firsts = (row["pid"] for row in service.environments(name))
    return [pid for first in firsts for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split()]


def throughput(service, count):
    """CONNECTIONS callers of the Rust function, each with an environment."""
    name = function("provided.al2023")
    load(service.address, invocations(name), CONNECTIONS, CONNECTIONS, '{"wait_ms":2000}')
    with echo() as (address, process):
        return {
            "echo (baseline)": saturated(address, "/", count, process, []),
            "provided.al2023": saturated(
                service.address, invocations(name), count, service.process.pid, runtimes(service, name)
            ),
        }
