"""One execution environment as the test sees it from outside: phase, memory, /tmp, the kernel's accounting.

Barriers: a handler says where it is by making a file in its /tmp, and waits for another one. The test, which is root on
the host, sees and makes those files through /proc/PID/root. No sleep, no network.
"""

import os
import sys
import time
from pathlib import Path

from support import leftovers, ordinary


class Environment:
    """A row of `/_hearth/environments`."""

    def __init__(self, row):
        self.row = row
        self.id, self.phase, self.pid = row["id"], row["phase"], row["pid"]

    def __repr__(self):
        return f"Environment({self.row})"

    def path(self, inside):
        """A path inside, as the host reaches it. Only for paths without symlinks."""
        return Path(f"/proc/{self.pid}/root") / inside.lstrip("/")

    def reached(self, name):
        """Whether the handler made /tmp/NAME."""
        # Of an environment that is ending, the path cannot even be looked at.
        return os.path.exists(self.path(f"/tmp/{name}"))

    def release(self, name):
        """Makes /tmp/NAME, for which the handler waits; as somebody whom that file system knows."""
        directory = os.open(self.path("/tmp"), os.O_PATH | os.O_DIRECTORY)
        if child := os.fork():
            os.close(directory)
            assert os.waitpid(child, 0)[1] == 0, f"make /tmp/{name}"
            return
        try:
            if ordinary.USER:
                os.setgid(ordinary.USER)
                os.setuid(ordinary.USER)
            os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=directory)
        finally:
            os._exit(int(sys.exc_info()[0] is not None))

    def processes(self):
        """Host pids of the function's own processes: everything below PID 1."""
        return [pid for pid in leftovers.descendants(self.pid) if pid != self.pid]

    def cgroups(self):
        """{controller: directory} of the function's processes; "" is the v2 hierarchy."""
        found = {}
        for line in next(filter(None, map(leftovers.cgroups, self.processes()))).splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers:
                for controller in controllers.split(","):
                    found[controller] = Path("/sys/fs/cgroup") / controllers / path.lstrip("/")
            else:
                unified = Path("/sys/fs/cgroup/unified")
                found[""] = (unified if unified.is_dir() else Path("/sys/fs/cgroup")) / path.lstrip("/")
        return found

    def cpu_ns(self):
        """CPU time the function's cgroup has used, by the kernel's own accounting; without one, its processes."""
        cgroups = self.cgroups()
        if not any("hearth" in str(directory) for directory in cgroups.values()):
            tasks = [Path(f"/proc/{pid}/task/{task}") for pid in self.processes() for task in leftovers.tasks(pid)]
            return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
        if "cpuacct" in cgroups:
            return int((cgroups["cpuacct"] / "cpuacct.usage").read_text())
        for line in (cgroups[""] / "cpu.stat").read_text().splitlines():
            name, value = line.split()
            if name == "usage_usec":
                return int(value) * 1000
        raise AssertionError(f"no accounting in {cgroups}")

    def stands_still(self):
        """Its CPU time, once the kernel's accounting has caught up: a thread counts as frozen on its last steps."""
        before = self.cpu_ns()
        time.sleep(0.01)
        return before if self.cpu_ns() == before else None

    def frozen(self):
        """Whether the kernel says so, whichever freezer is in use; without one, processes are stopped."""
        # Of each thread: one that slept is woken in order to stop, after the first of its process may have done so.
        tasks = [f"{pid}/task/{task}" for pid in self.processes() for task in leftovers.tasks(pid)]
        if not tasks:
            return False
        if all(fields and fields[0] == "T" for fields in map(leftovers.stat_fields, tasks)):
            return True
        cgroups = self.cgroups()
        v1 = cgroups.get("freezer", Path("/")) / "freezer.state"
        if v1.exists() and v1.read_text().strip() == "FROZEN":
            return True
        # A threaded child shares its parent's processes: the frozen directory can be either.
        return any(
            "frozen 1" in (directory / "cgroup.events").read_text().splitlines()
            for directory in (cgroups[""], cgroups[""].parent)
            if (directory / "cgroup.events").exists()
        )

    def exists(self):
        """Whether PID 1 is still there."""
        return os.path.exists(f"/proc/{self.pid}")
