"""A runtime tree that is not what it should be: each says what is wrong and which commands repair it; nothing is lost."""

import json
import subprocess
import tempfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from support.functions import Function, zipped
from support.service import ROLE, RUNTIMES

CODE = zipped({"app.py": "def handler(event, context): return 1"})
REPAIR = "`hearth runtimes rm python3.11`, then `hearth runtimes add python3.11`"


def copy(home):
    """The Python runtime, as links to its files: a test may replace them, and must not write to them."""
    subprocess.run(["rm", "-rf", home], check=True)
    subprocess.run(["cp", "-al", RUNTIMES / "python3.11", home], check=True)


@pytest.fixture
def shelf():
    """A runtime that a test may break. Beside the true ones: a link cannot cross file systems."""
    with tempfile.TemporaryDirectory(dir=RUNTIMES.parent, prefix="broken-runtimes-") as directory:
        home = Path(directory, "python3.11")
        copy(home)
        yield home


def replace(path, content):
    path.unlink()
    path.write_bytes(content)
    path.chmod(0o755)


def without_a_shell(home):
    (home / "tree/usr/bin/sh").unlink()
    return "it has no /bin/sh"


def truncated(home):
    python = home / "tree/usr/bin/python3.11"
    replace(python, python.read_bytes()[:-100])
    return "/var/lang/bin/python3.11 is cut off"


def empty(home):
    replace(home / "tree/usr/bin/bash", b"")
    return "/bin/sh is cut off"


def without_its_program(home):
    (home / "tree/var/lang/bin/python3.11").unlink()
    return "it has no /var/lang/bin/python3.11"


def for_another_machine(home):
    manifest = json.loads((home / "manifest.json").read_text())
    here, other = manifest["architecture"], {"x86_64": "aarch64"}.get(manifest["architecture"], "x86_64")
    replace(home / "manifest.json", json.dumps({**manifest, "architecture": other}).encode())
    return f"it is for {other}, this machine is {here}"


def of_another_machine(home):
    shell = home / "tree/usr/bin/bash"
    program = bytearray(shell.read_bytes())
    program[18:20] = (183).to_bytes(2, "little") if program[18] == 62 else (62).to_bytes(2, "little")
    replace(shell, bytes(program))
    return "/bin/sh is for "


@pytest.mark.parametrize(
    "broken", [without_a_shell, truncated, empty, without_its_program, for_another_machine, of_another_machine]
)
def test_broken_tree(services, shelf, broken):
    service = services("--runtimes", shelf.parent)
    made = Function(service, CODE)
    assert made.invoke().json == 1
    complaint = broken(shelf)
    create = {
        "FunctionName": "g",
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": ROLE,
        "Code": {"ZipFile": CODE},
    }
    with pytest.raises(ClientError) as refused:
        made.client.create_function(**create)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    message = refused.value.response["Error"]["Message"]
    assert message.startswith(f"runtime python3.11 cannot be used, {complaint}"), message
    assert message.endswith(REPAIR), message
    # A new environment cannot be made either, and the caller hears why.
    service.stop()
    service.start()
    client = service.client()
    with pytest.raises(ClientError) as refused:
        client.invoke(FunctionName=made.name)
    assert refused.value.response["Error"]["Code"] == "InvalidRuntimeException"
    assert complaint in refused.value.response["Error"]["Message"]
    copy(shelf)
    assert json.loads(client.invoke(FunctionName=made.name)["Payload"].read()) == 1, "the function was not touched"
