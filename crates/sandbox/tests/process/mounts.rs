//! What a function sees: its code, layers, `/tmp`, devices, memory; and nothing of the host.

use crate::Test;
use crate::rig::{Rig, config};
use hearth_sandbox::SandboxError;
use hearth_sandbox::process::ProcessSandboxes;
use rustix::fs::Mode;
use rustix::process::umask;
use std::fs;
use std::io::{Read, Write};

pub(crate) const TESTS: &[Test] = &[
    ("namespaces_are_its_own", namespaces_are_its_own),
    ("code_is_roots_and_read_only", code_is_roots_and_read_only),
    ("layers_merge_and_later_wins", layers_merge_and_later_wins),
    ("what_functions_see_is_not_the_umasks_business", what_functions_see_is_not_the_umasks_business),
    ("tmp_has_its_size_and_mode", tmp_has_its_size_and_mode),
    ("memory_facts_are_the_functions", memory_facts_are_the_functions),
    ("devices_work_and_are_few", devices_work_and_are_few),
    ("the_listener_is_reached_from_inside_only", the_listener_is_reached_from_inside_only),
    ("contracts_are_kept", contracts_are_kept),
];

fn namespaces_are_its_own(rig: &Rig) {
    let sandbox = rig.sandbox();
    let of = |pid: &str, kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
    let pid = sandbox.sandbox.pid().to_string();
    for kind in ["mnt", "pid", "net", "ipc", "uts", "user", "cgroup"] {
        assert_ne!(of("self", kind), of(&pid, kind), "{kind}");
    }
    assert_eq!(sandbox.output("hostname"), "localhost");
    // PID 1 and this shell: nobody else.
    assert_eq!(sandbox.output("set -- /proc/[0-9]*; echo $#"), "2");
    let groups = sandbox.output("cat /proc/self/cgroup");
    assert!(!groups.contains("hearth"), "{groups}");
}

fn code_is_roots_and_read_only(rig: &Rig) {
    let sandbox = rig.sandbox();
    assert_eq!(sandbox.output("pwd"), "/var/task");
    assert_eq!(sandbox.output("cat plain"), "#!/bin/sh");
    // What cannot be shown by an id-mapped mount (tmpfs before 6.3) belongs to nobody, 65534.
    let owner = sandbox.output("stat -c %u /var/task/plain /bin/busybox");
    let (root, _) = rig.owner();
    assert!(owner == format!("{root}\n{root}") || owner == "65534\n65534", "{owner}");
    for path in ["/var/task/x", "/bin/x", "/x", "/opt/x", "/dev/x", "/proc/x"] {
        let ran = sandbox.run(&format!("echo x > {path}"));
        assert!(ran.stderr.contains("Read-only") || ran.stderr.contains("nonexistent"), "{path}: {ran:?}");
    }
}

fn layers_merge_and_later_wins(rig: &Rig) {
    let first = rig.directory("layer1", &[("one", "1"), ("both", "first")]);
    let second = rig.directory("layer2", &[("two", "2"), ("both", "second")]);
    let third = rig.directory("layer3", &[("three", "3")]);
    let with = |layers: &[&std::path::PathBuf]| {
        let layers = layers.iter().map(|layer| (*layer).clone()).collect();
        rig.sandbox_with(&hearth_sandbox::Assignment { layers, ..rig.assignment() })
    };
    assert_eq!(rig.sandbox().output("ls /opt"), "");
    assert_eq!(with(&[&first]).output("cat /opt/both"), "first");
    let all = with(&[&first, &second, &third]);
    assert_eq!(all.output("cat /opt/both /opt/one /opt/two /opt/three"), "second123");
    assert!(all.run("echo x > /opt/both").stderr.contains("Read-only"));
    assert_eq!(with(&[&second, &first]).output("cat /opt/both"), "first");
}

fn what_functions_see_is_not_the_umasks_business(rig: &Rig) {
    let usual = umask(Mode::from_raw_mode(0o077));
    let sandboxes = ProcessSandboxes::start(config(&rig.home.path().join("umask"), "test-umask")).unwrap();
    let sandbox = rig.blank_of(&sandboxes, &rig.tree).unwrap();
    sandbox.sandbox.assign(&rig.assignment()).unwrap();
    umask(usual);
    let seen = sandbox.output("cat /dev/null && grep -c nameserver /etc/resolv.conf && head -c 8 /proc/meminfo");
    assert_eq!(seen, "1\nMemTotal");
}

fn tmp_has_its_size_and_mode(rig: &Rig) {
    for size in [512, 513, 10_240] {
        let assignment = hearth_sandbox::Assignment { ephemeral_storage_mb: size, ..rig.assignment() };
        let sandbox = rig.sandbox_with(&assignment);
        let (user, group) = rig.owner();
        assert_eq!(sandbox.output("stat -c '%a %u %g' /tmp"), format!("1777 {user} {group}"));
        let kib: u32 = sandbox.output("df -k /tmp | tail -1 | awk '{print $2}'").parse().unwrap();
        // The file system's own tables take some of it.
        assert!(kib <= size * 1024 && kib >= size * 1024 * 97 / 100, "{kib} KiB of {size} MB");
        assert_eq!(sandbox.output("ls -A /tmp; echo mine > /tmp/x; stat -c %u /tmp/x"), "993");
    }
}

fn memory_facts_are_the_functions(rig: &Rig) {
    let assignment = hearth_sandbox::Assignment { memory_mb: 1_769, ..rig.assignment() };
    let sandbox = rig.sandbox_with(&assignment);
    assert_eq!(sandbox.output("awk '/MemTotal/ {print $2}' /proc/meminfo"), "1811456");
}

fn devices_work_and_are_few(rig: &Rig) {
    let sandbox = rig.sandbox();
    let devices = sandbox.output("ls /dev");
    assert_eq!(devices, "empty\nfd\nfull\nnull\nrandom\nstderr\nstdin\nstdout\nurandom\nzero");
    assert_eq!(
        sandbox.output("echo x > /dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c"),
        "3\n3"
    );
    let ran = sandbox.run("echo out > /dev/stdout; echo err > /dev/stderr; cat; echo x > /dev/full");
    assert_eq!(ran.stdout, "out\n");
    assert!(ran.stderr.starts_with("err\n") && ran.stderr.contains("No space"), "{ran:?}");
}

fn the_listener_is_reached_from_inside_only(rig: &Rig) {
    let (sandbox, neighbour) = (rig.sandbox(), rig.sandbox());
    let listener = sandbox.sandbox.take_sockets().unwrap().runtime_api;
    let served = std::thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        let mut word = [0; 5];
        stream.read_exact(&mut word).unwrap();
        stream.write_all(b"pong\n").unwrap();
        (word, peer.ip().to_string())
    });
    // The neighbour's own address is the same, and it is nobody's but its own.
    assert_eq!(sandbox.output("echo ping | nc 169.254.100.1 9001"), "pong");
    assert_eq!(served.join().unwrap(), (*b"ping\n", "169.254.100.1".to_owned()));
    let other = neighbour.sandbox.take_sockets().unwrap().runtime_api;
    other.set_nonblocking(true).unwrap();
    assert!(other.accept().is_err());
    assert!(matches!(neighbour.sandbox.take_sockets(), Err(SandboxError::Misused(_))));
}

fn contracts_are_kept(rig: &Rig) {
    let sandbox = rig.sandbox();
    assert!(matches!(sandbox.sandbox.assign(&rig.assignment()), Err(SandboxError::Misused(_))));
    sandbox.sandbox.terminate().unwrap();
    sandbox.sandbox.terminate().unwrap();
    assert!(matches!(sandbox.sandbox.usage(), Err(SandboxError::Gone(_))));
    assert!(matches!(sandbox.sandbox.freeze(), Err(SandboxError::Gone(_))));
    assert!(matches!(sandbox.sandbox.start(&crate::rig::shell("")), Err(SandboxError::Gone(_))));
    assert!(matches!(sandbox.sandbox.kill_processes(), Err(SandboxError::Gone(_))));
    let missing = rig.home.path().join("no-tree");
    let before = crate::leftovers::groups("hearth-test");
    assert!(matches!(rig.blank_of(&rig.sandboxes, &missing).err(), Some(SandboxError::Refused { .. })));
    assert_eq!(crate::leftovers::groups("hearth-test"), before, "nothing is left of an attempt");
}
