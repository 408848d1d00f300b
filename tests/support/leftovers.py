"""Finds what a service leaves behind: processes, network namespaces, cgroups, mounts, bound loop devices.

Everything is told by what belongs to that one service (its descendants while it ran, its data directory, its instance
id), so that other services on the machine do not disturb the verdict.
"""

import contextlib
import os
import time
from pathlib import Path

# The state of a listening socket in the kernel's table.
LISTENS = "0A"
# How long the kernel may take to tear down what nobody uses any more: a bound on waiting, not a measurement.
GONE_S = 30


def stat_fields(pid):
    """Fields of /proc/PID/stat after the command's name, or None."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def name(pid):
    """What the process calls itself, or None."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().rstrip("\n")
    except OSError:
        return None


def command_line(pid):
    """The process's command line; empty when it has gone meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def cgroups(pid):
    """The process's /proc/PID/cgroup; empty when it has gone meanwhile."""
    try:
        return Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return ""


def tasks(pid):
    """A process's threads; none when it has gone meanwhile."""
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def descriptors(pid):
    """What each descriptor of a process is; none when it has gone meanwhile."""
    found = []
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return found


def connections(service):
    """The service's ends of connections to its front door, as descriptors show them. How many there are is up to its clients,
    and those that say nothing stay for a minute."""
    port = int(service.endpoint.rpartition(":")[2])
    rows = [line.split() for line in Path(f"/proc/{service.process.pid}/net/tcp").read_text().splitlines()[1:]]
    ends = [row for row in rows if int(row[1].rpartition(":")[2], 16) == port and row[3] != LISTENS]
    # Those that are closed, and that the kernel remembers, have no number.
    return {f"socket:[{row[9]}]" for row in ends if row[9] != "0"}


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


def namespaces(pids):
    """{network namespace: a process in it} of those that are not this process's own."""
    own = namespace("self")
    return {name: pid for pid in pids if (name := namespace(pid)) not in (None, own)}


def instance_of(data):
    """The id that a service's control groups carry, or None."""
    files = (Path(data) / "instance", Path(data) / "instance-id")
    return next((file.read_text().strip() for file in files if file.is_file()), None)


def loop_devices(data):
    """The numbers of the loop devices that are bound to files in a data directory."""
    found = set()
    for device in Path("/sys/block").glob("loop*"):
        with contextlib.suppress(OSError):  # not bound, or not any more
            if str(data) in (device / "loop/backing_file").read_text():
                major, minor = (device / "dev").read_text().split(":")
                found.add(os.makedev(int(major), int(minor)))
    return found


class Traces:
    """What belongs to a service at one moment, to look for later, once: `left`."""

    def __init__(self, pid, data):
        self.data = str(data)
        self.processes = descendants(pid)
        self.namespaces, self.instance, self.held = {}, instance_of(data), []
        for name, one in namespaces(self.processes).items():
            try:
                # The kernel gives the number of a namespace that has gone to the next one it makes, whoever's that is.
                self.held.append(open(f"/proc/{one}/ns/net"))
                self.namespaces[name] = one
            except OSError:
                pass  # gone with its process

    def _look(self):
        found = []
        for pid, start in self.processes.items():
            fields = stat_fields(pid)
            # A zombie is not ours to reap: its parent died with it.
            if fields and fields[19] == start and fields[0] not in "ZX":
                found.append(f"process {pid}: {command_line(pid)!r}")
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
        if self.instance:
            for directory, names, _ in os.walk("/sys/fs/cgroup"):
                found += [f"cgroup {directory}/{name}" for name in names if self.instance in name]
        return found

    def left(self, ignore=()):
        """What is left, but for what the words in `ignore` begin. The kernel tears some things down a moment after the last
        process went: it gets a few seconds."""
        deadline = time.monotonic() + GONE_S
        try:
            while found := [one for one in self._look() if not one.startswith(tuple(ignore))]:
                if time.monotonic() > deadline:
                    return found
                time.sleep(0.02)
            return []
        finally:
            for one in self.held:
                one.close()


def holdings(service):
    """What a service holds beyond itself, its clients apart, counted."""
    data = service.data
    below, instance, clients = descendants(service.process.pid), instance_of(data), connections(service)
    return {
        "processes": len(below),
        "descriptors": sum(what not in clients for pid in below for what in descriptors(pid)),
        "namespaces": len(namespaces(below)),
        "mounts": sum(str(data) in line for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "cgroups": sum(instance in name for _, names, _ in os.walk("/sys/fs/cgroup") for name in names if instance),
    }
