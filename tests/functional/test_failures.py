"""Init that fails or overruns, handlers that time out, crash or exhaust their memory: payload, log lines, Reset."""

import re

import pytest

from support.functions import zipped

# What is to be exceeded, and enough for an Init on a machine that is busy.
SHORT_S = 3
INIT_REPORT = r"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: {phase}\tStatus: {status}"


def python(text):
    return zipped({"app.py": text})


def timed_out(answer, seconds):
    assert answer.error == "Unhandled"
    assert answer.json == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {answer.request_id} Error: Task timed out after {seconds:.2f} seconds",
    }


def test_timeout(function):
    made = function("probe.py", Timeout=SHORT_S)
    before = made.invoke(
        {"run": "state['mark'] = 1; open('/tmp/kept', 'w').write('kept'); answer = context.log_stream_name"}
    )
    answer = made.invoke({"run": "print('still here', flush=True)\nwhile True: pass"})
    timed_out(answer, SHORT_S)
    report = answer.report
    assert report["status"] == "timeout" and report["type"] is None and report["init"] is None
    assert report["billed"] == f"{SHORT_S}000" and report["duration"] == f"{SHORT_S}000.00"
    assert "still here" in answer.tail
    assert answer.tail.index("still here") < answer.tail.index("END RequestId")
    # Reset: /tmp and the log stream stay, module state goes, the next invoke pays an Init that is not reported as one.
    after = made.invoke({"run": "answer = [state.get('mark'), open('/tmp/kept').read(), context.log_stream_name]"})
    assert after.json == [None, "kept", before.json]
    assert after.report["init"] is None


@pytest.mark.parametrize(
    "run, reason",
    [
        ("import sys; sys.exit(0)", "Runtime exited without providing a reason"),
        ("import os; os._exit(0)", "Runtime exited without providing a reason"),
        ("import os; os._exit(3)", "Runtime exited with error: exit status 3"),
        ("import os; os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("import os; os.abort()", "Runtime exited with error: signal: aborted"),
        ("import ctypes; ctypes.string_at(0)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_crash(function, run, reason):
    made = function("probe.py", Timeout=10)
    made.invoke({"run": "open('/tmp/kept', 'w').close()"})
    answer = made.invoke({"run": run})
    assert answer.error == "Unhandled"
    assert answer.json == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: {reason}",
    }
    assert (answer.report["status"], answer.report["type"]) == ("error", "Runtime.ExitError")
    after = made.invoke({"run": "import os; answer = [state['invokes'], os.path.exists('/tmp/kept')]"})
    assert after.json == [1, True]
    assert after.report["init"] is None


def test_handler_error_keeps_the_environment(function):
    made = function("probe.py")
    answer = made.invoke({"run": "raise ValueError('no')"})
    assert answer.error == "Unhandled"
    assert answer.json["errorType"] == "ValueError" and answer.json["errorMessage"] == "no"
    assert answer.json["requestId"] == answer.request_id
    assert any("/var/task/app.py" in entry for entry in answer.json["stackTrace"])
    assert answer.report["status"] is None
    assert made.invoke({"run": "answer = state['invokes']"}).json == 2
    traceback = [e["message"] for e in made.events() if e["message"].startswith("[ERROR] ValueError: no")]
    assert len(traceback) == 1 and "Traceback" in traceback[0], "a traceback is one event"


def test_node_handler_error(function):
    answer = function("probe.mjs", "nodejs20.x").invoke({"run": "throw new TypeError('no')"})
    assert answer.error == "Unhandled"
    assert answer.json["errorType"] == "TypeError" and answer.json["errorMessage"] == "no"
    assert answer.json["trace"][0] == "TypeError: no" and "requestId" not in answer.json


@pytest.mark.parametrize("memory", [128, 256])
def test_out_of_memory(function, memory):
    made = function("probe.py", MemorySize=memory, Timeout=60)
    made.invoke({"run": "open('/tmp/kept', 'w').close()"})
    fill = f"x = bytearray({memory} << 20)\nfor i in range(0, len(x), 4096): x[i] = 1"
    # Kept for a while: an ordinary user's memory is only looked at now and then.
    answer = made.invoke({"run": f"{fill}\nimport time\ntime.sleep(10)"})
    assert answer.error == "Unhandled"
    assert answer.json == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": f"RequestId: {answer.request_id} Error: Runtime exited with error: signal: killed",
    }
    report = answer.report
    assert report["used"] == str(memory)
    assert (report["status"], report["type"]) == ("error", "Runtime.OutOfMemory")
    assert made.invoke({"run": "import os; answer = os.path.exists('/tmp/kept')"}).json is True


def test_out_of_memory_of_a_child_process(function):
    """The kernel may kill a child instead of the runtime: the handler lives and may answer."""
    made = function("probe.py", MemorySize=256, Timeout=60)
    child = "x = bytearray(400 << 20)\\nfor i in range(0, len(x), 4096): x[i] = 1"
    run = f"import subprocess, sys; answer = subprocess.run([sys.executable, '-c', '{child}']).returncode"
    answer = made.invoke({"run": run})
    if answer.error:
        assert answer.json["errorType"] == "Runtime.OutOfMemory"
    else:
        assert answer.json == -9
    assert made.invoke({"run": "answer = 'alive'"}).json == "alive"


def test_import_error(function):
    made = function(python("import nothing_of_that_name\n"))
    answer = made.invoke({})
    assert answer.error == "Unhandled"
    assert answer.json["errorType"] == "Runtime.ImportModuleError"
    assert answer.json["errorMessage"] == "Unable to import module 'app': No module named 'nothing_of_that_name'"
    assert answer.json["requestId"] == ""


@pytest.mark.parametrize(
    "runtime, code, handler, kind",
    [
        ("python3.11", "probe.py", "app.absent", "Runtime.HandlerNotFound"),
        ("python3.11", "probe.py", "absent.handler", "Runtime.ImportModuleError"),
        ("nodejs20.x", "probe.mjs", "index.absent", "Runtime.HandlerNotFound"),
        ("nodejs20.x", "probe.mjs", "absent.handler", "Runtime.ImportModuleError"),
    ],
)
def test_handler_that_does_not_exist(function, runtime, code, handler, kind):
    made = function(code, runtime, Handler=handler)
    answer = made.invoke({})
    assert answer.error == "Unhandled" and answer.json["errorType"] == kind, answer.body


def test_bootstrap_that_does_not_exist(function):
    answer = function(zipped({"readme": "nothing here"}), "provided.al2023").invoke({})
    assert answer.error == "Unhandled"
    assert answer.json["errorType"] == "Runtime.InvalidEntrypoint", answer.body


def test_init_that_exits_runs_again_inside_the_invoke(function):
    made = function(
        python(
            """
import os, sys
if not os.path.exists("/tmp/second"):
    open("/tmp/second", "w").close()
    print("first init", flush=True)
    os._exit(7)
def handler(event, context): return "started"
"""
        ),
        Timeout=10,
    )
    answer = made.invoke({})
    assert answer.json == "started"
    log = made.log()
    first = re.search(INIT_REPORT.format(phase="init", status="error") + "\tError Type: Runtime.ExitError", log)
    assert first and first.end() < log.index("START RequestId"), log
    assert answer.report["init"] is None and answer.report["status"] is None


def test_init_that_always_exits(function):
    made = function(python("import os; os._exit(7)"), Timeout=10)
    answer = made.invoke({})
    assert answer.error == "Unhandled"
    assert answer.json["errorType"] == "Runtime.ExitError"
    assert answer.json["errorMessage"].endswith("Runtime exited with error: exit status 7")
    log = made.log()
    for phase in ("init", "invoke"):
        assert re.search(INIT_REPORT.format(phase=phase, status="error") + "\tError Type: Runtime.ExitError", log), log
    assert log.index("Phase: invoke") < log.index("START RequestId")


def test_init_that_overruns(function):
    """Ten seconds of Init are cut off; the second one, inside the invoke, has the function's whole timeout."""
    made = function(
        python(
            """
import os, time
if not os.path.exists("/tmp/second"):
    open("/tmp/second", "w").close()
    while True: time.sleep(60)
def handler(event, context): return "started"
"""
        ),
        Timeout=5,
    )
    answer = made.invoke({})
    assert answer.json == "started"
    log = made.log()
    cut = re.search(INIT_REPORT.format(phase="init", status="timeout"), log)
    assert cut and cut.end() < log.index("START RequestId"), log
    assert 9_900 <= float(re.search(r"Init Duration: ([\d.]+) ms\tPhase: init", log)[1]) < 20_000
    assert answer.report["init"] is None


def test_init_longer_than_the_timeout_inside_an_invoke(function):
    """A suppressed Init is under the function's timeout together with the handler."""
    made = function(
        python(
            """
import os, time
if os.path.exists("/tmp/crashed"):
    while True: time.sleep(60)
def handler(event, context):
    open("/tmp/crashed", "w").close()
    os._exit(1)
"""
        ),
        Timeout=SHORT_S,
    )
    assert made.invoke({}).json["errorType"] == "Runtime.ExitError"
    timed_out(made.invoke({}), SHORT_S)


def test_exit_after_the_answer(function):
    """The caller keeps the answer already sent; the exit, due while frozen, hits the next invoke."""
    made = function("probe.py", Timeout=10)
    run = (
        "import threading, os; threading.Timer(0, lambda: (await_release('go'), os._exit(5))).start(); answer = 'sent'"
    )
    assert made.invoke({"run": run}, tail=False).json == "sent"
    made.environment("Idle").release("go")
    hit = made.invoke({"run": "while True: pass"})
    assert hit.json["errorType"] == "Runtime.ExitError" and hit.json["errorMessage"].endswith("exit status 5")
    assert made.invoke({"run": "answer = 'alive'"}).json == "alive"


def test_response_too_large(function):
    made = function("probe.py", MemorySize=512, Timeout=30)
    assert len(made.invoke({"run": "answer = 'x' * (6 * 1024 * 1024 - 2)"}).body) == 6 * 1024 * 1024
    for _ in range(2):
        answer = made.invoke({"run": "answer = 'x' * (7 * 1024 * 1024)"})
        assert answer.error == "Unhandled"
        assert answer.json == {
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            "errorType": "Function.ResponseSizeTooLarge",
        }
    # AWS's Python client ends itself on the refusal: the environment was reset, and works.
    assert made.invoke({"run": "answer = 'alive'"}).json == "alive"
