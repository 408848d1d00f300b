"""The machines and the rights that Hearth runs with under QEMU, and what it must say that it enforces in each of them.

What a service falls back to is a failure here: a mode says word for word what its first line has to be.
"""

from dataclasses import dataclass

USER = 1000
# What the service may say of each limit, in the order of its line.
LIMITS = ("memory", "cpu", "processes", "freeze", "tmp quota", "seccomp")


@dataclass(frozen=True)
class Mode:
    """One boot."""

    # Words only: it is what the closing line starts with.
    name: str
    # Of the release whose stock one it is.
    kernel: str
    # How the guest becomes it: a function of guest.py.
    rights: str
    # As the sandbox suite says it.
    standing: str
    # The limits that are not `ok`.
    lacks: dict
    network: str
    cgroups: str
    # What the sandbox suite cannot show here, exactly.
    skipped: frozenset
    # For the virtual machine.
    options: tuple = ()
    # What the sandbox suite's command line has to start with.
    suite: tuple = ()

    def says(self, limit):
        """`ok`, `weaker` or `missing`."""
        return self.lacks.get(limit, "ok")

    def has_ids(self):
        """Whether there are users for the functions."""
        return "ids: 0 " not in self.standing

    def line(self):
        """What the service's first line ends with, from behind the endpoint on."""
        parts = ["isolation process", *(f"{limit} {self.says(limit)}" for limit in LIMITS)]
        parts += [f"network {self.network}", f"cgroups {self.cgroups}"]
        return " · ".join(parts + (["`hearth doctor` says what to do"] if self.lacks else []))


BY_THE_KERNEL = {"memory is limited by the kernel here", "the kernel freezes here"}
HOST = {
    "standing": "Host",
    "lacks": {},
    "network": "nat",
    "cgroups": "v2",
    "skipped": frozenset(BY_THE_KERNEL),
}
FOR_ROOT = {"/tmp", "counts by user are those of who started the service", "nat"}
# With a range in /etc/subuid and control groups that were handed over.
LIMITED = {
    "standing": f"Namespace {{ user: {USER}, ids: 65536 }}",
    "lacks": {"tmp quota": "weaker"},
    "network": "isolated",
    "cgroups": "v2",
    "skipped": frozenset(BY_THE_KERNEL | FOR_ROOT),
}
# With neither.
BARE = {
    "standing": f"Namespace {{ user: {USER}, ids: 0 }}",
    "lacks": {"memory": "weaker", "cpu": "missing", "freeze": "weaker", "tmp quota": "weaker"},
    "network": "isolated",
    "cgroups": "none",
    "skipped": frozenset({"memory", "cpu"} | FOR_ROOT),
}
SCOPE = ("systemd-run", "--user", "--scope", "--quiet", "--collect", "--property=Delegate=yes", "--")

MODES = [
    Mode("Debian 12 as root", "6.1", "root", **HOST),
    Mode("Debian 12 in a session", "6.1", "session", **LIMITED, options=("--systemd", "--user"), suite=SCOPE),
    Mode("Debian 13 in a terminal", "6.12", "terminal", **LIMITED, options=("--systemd", "--user"), suite=SCOPE),
    Mode("Debian 13 as root", "6.12", "root", **HOST),
    Mode("Debian 13 handed over by doctor", "6.12", "handed_over", **LIMITED),
    Mode("Debian 13 in a unit", "6.12", "unit", **LIMITED, options=("--systemd",)),
    Mode("Debian 13 with nothing", "6.12", "bare", **BARE),
]
