#!/usr/bin/env python3
"""Writes AWS's service models as Rust tables: crates/api/src/model/generated/{lambda,logs}.rs.

    scripts/generate_models.py [--check] [WHEEL]

Source: botocore's wheel of the version below, a public package on PyPI; without WHEEL, the installed botocore if it has
that version, else pip downloads it. Routes,
shapes and constraints are carried over, prose is not. What crates/api/src/model/overrides.rs defines under the name a
shape, a member or a status would have here replaces it. With --check nothing is written: the exit code says whether
the checked-in tables are what this script writes.
"""

import gzip
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

BOTOCORE = "1.44.5"
MODEL = pathlib.Path(__file__).resolve().parent.parent / "crates/api/src/model"
LOGS_OPERATIONS = """CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream DeleteRetentionPolicy
    DescribeLogGroups DescribeLogStreams FilterLogEvents GetLogEvents ListTagsForResource PutLogEvents
    PutRetentionPolicy StartLiveTail TagResource UntagResource""".split()
# service, path of its model in the wheel, operations (None: all of them)
SERVICES = [
    ("lambda", "botocore/data/lambda/2015-03-31/service-2.json", None),
    ("logs", "botocore/data/logs/2014-03-28/service-2.json", LOGS_OPERATIONS),
]
LOCATIONS = {"uri": "label", "querystring": "query", "header": "header"}


def from_wheel(wheel):
    """The models' JSON texts by service."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        return {
            service: archive.read(path) if path in names else gzip.decompress(archive.read(path + ".gz"))
            for service, path, _ in SERVICES
        }


def from_installed():
    """The same of the botocore that this Python imports; None if it is another version or none at all."""
    try:
        import botocore
    except ImportError:
        return None
    if botocore.__version__ != BOTOCORE:
        return None
    packages = pathlib.Path(botocore.__file__).parent.parent
    plain = {service: packages / path for service, path, _ in SERVICES}
    return {
        service: path.read_bytes() if path.exists() else gzip.decompress(path.with_name(path.name + ".gz").read_bytes())
        for service, path in plain.items()
    }


def from_registry():
    """The same of the wheel that pip downloads."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--dest", folder,
                        f"botocore=={BOTOCORE}"], check=True)
        return from_wheel(next(pathlib.Path(folder).glob("*.whl")))


def constant(name):
    """ListLayersRequest -> LIST_LAYERS_REQUEST, KMSKeyArn -> KMS_KEY_ARN."""
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).upper()


def text(value):
    """A Rust string literal; patterns stay readable."""
    if "\\" not in value and '"' not in value:
        return f'"{value}"'
    hashes = "#" if '"' in value else ""
    return f'r{hashes}"{value}"{hashes}'


class Table:
    """One service's table while it is written."""

    def __init__(self, model, overrides):
        self.shapes = model["shapes"]
        self.overrides = overrides
        self.used_overrides = set()
        self.patterns = {}
        self.shape_lines = {}

    def reference(self, shape, member_of=None):
        """`&NAME` of a shape, after making sure that it will be written."""
        if member_of and f"{member_of}_{constant(shape[0])}" in self.overrides:
            self.used_overrides.add(f"{member_of}_{constant(shape[0])}")
            return f"&{member_of}_{constant(shape[0])}"
        name = constant(shape[1])
        if name in self.overrides:
            self.used_overrides.add(name)
        elif name not in self.shape_lines:
            self.shape_lines[name] = None  # before its members: shapes may contain themselves
            self.shape_lines[name] = f"static {name}: Shape = {self.expression(name, self.shapes[shape[1]])};"
        return f"&{name}"

    def expression(self, name, shape):
        """The Rust expression of a shape."""
        known = {"type", "min", "max", "pattern", "enum", "member", "key", "value", "members", "required", "payload",
                 "sensitive", "box", "streaming", "documentation", "deprecated"}
        if set(shape) - known:
            raise SystemExit(f"{name}: cannot carry over {set(shape) - known}")
        kind = shape["type"]
        if kind == "structure":
            required = shape.get("required", [])
            members = [self.member(name, *item, item[0] in required) for item in shape["members"].items()]
            result = f"structure(&[{', '.join(members)}])"
        elif kind == "list":
            result = f"list({self.reference((None, shape['member']['shape']))})"
        elif kind == "map":
            key, value = shape["key"]["shape"], shape["value"]["shape"]
            result = f"map({self.reference((None, key))}, {self.reference((None, value))})"
        elif "enum" in shape:
            result = f"one_of(&[{', '.join(text(value) for value in shape['enum'])}])"
        else:
            result = f"{kind}()"
        for bound in ("min", "max"):
            if bound in shape:
                if shape[bound] != int(shape[bound]):
                    raise SystemExit(f"{name}: {bound} is no whole number")
                result += f".{bound}({int(shape[bound])})"
        if "pattern" in shape:
            result += f".pattern(&{self.pattern(shape['pattern'])})"
        if shape.get("sensitive"):
            result += ".sensitive()"
        return result

    def pattern(self, pattern):
        return self.patterns.setdefault(pattern, f"PATTERN_{len(self.patterns)}")

    def member(self, structure, name, member, required):
        result = f"member({text(name)}, {self.reference((name, member['shape']), structure)})"
        if "location" in member:
            result += f".{LOCATIONS[member['location']]}({text(member['locationName'])})"
        elif member.get("locationName", name) != name:
            raise SystemExit(f"{structure}.{name}: renamed in the body")
        return result + (".required()" if required else "")

    def operation(self, name, operation):
        http = operation["http"]
        path, _, query = http["requestUri"].partition("?")
        segments = []
        for segment in path.strip("/").split("/"):
            label = re.fullmatch(r"\{([A-Za-z]+)\}", segment)
            if "{" in segment and not label:
                raise SystemExit(f"{name}: cannot route {segment}")
            segments.append(f"Label({text(label[1])})" if label else f"Literal({text(segment)})")
        literals = ", ".join("({}, {})".format(*map(text, pair.split("="))) for pair in query.split("&") if pair)
        status = f"{constant(name)}_STATUS"
        if status in self.overrides:
            self.used_overrides.add(status)
        else:
            status = http.get("responseCode", 200)
        payload = "Payload::Members"
        shape = operation["input"]["shape"]
        reference = self.reference((None, shape))
        if member := self.shapes[shape].get("payload"):
            inner = self.shapes[self.shapes[shape]["members"][member]["shape"]]["type"]
            payload = "Payload::Opaque" if inner == "blob" else f"Payload::Member({text(member)})"
        return (f"    Operation {{ name: {text(name)}, status: {status}, method: {text(http['method'])}, "
                f"path: &[{', '.join(segments)}], query: &[{literals}], input: {reference}, payload: {payload} }},")


def table(service, source, operations, overrides):
    """The text of one file, and which overrides it took."""
    model = json.loads(source)
    chosen = {name: model["operations"][name] for name in sorted(operations or model["operations"])}
    table = Table(model, overrides)
    rows = [table.operation(*item) for item in chosen.items()]
    shapes = "\n".join(table.shape_lines[name] for name in sorted(table.shape_lines))
    patterns = "\n".join(f"static {name}: Pattern = Pattern::new({text(pattern)});"
                         for pattern, name in table.patterns.items())
    body = "\n".join([*rows, shapes])
    uses = sorted(name for name in ("blob", "boolean", "double", "integer", "list", "long", "map", "member", "one_of",
                                    "string", "structure", "timestamp") if re.search(rf"\b{name}\(", body))
    segments = [name for name in ("Label", "Literal") if f"{name}(" in body]
    taken = ", ".join(sorted(table.used_overrides))
    lines = [
        f"//! Operations and request shapes of {model['metadata']['serviceFullName']}.",
        "//!",
        "//! Written by scripts/generate_models.py: do not edit.",
        "//!",
        f"//! Source: botocore {BOTOCORE} (Apache-2.0), {model['metadata']['uid']}/service-2.json,",
        f"//! SHA-256 {hashlib.sha256(source).hexdigest()}.",
        "",
        *([f"use super::super::overrides::{{{taken}}};"] if taken else []),
        "use super::super::pattern::Pattern;",
        f"use super::super::route::Segment::{{{', '.join(segments)}}};",
        f"use super::super::shape::{{{', '.join(['Payload', 'Shape'] + uses)}}};",
        "use super::super::Operation;",
        "",
        "/// Every operation, by name.",
        "pub(in super::super) static OPERATIONS: &[Operation] = &[",
        *rows,
        "];",
        "",
        shapes,
        "",
        patterns,
    ]
    return "\n".join(lines) + "\n", table.used_overrides


def main(arguments):
    check = "--check" in arguments
    wheels = [argument for argument in arguments if argument != "--check"]
    sources = from_wheel(wheels[0]) if wheels else from_installed() or from_registry()
    kept_by_hand = (MODEL / "overrides.rs").read_text()
    overrides = set(re.findall(r"pub\(super\) (?:static|const) (\w+): (?:Shape|u16)", kept_by_hand))
    different, used = [], set()
    for service, _, operations in SERVICES:
        written, taken = table(service, sources[service], operations, overrides)
        used |= taken
        target = MODEL / "generated" / f"{service}.rs"
        if not target.exists() or target.read_text() != written:
            different.append(target.name)
            if not check:
                target.write_text(written)
    if overrides - used:
        raise SystemExit(f"overrides of nothing in the model: {', '.join(sorted(overrides - used))}")
    if check and different:
        raise SystemExit(f"not what this script writes: {', '.join(different)}")


if __name__ == "__main__":
    main(sys.argv[1:])
