"""Sandboxes, and images of /tmp, that wait for cold starts: given to one environment, counted, and gone with the service."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import leftovers, ordinary
from support.functions import Function, zipped
from support.service import PATIENCE_S, hearth, wait_for

CODE = zipped(
    {
        "app.py": "import time\ndef handler(event, context):\n"
        "    time.sleep(event.get('sleep', 0))\n    return context.log_stream_name\n"
    }
)
NO_TMPS = {"ready": 0, "wanted": 0}
# Says what was at /tmp when it came, and which device that is; and leaves something there.
TMP = zipped(
    {
        "app.py": "import os, time\nFOUND = os.listdir('/tmp')\nopen('/tmp/mine', 'w').close()\n"
        "def handler(event, context):\n    time.sleep(0.2)\n    return FOUND, os.stat('/tmp').st_dev\n"
    }
)


def settled(service, runtime="python3.11"):
    """What is ready for a runtime, once that is as it is to be."""

    def kind():
        kinds = service.blanks()["kinds"]
        found = [kind for kind in kinds if kind["runtime"] == runtime]
        return found if found and all(kind["ready"] == kind["wanted"] for kind in found) else None

    return wait_for(f"blanks for {runtime}", kind)


def children(service):
    return set(leftovers.descendants(service.process.pid))


def test_a_cold_start_takes_one_that_is_ready(services):
    service = services("--pool", "256")
    assert service.blanks() == {"budget_mb": 256, "kinds": [], "tmps": NO_TMPS}
    first, second = Function(service, CODE), Function(service, CODE)
    first.invoke({})
    settled(service)
    waiting = children(service)
    second.invoke({})
    assert second.environment().pid in waiting
    assert first.environment().pid != second.environment().pid
    settled(service)
    shown = service.hearth("ps").stdout.splitlines()[-1]
    assert shown.startswith("ready for cold starts: ") and shown.endswith(" python3.11 (within 256 MB)"), shown


def test_after_a_start_functions_that_there_were_are_expected(services):
    service = services("--pool", "256")
    made = Function(service, CODE)
    service.stop()
    service.start()
    assert [kind["ready"] for kind in settled(service)] == [1]
    waiting = children(service)
    service.client().invoke(FunctionName=made.name)
    assert made.environment().pid in waiting


def test_one_that_is_killed_while_it_waits_is_given_to_nobody(services):
    service = services("--pool", "256")
    before = children(service)
    first, second = Function(service, CODE), Function(service, CODE)
    first.invoke({})
    settled(service)
    taken = leftovers.descendants(first.environment().pid)
    for pid in children(service) - before - set(taken):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # what was in a sandbox went with its first process
    wait_for("their end to be noticed", lambda: not any(kind["ready"] for kind in service.blanks()["kinds"]))
    assert second.invoke({}).error is None
    assert first.invoke({}).error is None
    settled(service)


def test_all_are_gone_after_a_stop_and_after_a_kill(services):
    service = services("--pool", "256")
    made = Function(service, CODE)
    made.invoke({})
    assert sum(kind["ready"] for kind in settled(service)) > 0
    traces = leftovers.Traces(service.process.pid, service.data)
    service.kill()
    assert not (left := traces.left(ignore=["cgroup"])), left
    service.start()
    # The next run has control groups by the same name; its end shows that those of the first one are gone.
    Function(service, CODE).invoke({})
    settled(service)
    assert service.stop() == 0


def test_nothing_is_held_of_those_that_were_given_away(services):
    service = services("--pool", "256", "--idle-timeout", "1s")
    made = Function(service, CODE)

    def burst():
        """Five cold starts; how many sandboxes wait when their environments have gone, and what is held then."""
        made.configure(Description=f"{time.monotonic()}")
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(lambda _: made.invoke({"sleep": 0.2}), range(5)))
        wait_for("all to idle away", lambda: not service.environments())
        ready = sum(kind["ready"] for kind in settled(service))
        return ready, leftovers.holdings(service)

    bursts = [burst()]

    def given_back():
        """Whether no more is held than was four bursts ago, of those after which as many wait: a busy machine makes fewer
        than five cold starts of some."""
        bursts.append(burst())
        ready, now = bursts[-1]
        alike = [held for waiting, held in bursts if waiting == ready]
        return len(alike) > 4 and all(now[what] <= alike[-5][what] for what in now)

    wait_for("everything to be given back", given_back, 2 * PATIENCE_S)


def test_none_wait_where_there_are_to_be_none(services):
    service = services("--pool", "off")
    made = Function(service, CODE)
    made.invoke({})
    assert service.blanks() == {"budget_mb": 0, "kinds": [], "tmps": NO_TMPS}
    assert "cold starts" not in service.hearth("ps").stdout
    refused = hearth("up", "--pool", "some", check=False)
    assert refused.returncode == 2 and "a number of MB, or `off`" in refused.stderr


def tmps_ready(service):
    """The devices of a service's images of /tmp, once as many are ready as are to be, and no environment has one."""

    def devices():
        ready = service.blanks()["tmps"]["ready"]
        found = leftovers.loop_devices(service.data)
        return found if ready == service.blanks()["tmps"]["wanted"] == len(found) else None

    return wait_for("images of /tmp", devices)


@pytest.mark.skipif(bool(ordinary.USER), reason="an ordinary user's /tmp is a tmpfs")
def test_a_burst_takes_the_tmps_that_are_ready(services):
    service = services("--pool", "off", "--tmp-images", "3")
    made = Function(service, TMP)
    for turn in range(2):
        ready = tmps_ready(service)
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda _: made.invoke({}).json, range(3)))
        assert all(found == [] for found, _ in answers), answers
        # All of them, unless this machine is so slow that others were made meanwhile.
        assert ready & {device for _, device in answers}
        made.configure(Description=f"{turn}")  # retires them
    tmps_ready(service)
    assert service.hearth("ps").stdout.splitlines()[-1] == "ready for cold starts: 3 images of /tmp"
    traces = leftovers.Traces(service.process.pid, service.data)
    service.kill()
    assert not (left := traces.left(ignore=["cgroup"])), left
    service.start()
    tmps_ready(service)
    assert service.stop() == 0


@pytest.mark.skipif(not ordinary.USER, reason="root's /tmp is an image")
def test_where_tmp_is_memory_no_image_is_ready_and_that_is_said(services):
    service = services("--tmp-images", "3")
    assert service.blanks()["tmps"] == NO_TMPS
    assert "0 images of /tmp are kept ready" in service.errors()
