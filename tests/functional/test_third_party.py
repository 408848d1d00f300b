"""Libraries of others that lean on the execution environment: they run unchanged, and what they see is what AWS shows.

docs/third-party.md says which others were tried.
"""

import base64
import gzip
import json
import os
import shutil
import subprocess

import pytest

from support.functions import Function, zipped
from support.service import HEARTH, ROOT, wait_for

# Installing is in it.
pytestmark = pytest.mark.timeout(600)
INSTALL_S = 300
SOURCES = ROOT / "tests/packages"
TRACE = "0af7651916cd43dd8448eb211c80319c"


def deployed(service, folder):
    """In a runtime whose client leaves Python's main thread free for signals: 3.12 and later."""
    name, runtime = f"packages-{folder}", "python3.13"
    options = ["--install", "--name", name, "--runtime", runtime, "--handler", "app.handler", "--memory", "512"]
    command = [HEARTH, "deploy", SOURCES / folder, *options]
    subprocess.run(command, env={**os.environ, "HEARTH_ENDPOINT": service.endpoint}, check=True, timeout=INSTALL_S)
    yield Function.existing(service, name, runtime)
    service.client().delete_function(FunctionName=name)


@pytest.fixture(scope="module")
def made(service):
    yield from deployed(service, "observed")


@pytest.fixture(scope="module")
def traced(service):
    yield from deployed(service, "traced")


@pytest.fixture(scope="module")
def extended(service, tmp_path_factory):
    """A function with the layer that the package is."""
    folder, package = tmp_path_factory.mktemp("extension"), "@serverless/aws-lambda-otel-extension-dist"
    shutil.copytree(SOURCES / "extension", folder, dirs_exist_ok=True)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=INSTALL_S)
    content = {"ZipFile": (folder / "node_modules" / package / "extension.zip").read_bytes()}
    layer = service.client().publish_layer_version(LayerName="otel-extension", Content=content)
    wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/otel-extension/otel-handler", "SLS_OTEL_REPORT_TYPE": "json"}
    settings = {"MemorySize": 1024, "Timeout": 20, "Layers": [layer["LayerVersionArn"]]}
    code = zipped({"index.js": "exports.handler = async () => 'handled'"})
    function = Function(service, code, "nodejs20.x", Environment={"Variables": wrapper}, **settings)
    yield function
    function.client.delete_function(FunctionName=function.name)
    service.client().delete_layer_version(LayerName="otel-extension", VersionNumber=layer["Version"])


def records(made):
    """What it has logged as JSON objects."""
    return [json.loads(line) for line in made.log().splitlines() if line.startswith("{")]


def test_powertools_and_an_extension_that_waits_for_the_end(made):
    http = {"method": "GET", "path": "/hello/Ada"}
    context = {"http": http, "stage": "$default"}
    request = {"version": "2.0", "rawPath": "/hello/Ada", "headers": {}, "requestContext": context}
    cold, warm = made.invoke(request), made.invoke(request)
    assert json.loads(cold.json["body"]) == {"hello": "Ada"}
    logged = records(made)
    greeted = [record for record in logged if record.get("message") == "greeted"]
    assert [(record["cold_start"], record["function_request_id"]) for record in greeted] == [
        (True, cold.request_id),
        (False, warm.request_id),
    ]
    assert [record["Greetings"] for record in logged if "Greetings" in record] == [[1.0], [1.0]]
    assert [record["ColdStart"] for record in logged if "ColdStart" in record] == [[1.0]]
    assert "EXTENSION\tName: lambda-sigterm\tState: Ready\tEvents: []" in made.log()


def test_everyone_who_is_thawed_to_end_hears_of_it(made):
    """Python runs a signal's handler in its first thread only, so that one has to get it, however many wake up."""
    for number in range(10):
        made.configure(Description=f"the {number}th")
        made.invoke({"version": "2.0", "rawPath": "/", "requestContext": {"http": {"method": "GET", "path": "/"}}})
        made.environment("Idle")
        ended = made.log().count("asked to end by SIGTERM")
        made.configure(Description=f"after the {number}th")
        wait_for("the handler", lambda ended=ended: made.log().count("asked to end by SIGTERM") > ended)


def spans(made):
    """The requests that spans were written for, in the order and the groups in which they were."""
    written = [gzip.decompress(base64.b64decode(record["payload"])) for record in records(made) if "payload" in record]
    assert all(b"look up" in group and bytes.fromhex(TRACE) in group for group in written)
    return [[request for request in made.requests if request.encode() in group] for group in written]


@pytest.mark.parametrize("mode", ["async", "finalize"])
def test_an_extension_writes_spans_after_each_answer_or_at_the_end(traced, mode):
    """lambda-otel-lite: flushed before the freeze, or by the handler of SIGTERM."""
    traced.configure(Environment={"Variables": {"LAMBDA_EXTENSION_SPAN_PROCESSOR_MODE": mode}})
    before = len(traced.log())
    event = {"whom": "Ada", "headers": {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}}
    answers = [traced.invoke(event) for _ in range(3)]
    assert [answer.json for answer in answers] == [{"hello": "Ada"}] * 3
    traced.requests = [answer.request_id for answer in answers]
    each = [[request] for request in traced.requests]
    wanted = each if mode == "async" else []
    assert f"EXTENSION\tName: internal\tState: Ready\tEvents: [{'INVOKE' if wanted else ''}]" in traced.log()[before:]
    for answer in answers:
        lines = [line.split(" ")[0] for line in answer.tail.splitlines()]
        middle = ["handled", '{"__otel_otlp_stdout":'] if wanted else ["handled"]
        assert [line for line in lines if line in ("START", *middle, "END")] == ["START", *middle, "END"]
    traced.environment("Idle")
    assert [group for group in spans(traced) if group] == wanted
    traced.configure(Description="the next one")
    if not wanted:
        wait_for("the spans", lambda: [group for group in spans(traced) if group] == [traced.requests])


def measured(made, what):
    """{request: value} of one attribute in the metrics that the extension has written, in the order in which they came."""
    found = {}
    for line in made.log().splitlines():
        if not line.startswith('[{"resourceMetrics"'):
            continue
        points = [
            point
            for group in json.loads(line)
            for resource in group["resourceMetrics"]
            for library in resource["instrumentationLibraryMetrics"]
            for metric in library["metrics"]
            for point in (metric.get("sum") or metric["histogram"])["dataPoints"]
        ]
        for point in points:
            values = {one["key"]: next(iter(one["value"].values())) for one in point["attributes"]}
            if what in values:
                found[values["faas.execution"]] = values[what]
    return found


def test_an_extension_of_a_layer_measures_by_what_the_platform_says(extended):
    """Serverless's: spans from a wrapper around the runtime, and each REPORT by the Logs API, the last at the end."""
    answers = [extended.invoke({}) for _ in range(3)]
    assert [answer.json for answer in answers] == ["handled"] * 3
    log = extended.log()
    assert "LOGS\tName: otel-extension\tState: Subscribed\tTypes: [Platform]" in log
    assert "EXTENSION\tName: otel-extension\tState: Ready\tEvents: [INVOKE, SHUTDOWN]" in log
    traces = [line for line in log.splitlines() if line.startswith('[{"resourceSpans"')]
    assert [answer.request_id in line for answer, line in zip(answers, traces, strict=True)] == [True] * 3
    requests = [answer.request_id for answer in answers]
    assert list(measured(extended, "faas.execution")) == requests
    reports = {one["id"]: one for one in (answer.report for answer in answers)}
    billed = {request: int(report["billed"]) for request, report in reports.items()}
    extended.environment("Idle")
    extended.configure(Description="the next one")
    wait_for("the last report", lambda: measured(extended, "faas.billed_duration") == billed)
    # Of three decimals, REPORT shows two.
    durations = {request: float(report["duration"]) for request, report in reports.items()}
    assert measured(extended, "faas.duration") == pytest.approx(durations, abs=0.0051)
