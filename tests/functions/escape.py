"""Attempts from inside a function at what lies outside. Each says the errno's name, or what it got."""

import ctypes
import errno
import os
import platform
import signal
import socket
import struct
import subprocess

libc = ctypes.CDLL("libc.so.6", use_errno=True)
libc.syscall.restype = ctypes.c_long

# x86_64 numbers: some of these have no wrapper in libc.
CALLS = {
    "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308, "ptrace": 101,
    "process_vm_readv": 310, "process_vm_writev": 311, "keyctl": 250, "add_key": 248, "request_key": 249, "bpf": 321,
    "perf_event_open": 298, "io_uring_setup": 425, "userfaultfd": 323, "kexec_load": 246, "init_module": 175,
    "finit_module": 313, "delete_module": 176, "reboot": 169, "swapon": 167, "sethostname": 170, "setdomainname": 171,
    "settimeofday": 164, "clock_settime": 227, "iopl": 172, "ioperm": 173, "open_by_handle_at": 304,
    "name_to_handle_at": 303, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "open_tree": 428, "move_mount": 429,
    "mount_setattr": 442, "fanotify_init": 300, "clone3": 435, "pidfd_getfd": 438, "acct": 163, "syslog": 103,
    "quotactl": 179, "lookup_dcookie": 212, "kcmp": 312, "personality": 135, "vhangup": 153, "nfsservctl": 180,
    "setuid": 105, "setgid": 106, "setgroups": 116, "capset": 126, "memfd_secret": 447,
}  # fmt: skip
CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID = 0x10000000, 0x20000, 0x40000000, 0x20000000


def syscall(name, *arguments):
    """Makes the call; raises OSError as Python's own wrappers do."""
    ctypes.set_errno(0)
    converted = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
    result = libc.syscall(ctypes.c_long(CALLS[name]), *converted)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def read(path):
    with open(path, "rb") as file:
        return file.read(4096).decode(errors="replace")


def write(path, text="1"):
    with open(path, "w") as file:
        file.write(text)
    return "written"


def place(address, port):
    """What `connect` wants: with the link's index for an address that is valid on one link only."""
    address, _, link = address.partition("%")
    return (address, port, 0, socket.if_nametoindex(link)) if link else (address, port)


def connect(address, port, family=socket.AF_INET, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as one:
        one.settimeout(3)
        one.connect(place(address, port))
        return "connected"


def send(address, port, family=socket.AF_INET, broadcast=False):
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        if broadcast:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        one.connect(place(address, port))
        # Twice: an error of the first, if there is one, comes with the second.
        for _ in range(2):
            one.send(b"x")
        return "sent"


def netlink(kind, body):
    """Asks for a change of the network; raises what the kernel answers."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as one:
        request, acknowledge, create = 1, 4, 0x400
        one.send(struct.pack("=IHHII", 16 + len(body), kind, request | acknowledge | create, 1, 0) + body)
        if code := -struct.unpack_from("=i", one.recv(4096), 16)[0]:
            raise OSError(code, "netlink")
        return "changed"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout


def forked(call):
    """Runs the call in a child: what would end or change the runtime itself ends there."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer = f"OK {call()!r}"
        except OSError as error:
            answer = errno.errorcode.get(error.errno, str(error.errno)) if error.errno else type(error).__name__
        except Exception as error:
            answer = type(error).__name__
        os.write(writable, answer.encode())
        os._exit(0)
    os.close(writable)
    answer = b""
    while part := os.read(readable, 4096):
        answer += part
    os.close(readable)
    _, status = os.waitpid(pid, 0)
    return answer.decode() or f"killed {signal.Signals(os.WTERMSIG(status)).name}"


def handler(event, context):
    """`attempts` is {name: Python expression}; the answer is {name: outcome}."""
    scope = dict(globals(), event=event)
    return {name: forked(lambda: eval(expression, scope)) for name, expression in event["attempts"].items()}


assert platform.machine() == "x86_64"
