//! SnapStart's contract as runtimes, callers and the log see it: `restore/next`, hooks, `restore/error`.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::{NEXT, Program, Reply, Runtime, Stage, function, invocation};
use hearth_api::environments::{Environments, InvokeError};
use hearth_api::function::{Code, FunctionVersion, Layer, SnapStart};
use hearth_core::environment::NotRestored;
use hearth_sandbox::ExitStatus;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

const RESTORE_NEXT: &str = "GET /2018-06-01/runtime/restore/next";
const REFUSED: &str = "failed for runtime. Error: State transition is not allowed";

fn stage(program: impl Fn(&mut Runtime) -> ExitStatus + Send + Sync + 'static) -> Stage {
    let mut stage = Stage::new(Arc::new(program) as Program);
    let (version, snap_start) = ("1".to_owned(), SnapStart::PublishedVersions);
    stage.function = Arc::new(FunctionVersion { version, snap_start, ..function() });
    stage
}

/// With an extension that makes Init last until somebody else waits as well.
fn extended(
    runtime: impl Fn(&mut Runtime) -> ExitStatus + Send + Sync + 'static,
    initialised: Arc<Barrier>,
) -> (Stage, TempDir) {
    let mut stage = stage(move |process| {
        if !process.program.starts_with("/opt/extensions/") {
            return runtime(process);
        }
        let line = "POST /2020-01-01/extension/register";
        let (_, headers, _) = process.request(line, "Lambda-Extension-Name: one\r\n", r#"{"events":[]}"#).unwrap();
        let (_, id) = headers.into_iter().find(|(name, _)| name == "lambda-extension-identifier").unwrap();
        initialised.wait();
        let id = format!("Lambda-Extension-Identifier: {id}\r\n");
        process.request("GET /2020-01-01/extension/event/next", &id, "");
        process.hang()
    });
    let layer = tempfile::tempdir().unwrap();
    std::fs::create_dir(layer.path().join("extensions")).unwrap();
    std::fs::write(layer.path().join("extensions/one"), "").unwrap();
    let code = Code { sha256: layer.path().to_str().unwrap().to_owned(), size: 0 };
    let layers = vec![Layer { arn: String::new(), code }];
    stage.function = Arc::new(FunctionVersion { layers, ..FunctionVersion::clone(&stage.function) });
    (stage, layer)
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
    let (status, _, body) = reply.unwrap();
    status == 403 && body.contains(&expected)
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
    stage.rested().await;
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
    let initialised = Arc::new(Barrier::new(2));
    let (other, said) = (Arc::clone(&initialised), Arc::new(Mutex::new(Vec::new())));
    let heard = Arc::clone(&said);
    let runtime = move |runtime: &mut Runtime| {
        let mut second = runtime.another();
        let mut is_refused = |from, (method, call, to)| {
            let refused = refused(second.call(method, call, ""), from, to);
            heard.lock().unwrap().push((from, call, refused));
            refused
        };
        let next = ("GET", "runtime/invocation/next", "Ready");
        let restore_next = ("GET", "runtime/restore/next", "Ready");
        let restore_error = ("POST", "runtime/restore/error", "RuntimeRestoreErrorState");
        let init_error = ("POST", "runtime/init/error", "InitError");
        is_refused("Started", restore_error);
        runtime.ask(RESTORE_NEXT);
        while !is_refused("RestoreReady", restore_error) {}
        for call in [restore_next, next, init_error] {
            is_refused("RestoreReady", call);
        }
        other.wait();
        assert_eq!(runtime.reply().unwrap().0, 200);
        is_refused("Restoring", restore_next);
        let (id, event) = runtime.next().unwrap();
        for call in [restore_next, restore_error, init_error] {
            is_refused("Running", call);
        }
        runtime.respond(&id, &event);
        for call in [restore_next, restore_error, init_error] {
            is_refused("RuntimeResponseSentState", call);
        }
        runtime.ask(NEXT);
        while !is_refused("Ready", restore_next) {}
        for call in [restore_error, init_error] {
            is_refused("Ready", call);
        }
        other.wait();
        let (id, event) = runtime.event().unwrap();
        runtime.respond(&id, &event);
        serve(runtime)
    };
    let (stage, _layer) = extended(runtime, Arc::clone(&initialised));
    assert_eq!(stage.invoke_to_the_end("1").await.payload, "1");
    initialised.wait(); // and now it has asked all there is to ask
    stage.rested().await;
    assert_eq!(stage.invoke_to_the_end("2").await.payload, "2");
    let said = said.lock().unwrap();
    let refused = said.iter().filter(|(_, _, refused)| *refused);
    assert_eq!(refused.count(), 15, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_may_ask_again_when_its_connection_has_died() {
    let initialised = Arc::new(Barrier::new(2));
    let (other, said) = (Arc::clone(&initialised), Arc::new(Mutex::new(Vec::new())));
    let heard = Arc::clone(&said);
    let runtime = move |runtime: &mut Runtime| {
        let mut first = runtime.another();
        first.ask(RESTORE_NEXT);
        while !refused(runtime.call("POST", "runtime/restore/error", "{}"), "RestoreReady", "RuntimeRestoreErrorState")
        {
        }
        first.leave();
        // Of two that ask now, one waits.
        let (told, answers) = mpsc::channel();
        for mut one in [runtime.another(), runtime.another()] {
            let told = told.clone();
            std::thread::spawn(move || told.send(one.call("GET", "runtime/restore/next", "").unwrap().0).unwrap());
        }
        let note = || heard.lock().unwrap().push(answers.recv().unwrap());
        note();
        other.wait();
        note();
        serve(runtime)
    };
    let (stage, _layer) = extended(runtime, initialised);
    assert_eq!(stage.invoke_to_the_end("1").await.payload, "1");
    assert_eq!(*said.lock().unwrap(), [403, 200]);
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
    let waits = Arc::new(Barrier::new(2));
    let invoked = Arc::clone(&waits);
    let stage = stage(move |runtime| {
        if runtime.environment == 0 {
            invoked.wait();
        }
        runtime.call("POST", "runtime/init/error", r#"{"errorType":"Oh"}"#).unwrap();
        ExitStatus::Code(1)
    });
    // An Init that has failed before somebody waits for it is nobody's.
    let (answer, _) = tokio::join!(stage.invoke_to_the_end("1"), async { waits.wait() });
    assert_eq!((answer.payload, answer.function_error), (r#"{"errorType":"Oh"}"#.into(), true));
    let raw = stage.logs.raw();
    assert_eq!(raw.iter().filter(|line| line.starts_with("INIT_")).count(), 2, "{raw:?}");
    assert_eq!(answer.log_tail.unwrap(), raw.concat(), "there will be no REPORT to wait for");
    assert_eq!(stage.invoke("2").await.unwrap().log_tail, None);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_takes_long_holds_up_no_answer() {
    let stage = stage(|runtime| {
        while let Some((id, event)) = runtime.next() {
            if event == "null" {
                return ExitStatus::Code(1);
            }
            runtime.respond(&id, &event);
        }
        runtime.hang()
    });
    let version = || {
        let incarnation = Uuid::new_v4();
        Arc::new(FunctionVersion { incarnation, ..FunctionVersion::clone(&stage.function) })
    };
    let versions = [version(), version(), version()];
    for idle in versions.iter().take(2) {
        assert!(stage.worker.invoke(Arc::clone(idle), invocation("1", true)).await.is_ok());
        stage.rested().await;
    }
    let (go_on, word) = mpsc::channel();
    *stage.sandboxes.ends_late.lock().unwrap() = Some((0, word));
    stage.worker.retire(&stage.function.key, &[versions[0].incarnation]);
    while stage.sandboxes.ends_late.lock().unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // This one can wait for its turn; the next ends where others are reset, and its caller has the end of the log only after that.
    stage.worker.retire(&stage.function.key, &[versions[1].incarnation]);
    let answer = stage.worker.invoke(Arc::clone(&versions[2]), invocation("null", true)).await.unwrap();
    assert!(answer.function_error && String::from_utf8_lossy(&answer.log_tail.unwrap()).contains("\nREPORT "));
    assert_eq!(stage.sandboxes.ended.load(Ordering::SeqCst), 1, "the first is at it still, and the second behind it");
    go_on.send(()).unwrap();
}
