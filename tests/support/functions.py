"""Makes functions: zips in memory from files under tests/functions, creates them, waits until they can be invoked."""

import base64
import io
import json
import re
import uuid
import zipfile
from pathlib import Path

from support.service import PATIENCE_S, ROLE, RUNTIMES, TARGET

SOURCES = Path(__file__).resolve().parent.parent / "functions"
HANDLERS = {"python": "app.handler", "nodejs": "index.handler", "provided": "bootstrap", "java": "Smoke::handle"}
ENTRY = {"python": "app.py", "nodejs": "index.mjs", "provided": "bootstrap"}
# The runtimes whose trees are here, and those of them that the suites have functions for.
TREES = sorted(path.name for path in RUNTIMES.glob("*") if (path / "manifest.json").is_file())
PRESENT = [name for name in TREES if name.startswith(tuple(ENTRY))]

REPORT = re.compile(
    r"REPORT RequestId: (?P<id>[0-9a-f-]{36})\tDuration: (?P<duration>\d+\.\d\d) ms\tBilled Duration: (?P<billed>\d+) ms\t"
    r"Memory Size: (?P<size>\d+) MB\tMax Memory Used: (?P<used>\d+) MB\t"
    r"(?:Init Duration: (?P<init>\d+\.\d\d) ms\t)?"
    r"(?:Restore Duration: (?P<restore>\d+\.\d\d) ms\tBilled Restore Duration: (?P<restore_billed>\d+) ms\t)?"
    r"(?:Status: (?P<status>\w+)(?:\tError Type: (?P<type>[\w.]+))?)?"
)


def zipped(files, executable=()):
    """A zip of {name: text or bytes}; programs named `bootstrap`, and those in `executable`, may be executed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100755 if Path(name).name == "bootstrap" or name in executable else 0o100644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def kind_of(runtime):
    """python, nodejs, provided."""
    return re.match("[a-z]+", runtime)[0]


def source(name, runtime):
    """The zip of tests/functions/NAME with the entry file that the runtime wants."""
    return zipped({ENTRY[kind_of(runtime)]: (SOURCES / name).read_bytes()})


def rust_hello():
    """The zip of examples/rust-hello, built by scripts/example."""
    return zipped({"bootstrap": (TARGET / "examples/rust-hello/bootstrap").read_bytes()})


class Answer:
    """What an invoke came to."""

    def __init__(self, response):
        self.response = response
        self.status = response["StatusCode"]
        self.error = response.get("FunctionError")
        self.body = response["Payload"].read()
        self.request_id = response["ResponseMetadata"]["RequestId"]
        self.tail = base64.b64decode(response["LogResult"]).decode() if "LogResult" in response else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def report(self):
        """The fields of REPORT in the log tail."""
        found = REPORT.search(self.tail)
        assert found, self.tail
        return found.groupdict()


class Function:
    """A function of one service and scope. Its timeout is generous unless told otherwise, for a machine that is busy; None
    leaves it out."""

    def __init__(self, service, code, runtime="python3.11", account="test", region="us-east-1", **settings):
        self.service, self.scope = service, {"account": account, "region": region}
        self.client = service.client(**self.scope)
        self.name = settings.pop("FunctionName", None) or f"f-{uuid.uuid4().hex[:12]}"
        self.runtime = runtime
        if isinstance(code, str):
            code = source(code, runtime)
        settings = {"Timeout": PATIENCE_S, **settings}
        if settings["Timeout"] is None:
            del settings["Timeout"]
        self.created = self.client.create_function(
            FunctionName=self.name,
            Runtime=runtime,
            Handler=settings.pop("Handler", HANDLERS[kind_of(runtime)]),
            Role=ROLE,
            Code={"ZipFile": code},
            **settings,
        )
        self._wait("function_active_v2")

    @classmethod
    def existing(cls, service, name, runtime):
        """One that something else has created on the default scope."""
        found = object.__new__(cls)
        found.service, found.scope, found.name, found.runtime = service, {}, name, runtime
        found.client = service.client()
        return found

    def publish(self):
        """The number of a new version, which can be invoked."""
        version = self.client.publish_version(FunctionName=self.name)["Version"]
        waiter = self.client.get_waiter("published_version_active")
        waiter.wait(FunctionName=self.name, Qualifier=version, WaiterConfig={"Delay": 0.05, "MaxAttempts": 1200})
        return version

    def invoke(self, payload=None, tail=True, **options):
        """RequestResponse, with the log's tail unless told otherwise."""
        if payload is not None:
            options["Payload"] = payload if isinstance(payload, bytes) else json.dumps(payload)
        if tail:
            options["LogType"] = "Tail"
        return Answer(self.client.invoke(FunctionName=self.name, **options))

    def configure(self, **settings):
        """UpdateFunctionConfiguration, waiting until it is applied."""
        self.client.update_function_configuration(FunctionName=self.name, **settings)
        self.updated()

    def replace(self, code):
        """UpdateFunctionCode, waiting until it is applied."""
        self.client.update_function_code(FunctionName=self.name, ZipFile=code)
        self.updated()

    def updated(self):
        self._wait("function_updated_v2")

    def _wait(self, state):
        self.client.get_waiter(state).wait(FunctionName=self.name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 1200})

    def events(self):
        """Its log events so far, oldest first."""
        pages = self.service.client("logs", **self.scope).get_paginator("filter_log_events")
        try:
            return [e for page in pages.paginate(logGroupName=f"/aws/lambda/{self.name}") for e in page["events"]]
        except self.service.client("logs", **self.scope).exceptions.ResourceNotFoundException:
            return []

    def log(self):
        """The text of its log so far."""
        return "\n".join(event["message"].rstrip("\n") for event in self.events())

    def environment(self, phase=None):
        return self.service.environment(self.name, phase)

    def environments(self):
        return self.service.environments(self.name)
