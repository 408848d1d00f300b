"""Subscribers to telemetry, what they were sent, and the schema of the Telemetry API, member by member."""

import json
import re

from support.extensions import layer
from support.functions import SOURCES

SUBSCRIBER = (SOURCES / "subscriber.py").read_text()
FAST = {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25}


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def number(value):
    return isinstance(value, (int, float)) and value >= 0


def integer(value):
    return isinstance(value, int) and value >= 0


def text(value):
    return isinstance(value, str) and value != ""


def one_of(*words):
    return lambda value: value in words


def spans(*names):
    def check(value):
        return [sorted(span) for span in value] == [["durationMs", "name", "start"]] * len(names) and all(
            span["name"] == name and TIME.fullmatch(span["start"]) and number(span["durationMs"])
            for span, name in zip(value, names, strict=True)
        )

    return check


INIT = {"initializationType": one_of("on-demand", "snap-start"), "phase": one_of("init", "invoke")}
STATUS = {"status": one_of("success", "error", "failure", "timeout")}
TRACE = {"tracing?": {"type": one_of("X-Amzn-Trace-Id"), "value": text}}
REPORT = {name: number for name in ("durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB")}
INSTANCE = {
    name: text for name in ("runtimeVersion", "runtimeVersionArn", "functionName", "functionVersion", "instanceId")
} | {"instanceMaxMemory": one_of(128 << 20)}
# Members that a record must have, and those that it may have ("?").
RECORDS = {
    "platform.initStart": INIT | INSTANCE,
    "platform.initRuntimeDone": INIT | STATUS | {"errorType?": text},
    "platform.initReport": INIT | STATUS | {"errorType?": text, "metrics": {"durationMs": number}},
    "platform.restoreStart": INSTANCE,
    "platform.restoreRuntimeDone": STATUS | {"errorType?": text},
    "platform.restoreReport": STATUS | {"errorType?": text, "metrics": {"durationMs": number}},
    "platform.extension": {"name": text, "state": text, "events": one_of(["INVOKE", "SHUTDOWN"]), "errorType?": text},
    "platform.telemetrySubscription": {"name": text, "state": one_of("Subscribed"), "types": list},
    "platform.start": TRACE | {"requestId": UUID.fullmatch, "version": one_of("$LATEST", "1")},
    "platform.runtimeDone": STATUS
    | TRACE
    | {
        "requestId": UUID.fullmatch,
        "errorType?": text,
        "metrics": {"durationMs": number, "producedBytes": integer},
        "spans?": spans("responseLatency", "responseDuration", "runtimeOverhead"),
    },
    "platform.report": STATUS
    | TRACE
    | {
        "requestId": UUID.fullmatch,
        "errorType?": text,
        "metrics": REPORT
        | {"initDurationMs?": number, "restoreDurationMs?": number, "billedRestoreDurationMs?": integer},
        "spans?": spans("extensionOverhead"),
    },
    "platform.logsDropped": {"droppedBytes": integer, "droppedRecords": integer, "reason": text},
}


def check(record, wanted):
    """That a record has the members of the schema, and no others."""
    if not isinstance(wanted, dict):
        return bool(wanted(record))
    names = {name.rstrip("?") for name in wanted}
    needed = {name for name in wanted if not name.endswith("?")}
    if not isinstance(record, dict) or not needed <= set(record) <= names:
        return False
    return all(check(record[name.rstrip("?")], one) for name, one in wanted.items() if name.rstrip("?") in record)


def script(**wish):
    """tests/functions/subscriber.py as it is wished."""
    return SUBSCRIBER.replace("WISH = {}", f"WISH = {wish!r}", 1)


def subscriber(service, name="watcher", **wish):
    """A layer with tests/functions/subscriber.py that does as it is wished."""
    return layer(service, {}, **{f"extensions/{name}": script(**wish)})


def batches(environment, name="watcher"):
    try:
        lines = environment.path(f"/tmp/{name}.batches").read_text().split("\n")[:-1]
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines]


def events(environment, name="watcher"):
    return [event for batch in batches(environment, name) for event in batch["events"]]


def kinds(found):
    return [event["type"].removeprefix("platform.") for event in found]


def records(found, kind):
    return [event["record"] for event in found if event["type"] in (kind, f"platform.{kind}")]


def received(made, kind, count, name="watcher"):
    """What the subscriber in the one environment has got, once `count` events of a kind are among it: an invocation waits
    for them, because nobody sends to who is frozen."""
    answer = made.invoke({"await": [name, kind, count]})
    assert answer.error is None, answer.tail
    return events(made.environment(), name)
