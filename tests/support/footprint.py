"""What a service takes of its host, counted: by what belongs to that service, so that others on the machine do not count."""

import contextlib
import os
import re
from pathlib import Path

from support.leftovers import connections, descendants, descriptors, instance_of, tasks

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/performance.md"
KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


def links(pid):
    """Links of the network that a process is in, those of no service included."""
    return sum(":" in line for line in Path(f"/proc/{pid}/net/dev").read_text().splitlines())


def threads(pid):
    return len(tasks(pid))


def namespaces(pid):
    """Those that a process is in; none when it has gone meanwhile."""
    found = set()
    for kind in KINDS:
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
    return found


def backing_files():
    """Of the loop devices of this machine."""
    found = []
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):  # freed meanwhile
            found.append(file.read_text())
    return found


def footprint(service):
    """{what: how much of it}, in the words of docs/performance.md."""
    pid, data = service.process.pid, str(service.data)
    below = [one for one in descendants(pid) if one != pid]
    instance = instance_of(service.data)
    clients = connections(service)
    held = [what for what in descriptors(pid) if what not in clients]
    return {
        "descriptors of the service": len(held),
        "of these, sockets": sum(what.startswith("socket:") for what in held),
        "threads of the service": threads(pid),
        "processes": len(below),
        "threads in them": sum(map(threads, below)),
        "namespaces": len(set().union(*map(namespaces, below))),
        "directories of control groups": sum(
            f"hearth-{instance}/" in f"{where}/" for where, _, _ in os.walk("/sys/fs/cgroup")
        ),
        "mounts on the host": sum(data in line for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()),
        "loop devices": sum(data in file for file in backing_files()),
        "links on the host": links(pid),
    }


def mounts_inside(environment):
    return len(Path(f"/proc/{environment.pid}/mountinfo").read_text().splitlines())


def published(column):
    """The same for one environment, as the page says it in this column."""
    table = PAGE.read_text().partition("## What an environment takes of the host")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    at = rows[0].index(column)
    return {row[0]: int(re.match(r"\d+", row[at])[0]) for row in rows[2:]}
