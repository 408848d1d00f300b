"""Interpreters that have started before they have a function: what the function sees is as after a plain start."""

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from support import leftovers
from support.functions import Function, kind_of, zipped
from support.service import RUNTIMES, wait_for

NAMES = [
    "python3.9",
    "python3.11",
    "python3.13",
    "python3.14",
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
]
SEEN = {"python": "seen.py", "nodejs": "seen.mjs"}
SAY = "def handler(event, context):\n    return [context.log_stream_name, VALUE]\nVALUE = "


@pytest.fixture
def prebooting(services):
    """A service whose interpreters wait."""
    service = services("--pool", "1024", "--preboot", "on")
    return service


def waiting(service):
    """Returns once all that are to wait do, interpreters among them."""

    def settled():
        kinds = service.blanks()["kinds"]
        return kinds if kinds and all(kind["ready"] == kind["wanted"] for kind in kinds) else None

    kinds = wait_for("blanks", settled)
    assert any(kind["prebooted"] for kind in kinds), kinds


def prebooted(made):
    """Whether the function's first process is one that waited: its start knows where the word of its function came from."""
    first = min(made.environment().processes())
    return b"_HEARTH_ASSIGNMENT=" in Path(f"/proc/{first}/environ").read_bytes()


def same(text):
    """Without what differs from one environment to the next."""
    text = re.sub(r"[0-9a-f]{32}", "ID", text)
    return re.sub(r"f-[0-9a-f]{12}", "NAME", text)


@pytest.mark.parametrize("runtime", NAMES)
@pytest.mark.parametrize(
    "settings", [{}, {"LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}}], ids=["text", "json"]
)
def test_what_a_function_sees_is_as_after_a_plain_start(prebooting, services, runtime, settings):
    code, variables = SEEN[kind_of(runtime)], {"Environment": {"Variables": {"OWN": "value", "TZ": "Asia/Tokyo"}}}
    plain_service = services("--pool", "off")
    plain = Function(plain_service, code, runtime, **settings, **variables).invoke({}).json
    made = Function(prebooting, code, runtime, **settings, **variables)
    waiting(prebooting)
    seen = made.invoke({}).json
    assert prebooted(made)
    for unlike in ("chance", "size"):
        assert plain.pop(unlike, 0) != seen.pop(unlike, 1) or unlike == "size"
    for what in plain:
        if isinstance(plain[what], list):
            assert [same(str(one)) for one in seen[what]] == [same(str(one)) for one in plain[what]], what
        else:
            assert same(str(seen[what])) == same(str(plain[what])), what


@pytest.mark.parametrize("runtime", [name for name in NAMES if kind_of(name) == "nodejs"])
def test_what_is_loaded_is_what_a_plain_start_loads(prebooting, services, runtime):
    seen = "[process.moduleLoadList, process._getActiveHandles().map((one) => [one.constructor.name, one.fd])]"
    code = zipped({"index.mjs": f"const seen = {seen};\nexport const handler = async () => seen;\n"})
    made = Function(prebooting, code, runtime)
    waiting(prebooting)
    modules, handles = made.invoke({}).json
    assert prebooted(made)
    plain_modules, plain_handles = Function(services("--pool", "off"), code, runtime).invoke({}).json
    assert set(modules) == set(plain_modules) and handles == plain_handles


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_two_environments_share_no_chance(prebooting, runtime):
    """Addresses, hashes and random numbers: each interpreter has been started by itself."""
    code = {
        "python": {
            "app.py": "import random\ndef handler(event, context):\n"
            "    return [hash('a'), random.random(), [line for line in open('/proc/self/maps') if 'libc.so' in line][0]]\n"
        },
        "nodejs": {
            "index.mjs": "import fs from 'node:fs';\nexport const handler = async () => [Math.random(), 0, "
            "fs.readFileSync('/proc/self/maps', 'utf8').split('\\n').find((line) => line.includes('libc.so'))];"
        },
    }[kind_of(runtime)]
    answers = []
    for _ in range(2):
        made = Function(prebooting, zipped(code), runtime)
        waiting(prebooting)
        answers.append(made.invoke({}).json)
        assert prebooted(made)
    first, second = answers
    assert first[0] != second[0] and (first[1] != second[1] or not first[1]) and first[2] != second[2]


@pytest.mark.parametrize(
    "name",
    ["PYTHONPATH", "PYTHONHASHSEED", "LD_PRELOAD", "LC_ALL", "LANG", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "HOME"]
    + ["TZ", "TZDIR", "UV_THREADPOOL_SIZE"],
)
def test_what_is_read_at_a_start_means_a_plain_one(prebooting, name):
    value = {"LD_PRELOAD": "", "PYTHONHASHSEED": "0", "MALLOC_ARENA_MAX": "1"}.get(name, "/tmp")
    other = Function(prebooting, zipped({"app.py": SAY + "1"}))
    code = zipped({"app.py": f"import os\n{SAY}os.environ['{name}']"})
    made = Function(prebooting, code, Environment={"Variables": {name: value}})
    waiting(prebooting)
    assert made.invoke({}).json[1] == value
    assert not prebooted(made)
    other.invoke({})
    assert prebooted(other)


@pytest.mark.parametrize("module", ["simplejson", "logging", "awslambdaric", "json", "re"])
def test_a_module_of_the_functions_own_wins(prebooting, services, module):
    """One that stands where the client, or something that it needs, has been loaded: also on a plain start."""
    own = {f"{module}.py": "OWN = True\nraise ImportError('broken on purpose')\n"}
    code = zipped({"app.py": SAY + "1", **own})
    before = Function(prebooting, code)
    waiting(prebooting)
    assert before.invoke({}).error == Function(services("--pool", "off"), code).invoke({}).error == "Unhandled"


def test_a_layers_sitecustomize_sees_the_client_come(prebooting):
    watch = """
import sys
class Watch:
    seen = []
    def find_spec(self, name, path=None, target=None):
        self.seen.append(name)
sys.meta_path.insert(0, Watch())
"""
    published = prebooting.client().publish_layer_version(
        LayerName="watch", Content={"ZipFile": zipped({"python/sitecustomize.py": watch})}
    )
    say = "[*sys.meta_path[0].seen, sys.modules['sitecustomize'].__file__]"
    code = zipped({"app.py": "import sys\n" + SAY + say})
    made = Function(prebooting, code, Layers=[published["LayerVersionArn"]])
    waiting(prebooting)
    seen = made.invoke({}).json[1]
    assert {"awslambdaric", "awslambdaric.bootstrap", "logging", "/opt/python/sitecustomize.py"} <= set(seen)


def test_modules_of_layers_are_found(prebooting):
    client = prebooting.client()

    def layer(name, files):
        published = client.publish_layer_version(LayerName=name, Content={"ZipFile": zipped(files)})
        return published["LayerVersionArn"]

    layers = [
        layer(
            "modules", {"python/mine.py": "at = 'layer'", "python/lib/python3.11/site-packages/deep.py": "at = 'deep'"}
        ),
        layer("more", {"python/more/__init__.py": "at = 'more'"}),
    ]
    code = "import mine, deep, more, sys\n" + SAY + "[mine.at, deep.at, more.at, 'sitecustomize' in sys.modules]"
    made = Function(prebooting, zipped({"app.py": code}), Layers=layers)
    waiting(prebooting)
    assert made.invoke({}).json[1] == ["layer", "deep", "more", False]
    assert prebooted(made)


def test_a_module_of_a_layer_that_replaces_one_of_the_client(prebooting):
    client = prebooting.client()
    own = """
import json
from json import *
OWN = True
class JSONEncoder(json.JSONEncoder):
    def __init__(self, use_decimal=False, **options):
        super().__init__(**options)
"""
    files = {"python/simplejson/__init__.py": own}
    arn = client.publish_layer_version(LayerName="own", Content={"ZipFile": zipped(files)})["LayerVersionArn"]
    code = "import simplejson\n" + SAY + "simplejson.OWN"
    made = Function(prebooting, zipped({"app.py": code}), Layers=[arn])
    waiting(prebooting)
    assert made.invoke({}).json[1] is True


def test_after_a_crash_it_starts_plainly(prebooting):
    code = "import os\ndef handler(event, context):\n    os._exit(3) if event else None\n    return open('/proc/self/cmdline').read()\n"
    made = Function(prebooting, zipped({"app.py": code}))
    waiting(prebooting)
    assert made.invoke(None).json.split("\0")[:4] == ["/var/lang/bin/python3.11", "-m", "awslambdaric", "-"]
    assert prebooted(made)
    assert made.invoke({"crash": True}).error == "Unhandled"
    assert made.invoke(None).json.split("\0")[:4] == ["/var/lang/bin/python3.11", "-m", "awslambdaric", "app.handler"]


def test_init_and_memory_are_measured_from_the_assignment(prebooting):
    made = Function(prebooting, zipped({"app.py": "import time\ntime.sleep(0.2)\n" + SAY + "1"}))
    waiting(prebooting)
    # What the interpreter has waited is nobody's Init: it is more than the caller waits.
    time.sleep(1)
    started = time.monotonic()
    report = made.invoke({}).report
    took_ms = (time.monotonic() - started) * 1000
    assert 200 <= float(report["init"]) <= took_ms and 1 <= int(report["used"]) <= 128, report


@pytest.fixture
def broken(tmp_path):
    """A folder of runtimes in which AWS's client for Python does what the test says when it is loaded."""

    def make(text):
        home = tmp_path / "python3.11"
        shutil.copytree(RUNTIMES / "python3.11", home, symlinks=True, copy_function=os.link)
        client = home / "tree/var/runtime/awslambdaric"
        shutil.rmtree(client / "__pycache__")
        (client / "bootstrap.py").unlink()
        (client / "bootstrap.py").write_text(text)
        return tmp_path

    return make


def test_a_stop_does_not_wait_for_what_never_gets_ready(services, broken):
    runtimes = broken("import os, time\nopen('/proc/self/comm', 'w').write('stuck')\nwhile True: time.sleep(1)\n")
    service = services("--runtimes", str(runtimes))
    Function(service, zipped({"app.py": SAY + "1"}))

    def stuck():
        return "stuck" in map(leftovers.name, leftovers.descendants(service.process.pid))

    wait_for("an interpreter that is not getting ready", stuck)
    assert service.stop() == 0


def test_a_client_that_cannot_be_loaded_ahead_is_started_plainly(services, broken):
    original = (RUNTIMES / "python3.11/tree/var/runtime/awslambdaric/bootstrap.py").read_text()
    refuse = "import os\nif '_HEARTH_ASSIGNMENT' in os.environ: raise RuntimeError('not ahead')\n"
    service = services("--runtimes", str(broken(refuse + original)))
    made = Function(service, zipped({"app.py": SAY + "1"}))
    for _ in range(3):
        assert made.invoke({}).json[1] == 1
        made.configure(Description=f"{time.monotonic()}")
    assert not any(kind["ready"] for kind in service.blanks()["kinds"])


def test_it_can_be_switched_off(services):
    service = services("--pool", "1024", "--preboot", "off")
    Function(service, zipped({"app.py": SAY + "1"})).invoke({})
    wait_for("blanks", lambda: [kind for kind in service.blanks()["kinds"] if kind["ready"]])
    assert not any(kind["prebooted"] for kind in service.blanks()["kinds"])
