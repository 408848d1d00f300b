//! Frozen means that nothing runs: not a nanosecond of CPU.

use crate::Test;
use crate::rig::{PATIENCE, Rig, TestSandbox, program, shell, wait_until};
use hearth_sandbox::{ExitStatus, SandboxEvent};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] = &[
    ("frozen_uses_no_cpu_and_thawed_does", frozen_uses_no_cpu_and_thawed_does),
    ("a_reset_thaws", a_reset_thaws),
    ("a_start_thaws", a_start_thaws),
    ("the_frozen_can_be_terminated", the_frozen_can_be_terminated),
    ("many_freezes_in_a_row", many_freezes_in_a_row),
    ("who_goes_on_all_the_same_is_frozen_again", who_goes_on_all_the_same_is_frozen_again),
];

const BUSY: &str = "(while :; do :; done) & echo ready; while :; do :; done";

fn cpu(sandbox: &TestSandbox<'_>) -> u64 {
    sandbox.sandbox.cpu_ns().unwrap()
}

fn wait_until_cpu_grows(sandbox: &TestSandbox<'_>) {
    let (before, until) = (cpu(sandbox), Instant::now() + PATIENCE);
    while cpu(sandbox) <= before {
        assert!(Instant::now() < until, "CPU time grows");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The freeze is not waited for by `freeze`: here it is, by CPU time that stands still, for so long that a whole core would
/// show. It may stand still for less because somebody else has the core.
fn wait_until_frozen(sandbox: &TestSandbox<'_>) -> u64 {
    let until = Instant::now() + PATIENCE;
    loop {
        let before = cpu(sandbox);
        std::thread::sleep(Duration::from_millis(500));
        if cpu(sandbox) == before {
            return before;
        }
        assert!(Instant::now() < until, "CPU time stands still");
    }
}

fn frozen_uses_no_cpu_and_thawed_does(rig: &Rig) {
    let sandbox = rig.sandbox();
    sandbox.start_until_line(BUSY);
    wait_until_cpu_grows(&sandbox);
    for _ in 0..3 {
        sandbox.sandbox.freeze().unwrap();
        wait_until_frozen(&sandbox);
        sandbox.sandbox.thaw().unwrap();
        wait_until_cpu_grows(&sandbox);
    }
}

fn a_reset_thaws(rig: &Rig) {
    let sandbox = rig.sandbox();
    let (started, _) = sandbox.start_until_line(BUSY);
    sandbox.sandbox.freeze().unwrap();
    wait_until_frozen(&sandbox);
    sandbox.sandbox.kill_processes().unwrap();
    assert_eq!(sandbox.exit_of(started.process), ExitStatus::Signal(9));
    assert_eq!(sandbox.event(), SandboxEvent::Empty);
    assert_eq!(sandbox.output("echo again"), "again");
}

fn a_start_thaws(rig: &Rig) {
    let sandbox = rig.sandbox();
    sandbox.sandbox.freeze().unwrap();
    let started = sandbox.sandbox.start(&shell("exit 4")).unwrap();
    assert_eq!(sandbox.exit_of(started.process), ExitStatus::Code(4));
}

fn the_frozen_can_be_terminated(rig: &Rig) {
    let sandbox = rig.sandbox();
    sandbox.start_until_line(BUSY);
    sandbox.sandbox.freeze().unwrap();
    sandbox.sandbox.terminate().unwrap();
    // The end of the process may or may not be news before that.
    while sandbox.event() != SandboxEvent::Gone {}
}

fn many_freezes_in_a_row(rig: &Rig) {
    let sandbox = rig.sandbox();
    let (started, _) = sandbox.start_until_line("echo ready; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 5");
    for _ in 0..500 {
        sandbox.sandbox.freeze().unwrap();
        sandbox.sandbox.thaw().unwrap();
    }
    assert_eq!(sandbox.exit_of(started.process), ExitStatus::Code(5));
}

/// A process that was told to go on, by a way that nobody has thought of.
fn who_goes_on_all_the_same_is_frozen_again(rig: &Rig) {
    if rig.sandboxes_capabilities().freeze == hearth_sandbox::Support::Full {
        rig.skip("the kernel freezes here");
        return;
    }
    for busy in [shell(BUSY), program(&["/bin/hostile"], &["attempt", "spin without a first thread"])] {
        let sandbox = rig.sandbox();
        sandbox.sandbox.start(&busy).unwrap();
        goes_on_and_is_frozen_again(&sandbox);
    }
}

fn goes_on_and_is_frozen_again(sandbox: &TestSandbox<'_>) {
    wait_until_cpu_grows(sandbox);
    sandbox.sandbox.freeze().unwrap();
    let before = wait_until_frozen(sandbox);
    wait_until("it goes on", || {
        // Again, if it was frozen again before its CPU time had a chance to show.
        for pid in crate::rig::processes_in(sandbox.sandbox.pid()) {
            kill_process(pid, Signal::CONT).unwrap();
        }
        cpu(sandbox) > before
    });
    wait_until("it is frozen again", || crate::rig::processes_in(sandbox.sandbox.pid()).into_iter().all(is_stopped));
}

/// All threads of a process, but for those that have ended. (CPU time can stand still because somebody else has it.)
fn is_stopped(process: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).unwrap();
    let mut states = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).unwrap());
    states.all(|status| status.contains("State:\tT") || status.contains("State:\tZ"))
}
