"""Runs inside the guest: becomes who the mode says, then runs the sandbox suite and the checks. Standard library only.

usage: guest.py MODE
"""

import os
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path

SHARE = Path(__file__).resolve().parent
sys.path.insert(0, str(SHARE))

from checks import CHECKS  # noqa: E402
from client import HEARTH, Service  # noqa: E402
from modes import LIMITS, MODES, USER  # noqa: E402

HOME = Path("/home/tester")


def root():
    """As the guest has started."""
    return Path("/var/lib/hearth")


def session():
    """Already in one; the service gets its control groups from systemd by itself."""
    assert os.getuid() == USER and "XDG_RUNTIME_DIR" in os.environ
    return HOME / ".local/share/hearth"


def terminal():
    """A group of the user's that systemd has handed over to nobody, as desktops put their terminals into."""
    if "TERMINAL" not in os.environ:
        run = "systemd-run --user --scope --quiet --collect --setenv=TERMINAL=1 --".split()
        os.execvp(run[0], [*run, sys.executable, "-B", *sys.argv])
    own = Path("/sys/fs/cgroup") / Path("/proc/self/cgroup").read_text().strip().removeprefix("0::/")
    assert os.access(own, os.W_OK) and own.name.endswith(".scope"), own
    return HOME / ".local/share/hearth"


def unit():
    """A system service of the user's, as an administrator would write it."""
    if os.getuid() == 0:
        run = "systemd-run --quiet --pipe --wait --collect --property=Delegate=yes".split()
        os.execvp(run[0], [*run, f"--property=User={USER}", "--", sys.executable, "-B", *sys.argv])
    assert "XDG_RUNTIME_DIR" not in os.environ
    return HOME / ".local/share/hearth"


def handed_over():
    """By root, from the user's own shell: what `sudo hearth doctor --delegate` does there."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(told, 1)
        os.execve(HEARTH, [HEARTH, "doctor", "--delegate"], {**os.environ, "SUDO_UID": str(USER)})
    become_user()
    os.write(tell, b"x")
    assert os.waitpid(child, 0)[1] == 0
    return HOME / ".local/share/hearth"


def bare():
    """Without any control groups, and without further ids."""
    for file in ("/etc/subuid", "/etc/subgid"):
        os.remove(file)
    become_user()
    return HOME / ".local/share/hearth"


def become_user():
    os.initgroups("tester", USER)
    os.setgid(USER)
    os.setuid(USER)
    os.environ.update(HOME=str(HOME), USER="tester")


def sandbox_suite(mode):
    """The suite's own verdict, and that it could show what it has to show here."""
    suite = [*mode.suite, SHARE / "sandbox-process"]
    with subprocess.Popen(suite, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        lines = []
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    assert process.returncode == 0, f"it ended with {process.returncode}"
    standing, _, capabilities = lines[0].partition(": Capabilities ")
    assert standing == mode.standing, lines[0]
    words = {"Full": "ok", "Weaker": "weaker", "Missing": "missing"}
    says = {name.replace("_", " "): words[word] for name, word in re.findall(r"(\w+): (Full|Weaker|Missing)", lines[0])}
    assert says == {limit: mode.says(limit) for limit in says} and says.keys() == set(LIMITS), lines[0]
    assert f'cgroups: "{mode.cgroups}"' in capabilities, lines[0]
    skipped = {found[1] for line in lines if (found := re.match(r"SKIPPED \(([^:)]+)", line))}
    assert skipped == mode.skipped, skipped


def main():
    (mode,) = (mode for mode in MODES if mode.name == sys.argv[1])
    counts = {"ok": 0, "FAILED": 0}
    started = time.monotonic()

    def attempt(name, body, *arguments):
        nonlocal started
        try:
            result, verdict = body(*arguments), "ok"
        except Exception:
            result, verdict = None, "FAILED"
            traceback.print_exc(file=sys.stdout)
        seconds, started = time.monotonic() - started, time.monotonic()
        print(f"{verdict:<6}  {mode.name}: {name} ({seconds:.0f} s)", flush=True)
        counts[verdict] += 1
        return result

    home = attempt(mode.rights, globals()[mode.rights])
    if home:
        attempt("sandbox_suite", sandbox_suite, mode)
        (home / "runtimes").mkdir(parents=True)
        subprocess.run(["tar", "-xf", SHARE / "runtimes.tar", "-C", home / "runtimes"], check=True)
        service = attempt("up", Service)
        if service:
            for body, where in CHECKS:
                if where(mode):
                    attempt(body.__name__, body, service, mode)
            if service.process.poll() is None:
                service.stop()
    print(f"{mode.name}: {counts['ok']} passed, {counts['FAILED']} failed", flush=True)
    sys.exit(1 if counts["FAILED"] else 0)


if __name__ == "__main__":
    main()
