"""Function URLs as a client meets them: connected to the service, the function named by the Host header."""

import contextlib
import http.client
import json
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.service import PATIENCE_S

PUBLIC = [
    {"StatementId": "url", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
    {"StatementId": "invoke", "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
]


class Url:
    """The URL of a function, or of its alias; open to everybody unless told otherwise."""

    def __init__(self, function, public=True, qualifier=None, **settings):
        self.function = function
        self.named = {"FunctionName": function.name, **({"Qualifier": qualifier} if qualifier else {})}
        settings = {"AuthType": "NONE", **settings}
        self.created = function.client.create_function_url_config(**self.named, **settings)
        self.link = self.created["FunctionUrl"]
        self.host = urlsplit(self.link).netloc
        if public:
            self.open()

    def open(self, *statements):
        for statement in statements or PUBLIC:
            self.function.client.add_permission(**self.named, Principal="*", **statement)

    def begin(self, target="/", method="GET", body=None, headers=(), host=None):
        """A response whose body is not read yet; its connection is `response.connection`."""
        address = urlsplit(self.function.service.endpoint)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE_S)
        connection.request(method, target, body, {"Host": host or self.host, **dict(headers)})
        response = connection.getresponse()
        response.connection = connection
        return response

    def send(self, target="/", method="GET", body=None, headers=(), host=None):
        """(response, body), once all of it is there."""
        response = self.begin(target, method, body, headers, host)
        with contextlib.closing(response.connection):
            return response, response.read()

    def json(self, *arguments, **options):
        response, body = self.send(*arguments, **options)
        assert response.status == 200, (response.status, body)
        return json.loads(body)

    def signed(self, target="/", method="GET", body=b"", headers=(), key="test", secret="test", token=None, presign=0):
        """What to send for a signed request: (target, headers)."""
        request = AWSRequest(method, self.link.rstrip("/") + target, data=body, headers=dict(headers))
        credentials = Credentials(key, secret, token)
        region = self.link.split(".")[2]
        if presign:
            SigV4QueryAuth(credentials, "lambda", region, expires=presign).add_auth(request)
        else:
            SigV4Auth(credentials, "lambda", region).add_auth(request)
        parts = urlsplit(request.url)
        return parts.path + (f"?{parts.query}" if parts.query else ""), dict(request.headers)
