"""The service in the guest, and a client of it. Standard library only: the guest has no SDK."""

import base64
import io
import json
import signal
import subprocess
import time
import urllib.request
import zipfile
from pathlib import Path

from support.environment import Environment

SHARE = Path(__file__).resolve().parent
HEARTH, DATA = SHARE / "hearth", Path("/var/tmp/hearth")
ENTRY = {"py": ("app.py", "python3.11"), "sh": ("bootstrap", "provided.al2023")}
PATIENCE_S = 300


def wait_for(what, condition):
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.02)
    return value


class Service:
    def __init__(self, *options, data=DATA):
        self.command = [HEARTH, "up", "--listen", "127.0.0.1:0", "--data", data, *options]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        self.lines = []
        while not (self.lines and self.lines[-1].startswith("ready ")):
            line = self.process.stdout.readline()
            assert line, f"hearth up printed {self.lines} and ended"
            self.lines.append(line.rstrip("\n"))
        self.endpoint = self.lines[-1].split()[1]

    def stop(self):
        """Its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE_S)

    def call(self, method, path, body=None, **headers):
        """(status, headers, body)"""
        request = urllib.request.Request(self.endpoint + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def function(self, source, **settings):
        """Of a file of tests/functions."""
        name = f"{source.split('.')[1]}-{time.monotonic_ns()}"
        entry, runtime = ENTRY[source.split(".")[1]]
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            info = zipfile.ZipInfo(entry)
            info.external_attr = 0o100755 << 16
            archive.writestr(info, (SHARE / "functions" / source).read_bytes())
        wanted = {
            "FunctionName": name,
            "Runtime": runtime,
            "Handler": "app.handler",
            "Role": "arn:aws:iam::000000000000:role/any",
            "Code": {"ZipFile": base64.b64encode(buffer.getvalue()).decode()},
            "Timeout": 240,
            **settings,
        }
        status, _, body = self.call("POST", "/2015-03-31/functions", json.dumps(wanted).encode())
        assert status == 201, body
        path = f"/2015-03-31/functions/{name}/configuration"
        wait_for("Active", lambda: json.loads(self.call("GET", path)[2])["State"] == "Active")
        return name

    def invoke(self, name, event):
        """(payload, whether it is an error, log tail)"""
        path = f"/2015-03-31/functions/{name}/invocations"
        status, headers, body = self.call("POST", path, json.dumps(event).encode(), **{"X-Amz-Log-Type": "Tail"})
        assert status == 200, (status, body)
        tail = base64.b64decode(headers["X-Amz-Log-Result"]).decode()
        try:
            body = json.loads(body)
        except ValueError:
            body = body.decode()
        return body, "X-Amz-Function-Error" in headers, tail

    def environment(self, name, phase):
        def found():
            rows = json.loads(self.call("GET", "/_hearth/environments")[2])
            rows = rows if isinstance(rows, list) else rows["environments"]
            return [Environment(row) for row in rows if (row["function"], row["phase"]) == (name, phase)]

        return wait_for(f"{name} in {phase}", found)[0]
