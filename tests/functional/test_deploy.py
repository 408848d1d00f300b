"""`hearth deploy` and `hearth dev`: a folder becomes a function, and is reloaded on save."""

import base64
import fcntl
import hashlib
import http.client
import io
import json
import os
import queue
import shutil
import signal
import struct
import subprocess
import termios
import threading
import urllib.request
import zipfile
from urllib.parse import urlsplit

import pytest

from support.service import HEARTH, PATIENCE_S, RUNTIMES, hearth, wait_for

APP = "def handler(event, context):\n    print('got', event)\n    if event.get('fail'): raise ValueError('no')\n    return {'answer': ANSWER}\n"


def write(folder, **files):
    """Writes files as editors do: a new one, renamed over the old one. NAME_ext is NAME.ext."""
    for name, text in files.items():
        path = folder / name.replace("_", ".")
        path.with_name(path.name + "~").write_text(text)
        path.with_name(path.name + "~").rename(path)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


class Dev:
    """`hearth --json dev` as a child: its events in order, waited for and never slept for."""

    def __init__(self, folder, *options, endpoint):
        self.events, self.seen = queue.Queue(), []
        self.process = subprocess.Popen(
            [HEARTH, "--json", "dev", folder, *options],
            env={**os.environ, "HEARTH_RUNTIMES": str(RUNTIMES), "HEARTH_ENDPOINT": endpoint},
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.ready = self.wait("ready")

    def _read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put(None)

    def wait(self, kind, **members):
        """The next event of that kind with these members."""
        while True:
            event = self.events.get(timeout=PATIENCE_S)
            assert event is not None, f"ended before {kind} {members}; said {self.seen}"
            self.seen.append(event)
            if event["event"] == kind and members.items() <= event.items():
                return event

    def invoke(self, payload):
        return hearth("invoke", "shop", "--payload", json.dumps(payload), endpoint=self.ready["endpoint"], check=False)

    def answer(self):
        return json.loads(self.invoke({}).stdout)["answer"]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def dev(service, folder):
    """Makes sessions on the shared service, and ends them."""
    running = []

    def make(*options, endpoint=service.endpoint):
        running.append(Dev(folder, *options, endpoint=endpoint))
        return running[-1]

    yield make
    for one in running:
        assert one.stop() == 0
        one.process.stdout.close()
    service.hearth("--json", "ps")
    try:
        service.client(account="000000000000").delete_function(FunctionName="shop")
    except service.client(account="000000000000").exceptions.ResourceNotFoundException:
        pass


def test_deploy_creates_then_updates_only_what_differs(service, folder):
    write(folder, app_py=APP.replace("ANSWER", "1"))
    deploy = lambda *options: json.loads(service.hearth("--json", "deploy", folder, *options).stdout)  # noqa: E731
    client = service.client()
    try:
        made = deploy("--env", "LEVEL=debug", "--timeout", "30s", "--memory", "256")
        assert made["change"] == "created" and made["handler"] == "app.handler"
        assert made["functionArn"].endswith(":function:shop") and made["runtime"].startswith("python3.")
        assert json.loads(client.invoke(FunctionName="shop")["Payload"].read()) == {"answer": 1}
        assert deploy()["change"] == "unchanged"
        write(folder, app_py=APP.replace("ANSWER", "2"))
        assert deploy()["change"] == "updated"
        assert json.loads(client.invoke(FunctionName="shop")["Payload"].read()) == {"answer": 2}
        now = client.get_function_configuration(FunctionName="shop")
        assert (now["Timeout"], now["MemorySize"]) == (30, 256), "what was not said again stays"
        assert now["Environment"]["Variables"] == {"LEVEL": "debug"}
        assert deploy("--memory", "512")["change"] == "updated"
        text = service.hearth("deploy", folder, "--name", "shop").stdout
        assert "unchanged shop" in text and made["functionArn"] in text and "hearth invoke shop" in text
    finally:
        client.delete_function(FunctionName="shop")


def test_deploy_gives_a_url_for_everybody_or_for_who_signs(service, folder):
    write(folder, app_py=APP.replace("ANSWER", "event['rawPath']"))
    deploy = lambda *options: json.loads(service.hearth("--json", "deploy", *options, folder).stdout)  # noqa: E731
    client = service.client()

    def ask(link):
        address = urlsplit(service.endpoint)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE_S)
        connection.request("GET", "/path", headers={"Host": urlsplit(link).netloc})
        response = connection.getresponse()
        return response.status, response.read()

    try:
        assert deploy()["functionUrl"] is None
        link = deploy("--url")["functionUrl"]
        answer = (200, b'{"answer":"/path"}')
        assert ask(link) == answer
        client.update_function_url_config(FunctionName="shop", Cors={"MaxAge": 60})
        before = client.get_policy(FunctionName="shop")["RevisionId"]
        again = deploy("--url=none")
        assert (again["change"], again["functionUrl"], ask(link)) == ("unchanged", link, answer)
        assert client.get_policy(FunctionName="shop")["RevisionId"] == before, "nothing was to be done"
        assert link in service.hearth("deploy", folder, "--url=iam").stdout.splitlines()
        assert ask(link)[0] == 403
        config = client.get_function_url_config(FunctionName="shop")
        assert (config["AuthType"], config["Cors"]) == ("AWS_IAM", {"MaxAge": 60}), "what was not said stays"
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_policy(FunctionName="shop")
        assert deploy("--url=iam")["functionUrl"] == link == deploy("--url")["functionUrl"]
        assert ask(link) == answer
        client.remove_permission(FunctionName="shop", StatementId="FunctionURLInvokeAllowPublicAccess")
        assert ask(link)[0] == 403
        deploy("--url")
        assert ask(link) == answer, "what is missing is added"
    finally:
        client.delete_function(FunctionName="shop")


@pytest.mark.parametrize(
    "file, text, runtime, handler",
    [
        ("index.mjs", "export const handler = async () => 7;", "nodejs", "index.handler"),
        ("lambda_function.py", "def lambda_handler(e, c): return 7", "python3.", "lambda_function.lambda_handler"),
        (
            "bootstrap",
            "#!/bin/sh\nA=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation\nwhile :; do\n"
            "curl -sS -D /tmp/h -o /tmp/e $A/next; I=$(grep -i request-id: /tmp/h | tr -d '\\r ' | cut -d: -f2)\n"
            "curl -sS -o /dev/null -d 7 $A/$I/response; done",
            "provided.al2023",
            "bootstrap",
        ),
    ],
)
def test_deploy_guesses_each_language(service, folder, file, text, runtime, handler):
    (folder / file).write_text(text)
    (folder / file).chmod(0o755)
    made = json.loads(service.hearth("--json", "deploy", folder, "--name", "guessed").stdout)
    try:
        assert made["runtime"].startswith(runtime) and made["handler"] == handler
        assert service.hearth("invoke", "guessed").stdout == "7"
    finally:
        service.client().delete_function(FunctionName="guessed")


def test_deploy_says_what_is_wrong(service, folder):
    def refused(*options):
        done = service.hearth("deploy", folder, *options, check=False)
        assert done.returncode == 1 and not done.stdout
        return done.stderr

    assert "no function in" in refused()
    write(folder, index_ts="export {}")
    assert "compile it to JavaScript first" in refused()
    write(folder, app_py="def main(event, context): pass")
    assert "--handler app.NAME" in refused()
    assert "it has no web.py" in refused("--runtime", "python3.11", "--handler", "web.run")
    missing = refused("--runtime", "python3.99", "--handler", "app.main")
    assert "python3.99" in missing
    assert "find" in service.hearth("deploy", folder / "absent", check=False).stderr
    assert "--install needs a requirements.txt" in refused("--install", "--handler", "app.main")


def test_deploy_installs_into_a_copy(service, folder):
    """Without a registry: the package is a wheel in a folder of its own, which Debian's Python is too old for."""
    wheels = folder.parent / "wheels"
    wheels.mkdir()
    source = folder.parent / "source"
    (source / "greeting").mkdir(parents=True)
    (source / "greeting/__init__.py").write_text(
        "def words(): return 'from a wheel'\n\ndef handler(event, context): return 'brought'\n"
    )
    metadata = source / "greeting-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\nRequires-Python: >=3.13\n")
    (metadata / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (metadata / "RECORD").write_text("")
    wheel = shutil.make_archive(str(wheels / "greeting"), "zip", source)
    os.rename(wheel, wheels / "greeting-1.0-py3-none-any.whl")
    (folder / "requirements.txt").write_text("greeting==1.0\n")
    write(folder, app_py="import greeting\n\ndef handler(event, context): return greeting.words()\n")
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    try:
        hearth("deploy", folder, "--install", "--runtime", "python3.13", endpoint=service.endpoint, **env)
        assert json.loads(service.hearth("invoke", "shop").stdout) == "from a wheel"
        assert not (folder / "greeting").exists(), "the folder itself stays as it is"
        brought = ("--install", "--runtime", "python3.13", "--handler", "greeting.handler")
        hearth("deploy", folder, *brought, endpoint=service.endpoint, **env)
        assert json.loads(service.hearth("invoke", "shop").stdout) == "brought"
        brought = (*brought[:-1], "greetings.handler")
        absent = hearth("deploy", folder, *brought, endpoint=service.endpoint, check=False, **env)
        assert absent.returncode == 1 and "it has no greetings.py" in absent.stderr
    finally:
        service.client().delete_function(FunctionName="shop")


def test_dev_serves_what_is_saved(folder, dev):
    write(folder, app_py=APP.replace("ANSWER", "1"))
    session = dev()
    assert session.answer() == 1
    first = session.wait("invoked")
    assert first["status"] == 200 and first["initMs"] > 0 and first["memoryMb"] == 128 and not first["error"]
    assert 0 < first["maxMemoryMb"] <= 128
    for answer in (2, 3):
        write(folder, app_py=APP.replace("ANSWER", str(answer)))
        session.wait("reloaded")
        assert session.answer() == answer, "the next invoke is served by the new code"
        assert session.wait("invoked")["initMs"] > 0, "in an environment of its own"


def test_dev_sends_changes_and_the_package_is_the_same(service, folder, dev):
    """What changes one after the other make is what packing the whole folder makes, byte for byte."""
    (folder / "node_modules/lib").mkdir(parents=True)
    for n in range(200):
        (folder / f"node_modules/lib/{n}.js").write_text(f"exports.n = {n};\n" * 50)
    write(folder, app_py=APP.replace("ANSWER", "1"))
    session = dev()
    client = service.client(account="000000000000")
    for answer in (2, 3):
        write(folder, app_py=APP.replace("ANSWER", str(answer)), new_py=f"n = {answer}\n")
        (folder / "node_modules/lib/7.js").write_text(f"exports.n = {answer};\n")
        while session.answer() != answer:
            session.wait("reloaded")
        now = json.loads(service.hearth("--json", "deploy", folder).stdout)
        shown = client.get_function(FunctionName="shop")
        assert now["change"] == "unchanged" and now["codeSha256"] == shown["Configuration"]["CodeSha256"]
        with urllib.request.urlopen(shown["Code"]["Location"]) as location:
            package = location.read()
        assert base64.b64encode(hashlib.sha256(package).digest()).decode() == now["codeSha256"]
        names = zipfile.ZipFile(io.BytesIO(package)).namelist()
        assert len(names) == 202 and zipfile.ZipFile(io.BytesIO(package)).read("new.py") == f"n = {answer}\n".encode()
    # Somebody else's code in between is not what the next change is of.
    other = io.BytesIO()
    zipfile.ZipFile(other, "w").writestr("app.py", "def handler(event, context): return {'answer': 'other'}\n")
    client.update_function_code(FunctionName="shop", ZipFile=other.getvalue())
    client.get_waiter("function_updated_v2").wait(FunctionName="shop")
    (folder / "new.py").unlink()
    write(
        folder, app_py="import os\n\ndef handler(event, context): return {'answer': sorted(os.listdir('/var/task'))}\n"
    )
    while session.answer() != ["app.py", "node_modules"]:
        session.wait("reloaded")


def test_dev_retires_the_environments_of_old_code(service, folder, dev):
    write(folder, app_py=APP.replace("ANSWER", "1"))
    session = dev()
    session.invoke({})
    old = service.environment("shop", "Idle")
    write(folder, app_py=APP.replace("ANSWER", "2"))
    session.wait("reloaded")
    session.invoke({})
    assert service.environment("shop", "Idle").id != old.id


def test_dev_shows_logs_and_failures(folder, dev):
    write(folder, app_py=APP.replace("ANSWER", "1"))
    session = dev()
    session.invoke({"fail": True})
    assert "got {'fail': True}" in session.wait("log")["message"]
    assert session.wait("invoked")["error"] == "ValueError: no"
    write(folder, app_py="import os\n\ndef handler(event, context):\n    os._exit(3)\n")
    session.wait("reloaded")
    session.invoke({})
    assert session.wait("invoked")["error"] == "Runtime.ExitError"


def test_dev_shows_logs_before_the_invoke_ends(service, folder, dev):
    write(
        folder,
        app_py="import os, time\n\ndef handler(event, context):\n    print('begun', flush=True)\n"
        "    while not os.path.exists('/tmp/go'): time.sleep(0.01)\n    return {'answer': 1}\n",
    )
    session = dev("--timeout", "60s")
    invoke = threading.Thread(target=session.invoke, args=({},))
    invoke.start()
    try:
        assert "begun" in session.wait("log")["message"]
        assert [event["event"] for event in session.seen] == ["ready", "log"]
    finally:
        service.environment("shop", "Invoke").release("go")
        invoke.join()
    session.wait("invoked")


def test_dev_outlives_half_a_change(folder, dev):
    write(folder, app_py=APP.replace("ANSWER", "1"))
    session = dev()
    (folder / "app.py").unlink()
    assert "no function in" in session.wait("error")["error"]
    assert session.answer() == 1, "what was there is served on"
    write(folder, app_py=APP.replace("ANSWER", "2"))
    session.wait("reloaded")
    assert session.answer() == 2


def test_dev_leaves_ignored_files_out(folder, dev):
    (folder / ".hearthignore").write_text("*.log\n")
    listing = "import os\n\ndef handler(event, context): return {'answer': sorted(os.listdir('/var/task'))}\n"
    write(folder, app_py=listing)
    session = dev()
    (folder / "debug.log").write_text("noise")
    (folder / "lib").mkdir()
    (folder / "lib/table.py").write_text("")
    while session.answer() != ["app.py", "lib"]:
        session.wait("reloaded")


def test_dev_ends_though_nobody_reads(folder):
    """Its output is a pipe that is full: that must hold up neither the signal nor the end of its own service."""
    write(folder, app_py="def handler(event, context):\n    for _ in range(4000): print('x' * 60)\n")
    process = subprocess.Popen(
        [HEARTH, "--json", "dev", folder],
        env={**os.environ, "HEARTH_RUNTIMES": str(RUNTIMES), "HEARTH_ENDPOINT": "http://127.0.0.1:1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready = json.loads(process.stdout.readline())
        hearth("invoke", "shop", endpoint=ready["endpoint"])

        def held():
            return struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, b"\0" * 4))[0]

        # A pipe holds 64 kB, and the log is several times as much.
        wait_for("a full pipe", lambda: held() > 60_000)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE_S) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def test_dev_brings_a_service_of_its_own(folder, dev):
    write(folder, index_mjs="export const handler = async () => ({ answer: process.version });")
    session = dev("--name", "shop", endpoint="http://127.0.0.1:1")
    assert session.ready["endpoint"].startswith("http://127.0.0.1:")
    assert session.ready["runtime"].startswith("nodejs") and session.answer().startswith("v")
    session.wait("invoked")
    assert session.stop() == 0
    assert hearth("ps", endpoint=session.ready["endpoint"], check=False).returncode == 1, "it ended with the session"
