"""The AWS CLI, version 1 from PyPI and version 2 from Debian, which differ, as people type them."""

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from support.functions import Function, zipped
from support.service import ROLE

V1, V2 = Path(sys.prefix) / "bin/aws", Path("/usr/bin/aws")
CODE = zipped({"app.py": "def handler(event, context):\n    print('hello from', event.get('who'))\n    return event"})


class Cli:
    """One AWS CLI against one service."""

    def __init__(self, program, service, home):
        self.program = program
        self.endpoint = ["--endpoint-url", service.endpoint]
        self.env = {
            "PATH": "/usr/bin:/bin", "HOME": str(home), "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }  # fmt: skip

    def run(self, *arguments, check=True):
        done = subprocess.run(
            [self.program, *self.endpoint, *map(str, arguments)],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--output", "json").stdout)

    def start(self, *arguments):
        return subprocess.Popen(
            [self.program, *self.endpoint, *map(str, arguments)],
            env={**self.env, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip


@pytest.fixture(params=[pytest.param(V1, id="v1"), pytest.param(V2, id="v2")])
def aws(request, service, tmp_path):
    if not request.param.exists():
        pytest.skip(f"{request.param} is not installed")
    return Cli(request.param, service, tmp_path)


def test_version(aws):
    major = "1" if aws.program == V1 else "2"
    assert aws.run("--version").stdout.startswith(f"aws-cli/{major}.")


def test_create_invoke_read_delete(aws, tmp_path):
    name, zip_file, out = f"cli-{uuid.uuid4().hex[:8]}", tmp_path / "f.zip", tmp_path / "out.json"
    zip_file.write_bytes(CODE)
    created = aws.json(
        "lambda", "create-function", "--function-name", name, "--runtime", "python3.11", "--handler", "app.handler",
        "--role", ROLE, "--zip-file", f"fileb://{zip_file}",
    )  # fmt: skip
    assert created["State"] == "Pending"
    aws.run("lambda", "wait", "function-active-v2", "--function-name", name)
    payload = ["--payload", '{"who": "the CLI"}']
    if aws.program == V2:
        payload += ["--cli-binary-format", "raw-in-base64-out"]
    answer = aws.json("lambda", "invoke", "--function-name", name, "--log-type", "Tail", *payload, out)
    assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST" and answer["LogResult"]
    assert json.loads(out.read_text()) == {"who": "the CLI"}
    assert aws.json("lambda", "get-function", "--function-name", name)["Configuration"]["State"] == "Active"
    assert name in [f["FunctionName"] for f in aws.json("lambda", "list-functions")["Functions"]]
    updated = aws.json("lambda", "update-function-configuration", "--function-name", name, "--timeout", "9")
    assert updated["Timeout"] == 9
    aws.run("lambda", "wait", "function-updated-v2", "--function-name", name)
    zip_file.write_bytes(zipped({"app.py": "def handler(event, context): return 'second'"}))
    aws.json("lambda", "update-function-code", "--function-name", name, "--zip-file", f"fileb://{zip_file}")
    aws.run("lambda", "wait", "function-updated-v2", "--function-name", name)
    aws.run("lambda", "invoke", "--function-name", name, out)
    assert json.loads(out.read_text()) == "second"
    event = aws.json("lambda", "invoke", "--function-name", name, "--invocation-type", "Event", out)
    assert event["StatusCode"] == 202

    group = f"/aws/lambda/{name}"
    assert [
        g["logGroupName"]
        for g in aws.json("logs", "describe-log-groups", "--log-group-name-prefix", group)["logGroups"]
    ] == [group]
    streams = aws.json("logs", "describe-log-streams", "--log-group-name", group)["logStreams"]
    events = aws.json("logs", "filter-log-events", "--log-group-name", group)["events"]
    assert "hello from the CLI\n" in [e["message"] for e in events]
    got = [
        e["message"]
        for s in streams
        for e in aws.json(
            "logs",
            "get-log-events",
            "--log-group-name",
            group,
            "--log-stream-name",
            s["logStreamName"],
            "--start-from-head",
        )["events"]
    ]
    assert "hello from the CLI\n" in got
    aws.run("lambda", "delete-function", "--function-name", name)
    gone = aws.run("lambda", "get-function", "--function-name", name, check=False)
    assert gone.returncode != 0 and "ResourceNotFoundException" in gone.stderr


def test_layers_versions_aliases_tags_and_concurrency(aws, service, tmp_path):
    name, zip_file, layer_file, out = f"cli-{uuid.uuid4().hex[:8]}", *(tmp_path / n for n in ("f.zip", "l.zip", "out"))
    zip_file.write_bytes(zipped({"app.py": "import word\ndef handler(event, context): return word.WORD"}))
    layer_file.write_bytes(zipped({"python/word.py": "WORD = 'layer'"}))
    layer = aws.json(
        "lambda", "publish-layer-version", "--layer-name", name, "--zip-file", f"fileb://{layer_file}",
        "--compatible-runtimes", "python3.11",
    )["LayerVersionArn"]  # fmt: skip
    function = aws.json(
        "lambda", "create-function", "--function-name", name, "--runtime", "python3.11", "--handler", "app.handler",
        "--role", ROLE, "--zip-file", f"fileb://{zip_file}", "--layers", layer, "--tags", "team=a", "--publish",
    )  # fmt: skip
    assert function["Version"] == "1" and function["Layers"][0]["Arn"] == layer
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    named = ["--function-name", name]
    made = Function.existing(service, name, "python3.11")
    made.updated()
    aws.run("lambda", "delete-layer-version", "--layer-name", name, "--version-number", "1")
    aws.json("lambda", "update-function-configuration", *named, "--description", "second")
    made.updated()
    assert aws.json("lambda", "publish-version", *named)["Version"] == "2"
    weights = ["--routing-config", "AdditionalVersionWeights={2=0.25}"]
    alias = aws.json("lambda", "create-alias", *named, "--name", "prod", "--function-version", "1", *weights)
    assert alias["AliasArn"] == f"{arn}:prod"
    assert alias["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.25}}
    answer = aws.json("lambda", "invoke", "--function-name", f"{arn}:prod", out)
    assert answer["ExecutedVersion"] in ("1", "2") and json.loads(out.read_text()) == "layer"
    aws.run("lambda", "tag-resource", "--resource", arn, "--tags", "stage=b")
    aws.run("lambda", "untag-resource", "--resource", arn, "--tag-keys", "team")
    assert aws.json("lambda", "list-tags", "--resource", arn)["Tags"] == {"stage": "b"}
    aws.json("lambda", "put-function-concurrency", *named, "--reserved-concurrent-executions", "0")
    # It would ask again, and again.
    aws.env["AWS_MAX_ATTEMPTS"] = "1"
    throttled = aws.run("lambda", "invoke", *named, "--qualifier", "1", out, check=False)
    assert throttled.returncode != 0 and "(TooManyRequestsException)" in throttled.stderr, throttled.stderr
    aws.run("lambda", "delete-function", *named)


def test_errors_are_understood(aws):
    missing = aws.run("lambda", "invoke", "--function-name", "absent", os.devnull, check=False)
    assert missing.returncode != 0
    assert "(ResourceNotFoundException)" in missing.stderr and "Function not found: arn:aws:lambda" in missing.stderr


def test_function_error_is_shown(aws, function, tmp_path):
    made = function(zipped({"app.py": "def handler(event, context): raise RuntimeError('no')"}))
    answer = aws.json("lambda", "invoke", "--function-name", made.name, tmp_path / "out")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads((tmp_path / "out").read_text())["errorMessage"] == "no"


def test_logs_tail(service, function, tmp_path):
    if not V2.exists():
        pytest.skip("aws logs tail is version 2's")
    made = function(CODE)
    answer = made.invoke({"who": "tail"})
    lines = (
        Cli(V2, service, tmp_path)
        .run("logs", "tail", f"/aws/lambda/{made.name}", "--format", "short")
        .stdout.splitlines()
    )
    lines = [line for line in lines if line.strip()]
    assert [re.sub(r"^\S+ ", "", line).split()[0] for line in lines] == [
        "INIT_START",
        "START",
        "hello",
        "END",
        "REPORT",
    ]
    assert answer.request_id in lines[1]


def test_logs_tail_follow(service, function, tmp_path):
    """A second invoke, made only after the first one's lines were shown, is shown too; no line twice."""
    if not V2.exists():
        pytest.skip("aws logs tail is version 2's")
    made = function(CODE)
    made.invoke({"who": "first"})
    tail = Cli(V2, service, tmp_path).start("logs", "tail", f"/aws/lambda/{made.name}", "--follow", "--format", "short")
    try:
        seen = []

        def read_until(word):
            for line in tail.stdout:
                if line.strip():
                    seen.append(line)
                if word in line:
                    return

        read_until("REPORT")
        second = made.invoke({"who": "second"})
        read_until(f"REPORT RequestId: {second.request_id}")
    finally:
        tail.terminate()
        tail.wait()
        tail.stdout.close()
        tail.stderr.close()
    assert sum("hello from first" in line for line in seen) == 1
    assert sum("hello from second" in line for line in seen) == 1
