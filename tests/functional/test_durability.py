"""Stops, restarts, kills: what was acknowledged is there afterwards, and nothing of ours is left behind."""

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import leftovers
from support.functions import Function, zipped
from support.service import PATIENCE_S, NotStarted, Service, wait_for

CODE = zipped({"app.py": "import os\ndef handler(event, context): print('ran'); return os.environ.get('SIDE')"})


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_functions_code_and_logs_survive(services, how):
    service = services()
    made = Function(service, CODE, Environment={"Variables": {"SIDE": "1"}}, Description="kept")
    made.invoke()
    made.configure(Environment={"Variables": {"SIDE": "2"}})
    made.invoke()
    before, log = made.client.get_function_configuration(FunctionName=made.name), made.log()
    getattr(service, how)()
    service.start()
    made.client = service.client()
    after = made.client.get_function_configuration(FunctionName=made.name)
    for part in (before, after):
        part.pop("ResponseMetadata")
    assert after == before
    assert made.log() == log
    assert made.invoke().json == "2"


def test_kill_at_any_moment(services):
    """Creates, updates, deletes without end and kills the service among them: every acknowledged step is there."""
    service = services()
    for turn in range(6):
        acknowledged, dying = {}, threading.Event()

        def work(worker):
            client, number = service.client(), 0
            while True:
                name = f"k-{turn}-{worker}-{number}"
                number += 1
                try:
                    client.create_function(
                        FunctionName=name,
                        Runtime="python3.11",
                        Handler="app.handler",
                        Role="arn:aws:iam::000000000000:role/any",
                        Code={"ZipFile": CODE},
                        Description="created",
                    )
                    acknowledged[name] = {"created", "updated"}
                    client.get_waiter("function_active_v2").wait(
                        FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 1200}
                    )
                    client.update_function_configuration(FunctionName=name, Description="updated")
                    acknowledged[name] = {"updated"}
                    if number % 3 == 0:
                        acknowledged[name] = {None, "updated"}
                        client.delete_function(FunctionName=name)
                        acknowledged[name] = {None}
                except Exception:
                    if not dying.is_set():
                        raise
                    return

        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(work, n) for n in range(4)]
            wait_for("some work", lambda: len(acknowledged) > 5 + turn * 2)
            dying.set()
            service.kill()
            for one in running:
                one.result()
        service.start()
        client = service.client()
        rows = {
            f["FunctionName"]: f["Description"]
            for page in client.get_paginator("list_functions").paginate()
            for f in page["Functions"]
        }
        for name, allowed in acknowledged.items():
            assert rows.get(name) in allowed, name
        survivor = next(name for name, allowed in acknowledged.items() if None not in allowed)
        client.get_waiter("function_active_v2").wait(
            FunctionName=survivor, WaiterConfig={"Delay": 0.05, "MaxAttempts": 1200}
        )
        client.invoke(FunctionName=survivor)["Payload"].read()


def test_event_survives_a_kill(services):
    """An event is stored before its 202: if the service dies while it runs, it runs again."""
    service = services()
    made = Function(service, "probe.py", Timeout=60)
    answer = made.invoke(
        {"run": "print('started', flush=True); reach('started'); await_release('go')"},
        tail=False,
        InvocationType="Event",
    )
    assert answer.status == 202
    wait_for("the handler", lambda: any(e.reached("started") for e in made.environments() if e.phase == "Invoke"))
    service.kill()
    service.start()
    made.client = service.client()
    again = made.environment("Invoke")
    wait_for("the handler again", lambda: again.reached("started"))
    again.release("go")
    wait_for("its end", lambda: f"END RequestId: {answer.request_id}" in made.log())
    assert made.log().count("started") >= 1


def test_leftovers_of_a_kill_are_cleaned(services):
    service = services()
    made = Function(service, "probe.py")
    made.invoke()
    traces = leftovers.Traces(service.process.pid, service.data)
    assert len(traces.processes) >= 3
    service.kill()
    service.start()
    # The new service has its own of these, by the same names.
    assert not (left := traces.left(ignore=["cgroup", "loop", "mount"])), left
    assert service.environments() == []


def test_second_service_on_the_same_data(services):
    service = services()
    with pytest.raises(NotStarted) as error:
        Service(data=service.data)
    assert str(service.process.pid) in str(error.value), "it says who holds the directory"
    assert service.client().list_functions()["Functions"] == []


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_stop_with_a_running_invoke(services, stop):
    """The invoke gets its drain time, then ends as a failure; the service ends by itself with 0."""
    service = services("--drain", "1s")
    made = Function(service, "probe.py", Timeout=60)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(made.invoke, {"run": "reach('started')\nwhile True: pass"}, tail=False)
        wait_for("the handler", lambda: any(e.reached("started") for e in made.environments()))
        traces = leftovers.Traces(service.process.pid, service.data)
        service.process.send_signal(stop)
        assert service.process.wait(timeout=60) == 0
        try:
            answer = running.result()
            assert answer.error == "Unhandled"
        except Exception as error:
            assert "500" in str(error) or "503" in str(error) or "Service" in str(error) or "closed" in str(error), (
                error
            )
    assert not traces.left()


def refuses(made):
    """Whether the service has closed its door."""
    try:
        made.client.get_function(FunctionName=made.name)
        made.invoke({}, tail=False)
        return False
    except Exception:
        return True


def test_stop_lets_a_running_invoke_finish(services):
    service = services()
    made = Function(service, "probe.py", Timeout=60)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(
            made.invoke, {"run": "reach('started'); await_release('go'); answer = 'finished'"}, tail=False
        )
        environment = made.environment("Invoke")
        wait_for("the handler", lambda: environment.reached("started"))
        traces = leftovers.Traces(service.process.pid, service.data)
        service.process.send_signal(signal.SIGTERM)

        wait_for("new work to be refused", lambda: refuses(made))
        environment.release("go")
        assert running.result().json == "finished"
        assert service.process.wait(timeout=60) == 0
    assert not traces.left()


def test_second_signal_ends_it_at_once(services):
    service = services()
    made = Function(service, "probe.py", Timeout=60)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(made.invoke, {"run": "reach('started')\nwhile True: pass"}, tail=False)
        wait_for("the handler", lambda: any(e.reached("started") for e in made.environments()))
        service.process.send_signal(signal.SIGTERM)
        # Signals of one kind that come together are one signal: the first has to have been heard.
        wait_for("new work to be refused", lambda: refuses(made))
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(timeout=60) != 0
        assert running.exception() is not None or running.result().error


def test_a_stop_that_cannot_be_finished_ends_all_the_same(services):
    """Within its time, with an error; whatever does not obey is the next start's."""
    service = services("--drain", "100ms")
    Function(service, "probe.py").invoke()
    below = leftovers.descendants(service.process.pid)
    spawners = [pid for pid in below if leftovers.stat_fields(pid)[1] == str(service.process.pid)]
    assert spawners
    for pid in spawners:
        os.kill(pid, signal.SIGSTOP)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(timeout=PATIENCE_S) == 1
    assert "the next start removes what is left" in service.errors()


def test_thirty_environments_are_all_gone_after_a_stop(services):
    service = services()
    made = Function(service, "probe.py", Timeout=120)
    with ThreadPoolExecutor(30) as pool:
        running = [
            pool.submit(made.invoke, {"run": "reach('started'); await_release('go')"}, tail=False) for _ in range(30)
        ]
        inside = wait_for(
            "thirty handlers",
            lambda: (lambda es: es if len(es) == 30 else None)(
                [e for e in made.environments() if e.phase == "Invoke" and e.reached("started")]
            ),
            120,
        )
        for environment in inside:
            environment.release("go")
        for one in running:
            assert one.result().error is None
    assert service.stop() == 0


def test_up_says_what_it_can_enforce(services):
    service = services()
    assert len(service.lines) == 2, service.lines
    for word in ("isolation process", "memory", "cpu", "freeze", "tmp", "network isolated"):
        assert word in service.lines[0], service.lines[0]


def test_invoke_by_another_process_than_boto3(services):
    """Plain HTTP without a signature reaches the default account."""
    service = services()
    made = Function(service, CODE)
    import urllib.request

    url = f"{service.endpoint}/2015-03-31/functions/{made.name}/invocations"
    with urllib.request.urlopen(urllib.request.Request(url, data=b"{}", method="POST"), timeout=30) as answer:
        assert (answer.status, json.loads(answer.read())) == (200, None)
        assert answer.headers["X-Amz-Executed-Version"] == "$LATEST"


def test_wrong_options_are_refused():
    for options in (["--listen", "nowhere"], ["--idle-timeout", "soon"], ["--billing", "free"], ["--account", "12"]):
        with pytest.raises(NotStarted):
            Service(*options)
