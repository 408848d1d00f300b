"""The real binary as a child process: started, talked to, stopped, and searched for leftovers afterwards."""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

from support import leftovers, ordinary
from support.environment import Environment

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
HEARTH = Path(os.environ.get("HEARTH_BIN", TARGET / "debug/hearth"))
RUNTIMES = Path(os.environ.get("HEARTH_RUNTIMES", ROOT / ".cache/runtimes"))
# What every service of the run is started with besides: `--preboot off`, say.
OPTIONS = os.environ.get("HEARTH_TEST_UP", "").split()
ROLE = "arn:aws:iam::000000000000:role/any"
# A bound on waiting, not a measurement: everything we wait for comes much sooner on an idle machine.
PATIENCE_S = 60


class NotStarted(Exception):
    """`hearth up` ended, or said something else than that it is ready."""


def wait_for(what, condition, patience_s=PATIENCE_S):
    """Polls until the condition's value is true, and returns it."""
    deadline = time.monotonic() + patience_s
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s} s for {what}; it is {value!r}")
        time.sleep(0.01)


def hearth(*arguments, endpoint=None, check=True, within=(), **env):
    """Runs a client command of the binary to its end; `within`: words of a command that it is started by."""
    env = {**os.environ, "HEARTH_RUNTIMES": str(RUNTIMES), **env}
    if endpoint:
        env["HEARTH_ENDPOINT"] = endpoint
    done = subprocess.run(
        [*within, HEARTH, *map(str, arguments)], env=env, capture_output=True, text=True, timeout=PATIENCE_S
    )
    if check and done.returncode:
        raise AssertionError(f"hearth {arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done


class Service:
    """One `hearth up`. Use it as a context manager: leaving it stops the service and checks that nothing is left."""

    def __init__(self, *options, data=None, network="isolated", within=()):
        # `within`: words of a command that the service is started by.
        self.within = within
        # The machine's own network is none of the tests' business: other modes run in a World.
        self.options = (*options, *(("--network", network) if network else ()), *OPTIONS)
        self.own_data = tempfile.TemporaryDirectory(prefix="hearth-test-") if data is None else None
        self.data = Path(data or self.own_data.name)
        ordinary.give(self.data)
        self.process = None
        self.start()

    def start(self, *options):
        """Starts it (again), on a port of its own, and waits for its `ready` line."""
        self.log = tempfile.TemporaryFile()
        command = [HEARTH, "up", "--listen", "127.0.0.1:0", "--data", self.data, *self.options, *options]
        self.process = subprocess.Popen(
            [*self.within, *ordinary.command(command, RUNTIMES)],
            env=ordinary.environment({**os.environ, "HEARTH_RUNTIMES": str(RUNTIMES)}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.lines, self.clients = [], {}
        # A service that says nothing at all must not hang the test: its end is the end of its output.
        patience = threading.Timer(PATIENCE_S, self.process.kill)
        patience.start()
        try:
            while not (self.lines and self.lines[-1].startswith("ready ")):
                line = self.process.stdout.readline()
                if not line:
                    self.process.kill()
                    self.process.wait()
                    raise NotStarted(f"printed {self.lines}, then: {self.errors()}")
                self.lines.append(line.rstrip("\n"))
        finally:
            patience.cancel()
        self.endpoint = re.fullmatch(r"ready (http://\S+)", self.lines[-1])[1]

    def errors(self):
        """What it wrote to standard error so far."""
        # Not by reading from its beginning: the service shares the place in the file, and would write where we read.
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode(errors="replace")

    def client(self, name="lambda", account="test", region="us-east-1"):
        """A boto3 client; one per scope is kept."""
        key = (name, account, region)
        if key not in self.clients:
            self.clients[key] = boto3.client(
                name,
                endpoint_url=self.endpoint,
                region_name=region,
                aws_access_key_id=account,
                aws_secret_access_key="test",
                config=Config(
                    # What is wrong must reach the service.
                    parameter_validation=False,
                    retries={"total_max_attempts": 1},
                    read_timeout=150,
                    max_pool_connections=128,
                ),
            )
        return self.clients[key]

    def hearth(self, *arguments, check=True):
        """Runs a client command against this service."""
        return hearth(*arguments, endpoint=self.endpoint, check=check)

    def get(self, path, **headers):
        """(status, body) of a plain GET."""
        request = urllib.request.Request(self.endpoint + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def state(self):
        """What the private route says of environments and of what waits to become some."""
        status, body = self.get("/_hearth/environments")
        assert status == 200, body
        return json.loads(body)

    def environments(self, function=None):
        """Its execution environments."""
        return [Environment(row) for row in self.state()["environments"] if function in (None, row["function"])]

    def blanks(self):
        """The sandboxes that wait for cold starts."""
        return self.state()["blanks"]

    def environment(self, function, phase=None):
        """The only environment of a function, once there is one (in that phase)."""

        def only():
            found = [e for e in self.environments(function) if phase in (None, e.phase)]
            return found if len(found) == 1 else None

        return wait_for(f"one environment of {function} in {phase}", only)[0]

    def kill(self):
        """SIGKILL, as an out-of-memory killer or a power cut would end it."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; returns the exit code. Nothing of the service may be left then."""
        if self.process is None:
            return None
        traces = leftovers.Traces(self.process.pid, self.data)
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=PATIENCE_S)
        finally:
            if self.process.poll() is None:
                self.kill()
            self.process.stdout.close()
            self.process = None
        left = traces.left()
        assert not left, f"left after a stop: {left}\n{self.errors()}"
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        try:
            if self.process is not None and self.process.poll() is not None:
                # Killed on purpose by the test: the kernel ends what the service had, the next start removes the rest.
                traces = leftovers.Traces(self.process.pid, self.data)
                self.process.stdout.close()
                self.process = None
                assert not (left := traces.left(ignore=["cgroup"])), left
                self.start()
                assert self.stop() == 0
            else:
                code = self.stop()
                assert code in (0, None), f"exit code {code}: {self.errors()}"
        except AssertionError:
            # The test's own failure says more.
            if kind is None:
                raise
        finally:
            if self.own_data:
                self.own_data.cleanup()
