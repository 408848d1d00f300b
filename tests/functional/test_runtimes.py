"""`hearth runtimes`: every tree that is here answers as its language does on AWS; trees of others are looked at first."""

import json
import os
import re
import signal
import subprocess

import pytest

from support.functions import PRESENT, TREES, zipped
from support.service import HEARTH, PATIENCE_S, ROOT, RUNTIMES, hearth

PYTHONS = [name for name in PRESENT if name.startswith("python")]
JAVAS = [name for name in TREES if name.startswith("java")]
SMOKE_CLASS = ROOT / "crates/cli/src/runtimes/files/Smoke.class"
NODES = [name for name in PRESENT if name.startswith("nodejs")]


def node(name):
    return int(re.search(r"\d+", name)[0])


def test_ls_knows_every_runtime_of_aws(tmp_path):
    rows = {
        row["name"]: row
        for row in map(
            json.loads,
            hearth("--json", "runtimes", "ls", HEARTH_RUNTIMES=str(tmp_path), HOME="/nowhere").stdout.splitlines(),
        )
    }
    assert rows["nodejs24.x"]["status"] == rows["python3.14"]["status"] == rows["provided.al2"]["status"] == "absent"
    for name in ("java21", "ruby3.4", "dotnet8"):
        assert rows[name]["status"] == "needs" and f"hearth runtimes add {name} --from" in rows[name]["advice"]
    text = hearth("runtimes", "ls", HEARTH_RUNTIMES=str(tmp_path)).stdout
    assert "java17" in text and "needs --from" in text


@pytest.mark.parametrize("runtime", PYTHONS)
def test_python(function, runtime):
    made = function(
        zipped(
            {
                "app.py": "import os, sys, ssl, sqlite3, ctypes, zoneinfo, boto3\n"
                "def handler(event, context):\n"
                "    zoneinfo.ZoneInfo('US/Eastern')\n"
                "    return ['%d.%d' % sys.version_info[:2], os.environ['AWS_EXECUTION_ENV'], sys.prefix, boto3.__version__]"
            }
        ),
        runtime,
    )
    version, environment, _, _ = made.invoke({}).json
    assert f"python{version}" == runtime and environment == f"AWS_Lambda_{runtime}"


@pytest.mark.parametrize("runtime", NODES)
def test_node(function, runtime):
    made = function(
        zipped(
            {
                "index.mjs": "import { S3Client } from '@aws-sdk/client-s3';\n"
                "import { createRequire } from 'node:module';\n"
                "const { DynamoDBDocumentClient } = createRequire(import.meta.url)('@aws-sdk/lib-dynamodb');\n"
                "export const handler = async () => [process.version, process.env.AWS_EXECUTION_ENV,"
                " typeof S3Client, typeof DynamoDBDocumentClient];"
            }
        ),
        runtime,
    )
    version, environment, *clients = made.invoke({}).json
    assert version.startswith(f"v{node(runtime)}.") and environment == f"AWS_Lambda_{runtime}"
    assert clients == ["function", "function"]


@pytest.mark.parametrize("runtime", NODES)
def test_node_callbacks_end_with_24(function, runtime):
    made = function(
        zipped({"index.js": "exports.handler = (event, context, callback) => callback(null, 'called');"}), runtime
    )
    answer = made.invoke({})
    if node(runtime) < 24:
        assert answer.json == "called"
    else:
        assert answer.json["errorType"] == "Runtime.CallbackHandlerDeprecated"


@pytest.mark.parametrize("runtime", NODES)
def test_node_has_the_features_on_that_aws_has(function, runtime):
    code = zipped(
        {
            "index.js": "exports.handler = async () => { try { require('./other.mjs'); return 'on'; }"
            " catch (error) { return error.code; } };",
            "other.mjs": "export const x = 1;",
        }
    )
    made = function(code, runtime)
    assert made.invoke({}).json == ("ERR_REQUIRE_ESM" if node(runtime) < 24 else "on")
    if node(runtime) in (20, 22):
        made.configure(Environment={"Variables": {"NODE_OPTIONS": "--experimental-require-module"}})
        assert made.invoke({}).json == "on", "unless NODE_OPTIONS asks for it"


@pytest.mark.parametrize("runtime", JAVAS)
def test_java(function, runtime):
    """Where somebody has brought the client's jars; the class is the one that `runtimes add` proves a tree with."""
    made = function(zipped({"Smoke.class": SMOKE_CLASS.read_bytes()}), runtime, MemorySize=256)
    first, second = made.invoke({"say": "é"}), made.invoke({"say": 2})
    assert (first.json["echo"], second.json["echo"]) == ("é", 2)
    assert first.json["request"] != second.json["request"]
    error = made.invoke({}).json
    assert error["errorType"] == "java.lang.NullPointerException" and error["stackTrace"]
    (told,) = [event["message"] for event in made.events() if "NullPointerException" in event["message"]]
    assert "\n\tat Smoke.handle" in told, "a stack trace is one event"


def add(tmp_path, name, source, check=False):
    return hearth("runtimes", "add", name, "--from", source, check=check, HEARTH_RUNTIMES=str(tmp_path / "runtimes"))


def nothing_stays(tmp_path):
    return sorted(
        path.name for path in (tmp_path / "runtimes").iterdir() if not path.name.startswith(".")
    ) == [] and not list((tmp_path / "runtimes").glob(".adding-*"))


@pytest.fixture
def tree():
    return RUNTIMES / "provided.al2023/tree"


def test_a_tree_of_another_machine_is_taken(tmp_path, tree):
    done = add(tmp_path, "provided.al2", tree, check=True)
    assert "provided.al2: added (provided:al2.v1)" in done.stdout
    row = next(
        row
        for row in map(
            json.loads,
            hearth("--json", "runtimes", "ls", HEARTH_RUNTIMES=str(tmp_path / "runtimes")).stdout.splitlines(),
        )
        if row["name"] == "provided.al2"
    )
    assert row["status"] == "present" and str(tree) in row["made_of"]
    again = add(tmp_path, "provided.al2", tree)
    assert again.returncode == 1 and "is here already" in again.stderr


def test_an_archive_is_taken_and_a_truncated_one_refused(tmp_path, tree):
    archive = tmp_path / "tree.tar.gz"
    subprocess.run(["tar", "-czf", archive, "-C", tree, "."], check=True)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    cut = add(tmp_path, "provided.al2", archive)
    assert cut.returncode == 1 and "unpack it" in cut.stderr and nothing_stays(tmp_path)
    archive.write_bytes(whole)
    assert add(tmp_path, "provided.al2", archive).returncode == 0


def test_a_tree_that_cannot_run_is_refused(tmp_path):
    empty = tmp_path / "empty"
    (empty / "bin").mkdir(parents=True)
    done = add(tmp_path, "java21", empty)
    assert done.returncode == 1 and "it has no /bin/sh" in done.stderr
    shell = bytearray(open("/bin/sh", "rb").read())
    shell[18:20] = (183).to_bytes(2, "little")
    (empty / "bin/sh").write_bytes(shell)
    done = add(tmp_path, "java21", empty)
    assert done.returncode == 1 and "it is for aarch64, this machine is x86_64" in done.stderr
    (empty / "bin/sh").write_bytes(open("/bin/sh", "rb").read())
    done = add(tmp_path, "java21", empty)
    assert done.returncode == 1 and "it has no /var/runtime/bootstrap" in done.stderr
    done = add(tmp_path, "java21", tmp_path / "absent")
    assert done.returncode == 1 and "absent" in done.stderr
    two = hearth("runtimes", "add", "java21", "java17", "--from", empty, check=False)
    assert two.returncode == 1 and "one runtime at a time" in two.stderr
    assert nothing_stays(tmp_path)


def test_jars_that_are_not_the_client_are_refused(tmp_path):
    jars = tmp_path / "jars"
    jars.mkdir()
    done = add(tmp_path, "java21", jars)
    assert done.returncode == 1 and "it has no jars" in done.stderr
    (jars / "core.jar").write_bytes(zipped({"com/amazonaws/services/lambda/runtime/Context.class": b""}))
    done = add(tmp_path, "java21", jars)
    assert done.returncode == 1 and "mvn dependency:copy-dependencies" in done.stderr
    assert "aws-lambda-java-runtime-interface-client, or aws-lambda-java-serialization" in done.stderr
    (jars / "other.jar").write_text("not a jar")
    done = add(tmp_path, "java21", jars)
    assert done.returncode == 1 and "other.jar is no jar" in done.stderr
    assert "it has no /bin/sh" in add(tmp_path, "python3.12", jars).stderr, "jars are for Java"
    assert nothing_stays(tmp_path)


def test_what_cannot_be_made_says_what_to_bring(tmp_path):
    done = hearth("runtimes", "add", "java21", check=False, HEARTH_RUNTIMES=str(tmp_path / "runtimes"))
    assert done.returncode == 1 and "--from TREE" in done.stderr and nothing_stays(tmp_path)


def test_an_interrupted_add_leaves_nothing(tmp_path):
    """tar waits for somebody to write into the pipe: that is where the signal meets it."""
    pipe = tmp_path / "tree.tar"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [HEARTH, "runtimes", "add", "provided.al2", "--from", pipe],
        env={**os.environ, "HEARTH_RUNTIMES": str(tmp_path / "runtimes")},
        stderr=subprocess.PIPE,
        text=True,
    )
    writer = os.open(pipe, os.O_WRONLY)
    try:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    finally:
        os.close(writer)
        process.kill()
    assert process.returncode == 1 and "interrupted; nothing half-made is left" in said
    assert nothing_stays(tmp_path)
