"""StartLiveTail as boto3 and the AWS CLI use it, without the prefix that they put before the host's name on AWS."""

import os
import subprocess
import sys
import threading

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support.functions import Function, zipped
from support.service import PATIENCE_S, wait_for

LINES = zipped({"app.py": "def handler(event, context):\n    for n in range(event['n']): print(event['word'], n)"})


def client(service):
    return boto3.client(
        "logs",
        endpoint_url=service.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(
            inject_host_prefix=False,
            # What is wrong must reach the service.
            parameter_validation=False,
            retries={"total_max_attempts": 1},
            read_timeout=PATIENCE_S,
        ),
    )


def arn(made):
    return f"arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/{made.name}"


class Tail:
    """One session; `start` is its first event."""

    def __init__(self, service, groups, **options):
        self.stream = client(service).start_live_tail(logGroupIdentifiers=groups, **options)["responseStream"]
        self.updates = iter(self.stream)
        self.start = next(self.updates)["sessionStart"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def until(self, word):
        """Events up to the first that contains the word, and whether any update was a sample."""
        found, sampled = [], False
        while not any(word in event["message"] for event in found):
            update = next(self.updates)["sessionUpdate"]
            found += update["sessionResults"]
            sampled |= update["sessionMetadata"]["sampled"]
        return found, sampled


def test_a_session_shows_what_is_written_after_its_start(service, function):
    made = function(LINES)
    made.invoke({"n": 1, "word": "before"})
    with Tail(service, [arn(made)]) as tail:
        assert tail.start["logGroupIdentifiers"] == [arn(made)]
        assert tail.start["requestId"] and tail.start["sessionId"]
        made.invoke({"n": 3, "word": "after"})
        events, sampled = tail.until("REPORT")
    assert [event["message"].split()[0] for event in events] == ["START", "after", "after", "after", "END", "REPORT"]
    assert not sampled
    (known,) = {event["logStreamName"] for event in events}
    assert known == made.events()[0]["logStreamName"]
    assert {event["logGroupIdentifier"] for event in events} == {f"000000000000:/aws/lambda/{made.name}"}
    shown = [(event["timestamp"], event["message"]) for event in events]
    assert shown == [(event["timestamp"], event["message"]) for event in made.events()[-6:]]


def test_several_groups_and_a_pattern(service, function):
    one, two = function(LINES), function(LINES)
    for made in (one, two):
        made.invoke({"n": 1, "word": "before"})
    with Tail(service, [arn(one), arn(one), arn(two)], logEventFilterPattern="word") as tail:
        assert tail.start["logEventFilterPattern"] == "word"
        one.invoke({"n": 2, "word": "word"})
        two.invoke({"n": 2, "word": "none"})
        two.invoke({"n": 1, "word": "last word"})
        events, _ = tail.until("last word")
    assert [event["message"] for event in events] == ["word 0\n", "word 1\n", "last word 0\n"]


def test_streams_can_be_chosen(service, function):
    made = function(LINES)
    made.invoke({"n": 1, "word": "before"})
    stream = made.events()[0]["logStreamName"]
    with (
        Tail(service, [arn(made)], logStreamNames=[stream]) as named,
        Tail(service, [arn(made)], logStreamNamePrefixes=["1999"]) as other,
    ):
        made.invoke({"n": 1, "word": "after"})
        events, _ = named.until("REPORT")
        assert {event["logStreamName"] for event in events} == {stream}
        assert next(other.updates)["sessionUpdate"]["sessionResults"] == []


def test_more_than_five_hundred_events_are_sampled(service, function):
    # More than five hundred in a second: with a whole CPU.
    made = function(LINES, MemorySize=1769)
    made.invoke({"n": 1, "word": "before"})
    with Tail(service, [arn(made)], logEventFilterPattern="many") as tail:
        made.invoke({"n": 3_000, "word": "many"})
        update = next(u for u in (u["sessionUpdate"] for u in tail.updates) if u["sessionMetadata"]["sampled"])
    assert len(update["sessionResults"]) == 500
    numbers = [int(event["message"].split()[1]) for event in update["sessionResults"]]
    assert numbers == sorted(set(numbers))


def test_what_is_refused(service, function):
    made = function(LINES)
    made.invoke({"n": 1, "word": "before"})
    for groups, options, code in (
        (["arn:aws:logs:us-east-1:000000000000:log-group:absent"], {}, "ResourceNotFoundException"),
        ([arn(made)] * 11, {}, "InvalidParameterException"),
        ([], {}, "InvalidParameterException"),
        ([arn(made)] * 2, {"logStreamNames": ["a"]}, "InvalidParameterException"),
        ([arn(made)], {"logEventFilterPattern": "{ $.a = }"}, "InvalidParameterException"),
    ):
        with pytest.raises(ClientError) as refused:
            client(service).start_live_tail(logGroupIdentifiers=groups, **options)
        assert refused.value.response["Error"]["Code"] == code, (groups, options)


def test_sessions_are_limited_and_end_with_their_client(services):
    # Of its own, for what other tests have begun may not have ended yet.
    service = services()
    made = Function(service, LINES)
    made.invoke({"n": 1, "word": "before"})
    tails = [Tail(service, [arn(made)]) for _ in range(15)]
    with pytest.raises(ClientError) as refused:
        Tail(service, [arn(made)])
    assert refused.value.response["Error"]["Code"] == "LimitExceededException"
    for tail in tails:
        tail.stream.close()

    def again():
        try:
            return Tail(service, [arn(made)])
        except ClientError:
            return None

    with wait_for("a session to be free", again):
        pass


def test_a_stop_ends_sessions(services):
    one = services()
    made = Function(one, LINES)
    made.invoke({"n": 1, "word": "before"})
    tail = Tail(one, [arn(made)])
    assert one.stop() == 0
    assert all("sessionUpdate" in update for update in tail.updates)


def test_the_aws_cli_shows_a_live_tail(service, function):
    made = function(LINES)
    made.invoke({"n": 1, "word": "before"})
    environment = {
        **os.environ,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_ENDPOINT_URL": service.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "awscli", "logs", "start-live-tail", "--log-group-identifiers", arn(made)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as cli:
        shown = []
        reader = threading.Thread(target=lambda: shown.extend(iter(cli.stdout.readline, "")))
        reader.start()

        def seen():
            # It does not say when it has begun: something is written until it shows it.
            made.invoke({"n": 1, "word": "live"})
            return any("live 0" in line for line in shown)

        try:
            wait_for("the command to show a line", seen)
        finally:
            cli.kill()
            reader.join()
    assert not any("before" in line for line in shown)
