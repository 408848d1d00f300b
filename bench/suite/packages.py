"""What a package's size costs: in a cold start, where it should be nothing, and in `hearth dev`'s reload."""

import json
import os
import random
import subprocess
import tempfile
import time
from pathlib import Path

from suite.machine import RUNTIMES, TARGET, figures

RUNTIME = "python3.11"
# Just below Lambda's limit of 262,144,000 bytes: 250 MB in 30,000 files.
LARGE_FILES, LARGE_FILE_BYTES = 29_999, 8_735
# Of a folder that is worked on: about 50 MB, as a node_modules has it.
FOLDER_FILES, FOLDER_FILE_BYTES = 5_000, 10_000
LAYERS, LAYER_FILES = 5, 100


def text(seed, size):
    """Text that compresses as source code does, to a fourth, the same at every run."""
    dice = random.Random(seed)
    words = [f"{prefix}{dice.getrandbits(16):x}" for prefix in ("const", "get", "value", "module.exports", "is") * 8]
    line = "  {} {} = {}({}, {});\n".format
    return "".join(line(*dice.choices(words, k=5)) for _ in range(size // 20))[:size]


def cold(service, count):
    """First invokes of new environments of functions that differ in nothing else, by turns."""
    small = {"notes.txt": text(0, 500)}
    # A page of text again and again: zipped, it has to be below 50 MB.
    filler = (text(0, 500) * 20)[:LARGE_FILE_BYTES]
    large = {f"lib/{n // 100}/{n % 100}.txt": f"{n:08}" + filler[8:] for n in range(LARGE_FILES)}
    layers = [
        service.publish_layer(f"layer{n}", {f"python/part{n}/{m}.py": f"N = {m}\n" for m in range(LAYER_FILES)})
        for n in range(LAYERS)
    ]
    kinds = {
        "one of 1 kB (baseline)": "small",
        "one of 250 MB, 30,000 files": "large",
        "1 kB and five layers": "layered",
    }
    service.create("small", RUNTIME, files=small)
    service.create("large", RUNTIME, files=large)
    service.create("layered", RUNTIME, files=small, layers=layers)
    latencies = {label: [] for label in kinds}
    for _ in range(count):
        for label, name in kinds.items():
            latencies[label].append(service.cold_ms(name))
    return {label: figures(values) for label, values in latencies.items()}


class Dev:
    """`hearth dev` on a folder, against the service."""

    def __init__(self, service, folder, name):
        self.service, self.folder, self.name, self.answer = service, folder, name, 0
        self.write()
        self.process = subprocess.Popen(
            [TARGET / "release/hearth", "--json", "dev", folder, "--name", name, "--memory", "1769"],
            env={**os.environ, "HEARTH_RUNTIMES": str(RUNTIMES), "HEARTH_ENDPOINT": f"http://{service.address}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.wait("ready")

    def wait(self, kind):
        """Reads on to the next event of a kind."""
        while True:
            event = json.loads(self.process.stdout.readline())
            assert event["event"] != "error", event
            if event["event"] == kind:
                return event

    def write(self):
        """Saves another handler as editors do: a new file, renamed over the old one."""
        self.answer += 1
        fresh = self.folder / "app.py~"
        fresh.write_text(f"def handler(event, context):\n    return {self.answer}\n")
        fresh.rename(self.folder / "app.py")

    def reload_ms(self):
        """From the write of the file until an invoke has been answered by it, and until the new code was in place."""
        while [e for e in self.service.environments(self.name) if e["phase"] != "Idle"]:
            time.sleep(0.005)
        started = time.monotonic()
        self.write()
        while self.service.invoke(self.name, {})[0] != self.answer:
            # Back to back these would be half of the machine's work.
            time.sleep(0.002)
        answered = (time.monotonic() - started) * 1e3
        return answered, self.wait("reloaded")["tookMs"]

    def stop(self):
        self.process.terminate()
        self.process.stdout.close()
        self.process.wait(timeout=30)


def reload(service, count):
    """Reloads of a small folder and of a large one, beside a cold start of the same function."""
    rows = {}
    for label, name, files in (
        ("1 kB", "dev-small", 0),
        ("50 MB, 5,000 files", "dev-large", FOLDER_FILES),
    ):
        # Not /tmp, which may be memory.
        with tempfile.TemporaryDirectory(prefix="hearth-bench-", dir="/var/tmp") as folder:
            for n in range(files):
                path = Path(folder) / f"node_modules/package{n // 25}/lib/{n % 25}.js"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text(n, FOLDER_FILE_BYTES))
            dev = Dev(service, Path(folder), name)
            try:
                service.invoke(name, {})
                cold_ms = [service.cold_ms(name) for _ in range(count)]
                turns = [dev.reload_ms() for _ in range(count)]
            finally:
                dev.stop()
        answered, deployed = zip(*turns, strict=True)
        rows[label] = {"answered_ms": figures(answered), "deployed_ms": figures(deployed), "cold_ms": figures(cold_ms)}
    return rows
