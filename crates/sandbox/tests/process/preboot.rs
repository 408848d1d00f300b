//! A process that waits in a blank sandbox for what it is to become.

use crate::Test;
use crate::rig::{Rig, TestSandbox, program, read_all, shell};
use hearth_sandbox::{ExitStatus, Launcher, Preboot, ProcessSpec, SandboxError, SandboxEvent, StartedProcess};

pub(crate) const TESTS: &[Test] = &[
    ("what_waits_becomes_what_it_is_told", what_waits_becomes_what_it_is_told),
    ("what_dies_waiting_does_not_start", what_dies_waiting_does_not_start),
    ("what_was_killed_before_its_start_does_not_start", what_was_killed_before_its_start_does_not_start),
    ("what_never_comes_to_wait_is_an_error", what_never_comes_to_wait_is_an_error),
    ("memory_facts_can_be_there_from_the_start", memory_facts_can_be_there_from_the_start),
];

/// Says that it is ready, prints the word that it gets, and whatever the word of the test is.
const WAIT: &str = r#"#!/bin/sh
eval "printf . >&$_HEARTH_ASSIGNMENT; word=\$(cat <&$_HEARTH_ASSIGNMENT); exec $_HEARTH_ASSIGNMENT>&-"
cd /var/task
echo "$word"
[ -f bootstrap ] && echo code
echo mine >/tmp/mine && ls /tmp
read -r total </proc/meminfo && echo $total
"#;
const LAUNCHER: Launcher = Launcher {
    name: "test",
    files: &[
        ("wait", WAIT),
        ("end", "#!/bin/sh\nexit 3\n"),
        ("die", "#!/bin/sh\neval \"printf . >&$_HEARTH_ASSIGNMENT\"\n"),
    ],
};

fn preboot(file: &str) -> Preboot {
    Preboot { launcher: LAUNCHER, process: program(&[&format!("/tmp/{file}")], &["-"]), memory_mb: None }
}

/// What the process is to become.
fn wanted() -> ProcessSpec {
    shell("echo plain")
}

fn waiting<'a>(rig: &'a Rig, preboot: &Preboot) -> TestSandbox<'a> {
    let blank = rig.blank();
    blank.sandbox.preboot(preboot).unwrap();
    blank
}

/// All that it prints, once it has ended well.
fn printed(sandbox: &TestSandbox<'_>, started: StartedProcess) -> String {
    let text = read_all(started.stdout);
    assert_eq!(sandbox.exit_of(started.process), ExitStatus::Code(0), "{text}");
    text
}

fn what_waits_becomes_what_it_is_told(rig: &Rig) {
    let blank = waiting(rig, &preboot("wait"));
    blank.sandbox.assign(&rig.assignment()).unwrap();
    let started = blank.sandbox.start_waiting(&wanted()).unwrap();
    let text = printed(&blank, started);
    let mut lines = text.lines();
    let word: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(word["arguments"], serde_json::json!(["-c", "echo plain"]));
    assert_eq!(word["environment"], serde_json::json!({ "PATH": "/bin" }));
    // The function's code, its own `/tmp` and its memory; nothing of the launcher.
    assert_eq!(lines.collect::<Vec<_>>(), ["code", "mine", "MemTotal: 131072 kB"], "{text}");
    assert!(blank.sandbox.start_waiting(&wanted()).is_none(), "only once");
    let again = blank.sandbox.start(&wanted()).unwrap();
    assert_eq!(printed(&blank, again), "plain\n");
    assert_eq!(blank.output("grep -c ' /tmp ' /proc/self/mountinfo"), "1");
}

fn what_dies_waiting_does_not_start(rig: &Rig) {
    let blank = waiting(rig, &preboot("die"));
    assert!(matches!(blank.event(), SandboxEvent::Exited { status: ExitStatus::Code(0), .. }));
    blank.sandbox.assign(&rig.assignment()).unwrap();
    assert!(blank.sandbox.start_waiting(&wanted()).is_none());
    let started = blank.sandbox.start(&wanted()).unwrap();
    assert_eq!(printed(&blank, started), "plain\n");
}

fn what_was_killed_before_its_start_does_not_start(rig: &Rig) {
    let blank = waiting(rig, &preboot("wait"));
    blank.sandbox.assign(&rig.assignment()).unwrap();
    blank.empty();
    assert!(blank.sandbox.start_waiting(&wanted()).is_none());
    let started = blank.sandbox.start(&wanted()).unwrap();
    assert_eq!(printed(&blank, started), "plain\n");
}

fn what_never_comes_to_wait_is_an_error(rig: &Rig) {
    let blank = rig.blank();
    assert!(matches!(blank.sandbox.preboot(&preboot("end")), Err(SandboxError::Gone(_))));
    let blank = rig.blank();
    assert!(matches!(blank.sandbox.preboot(&preboot("missing")), Err(SandboxError::NoProgram { .. })));
    blank.sandbox.terminate().unwrap();
}

fn memory_facts_can_be_there_from_the_start(rig: &Rig) {
    let of = |memory_mb| waiting(rig, &Preboot { memory_mb: Some(memory_mb), ..preboot("wait") });
    let blank = of(128);
    blank.sandbox.assign(&rig.assignment()).unwrap();
    let started = blank.sandbox.start_waiting(&wanted()).unwrap();
    assert!(printed(&blank, started).ends_with("MemTotal: 131072 kB\n"));
    assert_eq!(blank.output("grep -c ' /proc/meminfo ' /proc/self/mountinfo"), "1");
    assert!(matches!(of(256).sandbox.assign(&rig.assignment()), Err(SandboxError::Misused(_))));
}
