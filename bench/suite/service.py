"""The service under measurement, and its functions."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

from suite.machine import RUNTIMES, TARGET

# Handlers say when they were entered, in which log stream, and when their file was begun: entry file, text, the interpreter of the tree, and what it is told to do with that very file.
PYTHON = """import time
LOADED = time.time()
def handler(event, context):
    entered = time.time()
    time.sleep(max(0, event.get("until", 0) - entered))
    return [entered, context.log_stream_name if context else None, LOADED]
if __name__ == "__main__":
    print(time.time(), flush=True)
"""
NODE = """const loaded = (performance.timeOrigin + performance.now()) / 1000;
export const handler = async (event, context) => {
  const entered = Date.now() / 1000;
  if (event.until) await new Promise((done) => setTimeout(done, Math.max(0, event.until * 1000 - Date.now())));
  return [entered, context.logStreamName, loaded];
};
if (!process.env.AWS_LAMBDA_RUNTIME_API) console.log(Date.now() / 1000);
"""
KINDS = {
    "python3.11": ("app.py", PYTHON, "app.handler", ["/var/lang/bin/python3.11", "/var/task/app.py"]),
    "nodejs20.x": ("index.mjs", NODE, "index.handler", ["/var/lang/bin/node", "/var/task/index.mjs"]),
    "provided.al2023": ("bootstrap", None, "bootstrap", None),
}


def package(files):
    """The zip of files by name, in base64; each may be run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100755 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return base64.b64encode(buffer.getvalue()).decode()


def entry_file(runtime):
    """Name and content of a kind's handler."""
    entry, text, _, _ = KINDS[runtime]
    return entry, text or (TARGET / "examples/rust-hello/bootstrap").read_bytes()


class Service:
    """A binary, if none is named the release's, on a temporary data directory."""

    def __init__(self, *options, network="isolated", data=None, binary=TARGET / "release/hearth"):
        self.data = tempfile.TemporaryDirectory(prefix="hearth-bench-")
        command = [binary, "up", "--listen", "127.0.0.1:0", "--data", data or self.data.name]
        started = time.monotonic()
        self.process = subprocess.Popen(
            [*command, "--network", network, *options],
            env={**os.environ, "HEARTH_RUNTIMES": str(RUNTIMES)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = ready(self.process).removeprefix("http://")
        self.started_ms = (time.monotonic() - started) * 1e3

    def call(self, method, path, body=None, **headers):
        request = urllib.request.Request(f"http://{self.address}{path}", data=body, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.headers, answer.read()

    def create(self, name, runtime, memory=1769, files=None, layers=()):
        """A function of a kind: its handler, and what else is to be in its package."""
        content = dict([entry_file(runtime)], **(files or {}))
        wanted = {
            "FunctionName": name, "Runtime": runtime, "Handler": KINDS[runtime][2], "MemorySize": memory, "Timeout": 120,
            "Role": "arn:aws:iam::000000000000:role/any", "Code": {"ZipFile": package(content)}, "Layers": list(layers),
        }  # fmt: skip
        self.call("POST", "/2015-03-31/functions", json.dumps(wanted).encode())
        self.settled(name)

    def publish_layer(self, name, files):
        """The ARN of a layer's new version."""
        body = json.dumps({"Content": {"ZipFile": package(files)}}).encode()
        return json.loads(self.call("POST", f"/2018-10-31/layers/{name}/versions", body)[1])["LayerVersionArn"]

    def settled(self, name):
        while True:
            shown = json.loads(self.call("GET", f"/2015-03-31/functions/{name}/configuration")[1])
            if shown["State"] == "Active" and shown["LastUpdateStatus"] == "Successful":
                return
            time.sleep(0.005)

    def forget_environments(self, name):
        """A change of configuration retires what is warm: the next invoke starts cold."""
        body = json.dumps({"Description": str(time.time())}).encode()
        self.call("PUT", f"/2015-03-31/functions/{name}/configuration", body)
        self.settled(name)
        while self.environments(name):
            time.sleep(0.005)

    def state(self):
        return json.loads(self.call("GET", "/_hearth/environments")[1])

    def environments(self, name):
        return [row for row in self.state()["environments"] if row["function"] == name]

    def refilled(self):
        """Waits until as many sandboxes and images of /tmp wait for cold starts as are to, and again a moment later."""
        calm = 0
        while calm < 3:
            blanks = self.state()["blanks"]
            stocks = [*blanks["kinds"], blanks["tmps"]]
            calm = calm + 1 if all(stock["ready"] >= stock["wanted"] for stock in stocks) else 0
            time.sleep(0.01)

    def invoke(self, name, event, tail=False):
        headers = {"X-Amz-Log-Type": "Tail"} if tail else {}
        path = f"/2015-03-31/functions/{name}/invocations"
        headers, body = self.call("POST", path, json.dumps(event).encode(), **headers)
        assert "X-Amz-Function-Error" not in headers, body
        return json.loads(body), base64.b64decode(headers.get("X-Amz-Log-Result", "")).decode()

    def cold_ms(self, name):
        """How long the caller waits for the first invoke of a new environment."""
        self.forget_environments(name)
        self.refilled()
        return load(self.address, invocations(name), 1)["p50_us"] / 1e3

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.data.cleanup()


def invocations(name):
    return f"/2015-03-31/functions/{name}/invocations"


def load(address, path, count, connections=1, body='{"name":"bench"}'):
    command = [TARGET / "bench/release/load", address, path, body, str(count), str(connections)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def ready(process):
    """The rest of a child's `ready` line."""
    for line in process.stdout:
        if line.startswith("ready "):
            return line.split()[1]
    sys.exit("bench: the service did not become ready")
