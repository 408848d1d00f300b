"""A small world for tests of the network: a host, in whose network namespace services run, and an internet beyond it.

Nothing of it touches the machine's own network: both are namespaces that the test makes, joined by one link. A test
enters the host's for as long as it likes; what it starts and connects to then is there.
"""

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

CLONE_NEWNET = 0x40000000
INTERNET = Path(__file__).with_name("internet.py")

HOST = "198.51.100.1"
# Of the host as well, on its loopback interface.
HOST_TOO = "203.0.113.77"
GATEWAY = "198.51.100.254"
WEB = "192.0.2.80"
DNS = "192.0.2.53"
METADATA = "169.254.169.254"
OTHER_METADATA = "100.100.100.200"
# One that does not answer, but is routed.
NOBODY = "192.0.2.99"

libc = ctypes.CDLL(None, use_errno=True)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class World:
    """Use it as a context manager; leaving it removes both namespaces."""

    def __init__(self):
        self.host, self.beyond = f"hearth-test-host-{os.getpid()}", f"hearth-test-net-{os.getpid()}"

    def __enter__(self):
        for name in (self.host, self.beyond):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", self.host, "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", self.beyond)
        run("ip", "-n", self.host, "address", "add", f"{HOST}/24", "dev", "up0")
        run("ip", "-n", self.host, "address", "add", f"{HOST_TOO}/32", "dev", "lo")
        run("ip", "-n", self.beyond, "address", "add", f"{GATEWAY}/24", "dev", "up0")
        for address in (WEB, DNS, METADATA, OTHER_METADATA):
            run("ip", "-n", self.beyond, "address", "add", f"{address}/32", "dev", "lo")
        for name in (self.host, self.beyond):
            run("ip", "-n", name, "link", "set", "up0", "up")
        run("ip", "-n", self.host, "route", "add", "default", "via", GATEWAY)
        self.servers = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.beyond}", sys.executable, INTERNET],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.servers.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        self.servers.kill()
        self.servers.wait()
        self.servers.stdout.close()
        for name in (self.host, self.beyond):
            run("ip", "netns", "delete", name)

    @contextlib.contextmanager
    def entered(self):
        """This thread is on the host meanwhile, and so is what it starts."""
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{self.host}") as host:
            enter(host)
            try:
                yield self
            finally:
                enter(before)

    @contextlib.contextmanager
    def entered_beyond(self, via_host_to):
        """This thread is in the internet meanwhile, where packets to one address are sent to the host."""
        run("ip", "-n", self.beyond, "route", "add", f"{via_host_to}/32", "via", HOST)
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{self.beyond}") as beyond:
            enter(beyond)
            try:
                yield
            finally:
                enter(before)
                run("ip", "-n", self.beyond, "route", "delete", f"{via_host_to}/32")

    @contextlib.contextmanager
    def third(self):
        """Another network that the host is part of; gives the address of a server on it that accepts on port 7777."""
        name = f"hearth-test-third-{os.getpid()}"
        run("ip", "netns", "add", name)
        try:
            run("ip", "-n", self.host, "link", "add", "third0", "type", "veth", "peer", "name", "up0", "netns", name)
            run("ip", "-n", self.host, "address", "add", "198.18.0.1/24", "dev", "third0")
            run("ip", "-n", name, "address", "add", "198.18.0.2/24", "dev", "up0")
            run("ip", "-n", self.host, "link", "set", "third0", "up")
            run("ip", "-n", name, "link", "set", "up0", "up")
            run("ip", "-n", name, "route", "add", "default", "via", "198.18.0.1")
            with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{name}") as there:
                enter(there)
                server = socket.create_server(("0.0.0.0", 7777))
                enter(before)
            with server:
                # It can be reached at all: from the host itself.
                socket.create_connection(("198.18.0.2", 7777), timeout=10).close()
                yield "198.18.0.2"
        finally:
            run("ip", "netns", "delete", name)

    def heard(self):
        """What the web server got as datagrams: [[source address, text], …]. To be asked on the host."""
        with urllib.request.urlopen(f"http://{WEB}/heard", timeout=30) as answer:
            return json.load(answer)

    def traces(self):
        """What services have left on the host; empty when nothing."""
        links = [line for line in run("ip", "-n", self.host, "-o", "link").splitlines() if ": hearth" in line]
        routes = run("ip", "-n", self.host, "route", "show", "table", "all", "type", "blackhole").splitlines()
        into = ["nsenter", f"--net=/run/netns/{self.host}"]
        tables = run(*into, "nft", "list", "tables").splitlines()
        forwarding = run(*into, "cat", "/proc/sys/net/ipv4/ip_forward").strip()
        return links + routes + tables + ([] if forwarding == "0" else [f"ip_forward {forwarding}"])


def enter(namespace):
    if libc.setns(namespace.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
