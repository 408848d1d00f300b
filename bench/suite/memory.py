"""What a frozen environment costs in memory."""

import os
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from suite.cold import BURST


def used_kib():
    """Memory in use that the kernel could not take back at once, KiB."""
    fields = dict(re.findall(r"(\w+):\s+(\d+)", Path("/proc/meminfo").read_text()))
    free = sum(int(fields[name]) for name in ("MemFree", "Buffers", "Cached", "SReclaimable"))
    return int(fields["MemTotal"]) - free


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


def density(service):
    """Memory of the whole machine per frozen environment, beyond the anonymous memory of its own runtime."""
    rows = {}
    for runtime in ("python3.11", "nodejs20.x"):
        name = runtime.replace(".", "-")
        service.forget_environments(name)
        before = used_kib()
        until = time.time() + 8
        with ThreadPoolExecutor(BURST) as pool:
            list(pool.map(lambda _, name=name, until=until: service.invoke(name, {"until": until}), range(BURST)))
        while [e for e in service.environments(name) if e["phase"] != "Idle"]:
            time.sleep(0.05)
        alive = service.environments(name)
        assert len(alive) == BURST, f"{len(alive)} environments, not {BURST}"
        whole = (used_kib() - before) / BURST
        own = statistics.mean(anonymous_kib(e["pid"]) for e in alive)
        rows[runtime] = {"whole_kib": whole, "own_kib": own, "beyond_kib": whole - own}
    return rows
