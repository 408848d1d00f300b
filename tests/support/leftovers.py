"""Finds what a service leaves behind: processes, network namespaces, cgroups, mounts, bound loop devices.

Everything is told by what belongs to that one service (its descendants while it ran, its data directory, its instance
id), so that other services on the machine do not disturb the verdict.
"""

import os
import time
from pathlib import Path


def stat_fields(pid):
    """Fields of /proc/PID/stat after the command's name, or None."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def descendants(pid):
    """{pid: start time} of a process and everything below it."""
    parents, starts = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat_fields(entry)):
            parents.setdefault(int(fields[1]), []).append(int(entry))
            starts[int(entry)] = fields[19]
    found, todo = {}, [pid]
    while todo:
        one = todo.pop()
        found[one] = starts.get(one)
        todo += parents.get(one, [])
    return found


def namespace(pid, kind="net"):
    """The namespace's identity, or None."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None


class Traces:
    """What belongs to a service at one moment, to look for later."""

    def __init__(self, pid, data):
        self.data = str(data)
        self.processes = descendants(pid)
        self.namespaces = {namespace(p) for p in self.processes} - {None, namespace("self")}
        self.instance = next(
            (f.read_text().strip() for f in (Path(data) / "instance", Path(data) / "instance-id") if f.is_file()), None
        )

    def _look(self, ignore_cgroups):
        found = []
        for pid, start in self.processes.items():
            fields = stat_fields(pid)
            # A zombie is not ours to reap: its parent died with it.
            if fields and fields[19] == start and fields[0] not in "ZX":
                found.append(f"process {pid}: {Path(f'/proc/{pid}/cmdline').read_bytes()!r}")
        for entry in os.listdir("/proc"):
            if entry.isdigit() and namespace(entry) in self.namespaces:
                found.append(f"network namespace held by process {entry}")
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            if self.data in line:
                found.append(f"mount {line}")
        for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
            try:
                if self.data in backing.read_text():
                    found.append(f"loop device {backing}")
            except OSError:
                pass
        if self.instance and not ignore_cgroups:
            for directory, names, _ in os.walk("/sys/fs/cgroup"):
                found += [f"cgroup {directory}/{name}" for name in names if self.instance in name]
        return found

    def left(self, ignore_cgroups=False):
        """What is left. The kernel tears some things down a moment after the last process went: it gets a few seconds."""
        deadline = time.monotonic() + 5
        while found := self._look(ignore_cgroups):
            if time.monotonic() > deadline:
                return found
            time.sleep(0.02)
        return []


def holdings(pid, data):
    """What a service holds beyond itself, counted."""
    below, traces = descendants(pid), Traces(pid, data)
    return {
        "processes": len(below),
        "descriptors": sum(len(os.listdir(f"/proc/{one}/fd")) for one in below if os.path.exists(f"/proc/{one}/fd")),
        "namespaces": len(traces.namespaces),
        "mounts": sum(str(data) in line for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "cgroups": sum(
            traces.instance in name for _, names, _ in os.walk("/sys/fs/cgroup") for name in names if traces.instance
        ),
    }
