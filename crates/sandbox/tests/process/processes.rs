//! Starting, ending, signalling, starting again.

use crate::Test;
use crate::rig::{Rig, TestSandbox, processes_in, program, read_all, shell, wait_until};
use hearth_sandbox::{ExitStatus, ProcessSpec, SandboxError, SandboxEvent, StartedProcess};
use rustix::process::{Pid, Signal, kill_process};

pub(crate) const TESTS: &[Test] = &[
    ("the_user_is_the_functions", the_user_is_the_functions),
    ("codes_and_signals_are_reported", codes_and_signals_are_reported),
    ("the_first_program_that_exists_runs", the_first_program_that_exists_runs),
    ("no_program_says_why", no_program_says_why),
    ("the_environment_is_passed_whole", the_environment_is_passed_whole),
    ("a_third_descriptor_is_handed_on_when_asked_for", a_third_descriptor_is_handed_on_when_asked_for),
    ("a_process_that_was_started_ahead_is_no_other", a_process_that_was_started_ahead_is_no_other),
    ("signals_reach_the_group", signals_reach_the_group),
    ("a_reset_leaves_nobody_and_keeps_tmp", a_reset_leaves_nobody_and_keeps_tmp),
    ("orphans_by_the_thousand_change_nothing", orphans_by_the_thousand_change_nothing),
    ("the_end_of_pid_1_is_seen", the_end_of_pid_1_is_seen),
    ("thirty_at_once", thirty_at_once),
    ("a_killed_spawner_is_replaced", a_killed_spawner_is_replaced),
];

fn the_user_is_the_functions(rig: &Rig) {
    let sandbox = rig.sandbox();
    assert_eq!(sandbox.output("id -u; id -g; umask"), "993\n990\n0022");
    // Without a shell, which changes signals itself.
    let pattern = "^(Cap|NoNewPrivs|Seccomp:|SigBlk|SigIgn|Groups)";
    let grep = program(&["/bin/grep"], &["-E", pattern, "/proc/self/status"]);
    let status = sandbox.run_program(&grep).unwrap().stdout;
    for line in status.lines() {
        let (name, value) = line.split_once(':').unwrap();
        let wanted = match name {
            // Who has one id only cannot give up the groups of who started the service: they stay, and open nothing.
            "Groups" if rig.has_one_user() => continue,
            "NoNewPrivs" => "1",
            "Seccomp" => "2",
            "Groups" => "",
            _ => "0000000000000000",
        };
        assert_eq!(value.trim(), wanted, "{name}");
    }
    assert_eq!(status.lines().count(), 10, "{status}");
}

fn codes_and_signals_are_reported(rig: &Rig) {
    let sandbox = rig.sandbox();
    assert_eq!(sandbox.run("exit 0").status, ExitStatus::Code(0));
    assert_eq!(sandbox.run("exit 7").status, ExitStatus::Code(7));
    assert_eq!(sandbox.run("kill -KILL $$").status, ExitStatus::Signal(9));
    assert_eq!(sandbox.run("kill -SEGV $$").status, ExitStatus::Signal(11));
}

fn the_first_program_that_exists_runs(rig: &Rig) {
    let sandbox = rig.sandbox();
    let candidates = ["/var/task/missing", "/var/task/plain/below", "/var/task/bootstrap", "/bin/false"];
    let ran = sandbox.run_program(&program(&candidates, &["a", "b c"])).unwrap();
    assert_eq!((ran.status, ran.stdout.as_str()), (ExitStatus::Code(0), "bootstrap /var/task/bootstrap a b c\n"));
}

fn no_program_says_why(rig: &Rig) {
    let sandbox = rig.sandbox();
    for (candidates, why) in [
        (&["/var/task/missing", "/opt/bootstrap"][..], "/opt/bootstrap: No such file"),
        (&["/var/task/plain", "/bin/true"], "/var/task/plain: Permission denied"),
        (&["/var/task"], "/var/task: Permission denied"),
        (&["/var/task/garbage"], "/var/task/garbage: Exec format error"),
        (&["/var/task/lost", "/bin/true"], "/var/task/lost: No such file"),
        (&[], "no candidate"),
    ] {
        match sandbox.run_program(&program(candidates, &[])) {
            Err(SandboxError::NoProgram { tried, reason }) => {
                assert_eq!(tried, candidates);
                assert!(reason.contains(why), "{reason}");
            }
            other => panic!("{candidates:?}: {other:?}"),
        }
    }
    // None of them is reported as an exit: the next event is that of a process that ran.
    assert_eq!(sandbox.run("exit 3").status, ExitStatus::Code(3));
}

fn the_environment_is_passed_whole(rig: &Rig) {
    let sandbox = rig.sandbox();
    let mut spec = shell("env | sort");
    spec.environment.insert("EMPTY".to_owned(), String::new());
    spec.environment.insert("TEXT".to_owned(), "é = \"x\"".to_owned());
    let ran = sandbox.run_program(&spec).unwrap();
    assert_eq!(ran.stdout, "EMPTY=\nPATH=/bin\nPWD=/var/task\nSHLVL=1\nTEXT=é = \"x\"\n");
    let long = "x".repeat(100_000);
    let mut spec = shell("echo ${#LONG}");
    spec.environment.insert("LONG".to_owned(), long);
    assert_eq!(sandbox.run_program(&spec).unwrap().stdout, "100000\n");
    spec.environment.insert("LONGER".to_owned(), "x".repeat(300_000));
    assert!(matches!(sandbox.run_program(&spec), Err(SandboxError::System { .. })));
    assert_eq!(sandbox.output("echo still there"), "still there");
}

fn a_third_descriptor_is_handed_on_when_asked_for(rig: &Rig) {
    let sandbox = rig.sandbox();
    // Open are those that were given, and the one that `ls` itself reads with.
    let script = r#"[ -z "$LOG_FD" ] || echo framed >"/proc/self/fd/$LOG_FD"; ls /proc/self/fd | wc -l"#;
    let asked = ProcessSpec { log_variable: Some("LOG_FD".to_owned()), ..shell(script) };
    let StartedProcess { process, stdout, log, .. } = sandbox.sandbox.start(&asked).unwrap();
    assert_eq!(read_all(stdout).trim(), "5");
    assert_eq!(read_all(log.unwrap()), "framed\n");
    assert_eq!(sandbox.exit_of(process), ExitStatus::Code(0));
    let started = sandbox.sandbox.start(&shell(script)).unwrap();
    assert_eq!(read_all(started.stdout).trim(), "4");
    assert!(started.log.is_none());
}

fn a_process_that_was_started_ahead_is_no_other(rig: &Rig) {
    let ran = |sandbox: &TestSandbox<'_>| {
        sandbox.output("cat /var/task/bootstrap | head -n 1; echo $$; ls /proc/self/fd | wc -l")
    };
    let (blank, plain) = (rig.blank(), rig.sandbox());
    blank.sandbox.start_ahead().unwrap();
    blank.sandbox.assign(&rig.assignment()).unwrap();
    assert_eq!(ran(&blank), ran(&plain), "the function's code, the first process, the same descriptors");
    // One that ends before it is told anything, and one that is killed with all others, are nobody's.
    blank.sandbox.start_ahead().unwrap();
    let waits = processes_in(blank.sandbox.pid());
    kill_process(waits[0], Signal::KILL).unwrap();
    wait_until("it has ended", || processes_in(blank.sandbox.pid()).is_empty());
    assert_eq!(blank.output("echo another"), "another");
    blank.sandbox.start_ahead().unwrap();
    blank.empty();
    assert_eq!(blank.output("echo another"), "another");
}

fn signals_reach_the_group(rig: &Rig) {
    let sandbox = rig.sandbox();
    let script = "sleep 1000 & trap 'exit 7' TERM; echo ready; while :; do :; done";
    let (started, _) = sandbox.start_until_line(script);
    sandbox.sandbox.signal(started.process, 15).unwrap();
    assert_eq!(sandbox.exit_of(started.process), ExitStatus::Code(7));
    // The sleep had no trap; its end may take a moment.
    wait_until("the sleep has ended", || sandbox.output("set -- /proc/[0-9]*; echo $#") == "2");
    // To nobody.
    sandbox.sandbox.signal(started.process, 9).unwrap();
    assert_eq!(sandbox.output("echo unharmed"), "unharmed");
}

fn a_reset_leaves_nobody_and_keeps_tmp(rig: &Rig) {
    let sandbox = rig.sandbox();
    let (started, _) = sandbox.start_until_line(
        "echo kept > /tmp/x; (trap '' TERM INT; sleep 1000) & (setsid sleep 1000 &) ; echo ready; sleep 1000",
    );
    sandbox.sandbox.kill_processes().unwrap();
    assert_eq!(sandbox.exit_of(started.process), ExitStatus::Signal(9));
    assert_eq!(sandbox.event(), SandboxEvent::Empty);
    assert_eq!(sandbox.output("cat /tmp/x; set -- /proc/[0-9]*; echo $#"), "kept\n2");
    // With nobody to kill, the answer comes all the same.
    sandbox.sandbox.kill_processes().unwrap();
    assert_eq!(sandbox.event(), SandboxEvent::Empty);
}

fn orphans_by_the_thousand_change_nothing(rig: &Rig) {
    let sandbox = rig.sandbox();
    let (started, _) = sandbox.start_until_line(
        "i=0; while [ $i -lt 2000 ]; do (true &); i=$((i+1)); done; echo done; while :; do (true &); done",
    );
    sandbox.sandbox.kill_processes().unwrap();
    assert_eq!(sandbox.exit_of(started.process), ExitStatus::Signal(9));
    assert_eq!(sandbox.event(), SandboxEvent::Empty);
    assert_eq!(sandbox.output("echo again"), "again");
}

fn the_end_of_pid_1_is_seen(rig: &Rig) {
    let sandbox = rig.sandbox();
    sandbox.start_until_line("echo ready; sleep 1000");
    let pid = Pid::from_raw(sandbox.sandbox.pid().cast_signed()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    assert_eq!(sandbox.event(), SandboxEvent::Gone);
    assert!(matches!(sandbox.sandbox.start(&shell("true")), Err(SandboxError::Gone(_))));
    sandbox.sandbox.terminate().unwrap();
}

fn thirty_at_once(rig: &Rig) {
    let all: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..30)
            .map(|number| {
                scope.spawn(move || {
                    let sandbox = rig.sandbox();
                    let seen =
                        sandbox.output(&format!("echo {number} > /tmp/mine; cat /tmp/*; set -- /proc/[0-9]*; echo $#"));
                    (number, seen, sandbox)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (number, seen, sandbox) in &all {
        assert_eq!(*seen, format!("{number}\n2"));
        assert_eq!(sandbox.output("cat /tmp/mine"), number.to_string());
    }
}

fn a_killed_spawner_is_replaced(rig: &Rig) {
    // A spawner takes its sandboxes along; the next ones come from a new one.
    let old = rig.sandbox();
    for spawner in children_named("hearth-spawner") {
        kill_process(spawner, Signal::KILL).unwrap();
    }
    assert_eq!(old.event(), SandboxEvent::Gone);
    for _ in 0..4 {
        assert_eq!(rig.sandbox().output("echo new"), "new");
    }
}

fn children_named(name: &str) -> Vec<Pid> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    processes
        .filter(|pid| {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            command.starts_with(name.as_bytes()) && status.contains(&format!("PPid:\t{own}\n"))
        })
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect()
}
