#!/var/lang/bin/python3
"""An external extension that subscribes as WISH says and keeps what it is sent, one batch
a line, in /tmp/NAME.batches. Answers of the platform go to its log."""

import json
import os
import socket
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WISH = {}  # the test puts in what it wants
NAME = WISH.get("name") or os.path.basename(sys.argv[0])
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
KEPT = f"/tmp/{NAME}.batches"


def call(method, path, body=None, **headers):
    request = urllib.request.Request(API + path, body and json.dumps(body).encode(), method=method)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def keep(batch):
    with open(KEPT, "a") as kept:
        kept.write(json.dumps(batch) + "\n")


class Listener(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = WISH.get("answer", 200)
        if answer == "never":
            threading.Event().wait()
        if answer == "garbage":
            self.close_connection = True
            return self.wfile.write(b"\xff\0" * 100_000)
        if answer == 500 and not os.path.exists("/tmp/recover"):
            return self.send_error(answer)
        assert self.headers["Content-Type"] == "application/json"
        keep({"path": self.path, "method": self.command, "events": json.loads(body)})
        self.send_response(200)
        self.end_headers()
        while answer == "endless":
            self.wfile.write(b"x" * 100_000)

    do_PUT = do_POST

    def log_message(self, *_):
        pass


def lines(listener):
    while True:
        connection, _ = listener.accept()
        if WISH.get("answer") == "never":
            threading.Event().wait()
        for line in connection.makefile():
            keep({"events": [json.loads(line)]})


def listen():
    host, port = WISH.get("host", "sandbox.localdomain"), WISH.get("port", 4243)
    if WISH.get("protocol") == "TCP":
        if WISH.get("answer") != "dead":
            listener = socket.create_server((host, port))
            threading.Thread(target=lines, args=(listener,), daemon=True).start()
        return {"protocol": "TCP", "port": port}
    if WISH.get("answer") != "dead":
        server = ThreadingHTTPServer((host, port), Listener)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    method = {"method": WISH["method"]} if "method" in WISH else {}
    return {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}/events?of={NAME}"} | method


def subscribe(identifier, **changes):
    path = "/2020-08-15/logs" if WISH.get("api") == "logs" else "/2022-07-01/telemetry"
    body = {"schemaVersion": "2022-12-13", "types": ["platform", "function"]} | WISH.get("body", {}) | changes
    known = {} if identifier is None else {"Lambda_Extension_Identifier": identifier}
    status, _, said = call("PUT", path, body, **known)
    print(f"subscribe {status} {said}", flush=True)


destination = listen()
_, headers, _ = call(
    "POST",
    "/2020-01-01/extension/register",
    {"events": WISH.get("events", ["INVOKE", "SHUTDOWN"])},
    Lambda_Extension_Name=NAME,
)
me = headers["Lambda-Extension-Identifier"]
for changes in WISH.get("refused", []):
    subscribe(me, **({"destination": destination} | changes))
for stranger in (None, "nobody", "00000000-0000-4000-8000-000000000000") if WISH.get("stranger") else ():
    subscribe(stranger, destination=destination)
subscribe(me, destination=destination)
open(f"/tmp/{NAME}.subscribed", "w").close()
while True:
    _, _, said = call("GET", "/2020-01-01/extension/event/next", Lambda_Extension_Identifier=me)
    event = json.loads(said)
    if WISH.pop("late", False):
        subscribe(me, destination=destination)
    if event["eventType"] == "SHUTDOWN" and not os.path.exists(KEPT):
        sys.exit(0)
    if event["eventType"] == "SHUTDOWN":
        with open(KEPT) as kept:
            found = [event["type"] for line in kept for event in json.loads(line)["events"]]
        print("kept", found.count("platform.report"), found[-1], flush=True)
        sys.exit(0)
