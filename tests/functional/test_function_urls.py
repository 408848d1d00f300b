"""Function URLs: configured with boto3, called with plain HTTP, curl and botocore's signatures, served by real handlers."""

import contextlib
import http.client
import json
import re
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.functions import Function, zipped
from support.service import PATIENCE_S, wait_for
from support.urls import PUBLIC, Url

NODE = "nodejs20.x"
ECHO = zipped({"app.py": "def handler(event, context):\n    return event"})
# Answers what the query names.
ANSWERS = zipped({
    "app.py": """
import base64, json
ANSWERS = {
    "string": "hello", "list": ["hello", 3, True], "null": None, "object": {"a": {"b": 1}},
    "status": {"statusCode": "418", "body": "short", "headers": {"X-Number": 1, "content-length": "99"}},
    "html": {"statusCode": 200, "body": "<p>", "headers": {"Content-Type": "text/html"}, "cookies": ["a=b", "c=d"]},
    "binary": {"statusCode": 200, "body": base64.b64encode(bytes(range(256))).decode(), "isBase64Encoded": True},
    "bad-status": {"statusCode": "no"}, "bad-header": {"statusCode": 200, "headers": {"a": "b\\nc: d"}},
    "large": "x" * 6291455,
}
def handler(event, context):
    return ANSWERS[event["rawPath"][1:]]
"""
})  # fmt: skip
FORBIDDEN = {
    "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
}


def refused(answer, status, error_type):
    response, body = answer
    assert (response.status, response.headers["x-amzn-ErrorType"]) == (status, error_type), body
    return json.loads(body)


def test_configurations_are_kept_for_function_and_alias(function):
    made = function(ECHO)
    client, errors, name = made.client, made.client.exceptions, made.name
    arn = made.created["FunctionArn"]
    cors = {"AllowOrigins": ["*"], "MaxAge": 5}
    created = client.create_function_url_config(FunctionName=name, AuthType="NONE", Cors=cors)
    port = urlsplit(made.service.endpoint).port
    assert re.fullmatch(rf"http://[0-9a-z]{{32}}\.lambda-url\.us-east-1\.localhost:{port}/", created["FunctionUrl"])
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (created["FunctionArn"], created["AuthType"], created["Cors"]) == (arn, "NONE", cors)
    assert "InvokeMode" not in created and "LastModifiedTime" not in created
    found = client.get_function_url_config(FunctionName=name)
    assert (found["InvokeMode"], found["CreationTime"]) == ("BUFFERED", created["CreationTime"])
    with pytest.raises(errors.ResourceConflictException, match="FunctionUrlConfig exists for this Lambda function"):
        client.create_function_url_config(FunctionName=name, AuthType="NONE")
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    alias = client.create_function_url_config(
        FunctionName=name, Qualifier="live", AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM"
    )
    assert (alias["FunctionArn"], alias["InvokeMode"]) == (f"{arn}:live", "RESPONSE_STREAM")
    assert alias["FunctionUrl"] != created["FunctionUrl"]
    updated = client.update_function_url_config(FunctionName=name, AuthType="AWS_IAM", Cors={})
    assert updated["AuthType"] == "AWS_IAM" and "Cors" not in updated
    assert updated["FunctionUrl"] == created["FunctionUrl"] and updated["InvokeMode"] == "BUFFERED"
    pages = client.get_paginator("list_function_url_configs").paginate(FunctionName=name, MaxItems=1)
    assert [page["FunctionUrlConfigs"][0]["FunctionArn"] for page in pages] == [arn, f"{arn}:live"]
    client.delete_function_url_config(FunctionName=name)
    with pytest.raises(errors.ResourceNotFoundException, match="The resource you requested does not exist."):
        client.get_function_url_config(FunctionName=name)
    assert client.get_function_url_config(FunctionName=name, Qualifier="live")["AuthType"] == "AWS_IAM"
    client.delete_alias(FunctionName=name, Name="live")
    assert client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"] == []


def test_what_cannot_have_a_url(function):
    made = function(ECHO)
    create, errors = made.client.create_function_url_config, made.client.exceptions
    for qualifier in ("1", "$LATEST"):
        with pytest.raises(errors.ClientError, match=f"Value '{re.escape(qualifier)}' at 'qualifier' failed"):
            create(FunctionName=made.name, Qualifier=qualifier, AuthType="NONE")
    for named in ({"FunctionName": "absent"}, {"FunctionName": made.name, "Qualifier": "absent"}):
        for change in (create, made.client.update_function_url_config):
            with pytest.raises(errors.ResourceNotFoundException, match="Function does not exist"):
                change(**named, AuthType="NONE")
    with pytest.raises(errors.ResourceNotFoundException, match="Function does not exist"):
        made.client.list_function_url_configs(FunctionName="absent")
    for operation in ("update", "delete"):
        with pytest.raises(errors.ResourceNotFoundException, match="The resource you requested does not exist."):
            getattr(made.client, f"{operation}_function_url_config")(FunctionName=made.name)


def test_the_event_is_that_of_payload_format_2(function):
    url = Url(function(ECHO))
    response, body = url.send(
        "/a%20b/?x=1&y=%C3%A9&x=2", headers={"User-Agent": "me", "Cookie": "a=b; c=d", "X-Mixed": "Case"}
    )
    event = json.loads(body)
    assert response.status == 200 and response.headers["Content-Type"] == "application/json"
    identity = url.host.split(".")[0]
    context = event["requestContext"]
    assert event["version"] == "2.0" and event["routeKey"] == "$default" and event["isBase64Encoded"] is False
    assert (event["rawPath"], event["rawQueryString"]) == ("/a%20b/", "x=1&y=%C3%A9&x=2")
    assert event["queryStringParameters"] == {"x": "1,2", "y": "é"}
    assert event["cookies"] == ["a=b", "c=d"] and event["headers"]["cookie"] == "a=b; c=d"
    assert (event["headers"]["x-mixed"], event["headers"]["host"]) == ("Case", url.host)
    assert event["headers"]["x-amzn-trace-id"] == response.headers["x-amzn-Trace-Id"]
    assert "body" not in event
    assert context["http"] == {
        "method": "GET", "path": "/a%20b/", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "me",
    }  # fmt: skip
    assert context["requestId"] == response.headers["x-amzn-RequestId"]
    assert (context["accountId"], context["apiId"], context["domainPrefix"]) == ("anonymous", identity, identity)
    assert context["domainName"] == url.host.split(":")[0] and context["stage"] == "$default"
    assert abs(context["timeEpoch"] / 1000 - time.time()) < PATIENCE_S
    assert context["time"].endswith(
        time.strftime("%Y", time.gmtime(context["timeEpoch"] / 1000)) + context["time"][11:]
    )
    wait_for("its log", lambda: f"START RequestId: {context['requestId']}" in url.function.log())


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])
def test_any_method_and_body(function, method):
    url = Url(function(ECHO))
    event = url.json("/", method, b'{"a": 1}', {"Content-Type": "application/json"})
    assert event["requestContext"]["http"]["method"] == method
    assert (event["body"], event["isBase64Encoded"]) == ('{"a": 1}', False)
    event = url.json("/", method, b"\x00\xff", {"Content-Type": "application/octet-stream"})
    assert (event["body"], event["isBase64Encoded"]) == ("AP8=", True)


def test_answers_are_inferred_or_read(function):
    url = Url(function(ANSWERS))

    def answer(name):
        response, body = url.send(f"/{name}")
        return response.status, response.headers["Content-Type"], body

    assert answer("string") == (200, "application/json", b"hello")
    assert answer("list") == (200, "application/json", b'["hello",3,true]')
    assert answer("null") == (200, "application/json", b"null")
    assert answer("object") == (200, "application/json", b'{"a":{"b":1}}')
    assert answer("binary") == (200, "application/json", bytes(range(256)))
    response, body = url.send("/status")
    assert (response.status, body, response.headers["X-Number"]) == (418, b"short", "1")
    response, body = url.send("/html")
    assert response.headers["Content-Type"] == "text/html" and body == b"<p>"
    assert response.headers.get_all("Set-Cookie") == ["a=b", "c=d"]
    assert len(answer("large")[2]) == 6291455
    for malformed in ("bad-status", "bad-header", "absent"):
        assert answer(malformed)[::2] == (502, b"Internal Server Error"), malformed
    response, body = url.send("/string", "HEAD")
    assert (response.status, body) == (200, b"")


def test_what_is_refused(function):
    made = function(ECHO)
    url = Url(made)
    unknown = f"{'0' * 32}.{url.host.split('.', 1)[1]}"
    elsewhere = url.host.replace("us-east-1", "eu-west-1")
    for host in (unknown, elsewhere, f"short.lambda-url.us-east-1.localhost:{url.host.split(':')[1]}"):
        assert refused(url.send(host=host), 403, "AccessDeniedException") == {"Message": None}
    too_large = url.send("/", "POST", b"x" * 6291457, {"Content-Type": "text/plain"})
    assert "must be smaller than 6291456 bytes" in refused(too_large, 413, "RequestEntityTooLargeException")["message"]
    # It fits as it is, and not as an event.
    refused(
        url.send("/", "POST", b"x" * 6291456, {"Content-Type": "text/plain"}), 413, "RequestEntityTooLargeException"
    )
    made.client.put_function_concurrency(FunctionName=made.name, ReservedConcurrentExecutions=0)
    refused(url.send(), 429, "TooManyRequestsException")
    made.client.delete_function_concurrency(FunctionName=made.name)
    assert url.send()[0].status == 200
    made.client.delete_function(FunctionName=made.name)
    assert refused(url.send(), 403, "AccessDeniedException") == {"Message": None}


def test_both_permissions_are_needed(function):
    url = Url(function(ECHO), public=False)
    assert refused(url.send(), 403, "AccessDeniedException") == FORBIDDEN
    url.open(PUBLIC[0])
    assert refused(url.send(), 403, "AccessDeniedException") == FORBIDDEN
    url.open(PUBLIC[1])
    assert url.send()[0].status == 200
    url.function.client.remove_permission(**url.named, StatementId="url")
    assert refused(url.send(), 403, "AccessDeniedException") == FORBIDDEN


def test_an_alias_runs_its_version(function):
    made = function(zipped({"app.py": "def handler(event, context):\n    return context.invoked_function_arn"}))
    made.client.publish_version(FunctionName=made.name)
    made.client.create_alias(FunctionName=made.name, Name="live", FunctionVersion="1")
    url = Url(made, qualifier="live")
    assert url.send()[1].decode().endswith(f":{made.name}:live")
    made.client.update_function_url_config(**url.named, AuthType="AWS_IAM")
    refused(url.send(), 403, "AccessDeniedException")


def test_curl_calls_what_is_printed(function):
    """curl knows that localhost and what is under it is this machine."""
    url = Url(function(ECHO))
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--data", "hello", "--header",
         "Content-Type: text/plain", url.link + "x?y=z"],
        capture_output=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    event = json.loads(done.stdout)
    assert (event["rawPath"], event["body"], event["headers"]["host"]) == ("/x", "hello", url.host)


def test_urls_outlive_the_service(services):
    service = services()
    url = Url(Function(service, ECHO))
    assert url.send()[0].status == 200
    service.stop()
    service.start()
    again = Function.existing(service, url.function.name, "python3.11")
    found = again.client.get_function_url_config(FunctionName=again.name)
    port = urlsplit(service.endpoint).port
    assert found["FunctionUrl"] == f"http://{url.host.split(':')[0]}:{port}/"
    url.function, url.host = again, urlsplit(found["FunctionUrl"]).netloc
    assert url.json("/again")["rawPath"] == "/again"


def test_signatures_of_botocore_are_verified(function):
    url = Url(function(ECHO), public=False, AuthType="AWS_IAM")
    assert refused(url.send(), 403, "AccessDeniedException") == FORBIDDEN
    body, headers = b'{"a": 1}', {"Content-Type": "application/json"}
    target, signed = url.signed("/a%20b/c?x=1&y=a%2Fb&x=0", "POST", body, headers)
    event = url.json(target, "POST", body, signed)
    assert event["body"] == body.decode() and "authorization" not in event["headers"]
    iam = event["requestContext"]["authorizer"]["iam"]
    assert (iam["accessKey"], iam["accountId"], iam["userArn"]) == (
        "test", "000000000000", "arn:aws:iam::000000000000:root",
    )  # fmt: skip
    assert event["requestContext"]["accountId"] == "000000000000"
    mismatch = "The request signature we calculated does not match the signature you provided."
    for tampered in ((target, "PUT", body), (target + "&z=1", "POST", body), (target, "POST", b"other")):
        assert refused(url.send(*tampered, signed), 403, "InvalidSignatureException")["message"].startswith(mismatch)
    target, signed = url.signed(secret="wrong")
    refused(url.send(target, headers=signed), 403, "InvalidSignatureException")
    target, signed = url.signed(key="AKIAUNKNOWN")
    refused(url.send(target, headers=signed), 403, "UnrecognizedClientException")
    target, _ = url.signed("/x?y=z", presign=60)
    assert url.json(target)["queryStringParameters"]["y"] == "z"
    refused(url.send(target.replace("y=z", "y=w")), 403, "InvalidSignatureException")
    target, signed = url.signed("/", "POST", b"", {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    refused(url.send(target, "POST", b"anything", signed), 403, "InvalidSignatureException")


def test_another_account_needs_the_policy(function):
    url = Url(function(ECHO), public=False, AuthType="AWS_IAM")
    target, signed = url.signed(key="111111111111")
    assert refused(url.send(target, headers=signed), 403, "AccessDeniedException") == FORBIDDEN
    for statement in ({"StatementId": "url", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "AWS_IAM"},
                      PUBLIC[1]):  # fmt: skip
        url.function.client.add_permission(**url.named, Principal="111111111111", **statement)
    assert url.json(target, headers=signed)["requestContext"]["accountId"] == "111111111111"


def test_the_operators_credentials(services):
    # Where an ordinary user's service can read it as well.
    with tempfile.NamedTemporaryFile("w", prefix="hearth-test-") as file:
        Path(file.name).chmod(0o644)
        file.write("[one]\naws_access_key_id = AKIA1\naws_secret_access_key = s/e+c\naws_session_token = t\n")
        file.flush()
        service = services("--credentials", file.name)
    url = Url(Function(service, ECHO), public=False, AuthType="AWS_IAM")
    target, signed = url.signed(key="AKIA1", secret="s/e+c", token="t")
    assert url.json(target, headers=signed)["requestContext"]["authorizer"]["iam"]["accessKey"] == "AKIA1"
    for wrong in ({"key": "AKIA1", "secret": "s/e+c"}, {}):
        target, signed = url.signed(**wrong)
        refused(url.send(target, headers=signed), 403, "UnrecognizedClientException")


def test_web_pages_reach_the_function_and_not_the_api(function):
    page = {"Origin": "https://page.example", "Sec-Fetch-Site": "cross-site"}
    url = Url(function(ECHO))
    assert url.send(headers=page)[0].status == 200
    # Without CORS, preflights are the function's.
    preflight = {**page, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-a"}
    assert url.json("/", "OPTIONS", headers=preflight)["requestContext"]["http"]["method"] == "OPTIONS"
    # Paths of the API are the function's own on its host, and its pages are strangers to the API.
    assert url.json("/2015-03-31/functions")["rawPath"] == "/2015-03-31/functions"
    api = urlsplit(url.function.service.endpoint).netloc
    assert url.send("/2015-03-31/functions", headers={"Origin": f"http://{url.host}"}, host=api)[0].status == 403
    cors = {"AllowOrigins": ["https://page.example"], "AllowMethods": ["PUT"], "AllowHeaders": ["X-A"], "MaxAge": 9}
    url.function.client.update_function_url_config(**url.named, AuthType="AWS_IAM", Cors=cors)
    response, body = url.send("/", "OPTIONS", headers=preflight)
    assert (response.status, body) == (200, b"")
    said = {name: response.headers[f"Access-Control-{name}"] for name in ("Allow-Origin", "Allow-Methods", "Max-Age")}
    assert said == {"Allow-Origin": "https://page.example", "Allow-Methods": "PUT", "Max-Age": "9"}
    other = {**preflight, "Origin": "https://other.example"}
    assert url.send("/", "OPTIONS", headers=other)[0].headers["Access-Control-Allow-Origin"] is None
    response, _ = url.send(headers=page)
    assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (403, "https://page.example")


def test_an_answer_comes_as_it_is_written(function):
    url = Url(function("url.mjs", NODE, Timeout=PATIENCE_S), InvokeMode="RESPONSE_STREAM")
    response = url.begin("/?head=yes&wait=yes")
    assert response.status == 201 and response.headers["Transfer-Encoding"] == "chunked"
    assert (response.headers["Content-Type"], response.headers["X-Asked"]) == ("text/plain", "yes")
    assert response.headers.get_all("Set-Cookie") == ["a=b; Secure", "c=d"]
    assert response.read1(3) == b"one"
    environment = url.function.environment("Invoke")
    wait_for("the handler", lambda: environment.reached("at-one"))
    environment.release("go-one")
    assert response.read() == b"two"
    response.connection.close()


def test_a_stream_without_a_head(function):
    url = Url(function("url.mjs", NODE), InvokeMode="RESPONSE_STREAM")
    for query, content_type in (("", "application/octet-stream"), ("?type=text/html", "text/html")):
        response, body = url.send(f"/{query}")
        assert (response.status, response.headers["Content-Type"], body) == (200, content_type, b"onetwo")
    # The client writes the head before the first byte: without one there is none, as on AWS.
    response, body = url.send("/?head=yes&then=nothing")
    assert (response.status, response.headers["Content-Type"], body) == (200, "application/octet-stream", b"")


@pytest.mark.parametrize("how", ["then=throw", "wait=yes&then=throw", "wait=yes&then=exit"])
def test_an_error_in_the_middle_breaks_the_answer_off(function, how):
    url = Url(function("url.mjs", NODE, Timeout=PATIENCE_S), InvokeMode="RESPONSE_STREAM")
    response = url.begin(f"/?head=yes&{how}")
    assert response.status == 201
    if "wait" in how:
        url.function.environment("Invoke").release("go-one")
    with contextlib.closing(response.connection), pytest.raises(http.client.IncompleteRead) as broken:
        response.read()
    assert broken.value.partial == b"one"
    assert url.send("/?head=yes")[1] == b"onetwo"


def test_a_client_that_goes_away_cancels_nothing(function):
    url = Url(function("url.mjs", NODE, Timeout=PATIENCE_S), InvokeMode="RESPONSE_STREAM")
    response = url.begin("/?head=yes&wait=yes&then=mark")
    assert response.read1(3) == b"one"
    response.connection.close()
    environment = url.function.environment("Invoke")
    environment.release("go-one")
    wait_for("the handler to go on", lambda: environment.reached("marked"))
    wait_for("its end", lambda: url.function.log().count("REPORT") == 1)
    assert "Status" not in url.function.log()


def test_each_kind_of_handler_in_the_other_mode(function):
    buffered = Url(function("url.mjs", NODE))
    response, body = buffered.send("/?head=yes")
    assert (response.status, response.headers["X-Asked"], body) == (201, "yes", b"onetwo")
    assert response.headers["Content-Length"] == "6"
    assert buffered.send("/")[1] == b"onetwo"
    assert buffered.send("/?then=throw")[0].status == 502
    streaming = Url(function(ANSWERS), InvokeMode="RESPONSE_STREAM")
    # What a handler returns is not read there: it is the body.
    response, body = streaming.send("/html")
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body)["body"] == "<p>"
    assert streaming.send("/string")[1] == b'"hello"'
    response, body = streaming.send("/absent")
    assert (response.status, body) == (502, b"Internal Server Error")
