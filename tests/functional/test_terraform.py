"""The calls that Terraform's AWS provider makes for a function with layer, alias, version, URL, permissions and tags: what it
reads after it has applied, it reads again unchanged, so that a plan shows no difference."""

import pytest

from support.functions import zipped
from support.service import ROLE, wait_for

NAME = "terraform"


class Provider:
    """The reads of the provider's resources, reduced to what it keeps in its state."""

    def __init__(self, client):
        self.client = client

    def function(self):
        found = self.client.get_function(FunctionName=NAME)
        configuration = found["Configuration"]
        pages = self.client.get_paginator("list_versions_by_function").paginate(
            FunctionName=NAME, PaginationConfig={"PageSize": 10000}
        )
        latest = [version for page in pages for version in page["Versions"]][-1]
        signing = self.client.get_function_code_signing_config(FunctionName=NAME)
        # The package's address is signed anew at each read; the provider does not keep it.
        assert found["Code"].pop("Location")
        found.pop("ResponseMetadata")
        return {
            **found,
            "reserved": found.get("Concurrency", {}).get("ReservedConcurrentExecutions", -1),
            "vpc": configuration.get("VpcConfig"),
            "qualified_arn": latest["FunctionArn"],
            "version": latest["Version"],
            "code_signing_config_arn": signing.get("CodeSigningConfigArn", ""),
        }

    def alias(self):
        return without_metadata(self.client.get_alias(FunctionName=NAME, Name="prod"))

    def layer(self, arn):
        found = without_metadata(self.client.get_layer_version_by_arn(Arn=arn))
        assert found["Content"].pop("Location")
        return found

    def permission(self):
        return without_metadata(self.client.get_policy(FunctionName=NAME, Qualifier="prod"))

    def url(self):
        return without_metadata(self.client.get_function_url_config(FunctionName=NAME, Qualifier="prod"))

    def others(self):
        """Resources that a plain function does not have: the provider looks, and must find nothing to import."""
        client = self.client
        missing = {}
        for call, options in (
            (client.get_function_event_invoke_config, {}),
            (client.get_function_url_config, {}),
            (client.get_provisioned_concurrency_config, {"Qualifier": "prod"}),
        ):
            with pytest.raises(client.exceptions.ClientError) as error:
                call(FunctionName=NAME, **options)
            missing[call.__name__] = error.value.response["Error"]
        recursion = client.get_function_recursion_config(FunctionName=NAME)["RecursiveLoop"]
        management = without_metadata(client.get_runtime_management_config(FunctionName=NAME))
        return missing, recursion, management

    def wait(self):
        def settled():
            found = self.client.get_function(FunctionName=NAME)["Configuration"]
            return found["State"] == "Active" and found.get("LastUpdateStatus") == "Successful"

        wait_for("the function", settled)


def without_metadata(answer):
    answer.pop("ResponseMetadata")
    return answer


def test_nothing_differs_on_the_second_read(services):
    client = services().client()
    provider = Provider(client)
    layer = client.publish_layer_version(
        LayerName=NAME,
        Content={"ZipFile": zipped({"python/word.py": "WORD = 'layer'"})},
        CompatibleRuntimes=["python3.11"],
    )["LayerVersionArn"]
    created = client.create_function(
        FunctionName=NAME,
        Runtime="python3.11",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": zipped({"app.py": "import word\ndef handler(event, context): return word.WORD"})},
        Description="",
        MemorySize=128,
        Timeout=3,
        PackageType="Zip",
        Publish=True,
        Layers=[layer],
        EphemeralStorage={"Size": 512},
        Environment={"Variables": {"KEY": "1"}},
        TracingConfig={"Mode": "PassThrough"},
        Tags={"team": "a"},
    )
    assert created["Version"] == "1"
    provider.wait()
    client.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=5)
    client.create_alias(
        FunctionName=NAME,
        Name="prod",
        Description="",
        FunctionVersion="1",
        RoutingConfig={},
    )
    client.add_permission(
        FunctionName=NAME,
        Qualifier="prod",
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn="arn:aws:events:us-east-1:000000000000:rule/x",
    )
    client.create_function_url_config(
        FunctionName=NAME,
        Qualifier="prod",
        AuthType="NONE",
        InvokeMode="BUFFERED",
        Cors={"AllowOrigins": ["https://example.com"], "MaxAge": 60},
    )
    # The provider's own doing, for AuthType NONE.
    client.add_permission(
        FunctionName=NAME,
        Qualifier="prod",
        StatementId="FunctionURLAllowPublicAccess",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )

    def read():
        parts = [provider.function(), provider.alias(), provider.layer(layer), provider.permission(), provider.url()]
        return [*parts, provider.others()]

    first = read()
    assert read() == first, "no difference"
    function, alias, _, permission, url, (missing, recursion, management) = first
    assert (function["version"], function["reserved"], function["Tags"]) == ("1", 5, {"team": "a"})
    assert function["qualified_arn"].endswith(f":{NAME}:1") and function["code_signing_config_arn"] == ""
    assert "RoutingConfig" not in alias and '"Sid":"events"' in permission["Policy"]
    assert (url["AuthType"], url["Cors"]["MaxAge"], url["InvokeMode"]) == ("NONE", 60, "BUFFERED")
    assert recursion == "Terminate" and management["UpdateRuntimeOn"] == "Auto"
    assert {error["Code"] for error in missing.values()} == {
        "ResourceNotFoundException",
        "ProvisionedConcurrencyConfigNotFoundException",
    }

    # An update as the provider makes it: tags, configuration, code, publication, alias.
    arn = created["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"stage": "b"})
    client.untag_resource(Resource=arn, TagKeys=["team"])
    client.update_function_configuration(FunctionName=NAME, Timeout=5, Description="changed", MemorySize=256)
    provider.wait()
    client.update_function_code(
        FunctionName=NAME, ZipFile=zipped({"app.py": "def handler(event, context): return 'new'"})
    )
    provider.wait()
    assert client.publish_version(FunctionName=NAME)["Version"] == "2"
    client.update_function_url_config(
        FunctionName=NAME, Qualifier="prod", AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM", Cors={"MaxAge": 90}
    )
    client.update_alias(FunctionName=NAME, Name="prod", FunctionVersion="2", Description="", RoutingConfig={})
    client.delete_function_concurrency(FunctionName=NAME)
    second = read()
    assert read() == second, "no difference after an update"
    function, url = second[0], second[4]
    assert (url["AuthType"], url["Cors"], url["InvokeMode"]) == ("AWS_IAM", {"MaxAge": 90}, "RESPONSE_STREAM")
    assert (function["version"], function["reserved"], function["Tags"]) == ("2", -1, {"stage": "b"})
    assert function["Configuration"]["Timeout"] == 5
    assert client.invoke(FunctionName=NAME, Qualifier="prod")["Payload"].read() == b'"new"'
    assert client.invoke(FunctionName=NAME, Qualifier="1")["Payload"].read() == b'"layer"'

    # Destroy.
    client.remove_permission(FunctionName=NAME, Qualifier="prod", StatementId="events")
    client.remove_permission(FunctionName=NAME, Qualifier="prod", StatementId="FunctionURLAllowPublicAccess")
    client.delete_function_url_config(FunctionName=NAME, Qualifier="prod")
    client.delete_alias(FunctionName=NAME, Name="prod")
    client.delete_function(FunctionName=NAME)
    client.delete_layer_version(LayerName=NAME, VersionNumber=1)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName=NAME)
