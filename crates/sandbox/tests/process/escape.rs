//! Ways out, each tried from inside and each closed.

use crate::Test;
use crate::attempts::ATTEMPTS;
use crate::rig::{Rig, program, read_line};
use std::fs;
use std::net::TcpListener;

pub(crate) const TESTS: &[Test] = &[
    ("forbidden_system_calls_are_refused", forbidden_system_calls_are_refused),
    ("the_host_cannot_be_read", the_host_cannot_be_read),
    ("the_host_cannot_be_reached", the_host_cannot_be_reached),
    ("neighbours_share_nothing", neighbours_share_nothing),
    ("what_the_kernel_counts_by_user_is_not_shared", what_the_kernel_counts_by_user_is_not_shared),
    ("a_user_namespace_has_its_limits", a_user_namespace_has_its_limits),
];

fn forbidden_system_calls_are_refused(rig: &Rig) {
    let sandbox = rig.sandbox();
    let watched = rig.sandboxes_capabilities().memory != hearth_sandbox::Support::Full;
    for (attempt, wanted) in ATTEMPTS {
        let ran = sandbox.run_program(&program(&["/bin/hostile"], &["attempt", attempt])).unwrap();
        // Where there is only one user there is no 0, and PID 1 may be signalled, which the kernel keeps from it.
        let wanted = match *attempt {
            "setuid 0" if rig.has_one_user() => "Some(22)",
            "kill 1" if rig.has_one_user() => "ok",
            "huge memfd" if watched => "ENOSYS", // no memfd at all
            _ => *wanted,
        };
        assert_eq!(ran.stdout.trim(), wanted, "{attempt}: {ran:?}");
    }
}

fn the_host_cannot_be_read(rig: &Rig) {
    let sandbox = rig.sandbox();
    let secret = rig.home.path().join("secret");
    fs::write(&secret, "of the host").unwrap();
    let here = secret.to_string_lossy().into_owned();
    for script in [
        format!("cat {here}"),
        format!("cat /proc/1/root{here}"),
        format!("cat /proc/1/cwd{here}"),
        "cat /etc/shadow".to_owned(),
        "cat /proc/1/environ".to_owned(),
        "cat /proc/1/maps".to_owned(),
        "cat /proc/1/fd/*".to_owned(),
        "readlink /proc/1/fd/0".to_owned(),
        "cat /proc/1/fdinfo/* /proc/1/auxv /proc/1/syscall".to_owned(),
        "cat /proc/1/mem".to_owned(),
        "echo b > /proc/sysrq-trigger && false".to_owned(),
        "echo x > /proc/sys/kernel/hostname".to_owned(),
        "echo '|/tmp/x' > /proc/sys/kernel/core_pattern".to_owned(),
        "echo -1000 > /proc/self/oom_score_adj".to_owned(),
        "echo 0 > /proc/self/uid_map".to_owned(),
        "echo 19 > /proc/1/autogroup".to_owned(),
        "echo 1000 > /proc/1/oom_score_adj".to_owned(),
        "ls /sys/fs/cgroup/*".to_owned(),
        "cat /dev/sda /dev/vda /dev/mem /dev/loop0".to_owned(),
        "su -c true".to_owned(),
    ] {
        let ran = sandbox.run(&format!("{script} 2>/dev/null"));
        assert_ne!(ran.status, hearth_sandbox::ExitStatus::Code(0), "{script}: {ran:?}");
        assert_eq!(ran.stdout, "", "{script}");
    }
    // These may be read, and say nothing.
    assert_eq!(sandbox.output("cd /proc; cat cmdline keys modules partitions kcore kallsyms 2>/dev/null; true"), "");
    assert_eq!(sandbox.output("ls -A /proc/fs /proc/bus /proc/irq /proc/pressure 2>/dev/null | grep -v :; true"), "");
    let environment = sandbox.output("cat /proc/1/cmdline");
    assert!(environment.starts_with("hearth-spawner"), "{environment}");
}

fn the_host_cannot_be_reached(rig: &Rig) {
    let sandbox = rig.sandbox();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for address in [format!("127.0.0.1 {port}"), "169.254.169.254 80".to_owned(), "10.0.0.1 80".to_owned()] {
        let ran = sandbox.run(&format!("echo x | nc -w 5 {address}"));
        assert_ne!(ran.status, hearth_sandbox::ExitStatus::Code(0), "{address}: {ran:?}");
    }
    assert_eq!(
        sandbox.output("ls /proc/sys/net/ipv4/conf").split_whitespace().collect::<Vec<_>>(),
        ["all", "default", "lo"]
    );
}

fn neighbours_share_nothing(rig: &Rig) {
    let (one, other) = (rig.sandbox(), rig.sandbox());
    let owner = |pid: u32| fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap();
    assert_eq!(owner(one.sandbox.pid()) == owner(other.sandbox.pid()), rig.has_one_user());
    one.output("echo mine > /tmp/shared");
    assert_eq!(other.output("ls -A /tmp"), "");
    let of = |pid: u32, kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
    for kind in ["mnt", "pid", "net", "ipc", "uts", "user"] {
        assert_ne!(of(one.sandbox.pid(), kind), of(other.sandbox.pid(), kind), "{kind}");
    }
}

/// Such counts go up at every owner of a user namespace around: none of them may be root, or a neighbour's.
fn what_the_kernel_counts_by_user_is_not_shared(rig: &Rig) {
    if !rig.is_host("counts by user are those of who started the service") {
        return;
    }
    let (one, other) = (rig.sandbox(), rig.sandbox());
    let hoard = || program(&["/bin/hostile"], &["attempt", "hoard"]);
    let first = one.sandbox.start(&hoard()).unwrap();
    let hoarded = read_line(&first.stdout);
    assert_eq!(hoarded, "32 EMFILE");
    rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::CLOEXEC).expect("root still has some");
    let second = other.sandbox.start(&hoard()).unwrap();
    assert_eq!(read_line(&second.stdout), hoarded);
    one.empty();
    other.empty();
}

fn a_user_namespace_has_its_limits(rig: &Rig) {
    let sandbox = rig.sandbox();
    let ran = sandbox
        .run("cd /proc/sys/user && cat max_user_namespaces max_inotify_instances && echo 9 > max_inotify_instances");
    assert_eq!(ran.stdout, "0\n32\n", "{ran:?}");
    assert!(ran.stderr.contains("Read-only file system"), "{ran:?}");
}
