"""What CloudWatch Logs clients need: groups, streams, events forwards, backwards, filtered and paged."""

import pytest

from support.functions import Function, zipped
from support.service import wait_for

LINES = zipped({"app.py": "def handler(event, context):\n    for n in range(event['n']): print('line', n)"})


@pytest.fixture
def written(function):
    made = function(LINES)
    made.invoke({"n": 30})
    return made, made.service.client("logs"), f"/aws/lambda/{made.name}"


def test_groups(written):
    made, logs, group = written
    found = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [g["logGroupName"] for g in found] == [group]
    assert found[0]["arn"].startswith(f"arn:aws:logs:us-east-1:000000000000:log-group:{group}")
    assert found[0]["creationTime"] > 0
    assert logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/absent")["logGroups"] == []


def test_streams(written):
    made, logs, group = written
    streams = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)["logStreams"]
    assert len(streams) == 1
    assert streams[0]["firstEventTimestamp"] <= streams[0]["lastEventTimestamp"]
    prefix = streams[0]["logStreamName"][:10]
    assert logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"] == streams
    assert logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="1999")["logStreams"] == []


def test_get_log_events_pages_forwards_and_backwards(written):
    made, logs, group = written
    stream = logs.describe_log_streams(logGroupName=group)["logStreams"][0]["logStreamName"]
    where = {"logGroupName": group, "logStreamName": stream}
    everything = [e["message"] for e in logs.get_log_events(startFromHead=True, **where)["events"]]
    assert len(everything) == 34  # INIT_START, START, 30 lines, END, REPORT
    page, forwards = logs.get_log_events(startFromHead=True, limit=10, **where), []
    while page["events"]:
        forwards += [e["message"] for e in page["events"]]
        token = page["nextForwardToken"]
        page = logs.get_log_events(nextToken=token, limit=10, startFromHead=True, **where)
    assert forwards == everything
    assert page["nextForwardToken"] == token, "at the end the token stays the same"
    page, backwards = logs.get_log_events(limit=10, **where), []
    while page["events"]:
        backwards = [e["message"] for e in page["events"]] + backwards
        page = logs.get_log_events(nextToken=page["nextBackwardToken"], limit=10, **where)
    assert backwards == everything
    made.invoke({"n": 1})
    more = logs.get_log_events(nextToken=token, startFromHead=True, **where)["events"]
    assert [e["message"].split()[0] for e in more] == ["START", "line", "END", "REPORT"]


def test_filter_log_events(written):
    made, logs, group = written
    everything = made.events()
    assert len(everything) == 34 and len({e["eventId"] for e in everything}) == 34

    def messages(**options):
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, **options)
        return [e["message"].strip() for page in pages for e in page["events"]]

    assert messages(filterPattern='"line 7"') == ["line 7"]
    assert len(messages(filterPattern="line")) == 30
    assert [m.split()[0] for m in messages(filterPattern="REPORT")] == ["REPORT"]
    assert messages(filterPattern="line -1") == [m for m in (f"line {n}" for n in range(30)) if "1" not in m.split()]
    assert messages(startTime=everything[-1]["timestamp"] + 1) == []
    first = everything[0]["timestamp"]
    # Whether the end belongs to it, AWS does not say.
    assert messages(endTime=first) in ([], [e["message"].strip() for e in everything if e["timestamp"] == first])
    limited = logs.filter_log_events(logGroupName=group, limit=5)
    assert len(limited["events"]) == 5 and "nextToken" in limited


def test_missing_groups_and_streams(written):
    made, logs, group = written
    for call, options in (
        (logs.filter_log_events, {"logGroupName": "/absent"}),
        (logs.describe_log_streams, {"logGroupName": "/absent"}),
        (logs.get_log_events, {"logGroupName": group, "logStreamName": "absent"}),
    ):
        with pytest.raises(logs.exceptions.ResourceNotFoundException) as error:
            call(**options)
        what = "log stream" if "logStreamName" in options else "log group"
        assert error.value.response["Error"]["Message"] == f"The specified {what} does not exist."


def test_streams_follow_environments(function):
    """A reset stays in its stream; another environment has its own."""
    made = function("probe.py", Timeout=10)
    streams = [made.invoke({"run": "answer = context.log_stream_name"}).json]
    made.invoke({"run": "import os; os._exit(1)"})
    streams.append(made.invoke({"run": "answer = context.log_stream_name"}).json)
    made.configure(Description="other")
    streams.append(made.invoke({"run": "answer = context.log_stream_name"}).json)
    assert streams[0] == streams[1] != streams[2]
    logs = made.service.client("logs")
    found = logs.describe_log_streams(logGroupName=f"/aws/lambda/{made.name}")["logStreams"]
    assert {s["logStreamName"] for s in found} == set(streams)


def test_retention_policies_are_those_of_aws(written):
    made, logs, group = written

    def days():
        return logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0].get("retentionInDays")

    assert days() is None
    logs.put_retention_policy(logGroupName=group, retentionInDays=14)
    assert days() == 14
    with pytest.raises(logs.exceptions.InvalidParameterException, match="Member must satisfy enum value set: .1, 3, 5"):
        logs.put_retention_policy(logGroupName=group, retentionInDays=2)
    logs.delete_retention_policy(logGroupName=group)
    assert days() is None
    for call, more in ((logs.put_retention_policy, {"retentionInDays": 1}), (logs.delete_retention_policy, {})):
        with pytest.raises(logs.exceptions.ResourceNotFoundException):
            call(logGroupName="/aws/lambda/absent", **more)


def test_a_group_keeps_its_newest_within_the_limit(services):
    one = services("--log-limit", "2")
    code = (
        "def handler(event, context):\n    for _ in range(event.get('lines', 30)): print('x' * 100_000)\n"
        "    print('last', event['n'])"
    )
    made = Function(one, zipped({"app.py": code}))
    for n in range(3):
        made.invoke({"n": n})
    logs, group = one.client("logs"), f"/aws/lambda/{made.name}"

    def stored():
        return logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["storedBytes"]

    wait_for("the group to be within its limit", lambda: stored() <= 2 << 20)
    assert stored() > 1 << 20, "and no more than that is gone"
    # So little that there is no reason to shorten it again.
    made.invoke({"n": 3, "lines": 1})
    lasts = [message.split()[1] for message in made.log().split("\n") if message.startswith("last")]
    assert lasts[-2:] == ["2", "3"] and "0" not in lasts, "the environment that writes goes on as if nothing were"
