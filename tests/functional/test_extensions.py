"""External and internal extensions: their events, what waits for them, and what their failures lead to."""

import json
import threading
import uuid

import pytest

from support.extensions import layer, logged, place
from support.functions import REPORT, Function, zipped
from support.service import TARGET, wait_for

SERVE = 'register \'"INVOKE", "SHUTDOWN"\'; serve'
SHUTDOWN = '"eventType":"SHUTDOWN"'
# Python's main thread, where its signal handlers run, is inside of the runtime client's C until 3.12.
ASKED_TO_END = 'process.on("SIGTERM", () => { console.log("asked to end"); process.exit(0); });'
ANSWER = {
    "python3.11": "open('/tmp/loaded', 'w').close()\ndef handler(event, context): return context.aws_request_id",
    "nodejs20.x": "import fs from 'node:fs'; fs.writeFileSync('/tmp/loaded', '');"
    "export const handler = async (event, context) => context.awsRequestId;",
}
FILE = {"python3.11": "app.py", "nodejs20.x": "index.mjs"}


def answering(runtime="python3.11"):
    return zipped({FILE[runtime]: ANSWER[runtime]})


class Later:
    """An invoke in a thread of its own."""

    def __init__(self, function, payload=None, **options):
        self.answer = None
        self.thread = threading.Thread(target=self._run, args=(function, payload, options))
        self.thread.start()

    def _run(self, function, payload, options):
        self.answer = function.invoke(payload, **options)

    def result(self):
        self.thread.join()
        assert self.answer is not None, "the invoke failed"
        return self.answer


def events_of(lines, name, kind):
    events = [json.loads(line.split(" ", 1)[1]) for line in lines if line.startswith(f"{name} {{")]
    return [event for event in events if event["eventType"] == kind]


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_the_runtime_starts_when_all_have_registered(service, function, runtime):
    slow = f"reach started; await_release go; {SERVE}"
    made = function(answering(runtime), runtime, Layers=[layer(service, {"slow": slow, "quick": SERVE})], Timeout=30)
    invoke = Later(made)
    environment = made.environment("Init")
    wait_for("the extension", lambda: environment.reached("started"))
    assert not environment.reached("loaded")
    environment.release("go")
    answer = invoke.result()
    assert answer.json == answer.request_id
    lines = made.log().splitlines()
    ready = "EXTENSION\tName: {}\tState: Ready\tEvents: [INVOKE, SHUTDOWN]".format
    assert place(lines, ready("quick")) < place(lines, ready("slow")) < place(lines, "START RequestId"), (
        "in the order of names"
    )
    assert answer.report["init"] is not None
    for name in ("quick", "slow"):
        [event] = events_of(lines, name, "INVOKE")
        assert event["requestId"] == answer.request_id
        assert event["invokedFunctionArn"].endswith(f":function:{made.name}")
        assert event["deadlineMs"] > 1_700_000_000_000
        assert set(event) <= {"eventType", "deadlineMs", "requestId", "invokedFunctionArn", "tracing"}
    again = made.invoke()
    assert [event["requestId"] for event in events_of(made.log().splitlines(), "quick", "INVOKE")] == [
        answer.request_id,
        again.request_id,
    ]


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_the_caller_does_not_wait_for_extensions_and_the_report_does(service, function, runtime):
    work = 'register \'"INVOKE"\'; while next; do reach working; await_release finish; echo "post work"; done'
    made = function(answering(runtime), runtime, Layers=[layer(service, {"worker": work})], Timeout=60)
    answer = made.invoke(tail=False)  # comes back, though nobody has released the extension
    assert answer.json == answer.request_id
    environment = made.environment("Invoke")
    wait_for("the extension", lambda: environment.reached("working"))
    assert "REPORT" not in made.log() and "post work" not in made.log()
    environment.release("finish")
    made.environment("Idle")
    lines = made.log().splitlines()
    assert place(lines, "START RequestId") < place(lines, "post work") < place(lines, "END") < place(lines, "REPORT")


def test_shutdown_after_an_update(service, function):
    code = ANSWER["nodejs20.x"] + ASKED_TO_END
    layers = [layer(service, {"one": SERVE, "deaf": "register ''; serve"})]
    made = function(zipped({"index.mjs": code}), "nodejs20.x", Layers=layers)
    made.invoke()
    made.environment("Idle")
    made.replace(zipped({"index.mjs": code + "\n"}))
    lines = logged(made, SHUTDOWN)
    [event] = events_of(lines, "one", "SHUTDOWN")
    assert set(event) == {"eventType", "deadlineMs", "shutdownReason"} and event["shutdownReason"] == "spindown"
    assert place(lines, "asked to end") < place(lines, SHUTDOWN), "the runtime first"
    assert not events_of(lines, "deaf", "SHUTDOWN") and not events_of(lines, "deaf", "INVOKE")
    wait_for("its end", lambda: not made.environments())


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_an_extension_of_the_crate_of_aws(service, function, runtime):
    program = {"extensions/crate": (TARGET / "examples/rust-extension/bootstrap").read_bytes()}
    made = function(answering(runtime), runtime, Layers=[layer(service, {}, **program)])
    answer = made.invoke()
    assert f"rust-extension INVOKE {answer.request_id} {made.created['FunctionArn']}\n" in answer.tail
    assert "EXTENSION\tName: crate\tState: Ready\tEvents: [INVOKE, SHUTDOWN]" in made.log()
    made.replace(zipped({FILE[runtime]: ANSWER[runtime] + "\n"}))
    assert "rust-extension SHUTDOWN spindown" in logged(made, "rust-extension SHUTDOWN")


def test_shutdown_when_idle_and_at_the_stop_of_the_service(services):
    service = services("--idle-timeout", "1s")
    idle = Function(service, answering(), Layers=[layer(service, {"one": SERVE})])
    idle.invoke()
    assert events_of(logged(idle, SHUTDOWN), "one", "SHUTDOWN")[0]["shutdownReason"] == "spindown"
    idle.invoke()
    service.stop()
    service.start()
    idle.client, idle.service = service.client(), service
    assert len(events_of(idle.log().splitlines(), "one", "SHUTDOWN")) == 2


def test_who_does_not_end_is_killed(service, function):
    stubborn = "trap '' TERM; register '\"SHUTDOWN\"'; next; echo told; while :; do sleep 1; done"
    made = function(answering(), Layers=[layer(service, {"stubborn": stubborn})])
    made.invoke()
    made.replace(zipped({"app.py": ANSWER["python3.11"] + "\n"}))
    logged(made, "told")
    wait_for("its end", lambda: not made.environments())


CRASHES = {
    "before its registration": ("exit 3", "Extension.Crash", "exit status 3", "Started\tEvents: []"),
    "well, before its registration": ("exit 0", "Extension.Crash", "exit code 0", "Started\tEvents: []"),
    "by a signal": (
        "register '\"INVOKE\"'; kill -9 $$",
        "Extension.Crash",
        "signal: killed",
        "Registered\tEvents: [INVOKE]",
    ),
    "init/error": (
        "register ''; fail init/error Extension.NoKey; echo $status; exit 1",
        "Extension.InitError",
        "exit status 1",
        "InitError\tEvents: []\tError Type: Extension.NoKey",
    ),
    "exit/error": (
        "register ''; fail exit/error Extension.Gone; exit 1",
        "Extension.ExitError",
        "exit status 1",
        "ExitError\tEvents: []\tError Type: Extension.Gone",
    ),
}


@pytest.mark.parametrize("body, error_type, text, state", CRASHES.values(), ids=CRASHES)
def test_failure_in_init(service, function, body, error_type, text, state):
    made = function(answering(), Layers=[layer(service, {"bad": body})])
    answer = made.invoke()
    assert answer.error == "Unhandled"
    assert answer.json == {"errorType": error_type, "errorMessage": f"RequestId: {answer.request_id} Error: {text}"}
    assert (answer.report["status"], answer.report["type"], answer.report["init"]) == ("error", error_type, None)
    log = made.log()
    for phase in ("init", "invoke"):
        assert f"Phase: {phase}\tStatus: error\tError Type: {error_type}" in log
    assert log.count(f"EXTENSION\tName: bad\tState: {state}") == 2, log
    assert log.index("EXTENSION") < log.index("INIT_REPORT")


def test_failure_in_invoke(service, function):
    bad = "register '\"INVOKE\"'; next; case $body in *INVOKE*) exit 1 ;; esac"
    witness = "register '\"SHUTDOWN\"'; serve"
    made = function(
        zipped({"app.py": "import time\ndef handler(event, context): time.sleep(60)"}),
        Layers=[layer(service, {"bad": bad, "witness": witness})],
        Timeout=60,
    )
    answer = made.invoke()
    assert answer.json["errorType"] == "Extension.Crash"
    assert answer.json["errorMessage"].endswith("Error: exit status 1")
    assert (answer.report["status"], answer.report["type"]) == ("error", "Extension.Crash")
    assert events_of(made.log().splitlines(), "witness", "SHUTDOWN")[0]["shutdownReason"] == "failure"


def test_failure_after_the_answer(service, function):
    bad = "register '\"INVOKE\"'; next; [ -e /tmp/once ] && { reach once; serve; }; reach once; await_release fail; exit 7"
    made = function(answering(), Layers=[layer(service, {"bad": bad})], Timeout=60)
    first = made.invoke(tail=False)
    assert first.error is None and first.json == first.request_id, "the answer stays"
    made.environment("Invoke").release("fail")
    lines = logged(made, "REPORT")
    report = REPORT.search(lines[place(lines, "REPORT")]).groupdict()
    assert (report["status"], report["type"]) == ("error", "Extension.Crash")
    # The environment starts anew, /tmp included in what it keeps.
    assert made.invoke(tail=False).error is None
    assert len(made.environments()) == 1


def test_an_extension_that_never_asks_again_times_out(service, function):
    hangs = "register '\"INVOKE\"'; next; while :; do sleep 1; done"
    witness = "register '\"SHUTDOWN\"'; serve"
    layers = [layer(service, {"hangs": hangs, "witness": witness})]
    made = function(answering(), Layers=layers, Timeout=3)
    answer = made.invoke(tail=False)
    assert answer.error is None and answer.json == answer.request_id
    lines = logged(made, "REPORT")
    report = REPORT.search(lines[place(lines, "REPORT")]).groupdict()
    assert (report["status"], report["duration"], int(report["billed"]) >= 3000) == ("timeout", "3000.00", True)
    assert events_of(lines, "witness", "SHUTDOWN")[0]["shutdownReason"] == "timeout"


def test_an_extension_that_never_registers_times_out(service, function):
    made = function(answering(), Layers=[layer(service, {"mute": "while :; do sleep 1; done"})], Timeout=1)
    answer = made.invoke()
    assert answer.json["errorType"] == "Sandbox.Timedout"
    log = made.log()
    assert "Phase: init\tStatus: timeout" in log and "Phase: invoke\tStatus: timeout" in log
    assert "EXTENSION\tName: mute\tState: Started\tEvents: []" in log


def test_too_many(service, function):
    made = function(answering(), Layers=[layer(service, {f"e{n:02}": SERVE for n in range(11)})])
    answer = made.invoke()
    assert answer.json["errorType"] == "Extension.LaunchError"
    assert answer.json["errorMessage"].endswith("Error: Extension limit (10) reached")
    assert "EXTENSION\tName: e10\tState: LaunchError\tEvents: []\tError Type: TooManyExtensions" in made.log()
    made.configure(Layers=[layer(service, {f"e{n:02}": SERVE for n in range(10)})])
    assert made.invoke().error is None


def test_what_cannot_be_executed(service, function):
    made = function(answering(), Layers=[layer(service, {"text": SERVE}, executable=False)])
    answer = made.invoke()
    assert answer.json["errorType"] == "Extension.LaunchError"
    assert answer.json["errorMessage"].endswith("Error: fork/exec /opt/extensions/text: permission denied")
    assert "EXTENSION\tName: text\tState: LaunchError\tEvents: []\tError Type: PermissionDenied" in made.log()


def test_environment_and_disabling(service, function):
    printing = f"env | sort | sed 's/^/env /'; {SERVE}"
    layers = [layer(service, {"one": printing})]
    made = function(answering(), Layers=layers, Environment={"Variables": {"MINE": "yes", "PYTHONPATH": "/opt/mine"}})
    made.invoke()
    env = dict(line[4:].split("=", 1) for line in made.log().splitlines() if line.startswith("env ") and "=" in line)
    assert env["MINE"] == "yes" and env["PYTHONPATH"] == "/opt/mine"
    assert env["AWS_LAMBDA_FUNCTION_NAME"] == made.name and env["AWS_LAMBDA_RUNTIME_API"]
    assert env["AWS_ACCESS_KEY_ID"] and env["AWS_SESSION_TOKEN"] and env["AWS_REGION"] == "us-east-1"
    runtime_only = {"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "LAMBDA_TASK_ROOT"}
    assert not runtime_only & set(env) and not [name for name in env if name.startswith("_") and name != "_"]

    code = ASK + "RESULT = ask('POST', 'register', {'Lambda-Extension-Name': 'inside'}, {'events': []})"
    off = layer(service, {}, **{"disable-extensions-jwigqn8j": ""})
    disabled = function(zipped({"app.py": code + HANDLER}), Layers=[*layers, off])
    assert disabled.invoke().json == [404, {}, ""]
    assert "EXTENSION" not in disabled.log()


ASK = """
import json, os, threading, urllib.request
URL = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
def ask(method, path, headers={}, body=None):
    body = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, body, headers, method=method)
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    kept = {k: v for k, v in answer.headers.items() if k.lower().startswith("lambda-extension")}
    return answer.status, kept, answer.read().decode()
"""
HANDLER = "\ndef handler(event, context): return RESULT"


def test_every_refusal(function):
    """What the Extensions API says to an internal extension that does everything wrong."""
    code = (
        ASK
        + """
def register(name, body, **headers): return ask("POST", "register", {"Lambda-Extension-Name": name, **headers}, body)
first = register("inside", {"events": ["INVOKE"]}, **{"Lambda-Extension-Accept-Feature": "other, accountId"})
ME = dict(first[1])
other = {"Lambda-Extension-Identifier": "00000000-0000-0000-0000-000000000001"}
WHY = {"Lambda-Extension-Function-Error-Type": "Extension.Why"}
RESULT = {
    "first": first,
    "nameless": register("", {}),
    "format": register("x", b"{"),
    "keys": register("x", {"configurationKeys": ["a"]}),
    "event": register("x", {"events": ["WAKE"]}),
    "shutdown": register("x", {"events": ["SHUTDOWN"]}),
    "twice": register("inside", {}),
    "anonymous": ask("GET", "event/next"),
    "invalid": ask("GET", "event/next", {"Lambda-Extension-Identifier": "me"}),
    "unknown": ask("GET", "event/next", other),
    "header": ask("POST", "init/error", ME, {}),
    "path": ask("GET", "nothing"),
    "large": register("x", b"x" * (1 << 20) + b"x"),
}
thread = threading.Thread(target=lambda: ask("GET", "event/next", ME), daemon=True)
thread.start()
def handler(event, context):
    RESULT["closed"] = register("late", {})
    RESULT["init error"] = ask("POST", "init/error", {**ME, **WHY}, {})
    RESULT["exit error"] = [ask("POST", "exit/error", {**ME, **WHY}, {}) for _ in range(2)]
    RESULT["after"] = ask("GET", "event/next", ME)
    return RESULT
"""
    )
    made = function(zipped({"app.py": code}), Timeout=10)
    result = made.invoke(tail=False).json
    status, headers, body = result.pop("first")
    assert status == 200 and uuid.UUID(headers["Lambda-Extension-Identifier"]), "by case, as AWS writes it"
    expected = {"functionName": made.name, "functionVersion": "$LATEST", "handler": "app.handler"}
    assert json.loads(body) == {"accountId": "000000000000", **expected}
    assert result.pop("path")[0] == 404 and result.pop("large")[0] == 413
    assert result.pop("exit error") == [[202, {}, '{"status":"OK"}\n']] * 2
    refused = {what: (status, *json.loads(body).values()) for what, (status, _, body) in result.items()}
    state = "State transition from {} to {} failed for extension inside. Error: State transition is not allowed".format
    for what in ("format", "keys"):
        assert (refused[what][0], refused[what][2]) == (403, "InvalidRequestFormat")
    assert refused["keys"][1] == "configurationKeys are deprecated; use environment variables instead"
    for what, error_type, text in [
        ("nameless", "Extension.InvalidExtensionName", "Empty extension name"),
        ("event", "Extension.InvalidEventType", "WAKE: ErrorInvalidEventType"),
        ("shutdown", "Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"),
        ("twice", "Extension.InvalidExtensionState", "Extension with this name already registered"),
        ("anonymous", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"),
        ("invalid", "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"),
        ("unknown", "Extension.UnknownExtensionIdentifier", "Unknown extension 00000000-0000-0000-0000-000000000001"),
        ("header", "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"),
        ("closed", "Extension.RegistrationClosed", "Extension registration closed already"),
        ("init error", "Extension.InvalidExtensionState", state("Running", "InitError")),
        ("after", "Extension.InvalidExtensionState", state("ExitError", "Ready")),
    ]:
        assert refused[what] == (403, text, error_type), what


def test_an_internal_extension(function):
    """Gets each invocation beside the handler, holds REPORT up, and gives the runtime time to end."""
    code = (
        ASKED_TO_END
        + """
import fs from "node:fs";
const url = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2020-01-01/extension/`;
const turn = () => new Promise((next) => setTimeout(next, 5));
const registration = { method: "POST", headers: { "Lambda-Extension-Name": "inside" }, body: '{"events":["INVOKE"]}' };
const done = await fetch(url + "register", registration);
const headers = { "Lambda-Extension-Identifier": done.headers.get("lambda-extension-identifier") };
const seen = [];
(async () => {
  for (;;) {
    seen.push(await (await fetch(url + "event/next", { headers })).json());
    while (!fs.existsSync("/tmp/finish")) await turn();
  }
})();
export const handler = async (event) => {
  while (seen.length <= event) await turn();
  return seen[event];
};
"""
    )
    made = function(zipped({"index.mjs": code}), "nodejs20.x", Timeout=60)
    answer = made.invoke(0, tail=False)
    assert (answer.json["eventType"], answer.json["requestId"]) == ("INVOKE", answer.request_id)
    environment = made.environment("Invoke")
    assert "REPORT" not in made.log()
    environment.release("finish")
    made.environment("Idle")
    again = made.invoke(1)
    assert again.json["requestId"] == again.request_id
    assert "EXTENSION\tName: inside\tState: Ready\tEvents: [INVOKE]" in made.log()
    made.replace(zipped({"index.mjs": code + "\n"}))
    logged(made, "asked to end")
