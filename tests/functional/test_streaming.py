"""Answers that reach their caller as the handler writes them, with the official clients on both sides.

That a chunk comes before the handler ends is shown by a barrier, never by time: the handler waits for a file that the
test makes once it has the chunk.
"""

import base64
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from support.functions import PRESENT, REPORT, Function, zipped
from support.service import HEARTH, PATIENCE_S, TARGET, wait_for

CODE = "stream.mjs"
NODE = "nodejs20.x"


class Streamed:
    """The events of an InvokeWithResponseStream, one after the other as they come."""

    def __init__(self, function, payload, **options):
        self.response = function.client.invoke_with_response_stream(
            FunctionName=function.name, Payload=json.dumps(payload), LogType="Tail", **options
        )
        self.events = iter(self.response["EventStream"])

    def chunk(self):
        return next(self.events)["PayloadChunk"]["Payload"]

    def rest(self):
        """Everything that is left: bytes, and what InvokeComplete says."""
        events = list(self.events)
        *chunks, last = events
        return b"".join(event["PayloadChunk"]["Payload"] for event in chunks), last["InvokeComplete"]


def tail(complete):
    return base64.b64decode(complete["LogResult"]).decode()


def failed(complete, error_type):
    assert complete["ErrorCode"] == "Unhandled"
    details = json.loads(complete["ErrorDetails"])
    assert details["errorType"] == error_type
    return details


@pytest.mark.parametrize("runtime", [name for name in PRESENT if name.startswith("nodejs")])
def test_the_first_chunk_comes_before_the_handler_ends(function, runtime):
    made = function(CODE, runtime, Timeout=PATIENCE_S)
    stream = Streamed(made, {"chunks": ["one", "two"], "wait": True})
    assert stream.response["StatusCode"] == 200
    assert stream.response["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    assert stream.response["ExecutedVersion"] == "$LATEST"
    assert stream.chunk() == b"one"
    environment = made.environment("Invoke")
    wait_for("the handler", lambda: environment.reached("at-one"))
    assert not environment.reached("at-two")
    environment.release("go-one")
    assert stream.chunk() == b"two"
    environment.release("go-two")
    rest, complete = stream.rest()
    assert rest == b"" and "ErrorCode" not in complete
    assert "streams 2 chunks" in tail(complete)
    report = REPORT.search(tail(complete))
    assert report["id"] == stream.response["ResponseMetadata"]["RequestId"] and report["status"] is None


def test_an_invoke_gets_the_whole(function):
    made = function(CODE, NODE)
    assert made.invoke({"chunks": ["a", "b"], "then": "count"}).body == b"ab1"
    large = made.invoke({"fill": 6_291_557})
    assert large.error == "Unhandled" and large.json["errorType"] == "Function.ResponseSizeTooLarge"
    error = made.invoke({"chunks": ["a"], "then": "throw"})
    assert (error.error, error.json["errorMessage"]) == ("Unhandled", "in the middle")
    assert made.invoke({"then": "count"}).body == b"4", "the same environment"


def test_an_error_in_the_middle(function):
    made = function(CODE, NODE)
    rest, complete = Streamed(made, {"chunks": ["part"], "then": "throw"}).rest()
    assert rest == b"part"
    assert failed(complete, "Error")["errorMessage"] == "in the middle"
    rest, complete = Streamed(made, {"before": "at once"}).rest()
    assert rest == b""
    assert failed(complete, "Error")["errorMessage"] == "at once"
    assert Streamed(made, {"then": "count"}).rest()[0] == b"3", "the same environment"


def test_a_crash_in_the_middle(function):
    made = function(CODE, NODE)
    stream = Streamed(made, {"chunks": ["part"], "wait": True, "then": "exit"})
    assert stream.chunk() == b"part"
    made.environment("Invoke").release("go-part")
    rest, complete = stream.rest()
    assert rest == b""
    assert failed(complete, "Runtime.ExitError")["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert REPORT.search(tail(complete))["type"] == "Runtime.ExitError"
    assert Streamed(made, {"then": "count"}).rest()[0] == b"1", "reset"


def test_a_timeout_in_the_middle(function):
    made = function(CODE, NODE, Timeout=4)
    stream = Streamed(made, {"chunks": ["part"], "then": "hang"})
    assert stream.chunk() == b"part"
    rest, complete = stream.rest()
    assert rest == b""
    assert failed(complete, "Sandbox.Timedout")["errorMessage"].endswith("Task timed out after 4.00 seconds")
    assert REPORT.search(tail(complete))["status"] == "timeout"
    assert Streamed(made, {"then": "count"}).rest()[0] == b"1", "reset"


def test_a_client_that_goes_away_stops_nothing(function):
    made = function(CODE, NODE, Timeout=PATIENCE_S)
    stream = Streamed(made, {"chunks": ["one"], "wait": True, "fill": 4 << 20, "filled": "all"})
    assert stream.chunk() == b"one"
    stream.response["EventStream"].close()
    environment = made.environment("Invoke")
    environment.release("go-one")
    wait_for("the handler to write all of it", lambda: environment.reached("all"))
    environment = made.environment("Idle")
    assert made.log().count("REPORT") == 1 and "Status" not in made.log()
    assert Streamed(made, {"then": "count"}).rest()[0] == b"2", "the same environment"


@pytest.mark.parametrize("runtime, code", [
    ("python3.11", {"app.py": "def handler(event, context):\n    if event == 'fail': raise ValueError('no')\n    return event"}),
    (NODE, {"index.mjs": "export const handler = async (event) => { if (event === 'fail') throw new TypeError('no'); return event }"}),
])  # fmt: skip
def test_a_handler_that_does_not_stream_is_one_chunk(function, runtime, code):
    """awslambdaric knows no streaming: what it answers is whole."""
    made = function(zipped(code), runtime)
    stream = Streamed(made, "whole")
    assert stream.chunk() == b'"whole"'
    assert stream.rest()[0] == b""
    rest, complete = Streamed(made, "fail").rest()
    assert (
        rest == b"" and failed(complete, "ValueError" if "python" in runtime else "TypeError")["errorMessage"] == "no"
    )


def rust_stream():
    return zipped({"bootstrap": (TARGET / "examples/rust-stream/bootstrap").read_bytes()})


def test_rust_streams(function):
    made = function(rust_stream(), "provided.al2023", Timeout=PATIENCE_S)
    stream = Streamed(made, {"pieces": ["one", "two"]})
    received = stream.chunk()
    environment = made.environment("Invoke")
    while b"one" not in received:
        received += stream.chunk()
    # Streams of lambda_runtime begin with the head of an HTTP answer: JSON and eight zeros.
    head, body = received.split(b"\0" * 8)
    assert json.loads(head)["statusCode"] == 200 and body == b"one"
    environment.release("go-one")
    assert stream.chunk() == b"two"
    environment.release("go-two")
    rest, complete = stream.rest()
    assert rest == b"" and "ErrorCode" not in complete


def test_rust_writes_its_error_into_the_answer(function):
    """What lambda_runtime means as trailers it sends as part of the body: that is what the caller gets, and no error."""
    made = function(rust_stream(), "provided.al2023", Timeout=PATIENCE_S)
    made.invoke({"pieces": []})
    environment = made.environment("Idle")
    environment.release("go-part")
    rest, complete = Streamed(made, {"pieces": ["part"], "abort": True}).rest()
    assert b"\0partLambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n" in rest
    assert "ErrorCode" not in complete and REPORT.search(tail(complete))["status"] is None
    assert made.environment("Idle").id == environment.id


def test_an_answer_that_breaks_off(function):
    made = function("stream.sh", "provided.al2023", Timeout=PATIENCE_S)
    for how in ("close", "garbage"):
        rest, complete = Streamed(made, how).rest()
        assert rest == b"part"
        failed(complete, "Runtime.TruncatedResponse")
        assert REPORT.search(tail(complete))["type"] == "Runtime.TruncatedResponse"
    rest, complete = Streamed(made, "end").rest()
    assert rest == b"part" and "ErrorCode" not in complete
    assert made.log().count("INIT_START") == 1, "the same environment"
    assert REPORT.search(tail(complete))["init"] is None


def test_versions_and_dry_runs(function):
    made = function(CODE, NODE)
    made.client.publish_version(FunctionName=made.name)
    made.client.create_alias(FunctionName=made.name, Name="live", FunctionVersion="1")
    stream = Streamed(made, {"chunks": ["x"]}, Qualifier="live")
    assert stream.response["ExecutedVersion"] == "1"
    assert stream.rest()[0] == b"x"
    dry = made.client.invoke_with_response_stream(FunctionName=made.name, InvocationType="DryRun")
    assert dry["StatusCode"] == 204 and list(dry["EventStream"]) == []


def test_refusals_are_those_of_invoke(function):
    made = function(CODE, NODE)
    client, errors = made.client, made.client.exceptions
    with pytest.raises(errors.ResourceNotFoundException, match=f"Function not found: .*:{made.name}:nope"):
        Streamed(made, {}, Qualifier="nope")
    with pytest.raises(errors.InvalidRequestContentException):
        client.invoke_with_response_stream(FunctionName=made.name, Payload=b"{")
    with pytest.raises(errors.ClientError, match="at 'invocationType' failed to satisfy constraint"):
        client.invoke_with_response_stream(FunctionName=made.name, InvocationType="Event")
    client.put_function_concurrency(FunctionName=made.name, ReservedConcurrentExecutions=0)
    with pytest.raises(errors.TooManyRequestsException) as refused:
        Streamed(made, {})
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_a_function_streams_from_a_function(function):
    """The official client inside of a function, back through the entrance for functions."""
    inner = function(CODE, NODE)
    call = """
import boto3
def handler(event, context):
    stream = boto3.client("lambda").invoke_with_response_stream(FunctionName=event, Payload='{"chunks": ["a", "b"]}')
    return [bytes(e["PayloadChunk"]["Payload"]).decode() for e in stream["EventStream"] if "PayloadChunk" in e]
"""
    outer = function(zipped({"app.py": call}), Timeout=30)
    answer = outer.invoke(inner.name)
    assert answer.error is None, answer.body
    assert "".join(answer.json) == "ab"


def test_a_large_answer(services):
    """200 MB is the limit; unbounded here, so that it does not take AWS's minute and a half."""
    made = Function(services("--stream-rate", "0"), CODE, NODE, Timeout=PATIENCE_S, MemorySize=512)
    limit = 200 << 20
    length, complete = 0, None
    for event in Streamed(made, {"fill": limit}).events:
        if "PayloadChunk" in event:
            length += len(event["PayloadChunk"]["Payload"])
        else:
            complete = event["InvokeComplete"]
    assert length == limit and "ErrorCode" not in complete
    complete = [e for e in Streamed(made, {"fill": limit + 1}).events if "InvokeComplete" in e][0]["InvokeComplete"]
    message = failed(complete, "Function.ResponseSizeTooLarge")["errorMessage"]
    assert message == f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."


def test_a_client_that_does_not_read_costs_no_memory(services):
    service = services("--stream-rate", "0")
    made = Function(service, CODE, NODE, Timeout=PATIENCE_S, MemorySize=512)
    made.invoke({"chunks": ["warm"]})

    def peak_kib():
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])

    before, size = peak_kib(), 64 << 20
    stream = Streamed(made, {"chunks": ["first"], "wait": True, "fill": size})
    assert stream.chunk() == b"first"
    made.environment("Invoke").release("go-first")
    # From its beginning on it is written as fast as nobody reads.
    rest, complete = stream.rest()
    assert len(rest) == size and "ErrorCode" not in complete
    assert peak_kib() - before < 16 << 10


def test_a_stop_ends_what_is_under_way(services):
    service = services("--drain", "100ms")
    stream = Streamed(Function(service, CODE, NODE, Timeout=PATIENCE_S), {"chunks": ["part"], "then": "hang"})
    assert stream.chunk() == b"part"
    service.stop()
    rest, complete = stream.rest()
    assert (rest, complete["ErrorCode"]) == (b"", "ServiceException")


def test_hearth_invoke_prints_the_answer_as_it_comes(service, function):
    made = function(CODE, NODE, Timeout=PATIENCE_S)
    invoke = subprocess.Popen(
        [HEARTH, "invoke", "--stream", "--tail", made.name, "-p", '{"chunks": ["one", "two"], "wait": true}'],
        env={**os.environ, "HEARTH_ENDPOINT": service.endpoint},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with invoke:
        assert invoke.stdout.read(3) == b"one"
        environment = made.environment("Invoke")
        assert not environment.reached("at-two"), "the handler has not gone on"
        environment.release("go-one")
        assert invoke.stdout.read(3) == b"two"
        environment.release("go-two")
        rest, log = invoke.communicate(timeout=PATIENCE_S)
    assert (invoke.returncode, rest) == (0, b"")
    assert b"streams 2 chunks" in log and b"REPORT RequestId" in log


def test_hearth_invoke_says_how_a_stream_failed(service, function):
    made = function(CODE, NODE)
    failed = service.hearth("invoke", "--stream", made.name, "-p", '{"chunks":["part"],"then":"throw"}', check=False)
    assert (failed.returncode, failed.stdout) == (1, "part")
    assert failed.stderr.startswith("Unhandled: {") and '"errorMessage":"in the middle"' in failed.stderr
    options = ("--json", "invoke", "--stream", made.name, "-p")
    lines = service.hearth(*options, '{"chunks":["part"],"then":"throw"}', check=False).stdout.splitlines()
    part, complete = (json.loads(line) for line in lines)
    assert part == {"PayloadChunk": "part"} and complete["InvokeComplete"]["ErrorCode"] == "Unhandled"
    lines = service.hearth(*options, '{"then":"count"}').stdout.splitlines()
    assert [list(json.loads(line)) for line in lines] == [["PayloadChunk"], ["InvokeComplete"]]
    assert "REPORT RequestId" in json.loads(lines[1])["InvokeComplete"]["LogResult"]
    missing = service.hearth("invoke", "--stream", "absent", check=False)
    assert missing.returncode != 0 and "Function not found" in missing.stderr
