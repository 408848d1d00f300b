"""Freezing: once the runtime asks for the next event nothing of the function runs, until the next invoke thaws it."""

import time

import pytest

from support.service import wait_for

# How long the kernel's accounting is watched: a window of observation, not something that must happen in time.
WINDOW_S = 1.0

PYTHON = """
import threading, time
def spin():
    last, state["gap"] = time.monotonic(), 0.0
    while True:
        now = time.monotonic()
        state["gap"], last = max(state["gap"], now - last), now
state["thread"] = threading.Thread(target=spin, daemon=True)
state["thread"].start()
"""
NODE = """
state.gap = 0;
let last = performance.now();
const tick = () => {
  const now = performance.now();
  state.gap = Math.max(state.gap, now - last);
  last = now;
  setImmediate(tick);
};
tick();
"""


@pytest.mark.parametrize(
    "code, runtime, start, ask",
    [
        ("probe.py", "python3.11", PYTHON, "answer = state['gap'], state['invokes']"),
        (
            "probe.mjs",
            "nodejs20.x",
            NODE,
            "await new Promise((next) => setTimeout(next, 50)); return [state.gap / 1000, state.invokes]",
        ),
    ],
)
def test_nothing_runs_while_frozen(function, code, runtime, start, ask):
    made = function(code, runtime, MemorySize=1769, Timeout=30)
    assert made.invoke({"run": start}).error is None
    environment = made.environment("Idle")
    wait_for("the kernel to say frozen", environment.frozen)
    before = wait_for("it to stand still", environment.stands_still)
    time.sleep(WINDOW_S)
    assert environment.cpu_ns() == before, "a frozen environment used CPU"
    assert environment.frozen()

    gap, invokes = made.invoke({"run": ask}).json
    assert invokes == 2, "another environment answered"
    assert gap >= WINDOW_S, "the background work ran during the freeze"
    assert made.environment("Idle").cpu_ns() > before, "and it went on in the next invoke"


def test_output_right_before_the_freeze_belongs_to_its_request(function):
    made = function("probe.py")
    for n in range(20):
        answer = made.invoke({"run": f"for i in range(50): print('line', {n}, i)"})
        lines = [line for line in made.log().splitlines() if line.startswith(f"line {n} ")]
        assert len(lines) == 50
        assert f"line {n} 49\n" in answer.tail
    log = made.log().splitlines()
    for number, line in enumerate(log):
        if line.startswith("line "):
            # Every line's request is the one whose START came last.
            starts = [entry for entry in log[:number] if entry.startswith("START")]
            assert len(starts) - 1 == int(line.split()[1])
