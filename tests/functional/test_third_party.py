"""Libraries of others that lean on the execution environment: they run unchanged, and what they see is what AWS shows."""

import json
import os
import subprocess

import pytest

from support.functions import Function
from support.service import HEARTH, ROOT, wait_for

# Installing is in it.
pytestmark = pytest.mark.timeout(600)
INSTALL_S = 300
SOURCE = ROOT / "tests/packages/observed"


@pytest.fixture(scope="module")
def made(service):
    """In a runtime whose client leaves Python's main thread free for signals: 3.12 and later."""
    name, runtime = "packages-observed", "python3.13"
    options = ["--install", "--name", name, "--runtime", runtime, "--handler", "app.handler", "--memory", "512"]
    command = [HEARTH, "deploy", SOURCE, *options]
    subprocess.run(command, env={**os.environ, "HEARTH_ENDPOINT": service.endpoint}, check=True, timeout=INSTALL_S)
    yield Function.existing(service, name, runtime)
    service.client().delete_function(FunctionName=name)


def test_powertools_and_an_extension_that_waits_for_the_end(made):
    http = {"method": "GET", "path": "/hello/Ada"}
    context = {"http": http, "stage": "$default"}
    request = {"version": "2.0", "rawPath": "/hello/Ada", "headers": {}, "requestContext": context}
    cold, warm = made.invoke(request), made.invoke(request)
    assert json.loads(cold.json["body"]) == {"hello": "Ada"}
    records = [json.loads(line) for line in made.log().splitlines() if line.startswith("{")]
    greeted = [record for record in records if record.get("message") == "greeted"]
    assert [(record["cold_start"], record["function_request_id"]) for record in greeted] == [
        (True, cold.request_id),
        (False, warm.request_id),
    ]
    assert [record["Greetings"] for record in records if "Greetings" in record] == [[1.0], [1.0]]
    assert [record["ColdStart"] for record in records if "ColdStart" in record] == [[1.0]]
    assert "EXTENSION\tName: lambda-sigterm\tState: Ready\tEvents: []" in made.log()


def test_everyone_who_is_thawed_to_end_hears_of_it(made):
    """Python runs a signal's handler in its first thread only, so that one has to get it, however many wake up."""
    for number in range(10):
        made.configure(Description=f"the {number}th")
        made.invoke({"version": "2.0", "rawPath": "/", "requestContext": {"http": {"method": "GET", "path": "/"}}})
        made.environment("Idle")
        ended = made.log().count("asked to end by SIGTERM")
        made.configure(Description=f"after the {number}th")
        wait_for("the handler", lambda ended=ended: made.log().count("asked to end by SIGTERM") > ended)
