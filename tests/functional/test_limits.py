"""Limits of an environment: memory as seen inside, CPU, /tmp, processes, descriptors, environment variables."""

import json
import re

import pytest
from botocore.exceptions import ClientError

from support.service import wait_for


@pytest.mark.parametrize("memory", [128, 512, 3008])
def test_memory_seen_inside(function, memory):
    made = function("probe.py", MemorySize=memory)
    run = "answer = next(int(l.split()[1]) for l in open('/proc/meminfo') if l.startswith('MemTotal'))"
    assert made.invoke({"run": run}).json <= memory * 1024


def test_node_heap_limit_follows_the_memory(function):
    made = function("probe.mjs", "nodejs20.x", MemorySize=512)
    run = "return [v8.getHeapStatistics().heap_size_limit, os.totalmem()]"
    small = made.invoke({"run": run}).json
    made.configure(MemorySize=2048)
    large = made.invoke({"run": run}).json
    assert small[0] < 512 << 20 and small[1] <= 512 << 20
    assert small[0] < large[0] < 2048 << 20 and large[1] <= 2048 << 20


def test_tmp_is_not_counted_as_memory(function):
    """300 MB of files in a 128 MB function: on tmpfs this would be an OOM kill."""
    made = function("probe.py", MemorySize=128, Timeout=60)
    answer = made.invoke(
        {
            "run": "with open('/tmp/big', 'wb') as f:\n  for _ in range(300): f.write(bytes(1 << 20))\nimport os; answer = os.path.getsize('/tmp/big')"
        }
    )
    assert answer.error is None, answer.tail
    assert answer.json == 300 << 20


@pytest.mark.parametrize("size", [512, 1024])
def test_tmp_is_full_at_its_size(function, size):
    made = function("probe.py", EphemeralStorage={"Size": size}, Timeout=120, MemorySize=512)
    answer = made.invoke(
        {
            "run": """
import errno, os
block, written = bytes(1 << 20), 0
with open('/tmp/big', 'wb', buffering=0) as f:
    try:
        while True: written += f.write(block)
    except OSError as error:
        answer = [errno.errorcode[error.errno], written >> 20]
os.unlink('/tmp/big')
"""
        }
    )
    assert answer.error is None, answer.tail
    code, written = answer.json
    assert code == "ENOSPC"
    assert size * 0.9 <= written <= size
    assert made.invoke({"run": "open('/tmp/again', 'w').write('x'); answer = 1"}).json == 1


def test_nothing_but_tmp_can_be_written(function):
    made = function("probe.py")
    answer = made.invoke(
        {
            "run": """
import errno, os
answer = {}
for where in ('/', '/var/task', '/var/runtime', '/opt', '/etc', '/usr', '/dev', '/proc', '/var', '/home', '/root', '/run'):
    try:
        open(os.path.join(where, 'x'), 'w').close()
        answer[where] = 'written'
    except OSError as error:
        answer[where] = errno.errorcode[error.errno]
"""
        }
    )
    assert answer.error is None and "written" not in answer.json.values(), answer.json


def test_processes(function):
    """1,024 processes and threads, the runtime's own included; afterwards the function still works."""
    made = function("probe.py", MemorySize=1024, Timeout=120)
    answer = made.invoke(
        {
            "run": """
import errno, os, signal
children = []
try:
    while len(children) < 5000:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        children.append(pid)
except OSError as error:
    answer = [errno.errorcode[error.errno], len(children)]
for pid in children: os.kill(pid, signal.SIGKILL)
for pid in children: os.waitpid(pid, 0)
"""
        }
    )
    assert answer.error is None, answer.tail
    code, count = answer.json
    assert code == "EAGAIN" and 900 <= count < 1024
    assert (
        made.invoke({"run": "import os; pid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0); answer = 1"}).json
        == 1
    )


def test_fork_bomb_is_reset(function):
    """A bomb that nobody cleans up: the timeout's Reset clears it, and the next invoke runs."""
    made = function("probe.py", MemorySize=512, Timeout=5)
    bomb = """
import os
while True:
    try: os.fork()
    except OSError: pass
"""
    assert made.invoke({"run": bomb}).error == "Unhandled"
    assert made.invoke({"run": "answer = 'alive'"}).json == "alive"
    assert len(made.environment("Idle").processes()) <= 2


def test_descriptors(function):
    made = function("probe.py")
    answer = made.invoke(
        {
            "run": """
import errno, os, resource
answer = [resource.getrlimit(resource.RLIMIT_NOFILE)]
held = []
try:
    while True: held.append(os.open('/dev/null', os.O_RDONLY))
except OSError as error:
    answer += [errno.errorcode[error.errno], max(held)]
for fd in held: os.close(fd)
"""
        }
    )
    assert answer.json == [[1024, 1024], "EMFILE", 1023]


def test_cpu_follows_memory(function):
    """128 MB own 7.2 % of a core: while the kernel lets 300 ms of CPU pass, much more wall time passes."""
    burn = """
import time
started, cpu = time.monotonic(), time.process_time()
while time.process_time() - cpu < 0.3: pass
answer = 0.3 / (time.monotonic() - started)
"""
    small = function("probe.py", MemorySize=128, Timeout=60).invoke({"run": burn}).json
    # A ratio of two clocks of the kernel; other load can only make it smaller. One period's burst is allowed for.
    assert small < 0.2


def test_timeout_range_is_checked(function, service):
    made = function("probe.py", Timeout=900)
    assert made.client.get_function_configuration(FunctionName=made.name)["Timeout"] == 900
    with pytest.raises(ClientError) as error:
        made.client.update_function_configuration(FunctionName=made.name, Timeout=901)
    assert error.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: "
        "Member must have value less than or equal to 900",
    }


def test_environment_variables_of_4_kb(function):
    variables = {"LARGE_VAR": "x" * (4096 - len(json.dumps({"LARGE_VAR": ""}, separators=(",", ":"))))}
    made = function("probe.py", Environment={"Variables": variables})
    assert made.invoke({"run": "import os; answer = len(os.environ['LARGE_VAR'])"}).json == len(variables["LARGE_VAR"])
    too_much = {"LARGE_VAR": variables["LARGE_VAR"] + "x"}
    with pytest.raises(made.client.exceptions.InvalidParameterValueException) as error:
        made.client.update_function_configuration(FunctionName=made.name, Environment={"Variables": too_much})
    assert error.value.response["Error"]["Message"] == (
        "Lambda was unable to configure your environment variables because the environment variables you have provided "
        "exceeded the 4KB limit. String measured: " + json.dumps(too_much, separators=(",", ":"))
    )


@pytest.mark.parametrize(
    "name", ["AWS_REGION", "_HANDLER", "AWS_LAMBDA_RUNTIME_API", "AWS_ACCESS_KEY_ID", "LAMBDA_TASK_ROOT"]
)
def test_reserved_environment_variables(function, name):
    with pytest.raises(ClientError) as error:
        function("probe.py", Environment={"Variables": {name: "mine"}})
    code, message = (error.value.response["Error"][key] for key in ("Code", "Message"))
    if name.startswith("_"):
        assert code in ("ValidationException", "InvalidParameterValueException"), message
    else:
        assert code == "InvalidParameterValueException"
        assert name in message and "reserved" in message.lower(), message


def test_variables_that_may_be_overridden(function):
    made = function("probe.py", Environment={"Variables": {"TZ": "Europe/Berlin", "LANG": "C.UTF-8", "PATH": "/bin"}})
    run = "import os, time; answer = [os.environ[n] for n in ('TZ', 'LANG', 'PATH')] + [time.tzname[0]]"
    assert made.invoke({"run": run}).json == ["Europe/Berlin", "C.UTF-8", "/bin", "CET"]


def test_user_and_directories(function):
    made = function("probe.py")
    run = """
import os, pwd, stat
mode = lambda path: stat.filemode(os.stat(path).st_mode)
answer = [pwd.getpwuid(os.getuid()).pw_name, os.getuid(), os.getgid(), os.getgroups(), os.getcwd(),
          mode('/var/task'), mode('/opt'), mode('/tmp'), os.path.exists('/dev/shm')]
"""
    assert made.invoke({"run": run}).json == [
        "sbx_user1051",
        993,
        990,
        [],
        "/var/task",
        "drwxr-xr-x",
        "drwxr-xr-x",
        "drwxrwxrwt",
        False,
    ]


def test_prints_100_megabytes(function):
    """Nobody is hurt: the log is cut, the answer comes, the service keeps serving."""
    made = function("probe.py", Timeout=120, MemorySize=1769)
    answer = made.invoke({"run": "line = 'x' * 99\nfor _ in range(1 << 20): print(line)\nanswer = 'done'"})
    assert answer.json == "done"
    assert len(answer.tail.encode()) <= 4096
    assert re.search(r"\nEND RequestId: .*\nREPORT RequestId: ", answer.tail)
    assert made.invoke({"run": "answer = 1"}).json == 1


def test_one_endless_line(function):
    made = function("probe.py", Timeout=120, MemorySize=1769)
    answer = made.invoke({"run": "import sys\nfor _ in range(1000): sys.stdout.write('x' * 1024)\nanswer = 'done'"})
    assert answer.json == "done"
    assert all(len(event["message"].encode()) <= 262_144 for event in made.events())


def test_closed_standard_output(function):
    made = function("probe.py")
    answer = made.invoke({"run": "import os; os.close(1); os.close(2); answer = 'done'"})
    assert answer.json == "done"
    assert "REPORT RequestId" in answer.tail
    wait_for("an idle environment", lambda: made.environments()[0].phase == "Idle")
