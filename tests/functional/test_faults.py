"""Faults of every kind, one after another on one service: each has its answer, the next invoke works, a neighbour that is
asked all the while notices nothing, and the service holds no more processes, descriptors, namespaces, cgroups and mounts
afterwards than before."""

import concurrent.futures
import contextlib
import re
import threading

import pytest
from botocore.exceptions import ClientError

from support import leftovers
from support.extensions import layer, logged
from support.functions import PRESENT, Function, zipped
from support.service import PATIENCE_S, Service, wait_for

# Talks to the Runtime API past the client. `raw` gives what is answered until the other side ends the connection.
LIBRARY = """
import http.client, os, socket
HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
API = "/2018-06-01/runtime/invocation"
def raw(data):
    got = b""
    with socket.create_connection((HOST, int(PORT)), timeout=30) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536): got += piece
        except OSError:
            pass  # it was hung up on
    return got
def post(path, body, **headers):
    connection = http.client.HTTPConnection(HOST, int(PORT), timeout=30)
    connection.request("POST", API + path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
def flood(count):
    connections = [socket.socket() for n in range(count)]
    for connection in connections:
        connection.setblocking(False)
        connection.connect_ex((HOST, int(PORT)))
    for connection in connections: connection.close()
mine = "/" + context.aws_request_id
"""

# What is no HTTP, or breaks off: the invocation that it comes from has its answer all the same.
GARBAGE = {
    "bytes": r'raw(b"\x00\xff\r\n" * 10_000)',
    "a version that does not exist": r'raw(b"GET /2018-06-01/ping HTTP/9.9\r\n\r\n")',
    "a head without end": r'raw(b"GET /2018-06-01/ping HTTP/1.1\r\nx: " + b"a" * 1_000_000)',
    "a thousand headers": r'raw(b"GET /2018-06-01/ping HTTP/1.1\r\n" + b"x: y\r\n" * 1_000 + b"\r\n")',
    "a negative length": r'raw(b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: -1\r\n\r\n")',
    "two lengths": r'raw(b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")',
    "a chunk of no size": r'raw(b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")',
    "half a head": r'raw(b"GET /2018-06-01/runtime/inv")',
    "another invocation's answer, half": r'raw(b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: 9\r\n\r\nab")',
    "five hundred connections": "flood(500)",
}

# What a handler does, and what its caller hears.
HANDLERS = {
    "exit 0": ("os._exit(0)", "Runtime.ExitError"),
    "exit 255": ("os._exit(255)", "Runtime.ExitError"),
    "SIGSEGV": ("os.kill(os.getpid(), 11)", "Runtime.ExitError"),
    "SIGKILL": ("os.kill(os.getpid(), 9)", "Runtime.ExitError"),
    "hang": ("while True: pass", "Sandbox.Timedout"),
    "stopped by itself": ("os.kill(os.getpid(), 19)", "Sandbox.Timedout"),
    "an answer that breaks off": (
        'raw(f"POST {API}{mine}/response HTTP/1.1\\r\\nContent-Length: 9\\r\\n\\r\\nab".encode()); await_release("never")',
        "Runtime.TruncatedResponse",
    ),
}

# How a runtime ends its Init, and what the caller reads of it the second time.
INITS = {
    "exit 0": ("os._exit(0)", "Runtime exited without providing a reason"),
    "exit 1": ("os._exit(1)", "Runtime exited with error: exit status 1"),
    "SIGSEGV": ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
    "SIGKILL": ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
    "SIGTERM": ("os.kill(os.getpid(), 15)", "Runtime exited with error: signal: terminated"),
}

# How an extension ends, and what the caller reads: in each Init, or in the first invocation.
CRASHES = {
    "in Init": "register '\"INVOKE\"'; exit 7",
    "in Invoke": "register '\"INVOKE\"'; next; [ -e /tmp/crashed ] && serve; reach crashed; exit 7",
}

# What a hook does after the restore, and what the caller hears.
HOOKS = {
    "exit 3": ("os._exit(3)", "SnapStartException"),
    "SIGKILL": ("os.kill(os.getpid(), 9)", "SnapStartException"),
    "an error": ("raise ValueError('not restored')", "SnapStartException"),
    "hang": ("while True: pass", "SnapStartTimeoutException"),
}

# What an extension does when it is told of the end.
ENDS = {
    "crashes": 'register \'"INVOKE", "SHUTDOWN"\'; next; while ! echo "$body" | grep -q SHUTDOWN; do next; done; echo told of the end; exit 9',
    "is killed": "register '\"SHUTDOWN\"'; next; echo told of the end; kill -9 $$",
    "hangs": 'trap "" TERM; register \'"SHUTDOWN"\'; next; echo told of the end; while :; do sleep 1; done',
}


class Neighbour(Function):
    """A function of which one environment is alive, and shall stay."""

    def __init__(self, service):
        # Of a machine that is busy it need not be undisturbed.
        super().__init__(service, "probe.py", Timeout=PATIENCE_S)
        self.invokes = 0

    def check(self):
        self.invokes += 1
        assert self.invoke({"run": "answer = state['invokes']"}).json == self.invokes, "the neighbour was disturbed"

    @contextlib.contextmanager
    def asked_meanwhile(self):
        """Asked again and again, by a thread of its own, for as long as the block takes."""
        over, asked = threading.Event(), self.invokes

        def ask():
            while not over.wait(0.01):
                self.check()

        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            asking = thread.submit(ask)
            try:
                yield
                wait_for("the neighbour to be asked", lambda: self.invokes > asked or asking.done())
            finally:
                over.set()
            asking.result(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def rig():
    """A service, a neighbour, and what is held when only that is alive; looked at again when all faults are through."""
    # Sandboxes that wait for cold starts come and go with what is wanted: test_blanks has them.
    with Service("--pool", "off") as service:
        neighbour = Neighbour(service)
        victim = Function(service, "probe.py", Timeout=10)
        victim.invoke({"run": "import os; os._exit(1)"})
        end(victim)
        neighbour.check()
        before = leftovers.holdings(service)
        yield service, neighbour
        neighbour.check()
        # Of the last fault, some may still be going.
        now = before

        def settled():
            nonlocal now
            now = leftovers.holdings(service)
            return all(now[what] <= before[what] for what in before)

        try:
            wait_for("everything to be given back", settled)
        except AssertionError:
            raise AssertionError(f"held before: {before}, and after all faults: {now}") from None


def end(function):
    function.client.delete_function(FunctionName=function.name)
    wait_for("the end of its environments", lambda: not function.environments())


@pytest.fixture
def faulty(rig):
    """Makes the function of one fault; the neighbour is asked all the while, until the function has gone."""
    service, neighbour = rig
    made = []

    def make(code="probe.py", runtime="python3.11", **settings):
        made.append(Function(service, code, runtime, **settings))
        return made[-1]

    with neighbour.asked_meanwhile():
        yield make
        for one in made:
            end(one)


@pytest.mark.parametrize("run", GARBAGE.values(), ids=GARBAGE)
def test_garbage_on_the_runtime_api(faulty, run):
    made = faulty(Timeout=60)
    made.invoke({"run": "pass"})
    answer = made.invoke({"run": f"{LIBRARY}\n{run}\nanswer = 'here'"})
    assert answer.json == "here", answer.body
    assert made.invoke({"run": "answer = state['invokes']"}).json == 3, "the environment was lost"


@pytest.mark.parametrize("run, error_type", HANDLERS.values(), ids=HANDLERS)
def test_a_handler_that_fails(faulty, run, error_type):
    made = faulty(Timeout=4)
    made.invoke({"run": "pass"})
    answer = made.invoke({"run": f"{LIBRARY}\n{run}"})
    assert (answer.error, answer.json["errorType"]) == ("Unhandled", error_type)
    assert made.invoke({"run": "answer = 'here'"}).json == "here"


@pytest.mark.parametrize("end_of_init, reason", INITS.values(), ids=INITS)
def test_an_init_that_fails(faulty, end_of_init, reason):
    made = faulty(zipped({"app.py": f"import os, time\n{end_of_init}\ntime.sleep(60)"}), Timeout=10)
    for _ in range(2):
        answer = made.invoke()
        assert answer.json["errorType"] == "Runtime.ExitError"
        assert answer.json["errorMessage"] == f"RequestId: {answer.request_id} Error: {reason}"


def test_an_init_that_hangs(faulty):
    made = faulty(zipped({"app.py": "while True: pass"}), Timeout=1)
    for _ in range(2):
        assert made.invoke().json["errorType"] == "Sandbox.Timedout"


@pytest.mark.parametrize("hook, code", HOOKS.values(), ids=HOOKS)
def test_a_restore_that_fails(faulty, hook, code):
    knowing = [name for name in PRESENT if re.fullmatch(r"python3\.(1[2-9]|[2-9]\d)", name)]
    if not knowing:
        pytest.skip("no runtime of Python 3.12 or later is here")
    text = f"""
import os
from snapshot_restore_py import register_after_restore
def after():
    {hook}
register_after_restore(after)
def handler(event, context): return "here"
"""
    made = faulty(zipped({"app.py": text}), knowing[-1], SnapStart={"ApplyOn": "PublishedVersions"})
    version = made.publish()
    for _ in range(2):
        with pytest.raises(ClientError) as error:
            made.invoke(Qualifier=version)
        assert error.value.response["Error"]["Code"] == code
    assert made.invoke().json == "here", "$LATEST is not restored"


@pytest.mark.parametrize("body", CRASHES.values(), ids=CRASHES)
def test_an_extension_that_crashes(rig, faulty, body):
    service, _ = rig
    made = faulty(Layers=[layer(service, {"one": body})], Timeout=10)
    answer = made.invoke({"run": "await_release('never')"})
    assert answer.json["errorType"] == "Extension.Crash"
    again = made.invoke({"run": "answer = 'here'"}, tail=False).json
    assert again == "here" if "crashed" in body else again["errorType"] == "Extension.Crash"


def test_of_two_answers_the_first_counts(faulty):
    made = faulty(Timeout=10)
    run = "post(mine + '/response', b'1')\npost(mine + '/response', b'2')\nanswer = 3"
    made.invoke({"run": "pass"})
    assert made.invoke({"run": f"{LIBRARY}\n{run}"}).json == 1
    assert made.invoke({"run": "answer = 'here'"}).json == "here"


def test_an_answer_after_the_deadline_reaches_nobody(faulty):
    """An answer to the invocation that has timed out, from the next one: refused, and not taken for its own."""
    made = faulty(Timeout=3)
    hang = "open('/tmp/expired', 'w').write(mine)\nwhile True: pass"
    assert made.invoke({"run": f"{LIBRARY}\n{hang}"}).json["errorType"] == "Sandbox.Timedout"
    late = "answer = post(open('/tmp/expired').read() + '/response', b'\"late\"')"
    status, body = made.invoke({"run": f"{LIBRARY}\n{late}"}).json
    assert (status, body) == (400, '{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}\n')


@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS)
def test_an_extension_that_fails_at_the_end(rig, faulty, body):
    service, _ = rig
    made = faulty(Layers=[layer(service, {"one": body})])
    assert made.invoke({"run": "answer = 'here'"}, tail=False).json == "here"
    made.environment("Idle")
    made.configure(Description="its environments end")
    logged(made, "told of the end")
