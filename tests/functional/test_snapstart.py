"""SnapStart's contract: what functions, callers and the log see of it. There is no snapshot: see README."""

import json
import math
import re

import pytest
from botocore.exceptions import ClientError

from support.functions import PRESENT, zipped
from support.service import wait_for
from support.telemetry import FAST, RECORDS, check, events, kinds, records, subscriber
from support.urls import Url

# Those whose client knows hooks.
RUNTIMES = [name for name in PRESENT if re.fullmatch(r"python3\.(1[2-9]|[2-9]\d)", name)]
ON = {"ApplyOn": "PublishedVersions"}
CODE = """
import os, time
from snapshot_restore_py import register_before_snapshot, register_after_restore
done = []
def before():
    print("before the snapshot")
    done.append("before")
    if os.environ.get("FAIL") == "before": raise ValueError("not before")
    if os.environ.get("FAIL") == "end before": os._exit(3)
def after():
    print("after the restore")
    done.append("after")
    time.sleep(float(os.environ.get("SLEEP", "0")))
    if os.environ.get("FAIL") == "after": raise ValueError("not after")
    if os.environ.get("FAIL") == "end after": os.kill(os.getpid(), 9)
register_before_snapshot(before)
register_after_restore(after)
print("loaded")
def received():
    # The subscriber makes the file with the first batch that it gets.
    return open("/tmp/watcher.batches").read() if os.path.exists("/tmp/watcher.batches") else ""
def handler(event, context):
    if event.get("exit"): os._exit(3)
    while event.get("await") and event["await"] not in received(): time.sleep(0.01)
    names = ("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME")
    return {"done": done, "variables": {name: os.environ.get(name) for name in names}}
"""
PLATFORM = re.compile("(INIT_START|INIT_REPORT|RESTORE_START|RESTORE_REPORT|START|END|REPORT) ")


@pytest.fixture
def snapstart(function):
    """Makes functions with SnapStart whose version 1 is published."""
    if not RUNTIMES:
        pytest.skip("no runtime of Python 3.12 or later is here")

    def make(runtime=RUNTIMES[-1], variables=None, **settings):
        environment = {"Variables": variables or {}}
        made = function(zipped({"app.py": CODE}), runtime, SnapStart=ON, Environment=environment, **settings)
        assert made.publish() == "1"
        return made

    return make


def lines_of(made, version):
    """The log of one version, and the same without what the platform's lines say after their names."""
    found = [event for event in made.events() if f"[{version}]" in event["logStreamName"]]
    lines = [event["message"].rstrip("\n") for event in found]
    return lines, [match[1] if (match := PLATFORM.match(line)) else line for line in lines]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_hooks_run_around_the_restore_and_the_log_says_so(snapstart, runtime):
    made = snapstart(runtime)
    cold = made.invoke({}, Qualifier="1")
    assert cold.json["done"] == ["before", "after"]
    variables = {name: None for name in ("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME")}
    assert cold.json["variables"] == variables | {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    warm = made.invoke({}, Qualifier="1")
    assert warm.json["done"] == ["before", "after"], "the same environment"
    lines, names = lines_of(made, 1)
    assert names == [
        *("INIT_START", "loaded", "before the snapshot", "INIT_REPORT"),
        *("RESTORE_START", "after the restore", "RESTORE_REPORT"),
        *("START", "END", "REPORT", "START", "END", "REPORT"),
    ]
    assert re.fullmatch(r"INIT_REPORT Init Duration: \d+\.\d\d ms", lines[3])
    version = lines[0].removeprefix("INIT_START ")
    assert lines[4] == f"RESTORE_START {version}", "the same runtime"
    took = re.fullmatch(r"RESTORE_REPORT Restore Duration: (\d+\.\d\d) ms", lines[6])[1]
    report = cold.report
    assert report["init"] is None and report["restore"] == took
    duration, restore = float(report["duration"]), float(took)
    ceilings = {math.ceil(duration + d) + math.ceil(restore + r) for d in (-0.005, 0.005) for r in (-0.005, 0.005)}
    assert int(report["billed"]) in ceilings
    assert int(report["billed"]) - int(report["restore_billed"]) in {math.ceil(duration + d) for d in (-0.005, 0.005)}
    assert warm.report["restore"] is None and warm.report["init"] is None


def test_the_trace_has_the_restore_between_init_and_the_invocation(service, snapstart, tmp_path):
    made = snapstart()
    report = made.invoke({}, Qualifier="1").report
    made.environment("Idle")
    file = tmp_path / "trace.json"
    service.hearth("trace", made.name, "--format", "perfetto", "--output", file)
    spans = [event for event in json.loads(file.read_text())["traceEvents"] if event["ph"] == "X"]
    phases = sorted((span for span in spans if span["cat"] == "phase"), key=lambda span: span["ts"])
    assert [span["name"] for span in phases[:4]] == ["Sandbox", "Init", "Restore", "Invoke 1"]
    restore, invoke = phases[2], phases[3]
    assert abs(restore["dur"] / 1000 - float(report["restore"])) <= 0.0051
    assert invoke["args"]["restoreDurationUs"] == restore["dur"]
    assert f"<td>{report['restore']} ms restore</td>" in service.hearth("trace", made.name, "--output", "-").stdout


def test_latest_is_initialised_on_demand_and_versions_of_before_stay(snapstart):
    made = snapstart()
    answer = made.invoke({})
    assert answer.json["done"] == [] and answer.report["init"]
    assert answer.json["variables"]["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    shown = {
        qualifier: made.client.get_function_configuration(FunctionName=made.name, Qualifier=qualifier)["SnapStart"]
        for qualifier in ("$LATEST", "1")
    }
    assert shown == {"$LATEST": ON | {"OptimizationStatus": "Off"}, "1": ON | {"OptimizationStatus": "On"}}
    made.configure(SnapStart={"ApplyOn": "None"})
    assert made.publish() == "2"
    config = made.client.get_function_configuration(FunctionName=made.name, Qualifier="2")
    assert config["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert made.invoke({}, Qualifier="2").report["init"]
    assert made.invoke({}, Qualifier="1").report["restore"]


def test_telemetry_has_the_restore(service, snapstart):
    made = snapstart(Layers=[subscriber(service, body={"buffering": FAST})], Timeout=30)
    # Nobody sends to who is frozen: an invocation waits for what there was before it.
    for kind in ("platform.restoreReport", "platform.report"):
        answer = made.invoke({"await": kind}, Qualifier="1")
        assert answer.error is None, answer.tail
    found = events(made.environment())
    for event in found:
        assert event["type"] == "function" or check(event["record"], RECORDS[event["type"]]), event
    platform = [kind for kind in kinds(found) if kind != "function"]
    # Whoever is first: the runtime has started when the extension subscribes.
    assert platform.index("telemetrySubscription") in (1, 2)
    assert [kind for kind in platform if kind != "telemetrySubscription"][:9] == [
        *("initStart", "initRuntimeDone", "extension", "initReport"),
        *("restoreStart", "restoreRuntimeDone", "restoreReport", "start", "runtimeDone"),
    ]
    assert {record["initializationType"] for record in records(found, "initReport")} == {"snap-start"}
    ((restored,), (done,)) = (records(found, kind) for kind in ("restoreReport", "restoreRuntimeDone"))
    assert done == {"status": "success"} and restored["status"] == "success"
    metrics = records(found, "report")[0]["metrics"]
    assert metrics["restoreDurationMs"] == restored["metrics"]["durationMs"] and "initDurationMs" not in metrics
    assert metrics["billedRestoreDurationMs"] == math.ceil(metrics["restoreDurationMs"])


def test_json_logs_have_the_restore(snapstart):
    made = snapstart(LoggingConfig={"LogFormat": "JSON"})
    made.invoke({}, Qualifier="1")
    wait_for("REPORT", lambda: "platform.report" in made.log())
    types = [json.loads(line).get("type") for line in lines_of(made, 1)[0] if line.startswith("{")]
    expected = ["initStart", "initReport", "restoreStart", "restoreReport", "start", "report"]
    assert [kind.removeprefix("platform.") for kind in types if kind] == expected, "at level INFO"


def test_a_hook_after_the_restore_that_fails_is_the_callers_error(snapstart):
    made = snapstart(variables={"FAIL": "after"})
    with pytest.raises(ClientError) as refused:
        made.invoke({}, Qualifier="1")
    assert refused.value.response["Error"]["Code"] == "SnapStartException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    lines, names = lines_of(made, 1)
    assert "START" not in names and any("ValueError: not after" in line for line in lines), lines
    (report,) = (line for line in lines if line.startswith("RESTORE_REPORT"))
    assert report.endswith("\tStatus: error\tError Type: Runtime.AfterRestoreError"), report
    made.configure(Environment={"Variables": {}})
    assert made.invoke({}, Qualifier=made.publish()).json["done"] == ["before", "after"]


def test_a_hook_before_the_snapshot_that_fails_is_a_failed_init(snapstart):
    made = snapstart(variables={"FAIL": "before"})
    answer = made.invoke({}, Qualifier="1")
    assert answer.error == "Unhandled" and answer.json["errorMessage"] == "not before"
    lines, names = lines_of(made, 1)
    assert "RESTORE_START" not in names and names.count("INIT_START") == 1, lines
    (report,) = (line for line in lines if line.startswith("INIT_REPORT"))
    assert report.endswith("\tPhase: init\tStatus: error\tError Type: Runtime.BeforeSnapshotError"), report


def test_a_process_that_ends_in_a_hook(snapstart):
    made = snapstart(variables={"FAIL": "end before"})
    answer = made.invoke({}, Qualifier="1")
    assert answer.error == "Unhandled" and answer.json["errorType"] == "Runtime.ExitError"
    assert answer.json["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    assert lines_of(made, 1)[0][-1].endswith("\tPhase: init\tStatus: error\tError Type: Runtime.ExitError")
    made.configure(Environment={"Variables": {"FAIL": "end after"}})
    with pytest.raises(ClientError) as refused:
        made.invoke({}, Qualifier=made.publish())
    assert refused.value.response["Error"]["Code"] == "SnapStartException"
    lines, names = lines_of(made, 2)
    assert names[-1] == "RESTORE_REPORT" and lines[-1].endswith("\tStatus: error\tError Type: Runtime.ExitError")


def test_an_alias_leads_to_a_restored_version_and_a_url_says_only_that_it_failed(snapstart):
    made = snapstart(variables={"FAIL": "after"})
    made.client.create_alias(FunctionName=made.name, Name="live", FunctionVersion="1")
    with pytest.raises(ClientError, match="SnapStartException"):
        made.invoke({}, Qualifier="live")
    url = Url(made, qualifier="live")
    response, body = url.send()
    assert (response.status, body) == (502, b"Internal Server Error")
    made.configure(Environment={"Variables": {}})
    made.client.update_alias(FunctionName=made.name, Name="live", FunctionVersion=made.publish())
    answer = made.invoke({}, Qualifier="live")
    assert answer.report["restore"] and answer.response["ExecutedVersion"] == "2"
    assert url.json()["done"] == ["before", "after"]


def test_hooks_after_the_restore_have_ten_seconds(snapstart):
    made = snapstart(variables={"SLEEP": "60"}, Timeout=30)
    with pytest.raises(ClientError) as refused:
        made.invoke({}, Qualifier="1")
    assert refused.value.response["Error"]["Code"] == "SnapStartTimeoutException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 408
    (report,) = (line for line in lines_of(made, 1)[0] if line.startswith("RESTORE_REPORT"))
    took, status = re.fullmatch(r"RESTORE_REPORT Restore Duration: (\d+\.\d\d) ms\t(.*)", report).groups()
    assert float(took) >= 10_000 and status == "Status: timeout"


def test_after_a_crash_another_environment_is_restored(snapstart):
    made = snapstart()
    assert made.invoke({"exit": True}, Qualifier="1").error == "Unhandled"
    again = made.invoke({}, Qualifier="1")
    assert again.json["done"] == ["before", "after"] and again.report["restore"]
    streams = {event["logStreamName"] for event in made.events()}
    assert len(streams) == 2


@pytest.mark.parametrize(
    ("runtime", "settings", "what"),
    [
        ("python3.11", {}, "python3.11"),
        ("nodejs22.x", {}, "nodejs22.x"),
        ("provided.al2023", {}, "provided.al2023"),
        (None, {"EphemeralStorage": {"Size": 513}}, "Ephemeral storage of more than 512 MB"),
    ],
)
def test_what_cannot_be_restored_is_refused(function, runtime, settings, what):
    if runtime is None and not RUNTIMES:
        pytest.skip("no runtime of Python 3.12 or later is here")
    with pytest.raises(ClientError) as refused:
        function("probe.py", runtime or RUNTIMES[-1], Handler="app.handler", SnapStart=ON, **settings)
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidParameterValueException"
    assert error["Message"] == f"{what} is not supported for SnapStart enabled functions."


def test_a_function_with_snapstart_cannot_become_what_cannot_be_restored(snapstart):
    made = snapstart()
    for change in ({"Runtime": "python3.11"}, {"EphemeralStorage": {"Size": 1024}}):
        with pytest.raises(ClientError, match="is not supported for SnapStart enabled functions"):
            made.client.update_function_configuration(FunctionName=made.name, **change)
