"""What holds for every runtime whose tree is here: surroundings, report line, freeze, timeout, crash."""

import re
import time
import uuid
from dataclasses import dataclass

import pytest

from support.functions import PRESENT, kind_of, zipped
from support.service import wait_for

# How long the kernel's accounting is watched: a window of observation, not something that must happen in time.
WINDOW_S = 0.3


@dataclass(frozen=True)
class Language:
    """One story, as each probe is told it. What answers, answers a plain string."""

    probe: str
    layer: dict
    # Says a variable, and a word from where the language looks for layers.
    look: str
    # Writes /tmp/kept; says what is in it.
    keep: str
    kept: str
    # Begins what waits for /tmp/finish, says so in the log and makes /tmp/finished; waits for that.
    begin: str
    end: str
    hang: str
    crash: str


LANGUAGES = {
    "python": Language(
        probe="probe.py",
        layer={"python/dep.py": "word = 'layer'"},
        look="import os, dep; answer = os.environ['MINE'] + ' ' + dep.word",
        keep="open('/tmp/kept', 'w').write('kept')",
        kept="answer = open('/tmp/kept').read()",
        begin="""
import threading
def work():
    await_release("finish")
    print("background done")
    reach("finished")
threading.Thread(target=work).start()
""",
        end="await_release('finished')",
        hang="while True: pass",
        crash="import os; os.kill(os.getpid(), 9)",
    ),
    "nodejs": Language(
        probe="probe.mjs",
        layer={"nodejs/node_modules/dep/index.js": "exports.word = 'layer';"},
        look="const { createRequire } = await import('node:module');"
        "return process.env.MINE + ' ' + createRequire('/var/task/index.mjs')('dep').word;",
        keep="fs.writeFileSync('/tmp/kept', 'kept');",
        kept="return fs.readFileSync('/tmp/kept', 'utf8');",
        begin="(async () => { await awaitRelease('finish'); console.log('background done'); reach('finished'); })();",
        end="await awaitRelease('finished');",
        hang="for (;;);",
        crash="process.kill(process.pid, 'SIGKILL'); await new Promise(() => setInterval(() => {}, 1000));",
    ),
    "provided": Language(
        probe="probe.sh",
        layer={"bin/dep": "#!/bin/sh\necho layer\n"},
        look="echo $MINE $(dep)",
        keep="printf kept >/tmp/kept",
        kept="cat /tmp/kept",
        begin="(until [ -e /tmp/finish ]; do sleep 0.01; done; echo background done; touch /tmp/finished) >&3 2>&3 &",
        end="until [ -e /tmp/finished ]; do sleep 0.01; done",
        hang="while :; do :; done",
        crash="kill -9 $$",
    ),
}


@pytest.fixture(params=PRESENT)
def runtime(request):
    return request.param


@pytest.fixture
def language(runtime):
    return LANGUAGES[kind_of(runtime)]


def ask(made, language, what):
    """Runs one step of the story."""
    text = getattr(language, what)
    return made.invoke(text if language.probe == "probe.sh" else {"run": text})


def word(answer):
    assert answer.error is None, answer.body
    return answer.body.decode().strip('"')


def test_surroundings_and_report(service, function, runtime, language):
    client, layer = service.client(), f"l-{uuid.uuid4().hex[:12]}"
    content = {"ZipFile": zipped(language.layer, executable=["bin/dep"])}
    arn = client.publish_layer_version(LayerName=layer, Content=content)["LayerVersionArn"]
    made = function(language.probe, runtime, MemorySize=256, Layers=[arn], Environment={"Variables": {"MINE": "yes"}})
    client.delete_layer_version(LayerName=layer, VersionNumber=1)
    cold, warm = ask(made, language, "look"), ask(made, language, "keep")
    assert word(cold) == "yes layer"
    for answer in (cold, warm):
        report = answer.report
        assert (report["id"], report["size"], report["status"]) == (answer.request_id, "256", None)
        assert 0 < int(report["used"]) <= 256
    assert float(cold.report["init"]) > 0 and warm.report["init"] is None
    assert word(ask(made, language, "kept")) == "kept"
    name = re.sub(r"(?<=[a-z])(?=\d)|\.(?=al)", ":", runtime.removesuffix(".x"), count=1)
    first = made.events()[0]["message"]
    assert re.match(rf"INIT_START Runtime Version: {re.escape(name)}\.v\d+\tRuntime Version ARN: ", first), first


def test_unfinished_work_goes_on_in_the_next_invoke(function, runtime, language):
    """The freeze story with barriers: what the first request left undone logs its end in the second one."""
    made = function(language.probe, runtime, MemorySize=1769, Timeout=60)
    first = ask(made, language, "begin")
    assert first.error is None, first.body
    environment = made.environment("Idle")
    wait_for("the kernel to say frozen", environment.frozen)
    environment.release("finish")  # due while frozen: must not be seen yet
    before = wait_for("it to stand still", environment.stands_still)
    time.sleep(WINDOW_S)
    assert not environment.reached("finished") and environment.cpu_ns() == before
    second = ask(made, language, "end")
    assert second.error is None and second.report["init"] is None, second.tail
    assert "background done" not in first.tail
    start, end = (second.tail.index(f"{line} RequestId: {second.request_id}") for line in ("START", "END"))
    assert start < second.tail.index("background done") < end


@pytest.mark.parametrize(
    "fate, timeout_s, status, kind, message",
    [
        ("hang", 4, "timeout", "Sandbox.Timedout", "Task timed out after 4.00 seconds"),
        ("crash", 30, "error", "Runtime.ExitError", "Runtime exited with error: signal: killed"),
    ],
    ids=["hang", "crash"],
)
def test_a_runtime_that_is_lost_is_replaced(function, runtime, language, fate, timeout_s, status, kind, message):
    made = function(language.probe, runtime, Timeout=timeout_s, MemorySize=1769)
    ask(made, language, "keep")
    before = made.environment("Idle").id
    lost = ask(made, language, fate)
    assert lost.error == "Unhandled"
    assert lost.json == {"errorType": kind, "errorMessage": f"RequestId: {lost.request_id} Error: {message}"}
    assert lost.report["status"] == status
    assert word(ask(made, language, "kept")) == "kept", "/tmp stays"
    assert made.environment("Idle").id == before, "and so does the environment"
