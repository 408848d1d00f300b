"""`LoggingConfig`: JSON logs as the unmodified clients and the platform write them, their levels, and groups of one's own."""

import json
import re

import pytest
from botocore.exceptions import ClientError

from support.functions import PRESENT, kind_of, zipped

TALKATIVE = {
    "python": {
        "app.py": """
import logging, time
log = logging.getLogger()
def handler(event, context):
    if event.get("sleep"):
        time.sleep(30)
    log.debug("fine"), log.info("usual"), log.error("bad")
    print("plain")
    print('{"level":"debug","timestamp":"2026-01-01T00:00:00Z","message":"own"}', flush=True)
    return len(context.log_group_name)
"""
    },
    "nodejs": {
        "index.mjs": """
export const handler = async (event) => {
    if (event.sleep) await new Promise(done => setTimeout(done, 30000));
    console.debug("fine"); console.info("usual"); console.error("bad");
    process.stdout.write('plain\\n');
    process.stdout.write('{"level":"debug","timestamp":"2026-01-01T00:00:00Z","message":"own"}\\n');
};
"""
    },
}
RUNTIMES = [runtime for runtime in ("python3.11", "nodejs20.x") if runtime in PRESENT]


def lines(made, group=None):
    """What was logged, JSON read."""
    logs = made.service.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group or f"/aws/lambda/{made.name}")
    found = [event["message"].rstrip("\n") for page in pages for event in page["events"]]
    return [json.loads(line) if line.startswith("{") else line for line in found]


def platform(logged, kind):
    return [line["record"] for line in logged if isinstance(line, dict) and line.get("type") == f"platform.{kind}"]


def kinds(logged):
    return [line["type"] for line in logged if isinstance(line, dict) and "type" in line and "record" in line]


def by_pipe(messages):
    """What the client's loggers said, and what was printed: two pipes, which have no order in common."""
    printed = [message for message in messages if message in ("plain", "own")]
    return [message for message in messages if message not in printed], printed


def said(logged):
    """What the function said: messages of JSON lines, and other lines."""
    return [line if isinstance(line, str) else line["message"] for line in logged if "record" not in line]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_json_logs_have_records_and_what_the_client_makes_of_its_loggers(function, runtime):
    made = function(zipped(TALKATIVE[kind_of(runtime)]), runtime, LoggingConfig={"LogFormat": "JSON"}, MemorySize=256)
    answer = made.invoke({})
    logged = lines(made)
    assert kinds(logged) == ["platform.initStart", "platform.start", "platform.report"]
    assert by_pipe(said(logged)) == (["usual", "bad"], ["plain"]), "debug is below INFO"
    assert all("requestId" in line for line in logged if isinstance(line, dict) and line.get("message") == "usual")
    (init,) = platform(logged, "initStart")
    assert {event["logStreamName"] for event in made.events()} == {init["instanceId"]}
    assert init["instanceMaxMemory"] == 256 << 20, "bytes"
    assert (init["initializationType"], init["phase"]) == ("on-demand", "init")
    assert (init["functionName"], init["functionVersion"]) == (made.name, "$LATEST")
    assert platform(logged, "start") == [{"requestId": answer.request_id, "version": "$LATEST"}]
    (report,) = platform(logged, "report")
    assert (report["requestId"], report["status"]) == (answer.request_id, "success")
    metrics = report["metrics"]
    assert set(metrics) == {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"}
    assert metrics["billedDurationMs"] >= metrics["durationMs"] + metrics["initDurationMs"] - 0.01
    # What a client writes in frames has no end of a line in JSON, and none is put there.
    tail = re.findall(r'"type":"(platform\.\w+)"', answer.tail)
    assert tail == ["platform.start", "platform.report"], "the tail is of this invocation, in JSON"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_levels_of_application_and_system(function, runtime):
    code = zipped(TALKATIVE[kind_of(runtime)])
    config = {"LogFormat": "JSON", "ApplicationLogLevel": "ERROR", "SystemLogLevel": "WARN"}
    made = function(code, runtime, LoggingConfig=config, Timeout=3)
    made.invoke({})
    assert lines(made) == [line for line in lines(made) if line["level"] == "ERROR"]
    assert said(lines(made)) == ["bad"], "a line without a level is of level INFO"
    assert made.invoke({"sleep": True}).error == "Unhandled"
    (report,) = platform(lines(made), "report")
    assert (report["status"], report["metrics"]["durationMs"]) == ("timeout", 3000.0)
    config = {"ApplicationLogLevel": "DEBUG", "SystemLogLevel": "DEBUG"}
    made.configure(LoggingConfig=config)
    before = len(lines(made))
    made.invoke({})
    logged = lines(made)[before:]
    assert kinds(logged) == [
        f"platform.{kind}" for kind in ("initStart", "initRuntimeDone", "initReport", "start", "runtimeDone", "report")
    ]
    assert by_pipe(said(logged)[-5:]) == (["fine", "usual", "bad"], ["plain", "own"])
    (done,) = platform(logged, "runtimeDone")
    assert done["status"] == "success" and done["metrics"]["producedBytes"] > 0


def test_a_failed_init_is_a_warning(function):
    made = function(
        zipped({"app.py": "raise ValueError('no')"}), LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"}
    )
    made.invoke({})
    logged = lines(made)
    assert [report["phase"] for report in platform(logged, "initReport")] == ["init", "invoke"]
    assert {report["status"] for report in platform(logged, "initReport")} == {"error"}
    (report,) = platform(logged, "report")
    assert report["status"] == "error" and report["errorType"].startswith("Runtime.")
    errors = [line for line in logged if isinstance(line, dict) and line.get("level") == "ERROR"]
    assert errors and all(line["errorType"] == "ValueError" for line in errors), "the client's own account, in JSON"


def test_settings_are_kept_shown_and_refused_as_on_aws(function):
    made = function(zipped(TALKATIVE["python"]))
    name, client = made.name, made.client
    default = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}

    def shown():
        return client.get_function_configuration(FunctionName=name)["LoggingConfig"]

    assert shown() == default == client.get_function(FunctionName=name)["Configuration"]["LoggingConfig"]
    for wrong in ({"ApplicationLogLevel": "INFO"}, {"LogFormat": "Text", "SystemLogLevel": "DEBUG"}):
        with pytest.raises(ClientError) as refused:
            client.update_function_configuration(FunctionName=name, LoggingConfig=wrong)
        assert refused.value.response["Error"] == {
            "Code": "InvalidParameterValueException",
            "Message": 'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request '
            'or change the LogFormat to "JSON" and try again.',
        }
    for wrong in ({"LogFormat": "XML"}, {"LogFormat": "JSON", "SystemLogLevel": "ERROR"}, {"LogGroup": "with space"}):
        with pytest.raises(ClientError) as refused:
            client.update_function_configuration(FunctionName=name, LoggingConfig=wrong)
        assert refused.value.response["Error"]["Code"] == "ValidationException", wrong
    made.configure(LoggingConfig={"LogFormat": "JSON"})
    info = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
    assert shown() == default | info
    made.configure(LoggingConfig={"SystemLogLevel": "DEBUG"})
    assert shown() == default | info | {"SystemLogLevel": "DEBUG"}
    made.configure(LoggingConfig={"LogFormat": "Text"})
    assert shown() == default


def test_functions_share_a_group_of_their_own(function):
    group = "/shared/one.of_our#own"
    one, two = (function(zipped(TALKATIVE["python"]), LoggingConfig={"LogGroup": group}) for _ in range(2))
    for made in (one, two):
        assert made.invoke({}).json == len(group)
    logs = one.service.client("logs")
    streams = [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    for made in (one, two):
        name = re.compile(rf"\d{{4}}/\d\d/\d\d/{made.name}\[\$LATEST\][0-9a-f]{{32}}")
        assert len([stream for stream in streams if name.fullmatch(stream)]) == 1, streams
    assert logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{one.name}")["logGroups"] == []
    assert len([line for line in lines(one, group) if str(line).startswith("REPORT")]) == 2
