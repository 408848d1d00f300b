"""Versions, aliases, tags and concurrency as users meet them: real functions, real environments."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from support.functions import Function, zipped
from support.service import wait_for

WAIT = "reach('started'); await_release('go')"


def refused(call, *arguments, **named):
    """(status, code, message) of a call that must fail."""
    with pytest.raises(ClientError) as error:
        call(*arguments, **named)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def saying(word):
    return zipped(
        {
            "app.py": f"""
STATE = []
def handler(event, context):
    STATE.append(event)
    return ["{word}", context.function_version, context.invoked_function_arn.split(":", 7)[7:], len(STATE)]
"""
        }
    )


def inside(made, count=1):
    """The environments whose handler is at its barrier, once there are so many."""

    def reached():
        found = [e for e in made.environments() if e.phase == "Invoke" and e.reached("started")]
        return found if len(found) == count else None

    return wait_for(f"{count} handlers at their barrier", reached)


def test_versions_run_their_own_code_in_their_own_environments(function):
    made = function(saying("one"))
    client, name = made.client, made.name
    assert client.publish_version(FunctionName=name)["Version"] == "1"
    assert made.invoke({}, Qualifier="1").json == ["one", "1", ["1"], 1]
    made.replace(saying("two"))
    assert client.publish_version(FunctionName=name, Description="two")["Version"] == "2"
    assert made.invoke({}).json == ["two", "$LATEST", [], 1]
    # Neither the update nor the publication ended the environment of version 1.
    assert made.invoke({}, Qualifier="1").json == ["one", "1", ["1"], 2]
    answer = made.invoke({}, Qualifier="2")
    assert answer.json == ["two", "2", ["2"], 1] and answer.response["ExecutedVersion"] == "2"
    assert "START RequestId: " in answer.tail and " Version: 2\n" in answer.tail
    streams = made.service.client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    assert {stream["logStreamName"].split("[")[1].split("]")[0] for stream in streams} == {"1", "2", "$LATEST"}
    shown = [v["Version"] for v in client.list_versions_by_function(FunctionName=name)["Versions"]]
    assert shown == ["$LATEST", "1", "2"]
    client.delete_function(FunctionName=name, Qualifier="1")
    wait_for("its environments' end", lambda: "1" not in {e.row["version"] for e in made.environments()})
    assert refused(client.invoke, FunctionName=name, Qualifier="1")[0] == 404
    assert made.invoke({}, Qualifier="2").json[3] == 2, "the others stay"


def test_an_alias_moves_and_shares(function):
    made = function(saying("one"))
    client, name = made.client, made.name
    client.publish_version(FunctionName=name)
    made.replace(saying("two"))
    client.publish_version(FunctionName=name)
    arn = client.create_alias(FunctionName=name, Name="prod", FunctionVersion="1")["AliasArn"]
    for named in ({"FunctionName": name, "Qualifier": "prod"}, {"FunctionName": arn}, {"FunctionName": f"{name}:prod"}):
        answer = client.invoke(**named)
        assert json.loads(answer["Payload"].read())[:3] == ["one", "1", ["prod"]]
        assert answer["ExecutedVersion"] == "1"
    client.update_alias(FunctionName=name, Name="prod", FunctionVersion="2")
    assert made.invoke({}, Qualifier="prod").json[:3] == ["two", "2", ["prod"]]
    routing = {"AdditionalVersionWeights": {"1": 0.5}}
    client.update_alias(FunctionName=name, Name="prod", RoutingConfig=routing)
    assert client.get_alias(FunctionName=name, Name="prod")["RoutingConfig"] == routing
    # That all of a hundred go one way happens once in 10^29 runs.
    assert {made.invoke({}, Qualifier="prod", tail=False).json[1] for _ in range(100)} == {"1", "2"}
    event = made.invoke({}, Qualifier="prod", InvocationType="Event", tail=False)
    wait_for("the event", lambda: f"END RequestId: {event.request_id}" in made.log())


def test_versions_survive_a_kill(services):
    service = services()
    made = Function(service, saying("one"))
    made.client.publish_version(FunctionName=made.name)
    made.replace(saying("two"))
    made.client.create_alias(FunctionName=made.name, Name="prod", FunctionVersion="1")
    made.client.put_function_concurrency(FunctionName=made.name, ReservedConcurrentExecutions=0)
    service.kill()
    service.start()
    made.client = service.client(**made.scope)
    assert refused(made.client.invoke, FunctionName=made.name)[1] == "TooManyRequestsException"
    made.client.delete_function_concurrency(FunctionName=made.name)
    assert made.invoke({}, Qualifier="prod").json[:3] == ["one", "1", ["prod"]]
    assert made.invoke({}).json[0] == "two"
    assert made.client.publish_version(FunctionName=made.name)["Version"] == "2"


def test_reserved_concurrency_throttles(function):
    made = function("probe.py", Timeout=60)
    put = made.client.put_function_concurrency
    assert put(FunctionName=made.name, ReservedConcurrentExecutions=1)["ReservedConcurrentExecutions"] == 1
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(made.invoke, {"run": WAIT}, tail=False)
        [environment] = inside(made)
        with pytest.raises(made.client.exceptions.TooManyRequestsException) as error:
            made.client.invoke(FunctionName=made.name, Payload="{}")
        answer = error.value.response
        assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert (answer["Type"], answer["message"]) == ("User", "Rate Exceeded.")
        assert len(made.environments()) == 1, "nothing was made for it"
        # What is accepted as an event waits.
        event = made.invoke({"run": "print('at last')"}, InvocationType="Event", tail=False)
        environment.release("go")
        running.result()
    wait_for("the event's turn", lambda: f"END RequestId: {event.request_id}" in made.log())
    assert "at last" in made.log()
    # One caller after the other never meets it, however fast they are.
    for _ in range(50):
        assert made.invoke({"run": "answer = 1"}, tail=False).json == 1
    assert len(made.environments()) == 1


def test_a_function_is_stopped_by_a_reservation_of_0(function):
    made = function("probe.py")
    made.client.put_function_concurrency(FunctionName=made.name, ReservedConcurrentExecutions=0)
    assert made.client.get_function(FunctionName=made.name)["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    assert refused(made.client.invoke, FunctionName=made.name)[:2] == (429, "TooManyRequestsException")
    dropped = made.invoke({"run": "print('never')"}, InvocationType="Event", tail=False)
    assert dropped.status == 202
    wait_for("the word of it", lambda: dropped.request_id in made.service.errors())
    made.client.delete_function_concurrency(FunctionName=made.name)
    assert made.client.get_function_concurrency(FunctionName=made.name).keys() == {"ResponseMetadata"}
    assert made.invoke({"run": "answer = 1"}).json == 1
    assert "never" not in made.log()


def test_a_smaller_reservation_lets_what_runs_finish(function):
    made = function("probe.py", Timeout=60)
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(made.invoke, {"run": WAIT + "; answer = 'done'"}, tail=False) for _ in range(3)]
        environments = inside(made, 3)
        made.client.put_function_concurrency(FunctionName=made.name, ReservedConcurrentExecutions=2)
        assert refused(made.client.invoke, FunctionName=made.name)[0] == 429
        for environment in environments:
            environment.release("go")
        assert [one.result().json for one in running] == ["done"] * 3


def test_account_settings_follow(services):
    service = services()
    client = service.client()
    settings = client.get_account_settings()
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000
    assert settings["AccountUsage"] == {"FunctionCount": 0, "TotalCodeSize": 0}
    made = Function(service, saying("one"))
    size = made.created["CodeSize"]
    client.publish_version(FunctionName=made.name)
    client.put_function_concurrency(FunctionName=made.name, ReservedConcurrentExecutions=900)
    layer = client.publish_layer_version(LayerName="counted", Content={"ZipFile": saying("layer")})
    size_of_layer = layer["Content"]["CodeSize"]
    settings = client.get_account_settings()
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 100
    assert settings["AccountUsage"] == {"FunctionCount": 1, "TotalCodeSize": 2 * size + size_of_layer}
