"""Terraform and its AWS provider, where a machine has them: both are in no registry that installs them. What the provider
calls is replayed everywhere (test_terraform.py)."""

import http.client
import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.functions import zipped
from support.service import ROOT

CODE = """
import os
def handler(event, context):
    return {"statusCode": 200, "body": os.environ["GREETING"] + " at " + event["rawPath"]}
"""
# Where administrators put providers: Terraform's own places, and beside other software.
MIRRORS = ["/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins", *map(str, Path("/opt").glob("*"))]
MIRROR = next((mirror for mirror in MIRRORS if Path(mirror, "registry.terraform.io/hashicorp/aws").exists()), None)
TERRAFORM = shutil.which("terraform")

pytestmark = pytest.mark.skipif(
    not (TERRAFORM and MIRROR), reason="terraform or its AWS provider is not on this machine"
)


class Workspace:
    """A folder with main.tf, for one service."""

    def __init__(self, folder, service):
        self.folder = folder
        shutil.copy(ROOT / "tests/terraform/main.tf", folder)
        (folder / "code.zip").write_bytes(zipped({"app.py": CODE}))
        (folder / "terraformrc").write_text("")
        self.variables = {"endpoint": service.endpoint, "code": "code.zip"}
        self.run("init", f"-plugin-dir={MIRROR}")

    def run(self, command, *options, status=0):
        """What it prints; it must end with this status."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        env |= {f"TF_VAR_{name}": str(value) for name, value in self.variables.items()}
        env |= {"TF_CLI_CONFIG_FILE": str(self.folder / "terraformrc"), "CHECKPOINT_DISABLE": "1"}
        arguments = [TERRAFORM, command, *options, *(["-no-color"] if command != "output" else [])]
        done = subprocess.run(arguments, cwd=self.folder, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == status, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def apply(self, **variables):
        """Applies, and finds nothing left to do."""
        self.variables |= variables
        self.run("apply", "-auto-approve", "-input=false")
        self.run("plan", "-detailed-exitcode", "-input=false")
        return {name: output["value"] for name, output in json.loads(self.run("output", "-json")).items()}


def get(service, link, path):
    """Status and body."""
    address = urlsplit(service.endpoint)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    connection.request("GET", path, headers={"Host": urlsplit(link).netloc})
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_a_function_behind_urls_is_applied_changed_and_destroyed(services, tmp_path):
    service = services()
    workspace = Workspace(tmp_path, service)
    links = workspace.apply(timeout=5, mode="BUFFERED")
    assert get(service, links["public"], "/one") == (200, "from BUFFERED at /one")
    assert get(service, links["signed"], "/one")[0] == 403, "nobody has signed"
    again = workspace.apply(timeout=7, mode="RESPONSE_STREAM")
    assert again == links
    # In this mode, what is returned at once is the body as it is.
    assert json.loads(get(service, links["public"], "/two")[1])["body"] == "from RESPONSE_STREAM at /two"
    workspace.run("destroy", "-auto-approve", "-input=false")
    client = service.client()
    assert client.list_functions()["Functions"] == [] and client.list_layers()["Layers"] == []
    assert get(service, links["public"], "/three")[0] == 403, "its host is nobody's"
