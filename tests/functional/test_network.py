"""What functions reach: the world in `nat`, nothing in `isolated`, the host's exposed ports and each other in both.

Services run on the host of a World; nothing touches the machine's own network.
"""

import json
import os
import socket
import threading

import pytest

from support import leftovers
from support.functions import Function
from support.service import NotStarted, Service, wait_for
from support.world import DNS, HOST, WEB, World, run

FETCH = """
import urllib.request
with urllib.request.urlopen(event["url"], timeout=20) as got:
    answer = got.read().decode()
"""
RESOLVE = """
import socket
try:
    answer = sorted({found[4][0] for found in socket.getaddrinfo(event["name"], 80, socket.AF_INET)})
except socket.gaierror as error:
    answer = [name for name in dir(socket) if name.startswith("EAI") and getattr(socket, name) == error.errno]
"""
INVOKE = """
import boto3, json
from botocore.exceptions import ClientError
client = boto3.client("lambda", **event.get("client", {}))
try:
    called = getattr(client, event["operation"])(**event["arguments"])
    answer = [called["StatusCode"], called["Payload"].read().decode()]
except ClientError as error:
    answer = [error.response["Error"]["Code"], error.response["Error"]["Message"]]
"""


@pytest.fixture(scope="module")
def world():
    """A world that this module's tests are in."""
    with World() as made, made.entered():
        yield made


@pytest.fixture(scope="module")
def exposed(world):
    """An echo server on the host's loopback, and a port that nothing listens on."""
    server = socket.create_server(("127.0.0.1", 0))
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        free = nobody.getsockname()[1]

    def echo(connection):
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    def accept():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1], free
    server.close()


@pytest.fixture(scope="module")
def nat(world, exposed):
    """A service in the mode that root gets without asking. Leaving it puts the host back as it was."""
    with Service("--dns", DNS, *(f"--expose-host={port}" for port in exposed), network=None) as running:
        yield running
    assert world.traces() == []


@pytest.fixture(scope="module")
def isolated(world, exposed):
    with Service(*(f"--expose-host={port}" for port in exposed)) as running:
        yield running


@pytest.fixture(params=["nat", "isolated"])
def either(request):
    return request.getfixturevalue(request.param)


def test_the_first_line_says_the_mode(nat, isolated):
    assert " · network nat · " in nat.lines[0] and " · network isolated · " in isolated.lines[0]


def test_functions_reach_the_world_from_the_hosts_address(nat):
    made = Function(nat, "probe.py", Timeout=60)
    assert json.loads(made.invoke({"run": FETCH, "url": f"http://{WEB}/x"}).json) == {"you": HOST, "path": "/x"}
    assert json.loads(made.invoke({"run": FETCH, "url": "http://www.test/y"}).json)["path"] == "/y"


def test_a_connection_outlives_a_freeze(nat):
    made = Function(nat, "probe.py", Timeout=60)
    keep = f"import http.client; state['web'] = http.client.HTTPConnection('{WEB}', timeout=20)"
    ask = "state['web'].request('GET', '/again'); answer = state['web'].getresponse().read().decode()"
    made.invoke({"run": f"{keep}; {ask}; state['socket'] = state['web'].sock"})
    made.environment("Idle")
    again = made.invoke({"run": f"{ask}; answer = [answer, state['web'].sock is state['socket']]"}).json
    assert (json.loads(again[0])["path"], again[1]) == ("/again", True)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("www.test", [WEB]),
        ("host.hearth.internal", ["169.254.100.1"]),
        ("HOST.Hearth.Internal", ["169.254.100.1"]),
        ("forged.test", [WEB]),
        ("big.test", [f"192.0.2.{n}" for n in range(100, 200)]),
        ("nothing.test", ["EAI_NONAME"]),
        ("garbage.test", ["EAI_AGAIN"]),
    ],
)
def test_names_are_the_hosts_resolvers(nat, name, expected):
    got = Function(nat, "probe.py", Timeout=60).invoke({"run": RESOLVE, "name": name}).json
    assert got == expected


def test_isolated_knows_the_hosts_name_only(isolated):
    made = Function(isolated, "probe.py", Timeout=60)
    assert made.invoke({"run": RESOLVE, "name": "host.hearth.internal"}).json == ["169.254.100.1"]
    assert made.invoke({"run": RESOLVE, "name": "www.test"}).json == ["EAI_NONAME"]
    connect = (
        f"import socket\ntry: socket.create_connection(('{WEB}', 80), 5)\nexcept OSError as error: answer = error.errno"
    )
    assert made.invoke({"run": connect}).json == 101, "ENETUNREACH"


def test_queries_that_are_none_hurt_nobody(either):
    shout = """
import os, socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for length in (0, 1, 11, 12, 13, 512, 4096, 9000):
    for _ in range(50):
        udp.sendto(os.urandom(length), ("169.254.100.1", 53))
for message in (b"", b"\\0", b"\\0\\0", b"\\xff\\xff" + os.urandom(70000), b"\\0\\x0c" + bytes(12)):
    with socket.create_connection(("169.254.100.1", 53), 5) as tcp:
        try:
            tcp.sendall(message)
        except OSError:
            pass
answer = "done"
"""
    made = Function(either, "probe.py", Timeout=60)
    assert made.invoke({"run": shout}).json == "done"
    assert made.invoke({"run": RESOLVE, "name": "host.hearth.internal"}).json == ["169.254.100.1"]


def test_exposed_ports_lead_to_the_hosts_loopback(either, exposed):
    echo = """
import socket
with socket.create_connection(("host.hearth.internal", event["port"]), 20) as one:
    one.sendall(b"x" * 300000)
    one.shutdown(socket.SHUT_WR)
    got = b""
    while part := one.recv(65536):
        got += part
answer = len(got)
"""
    made = Function(either, "probe.py", Timeout=60)
    assert made.invoke({"run": echo, "port": exposed[0]}).json == 300000
    refused = "import socket\ntry:\n  one = socket.create_connection(('host.hearth.internal', event['port']), 20)\n  answer = one.recv(1).decode()\nexcept ConnectionError as error: answer = type(error).__name__"
    assert made.invoke({"run": refused, "port": exposed[1]}).json in ("ConnectionResetError", "ConnectionRefusedError")
    # A port of the host that was not exposed.
    assert made.invoke({"run": refused, "port": 22}).json == "ConnectionRefusedError"


def test_an_exposed_connection_waits_while_frozen(either, exposed):
    made = Function(either, "probe.py", Timeout=60)
    opened = f"import socket; state['one'] = socket.create_connection(('host.hearth.internal', {exposed[0]}), 20); state['one'].sendall(b'before')"
    made.invoke({"run": opened})
    made.environment("Idle")
    answer = made.invoke(
        {
            "run": "state['one'].sendall(b'after'); got = b''\nwhile len(got) < 11: got += state['one'].recv(11)\nanswer = got.decode()"
        }
    )
    assert answer.json == "beforeafter"


def test_functions_invoke_functions(either):
    callee = Function(either, "probe.py", account="111111111111", region="eu-west-1")
    caller = Function(either, "probe.py", account="111111111111", region="eu-west-1", Timeout=60, MemorySize=512)

    def call(operation="invoke", client=None, **arguments):
        event = {"run": INVOKE, "operation": operation, "arguments": arguments, "client": client or {}}
        answer = caller.invoke(event)
        assert answer.error is None, answer.body
        return answer.json

    payload = json.dumps({"run": "answer = [event['n'] + 1, context.invoked_function_arn]", "n": 41})
    arn = f"arn:aws:lambda:eu-west-1:111111111111:function:{callee.name}"
    assert call(FunctionName=callee.name, Payload=payload) == [200, json.dumps([42, arn])]
    assert call(FunctionName=arn, Payload=payload) == [200, json.dumps([42, arn])]
    # Whatever its credentials say, it is the function that calls.
    other = {"aws_access_key_id": "222222222222", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    assert call(FunctionName=callee.name, Payload=payload, client=other) == [200, json.dumps([42, arn])]
    assert call(FunctionName="nobody")[0] == "ResourceNotFoundException"
    stranger = f"arn:aws:lambda:eu-west-1:222222222222:function:{callee.name}"
    assert call(FunctionName=stranger, Payload=payload)[0] == "AccessDeniedException"
    assert call(FunctionName=callee.name, Payload=payload, InvocationType="Event") == [202, ""]
    wait_for("the event", lambda: callee.log().count("REPORT") == 4)
    # By the host's name as well.
    named = {"endpoint_url": "http://host.hearth.internal:9002"}
    assert call(FunctionName=callee.name, Payload=payload, client=named)[0] == 200


def test_a_function_may_do_nothing_but_invoke(either):
    made = Function(either, "probe.py", account="111111111111", Timeout=60, MemorySize=512)
    event = {"run": INVOKE, "operation": "delete_function", "arguments": {"FunctionName": made.name}}
    code, message = made.invoke(event).json
    assert code == "AccessDeniedException"
    user = f"arn:aws:sts::111111111111:assumed-role/any/{made.name}"
    assert message.startswith(f"User: {user} is not authorized to perform: lambda:DeleteFunction on resource: ")
    for path in ("/_hearth/environments", "/2015-03-31/functions/", "/nonsense"):
        fetch = f"import urllib.request, urllib.error\ntry: urllib.request.urlopen('http://169.254.100.1:9002{path}')\nexcept urllib.error.HTTPError as error: answer = error.code"
        assert made.invoke({"run": fetch}).json in (403, 404), path


def test_credentials_are_the_environments_own(either):
    read = "import os; answer = [os.environ[n] for n in ('AWS_ENDPOINT_URL_LAMBDA', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN')]"
    functions = [Function(either, "probe.py", account="111111111111") for _ in range(2)]
    one, other = (made.invoke({"run": read}).json for made in functions)
    assert one[:2] == other[:2] == ["http://169.254.100.1:9002", "111111111111"]
    assert one[2] != other[2] and one[3] != other[3]
    own = Function(either, "probe.py", Environment={"Variables": {"AWS_ENDPOINT_URL_LAMBDA": "http://x.test"}})
    assert own.invoke({"run": read}).json[0] == "http://x.test"


def test_a_killed_service_is_swept_by_its_next_start(world, nat):
    def tables():
        return sorted(line for line in world.traces() if line.startswith("table"))

    def routes():
        return sorted(line for line in world.traces() if line.startswith("blackhole"))

    others = tables(), routes()
    with Service(network="nat") as killed:
        Function(killed, "probe.py").invoke({})
        before = tables(), routes()
        assert len(before[0]) == len(others[0]) + 1 and len(before[1]) == len(others[1]) + 1
        killed.kill()
        assert (tables(), routes()) == before, "a kill leaves rules"
        killed.start()
        # The same again, and not beside the old ones.
        assert (tables(), routes()) == before
        assert killed.environments() == []
    assert (tables(), routes()) == others


def test_nat_that_cannot_be_had(world, tmp_path):
    run("ip", "-n", world.host, "route", "add", "blackhole", "10.77.0.0/16")
    try:
        with pytest.raises(NotStarted, match=r"use 10\.77\.16\.0/20 while this host routes 10\.77\.0\.0/16"):
            Service("--network-range", "10.77.16.0/20", data=tmp_path, network="nat")
        instance = leftovers.instance_of(tmp_path)
        groups = [name for _, names, _ in os.walk("/sys/fs/cgroup") for name in names]
        assert instance and not [name for name in groups if instance in name], "a start that fails leaves nothing"
        with Service("--network-range", "10.77.16.0/20", network=None) as fallen_back:
            assert " · network isolated · " in fallen_back.lines[0]
            assert "functions reach nothing outside: use 10.77.16.0/20" in fallen_back.errors()
        for wrong in (["--network-range", "10.77.16.1/20"], ["--dns", "x"], ["--expose-host", "9001"]):
            with pytest.raises(NotStarted):
                Service(*wrong)
    finally:
        run("ip", "-n", world.host, "route", "delete", "blackhole", "10.77.0.0/16")


def test_ranges_are_as_asked(world):
    with Service("--network-range", "10.78.0.0/20", "--dns", DNS, network="nat") as running:
        made = Function(running, "probe.py")
        own = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('192.0.2.80', 9)); answer = s.getsockname()[0]"
        assert made.invoke({"run": own}).json.startswith("10.78.0.")
