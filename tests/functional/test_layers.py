"""Layers as functions see them: merged at /opt, found by every runtime, wrapped around it, and outliving their version."""

import io
import json
import os
import re
import urllib.request
import uuid
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from support import ordinary
from support.functions import Function, zipped
from support.service import ROLE, RUNTIMES

PROBE = "probe.py"
REQUIRE = """
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
export const handler = async (event) => event.map((name) => require(name));
"""


@pytest.fixture
def layer(service):
    """Publishes layers on the shared service and deletes them after the test; gives their ARNs."""
    made = []

    def publish(files, executable=(), name=None, **members):
        name = name or f"l-{uuid.uuid4().hex[:12]}"
        content = files if isinstance(files, bytes) else zipped(files, executable)
        published = service.client().publish_layer_version(LayerName=name, Content={"ZipFile": content}, **members)
        made.append((name, published["Version"]))
        return published["LayerVersionArn"]

    yield publish
    for name, number in made:
        service.client().delete_layer_version(LayerName=name, VersionNumber=number)


def refused(call, **members):
    with pytest.raises(ClientError) as error:
        call(**members)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_story(service, function):
    """What a client sees from the first version to after the last."""
    client, name = service.client(), f"l-{uuid.uuid4().hex[:12]}"
    content = zipped({"python/dep.py": "value = 7"})
    first = client.publish_layer_version(
        LayerName=name,
        Description="seven",
        LicenseInfo="MIT",
        Content={"ZipFile": content},
        CompatibleRuntimes=["python3.11"],
        CompatibleArchitectures=["x86_64"],
    )
    arn = f"arn:aws:lambda:us-east-1:000000000000:layer:{name}"
    assert (first["LayerArn"], first["LayerVersionArn"], first["Version"]) == (arn, f"{arn}:1", 1)
    read = client.get_layer_version(LayerName=name, VersionNumber=1)
    assert read["Content"]["CodeSize"] == len(content) and read["LicenseInfo"] == "MIT"
    assert urllib.request.urlopen(read["Content"]["Location"]).read() == content
    assert client.get_layer_version_by_arn(Arn=f"{arn}:1")["Description"] == "seven"
    assert name in [row["LayerName"] for row in client.list_layers(CompatibleRuntime="python3.11")["Layers"]]

    made = function(PROBE, Layers=[f"{arn}:1"])
    assert made.created["Layers"] == [{"Arn": f"{arn}:1", "CodeSize": len(content)}]
    run = {"run": "import dep; answer = [dep.value, dep.__file__]"}
    assert made.invoke(run).json == [7, "/opt/python/dep.py"]

    second = client.publish_layer_version(LayerName=name, Content={"ZipFile": zipped({"python/dep.py": "value = 8"})})
    assert [row["Version"] for row in client.list_layer_versions(LayerName=name)["LayerVersions"]] == [2, 1]
    made.configure(Layers=[second["LayerVersionArn"]])
    assert made.invoke(run).json[0] == 8
    for number in (1, 2):
        client.delete_layer_version(LayerName=name, VersionNumber=number)
    assert client.list_layer_versions(LayerName=name)["LayerVersions"] == []
    assert client.get_function_configuration(FunctionName=made.name)["Layers"][0]["Arn"] == f"{arn}:2"
    made.configure(MemorySize=256)  # a new environment
    assert made.invoke(run).json[0] == 8, "a function keeps what it refers to"
    made.configure(Layers=[])
    assert made.invoke({"run": "import os; answer = os.path.exists('/opt/python/dep.py')"}).json is False


def test_where_python_looks(layer, function):
    made = function(
        PROBE,
        Layers=[
            layer({"python/plain.py": "at = 'plain'", "python/both.py": "at = 'plain'"}),
            layer(
                {
                    "python/lib/python3.11/site-packages/site.py": "",
                    "python/lib/python3.11/site-packages/both.py": "at = 's'",
                }
            ),
            layer({"python/boto3/__init__.py": "at = 'layer'"}),
        ],
    )
    run = "import plain, both, boto3; answer = [plain.at, both.at, boto3.at]"
    assert made.invoke({"run": run}).json == ["plain", "s", "layer"], "and before what the runtime has"
    own = function(
        zipped({"app.py": "import plain\ndef handler(event, context): return plain.at", "plain.py": "at = 'function'"}),
        Layers=[layer({"python/plain.py": "at = 'layer'"})],
    )
    assert own.invoke().json == "function"


def test_where_node_looks(layer, function):
    module = "module.exports = '{}';".format
    made = function(
        zipped({"index.mjs": REQUIRE}),
        runtime="nodejs20.x",
        Layers=[
            layer(
                {"nodejs/node_modules/one/index.js": module("one"), "nodejs/node_modules/two/index.js": module("any")}
            ),
            layer({"nodejs/node20/node_modules/two/index.js": module("twenty")}),
        ],
    )
    assert made.invoke(["one", "two"]).json == ["one", "twenty"]


def test_programs_and_libraries(layer, function):
    """/opt/bin is on PATH; a library is found by its name alone, by the loader as by ctypes."""
    library = next((RUNTIMES / "python3.11/tree/usr/lib").glob("*/libz.so.1")).read_bytes()
    made = function(
        PROBE,
        Layers=[
            layer({"bin/greet": "#!/bin/sh\necho hello from $0\n"}, executable=["bin/greet"]),
            layer({"lib/libof-the-layer.so.1": library}),
        ],
    )
    run = "import subprocess; answer = subprocess.run(['greet'], capture_output=True, text=True).stdout"
    assert made.invoke({"run": run}).json == "hello from /opt/bin/greet\n"
    run = "import ctypes; z = ctypes.CDLL('libof-the-layer.so.1'); answer = z.crc32(0, b'hello', 5)"
    assert made.invoke({"run": run}).json == 0x3610A686
    run = "answer = [line.split()[-1] for line in open('/proc/self/maps') if 'of-the-layer' in line][0]"
    assert made.invoke({"run": run}).json == "/opt/lib/libof-the-layer.so.1"


def test_a_bootstrap_in_a_layer(layer, function):
    """A custom runtime as a layer: the function brings nothing but data."""
    api = "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
    bootstrap = f"""#!/bin/sh
while :; do
    id=$(curl -sS -D - -o /tmp/event {api}/next | sed -n 's/^lambda-runtime-aws-request-id: *//Ip' | tr -d '\\r')
    curl -sS -o /dev/null --data-binary @/var/task/answer.json {api}/$id/response
done
"""
    made = function(
        zipped({"answer.json": '"of the function"'}),
        runtime="provided.al2023",
        Layers=[layer({"bootstrap": bootstrap})],
    )
    assert made.invoke().json == "of the function"


def test_five_layers_later_wins(layer, function):
    layers = [layer({"shared": str(n), f"own/{n}": str(n), "deep/a/b": str(n)}) for n in range(5)]
    made = function(PROBE, Layers=layers)
    run = """import os
def write(path):
    try:
        open(path, "w")
    except OSError as error:
        return error.strerror
answer = [open("/opt/shared").read(), open("/opt/deep/a/b").read(), sorted(os.listdir("/opt/own")),
    write("/opt/new"), write("/opt/shared"), os.stat("/opt/shared").st_uid, oct(os.stat("/opt").st_mode)]"""
    read_only = "Read-only file system"
    assert made.invoke({"run": run}).json == ["4", "4", list("01234"), read_only, read_only, ordinary.root(), "0o40755"]
    made.configure(Layers=layers[::-1])
    assert made.invoke({"run": "answer = open('/opt/shared').read()"}).json == "0"


def test_five_layers_are_mounted_not_copied(service, layer, function):
    """Each layer is on the disk once, whoever uses it."""
    mark = uuid.uuid4().hex
    same = zipped({"mark": mark})
    layers = [layer(same) for _ in range(5)]
    made = [function(PROBE, Layers=layers) for _ in range(2)]
    for one in made:
        assert one.invoke({"run": "answer = open('/opt/mark').read()"}).json == mark
    # Others of its files come and go meanwhile, which `walk` does not mind.
    marks = [Path(folder, "mark") for folder, _, files in os.walk(service.data) if "mark" in files]
    holding = [path for path in marks if path.read_text() == mark]
    assert len(holding) == 1, holding


def test_what_a_function_cannot_have(service, layer):
    """AWS's own words, through an SDK."""
    create = {
        "FunctionName": "never",
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": ROLE,
        "Code": {"ZipFile": zipped({"app.py": ""})},
    }

    def message(*layers):
        status, code, text = refused(service.client().create_function, Layers=list(layers), **create)
        assert (status, code) == (400, "InvalidParameterValueException"), text
        return text

    arns = [layer({"x": str(n)}) for n in range(6)]
    assert message(*arns) == "Cannot reference more than 5 layers."
    name = arns[0].split(":")[-2]
    newer = layer({"x": "newer"}, name=name)
    assert message(arns[0], newer) == (
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        f"{arns[0]} and {newer} are versions of the same layer."
    )
    absent = f"arn:aws:lambda:us-east-1:000000000000:layer:{name}:9"
    assert message(absent) == f"Layer version {absent} does not exist."
    assert (
        message(arns[0].replace("us-east-1", "eu-west-1"))
        == "Layers are not in the same region as the function. Layers are expected to be in region us-east-1."
    )


def zeros(megabytes):
    """A zip that is small and becomes large."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as file:
        for _ in range(megabytes):
            file.write(bytes(1_000_000))
    return buffer.getvalue()


def test_too_large_together(layer, function):
    made = function(zipped({"app.py": "def handler(event, context): return 1"}))
    large, larger = layer(zeros(140)), layer(zeros(125))
    update = made.client.update_function_configuration
    assert refused(update, FunctionName=made.name, Layers=[large, larger]) == (
        400,
        "InvalidParameterValueException",
        "Layers consume more than the available size of 262144000 bytes",
    )
    made.configure(Layers=[large])
    assert made.invoke().json == 1
    together = (
        400,
        "InvalidParameterValueException",
        "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. "
        "The actual size is 265000000 bytes.",
    )
    for dry_run in (True, False):
        answer = refused(made.client.update_function_code, FunctionName=made.name, ZipFile=zeros(125), DryRun=dry_run)
        assert answer == together
    assert made.invoke().json == 1, "nothing is lost"


def test_a_layer_survives_a_kill(services):
    service = services()
    client = service.client()
    arn = client.publish_layer_version(LayerName="l", Content={"ZipFile": zipped({"python/dep.py": "value = 7"})})
    arn = arn["LayerVersionArn"]
    kept = client.publish_layer_version(LayerName="kept", Content={"ZipFile": zipped({"x": "unused by any function"})})
    made = Function(service, PROBE, Layers=[arn])
    client.delete_layer_version(LayerName="l", VersionNumber=1)
    service.kill()
    service.start()
    made.service, made.client = service, service.client()
    # The start has removed packages that nothing refers to: not this one, whose version is gone, nor the other.
    assert made.invoke({"run": "import dep; answer = dep.value"}).json == 7
    read = service.client().get_layer_version(LayerName="kept", VersionNumber=1)
    assert len(urllib.request.urlopen(read["Content"]["Location"]).read()) == kept["Content"]["CodeSize"]
    again = service.client().publish_layer_version(LayerName="l", Content={"ZipFile": zipped({"x": "y"})})
    assert again["Version"] == 2


WRAPPED = {"Environment": {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}}}


def test_wrapper_of_python(layer, function):
    """The documented form: the first argument is the interpreter, to which the script adds options."""
    script = '#!/bin/bash\nexport SEEN="$*"\nexec "$1" -X dev "${@:2}"\n'
    made = function(PROBE, Layers=[layer({"wrapper": script}, executable=["wrapper"])], **WRAPPED)
    run = "import os, sys; answer = [os.environ['SEEN'], sys.flags.dev_mode, os.environ['AWS_LAMBDA_EXEC_WRAPPER']]"
    seen, dev_mode, variable = made.invoke({"run": run}).json
    assert re.fullmatch(r"/var/lang/bin/python3\.11 .*app\.handler", seen), seen
    assert (dev_mode, variable) == (True, "/opt/wrapper")


def test_wrapper_of_node(layer, function):
    script = '#!/bin/sh\nexport SEEN="$1"\nexec "$@"\n'
    code = zipped({"index.mjs": "export const handler = async () => process.env.SEEN;"})
    made = function(code, runtime="nodejs20.x", Layers=[layer({"wrapper": script}, executable=["wrapper"])], **WRAPPED)
    assert made.invoke().json == "/var/lang/bin/node"


@pytest.mark.parametrize(
    "files, status, line",
    [
        ({}, 127, "/opt/wrapper: does not exist"),
        ({"wrapper": "#!/bin/sh\n"}, 126, "/opt/wrapper: is not an executable"),
    ],
)
@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_wrapper_that_cannot_run(layer, function, files, status, line, runtime):
    code = PROBE if runtime == "python3.11" else zipped({"index.mjs": "export const handler = async () => 1;"})
    made = function(code, runtime=runtime, Layers=[layer({"other": "", **files})], **WRAPPED)
    answer = made.invoke()
    assert answer.error == "Unhandled"
    assert answer.json == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status {status}",
    }
    assert line in made.log()
    made.configure(Environment={"Variables": {}})
    assert made.invoke({} if runtime == "python3.11" else None).error is None, "and nothing is lost"


def test_no_wrapper_for_a_bootstrap(layer, function):
    """The OS-only runtimes have none on AWS."""
    bootstrap = (
        "#!/bin/sh\napi=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation\nwhile :; do\n"
        "id=$(curl -sS -D - -o /dev/null $api/next | sed -n 's/^lambda-runtime-aws-request-id: *//Ip' | tr -d '\\r')\n"
        'curl -sS -o /dev/null -d "\\"$SEEN\\"" $api/$id/response\ndone\n'
    )
    script = '#!/bin/sh\nexport SEEN=wrapped\nexec "$@"\n'
    made = function(
        zipped({"bootstrap": bootstrap}),
        runtime="provided.al2023",
        Layers=[layer({"wrapper": script}, executable=["wrapper"])],
        **WRAPPED,
    )
    assert made.invoke().json == ""


def test_a_policy_lets_another_account_in(service, layer):
    arn = layer({"python/dep.py": "value = 7"})
    name = arn.split(":")[-2]
    owner, other = service.client(), service.client(account="111111111111")
    status, code, message = refused(other.get_layer_version_by_arn, Arn=arn)
    assert (status, code) == (403, "AccessDeniedException") and arn in message
    added = owner.add_layer_version_permission(
        LayerName=name, VersionNumber=1, StatementId="s", Action="lambda:GetLayerVersion", Principal="111111111111"
    )
    statement = json.loads(added["Statement"])
    assert statement["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"} and statement["Resource"] == arn
    policy = owner.get_layer_version_policy(LayerName=name, VersionNumber=1)
    assert json.loads(policy["Policy"])["Statement"] == [statement] and policy["RevisionId"] == added["RevisionId"]
    made = Function(service, PROBE, account="111111111111", Layers=[arn])
    assert made.invoke({"run": "import dep; answer = dep.value"}).json == 7
    owner.remove_layer_version_permission(LayerName=name, VersionNumber=1, StatementId="s")
    assert refused(other.get_layer_version_by_arn, Arn=arn)[0] == 403
    assert made.invoke({"run": "import dep; answer = dep.value"}).json == 7, "what it has, it keeps"
    other.delete_function(FunctionName=made.name)
