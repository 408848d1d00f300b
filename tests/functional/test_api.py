"""The control plane's and Invoke's answers, in AWS's codes and texts."""

import base64
import json
import uuid

import pytest
from botocore.exceptions import ClientError

from support.functions import Function, zipped
from support.service import ROLE, wait_for

CODE = zipped({"app.py": "def handler(event, context): return event"})


def refused(call, *arguments, **named):
    """(status, code, message) of a call that must fail."""
    with pytest.raises(ClientError) as error:
        call(*arguments, **named)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_dry_run(function):
    answer = function(CODE).invoke(InvocationType="DryRun", tail=False)
    assert (answer.status, answer.body) == (204, b"")


def test_event_answers_202_and_runs(function):
    made = function("probe.py")
    answer = made.invoke({"run": "print('ran as an event')"}, tail=False, InvocationType="Event")
    assert (answer.status, answer.body) == (202, b"")
    assert "ExecutedVersion" not in answer.response
    wait_for("the event's log", lambda: f"END RequestId: {answer.request_id}" in made.log())
    assert "ran as an event" in made.log()


def test_empty_payload_is_an_empty_object(function):
    assert function(CODE).invoke().json == {}


def test_payload_passes_untouched(function):
    made = function(zipped({"app.py": "def handler(event, context): return event"}))
    for payload in ({"a": [1, 2.5, None, True, "\u00e9\U0001f600"]}, [], "text", 0, None, {"deep": [[[[{}]]]]}):
        assert made.invoke(json.dumps(payload).encode()).json == payload


def test_payload_of_6_mb(function):
    made = function(zipped({"app.py": "def handler(event, context): return len(event)"}), MemorySize=512, Timeout=30)
    largest = json.dumps("x" * (6_291_456 - 2)).encode()
    assert made.invoke(largest).json == 6_291_456 - 2
    status, code, message = refused(made.client.invoke, FunctionName=made.name, Payload=largest + b" ")
    assert status == 413 and code in ("RequestEntityTooLargeException", "RequestTooLargeException")
    assert "6291456" in message, message
    assert made.invoke(b"[]").json == 0, "and nothing is lost"


def test_event_payload_of_1_mb(function):
    made = function(CODE)
    largest = json.dumps("x" * (1_048_576 - 2)).encode()
    assert made.invoke(largest, tail=False, InvocationType="Event").status == 202
    answer = refused(made.client.invoke, FunctionName=made.name, Payload=largest + b" ", InvocationType="Event")
    assert answer[0] == 413
    assert answer[2] == "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"


@pytest.mark.parametrize("payload", [b"{", b"nope", b'{"a":}', b"\x99\xeb,j", b'"\xff"', b"[1,]", b"{} {}"])
def test_malformed_json(function, payload):
    made = function(CODE)
    status, code, message = refused(made.client.invoke, FunctionName=made.name, Payload=payload)
    assert (status, code) == (400, "InvalidRequestContentException")
    assert message.startswith("Could not parse request body into json: Could not parse payload into json: ")


def test_client_context(function):
    made = function("probe.py")
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()
    run = "answer = context.client_context.custom"
    assert made.invoke({"run": run}, ClientContext=context).json == {"k": "v"}


def test_names_of_a_function(function):
    made = function("probe.py")
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{made.name}"
    run = json.dumps({"run": "answer = context.invoked_function_arn"})
    for name in (made.name, f"function:{made.name}", f"000000000000:function:{made.name}", arn):
        answer = made.client.invoke(FunctionName=name, Payload=run)
        assert json.loads(answer["Payload"].read()) == arn, name
    for options in ({"FunctionName": f"{made.name}:$LATEST"}, {"FunctionName": made.name, "Qualifier": "$LATEST"}):
        answer = made.client.invoke(Payload=run, **options)
        assert json.loads(answer["Payload"].read()) == arn + ":$LATEST"
    assert (
        made.client.get_function(FunctionName=made.name, Qualifier="$LATEST")["Configuration"]["FunctionArn"]
        == arn + ":$LATEST"
    )
    missing = refused(made.client.invoke, FunctionName=made.name, Qualifier="7")
    assert missing == (404, "ResourceNotFoundException", f"Function not found: {arn}:7")
    wrong = refused(made.client.get_function, FunctionName=arn.replace("us-east-1", "eu-west-1"))
    assert wrong == (
        404,
        "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    )


def test_create_twice(function):
    made = function(CODE)
    answer = refused(
        made.client.create_function,
        FunctionName=made.name,
        Runtime="python3.11",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": CODE},
    )
    assert answer == (409, "ResourceConflictException", f"Function already exist: {made.name}")


def test_validation_errors(service):
    create = service.client().create_function
    good = {
        "FunctionName": "v",
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": ROLE,
        "Code": {"ZipFile": CODE},
    }
    status, code, message = refused(create, **{**good, "Role": "r1"})
    assert (status, code) == (400, "ValidationException")
    assert message.startswith(
        "1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: "
    )
    status, code, message = refused(create, **{**good, "Runtime": "python9.9"})
    assert (status, code) == (400, "InvalidParameterValueException")
    assert message.startswith(
        "Value python9.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, "
    )
    status, code, message = refused(create, **{**good, "MemorySize": 127})
    assert (
        (status, code) == (400, "ValidationException")
        and "'127' at 'memorySize'" in message
        and "greater than or equal to 128" in message
    )
    status, code, message = refused(create, **{**good, "Architectures": ["x86_64", "arm64"]})
    assert (
        message
        == "1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1"
    )
    assert not [f for f in service.client().list_functions()["Functions"] if f["FunctionName"] == "v"]


def test_runtime_that_is_not_added(service):
    """A runtime that AWS has and this machine has not: the text says which command adds it."""
    answer = refused(
        service.client().create_function,
        FunctionName="absent",
        Runtime="ruby3.3",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": CODE},
    )
    assert answer[0] == 400 and answer[1] == "InvalidParameterValueException"
    assert "hearth runtimes add ruby3.3" in answer[2] or "ruby3.3" in answer[2] and "not" in answer[2], answer


def test_revision_id(function):
    made = function(CODE, Timeout=None)
    mismatch = (
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    )
    wrong = str(uuid.uuid4())
    assert (
        refused(made.client.update_function_configuration, FunctionName=made.name, Timeout=9, RevisionId=wrong)
        == mismatch
    )
    assert refused(made.client.update_function_code, FunctionName=made.name, ZipFile=CODE, RevisionId=wrong) == mismatch
    before = made.client.get_function_configuration(FunctionName=made.name)
    assert before["Timeout"] == 3
    made.client.update_function_configuration(FunctionName=made.name, Timeout=9, RevisionId=before["RevisionId"])
    made.updated()
    assert made.client.get_function_configuration(FunctionName=made.name)["Timeout"] == 9


def test_update_code_dry_run(function):
    made = function(CODE)
    other = zipped({"app.py": "def handler(event, context): return 'other'"})
    dry = made.client.update_function_code(FunctionName=made.name, ZipFile=other, DryRun=True)
    assert dry["CodeSha256"] != made.created["CodeSha256"]
    assert made.client.get_function_configuration(FunctionName=made.name)["CodeSha256"] == made.created["CodeSha256"]


def test_list_is_paged(services):
    service = services()
    client = service.client()
    names = [f"paged-{n:02}" for n in range(23)]
    for name in names:
        Function(service, CODE, FunctionName=name)
    pages = list(client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Functions"]) for page in pages] == [5, 5, 5, 5, 3]
    rows = [row for page in pages for row in page["Functions"]]
    assert sorted(row["FunctionName"] for row in rows) == names
    assert not {"State", "LastUpdateStatus", "RuntimeVersionConfig"} & set(rows[0])


def test_missing_function(service):
    client, arn = service.client(), "arn:aws:lambda:us-east-1:000000000000:function:absent"
    plain = (404, "ResourceNotFoundException", f"Function not found: {arn}")
    for call in (
        client.get_function,
        client.get_function_configuration,
        client.delete_function,
        client.update_function_configuration,
    ):
        assert refused(call, FunctionName="absent") == plain
    assert refused(client.update_function_code, FunctionName="absent", ZipFile=CODE) == plain
    assert refused(client.invoke, FunctionName="absent") == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {arn}:$LATEST",
    )


def test_accounts_and_regions_see_nothing_of_each_other(service):
    name = f"shared-{uuid.uuid4().hex[:8]}"
    scopes = [
        ("111111111111", "us-east-1"),
        ("222222222222", "us-east-1"),
        ("111111111111", "eu-west-1"),
        ("test", "us-east-1"),
    ]
    made = []
    for number, (account, region) in enumerate(scopes):
        code = zipped({"app.py": f"def handler(event, context): return [{number}, context.invoked_function_arn]"})
        made.append(Function(service, code, FunctionName=name, account=account, region=region))
    for number, ((account, region), one) in enumerate(zip(scopes, made, strict=True)):
        shown = "000000000000" if account == "test" else account
        assert one.invoke().json == [number, f"arn:aws:lambda:{region}:{shown}:function:{name}"]
        assert len(one.events()) == 4  # INIT_START, START, END, REPORT: its own and no other
    made[0].client.delete_function(FunctionName=name)
    assert refused(made[0].client.get_function, FunctionName=name)[0] == 404
    for number, one in list(enumerate(made))[1:]:
        assert one.invoke().json[0] == number
        one.client.delete_function(FunctionName=name)
    nothing = service.client(account="333333333333")
    assert nothing.list_functions()["Functions"] == []
    assert service.client("logs", account="333333333333").describe_log_groups()["logGroups"] == []


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Origin": "https://example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "example.com"}, 403),
        ({"Host": "127.0.0.1.example.com:3001"}, 403),
        ({"Host": "localhost"}, 200),
        ({}, 200),
    ],
)
def test_web_pages_must_not_reach_it(service, headers, status):
    for path in ("/2015-03-31/functions/", "/_hearth/environments"):
        assert service.get(path, **headers)[0] == status, path


def test_unknown_paths_and_operations(service):
    for path in ("/", "/nothing", "/2015-03-31/nothing", "/_hearth/nothing", "/2015-03-31/functions/%ff/configuration"):
        assert 400 <= service.get(path)[0] < 500, path


def test_function_names_that_must_be_refused(service):
    for name in ("a/b", "a b", "", "x" * 65, "../../etc"):
        with pytest.raises(Exception) as error:
            service.client().create_function(
                FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Code={"ZipFile": CODE}
            )
        if isinstance(error.value, ClientError):
            assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400, name
