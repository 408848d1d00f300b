"""The escape suite where functions may leave: what `nat` must keep closed, and every row of the suite without it.

Each refusal has its counterpart that works, so that a row does not pass because the network is broken.
"""

import socket

import pytest
from test_escape import attempt_all

from support.functions import Function
from support.refusals import DENIED, NO_FAMILY, ROWS, UNREACHABLE
from support.service import Service
from support.world import DNS, HOST, HOST_TOO, METADATA, NOBODY, OTHER_METADATA, WEB, World

CLOSED = UNREACHABLE | {"ConnectionResetError", "ECONNRESET"}
# A socket of the host's is not reached; of a datagram, the sender hears so or nothing.
UNHEARD = CLOSED | {"OK 'sent'", "ENETUNREACH"}

OPEN = {
    "web": (f"connect('{WEB}', 80)", {"OK 'connected'"}),
    "resolver": ("connect('169.254.100.1', 53)", {"OK 'connected'"}),
}
CLOSED_ROWS = {
    "only-loopback": ("sorted(n for _, n in socket.if_nameindex() if n != 'lo')", {"OK ['eth0']"} | DENIED),
    "internet": (f"connect('{NOBODY}', 443)", CLOSED),
    # The host, by each of its addresses, from each side.
    "host-address": (f"connect('{HOST}', event['everywhere'])", CLOSED),
    "host-other-address": (f"connect('{HOST_TOO}', event['everywhere'])", CLOSED),
    "host-by-gateway": ("connect('169.254.100.2', event['everywhere'])", CLOSED),
    "host-address-api": (f"connect('{HOST}', event['service_port'])", CLOSED),
    "host-datagram": (f"send('{HOST}', event['datagrams'])", UNHEARD),
    "host-other-datagram": (f"send('{HOST_TOO}', event['datagrams'])", UNHEARD),
    "broadcast": ("send('255.255.255.255', event['datagrams'], broadcast=True)", UNHEARD),
    "multicast": ("send('224.0.0.1', event['datagrams'])", UNHEARD),
    "host-link-local-6": ("connect('fe80::1%eth0', event['everywhere'], socket.AF_INET6)", CLOSED | {"EADDRNOTAVAIL", "EINVAL"}),
    "all-nodes-6": ("send('ff02::1%eth0', event['datagrams'], family=socket.AF_INET6)", UNHEARD | {"EADDRNOTAVAIL"}),
    "no-address-6": ("[l for l in open('/proc/net/if_inet6') if not l.endswith(' lo\\n')]", {"OK []"} | {"ENOENT"}),
    # Metadata services, that of the cloud the host is in.
    "metadata": (f"connect('{METADATA}', 80)", CLOSED),
    "metadata-elsewhere": (f"connect('{OTHER_METADATA}', 80)", CLOSED),
    "link-local": ("connect('169.254.7.7', 80)", CLOSED),
    # Other environments, of this service and of another one.
    "neighbour": ("connect(event['neighbour'], 7777)", CLOSED),
    "neighbour-datagram": ("send(event['neighbour'], 7777)", UNHEARD),
    "neighbour-resolver": ("connect(event['neighbour'], 53)", CLOSED),
    "neighbour-runtime-api": ("connect(event['neighbour'], 9001)", CLOSED),
    "stranger": ("connect(event['stranger'], 7777)", CLOSED),
    # The network's own settings.
    "raw-socket": ("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", NO_FAMILY),
    "icmp-raw": ("socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)", NO_FAMILY),
    "packet-socket": ("socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)", NO_FAMILY),
    "transparent": ("socket.socket().setsockopt(socket.SOL_IP, 19, 1)", DENIED),
    "netfilter": ("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)", NO_FAMILY),
    "mark": ("socket.socket().setsockopt(socket.SOL_SOCKET, 36, 1)", DENIED),
    "add-address": ("netlink(20, bytes([2, 32, 0, 0]) + socket.if_nametoindex('eth0').to_bytes(4, 'little') + bytes([8, 0, 2, 0, 198, 51, 100, 1]))", DENIED),
    "add-route": ("netlink(24, bytes([2, 0, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0]) + bytes([8, 0, 4, 0, 1, 0, 0, 0]))", DENIED),
    "link-down": ("netlink(16, bytes(4) + socket.if_nametoindex('eth0').to_bytes(4, 'little') + bytes(4) + bytes([1, 0, 0, 0]))", DENIED),
    "sysctl": ("write('/proc/sys/net/ipv4/ip_forward')", {"EROFS", "EACCES", "EPERM"}),
    "take-resolver": ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(('169.254.100.1', 53))", {"EACCES", "EADDRINUSE"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def world():
    with World() as made, made.entered():
        yield made


def test_nat_closes_what_isolation_does_and_more(world):
    """One function tries everything; another service's and another function's environments are its neighbours."""
    everywhere = socket.create_server(("0.0.0.0", 0))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("0.0.0.0", 0))
    with Service("--dns", DNS, network="nat") as service, Service(network="nat") as other:
        victims = [Function(one, "probe.py", account="111111111111") for one in (service, other)]
        listen = """
import socket
state['tcp'] = socket.create_server(("0.0.0.0", 7777))
state['udp'] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); state['udp'].bind(("0.0.0.0", 7777)); state['udp'].setblocking(False)
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); probe.connect(("192.0.2.80", 9)); answer = probe.getsockname()[0]
"""
        neighbour, stranger = (victim.invoke({"run": listen}).json for victim in victims)
        rows = {**ROWS, **OPEN, **CLOSED_ROWS}
        outcomes = attempt_all(
            service,
            rows,
            everywhere=everywhere.getsockname()[1],
            datagrams=datagrams.getsockname()[1],
            neighbour=neighbour,
            stranger=stranger,
        )
        wrong = {name: (rows[name][0], got) for name, got in outcomes.items() if got not in rows[name][1]}
        assert not wrong, wrong
        # Nothing has arrived where nothing may arrive.
        for one in (everywhere, datagrams):
            one.setblocking(False)
        with pytest.raises(BlockingIOError):
            everywhere.accept()
        with pytest.raises(BlockingIOError):
            datagrams.recvfrom(100)
        heard = """
heard = []
for name in ('tcp', 'udp'):
    state[name].setblocking(False)
    try: heard.append(str(state['tcp'].accept() if name == 'tcp' else state['udp'].recvfrom(100)))
    except BlockingIOError: pass
answer = heard
"""
        assert [victim.invoke({"run": heard}).json for victim in victims] == [[], []]
    everywhere.close()
    datagrams.close()
    assert world.traces() == []


def test_a_source_that_is_not_its_own_does_not_leave(world):
    with Service(network="nat") as service:
        attacker = Function(service, "probe.py", Timeout=60)
        send = """
import socket
for source in ("169.254.100.1", ""):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((source, 0))
        try:
            one.sendto(f"from {source or 'me'}".encode(), ("192.0.2.80", 9))
        except OSError:
            pass
"""
        attacker.invoke({"run": send})
        # The honest one comes last: once it is there, the other one would be.
        while [HOST, "from me"] not in (heard := world.heard()):
            pass
        assert heard == [[HOST, "from me"]]


def test_flows_of_one_environment_are_bounded(world):
    """The table of flows is the whole host's: one function must not fill it, and others go on."""
    with Service(network="nat") as service:
        attacker, bystander = Function(service, "probe.py", Timeout=120), Function(service, "probe.py", Timeout=60)
        flood = """
import socket
sent = 0
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(10000, 14000):
    try:
        one.sendto(b"x", ("192.0.2.99", port)); sent += 1
    except OSError:
        pass
answer = sent
"""
        attacker.invoke({"run": flood})
        with open("/proc/thread-self/net/nf_conntrack") as table:
            flows = sum("dst=192.0.2.99" in line for line in table)
        assert 0 < flows <= 1_100, flows
        reach = f"import urllib.request; answer = urllib.request.urlopen('http://{WEB}/', timeout=20).status"
        assert bystander.invoke({"run": reach}).json == 200


def test_nobody_comes_in(world):
    """Neither the host nor its network opens a connection to a function, although the host forwards."""
    with Service(network="nat") as service:
        made = Function(service, "probe.py", Timeout=60)
        own = made.invoke(
            {
                "run": """
import socket
state['tcp'] = socket.create_server(("0.0.0.0", 7777)); state['tcp'].setblocking(False)
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); probe.connect(("192.0.2.80", 9)); answer = probe.getsockname()[0]
"""
            }
        ).json
        with pytest.raises(OSError):
            socket.create_connection((own, 7777), timeout=2)
        with world.entered_beyond(via_host_to=own), pytest.raises(OSError):
            socket.create_connection((own, 7777), timeout=2)
        refused = "try: answer = str(state['tcp'].accept())\nexcept BlockingIOError: answer = None"
        assert made.invoke({"run": refused}).json is None


def test_forwarding_that_was_off_stays_off_for_others(world):
    """Turning it on for functions must not make a router of the host: from one of its networks to another."""
    with Service(network="nat"):
        with world.third() as third, world.entered_beyond(via_host_to=third), pytest.raises(OSError):
            socket.create_connection((third, 7777), timeout=2)
