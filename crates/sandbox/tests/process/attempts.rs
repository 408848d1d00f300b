//! A hostile function: one forbidden thing at a time, straight to the kernel, and what the kernel says.
#![expect(unsafe_code, reason = "these are system calls that no library makes")]

use std::ffi::CStr;
use std::io::{Error, Write};
use std::process::ExitCode;

/// What is tried, and the words that may come out.
pub(crate) const ATTEMPTS: &[(&str, &str)] = &[
    ("mount", "EPERM"),
    ("umount", "EPERM"),
    ("unshare user", "EPERM"),
    ("unshare mount", "EPERM"),
    ("setns", "EPERM"),
    ("clone user", "EPERM"),
    ("clone3", "ENOSYS"),
    ("chroot", "EPERM"),
    ("pivot_root", "EPERM"),
    ("open_tree", "EPERM"),
    ("fsopen", "EPERM"),
    ("ptrace", "EPERM"),
    ("lease", "EPERM"),
    ("signal of a descriptor", "EPERM"),
    ("limits of 1", "ENOSYS"),
    ("scheduling of 1", "ENOSYS"),
    ("process_vm_readv", "EPERM"),
    ("pidfd_getfd", "EPERM"),
    ("keyctl", "EPERM"),
    ("add_key", "EPERM"),
    ("bpf", "EPERM"),
    ("perf", "EPERM"),
    ("io_uring", "EPERM"),
    ("userfaultfd", "EPERM"),
    ("init_module", "EPERM"),
    ("kexec", "EPERM"),
    ("reboot", "EPERM"),
    ("open_by_handle", "EPERM"),
    ("quotactl", "EPERM"),
    ("settimeofday", "EPERM"),
    ("sethostname", "EPERM"),
    ("syslog", "EPERM"),
    ("af_packet", "EPERM"),
    ("af_vsock", "EPERM"),
    ("af_alg", "EPERM"),
    ("netlink audit", "EPERM"),
    ("raw socket", "EPERM"),
    ("sctp", "EPERM"),
    ("mptcp", "EPERM"),
    ("huge pages", "EPERM"),
    ("huge memfd", "EPERM"),
    ("core scheduling", "EPERM"),
    ("io_setup", "EPERM"),
    ("later call", "ENOSYS"),
    ("unknown call", "ENOSYS"),
    ("x32 call", "EPERM"),
    ("setuid 0", "EPERM"),
    ("setgroups", "EPERM"),
    ("kill 1", "EPERM"),
    ("mknod", "EPERM"),
    ("raise nofile", "EPERM"),
    ("nice", "EACCES"),
    ("tcp", "ok"),
    ("udp", "ok"),
    ("unix", "ok"),
    ("netlink route", "ok"),
    ("thread", "ok"),
    ("fork", "ok"),
];

/// Does one, prints the result.
pub(crate) fn run(name: &str) -> ExitCode {
    if name == "descriptors" {
        return descriptors();
    }
    if name == "forks" {
        return forks();
    }
    if name == "hoard" {
        return hoard();
    }
    if name == "fill sockets" {
        return fill_sockets();
    }
    if name == "hold 150 without a first thread" {
        return without_a_first_thread(|| {
            let held = vec![1_u8; 150 << 20];
            std::hint::black_box(&held);
            wait_for_ever();
        });
    }
    if name == "spin without a first thread" {
        return without_a_first_thread(|| {
            loop {
                std::hint::spin_loop();
            }
        });
    }
    if let Some(megabytes) = name.strip_prefix("hold ").and_then(|number| number.parse::<usize>().ok()) {
        let held = vec![1_u8; megabytes << 20];
        drop(writeln!(std::io::stdout(), "holding"));
        std::hint::black_box(&held);
        wait_for_ever();
    }
    let words = if attempt(name) < 0 { errno() } else { "ok".to_owned() };
    // Not println: a closed pipe is no panic here.
    drop(writeln!(std::io::stdout(), "{words}"));
    ExitCode::SUCCESS
}

fn errno() -> String {
    match Error::last_os_error().raw_os_error() {
        Some(libc::EPERM) => "EPERM".to_owned(),
        Some(libc::EACCES) => "EACCES".to_owned(),
        Some(libc::ENOSYS) => "ENOSYS".to_owned(),
        Some(libc::EAGAIN) => "EAGAIN".to_owned(),
        Some(libc::EMFILE) => "EMFILE".to_owned(),
        other => format!("{other:?}"),
    }
}

fn descriptors() -> ExitCode {
    let opened = std::iter::from_fn(|| {
        // SAFETY: a number comes back, or -1.
        let fd = unsafe { libc::dup(1) };
        (fd >= 0).then_some(fd)
    })
    .count();
    let why = errno();
    drop(writeln!(std::io::stdout(), "{opened} {why}"));
    ExitCode::SUCCESS
}

/// Takes all inotify instances there are, and keeps them.
fn hoard() -> ExitCode {
    let taken = std::iter::repeat_with(|| call(libc::SYS_inotify_init1, [0; 6])).take_while(|fd| *fd >= 0).count();
    let why = errno();
    drop(writeln!(std::io::stdout(), "{taken} {why}"));
    wait_for_ever()
}

/// Lets data wait in sockets until the kernel takes no more; says how much, bytes.
fn fill_sockets() -> ExitCode {
    let fill = || -> std::io::Result<usize> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let (mut held, mut waiting) = (Vec::new(), 0);
        for _ in 0..100 {
            let mut one = std::net::TcpStream::connect(listener.local_addr()?)?;
            held.push(listener.accept()?);
            one.set_nonblocking(true)?;
            waiting += std::iter::from_fn(|| one.write(&[0; 64 * 1024]).ok()).sum::<usize>();
            held.push((one, listener.local_addr()?));
        }
        Ok(waiting)
    };
    let waiting = fill().map_or_else(|cause| cause.to_string(), |waiting| waiting.to_string());
    drop(writeln!(std::io::stdout(), "{waiting}"));
    ExitCode::SUCCESS
}

/// The thread that a process begins with ends; another one goes on.
fn without_a_first_thread(other: impl FnOnce() + Send + 'static) -> ExitCode {
    std::thread::spawn(other);
    // SAFETY: ends this thread alone; nothing of it is used by the other.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    wait_for_ever()
}

/// Forks until refused; the children stay.
fn forks() -> ExitCode {
    let forked = std::iter::from_fn(|| {
        // SAFETY: this program has one thread, and the child only waits.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            wait_for_ever();
        }
        (pid > 0).then_some(pid)
    })
    .count();
    let why = errno();
    drop(writeln!(std::io::stdout(), "{forked} {why}"));
    wait_for_ever()
}

fn wait_for_ever() -> ! {
    loop {
        // SAFETY: always valid.
        unsafe { libc::pause() };
    }
}

fn call(number: i64, arguments: [i64; 6]) -> i64 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: every argument is a small number, null, or the address of a static string; calls that would read more
    // fail before they do.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

fn text(text: &'static CStr) -> i64 {
    text.as_ptr().addr().cast_signed() as i64
}

fn socket(family: i32, kind: i32, protocol: i32) -> i64 {
    call(libc::SYS_socket, [family.into(), kind.into(), protocol.into(), 0, 0, 0])
}

fn clone(flags: i32) -> i64 {
    let pid = call(libc::SYS_clone, [i64::from(flags | libc::SIGCHLD), 0, 0, 0, 0, 0]);
    if pid == 0 {
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) }
    }
    pid
}

#[rustfmt::skip]
fn attempt(name: &str) -> i64 {
    let one = |number| call(number, [0; 6]);
    match name {
        "mount" => call(libc::SYS_mount, [text(c"none"), text(c"/tmp"), text(c"tmpfs"), 0, 0, 0]),
        "umount" => call(libc::SYS_umount2, [text(c"/proc"), libc::MNT_DETACH.into(), 0, 0, 0, 0]),
        "unshare user" => call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0, 0, 0, 0]),
        "unshare mount" => call(libc::SYS_unshare, [libc::CLONE_NEWNS.into(), 0, 0, 0, 0, 0]),
        "setns" => call(libc::SYS_setns, [0, 0, 0, 0, 0, 0]),
        "clone user" => clone(libc::CLONE_NEWUSER),
        "clone3" => one(libc::SYS_clone3),
        "chroot" => call(libc::SYS_chroot, [text(c"/tmp"), 0, 0, 0, 0, 0]),
        "pivot_root" => call(libc::SYS_pivot_root, [text(c"."), text(c"."), 0, 0, 0, 0]),
        "open_tree" => call(libc::SYS_open_tree, [libc::AT_FDCWD.into(), text(c"/"), 1, 0, 0, 0]),
        "fsopen" => call(libc::SYS_fsopen, [text(c"tmpfs"), 0, 0, 0, 0, 0]),
        "ptrace" => call(libc::SYS_ptrace, [0; 6]),
        "process_vm_readv" => call(libc::SYS_process_vm_readv, [1, 0, 0, 0, 0, 0]),
        "pidfd_getfd" => call(libc::SYS_pidfd_getfd, [0, 0, 0, 0, 0, 0]),
        "keyctl" => one(libc::SYS_keyctl),
        "add_key" => call(libc::SYS_add_key, [text(c"user"), text(c"x"), text(c"y"), 1, -3, 0]),
        "bpf" => one(libc::SYS_bpf),
        "perf" => one(libc::SYS_perf_event_open),
        "io_uring" => call(libc::SYS_io_uring_setup, [1, 0, 0, 0, 0, 0]),
        "userfaultfd" => one(libc::SYS_userfaultfd),
        "init_module" => one(libc::SYS_init_module),
        "kexec" => one(libc::SYS_kexec_load),
        "reboot" => one(libc::SYS_reboot),
        "open_by_handle" => one(libc::SYS_open_by_handle_at),
        "quotactl" => one(libc::SYS_quotactl),
        "settimeofday" => one(libc::SYS_settimeofday),
        "sethostname" => call(libc::SYS_sethostname, [text(c"x"), 1, 0, 0, 0, 0]),
        "syslog" => call(libc::SYS_syslog, [10, 0, 0, 0, 0, 0]),
        "af_packet" => socket(libc::AF_PACKET, libc::SOCK_DGRAM, 0),
        "af_vsock" => socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        "af_alg" => socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
        "netlink audit" => socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT),
        "raw socket" => socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        "sctp" => socket(libc::AF_INET, libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP),
        "mptcp" => socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
        "huge pages" => call(libc::SYS_mmap, [0, 0x20_0000, 3, i64::from(libc::MAP_HUGETLB | 0x22), -1, 0]),
        "huge memfd" => call(libc::SYS_memfd_create, [text(c"x"), libc::MFD_HUGETLB.into(), 0, 0, 0, 0]),
        "core scheduling" => call(libc::SYS_prctl, [62, 0, 0, 0, 0, 0]),
        "io_setup" => one(libc::SYS_io_setup),
        "later call" => one(463),
        "unknown call" => one(500),
        "x32 call" => one(0x4000_0000 | libc::SYS_getpid),
        "lease" => call(libc::SYS_fcntl, [0, 1_024, libc::F_WRLCK.into(), 0, 0, 0]),
        "signal of a descriptor" => call(libc::SYS_fcntl, [0, 10, libc::SIGCONT.into(), 0, 0, 0]),
        "limits of 1" => call(libc::SYS_prlimit64, [1, 0, 0, 0, 0, 0]),
        "scheduling of 1" => call(libc::SYS_sched_setscheduler, [1, 5, 0, 0, 0, 0]),
        "setuid 0" => one(libc::SYS_setuid),
        "setgroups" => one(libc::SYS_setgroups),
        "kill 1" => call(libc::SYS_kill, [1, libc::SIGKILL.into(), 0, 0, 0, 0]),
        "mknod" => call(libc::SYS_mknod, [text(c"/tmp/node"), i64::from(libc::S_IFCHR | 0o666), 0x103, 0, 0, 0]),
        "raise nofile" => raise_nofile(),
        "nice" => call(libc::SYS_setpriority, [0, 0, -5, 0, 0, 0]),
        "tcp" => socket(libc::AF_INET, libc::SOCK_STREAM, 0),
        "udp" => socket(libc::AF_INET6, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, libc::IPPROTO_UDP),
        "unix" => socket(libc::AF_UNIX, libc::SOCK_STREAM, 0),
        "netlink route" => socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE),
        "thread" => std::thread::spawn(|| 0).join().unwrap_or(-1),
        "fork" => clone(0),
        _ => -1,
    }
}

fn raise_nofile() -> i64 {
    let more = libc::rlimit { rlim_cur: 4_096, rlim_max: 4_096 };
    // SAFETY: the limit outlives the call.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const more) }.into()
}
