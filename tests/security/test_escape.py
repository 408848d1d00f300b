"""The escape suite: what a function tries from inside is refused, in every runtime that is here; neighbours included."""

import os
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import ordinary
from support.attacker import attacker
from support.functions import PRESENT
from support.refusals import ABSENT, DENIED, OF_ONE_USER, ROWS, UNREACHABLE, targets
from support.service import wait_for


def attempt_all(service, rows, runtime="python3.11", **event):
    """What all attempts came to, made by one function; `event` is what they need to know besides."""
    made = attacker(service, runtime, Timeout=120, MemorySize=512)
    attempts = {name: expression for name, (expression, _) in rows.items()}
    with targets(service.endpoint) as there:
        answer = made.invoke({**event, **there, "attempts": attempts})
    assert answer.error is None, answer.body
    made.client.delete_function(FunctionName=made.name)
    return answer.json


@pytest.fixture(scope="module", params=PRESENT)
def outcomes(service, request):
    """All attempts, made once by one function of each runtime that is here."""
    return attempt_all(service, ROWS, request.param)


@pytest.mark.parametrize("name", ROWS)
def test_attempt(outcomes, name):
    expression, refusals = ROWS[name]
    if ordinary.USER:
        refusals = OF_ONE_USER.get(name, refusals)
    assert outcomes[name] in refusals, f"{expression} gave {outcomes[name]}"


def test_the_service_is_unharmed(service, outcomes):
    assert service.process.poll() is None
    assert service.client().list_functions()["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.fixture
def neighbours(function):
    """A victim with a secret in its memory, environment and /tmp, and an attacker of another account."""
    secret = uuid.uuid4().hex
    victim = function("probe.py", Environment={"Variables": {"SECRET": secret}}, account="111111111111")
    victim.invoke(
        {
            "run": """
import os, socket
open('/tmp/secret', 'w').write(os.environ['SECRET'])
state['pipe'] = os.pipe()
state['server'] = socket.socket(); state['server'].bind(('0.0.0.0', 7777)); state['server'].listen()
state['unix'] = socket.socket(socket.AF_UNIX); state['unix'].bind('\\0victim'); state['unix'].listen()
"""
        }
    )
    return victim, function("escape.py", Timeout=60, account="222222222222"), secret


def test_neighbours_files_memory_and_sockets(neighbours):
    victim, attacker, secret = neighbours
    attempts = {
        "tmp": "read('/tmp/secret')",
        "ports": "connect('127.0.0.1', 7777)",
        "gateway": "connect('169.254.100.1', 7777)",
        "abstract": "socket.socket(socket.AF_UNIX).connect('\\0victim')",
        "environments": "[p for p in os.listdir('/proc') if p.isdigit() and event['secret'] in read(f'/proc/{p}/environ') and int(p) not in (os.getpid(), os.getppid())]",
        "mounts": "[l for l in read('/proc/self/mountinfo').splitlines() if event['victim'] in l]",
        "shared-memory": "os.listdir('/dev/shm')",
        "message-queues": "os.listdir('/dev/mqueue')",
        "own-runtime-api": "connect('169.254.100.1', 9001)",
    }  # fmt: skip
    # The secret is in the attacker's event, never in its environment: it looks for it elsewhere.
    got = attacker.invoke({"attempts": attempts, "secret": secret, "victim": victim.name}).json
    assert got["tmp"] == "ENOENT"
    assert got["ports"] in UNREACHABLE and got["gateway"] in UNREACHABLE and got["abstract"] == "ECONNREFUSED"
    assert got["environments"] in {"OK []"} | DENIED
    assert got["mounts"] == "OK []"
    assert got["shared-memory"] in ABSENT and got["message-queues"] in ABSENT
    assert got["own-runtime-api"] == "OK 'connected'"


def test_runtime_api_answers_only_to_its_own_environment(neighbours):
    """Whatever the attacker says it is, it gets its own environment: told by the listener, not by the request."""
    victim, attacker, _ = neighbours
    ask = (
        "__import__('urllib.request').request.urlopen(__import__('urllib.request').request.Request("
        "'http://169.254.100.1:9001/2018-06-01/runtime/invocation/%s/response', data=b'forged', method='POST', "
        "headers={'Host': 'victim'})).status"
    )
    got = attacker.invoke({"attempts": {"forged": ask % uuid.uuid4()}}).json
    assert got["forged"] == "HTTPError" or got["forged"].isupper(), got
    assert victim.invoke({"run": "answer = state['invokes']"}).json == 2


@pytest.mark.root
def test_neighbours_pipes_are_not_cut(neighbours, function):
    """The kernel counts pipe buffers per user: an attacker that holds many must not shrink the victim's."""
    victim, _, _ = neighbours
    hold = """
import os, signal
for _ in range(4):
    ready, done = os.pipe()
    if os.fork() == 0:
        held = [os.pipe() for _ in range(490)]
        os.write(done, b"x")
        signal.pause()
    os.read(ready, 1)
answer = "held"
"""
    attacker = function("probe.py", Timeout=60, MemorySize=512)
    assert attacker.invoke({"run": hold}).json == "held"
    size = victim.invoke({"run": "import os, fcntl; answer = fcntl.fcntl(os.pipe()[0], 1032)"}).json
    assert size == 65536


@pytest.mark.root
def test_environments_run_as_different_host_users(neighbours):
    victim, attacker, _ = neighbours
    attacker.invoke({"attempts": {}})

    def host_uid(made):
        pid = min(made.environment("Idle").processes())
        return os.stat(f"/proc/{pid}").st_uid

    uids = {host_uid(victim), host_uid(attacker)}
    assert len(uids) == 2 and not uids & set(range(0, 65536)), uids


def test_two_environments_of_one_function_share_nothing(function):
    made = function("probe.py", Timeout=60)
    with ThreadPoolExecutor(2) as pool:
        run = "reach('started'); await_release('go'); import os, uuid; mark = str(uuid.uuid4()); before = os.listdir('/tmp'); open('/tmp/' + mark, 'w').close(); answer = before"
        answers = [pool.submit(made.invoke, {"run": run}, tail=False) for _ in range(2)]
        inside = wait_for(
            "both", lambda: [e for e in made.environments() if e.reached("started")][1:] and made.environments()
        )
        for environment in inside:
            environment.release("go")
        listings = [answer.result().json for answer in answers]
    assert all(set(listing) <= {"started", "go"} for listing in listings), listings
