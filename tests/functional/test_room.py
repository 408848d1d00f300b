"""Where there is no room for one more environment, an invocation is throttled as on AWS, and nothing is lost: descriptors,
namespaces, memory."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from support import leftovers, ordinary
from support.functions import Function, rust_hello, zipped
from support.service import wait_for

CODE = zipped(
    {"app.py": "import time\ndef handler(event, context):\n    time.sleep(event.get('sleep', 0))\n    return 'done'\n"}
)
DONE, THROTTLED = (200, "done"), (429, "ConcurrentInvocationLimitExceeded")
# Of core and sandbox: what the service keeps for itself, and what it counts for each sandbox.
SPARE, EACH = 128, 18


def outcome(made, event):
    """(status, what it answered or why not) of an invoke."""
    try:
        answer = made.invoke(event, tail=False)
        assert answer.error is None, answer.body
        return answer.status, answer.json
    except ClientError as error:
        response = error.response
        assert response["Error"]["Code"] == "TooManyRequestsException", response
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Reason"]


def inside(service, *words):
    """Runs a command with the rights over the service, and over the user namespace that it may have made for itself."""
    own = ["nsenter", "--target", str(service.process.pid), "--user", "--setuid", "0", "--setgid", "0", "--"]
    done = subprocess.run([*(own if ordinary.USER else ()), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def alone(service):
    """What it holds, once no environment is left and nothing is under way."""
    wait_for("all environments to be gone", lambda: not service.environments())
    return leftovers.holdings(service)


def test_there_are_as_many_environments_as_descriptors_allow(services):
    limit = SPARE + 3 * EACH
    service = services(within=("prlimit", f"--nofile={limit}:{limit}", "--"))
    made = Function(service, CODE, Timeout=60)
    with ThreadPoolExecutor(5) as pool:
        outcomes = list(pool.map(lambda _: outcome(made, {"sleep": 3}), range(5)))
    assert sorted(outcomes) == [DONE] * 3 + [THROTTLED] * 2
    assert len(made.environments()) == 3
    assert outcome(made, {}) == DONE
    # Who is idle makes room: for each new one, the one that has been so for longest.
    others = [Function(service, CODE) for _ in range(4)]
    assert [outcome(other, {}) for other in others] == [DONE] * 4
    left = lambda: [len(one.environments()) for one in (made, *others)]  # noqa: E731
    wait_for("those to be gone", lambda: left() == [0, 0, 1, 1, 1])


def test_wherever_descriptors_run_out_nobody_gets_an_error(services):
    """A cold start with so many descriptors left and no more, from none to enough."""
    service = services("--pool", "off")
    pid = service.process.pid
    made = Function(service, CODE)
    limit = lambda count: inside(service, "prlimit", f"--pid={pid}", f"--nofile={count}:")  # noqa: E731

    def end():
        made.configure(Description=f"{time.monotonic()}")
        held = alone(service)
        # What a client has just closed would be a descriptor more in a moment; the one that invokes stays.
        wait_for("other clients to be gone", lambda: len(leftovers.connections(service)) <= 1)
        return held

    assert outcome(made, {}) == DONE
    before, found = end(), []
    for left in range(EACH + 4):
        first_free = max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1
        limit(first_free + left)
        found.append(outcome(made, {}))
        limit(4_096)
        end()
    assert set(found) == {DONE, THROTTLED}
    assert found == sorted(found, reverse=True), "once there are enough, more do no harm"
    wait_for("everything to be given back", lambda: all(end()[what] <= before[what] for what in before))


@pytest.mark.skipif(not ordinary.USER, reason="root's namespaces are counted for the whole machine")
@pytest.mark.parametrize("kind", ["net", "user", "pid", "mnt"])
def test_where_there_are_no_namespaces_left(services, kind):
    service = services("--pool", "off")
    first, made = Function(service, CODE), Function(service, CODE)
    assert outcome(first, {}) == DONE
    most = f"/proc/sys/user/max_{kind}_namespaces"
    inside(service, "sh", "-ec", f"echo 1 > {most}")
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(outcome, first, {"sleep": 5})
        first.environment(phase="Invoke")
        assert outcome(made, {}) == THROTTLED
        assert busy.result() == DONE
    # Idle, it makes room; the kernel gives namespaces back a moment after their last process. (Making one sandbox takes
    # more than one user and mount namespace.)
    if kind in ("net", "pid"):
        wait_for("room to be made", lambda: outcome(made, {}) == DONE)
        assert not first.environments()
    inside(service, "sh", "-ec", f"echo 10000 > {most}")
    assert (outcome(first, {}), outcome(made, {})) == (DONE, DONE)


@pytest.mark.skipif(bool(ordinary.USER), reason="where a part of /proc is covered, an ordinary user gets no other")
def test_what_waits_goes_first(services, tmp_path):
    """Memory as the service sees it is a file of ours."""
    meminfo = tmp_path / "meminfo"
    bind = 'mount --bind "$0" /proc/meminfo; exec "$@"'
    plenty, hardly_any = (f"MemTotal: 16000000 kB\nMemAvailable: {kib} kB\n" for kib in (8_000_000, 50_000))
    meminfo.write_text(plenty)
    service = services(
        "--pool", "256", within=("unshare", "--mount", "--propagation", "slave", "sh", "-ec", bind, meminfo)
    )
    made, other = Function(service, CODE), Function(service, rust_hello(), "provided.al2023")
    waiting = lambda: sum(kind["ready"] for kind in service.blanks()["kinds"])  # noqa: E731
    assert outcome(made, {}) == DONE
    wait_for("something to wait", lambda: waiting() > 0)
    meminfo.write_text(hardly_any)
    for _ in range(2 + waiting()):
        # One that waits is there already, and is given away.
        made.configure(Description=f"{time.monotonic()}")
        if outcome(made, {}) == THROTTLED:
            break
    assert outcome(made, {}) == THROTTLED
    assert waiting() == 0
    meminfo.write_text(plenty)
    assert outcome(made, {}) == DONE
    assert outcome(other, {})[0] == 200


def test_a_burst_of_connections_waits(services):
    """More than most servers let wait, all made before the first is accepted: none is reset."""
    count = 2_000
    if int(Path("/proc/sys/net/core/somaxconn").read_text()) < count:
        pytest.skip("this host lets fewer connections wait")
    service = services("--pool", "off")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    address = urlsplit(service.endpoint)
    request = f"GET /_hearth/environments HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        service.process.send_signal(signal.SIGSTOP)
        stack.callback(service.process.send_signal, signal.SIGCONT)
        waiting = []
        for _ in range(count):
            waiting.append(stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=60)))
            waiting[-1].sendall(request)
        service.process.send_signal(signal.SIGCONT)
        assert {one.recv(12) for one in waiting} == {b"HTTP/1.1 200"}
