"""The escape suite: what a function tries from inside, row by row, and the refusal that each row must meet.

A row is an expression of tests/functions/escape.py, tried in every runtime that is here. Expected is a set of errno
names; `OK ''` and the like where the kernel answers but with nothing in it. A row whose outcome is not in its set has got
somewhere.
"""

import os
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.attacker import attacker
from support.functions import PRESENT
from support.service import wait_for

DENIED = {"EPERM", "EACCES"}
ABSENT = {"ENOENT", "ENOTDIR"}
READ_ONLY = {"EROFS", "EACCES", "EPERM"} | ABSENT
NO_CALL = {"EPERM", "ENOSYS"}
UNREACHABLE = {"ENETUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "TimeoutError", "EACCES", "EPERM", "ETIMEDOUT"}
NO_FAMILY = {"EPERM", "EACCES", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EINVAL"}

ROWS = {
    # Host files.
    "shadow": ("read('/etc/shadow')", DENIED | ABSENT),
    "root-home": ("os.listdir('/root')", DENIED | ABSENT | {"OK []"}),
    "root-of-init": ("os.listdir('/proc/1/root/')", DENIED | ABSENT),
    "dots-up": ("read('/../../../../etc/machine-id')", DENIED | ABSENT),
    "cwd-of-init": ("os.listdir('/proc/1/cwd/')", DENIED | ABSENT),
    "fd-of-init": ("os.listdir('/proc/1/fd')", DENIED | ABSENT),
    "map-files-of-init": ("os.listdir('/proc/1/map_files')", DENIED | ABSENT),
    "write-root": ("write('/x')", READ_ONLY),
    "write-code": ("write('/var/task/app.py')", READ_ONLY),
    "write-runtime": ("write('/var/runtime/x')", READ_ONLY),
    "write-layers": ("write('/opt/x')", READ_ONLY),
    "write-passwd": ("write('/etc/passwd')", READ_ONLY),
    "write-libc": ("write('/lib/x86_64-linux-gnu/libc.so.6')", READ_ONLY | {"ETXTBSY"}),
    "chmod-code": ("os.chmod('/var/task/app.py', 0o777)", READ_ONLY),
    "handle": ("syscall('open_by_handle_at', -100, 0, 0)", NO_CALL),
    # Host processes.
    "environment-of-init": ("read('/proc/1/environ')", DENIED | ABSENT),
    "memory-of-init": ("read('/proc/1/mem')", DENIED | ABSENT | {"EIO"}),
    "maps-of-init": ("read('/proc/1/maps')", DENIED | ABSENT | {"OK ''"}),
    "stack-of-init": ("read('/proc/1/stack')", DENIED | ABSENT),
    "kill-init": ("os.kill(1, 9)", DENIED),
    "kill-host-pid": ("os.kill(event['host_pid'], 9)", {"ESRCH", "EPERM"}),
    "see-host-pid": ("read(f\"/proc/{event['host_pid']}/cmdline\")", ABSENT),
    "only-own-processes": ("sorted(int(p) for p in os.listdir('/proc') if p.isdigit() and int(p) > 64)", {"OK []"}),
    "ptrace-init": ("syscall('ptrace', 16, 1, 0, 0)", NO_CALL),
    "ptrace-parent": ("syscall('ptrace', 16, os.getppid(), 0, 0)", NO_CALL),
    "vm-readv": ("syscall('process_vm_readv', 1, 0, 0, 0, 0, 0)", NO_CALL),
    "vm-writev": ("syscall('process_vm_writev', 1, 0, 0, 0, 0, 0)", NO_CALL),
    "pidfd-getfd": ("syscall('pidfd_getfd', 0, 0, 0)", NO_CALL | {"EBADF"}),
    "kcmp": ("syscall('kcmp', 1, os.getpid(), 0, 0, 0)", NO_CALL),
    # Host network.
    "host-loopback": ("connect('127.0.0.1', event['host_port'])", UNREACHABLE),
    "host-loopback-6": ("connect('::1', event['host_port'], socket.AF_INET6)", UNREACHABLE | {"EADDRNOTAVAIL"}),
    "metadata": ("connect('169.254.169.254', 80)", UNREACHABLE),
    "internet": ("connect('1.1.1.1', 443)", UNREACHABLE),
    "service": ("connect('127.0.0.1', event['service_port'])", UNREACHABLE),
    "service-on-gateway": ("connect('169.254.100.1', event['service_port'])", UNREACHABLE),
    "host-abstract-socket": ("socket.socket(socket.AF_UNIX).connect(event['abstract'])", {"ECONNREFUSED", "EPERM", "ENOENT"}),
    "raw-socket": ("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", NO_FAMILY),
    "packet-socket": ("socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", NO_FAMILY),
    "vsock": ("socket.socket(40, socket.SOCK_STREAM)", NO_FAMILY),
    "alg-socket": ("socket.socket(38, socket.SOCK_SEQPACKET)", NO_FAMILY),
    "bind-metadata": ("socket.socket().bind(('169.254.169.254', 8080))", {"EADDRNOTAVAIL", "EPERM"}),
    "only-loopback": ("sorted(n for _, n in socket.if_nameindex() if n != 'lo')", {"OK []"} | DENIED),
    # Mounts and namespaces.
    "mount-tmpfs": ("syscall('mount', b'none', b'/tmp', b'tmpfs', 0, 0)", NO_CALL),
    "mount-proc": ("syscall('mount', b'proc', b'/tmp', b'proc', 0, 0)", NO_CALL),
    "remount-writable": ("syscall('mount', b'', b'/', b'', 32, 0)", NO_CALL),
    "umount": ("syscall('umount2', b'/proc', 2)", NO_CALL),
    "fsopen": ("syscall('fsopen', b'tmpfs', 0)", NO_CALL),
    "open-tree": ("syscall('open_tree', -100, b'/', 1)", NO_CALL),
    "move-mount": ("syscall('move_mount', -100, b'/tmp', -100, b'/opt', 0)", NO_CALL),
    "mount-setattr": ("syscall('mount_setattr', -100, b'/', 0, 0, 0)", NO_CALL),
    "pivot-root": ("syscall('pivot_root', b'/tmp', b'/tmp')", NO_CALL),
    "chroot": ("syscall('chroot', b'/tmp')", NO_CALL),
    "unshare-user": ("syscall('unshare', CLONE_NEWUSER)", NO_CALL),
    "unshare-mount": ("syscall('unshare', CLONE_NEWNS)", NO_CALL),
    "unshare-net": ("syscall('unshare', CLONE_NEWNET)", NO_CALL),
    "clone3": ("syscall('clone3', 0, 0)", {"ENOSYS"}),
    "setns": ("syscall('setns', os.open('/proc/self/ns/net', 0), 0)", NO_CALL | DENIED),
    "setns-of-init": ("os.open('/proc/1/ns/mnt', 0)", DENIED | ABSENT),
    # Devices.
    "mknod": ("os.mknod('/tmp/disk', 0o60666, os.makedev(8, 0))", DENIED),
    "memory-device": ("read('/dev/mem')", DENIED | ABSENT),
    "kernel-memory": ("read('/proc/kcore')", DENIED | ABSENT | {"OK ''"}),
    "disks": ("sorted(n for n in os.listdir('/dev') if n.startswith(('sd', 'vd', 'nvme', 'loop', 'dm', 'kvm', 'fuse')))", {"OK []"}),
    "tty": ("read('/dev/console')", DENIED | ABSENT | {"ENXIO", "EIO"}),
    "iopl": ("syscall('iopl', 3)", NO_CALL),
    "ioperm": ("syscall('ioperm', 0, 1, 1)", NO_CALL),
    # Kernel interfaces.
    "keyctl-session": ("syscall('keyctl', 0, -3, 0)", NO_CALL),
    "add-key": ("syscall('add_key', b'user', b'mine', b'x', 1, -4)", NO_CALL),
    "request-key": ("syscall('request_key', b'user', b'mine', 0, 0)", NO_CALL),
    "keys-of-others": ("read('/proc/keys')", DENIED | ABSENT | {"OK ''"}),
    "bpf": ("syscall('bpf', 0, 0, 0)", NO_CALL),
    "perf": ("syscall('perf_event_open', 0, 0, -1, -1, 0)", NO_CALL),
    "io-uring": ("syscall('io_uring_setup', 1, 0)", NO_CALL),
    "userfaultfd": ("syscall('userfaultfd', 0)", NO_CALL),
    "kernel-log": ("syscall('syslog', 3, 0, 0)", NO_CALL),
    "kernel-log-file": ("read('/proc/kmsg')", DENIED | ABSENT),
    "load-module": ("syscall('init_module', 0, 0, 0)", NO_CALL),
    "kexec": ("syscall('kexec_load', 0, 0, 0, 0)", NO_CALL),
    "reboot": ("syscall('reboot', 0xfee1dead - (1 << 32), 672274793, 0x1234567, 0)", NO_CALL | {"EINVAL"}),
    "hostname": ("syscall('sethostname', b'mine', 4)", NO_CALL),
    "clock": ("syscall('clock_settime', 0, 0)", NO_CALL),
    "swap": ("syscall('swapon', b'/tmp/x', 0)", NO_CALL),
    "accounting": ("syscall('acct', b'/tmp/x')", NO_CALL),
    "fanotify": ("syscall('fanotify_init', 0, 0)", NO_CALL),
    "quota": ("syscall('quotactl', 0, 0, 0, 0)", NO_CALL),
    # /proc and /sys.
    "sysrq": ("write('/proc/sysrq-trigger', 'h')", READ_ONLY),
    "core-pattern": ("write('/proc/sys/kernel/core_pattern', '|/tmp/x')", READ_ONLY),
    "hostname-file": ("write('/proc/sys/kernel/hostname', 'x')", READ_ONLY),
    "oom-adjust": ("write('/proc/self/oom_score_adj', '-1000')", DENIED | {"EROFS"}),
    "sys": ("os.listdir('/sys/fs/cgroup')", DENIED | ABSENT | {"OK []"}),
    "sys-kernel": ("read('/sys/kernel/uevent_seqnum')", DENIED | ABSENT),
    "cgroup-release": ("write('/sys/fs/cgroup/release_agent', '/tmp/x')", READ_ONLY),
    "host-command-line": ("read('/proc/cmdline')", DENIED | ABSENT | {"OK ''"}),
    "scheduler-debug": ("read('/proc/sched_debug')", DENIED | ABSENT | {"OK ''"}),
    "timer-list": ("read('/proc/timer_list')", DENIED | ABSENT | {"OK ''"}),
    # Rights.
    "setuid-root": ("syscall('setuid', 0)", DENIED | {"EINVAL"}),
    "setgid-root": ("syscall('setgid', 0)", DENIED | {"EINVAL"}),
    "setgroups": ("syscall('setgroups', 0, 0)", DENIED),
    "capabilities": ("[l.split()[1] for l in read('/proc/self/status').splitlines() if l.startswith(('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'))]", {f"OK {['0' * 16] * 5!r}"}),
    "no-new-privs": ("[l.split()[1] for l in read('/proc/self/status').splitlines() if l.startswith(('NoNewPrivs', 'Seccomp:'))]", {"OK ['1', '2']"}),
    "raise-descriptors": ("__import__('resource').setrlimit(__import__('resource').RLIMIT_NOFILE, (4096, 4096))", DENIED | {"ValueError"}),
    "set-user-id-programs": ("[d + '/' + n for d in ('/bin', '/usr/bin', '/usr/sbin', '/sbin') if os.path.isdir(d) for n in os.listdir(d) if os.path.isfile(d + '/' + n) and os.stat(d + '/' + n).st_mode & 0o6000]", {"OK []"}),
    # What it may see of itself must not name the host's paths or its neighbours.
    "hostname-is-not-the-hosts": ("os.uname().nodename == event['hostname']", {"OK False"}),
    "host-credentials": ("[k for k in os.environ if k in event['host_variables']]", {"OK []"}),
}  # fmt: skip


def attempt_all(service, rows, runtime="python3.11", **event):
    """What all attempts came to, made by one function; `event` is what they need to know besides."""
    made = attacker(service, runtime, Timeout=120, MemorySize=512)
    listening = socket.create_server(("127.0.0.1", 0))
    abstract = f"\0hearth-escape-{uuid.uuid4().hex}"
    hidden = socket.socket(socket.AF_UNIX)
    hidden.bind(abstract)
    hidden.listen()
    try:
        answer = made.invoke(
            {
                **event,
                "attempts": {name: expression for name, (expression, _) in rows.items()},
                "host_pid": os.getpid(),
                "host_port": listening.getsockname()[1],
                "service_port": int(service.endpoint.rpartition(":")[2]),
                "abstract": abstract,
                "hostname": os.uname().nodename,
                # Those that only the operator's shell has: PATH and the like are AWS's own.
                "host_variables": ["SSH_AUTH_SOCK", "SUDO_USER", "HEARTH_RUNTIMES", "HEARTH_ENDPOINT", "CARGO_HOME"],
            }
        )
    finally:
        listening.close()
        hidden.close()
    assert answer.error is None, answer.body
    made.client.delete_function(FunctionName=made.name)
    return answer.json


@pytest.fixture(scope="module", params=PRESENT)
def outcomes(service, request):
    """All attempts, made once by one function of each runtime that is here."""
    return attempt_all(service, ROWS, request.param)


@pytest.mark.parametrize("name", ROWS)
def test_attempt(outcomes, name):
    expression, refusals = ROWS[name]
    assert outcomes[name] in refusals, f"{expression} gave {outcomes[name]}"


def test_the_service_is_unharmed(service, outcomes):
    assert service.process.poll() is None
    assert service.client().list_functions()["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.fixture
def neighbours(function):
    """A victim with a secret in its memory, environment and /tmp, and an attacker of another account."""
    secret = uuid.uuid4().hex
    victim = function("probe.py", Environment={"Variables": {"SECRET": secret}}, account="111111111111")
    victim.invoke(
        {
            "run": """
import os, socket
open('/tmp/secret', 'w').write(os.environ['SECRET'])
state['pipe'] = os.pipe()
state['server'] = socket.socket(); state['server'].bind(('0.0.0.0', 7777)); state['server'].listen()
state['unix'] = socket.socket(socket.AF_UNIX); state['unix'].bind('\\0victim'); state['unix'].listen()
"""
        }
    )
    return victim, function("escape.py", Timeout=60, account="222222222222"), secret


def test_neighbours_files_memory_and_sockets(neighbours):
    victim, attacker, secret = neighbours
    attempts = {
        "tmp": "read('/tmp/secret')",
        "ports": "connect('127.0.0.1', 7777)",
        "gateway": "connect('169.254.100.1', 7777)",
        "abstract": "socket.socket(socket.AF_UNIX).connect('\\0victim')",
        "environments": "[p for p in os.listdir('/proc') if p.isdigit() and event['secret'] in read(f'/proc/{p}/environ') and int(p) not in (os.getpid(), os.getppid())]",
        "mounts": "[l for l in read('/proc/self/mountinfo').splitlines() if event['victim'] in l]",
        "shared-memory": "os.listdir('/dev/shm')",
        "message-queues": "os.listdir('/dev/mqueue')",
        "own-runtime-api": "connect('169.254.100.1', 9001)",
    }  # fmt: skip
    # The secret is in the attacker's event, never in its environment: it looks for it elsewhere.
    got = attacker.invoke({"attempts": attempts, "secret": secret, "victim": victim.name}).json
    assert got["tmp"] == "ENOENT"
    assert got["ports"] in UNREACHABLE and got["gateway"] in UNREACHABLE and got["abstract"] == "ECONNREFUSED"
    assert got["environments"] in {"OK []"} | DENIED
    assert got["mounts"] == "OK []"
    assert got["shared-memory"] in ABSENT and got["message-queues"] in ABSENT
    assert got["own-runtime-api"] == "OK 'connected'"


def test_runtime_api_answers_only_to_its_own_environment(neighbours):
    """Whatever the attacker says it is, it gets its own environment: told by the listener, not by the request."""
    victim, attacker, _ = neighbours
    ask = (
        "__import__('urllib.request').request.urlopen(__import__('urllib.request').request.Request("
        "'http://169.254.100.1:9001/2018-06-01/runtime/invocation/%s/response', data=b'forged', method='POST', "
        "headers={'Host': 'victim'})).status"
    )
    got = attacker.invoke({"attempts": {"forged": ask % uuid.uuid4()}}).json
    assert got["forged"] == "HTTPError" or got["forged"].isupper(), got
    assert victim.invoke({"run": "answer = state['invokes']"}).json == 2


def test_neighbours_pipes_are_not_cut(neighbours, function):
    """The kernel counts pipe buffers per user: an attacker that holds many must not shrink the victim's."""
    victim, _, _ = neighbours
    hold = """
import os, signal
for _ in range(4):
    ready, done = os.pipe()
    if os.fork() == 0:
        held = [os.pipe() for _ in range(490)]
        os.write(done, b"x")
        signal.pause()
    os.read(ready, 1)
answer = "held"
"""
    attacker = function("probe.py", Timeout=60, MemorySize=512)
    assert attacker.invoke({"run": hold}).json == "held"
    size = victim.invoke({"run": "import os, fcntl; answer = fcntl.fcntl(os.pipe()[0], 1032)"}).json
    assert size == 65536


def test_environments_run_as_different_host_users(neighbours):
    victim, attacker, _ = neighbours
    attacker.invoke({"attempts": {}})

    def host_uid(made):
        pid = min(made.environment("Idle").processes())
        return os.stat(f"/proc/{pid}").st_uid

    uids = {host_uid(victim), host_uid(attacker)}
    assert len(uids) == 2 and not uids & set(range(0, 65536)), uids


def test_two_environments_of_one_function_share_nothing(function):
    made = function("probe.py", Timeout=60)
    with ThreadPoolExecutor(2) as pool:
        run = "reach('started'); await_release('go'); import os, uuid; mark = str(uuid.uuid4()); before = os.listdir('/tmp'); open('/tmp/' + mark, 'w').close(); answer = before"
        answers = [pool.submit(made.invoke, {"run": run}, tail=False) for _ in range(2)]
        inside = wait_for(
            "both", lambda: [e for e in made.environments() if e.reached("started")][1:] and made.environments()
        )
        for environment in inside:
            environment.release("go")
        listings = [answer.result().json for answer in answers]
    assert all(set(listing) <= {"started", "go"} for listing in listings), listings
