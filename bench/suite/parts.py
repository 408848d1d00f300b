"""Where the time of a cold start goes: what the service has recorded of it, the function's own clock, and the caller's."""

import json
import socket
import statistics
import time

from suite.cold import MODES, function
from suite.service import KINDS, Service, invocations

# In their order. What a function's program does in Init cannot be told apart from outside where it has no file of its own.
PARTS = ("request", "sandbox", "runtime", "function's file", "handler", "answer")


def parts(count):
    """By runtime and mode: milliseconds of each of PARTS, as medians; `None` for what cannot be told apart from the one before."""
    rows = {runtime: {} for runtime in KINDS}
    for mode, options in MODES.items():
        service = Service(*options)
        try:
            for runtime, row in rows.items():
                name = function(runtime)
                service.create(name, runtime)
                service.invoke(name, {})
                starts = [one(service, name) for _ in range(count)]
                row[mode] = {part: median([start[part] for start in starts]) for part in PARTS}
        finally:
            service.stop()
    return rows


def median(values):
    return None if None in values else statistics.median(values)


def one(service, name):
    """One cold start in its parts."""
    service.forget_environments(name)
    service.refilled()
    sent, answer, received = exchange(service.address, invocations(name))
    told = json.loads(service.call("GET", f"/_hearth/timelines?function={name}")[1])["environments"][-1]
    spans = [span for span in told["spans"] if span["lane"] == "environment"]
    begun = {span["activity"]: span["start_us"] for span in spans if isinstance(span["activity"], str)}
    created, init = told["created_us"], told["created_us"] + begun["init"]
    handed = init + told["init"]["duration_us"]
    answered = created + told["invocations"][0]["answered_us"]
    loaded = answer[2] * 1e6 if isinstance(answer, list) else None
    moments = [sent, created, init, loaded or handed, handed if loaded else None, answered, received]
    found, last = {}, moments[0]
    for part, moment in zip(PARTS, moments[1:], strict=True):
        found[part] = None if moment is None else (moment - last) / 1e3
        last = last if moment is None else moment
    return found


def exchange(address, path):
    """One request: when it was sent, its answer, and when that was there; times in microseconds of the wall clock."""
    host, port = address.split(":")
    body = b"{}"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    )
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        sent = time.time_ns() / 1e3
        connection.sendall(head + body)
        answer = connection.recv(65536)
        received = time.time_ns() / 1e3
        while piece := connection.recv(65536):
            answer += piece
    return sent, json.loads(answer.partition(b"\r\n\r\n")[2]), received
