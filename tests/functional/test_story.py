"""The story: create, invoke, read the log, delete, by boto3, for a Python, a Node.js, a Rust and a shell function."""

import re
import urllib.request

import pytest

from support.functions import REPORT, Function, rust_hello, zipped
from support.service import ROLE, ROOT, wait_for

PYTHON = zipped(
    {
        "app.py": """
import os, logging
logging.getLogger().setLevel("INFO")
def handler(event, context):
    print("printed", event["name"])
    logging.info("logged")
    return {"hello": event["name"], "id": context.aws_request_id, "arn": context.invoked_function_arn,
            "memory": context.memory_limit_in_mb, "name": context.function_name, "version": context.function_version,
            "group": context.log_group_name, "stream": context.log_stream_name,
            "left": context.get_remaining_time_in_millis()}
"""
    }
)
NODE = zipped(
    {
        "index.mjs": """
export const handler = async (event, context) => {
  console.log("printed", event.name);
  return {hello: event.name, id: context.awsRequestId, arn: context.invokedFunctionArn, memory: context.memoryLimitInMB,
          name: context.functionName, version: context.functionVersion, group: context.logGroupName,
          stream: context.logStreamName, left: context.getRemainingTimeInMillis()};
};
"""
    }
)
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.mark.parametrize("runtime, code", [("python3.11", PYTHON), ("nodejs20.x", NODE)])
def test_managed_runtime(function, runtime, code):
    made = function(code, runtime, Timeout=10, MemorySize=256)
    answer = made.invoke({"name": "Ada"})
    assert (answer.status, answer.error) == (200, None), answer.body
    assert answer.response["ExecutedVersion"] == "$LATEST"
    context = answer.json
    assert context["hello"] == "Ada"
    assert context["id"] == answer.request_id
    assert context["arn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{made.name}"
    assert context["memory"] == "256"
    assert (context["name"], context["version"]) == (made.name, "$LATEST")
    assert context["group"] == f"/aws/lambda/{made.name}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", context["stream"])
    assert 0 < context["left"] <= 10_000

    cold = answer.report
    assert cold["id"] == answer.request_id and cold["size"] == "256"
    assert float(cold["init"]) > 0 and cold["status"] is None
    assert 0 < int(cold["used"]) <= 256
    warm = made.invoke({"name": "Grace"})
    assert warm.json["hello"] == "Grace"
    assert warm.json["stream"] == context["stream"]
    assert warm.report["init"] is None


@pytest.mark.parametrize("runtime, code", [("python3.11", PYTHON), ("nodejs20.x", NODE)])
def test_log_lines(function, runtime, code):
    made = function(code, runtime)
    first, second = (made.invoke({"name": "Ada"}) for _ in range(2))
    lines = [e["message"] for e in made.events()]
    language = "python:3.11" if runtime == "python3.11" else "nodejs:20"
    arn = r"arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}"
    assert re.fullmatch(rf"INIT_START Runtime Version: {language}\.v\d+\tRuntime Version ARN: {arn}\n", lines[0]), lines
    for answer in (first, second):
        mine = [line for line in lines if answer.request_id in line]
        assert mine[0] == f"START RequestId: {answer.request_id} Version: $LATEST\n"
        assert mine[-2] == f"END RequestId: {answer.request_id}\n"
        assert REPORT.match(mine[-1])[0] in mine[-1]
        # Everything the handler wrote lies between its own START and END.
        start, end = lines.index(mine[0]), lines.index(mine[-2])
        assert any("printed Ada" in line for line in lines[start:end])
        assert lines.index(mine[-1]) == end + 1
        assert mine[-1].endswith("\t\n")
    if runtime == "python3.11":
        assert any(re.fullmatch(rf"\[INFO\]\t[\d:TZ.-]+\t{UUID}\tlogged\n", line) for line in lines), lines
    else:
        assert any(re.fullmatch(rf"[\d:TZ.-]+\t{UUID}\tINFO\tprinted Ada\n", line) for line in lines), lines
    times = [event["timestamp"] for event in made.events()]
    assert times == sorted(times)


def test_rust_runtime(function):
    made = function(rust_hello(), "provided.al2023")
    first, second = made.invoke({"name": "Ada"}), made.invoke({})
    assert first.json["greeting"] == "hello, Ada" and second.json["greeting"] == "hello, world"
    assert (first.json["invocations"], second.json["invocations"]) == (1, 2)
    assert first.json["request_id"] == first.request_id
    assert "greeting Ada" in first.tail
    failed = made.invoke({"fail": True})
    assert failed.error == "Unhandled"
    assert failed.json["errorMessage"] == "asked to fail"
    assert made.invoke({}).json["invocations"] == 4, "a handler's error must not reset the environment"


def test_shell_example(function):
    bootstrap = (ROOT / "examples/shell-hello/bootstrap").read_text()
    made = function(zipped({"bootstrap": bootstrap}), "provided.al2023")
    first, second = made.invoke({"n": 1}), made.invoke({"n": 2})
    assert first.json["hello"].startswith("from bash 5") and first.json["event"] == {"n": 1}
    assert second.json["event"] == {"n": 2}
    assert f"handling {second.request_id}\n" in second.tail


def test_shell_runtime(function):
    made = function("probe.sh", "provided.al2023")
    assert made.invoke("echo hello from $((40 + 2))").body == b"hello from 42"
    assert made.invoke("echo $invokes").body == b"2"
    assert made.invoke("id -un; pwd").body == b"sbx_user1051\n/var/task"


def test_shell_environment_is_as_on_aws(function):
    made = function("probe.sh", "provided.al2023", Environment={"Variables": {"MINE": "yes"}}, MemorySize=192)
    raw = made.invoke("env").body.decode()
    variables = dict(line.split("=", 1) for line in raw.splitlines() if "=" in line)
    expected = {
        "MINE": "yes",
        "_HANDLER": "bootstrap",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "192",
        "AWS_LAMBDA_FUNCTION_NAME": made.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{made.name}",
        "AWS_LAMBDA_RUNTIME_API": "169.254.100.1:9001",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    }
    assert {name: variables.get(name) for name in expected} == expected
    assert "AWS_EXECUTION_ENV" not in variables
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} <= set(variables)


def test_python_has_boto3(function):
    made = function("probe.py", Timeout=30, MemorySize=512)
    answer = made.invoke({"run": "import boto3; answer = boto3.client('lambda').meta.region_name"})
    assert answer.json == "us-east-1", answer.tail


def test_get_function_gives_the_code(function):
    made = function(PYTHON)
    got = made.client.get_function(FunctionName=made.name)
    assert got["Code"]["RepositoryType"] == "S3"
    with urllib.request.urlopen(got["Code"]["Location"], timeout=10) as answer:
        assert answer.read() == PYTHON


def test_delete(service):
    made = Function(service, PYTHON)
    made.invoke({"name": "Ada"})
    answer = made.client.delete_function(FunctionName=made.name)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(made.client.exceptions.ResourceNotFoundException) as error:
        made.client.get_function(FunctionName=made.name)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{made.name}"
    assert error.value.response["Error"]["Message"] == f"Function not found: {arn}"
    with pytest.raises(made.client.exceptions.ResourceNotFoundException) as error:
        made.invoke({})
    assert error.value.response["Error"]["Message"] == f"Function not found: {arn}:$LATEST"
    wait_for("its environments' end", lambda: not made.environments())


def test_state_machine(service, function):
    made = function(PYTHON, Timeout=None)
    created = made.created
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    assert created["StateReason"] == "The function is being created."
    assert "LastUpdateStatus" not in created and "Environment" not in created
    assert created["Timeout"] == 3 and created["MemorySize"] == 128 and created["Description"] == ""
    assert created["PackageType"] == "Zip" and created["Architectures"] == ["x86_64"]
    assert created["EphemeralStorage"] == {"Size": 512} and created["TracingConfig"] == {"Mode": "PassThrough"}
    assert created["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert created["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{made.name}"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", created["LastModified"])
    assert created["RuntimeVersionConfig"]["RuntimeVersionArn"].startswith("arn:aws:lambda:us-east-1::runtime:")
    active = made.client.get_function_configuration(FunctionName=made.name)
    assert (active["State"], active["LastUpdateStatus"]) == ("Active", "Successful")
    assert active["RevisionId"] != created["RevisionId"]
    assert active["CodeSha256"] == created["CodeSha256"] and active["Role"] == ROLE
    updated = made.client.update_function_configuration(FunctionName=made.name, Timeout=5)
    assert (updated["State"], updated["LastUpdateStatus"]) == ("Active", "InProgress")
    made.updated()
    after = made.client.get_function_configuration(FunctionName=made.name)
    assert after["LastUpdateStatus"] == "Successful" and after["Timeout"] == 5
    assert len({active["RevisionId"], updated["RevisionId"], after["RevisionId"]}) == 3
