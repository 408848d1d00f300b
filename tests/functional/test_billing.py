"""REPORT's arithmetic: Duration, Billed Duration, Init Duration, in the rule in force and in the one before it."""

import math

import pytest

from support.functions import Function, zipped

SLOW_INIT = zipped(
    {
        "app.py": """
import time
until = time.monotonic() + 0.3
while time.monotonic() < until: pass
def handler(event, context):
    if event.get("crash"):
        import os; os._exit(1)
"""
    }
)


def ceilings(milliseconds):
    """What rounding up can give for a number that is printed with two decimals."""
    return {math.ceil(milliseconds - 0.011), math.ceil(milliseconds), math.ceil(milliseconds + 0.011)}


def test_init_is_billed(function):
    made = function(SLOW_INIT)
    cold = made.invoke({}).report
    assert float(cold["init"]) >= 300
    assert int(cold["billed"]) in ceilings(float(cold["init"]) + float(cold["duration"]))
    warm = made.invoke({}).report
    assert warm["init"] is None
    assert int(warm["billed"]) in ceilings(float(warm["duration"]))


@pytest.mark.fresh
def test_classic_rule(services):
    made = Function(services("--billing", "classic"), SLOW_INIT)
    cold = made.invoke({}).report
    assert float(cold["init"]) >= 300
    assert int(cold["billed"]) in ceilings(float(cold["duration"])), "Init up to 10 s was free"
    made.invoke({"crash": True})
    again = made.invoke({}).report
    assert again["init"] is None and float(again["duration"]) >= 300
    assert int(again["billed"]) in ceilings(float(again["duration"])), "Init inside an invoke was billed"


def test_suppressed_init_is_part_of_the_duration(function):
    made = function(SLOW_INIT)
    made.invoke({"crash": True})
    again = made.invoke({}).report
    assert again["init"] is None
    assert float(again["duration"]) >= 300
    assert int(again["billed"]) in ceilings(float(again["duration"]))


def test_max_memory_used(function):
    made = function("probe.py", MemorySize=512)
    small = int(made.invoke({"run": ""}).report["used"])
    large = int(
        made.invoke(
            {"run": "state['x'] = bytearray(200 << 20)\nfor i in range(0, 200 << 20, 4096): state['x'][i] = 1"}
        ).report["used"]
    )
    assert small < 200 <= large <= 512
