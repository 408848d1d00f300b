"""Many environments, and many functions."""

import json
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from suite.memory import HOLD_S
from suite.service import Service, invocations, load, package

RUST = "provided.al2023"


def thousand(count):
    """Seconds from none to `count` environments of one function, all at once, by network; `isolated` with their /tmp ready."""
    rows = {"count": count}
    for network, options in (("nat", ()), ("isolated", ("--tmp-images", str(count)))):
        service = Service(*options, network=network)
        try:
            service.create("many", RUST, memory=128)
            service.invoke("many", {})
            service.forget_environments("many")
            service.refilled()
            body = json.dumps({"wait_ms": HOLD_S * 1_000})
            done = load(service.address, invocations("many"), count, count, body)
            assert len(service.environments("many")) == count, "an environment was reused"
            rows[network] = done["max_us"] / 1e6 - HOLD_S
        finally:
            service.stop()
    return rows


def stored(functions, alive, count):
    """A warm invoke and the service's start, with one function and with many; and the service's own memory."""
    data = tempfile.TemporaryDirectory(prefix="hearth-bench-")
    service = Service(data=data.name)
    try:
        service.create("f", RUST)
        service.invoke("f", {})
        alone = load(service.address, invocations("f"), count)
        code = package({"bootstrap": b"#!/bin/sh\n"})

        def create(number):
            wanted = {
                "FunctionName": f"f{number}", "Runtime": RUST, "Handler": "h", "Code": {"ZipFile": code},
                "Role": "arn:aws:iam::000000000000:role/any",
            }  # fmt: skip
            service.call("POST", "/2015-03-31/functions", json.dumps(wanted).encode())

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(create, range(functions - 1)))
        service.create("many", RUST, memory=128)
        load(service.address, invocations("many"), alive, alive, '{"wait_ms":15000}')
        service.invoke("f", {})
        among = load(service.address, invocations("f"), count)
    finally:
        service.stop()
    service = Service("--pool", "off", data=data.name)
    try:
        started_ms, rss = service.started_ms, resident_kib(service.process.pid)
    finally:
        service.stop()
        data.cleanup()
    return {
        "functions": functions,
        "alive": alive,
        "alone": alone,
        "among": among,
        "start_ms": started_ms,
        "rss_kib": rss,
    }


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])
