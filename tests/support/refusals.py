"""What a function of the escape suite tries from inside, row by row, and the refusal that each row must meet.

A row is an expression of tests/functions/escape.py. Expected is a set of errno names; `OK ''` and the like where the
kernel answers but with nothing in it. A row whose outcome is not in its set has got somewhere.
"""

import os
import socket
import uuid
from contextlib import contextmanager

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
    # Who is PID 1's user may see how many there are.
    "fd-of-init": ("[os.readlink('/proc/1/fd/' + n) for n in os.listdir('/proc/1/fd')]", DENIED | ABSENT),
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
    # Where there is one, /dev/null is in its place.
    "sysrq": ("write('/proc/sysrq-trigger', 'h') and os.stat('/proc/sysrq-trigger').st_rdev == os.makedev(1, 3)", READ_ONLY | {"OK True"}),
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
# Where the function is the only user there is, it may signal PID 1, which the kernel keeps from it.
OF_ONE_USER = {"kill-init": {"OK None"}}


@contextmanager
def targets(endpoint):
    """Sockets of the host that nobody may reach, and what the rows need to know of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    abstract = f"\0hearth-escape-{uuid.uuid4().hex}"
    with listening, socket.socket(socket.AF_UNIX) as hidden:
        hidden.bind(abstract)
        hidden.listen()
        yield {
            "host_pid": os.getpid(),
            "host_port": listening.getsockname()[1],
            "service_port": int(endpoint.rpartition(":")[2]),
            "abstract": abstract,
            "hostname": os.uname().nodename,
            # Those that only the operator's shell has: PATH and the like are AWS's own.
            "host_variables": ["SSH_AUTH_SOCK", "SUDO_USER", "HEARTH_RUNTIMES", "HEARTH_ENDPOINT", "CARGO_HOME"],
        }
