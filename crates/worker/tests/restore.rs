//! SnapStart's contract as runtimes, callers and the log see it: `restore/next`, hooks, `restore/error`.

mod common;

use common::{Program, Reply, Runtime, Stage, function};
use hearth_api::environments::InvokeError;
use hearth_api::function::{FunctionVersion, SnapStart};
use hearth_core::environment::NotRestored;
use hearth_sandbox::ExitStatus;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

const REFUSED: &str = "failed for runtime. Error: State transition is not allowed";

fn stage(program: impl Fn(&mut Runtime) -> ExitStatus + Send + Sync + 'static) -> Stage {
    let mut stage = Stage::new(Arc::new(program) as Program);
    let (version, snap_start) = ("1".to_owned(), SnapStart::PublishedVersions);
    stage.function = Arc::new(FunctionVersion { version, snap_start, ..function() });
    stage
}

/// Answers each event with itself.
fn serve(runtime: &mut Runtime) -> ExitStatus {
    while let Some((id, event)) = runtime.next() {
        runtime.respond(&id, &event);
    }
    runtime.hang()
}

fn refused(reply: Option<Reply>, from: &str, to: &str) -> bool {
    let expected = format!("State transition from {from} to {to} {REFUSED}");
    reply.is_some_and(|(status, _, body)| status == 403 && body.contains(&expected))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_run_between_init_and_the_first_event_and_the_log_says_so() {
    let stage = stage(|runtime| {
        runtime.print("before the snapshot\n");
        let (status, _, body) = runtime.call("GET", "runtime/restore/next", "").unwrap();
        assert_eq!((status, body.as_str()), (200, ""));
        runtime.print("after the restore\n");
        serve(runtime)
    });
    assert_eq!(stage.invoke_to_the_end("1").await.payload, "1");
    assert_eq!(stage.invoke_to_the_end("2").await.payload, "2");
    let one = |version| ["START RequestId: ID Version: 1", "END RequestId: ID", version];
    let init = ["INIT_START Runtime Version: fake:1", "before the snapshot", "INIT_REPORT Init Duration: "];
    let restore = ["RESTORE_START Runtime Version: fake:1", "after the restore", "RESTORE_REPORT Restore Duration: "];
    let report = "REPORT RequestId: ID";
    let expected: Vec<&str> = init.into_iter().chain(restore).chain(one(report)).chain(one(report)).collect();
    let lines = stage.logs.lines();
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line:?} begins with {expected:?}");
    }
    let raw = stage.logs.raw();
    let reports: Vec<_> = raw.iter().filter(|line| line.starts_with("REPORT ")).collect();
    assert!(reports[0].contains("\tRestore Duration: ") && reports[0].contains(" ms\tBilled Restore Duration: "));
    assert!(!reports[0].contains("Init Duration") && !reports[1].contains("Restore Duration"), "{reports:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_without_hooks_is_restored_at_once() {
    let stage = stage(serve);
    assert_eq!(stage.invoke_to_the_end("1").await.payload, "1");
    let raw = stage.logs.raw();
    assert!(raw.iter().any(|line| line == "RESTORE_REPORT Restore Duration: 0.00 ms\n"), "{raw:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_state_does_not_allow_is_refused_by_its_names() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let stage = stage(move |runtime| {
        let mut second = runtime.another();
        let note = |told: bool| heard.lock().unwrap().push(told);
        note(refused(second.call("POST", "runtime/restore/error", "{}"), "Started", "RuntimeRestoreErrorState"));
        runtime.call("GET", "runtime/restore/next", "").unwrap();
        note(refused(second.call("GET", "runtime/restore/next", ""), "Restoring", "Ready"));
        serve(runtime)
    });
    assert_eq!(stage.invoke_to_the_end("1").await.payload, "1");
    assert_eq!(*said.lock().unwrap(), [true, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_fails_is_the_callers_error_and_the_next_one_gets_another_environment() {
    for path in ["runtime/restore/error", "runtime/init/error"] {
        let stage = stage(move |runtime| {
            runtime.call("GET", "runtime/restore/next", "").unwrap();
            if runtime.environment == 0 {
                runtime.print("a hook failed\n");
                runtime.call("POST", path, r#"{"errorType":"Oh"}"#);
                return ExitStatus::Code(65);
            }
            serve(runtime)
        });
        let error = stage.invoke("1").await.unwrap_err();
        assert_eq!(error, InvokeError::NotRestored(NotRestored::Error));
        assert_eq!(stage.invoke_to_the_end("2").await.payload, "2");
        let raw = stage.logs.raw();
        let report = raw.iter().find(|line| line.starts_with("RESTORE_REPORT")).unwrap();
        assert!(report.ends_with("\tStatus: error\tError Type: Runtime.Unknown\n"), "{report}");
        assert_eq!(raw.iter().filter(|line| line.starts_with("START")).count(), 1, "nothing had begun");
        assert_eq!(stage.sandboxes.made.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exit_during_the_restore_says_how() {
    let stage = stage(|runtime| {
        runtime.call("GET", "runtime/restore/next", "").unwrap();
        ExitStatus::Code(65)
    });
    assert_eq!(stage.invoke("1").await.unwrap_err(), InvokeError::NotRestored(NotRestored::Error));
    let raw = stage.logs.raw();
    assert!(raw.iter().any(|line| line.ends_with("\tStatus: error\tError Type: Runtime.ExitError\n")), "{raw:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_init_that_fails_answers_with_what_the_runtime_said_and_is_not_retried() {
    let stage = stage(|runtime| {
        runtime.call("POST", "runtime/init/error", r#"{"errorType":"Oh"}"#).unwrap();
        ExitStatus::Code(1)
    });
    let answer = stage.invoke_to_the_end("1").await;
    assert_eq!((answer.payload, answer.function_error), (r#"{"errorType":"Oh"}"#.into(), true));
    let raw = stage.logs.raw();
    assert_eq!(raw.iter().filter(|line| line.starts_with("INIT_")).count(), 2, "{raw:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_ends_the_environment() {
    let stage = stage(|runtime| {
        runtime.call("GET", "runtime/restore/next", "").unwrap();
        let Some((id, event)) = runtime.next() else { return runtime.hang() };
        if runtime.environment == 0 {
            return ExitStatus::Code(3);
        }
        runtime.respond(&id, &event);
        serve(runtime)
    });
    assert!(stage.invoke_to_the_end("1").await.function_error);
    assert_eq!(stage.invoke_to_the_end("2").await.payload, "2");
    assert_eq!(stage.sandboxes.made.load(Ordering::SeqCst), 2, "restored anew");
    let raw = stage.logs.raw();
    assert_eq!(raw.iter().filter(|line| line.contains("\tRestore Duration: ")).count(), 2, "{raw:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_demand_environments_know_no_restore() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::clone(&seen);
    let mut stage = stage(move |runtime| {
        let next = runtime.call("GET", "runtime/restore/next", "").unwrap().0;
        let error = runtime.call("POST", "runtime/restore/error", "").unwrap().0;
        calls.lock().unwrap().extend([next, error]);
        serve(runtime)
    });
    let latest = FunctionVersion { version: "$LATEST".to_owned(), ..FunctionVersion::clone(&stage.function) };
    stage.function = Arc::new(latest);
    assert_eq!(stage.invoke_to_the_end("1").await.payload, "1");
    assert_eq!(*seen.lock().unwrap(), [404, 404]);
}
