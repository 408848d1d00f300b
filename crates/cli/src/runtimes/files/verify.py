"""Imports everything that a missing shared library or data file would break only later, in somebody's function."""

import importlib.util
import locale
import os
import pwd
import socket
import ssl
import sys
import sysconfig
import zoneinfo

modules = os.path.join(sysconfig.get_path("stdlib"), "lib-dynload")
names = sorted({entry.split(".")[0] for entry in os.listdir(modules) if entry.endswith(".so")})
failed = []
for name in [*names, "runtime_client", "awslambdaric.bootstrap", "boto3", "simplejson._speedups"]:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed.append(f"{name}: {error}")

checks = {
    "certificates": lambda: ssl.create_default_context().cert_store_stats()["x509_ca"] > 100,
    "time zones": lambda: len(zoneinfo.available_timezones()) > 400,
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8") == "C.UTF-8",
    "user": lambda: pwd.getpwuid(os.getuid()).pw_name == "sbx_user1051",
    "localhost": lambda: socket.gethostbyname("localhost") == "127.0.0.1",
    "shell": lambda: os.system("exit 7") >> 8 == 7,
    "standard output": lambda: sys.stdout.encoding == "utf-8",
    "byte code": lambda: os.path.exists(importlib.util.cache_from_source(importlib.__file__)),
}
for name, check in checks.items():
    try:
        if not check():
            failed.append(f"{name}: not as expected")
    except Exception as error:
        failed.append(f"{name}: {error}")
if failed:
    sys.exit("\n".join(failed))
