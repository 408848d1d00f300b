"""Where things are, what machine this is, and how figures are made of measurements."""

import math
import os
import platform
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RUNTIMES = Path(os.environ.get("HEARTH_RUNTIMES", ROOT / ".cache/runtimes"))


def percentile(values, share):
    values = sorted(values)
    return values[max(0, math.ceil(len(values) * share) - 1)]


def figures(values):
    """Median and 99th percentile, as all figures are shown."""
    return {"p50": statistics.median(values), "p99": percentile(values, 0.99), "count": len(values)}


def describe():
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "commit": commit.strip()}
