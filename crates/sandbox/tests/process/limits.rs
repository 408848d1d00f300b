//! Memory, CPU, processes, descriptors, `/tmp`.

use crate::Test;
use crate::rig::{Rig, wait_until};
use hearth_sandbox::{ExitStatus, Support};
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] = &[
    ("resource_limits_are_as_on_aws", resource_limits_are_as_on_aws),
    ("too_much_memory_is_an_oom_kill", too_much_memory_is_an_oom_kill),
    ("memory_that_is_only_watched_ends_who_takes_too_much", memory_that_is_only_watched_ends_who_takes_too_much),
    ("what_waits_in_sockets_is_limited", what_waits_in_sockets_is_limited),
    ("a_full_tmp_is_enospc_and_not_memory", a_full_tmp_is_enospc_and_not_memory),
    ("forks_are_refused_at_the_limit", forks_are_refused_at_the_limit),
    ("descriptors_end_at_the_limit", descriptors_end_at_the_limit),
    ("cpu_is_limited_to_the_share", cpu_is_limited_to_the_share),
];

fn resource_limits_are_as_on_aws(rig: &Rig) {
    let sandbox = rig.sandbox();
    let limits = sandbox.output("cat /proc/self/limits");
    let of = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[26..].split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("Max open files"), "1024 1024");
    assert_eq!(of("Max processes"), "1024 1024");
    assert_eq!(of("Max locked memory"), "65536 65536");
    assert_eq!(of("Max core file size"), "1 1");
    assert!(of("Max stack size").starts_with("8388608 "), "{limits}");
}

fn too_much_memory_is_an_oom_kill(rig: &Rig) {
    let sandbox = rig.sandbox();
    if rig.is_without("memory", &rig.sandboxes_capabilities().memory) {
        return;
    }
    assert_eq!(sandbox.sandbox.usage().unwrap().oom_kills, 0);
    let ran = sandbox.run("exec dd if=/dev/zero of=/dev/null bs=200M count=1");
    assert_eq!(ran.status, ExitStatus::Signal(9), "{ran:?}");
    assert!(sandbox.sandbox.usage().unwrap().oom_kills >= 1);
    // What fits is counted, and what was given back is not.
    let hold = crate::rig::program(&["/bin/hostile"], &["attempt", "hold 40"]);
    let started = sandbox.sandbox.start(&hold).unwrap();
    assert_eq!(crate::rig::read_line(&started.stdout), "holding");
    // The kernel adds up its counters of each processor now and then.
    let used = || sandbox.sandbox.usage().unwrap().memory_bytes;
    wait_until("40 MB are counted", || used() > 40_000_000);
    assert!(used() < 134_217_728, "{} bytes", used());
    drop(started);
    sandbox.empty();
    wait_until("they are given back", || used() < 10_000_000);
    assert_eq!(sandbox.output("echo alive"), "alive");
}

fn memory_that_is_only_watched_ends_who_takes_too_much(rig: &Rig) {
    let capabilities = rig.sandboxes_capabilities();
    if !matches!(capabilities.memory, Support::Weaker(_)) {
        rig.skip("memory is limited by the kernel here");
        return;
    }
    let sandbox = rig.sandbox();
    assert_eq!(sandbox.output("cat /proc/self/oom_score_adj"), "1000", "should it be too much for the host after all");
    let hold = |megabytes: u32| {
        let attempt = format!("hold {megabytes}");
        sandbox.sandbox.start(&crate::rig::program(&["/bin/hostile"], &["attempt", &attempt])).unwrap()
    };
    let used = || sandbox.sandbox.usage().unwrap().memory_bytes;
    let little = hold(40);
    assert_eq!(crate::rig::read_line(&little.stdout), "holding");
    assert!(used() > 40_000_000 && used() < 134_217_728, "{} bytes", used());
    // Together they are too much: the larger one has to go.
    let much = hold(150);
    assert_eq!(sandbox.exit_of(much.process), ExitStatus::Signal(9));
    assert!(sandbox.sandbox.usage().unwrap().oom_kills >= 1);
    sandbox.empty();
    wait_until("it is given back", || used() < 10_000_000);
    // More than one process may have for data at all: refused when it asks.
    let ran = sandbox.run("exec dd if=/dev/zero of=/dev/null bs=2000M count=1");
    assert!(ran.status != ExitStatus::Code(0) && ran.stderr.contains("memory"), "{ran:?}");
    // Children without end, each of which is small enough: who is killed is there again at once.
    let again = "while :; do /bin/hostile attempt 'hold 30'; done";
    let swarm = format!("i=0; while [ $i -lt 16 ]; do ({again}) & i=$((i+1)); done; wait");
    let started = sandbox.sandbox.start(&crate::rig::shell(&swarm)).unwrap();
    assert_eq!(sandbox.exit_of(started.process), ExitStatus::Signal(9), "who makes them goes as well");
    wait_until("the others are killed", || used() < 134_217_728);
    sandbox.empty();
    // Whose first thread has ended is still looked at.
    let headless = crate::rig::program(&["/bin/hostile"], &["attempt", "hold 150 without a first thread"]);
    let started = sandbox.sandbox.start(&headless).unwrap();
    assert_eq!(sandbox.exit_of(started.process), ExitStatus::Signal(9));
}

/// The kernel would take some megabytes for each connection, and each function may have half a million of them.
fn what_waits_in_sockets_is_limited(rig: &Rig) {
    let sandbox = rig.sandbox();
    if rig.is_without("memory", &rig.sandboxes_capabilities().memory) {
        return;
    }
    let ran = sandbox.run_program(&crate::rig::program(&["/bin/hostile"], &["attempt", "fill sockets"])).unwrap();
    // Killed for want of memory is as good.
    let waiting: u64 = ran.stdout.trim().parse().unwrap_or(0);
    assert!(waiting < 150_000_000, "{waiting} bytes wait in a function of 128 MB: {ran:?}");
    assert!(waiting > 0 || ran.status == ExitStatus::Signal(9), "{ran:?}");
}

fn a_full_tmp_is_enospc_and_not_memory(rig: &Rig) {
    let sandbox = rig.sandbox();
    if rig.is_without("/tmp", &rig.sandboxes_capabilities().tmp_quota) {
        return;
    }
    let ran = sandbox.run("dd if=/dev/zero of=/tmp/big bs=1M count=600; du -m /tmp/big | cut -f 1; rm /tmp/big");
    assert!(ran.stderr.contains("No space left on device"), "{ran:?}");
    let written: u64 = ran.stdout.trim().parse().unwrap();
    assert!((480..=512).contains(&written), "{written} MB of 512 in a function of 128 MB");
    let usage = sandbox.sandbox.usage().unwrap();
    assert_eq!(usage.oom_kills, 0);
    assert!(usage.memory_bytes < 20_000_000, "{usage:?}");
    assert_eq!(sandbox.output("echo small > /tmp/x; cat /tmp/x"), "small");
}

fn forks_are_refused_at_the_limit(rig: &Rig) {
    let assignment = hearth_sandbox::Assignment { memory_mb: 1_024, ..rig.assignment() };
    let (sandbox, neighbour) = (rig.sandbox_with(&assignment), rig.sandbox());
    let spec = crate::rig::program(&["/bin/hostile"], &["attempt", "forks"]);
    let started = sandbox.sandbox.start(&spec).unwrap();
    let line = crate::rig::read_line(&started.stdout);
    // With itself, 1,024; and with PID 1, where that is the same user.
    assert_eq!(line, if rig.has_one_user() { "1022 EAGAIN" } else { "1023 EAGAIN" });
    assert_eq!(neighbour.output("echo unharmed"), "unharmed");
    sandbox.empty();
    // Everybody forks, for ever, and there is still an end to it.
    let (_started, _) = sandbox.start_until_line("b() { b | b & }; echo ready; b; sleep 1000");
    sandbox.empty();
    assert_eq!(sandbox.output("echo again"), "again");
}

fn descriptors_end_at_the_limit(rig: &Rig) {
    let sandbox = rig.sandbox();
    let opened = sandbox.run_program(&crate::rig::program(&["/bin/hostile"], &["attempt", "descriptors"])).unwrap();
    // 0, 1, 2 and the rest.
    assert_eq!(opened.stdout, "1021 EMFILE\n", "{opened:?}");
}

/// How much CPU time was used can be said however slow or busy the machine is: at most the share, and what the kernel
/// hands out ahead of time or notices late, at each tick. Without a limit it would be ten times as much.
fn cpu_is_limited_to_the_share(rig: &Rig) {
    let sandbox = rig.sandbox();
    if rig.is_without("cpu", &rig.sandboxes_capabilities().cpu) {
        return;
    }
    sandbox.sandbox.limit_cpu(Some(128)).unwrap();
    let (_started, _) = sandbox.start_until_line("(while :; do :; done) & echo ready; while :; do :; done");
    let (begin, before) = (Instant::now(), sandbox.sandbox.cpu_ns().unwrap());
    std::thread::sleep(Duration::from_secs(2));
    let (used, passed) = (sandbox.sandbox.cpu_ns().unwrap() - before, begin.elapsed());
    let share = passed.as_nanos() * 128 / 1_769;
    assert!(u128::from(used) <= share * 3 / 2 + 50_000_000, "{used} ns in {passed:?}, share {share}");
    sandbox.sandbox.limit_cpu(None).unwrap();
    let limited = sandbox.sandbox.cpu_ns().unwrap();
    let until = Instant::now() + crate::rig::PATIENCE;
    while sandbox.sandbox.cpu_ns().unwrap() - limited < 300_000_000 {
        assert!(Instant::now() < until, "full speed again");
        std::thread::sleep(Duration::from_millis(5));
    }
    sandbox.empty();
}
