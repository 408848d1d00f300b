"""Deployment packages that are not what they should be: AWS's error for each, and nothing kept of it."""

import io
import os
import zipfile

import pytest
from botocore.exceptions import ClientError

from support.functions import Function, zipped
from support.service import ROLE, Service

UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
TOO_LARGE = "Unzipped size must be smaller than 262144000 bytes"


@pytest.fixture(scope="module")
def own():
    with Service() as running:
        yield running


def special(name, mode, content=b""):
    """A zip with one good file and one entry of a special mode."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app.py", "def handler(event, context): return 1")
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        archive.writestr(info, content)
    return buffer.getvalue()


def bomb(total):
    """A small zip that unpacks to `total` bytes of zeroes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open("app.py", "w") as entry:
            for _ in range(total >> 20):
                entry.write(bytes(1 << 20))
    return buffer.getvalue()


def create(service, code, name="bad"):
    return service.client().create_function(
        FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Code={"ZipFile": code}
    )


def kept(service):
    """Files and directories in the data directory whose names could come from a package."""
    return {os.path.join(d, n) for d, ds, fs in os.walk(service.data / "packages") for n in ds + fs}


@pytest.mark.parametrize(
    "code, message",
    [
        (b"this is no zip", UNREADABLE),
        (zipped({"app.py": "x" * 10_000})[:-50], UNREADABLE),
        (special("../../escaped", 0o100644, b"out"), None),
        (special("/escaped", 0o100644, b"out"), None),
        (special("a/../../../escaped", 0o100644, b"out"), None),
        (special("link", 0o120777, b"/etc/passwd"), None),
        (special("link", 0o120777, b"../../../../etc"), None),
        (special("device", 0o020666), None),
        (bomb(300 << 20), TOO_LARGE),
    ],
    ids=[
        "not-a-zip",
        "cut-off",
        "zip-slip",
        "absolute",
        "dots-inside",
        "symlink-absolute",
        "symlink-up",
        "device",
        "bomb",
    ],
)
def test_bad_package(own, code, message):
    before = kept(own)
    with pytest.raises(ClientError) as error:
        create(own, code)
    answer = error.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["Error"]["Code"] == "InvalidParameterValueException"
    if message:
        assert answer["Error"]["Message"] == message
    assert own.client().list_functions()["Functions"] == []
    assert kept(own) == before, "something of it was kept"
    assert not [p for p in ("/escaped", own.data / "escaped", own.data.parent / "escaped") if os.path.exists(p)]


def test_bad_update_keeps_the_old_code(own):
    made = Function(own, zipped({"app.py": "def handler(event, context): return 'old'"}))
    for code in (b"no zip", special("../x", 0o100644), bomb(300 << 20)):
        with pytest.raises(ClientError):
            made.client.update_function_code(FunctionName=made.name, ZipFile=code)
        assert made.invoke().json == "old"
    made.client.delete_function(FunctionName=made.name)


def test_zip_of_50_mb_is_the_most(own):
    noise = os.urandom(1 << 20)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("app.py", "def handler(event, context): return 1")
        for n in range(50):
            archive.writestr(f"noise{n}", noise)
    with pytest.raises(ClientError) as error:
        create(own, buffer.getvalue())
    answer = error.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert answer["Error"]["Message"] == "Zipped size must be smaller than 52428800 bytes"


def test_symlinks_and_modes_inside_the_package_work(own):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "app.py",
            "import os, subprocess\ndef handler(event, context): return [open('deep/link').read(), subprocess.check_output(['./tool']).decode(), oct(os.stat('tool').st_mode & 0o7777)]",
        )
        archive.writestr("data.txt", "data")
        for name, mode, content in (
            ("deep/link", 0o120777, "../data.txt"),
            ("tool", 0o104755, "#!/bin/sh\necho ran\n"),
        ):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, content)
    made = Function(own, buffer.getvalue())
    assert made.invoke().json == ["data", "ran\n", "0o755"], "set-user-ID must not survive"
    made.client.delete_function(FunctionName=made.name)


def test_package_from_a_system_without_modes(own):
    """Zips made on Windows carry no permissions: files must be readable all the same."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in (
            ("app.py", "from pkg import value\ndef handler(event, context): return value"),
            ("pkg/__init__.py", "value = 5"),
        ):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 0, 0
            archive.writestr(info, text)
    made = Function(own, buffer.getvalue())
    assert made.invoke().json == 5
    made.client.delete_function(FunctionName=made.name)
