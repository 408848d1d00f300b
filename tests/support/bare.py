"""Packages without Hearth: in the bare interpreter of a runtime's tree, or as a program that this machine runs."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.service import PATIENCE_S, RUNTIMES, wait_for

# What an interpreter is called with: events on its standard input, answers on its standard output.
PYTHON = ["-c", "import app, json, sys; json.dump([app.handler(e, None) for e in json.load(sys.stdin)], sys.stdout)"]
NODE = ["--input-type=module", "-e", """
import { readFileSync, writeSync } from "node:fs";
import { handler } from "/var/task/index.mjs";
const answers = [];
for (const event of JSON.parse(readFileSync(0))) answers.push(await handler(event, {}));
writeSync(1, JSON.stringify(answers));
"""]  # fmt: skip


def interpreted(runtime, package, events, **env):
    """What the handler of a package (app.py or index.mjs) answers when the tree's interpreter calls it itself.

    The tree is the root, the package is at /var/task, and nothing else is as in a sandbox.
    """
    interpreter = (
        ["/var/lang/bin/node", *NODE] if runtime.startswith("nodejs") else [f"/var/lang/bin/{runtime}", *PYTHON]
    )
    script = 'mount --bind "$0" "$1/var/task" && exec chroot "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, package, RUNTIMES / runtime / "tree", *interpreter],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": "/var/task", **env},
        input=json.dumps(events),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def program(bootstrap, events):
    """What a custom runtime answers to these events of a Runtime API on loopback."""
    todo, answers, asked_again, ended = list(events), [], threading.Event(), threading.Event()

    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if not todo:
                asked_again.set()
                ended.wait()
                self.close_connection = True
                return
            self.answer(
                200,
                json.dumps(todo.pop(0)).encode(),
                {
                    "Lambda-Runtime-Aws-Request-Id": str(len(answers)),
                    "Lambda-Runtime-Deadline-Ms": "4102444800000",
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:bare",
                },
            )

        def do_POST(self):
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(202, b"{}", {})

        def answer(self, status, body, headers):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "bare",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        }
        process = subprocess.Popen([bootstrap], env=env)
        try:
            wait_for("the program", lambda: asked_again.is_set() or process.poll() is not None)
        finally:
            process.kill()
            process.wait()
            ended.set()
            server.shutdown()
    return answers
