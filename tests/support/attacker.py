"""The attacker of the escape suite in any runtime: where there is no Python, that of a tree comes along as a layer."""

import functools
import uuid

from support.functions import SOURCES, Function, kind_of, zipped
from support.service import RUNTIMES

CODE = (SOURCES / "escape.py").read_bytes()
# What has no Python of its own runs the attempts in a child, or is Python altogether.
OTHERS = {
    "nodejs": {
        "index.mjs": """
import { execFileSync } from "node:child_process";
const script = "import app, json, sys; json.dump(app.handler(json.load(sys.stdin), None), sys.stdout)";
export const handler = async (event) =>
  JSON.parse(execFileSync("/opt/bin/python3.11", ["-c", script], { cwd: "/var/task", input: JSON.stringify(event) }));
"""
    },
    "provided": {
        "bootstrap": """#!/opt/bin/python3.11
import app, json, os
from urllib.request import Request, urlopen
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
while True:
    with urlopen(f"{api}/next") as event:
        answer = app.handler(json.load(event), None)
    request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    urlopen(Request(f"{api}/{request_id}/response", json.dumps(answer).encode())).close()
"""
    },
}


@functools.cache
def python_layer():
    """The zip of a layer with Python 3.11, out of its tree."""
    usr = RUNTIMES / "python3.11/tree/usr"
    files = {"bin/python3.11": (usr / "bin/python3.11").read_bytes()}
    for path in (usr / "lib/python3.11").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            files[str(path.relative_to(usr))] = path.read_bytes()
    for library in (usr / "lib").glob("*/lib*.so.*"):
        if library.name.startswith(("libffi.", "libz.", "libexpat.", "libssl.", "libcrypto.")):
            files[f"lib/{library.name}"] = library.read_bytes()
    return zipped(files, executable=["bin/python3.11"])


def attacker(service, runtime, **settings):
    """A function that runs what tests/functions/escape.py can be asked for."""
    kind = kind_of(runtime)
    if kind == "python":
        return Function(service, zipped({"app.py": CODE}), runtime, **settings)
    client, layer = service.client(), f"python-{uuid.uuid4().hex[:12]}"
    arn = client.publish_layer_version(LayerName=layer, Content={"ZipFile": python_layer()})["LayerVersionArn"]
    made = Function(service, zipped({"app.py": CODE, **OTHERS[kind]}), runtime, Layers=[arn], **settings)
    client.delete_layer_version(LayerName=layer, VersionNumber=1)
    return made
