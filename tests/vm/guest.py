"""Runs inside the guest: Debian 12's own kernel with a pure cgroup v2. Standard library only.

Starts the real binary and checks what depends on the kernel: limits, OOM, freeze, the freeze story, a clean end. The
guest's processor is emulated, some 10 to 30 times slower than the host's: nothing here is about time.
"""

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import traceback
import urllib.request
import zipfile
from pathlib import Path

SHARE = Path(__file__).resolve().parent
sys.path.insert(0, str(SHARE))

from support import leftovers  # noqa: E402
from support.environment import Environment  # noqa: E402

HEARTH, DATA = SHARE / "hearth", Path("/var/tmp/hearth")
ENTRY = {"probe.py": ("app.py", "python3.11"), "probe.sh": ("bootstrap", "provided.al2023")}
PATIENCE_S = 300
TESTS = []


def test(body):
    TESTS.append(body)
    return body


def wait_for(what, condition):
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.02)
    return value


class Service:
    def __init__(self):
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [HEARTH, "up", "--listen", "127.0.0.1:0", "--data", DATA], stdout=subprocess.PIPE, text=True
        )
        self.lines = []
        while not (self.lines and self.lines[-1].startswith("ready ")):
            line = self.process.stdout.readline()
            assert line, f"hearth up printed {self.lines} and ended"
            self.lines.append(line.rstrip("\n"))
        self.endpoint = self.lines[-1].split()[1]

    def call(self, method, path, body=None, **headers):
        """(status, headers, body)"""
        request = urllib.request.Request(self.endpoint + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def function(self, source, **settings):
        name = f"{source.split('.')[1]}-{time.monotonic_ns()}"
        entry, runtime = ENTRY[source]
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


@test
def pure_cgroup_v2(service):
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    assert [m[1] for m in mounts if m[2] == "cgroup2"] == ["/sys/fs/cgroup"]
    assert not [m for m in mounts if m[2] == "cgroup"]
    assert os.uname().release.startswith("6.1.")


@test
def everything_is_enforced(service):
    for word in ("memory ok", "cpu ok", "freeze ok", "tmp quota ok", "network nat"):
        assert word in service.lines[0], service.lines[0]


@test
def shell_function(service):
    name = service.function("probe.sh")
    assert service.invoke(name, "echo hello; id -un")[0] == "hello\nsbx_user1051"
    assert service.invoke(name, "echo $invokes")[0] == 2


@test
def python_function(service):
    name = service.function("probe.py", MemorySize=256)
    answer, failed, tail = service.invoke(name, {"run": "print('printed'); answer = 6 * 7"})
    assert answer == 42 and not failed, (answer, tail)
    assert re.search(r"START RequestId.*\nprinted\nEND RequestId.*\nREPORT RequestId.*Init Duration", tail), tail


@test
def memory_limit(service):
    name = service.function("probe.py", MemorySize=128)
    service.invoke(name, {"run": "open('/tmp/kept', 'w').close()"})
    answer, failed, tail = service.invoke(
        name, {"run": "x = bytearray(128 << 20)\nfor i in range(0, 128 << 20, 4096): x[i] = 1"}
    )
    assert failed and answer["errorType"] == "Runtime.OutOfMemory", answer
    assert "Max Memory Used: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory" in tail
    assert service.invoke(name, {"run": "import os; answer = os.path.exists('/tmp/kept')"})[0] is True


@test
def memory_used_is_reported(service):
    name = service.function("probe.py", MemorySize=512)
    _, _, tail = service.invoke(
        name, {"run": "state['x'] = bytearray(150 << 20)\nfor i in range(0, 150 << 20, 4096): state['x'][i] = 1"}
    )
    assert 150 <= int(re.search(r"Max Memory Used: (\d+) MB", tail)[1]) <= 512, tail


@test
def files_in_tmp_are_not_memory_and_end_at_its_size(service):
    # More than the memory, and as much CPU as an emulated processor can do with.
    name = service.function("probe.py", MemorySize=450)
    run = """
import errno
block, written = bytes(1 << 20), 0
with open('/tmp/big', 'wb', buffering=0) as f:
    try:
        while True: written += f.write(block)
    except OSError as error: answer = [errno.errorcode[error.errno], written >> 20]
"""
    answer, failed, tail = service.invoke(name, {"run": run})
    assert not failed and answer[0] == "ENOSPC" and 450 <= answer[1] <= 512, (answer, tail)


@test
def process_limit(service):
    name = service.function("probe.py", MemorySize=1769)
    run = """
import errno, os, signal
children = []
try:
    while True:
        pid = os.fork()
        if pid == 0: signal.pause()
        children.append(pid)
except OSError as error: answer = [errno.errorcode[error.errno], len(children)]
for pid in children: os.kill(pid, signal.SIGKILL)
for pid in children: os.waitpid(pid, 0)
"""
    answer, failed, tail = service.invoke(name, {"run": run})
    assert not failed and answer[0] == "EAGAIN" and 900 <= answer[1] < 1024, (answer, tail)


@test
def cpu_follows_memory(service):
    name = service.function("probe.py", MemorySize=128)
    run = """
import time
started, cpu = time.monotonic(), time.process_time()
while time.process_time() - cpu < 0.2: pass
answer = 0.2 / (time.monotonic() - started)
"""
    assert service.invoke(name, {"run": run})[0] < 0.2


@test
def frozen_means_no_cpu(service):
    name = service.function("probe.py", MemorySize=1769)
    run = """
import threading, time
def spin():
    last, state["gap"] = time.monotonic(), 0.0
    while True:
        now = time.monotonic()
        state["gap"], last = max(state["gap"], now - last), now
threading.Thread(target=spin, daemon=True).start()
"""
    service.invoke(name, {"run": run})
    environment = service.environment(name, "Idle")
    wait_for("the kernel to say frozen", environment.frozen)
    before = environment.cpu_ns()
    time.sleep(2)
    assert environment.cpu_ns() == before
    gap, invokes = service.invoke(name, {"run": "answer = state['gap'], state['invokes']"})[0]
    assert invokes == 2 and gap >= 2, (gap, invokes)
    assert service.environment(name, "Idle").cpu_ns() > before


@test
def timeout_resets(service):
    name = service.function("probe.py", MemorySize=1769, Timeout=5)
    service.invoke(name, {"run": "state['mark'] = 1; open('/tmp/kept', 'w').close()"})
    answer, failed, _ = service.invoke(name, {"run": "while True: pass"})
    assert failed and answer["errorType"] == "Sandbox.Timedout", answer
    # Init again takes its time on an emulated processor: the timeout of this function is for the endless loop.
    again, failed, tail = service.invoke(
        name, {"run": "import os; answer = [state.get('mark'), os.path.exists('/tmp/kept')]"}
    )
    assert again == [None, True], (again, tail)


@test
def a_kill_leaves_nothing_after_the_next_start(service):
    traces = leftovers.Traces(service.process.pid, DATA)
    service.process.kill()
    service.process.wait()
    service.start()
    left = [trace for trace in traces.left() if not trace.startswith(("cgroup", "loop", "mount"))]
    assert not left, left
    name = service.function("probe.sh")
    assert service.invoke(name, "echo again")[0] == "again"


@test
def a_stop_leaves_nothing(service):
    traces = leftovers.Traces(service.process.pid, DATA)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(timeout=PATIENCE_S) == 0
    assert not (left := traces.left()), left


@test
def freeze_story(service):
    """A service of its own, both functions, and a verdict of its own."""
    done = subprocess.run(
        [HEARTH, "demo"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S
    )
    print(done.stdout, flush=True)
    assert done.returncode == 0, done.stderr


def main():
    runtimes = Path("/var/lib/hearth/runtimes")
    runtimes.mkdir(parents=True)
    subprocess.run(["tar", "-xf", SHARE / "runtimes.tar", "-C", runtimes], check=True)
    passed = failed = 0
    for binary in sorted(SHARE.glob("sandbox-*")):
        print(f"---- {binary.name}", flush=True)
        if subprocess.run([binary], stdin=subprocess.DEVNULL).returncode:
            print(f"FAILED  {binary.name}", flush=True)
            failed += 1
        else:
            passed += 1
    service = Service()
    print(service.lines[0], flush=True)
    for body in TESTS:
        try:
            body(service)
            print(f"ok      {body.__name__}", flush=True)
            passed += 1
        except Exception:
            print(f"FAILED  {body.__name__}\n{traceback.format_exc()}", flush=True)
            failed += 1
    if service.process.poll() is None:
        service.process.send_signal(signal.SIGTERM)
        service.process.wait()
    print(f"vm: {passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
