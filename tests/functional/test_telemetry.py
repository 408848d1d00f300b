"""The Telemetry API and the Logs API: subscribers in Python, as external extensions, and AWS's own crate."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from support.extensions import layer, logged, place
from support.functions import zipped
from support.service import TARGET, wait_for
from support.telemetry import FAST, RECORDS, TIME, batches, check, events, kinds, received, records, script, subscriber

CODE = """
import os, sys, time, json
def handler(event, context):
    print("hello", event.get("say", ""), flush=True)
    for number in range(event.get("lines", 0)):
        print("line", number)
    sys.stdout.flush()
    if event.get("object"):
        print(json.dumps({"level": "INFO", "timestamp": "2026-01-01T00:00:00Z", "n": 1.0}), flush=True)
    if event.get("exit"):
        os._exit(3)
    if "await" in event:
        name, kind, count = event["await"]
        while not os.path.exists(f"/tmp/{name}.batches") or open(f"/tmp/{name}.batches").read().count(kind) < count:
            time.sleep(0.01)
    time.sleep(event.get("sleep", 0))
    return "x" * event.get("size", 1)
"""


def watched(function, *layers, **settings):
    return function(zipped({"app.py": CODE}), Layers=list(layers), Timeout=settings.pop("Timeout", 30), **settings)


@pytest.mark.parametrize("host", ["sandbox.localdomain", "sandbox", "0.0.0.0"])
def test_every_event_has_the_members_of_the_schema(service, function, host):
    made = watched(function, subscriber(service, host=host, body={"buffering": FAST}))
    first = made.invoke({"size": 10})
    second = made.invoke({"say": "again"})
    found = received(made, "platform.report", 2)
    for event in found:
        assert set(event) == {"time", "type", "record"} and TIME.fullmatch(event["time"]), event
        if event["type"] in RECORDS:
            assert check(event["record"], RECORDS[event["type"]]), event
        else:
            assert event["type"] == "function" and isinstance(event["record"], str), event
    # Whoever is first: a runtime may have started before an extension asks for anything.
    subscribed = kinds(found).index("telemetrySubscription")
    assert subscribed in (1, 2)
    assert kinds(found)[:subscribed] + kinds(found)[subscribed + 1 : 14] == [
        "initStart",
        "initRuntimeDone",
        "extension",
        "initReport",
        "start",
        "function",
        "runtimeDone",
        "report",
        "start",
        "function",
        "runtimeDone",
        "report",
        "start",
    ]
    assert [event["time"] for event in found] == sorted(event["time"] for event in found)
    assert [start["requestId"] for start in records(found, "start")][:2] == [first.request_id, second.request_id]
    assert records(found, "function")[:2] == ["hello \n", "hello again\n"]
    (done, *_), (report, again, *_) = records(found, "runtimeDone"), records(found, "report")
    assert done["metrics"]["producedBytes"] == len(first.body) and done["status"] == "success"
    latency, duration, overhead = (span["durationMs"] for span in done["spans"])
    assert latency + duration + overhead <= done["metrics"]["durationMs"] + 0.01
    assert "initDurationMs" in report["metrics"] and "initDurationMs" not in again["metrics"]
    (overhead,) = report["spans"]
    assert overhead["name"] == "extensionOverhead"
    assert {batch["path"] for batch in batches(made.environment())} == {"/events?of=watcher"}
    log = made.log()
    assert 'subscribe 200 "OK"' in log
    assert "TELEMETRY\tName: watcher\tState: Subscribed\tTypes: [Platform, Function]" in log


def test_lines_over_tcp_and_json_logs_as_objects(service, function):
    body = {"schemaVersion": "2025-01-29", "types": ["platform", "function", "extension"], "buffering": FAST}
    old = {"schemaVersion": "2022-07-01", "types": ["function"], "buffering": FAST}
    layers = [subscriber(service, protocol="TCP", body=body), subscriber(service, "older", body=old, port=4244)]
    made = watched(function, *layers, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "DEBUG"})
    made.invoke({"object": True})
    found = received(made, "platform.report", 1)
    assert records(found, "function")[:2] == [
        "hello \n",
        {"level": "INFO", "timestamp": "2026-01-01T00:00:00Z", "n": 1.0},
    ]
    assert 'subscribe 200 "OK"\n' in records(found, "extension")
    assert kinds(found)[0] == "initStart" and kinds(found).count("telemetrySubscription") == 2
    for event in found:
        assert event["type"] not in RECORDS or check(event["record"], RECORDS[event["type"]]), event
    received(made, '{\\"level', 1, "older")
    texts = [event for event in events(made.environment(), "older") if '"n": 1.0' in event["record"]]
    assert [event["type"] for event in texts] == ["function"], "objects came with a later schema"
    subscriptions = [line for line in made.log().splitlines() if '"platform.telemetrySubscription"' in line]
    assert {json.loads(line)["record"]["name"] for line in subscriptions} == {"older", "watcher"}


def test_the_logs_api_has_its_own_events(service, function):
    body = {"schemaVersion": "2021-03-18", "types": ["platform", "function"], "buffering": FAST}
    made = watched(function, subscriber(service, api="logs", method="PUT", body=body))
    answer = made.invoke({"size": 5})
    assert made.invoke({"exit": True}).error == "Unhandled"
    # The last of what the crash has said.
    found = received(made, "platform.fault", 1)
    kept = [kind for kind in kinds(found) if kind != "function"]
    assert kept[:6] == ["logsSubscription", "extension", "start", "runtimeDone", "end", "report"]
    assert not any(kind.startswith("init") for kind in kept)
    assert records(found, "runtimeDone")[0] == {"requestId": answer.request_id, "status": "success"}
    assert records(found, "end")[0] == {"requestId": answer.request_id}
    assert set(records(found, "report")[0]) == {"requestId", "metrics"}
    (fault,) = records(found, "fault")
    assert fault.endswith("Error: Runtime exited with error: exit status 3\nRuntime.ExitError\n")
    assert {batch["method"] for batch in batches(made.environment())} == {"PUT"}
    assert "LOGS\tName: watcher\tState: Subscribed\tTypes: [Platform, Function]" in made.log()


def test_an_internal_extension_hears_what_was_said_before_it_subscribed(function):
    inside = """
import os, runpy, threading, time
print("first of all", flush=True)
threading.Thread(target=runpy.run_path, args=["inner.py"], daemon=True).start()
while not os.path.exists("/tmp/inner.subscribed"):
    time.sleep(0.01)
"""
    files = {"app.py": CODE + inside, "inner.py": script(name="inner", events=["INVOKE"], body={"buffering": FAST})}
    made = function(zipped(files), Timeout=30)
    made.invoke({})
    found = received(made, "platform.report", 1, "inner")
    first = kinds(found).index("initRuntimeDone")
    assert kinds(found)[0] == "initStart" and "first of all\n" in records(found[:first], "function")
    assert [one["name"] for one in records(found, "extension")] == ["inner"]
    assert records(found, "report")[0]["spans"][0]["name"] == "extensionOverhead"


def test_what_is_refused(service, function):
    refused = [
        {"schemaVersion": "2021-03-18"},
        {"types": []},
        {"types": ["all"], "destination": {"protocol": "TCP"}},
        {"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:9001"}},
        {"destination": {"protocol": "HTTP", "URI": "http://example.com:80"}},
        {"buffering": {"maxItems": 999}},
        {"buffering": {"maxBytes": 1048577}},
        {"buffering": {"timeoutMs": 24}},
    ]
    made = watched(function, subscriber(service, refused=refused, late=True, stranger=True))
    made.invoke({})
    wait_for("the late one", lambda: "SubscriptionClosed" in made.log())
    said = [line.removeprefix("subscribe ") for line in made.log().splitlines() if line.startswith("subscribe ")]
    answers = [(line[:3], json.loads(line[4:])) for line in said]
    invalid = [answer["errorMessage"] for status, answer in answers[:8] if status == "400"]
    assert {answer["errorType"] for _, answer in answers[:8]} == {"ValidationError"}
    assert invalid == [
        "schemaVersion 2021-03-18 is not supported",
        "types should not be empty",
        "port is not provided; type all is not supported",
        "port 9001 is reserved",
        "URI host should be sandbox.localdomain",
        "buffering.maxItems should be between 1000 and 10000",
        "buffering.maxBytes should be between 262144 and 1048576",
        "buffering.timeoutMs should be between 25 and 30000",
    ]
    forbidden = [(status, answer["errorType"]) for status, answer in answers[8:11]]
    assert forbidden == [
        ("403", "Extension.MissingExtensionIdentifier"),
        ("403", "Extension.InvalidExtensionIdentifier"),
        ("403", "Extension.UnknownExtensionIdentifier"),
    ]
    assert answers[11] == ("200", "OK")
    closed = {"errorType": "Telemetry.SubscriptionClosed", "errorMessage": "Telemetry API subscription is closed"}
    assert answers[12] == ("403", closed)


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [("HTTP", answer) for answer in ("dead", "never", "garbage", "endless", 500)] + [("TCP", "dead"), ("TCP", "never")],
)
def test_a_subscriber_that_takes_nothing_or_never_ends_delays_nobody(service, function, protocol, answer):
    body = {"types": ["platform", "function"], "buffering": FAST}
    made = watched(function, subscriber(service, answer=answer, protocol=protocol, body=body))
    for _ in range(5):
        assert made.invoke({"lines": 10_000, "size": 3}, tail=False).json == "xxx"
        # The caller has its answer; what was printed is still on its way.
        made.environment("Idle")
    assert sum(line.startswith("line ") for line in made.log().splitlines()) == 50_000


def test_what_a_slow_subscriber_has_missed_is_counted_in_its_place(service, function):
    made = watched(function, subscriber(service, answer=500, body={"buffering": FAST}))
    made.invoke({"lines": 60_000}, tail=False)
    made.environment("Idle").release("recover")
    found = received(made, "platform.logsDropped", 1)
    for event in found:
        assert event["type"] not in RECORDS or check(event["record"], RECORDS[event["type"]]), event
    came = sum(
        kind == "function" and "line " in event["record"] for kind, event in zip(kinds(found), found, strict=True)
    )
    missed = sum(dropped["droppedRecords"] for dropped in records(found, "logsDropped"))
    assert came < 60_000 and missed > 0 and records(found, "logsDropped")[0]["droppedBytes"] > missed


def test_json_logs_say_what_a_subscriber_has_missed(service, function):
    made = watched(
        function,
        subscriber(service, answer=500, body={"buffering": FAST}),
        LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"},
    )
    made.invoke({"lines": 60_000}, tail=False)
    made.environment("Idle").release("recover")
    # Once some of it has come, there is room for what comes last.
    received(made, "platform.logsDropped", 1)
    made.invoke({"say": "at last"}, tail=False)
    sent = received(made, "hello at last", 1)
    found = service.client("logs").filter_log_events(
        logGroupName=f"/aws/lambda/{made.name}", filterPattern='"platform.logsDropped"'
    )["events"]
    dropped = [json.loads(event["message"])["record"] for event in found]
    assert dropped and all(check(record, RECORDS["platform.logsDropped"]) for record in dropped), found
    for count in ("droppedRecords", "droppedBytes"):
        told = sum(record[count] for record in records(sent, "logsDropped"))
        assert told == sum(record[count] for record in dropped), "the subscriber hears of the same"
    came = sum(kind == "function" for kind in kinds(sent))
    missed = sum(record["droppedRecords"] for record in dropped)
    assert came < 60_000 <= came + missed < 60_100, "the lines, and a few events of the platform"


def test_the_callers_trace_is_named_where_it_is_sampled(service, function):
    made = watched(function, subscriber(service, body={"buffering": FAST}))
    root = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled="

    def traced(sampled):
        def add(request, **_):
            request.headers.add_header("X-Amzn-Trace-Id", sampled)

        # The client is everybody's.
        events = service.client().meta.events
        events.register("before-sign.lambda.Invoke", add)
        try:
            return made.invoke().request_id
        finally:
            events.unregister("before-sign.lambda.Invoke", add)

    wanted, unwanted = traced(root + "1"), traced(root + "0")
    found = received(made, "platform.report", 2)
    for kind in ("start", "runtimeDone", "report"):
        tracing = {record["requestId"]: record.get("tracing") for record in records(found, kind)}
        assert tracing[wanted] == {"type": "X-Amzn-Trace-Id", "value": root + "1"} and tracing[unwanted] is None, kind


def test_ten_thousand_lines_arrive_whole_and_in_order(service, function):
    body = {"types": ["function"], "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 30_000}}
    made = watched(function, subscriber(service, body=body))
    made.invoke({"lines": 10_000}, tail=False)
    found = received(made, "line 9998", 1)
    assert [len(batch["events"]) for batch in batches(made.environment())][:10] == [1000] * 10, "full ones, at once"
    lines = [record for record in records(found, "function") if record.startswith("line ")]
    assert lines == [f"line {number}\n" for number in range(len(lines))] and len(lines) > 9_900


def test_the_end_of_a_failure_a_timeout_and_an_environment(service, function):
    made = watched(function, subscriber(service, body={"buffering": {"timeoutMs": 30_000}}), Timeout=5)
    made.invoke({})
    crash = made.invoke({"exit": True})
    timeout = made.invoke({"sleep": 60})
    last = made.invoke({})
    made.environment("Idle")
    found = events(made.environment())
    done = {record["requestId"]: record for record in records(found, "runtimeDone")}
    assert (done[crash.request_id]["status"], done[crash.request_id]["errorType"]) == ("error", "Runtime.ExitError")
    assert done[timeout.request_id]["status"] == "timeout" and "spans" not in done[timeout.request_id]
    reports = {record["requestId"]: record["status"] for record in records(found, "report")}
    assert reports[crash.request_id] == "error", "told to those who came after it"
    assert [start["phase"] for start in records(found, "initStart")] == ["init", "invoke"]
    made.replace(zipped({"app.py": CODE + "\n"}))
    lines = logged(made, "kept 4 platform.report")
    assert place(lines, f"START RequestId: {last.request_id}") < place(lines, "kept 4 platform.report")


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_a_subscriber_with_the_crate_of_aws(service, function, runtime):
    program = {"extensions/crate": (TARGET / "examples/rust-extension/bootstrap").read_bytes()}
    code = {"python3.11": {"app.py": CODE}, "nodejs20.x": {"index.mjs": "export const handler = async () => 1;"}}
    made = function(zipped(code[runtime]), runtime, Layers=[layer(service, {}, **program)], Timeout=30)
    answer = made.invoke({})
    made.replace(zipped(code[runtime] | {"more": ""}))
    lines = logged(made, "rust-extension SHUTDOWN")
    assert "TELEMETRY\tName: crate\tState: Subscribed\tTypes: [Platform]" in lines
    for kind in ("initStart", "start", "runtimeDone", "report"):
        assert any(line.startswith(f"rust-extension platform {kind}") for line in lines), kind
    assert f"rust-extension platform report {answer.request_id}" in lines


@pytest.mark.parametrize("lines", [0, 334])
def test_who_waits_for_an_environment_is_answered_whatever_is_due_to_subscribers(service, function, lines):
    """A batch that is full, or late, in the moment in which the environment goes from one caller to the next."""
    buffering = {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 30_000 if lines else 25}
    made = watched(function, subscriber(service, body={"buffering": buffering}))
    made.client.put_function_concurrency(FunctionName=made.name, ReservedConcurrentExecutions=1)
    made.invoke({})

    def call(_):
        # Only who comes while it is about to be free waits; all others are refused.
        while True:
            with suppress(made.client.exceptions.TooManyRequestsException):
                return made.invoke({"lines": lines}).error

    with ThreadPoolExecutor(3) as callers:
        assert set(callers.map(call, range(100))) == {None}
    assert len(made.environments()) == 1
