"""What becomes of output: borders of events, times, order, cuts. The clients that know frames write their messages so."""

import datetime
import re

import pytest

from support.functions import PRESENT, kind_of, zipped

FRAMING = [runtime for runtime in PRESENT if kind_of(runtime) in ("python", "nodejs")]
PLAIN = [runtime for runtime in PRESENT if kind_of(runtime) == "provided"]
EVENT_BYTES = 262_144

TALKS = {
    "python": {
        "app.py": """
import logging, os, subprocess, time
log = logging.getLogger()
log.setLevel("INFO")
def handler(event, context):
    before = time.time()
    log.info("one\\n  two\\nthree")
    written = [before, time.time()]
    open_in_child = subprocess.run(["/bin/sh", "-c", "ls /proc/self/fd"], capture_output=True, text=True).stdout
    if event.get("fail"):
        def inner():
            raise ValueError("first\\nsecond")
        inner()
    return {"variable": os.environ.get("_LAMBDA_TELEMETRY_LOG_FD"), "child": open_in_child.split(),
            "written": written}
"""
    },
    "nodejs": {
        "index.mjs": """
export const handler = async (event) => {
    console.info("one\\n  two\\nthree");
    if (event.fail) throw new RangeError("first\\nsecond");
    return {variable: process.env._LAMBDA_TELEMETRY_LOG_FD ?? null};
};
"""
    },
}


def said(made):
    """Events that are not the platform's, whole."""
    platform = ("INIT_START", "START ", "END ", "REPORT ")
    return [event for event in made.events() if not event["message"].startswith(platform)]


def messages(made):
    return [event["message"] for event in said(made)]


@pytest.mark.parametrize("runtime", FRAMING)
def test_a_message_of_several_lines_is_one_event_at_its_own_time(function, runtime):
    made = function(zipped(TALKS[kind_of(runtime)]), runtime, MemorySize=256)
    answer = made.invoke({})
    assert answer.json["variable"] is None, "the client has taken it for itself"
    if kind_of(runtime) == "python":
        assert len(answer.json["child"]) == 4, "a child has its three descriptors, and `ls` one"
    (event,) = said(made)
    assert event["message"].endswith("one\n  two\nthree\n"), event
    # Both clients print a time into the message, in milliseconds: that of the frame, or of a moment before, by Python.
    printed = re.search(r"\d{4}-\d\d-\d\dT[\d:]+\.\d{3}", event["message"])[0]
    written = datetime.datetime.fromisoformat(printed).replace(tzinfo=datetime.timezone.utc).timestamp() * 1000
    if kind_of(runtime) == "python":
        before, after = answer.json["written"]
        assert int(before * 1000) <= round(written) <= event["timestamp"] <= after * 1000
    else:
        assert event["timestamp"] == round(written)
    assert answer.request_id in event["message"]


@pytest.mark.parametrize("runtime", FRAMING)
def test_an_error_of_the_function_is_one_event_with_its_lines(function, runtime):
    made = function(zipped(TALKS[kind_of(runtime)]), runtime, MemorySize=256)
    answer = made.invoke({"fail": True})
    assert answer.error == "Unhandled"
    _, told = messages(made)
    assert "\r" not in told
    if kind_of(runtime) == "nodejs":
        assert '"errorMessage":"first\\nsecond"' in told and told.endswith("\n")
        return
    assert told == (
        "[ERROR] ValueError: first\nsecond\nTraceback (most recent call last):\n"
        '\u00a0\u00a0File "/var/task/app.py", line 13, in handler\n\u00a0\u00a0\u00a0\u00a0inner()\n'
        '\u00a0\u00a0File "/var/task/app.py", line 12, in inner\n'
        '\u00a0\u00a0\u00a0\u00a0raise ValueError("first\\nsecond")'
    )
    assert f"{told}END RequestId: {answer.request_id}\n" in answer.tail, "it has no end of a line, also on AWS"


@pytest.mark.parametrize("runtime", PLAIN)
def test_a_bootstrap_of_ones_own_has_no_such_descriptor(function, runtime):
    made = function("probe.sh", runtime)
    shown = made.invoke(b'"env"').body.decode()
    assert "AWS_LAMBDA_RUNTIME_API" in shown and "LOG_FD" not in shown


def test_garbage_between_frames_harms_nobody(function):
    made = function("probe.py")
    code = """
import logging, os, stat
open_now = [int(name) for name in os.listdir("/proc/self/fd")]
pipes = [fd for fd in open_now if fd > 2 and os.path.exists(f"/proc/self/fd/{fd}") and stat.S_ISFIFO(os.fstat(fd).st_mode)]
logging.warning("before")
for fd in pipes:
    os.write(fd, b"plain text\\n")
    os.write(fd, b"\\xa5\\x5a\\x00\\x0f\\xff\\xff\\xff\\xff" + b"x" * 8 + b"\\n")
    os.write(fd, b"\\xa5\\x5a\\x00\\x0f\\x00\\x00\\x00\\x01" + b"\\xff" * 8 + b"y")
    os.write(fd, b"\\xa5\\x5a\\x00" * 5 + b"\\n")
logging.warning("after")
answer = len(pipes)
"""
    pipes = made.invoke({"run": code}).json
    assert pipes == 1
    told = messages(made)
    assert told[0].endswith("before\n") and told[1] == "plain text\n" and told[-1].endswith("after\n"), told
    assert "y" in told and "x" * 8 in told[2]
    assert made.invoke({"run": "answer = 1"}).json == 1
    assert len(made.environments()) == 1, "the environment is the same"


def test_ten_thousand_lines_are_kept_in_order(function):
    made = function("probe.py", Timeout=60)
    made.invoke({"run": "for n in range(10_000): print('line', n)"})
    assert messages(made) == [f"line {n}\n" for n in range(10_000)]


def test_ten_thousand_messages_are_kept_in_order(function):
    made = function("probe.py", Timeout=60)
    made.invoke({"run": "import logging\nfor n in range(10_000): logging.warning('message %s', n)"})
    assert [int(message.split()[-1]) for message in messages(made)] == list(range(10_000))


def test_output_of_several_processes_is_whole_lines(function):
    made = function("probe.py", Timeout=60)
    code = """
import subprocess
script = "for n in $(seq 300); do echo $0 $n; done"
for one in [subprocess.Popen(["/bin/sh", "-c", script, name]) for name in "abcd"]: one.wait()
"""
    made.invoke({"run": code})
    lines = messages(made)
    for name in "abcd":
        assert [line for line in lines if line[0] == name] == [f"{name} {n}\n" for n in range(1, 301)]
    assert len(lines) == 1_200


@pytest.mark.parametrize("how", ["print(text)", "import logging; logging.getLogger().error(text)"])
def test_a_long_message_is_cut_between_characters(function, how):
    made = function("probe.py", Timeout=30, MemorySize=256)
    made.invoke({"run": f"text = 'x' + 'é' * 300_000\n{how}"})
    parts = messages(made)
    assert "".join(parts).rstrip("\n").endswith("x" + "é" * 300_000)
    sizes = [len(part.encode()) for part in parts]
    assert len(sizes) == 3 and all(EVENT_BYTES - 1 <= size <= EVENT_BYTES for size in sizes[:2]), sizes


def test_carriage_returns_and_bytes_that_are_no_text(function):
    made = function("probe.py")
    made.invoke({"run": "import os; os.write(1, b'a\\rb\\r\\n\\xff\\xfe\\n\\n\\x00\\n')"})
    assert messages(made) == ["a\rb\r\n", "\ufffd\ufffd\n", "\n", "\x00\n"]
