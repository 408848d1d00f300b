"""The `hearth` command itself: text for people, `--json` for programs, exit codes."""

import json
import os
import re
import subprocess

from support.functions import zipped
from support.service import HEARTH, RUNTIMES, hearth

CODE = zipped(
    {
        "app.py": "def handler(event, context):\n    print('hello', event)\n    if event.get('fail'): raise RuntimeError('no')\n    return event"
    }
)


def test_invoke(service, function):
    made = function(CODE)
    done = service.hearth("invoke", made.name, "--payload", '{"a": 1}', "--tail")
    assert json.loads(done.stdout) == {"a": 1}
    assert "hello {'a': 1}" in done.stderr and "REPORT RequestId" in done.stderr
    failed = service.hearth("invoke", made.name, "--payload", '{"fail": true}', check=False)
    assert failed.returncode == 1 and json.loads(failed.stdout)["errorMessage"] == "no"
    shown = json.loads(service.hearth("--json", "invoke", made.name, "--payload", "{}").stdout)
    assert isinstance(shown, dict)
    missing = service.hearth("invoke", "absent", check=False)
    assert missing.returncode != 0 and "Function not found" in missing.stderr


def test_ps(service, function):
    made = function(CODE)
    made.invoke({})
    made.environment("Idle")
    text = service.hearth("ps").stdout
    assert made.name in text and "Idle" in text
    rows = json.loads(service.hearth("--json", "ps").stdout)
    rows = rows if isinstance(rows, list) else rows["environments"]
    row = next(row for row in rows if row["function"] == made.name)
    assert row["phase"] == "Idle" and row["version"] == "$LATEST" and row["invokes"] == 1
    assert row["memory_bytes"] > 0 and row["memory_limit_mb"] == 128 and row["age_ms"] >= row["idle_ms"] >= 0


def test_logs(service, function):
    made = function(CODE)
    made.invoke({"x": 1})
    lines = service.hearth("logs", made.name).stdout.splitlines()
    assert any("hello {'x': 1}" in line for line in lines)
    assert [
        word for word in ("START RequestId", "END RequestId", "REPORT RequestId") if any(word in line for line in lines)
    ]
    for line in service.hearth("--json", "logs", made.name).stdout.splitlines():
        json.loads(line)


def test_logs_follow(service, function):
    made = function(CODE)
    made.invoke({"n": "first"})
    follow = subprocess.Popen(
        [HEARTH, "logs", "-f", made.name],
        env={**os.environ, "HEARTH_ENDPOINT": service.endpoint},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        seen = []

        def read_until(word):
            for line in follow.stdout:
                seen.append(line)
                if word in line:
                    return

        read_until("REPORT")
        second = made.invoke({"n": "second"})
        read_until(f"REPORT RequestId: {second.request_id}")
    finally:
        follow.kill()
        follow.wait()
        follow.stdout.close()
    assert sum("hello {'n': 'first'}" in line for line in seen) == 1
    assert sum("hello {'n': 'second'}" in line for line in seen) == 1


def test_doctor():
    done = hearth("--json", "doctor", check=False)
    assert done.returncode in (0, 1)
    assert json.loads(done.stdout)
    assert hearth("doctor", check=False).stdout.strip()


def test_doctor_says_what_waits_for_cold_starts(services):
    found = {check["name"]: check for check in json.loads(hearth("--json", "doctor", check=False).stdout)["checks"]}
    most, budget = re.fullmatch(
        r"up to (\d+) within (\d+) MB \(--pool\)", found["waiting sandboxes"]["detail"]
    ).groups()
    sandboxes = int(re.fullmatch(r"up to (\d+) at a time", found["environments"]["detail"])[1])
    assert int(most) == min(64, sandboxes // 8)
    assert found["waiting runtimes"]["verdict"] == found["memory limits"]["verdict"]
    service = services()
    if "--pool" not in service.options:
        assert service.blanks()["budget_mb"] == int(budget)


def test_doctor_counts_by_descriptors():
    """With so few that none waits; what a service may raise its limit to is what counts."""
    done = hearth("--json", "doctor", check=False, within=("prlimit", "--nofile=200:400", "--"))
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert found["environments"]["detail"] == "up to 15 at a time"
    assert "LimitNOFILE" in found["environments"]["remedy"]
    assert found["waiting sandboxes"]["detail"].startswith("up to 1 within ")


def test_runtimes(tmp_path):
    listed = [json.loads(line) for line in hearth("--json", "runtimes", "ls").stdout.splitlines()]
    assert {"python3.11", "nodejs20.x", "provided.al2023"} <= {row["name"] for row in listed}
    # Present already: no work, no network.
    again = hearth("runtimes", "add", "python3.11", PATH="/nowhere")
    assert again.returncode == 0
    unknown = hearth("runtimes", "add", "cobol1", check=False)
    assert unknown.returncode != 0 and "cobol1" in unknown.stderr
    empty = hearth("runtimes", "ls", HEARTH_RUNTIMES=str(tmp_path / "empty")).stdout
    assert "python3.11" in empty


def test_runtimes_rm(tmp_path):
    subprocess.run(["cp", "-a", RUNTIMES / "provided.al2023", tmp_path / "provided.al2023"], check=True)
    env = {"HEARTH_RUNTIMES": str(tmp_path)}
    hearth("runtimes", "rm", "provided.al2023", **env)
    assert not (tmp_path / "provided.al2023").exists()
    assert hearth("runtimes", "rm", "provided.al2023", check=False, **env).returncode in (0, 1)


def test_demo():
    """The freeze story with both functions; it checks itself, and says so by its exit code."""
    done = subprocess.run(
        [HEARTH, "demo"],
        env={**os.environ, "HEARTH_RUNTIMES": str(RUNTIMES)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("START RequestId", "END RequestId", "REPORT RequestId"):
        assert done.stdout.count(word) == 4, done.stdout


def test_no_service_at_the_endpoint():
    done = hearth("ps", endpoint="http://127.0.0.1:1", check=False)
    assert done.returncode != 0 and "127.0.0.1:1" in done.stderr


def test_help_names_every_command():
    text = hearth("--help").stdout
    assert all(word in text for word in ("up", "invoke", "logs", "ps", "runtimes", "doctor", "demo"))


def test_ps_of_an_empty_service(services):
    service = services("--pool", "7")
    shown = json.loads(service.hearth("--json", "ps").stdout)
    tmps = {"ready": 0, "wanted": 0}
    assert shown == {"environments": [], "blanks": {"budget_mb": 7, "kinds": [], "tmps": tmps}}
