"""`hearth trace`: what its two formats say of an environment agrees with the log, and the page needs nothing but a browser."""

import html.parser
import json
import re
import shutil
import subprocess

import pytest

from support.extensions import layer
from support.functions import REPORT, Function, zipped
from support.service import PATIENCE_S, wait_for

# Enough to look at the first invocation while it is under way, and what the third one exceeds.
TIMEOUT_S = 10
# One works on after the answer, the other only waits; the layer gives the first a name that is markup.
HOSTILE = "<img src=x onerror=alert(1)>"
EXTENSIONS = {
    HOSTILE: 'register \'"INVOKE", "SHUTDOWN"\'; while next; do case $body in *SHUTDOWN*) exit ;; esac; await_release go; done',
    "audit": 'register \'"INVOKE", "SHUTDOWN"\'; serve',
}
CODE = zipped(
    {
        "app.py": "import threading\n"
        "def handler(event, context):\n"
        "    if event.get('hang'): threading.Event().wait()\n"
        "    return context.aws_request_id"
    }
)


@pytest.fixture(scope="module")
def traced(service, tmp_path_factory):
    """One for all that only look at it."""
    made = story(service, tmp_path_factory.mktemp("traced"))
    yield made
    made.client.delete_function(FunctionName=made.name)


def story(service, folder):
    """A function whose environment has seen a cold start, a warm invocation, a timeout and an Init inside an invocation."""
    made = Function(service, CODE, Layers=[layer(service, EXTENSIONS)], Timeout=TIMEOUT_S)
    made.invoke({}, tail=False)  # comes back before the extension has worked
    wait_for("the extension alone", lambda: works_on(service, folder, made.name))
    made.environment("Invoke").release("go")
    made.environment("Idle")
    made.invoke({})
    # Who comes back before it is frozen finds it thawed.
    made.environment("Idle")
    for event in ({"hang": True}, {}):
        made.invoke(event)
    made.environment("Idle")
    return made


def works_on(service, folder, name):
    threads, spans = perfetto(service, folder, name)
    late = [span for span in spans if span["name"] == "Extension overhead"]
    return [span for span in late if span["args"] == {"underWay": True} and threads[span["tid"]] == HOSTILE]


def perfetto(service, tmp_path, *arguments):
    file = tmp_path / "trace.json"
    service.hearth("trace", *arguments, "--format", "perfetto", "--output", file)
    events = json.loads(file.read_text())["traceEvents"]
    threads = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    return threads, sorted((event for event in events if event["ph"] == "X"), key=lambda event: event["ts"])


def end(span):
    return span["ts"] + span["dur"]


def test_spans_agree_with_the_log(service, traced, tmp_path):
    threads, spans = perfetto(service, tmp_path, traced.name)
    assert len({span["pid"] for span in spans}) == 1
    assert threads == {0: "phase", 1: "runtime", 2: HOSTILE, 3: "audit"}
    phases = [span for span in spans if span["cat"] == "phase"]
    order = "Sandbox Init Invoke-1 Frozen Invoke-2 Frozen Invoke-3 Reset Invoke-4 Frozen".split()
    assert [name.replace(" ", "-") for name in (span["name"] for span in phases) if name != "Cold"] == order
    for before, after in zip(phases, phases[1:], strict=False):
        assert end(before) == after["ts"], "phases leave no gap"
    inner = [span for span in spans if span["cat"] != "phase"]
    for span in inner:
        assert any(phase["ts"] <= span["ts"] and end(span) <= end(phase) for phase in phases), span

    reports = [match.groupdict() for match in REPORT.finditer(traced.log())]
    invokes = [span for span in phases if span["name"].startswith("Invoke")]
    assert [span["args"]["requestId"] for span in invokes] == [report["id"] for report in reports]
    for span, report in zip(invokes, reports, strict=True):
        told = span["args"]
        assert (told["durationUs"] + 5) // 10 == round(float(report["duration"]) * 100), (
            "to a hundredth of a millisecond"
        )
        assert told["billedMs"] == int(report["billed"])
        assert told["status"] == (report["status"] or "success")
        if told["status"] == "success":
            assert span["dur"] == told["durationUs"]
        else:
            assert span["dur"] >= told["durationUs"] == TIMEOUT_S * 1_000_000
    first, _, third, fourth = (span["args"] for span in invokes)
    init = next(span for span in phases if span["name"] == "Init")
    assert init["dur"] == first["initDurationUs"] and init["args"] == {"status": "success"}
    assert third["status"] == "timeout" and 0 < fourth["initInsideUs"] < fourth["durationUs"]

    def of(lane, name, phase):
        within = [span for span in inner if phase["ts"] <= span["ts"] and end(span) <= end(phase)]
        return [span for span in within if threads[span["tid"]] == lane and span["name"] == name]

    [late], [answer] = of(HOSTILE, "Extension overhead", invokes[0]), of("runtime", "Response latency", invokes[0])
    assert end(late) == end(invokes[0]), "Duration ends with the last extension"
    assert end(answer) - invokes[0]["ts"] == first["answeredAfterUs"] and end(answer) < late["ts"]
    for phase in (init, invokes[3]):
        [started], [loaded] = (
            of("audit", "Start to registration", phase),
            of("runtime", "Runtime and function init", phase),
        )
        assert end(started) <= loaded["ts"], "the runtime starts when all have registered"


class Page(html.parser.HTMLParser):
    """Elements, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.text = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, "every element ends"

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "input"):
            self.open.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_stands_alone(service, traced, tmp_path):
    file = tmp_path / "page.html"
    said = json.loads(service.hearth("--json", "trace", traced.name, "--output", file).stdout)
    assert said == {"file": str(file), "environments": 1, "invocations": 4}
    content = file.read_text()
    page = Page(content)
    assert not [
        one for one in page.attributes if one[1] in ("src", "srcset", "action", "data") or one[1].startswith("on")
    ]
    assert all(value.startswith("#") for _, name, value in page.attributes if name == "href")
    assert {"script", "img", "link", "iframe"}.isdisjoint(
        tag for tag, *_ in page.attributes
    ) and "<script" not in content
    assert not re.search(r"https?:|url\(|@import", content)
    text = "".join(page.text)
    assert HOSTILE in page.text, "a name is text"
    for match in REPORT.finditer(traced.log()):
        assert match["id"] in text and f"{match['billed']} ms" in text
    assert "timeout" in text and "Extension overhead" in text
    ids = {value for _, name, value in page.attributes if name == "id"}
    assert {value[1:] for _, name, value in page.attributes if name == "href"} <= ids, "bars lead to rows"


def test_an_environment_that_has_ended_is_remembered(service, tmp_path):
    traced = story(service, tmp_path)
    [environment] = traced.environments()
    traced.replace(zipped({"app.py": "def handler(event, context): pass"}))
    wait_for("its end", lambda: not traced.environments())
    threads, spans = perfetto(service, tmp_path, "--environment", environment.id[:12])
    assert spans[-1]["name"] == "Shutdown" and all("underWay" not in span["args"] for span in spans)
    told = {threads[span["tid"]] for span in spans if span["name"] == "Shutdown"}
    assert told == {"phase", "runtime", HOSTILE, "audit"}
    traced.invoke({})
    _, both = perfetto(service, tmp_path, traced.name)
    assert len({span["pid"] for span in both}) == 2, "the old one and the new one"
    traced.client.delete_function(FunctionName=traced.name)


def test_what_is_not_remembered_is_said(service, function):
    for arguments in (("absent",), ("--environment", "0123456789ab")):
        refused = service.hearth("trace", *arguments, check=False)
        assert refused.returncode != 0 and arguments[-1] in refused.stderr and "remembered" in refused.stderr
    made = function(CODE)
    made.invoke({})
    other = service.hearth("trace", made.name, "--account", "111122223333", check=False)
    assert other.returncode != 0, "another account's"
    assert service.hearth("trace", made.name, "--output", "-").stdout.startswith("<!doctype html>")


def test_a_browser_draws_it(service, traced, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("no browser: apt-get install --no-install-recommends chromium")
    file = tmp_path / "page.html"
    service.hearth("trace", traced.name, "--output", file)
    options = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1400,900",
        f"--user-data-dir={tmp_path}/profile",
    )
    drawn = subprocess.run(
        [browser, *options, "--dump-dom", f"file://{file}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert drawn.stdout.count("<tr id=") == 4 and "<img" not in drawn.stdout
    shot = tmp_path / "page.png"
    subprocess.run(
        [browser, *options, f"--screenshot={shot}", f"file://{file}"],
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert shot.read_bytes().startswith(b"\x89PNG") and shot.stat().st_size > 20_000, "not an empty page"
