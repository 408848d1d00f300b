"""Packages as people deploy them: a native extension and a web framework for each language, behind API Gateway's events.

Each must answer as it does without Hearth: in the bare interpreter of the runtime's tree, or, a program, as it is.
"""

import base64
import io
import json
import os
import subprocess
import urllib.request
import zipfile
import zlib

import pytest

from support import bare
from support.functions import Function, zipped
from support.service import HEARTH, ROOT, TARGET

# Installing and compiling is in it.
pytestmark = pytest.mark.timeout(600)
INSTALL_S = 300
SOURCES = ROOT / "tests/packages"
SETTINGS = {"MemorySize": 1024, "Timeout": 30}
POINTS = [1, 2, 4, 8, 200, 255]
TRIPLE = "x86_64-unknown-linux-gnu"


def event(method, path, query="", body=None):
    """A request as an HTTP API gives it to a function."""
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "api.test", "content-type": "application/json"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "api",
            "domainName": "api.test",
            "domainPrefix": "api",
            "http": http,
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "25/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1795564800000,
        },
        "isBase64Encoded": False,
        **({"body": body} if body is not None else {}),
    }


REQUESTS = {
    "hello": (event("GET", "/hello/Ada", "greeting=gr%C3%BC%C3%9F%20dich"), 200),
    "native": (event("POST", "/native", body=json.dumps({"points": POINTS})), 200),
    "binary": (event("GET", "/binary"), 200),
    "absent": (event("GET", "/absent"), 404),
    "malformed": (event("POST", "/native", body="{"), 400),
    "fail": (event("GET", "/fail"), 500),
}


class Site:
    """One package, deployed; its answers by request, and those without Hearth."""

    def __init__(self, made, without):
        self.made, self.without = made, dict(zip(REQUESTS, without, strict=True))
        self.answers = {name: made.invoke(request) for name, (request, _) in REQUESTS.items()}

    def body(self, name):
        answer = self.answers[name].json
        assert answer["isBase64Encoded"] == (name == "binary"), answer
        return base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"]


def installed(service, folder, language, runtime, handler):
    """`hearth deploy --install`, and the same package in the tree's bare interpreter."""
    name = f"packages-{language}"
    options = ["--install", "--name", name, "--runtime", runtime, "--handler", handler, "--env", "NODE_ENV=production"]
    options += ["--memory", str(SETTINGS["MemorySize"]), "--timeout", f"{SETTINGS['Timeout']}s"]
    command = [HEARTH, "deploy", SOURCES / language, *options]
    subprocess.run(command, env={**os.environ, "HEARTH_ENDPOINT": service.endpoint}, check=True, timeout=INSTALL_S)
    made = Function.existing(service, name, runtime)
    with urllib.request.urlopen(made.client.get_function(FunctionName=name)["Code"]["Location"]) as code:
        zipfile.ZipFile(io.BytesIO(code.read())).extractall(folder)
    return made, bare.interpreted(runtime, folder, [request for request, _ in REQUESTS.values()], NODE_ENV="production")


def compiled(service):
    """A static program, as an author would build it, and the same program on this machine."""
    out = TARGET / "packages"
    command = ["cargo", "build", "--quiet", "--locked", "--target", TRIPLE, "--target-dir", out]
    command += ["--manifest-path", SOURCES / "rust/Cargo.toml"]
    env = {**os.environ, "RUSTFLAGS": "-C target-feature=+crt-static"}
    subprocess.run(command, env=env, check=True, timeout=INSTALL_S)
    bootstrap = out / TRIPLE / "debug/real-packages"
    made = Function(service, zipped({"bootstrap": bootstrap.read_bytes()}), "provided.al2023", **SETTINGS)
    return made, bare.program(bootstrap, [request for request, _ in REQUESTS.values()])


@pytest.fixture(scope="module", params=["python", "node", "rust"])
def site(request, service, tmp_path_factory):
    match request.param:
        case "python":
            made, without = installed(service, tmp_path_factory.mktemp("python"), "python", "python3.11", "app.handler")
        case "node":
            made, without = installed(service, tmp_path_factory.mktemp("node"), "node", "nodejs20.x", "index.handler")
        case _:
            made, without = compiled(service)
    yield Site(made, without)
    made.client.delete_function(FunctionName=made.name)


def test_it_answers_as_without_hearth(site):
    for name, answer in site.answers.items():
        assert answer.error is None, answer.tail
        assert answer.json == site.without[name], name
    assert len(site.made.environments()) == 1


def test_its_answers_are_right(site):
    statuses = {name: answer.json["statusCode"] for name, answer in site.answers.items()}
    assert statuses == {name: status for name, (_, status) in REQUESTS.items()}
    assert site.body("hello") == "hello, Ada, grüß dich"
    native, binary = json.loads(site.body("native")), site.body("binary")
    match site.made.runtime:
        case "python3.11":
            assert native == pytest.approx([0] * (len(POINTS) - 1) + [1])
        case "nodejs20.x":
            assert native == [255 - point for point in POINTS]
            assert binary.startswith(b"\x89PNG\r\n")
        case _:
            assert zlib.decompress(bytes(native)) == bytes(POINTS)
    if site.made.runtime != "nodejs20.x":
        assert zlib.decompress(binary) == b"".join(n.to_bytes(2, "little") for n in range(1000))
