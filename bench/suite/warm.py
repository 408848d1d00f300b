"""Warm invokes beside a bare echo server under the same client."""

import subprocess
from contextlib import contextmanager

from suite.cold import function
from suite.machine import TARGET
from suite.service import KINDS, invocations, load, ready

CONNECTIONS = 32


@contextmanager
def echo():
    """The address of a server that answers with what it was sent."""
    process = subprocess.Popen([TARGET / "bench/release/echo"], stdout=subprocess.PIPE, text=True)
    try:
        yield ready(process)
    finally:
        process.kill()
        process.wait()


def latency(service, count):
    """One caller, one request after the other: frozen between any two."""
    with echo() as address:
        rows = {"echo (baseline)": load(address, "/", count)}
        for runtime in KINDS:
            rows[runtime] = load(service.address, invocations(function(runtime)), count)
    return rows


def throughput(service, count):
    """CONNECTIONS callers of the Rust function, each with an environment."""
    path = invocations(function("provided.al2023"))
    with echo() as address:
        load(service.address, path, CONNECTIONS, CONNECTIONS, '{"wait_ms":2000}')
        return {
            "echo (baseline)": load(address, "/", count, CONNECTIONS)["per_second"],
            "provided.al2023": load(service.address, path, count, CONNECTIONS)["per_second"],
        }
