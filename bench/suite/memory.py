"""What a frozen environment costs in memory."""

import json
import os
import re
import statistics
import time
from pathlib import Path

from suite.cold import BURST, function
from suite.service import Service, invocations, load

# How long environments are kept from being reused, seconds.
HOLD_S = 20


def used_kib():
    """Memory in use that the kernel could not take back at once, KiB."""
    fields = dict(re.findall(r"(\w+):\s+(\d+)", Path("/proc/meminfo").read_text()))
    free = sum(int(fields[name]) for name in ("MemFree", "Buffers", "Cached", "SReclaimable"))
    return int(fields["MemTotal"]) - free


def steady_kib():
    """The same, once it changes no more: what has ended before is not gone at once."""
    before, now = None, used_kib()
    while before is None or abs(now - before) > 1_024:
        time.sleep(1)
        before, now = now, used_kib()
    return now


def anonymous_kib(pid):
    """Anonymous memory of a process's descendants without itself: the function's own."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry))
            except OSError:
                pass
    total, todo = 0, list(children.get(pid, []))
    while todo:
        one = todo.pop()
        todo += children.get(one, [])
        total += int(re.search(r"Pss_Anon:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text())[1])
    return total


def density(rust_count):
    """Memory of the whole machine per frozen environment, beyond the anonymous memory of its own runtime.

    Without a pool: what waits in it would be taken for what environments cost, or the other way round.
    """
    rows = {}
    for runtime, count in (("python3.11", BURST), ("nodejs20.x", BURST), ("provided.al2023", rust_count)):
        name, service = function(runtime), Service("--pool", "off")
        try:
            service.create(name, runtime, memory=128)
            service.invoke(name, {})
            service.forget_environments(name)
            before = steady_kib()
            # All of them at once, each until all are there.
            event = {"wait_ms": HOLD_S * 1_000} if runtime == "provided.al2023" else {"until": time.time() + HOLD_S}
            load(service.address, invocations(name), count, count, json.dumps(event))
            while any(row["phase"] != "Idle" for row in service.environments(name)):
                time.sleep(0.1)
            alive = service.environments(name)
            assert len(alive) == count, f"{len(alive)} environments, not {count}"
            whole = (steady_kib() - before) / count
            own = statistics.mean(anonymous_kib(row["pid"]) for row in alive[:BURST])
        finally:
            service.stop()
        rows[runtime] = {"count": count, "whole_kib": whole, "own_kib": own, "beyond_kib": whole - own}
    return rows
