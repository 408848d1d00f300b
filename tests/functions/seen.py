"""Answers with what a function can see of how its interpreter was started."""

import json
import locale
import os
import random
import signal
import sys
import time
import traceback

AT_IMPORT = {
    "modules": sorted(sys.modules),
    "argv": list(sys.argv),
    "original_argv": list(getattr(sys, "orig_argv", [])),
    "path": list(sys.path),
    "importers": sorted(sys.path_importer_cache),
    "main": sorted(vars(sys.modules["__main__"])),
    "main_file": sys.modules["__main__"].__file__,
    "stack": [f"{frame.filename}:{frame.name}" for frame in traceback.extract_stack()],
    "environment": sorted(f"{name}={value}" for name, value in os.environ.items()),
    "environment_of_c": sorted(str(name) for name in sys.modules["posix"].environ) if "posix" in sys.modules else None,
}


def names(folder):
    return sorted(os.listdir(folder))


def handler(event, context):
    status = open("/proc/self/status").read().splitlines()
    kinds = []
    for number in names("/proc/self/fd"):
        try:
            kinds.append(os.readlink(f"/proc/self/fd/{number}").partition(":")[0])
        except OSError:
            pass  # that of the listing itself
    return AT_IMPORT | {
        "cwd": os.getcwd(),
        "descriptors": kinds,
        "flags": str(sys.flags),
        "streams": [str(getattr(sys, name).encoding) for name in ("stdin", "stdout", "stderr")],
        "locale": locale.setlocale(locale.LC_ALL),
        "zone": time.tzname,
        "signals": [str(signal.getsignal(number)) for number in range(1, 32)],
        "status": [
            line for line in status if line.startswith(("Uid", "Gid", "Sig", "Cap", "Seccomp", "NoNewPrivs", "Threads"))
        ],
        "limits": open("/proc/self/limits").read(),
        "tmp": names("/tmp"),
        "mounts": sorted(line.split()[4] for line in open("/proc/self/mountinfo")),
        "umask": os.umask(0o022),
        "chance": [hash("a text"), random.random()],
        "size": len(json.dumps(AT_IMPORT)),
    }
