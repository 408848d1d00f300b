"""What depends on the kernel and on the rights it gives: limits, OOM, freeze, the freeze story, a clean end.

The guest's processor is emulated, some 10 to 30 times slower than the host's: nothing here is about time. Checks run in
the order they are written in; each gets the service and the mode.
"""

import dataclasses
import json
import os
import re
import subprocess
import time
from pathlib import Path

from client import DATA, HEARTH, PATIENCE_S, Service, wait_for
from modes import USER
from support import leftovers
from support.refusals import OF_ONE_USER, ROWS, targets

CHECKS = []
# What doctor calls them.
DOCTOR = {
    "memory limits": "memory",
    "CPU shares": "cpu",
    "process limits": "processes",
    "freezer": "freeze",
    "/tmp of its own size": "tmp quota",
    "system-call filter": "seccomp",
    "waiting runtimes": "memory",
}


def check(body=None, *, where=lambda mode: True):
    """Adds one; `where` says in which modes there is something to see."""
    if body is None:
        return lambda body: check(body, where=where)
    CHECKS.append((body, where))
    return body


@check
def pure_cgroup_v2(service, mode):
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    assert [m[1] for m in mounts if m[2] == "cgroup2"] == ["/sys/fs/cgroup"]
    assert not [m for m in mounts if m[2] == "cgroup"]
    assert os.uname().release.startswith(f"{mode.kernel}.")


@check
def it_says_what_it_enforces(service, mode):
    assert service.lines[0].partition(f" · {service.endpoint} · ")[2] == mode.line(), service.lines[0]


@check
def doctor_says_the_same(service, mode):
    done = subprocess.run([HEARTH, "--json", "doctor", "--data", DATA], stdout=subprocess.PIPE)
    found = {check["name"]: check["verdict"] for check in json.loads(done.stdout)["checks"]}
    for name, limit in DOCTOR.items():
        assert found[name] == ("ok" if mode.says(limit) == "ok" else "limited"), (name, done.stdout)
    assert "missing" not in found.values() and done.returncode == 0, done.stdout


@check(where=lambda mode: mode.suite)
def it_starts_in_a_scope_of_its_own(service, mode):
    """Where something else runs it may not limit, and who runs there is not its own to move."""
    own, services = (Path(f"/proc/{pid}/cgroup").read_text().strip() for pid in ("self", service.process.pid))
    assert re.fullmatch(r".*/hearth-service-[^/]+\.scope/supervisor", services), services
    assert not own.endswith("/supervisor") and Path(services).parent.name not in own, (own, services)


@check(where=lambda mode: mode.suite)
def systemd_is_found_wherever_the_user_starts_it(service, mode):
    """As after `su`, which tells nobody where it listens; and in a scope that was not handed over."""
    untold = {
        key: value for key, value in os.environ.items() if key not in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
    }
    scope = ["systemd-run", "--user", "--scope", "--quiet", "--collect", "--"]
    for before, environment in (([], untold), (scope, dict(os.environ))):
        done = subprocess.run(
            [*before, HEARTH, "--json", "doctor", "--data", DATA], stdout=subprocess.PIPE, env=environment
        )
        found = {check["name"]: check["verdict"] for check in json.loads(done.stdout)["checks"]}
        assert {found[name] for name in ("memory limits", "CPU shares", "freezer")} == {"ok"}, (before, found)


@check
def shell_function(service, mode):
    name = service.function("probe.sh", MemorySize=1769)
    assert service.invoke(name, "echo hello; id -un")[0] == "hello\nsbx_user1051"
    assert service.invoke(name, "echo $invokes")[0] == 2


@check
def python_function(service, mode):
    name = service.function("probe.py", MemorySize=256)
    answer, failed, tail = service.invoke(name, {"run": "print('printed'); answer = 6 * 7"})
    assert answer == 42 and not failed, (answer, tail)
    assert re.search(r"START RequestId.*\nprinted\nEND RequestId.*\nREPORT RequestId.*Init Duration", tail), tail


@check
def memory_limit(service, mode):
    name = service.function("probe.py", MemorySize=512)
    service.invoke(name, {"run": "open('/tmp/kept', 'w').close()"})
    # Where it is only watched, it has to last until somebody looks.
    run = "x = b'x' * (512 << 20)\nimport time\ntime.sleep(200)"
    answer, failed, tail = service.invoke(name, {"run": run})
    assert failed and answer["errorType"] == "Runtime.OutOfMemory", answer
    assert "Max Memory Used: 512 MB\tStatus: error\tError Type: Runtime.OutOfMemory" in tail, tail
    # A reset keeps /tmp, except where control groups count it as memory: it may be what took too much.
    kept = service.invoke(name, {"run": "import os; answer = os.path.exists('/tmp/kept')"})[0]
    assert kept is not (mode.says("memory") == "ok" and mode.says("tmp quota") != "ok")


@check
def memory_used_is_reported(service, mode):
    name = service.function("probe.py", MemorySize=512)
    _, _, tail = service.invoke(name, {"run": "state['x'] = b'x' * (150 << 20)"})
    assert 150 <= int(re.search(r"Max Memory Used: (\d+) MB", tail)[1]) <= 512, tail


@check(where=lambda mode: mode.says("cpu") == "ok")
def cpu_follows_memory(service, mode):
    name = service.function("probe.py", MemorySize=128)
    run = """
import time
started, cpu = time.monotonic(), time.process_time()
while time.process_time() - cpu < 0.2: pass
answer = 0.2 / (time.monotonic() - started)
"""
    assert service.invoke(name, {"run": run})[0] < 0.2


@check
def frozen_means_no_cpu(service, mode):
    name = service.function("probe.py", MemorySize=1769)
    run = """
import threading, time
def spin():
    last, state["gap"] = time.monotonic(), 0.0
    while True:
        now = time.monotonic()
        state["gap"], last = max(state["gap"], now - last), now
threading.Thread(target=spin, daemon=True).start()
"""
    service.invoke(name, {"run": run})
    environment = service.environment(name, "Idle")
    wait_for("the kernel to say frozen", environment.frozen)
    before = wait_for("it to stand still", environment.stands_still)
    time.sleep(2)
    assert environment.cpu_ns() == before
    gap, invokes = service.invoke(name, {"run": "answer = state['gap'], state['invokes']"})[0]
    assert invokes == 2 and gap >= 2, (gap, invokes)
    assert service.environment(name, "Idle").cpu_ns() > before


@check
def timeout_resets(service, mode):
    name = service.function("probe.py", MemorySize=1769, Timeout=15)
    service.invoke(name, {"run": "state['mark'] = 1; open('/tmp/kept', 'w').close()"})
    answer, failed, _ = service.invoke(name, {"run": "import time; time.sleep(1000)"})
    assert failed and answer["errorType"] == "Sandbox.Timedout", answer
    # Init again is part of the next one's time, and slow on an emulated processor.
    again, failed, tail = service.invoke(
        name, {"run": "import os; answer = [state.get('mark'), os.path.exists('/tmp/kept')]"}
    )
    assert again == [None, True], (again, tail)


@check
def functions_are_users_of_their_own(service, mode):
    """Where there are ids for them; else they are who started the service."""
    names = [service.function("probe.sh", MemorySize=1769) for _ in range(2)]
    for name in names:
        service.invoke(name, "true")
    environments = [service.environment(name, "Idle") for name in names]
    users = [{os.stat(f"/proc/{pid}").st_uid for pid in environment.processes()} for environment in environments]
    if mode.has_ids():
        assert not users[0] & users[1] and min(users[0] | users[1]) >= 100_000, users
    else:
        assert users == [{USER}, {USER}], users


@check
def a_kill_leaves_nothing_after_the_next_start(service, mode):
    traces = leftovers.Traces(service.process.pid, DATA)
    service.process.kill()
    service.process.wait()
    service.start()
    # The new service has its own of these, by the same names.
    assert not (left := traces.left(ignore=["cgroup", "loop", "mount"])), left
    name = service.function("probe.sh", MemorySize=1769)
    assert service.invoke(name, "echo again")[0] == "again"


@check
def a_stop_leaves_nothing(service, mode):
    traces = leftovers.Traces(service.process.pid, DATA)
    assert service.stop() == 0
    assert not (left := traces.left()), left


@check
def everything_tried_from_inside_is_refused(service, mode):
    """The escape suite's own rows, which are about functions that may not leave."""
    isolated = Service("--network", "isolated", data=f"{DATA}-isolated")
    try:
        name = isolated.function("escape.py", MemorySize=1769)
        attempts = {row: expression for row, (expression, _) in ROWS.items()}
        with targets(isolated.endpoint) as there:
            answer, failed, tail = isolated.invoke(name, {**there, "attempts": attempts})
        assert not failed, (answer, tail)
        refusals = {row: refused for row, (_, refused) in ROWS.items()} | ({} if mode.has_ids() else OF_ONE_USER)
        wrong = {row: got for row, got in answer.items() if got not in refusals[row]}
        assert answer.keys() == ROWS.keys() and not wrong, wrong
    finally:
        assert isolated.stop() == 0


@check
def freeze_story(service, mode):
    """A service of its own, both functions, and a verdict of its own."""
    done = subprocess.run(
        [HEARTH, "demo"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S
    )
    print(done.stdout, flush=True)
    assert done.returncode == 0, done.stderr
    story = dataclasses.replace(mode, network="isolated")
    assert done.stdout.splitlines()[0].endswith(story.line()), done.stdout
