"""Layers with extensions, and waiting for what they print."""

import uuid

from support.functions import SOURCES, zipped
from support.service import wait_for

LIBRARY = (SOURCES / "extension.sh").read_text()


def layer(service, extensions, executable=True, **files):
    """Publishes extensions in shell ({name: what it does}) as a layer; gives its ARN."""
    files |= {f"extensions/{name}": LIBRARY + body for name, body in extensions.items()}
    content = zipped(files, executable=files if executable else ())
    name = f"l-{uuid.uuid4().hex[:12]}"
    return service.client().publish_layer_version(LayerName=name, Content={"ZipFile": content})["LayerVersionArn"]


def logged(function, text):
    """Waits until a line of the log contains `text`; gives the log's lines."""
    wait_for(text, lambda: any(text in line for line in function.log().splitlines()))
    return function.log().splitlines()


def place(lines, text):
    return next(number for number, line in enumerate(lines) if text in line)
