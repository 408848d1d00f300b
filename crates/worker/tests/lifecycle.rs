//! The worker as its callers see it, over a fake sandbox and a runtime that speaks real HTTP.

mod common;

use common::{Stage, function, invocation, serving};
use hearth_api::environments::{Environments, InvokeError};
use hearth_api::function::FunctionVersion;
use hearth_core::billing::Rule;
use hearth_sandbox::ExitStatus;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier, OnceLock};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_and_a_warm_invocation_log_as_on_aws() {
    let stage = Stage::new(serving(|runtime, _, event| {
        runtime.print("a line\nand a rest");
        event.to_uppercase()
    }));
    let cold = stage.invoke_to_the_end(r#""a""#).await;
    assert_eq!(cold.payload, r#""A""#);
    assert!(!cold.function_error);
    stage.rested().await;
    let warm = stage.invoke_to_the_end(r#""b""#).await;
    assert_eq!(warm.executed_version, "$LATEST");
    let one =
        ["START RequestId: ID Version: $LATEST", "a line", "and a rest", "END RequestId: ID", "REPORT RequestId: ID"];
    let expected: Vec<&str> = ["INIT_START Runtime Version: fake:1"].into_iter().chain(one).chain(one).collect();
    assert_eq!(stage.logs.lines(), expected);
    assert_eq!(stage.logs.streams().len(), 1, "the same environment");
    let tail = String::from_utf8(cold.log_tail.unwrap().to_vec()).unwrap();
    assert!(tail.starts_with("START RequestId: ") && tail.contains("\tInit Duration: "), "{tail}");
    let tail = String::from_utf8(warm.log_tail.unwrap().to_vec()).unwrap();
    assert!(tail.starts_with("START ") && tail.contains("Max Memory Used: 30 MB\t\n"), "{tail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_come_back_at_once_meet_the_same_environment() {
    // Nobody waits for longer: if the machine has stood still for so long, a new environment shows nothing.
    const AT_ONCE: Duration = Duration::from_millis(100);
    let mut rounds = 0;
    while rounds < 50 {
        let stage = Stage::new(serving(|runtime, _, _| runtime.environment.to_string()));
        let mut before = Instant::now();
        while rounds < 50 {
            let began = Instant::now();
            let payload = stage.invoke("null").await.unwrap().payload;
            if payload != "0" {
                assert!(before.elapsed() > AT_ONCE, "environment {payload:?} in round {rounds}");
                break;
            }
            // The round before counts as well: since it answered, as the worker sees it.
            before = began;
            rounds += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_concurrent_invocations_have_thirty_environments() {
    let all_inside = Arc::new(Barrier::new(30));
    let stage = Arc::new(Stage::new(serving(move |runtime, _, _| {
        all_inside.wait();
        runtime.environment.to_string()
    })));
    let calls: Vec<_> = (0..30)
        .map(|_| {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move { stage.invoke("null").await.unwrap().payload })
        })
        .collect();
    let mut environments = std::collections::HashSet::new();
    for call in calls {
        environments.insert(call.await.unwrap());
    }
    assert_eq!(environments.len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_resets_and_the_next_invocation_pays_the_init() {
    let mut stage = Stage::new(serving(|runtime, _, event| {
        if event == r#""hang""# {
            runtime.hang();
        }
        format!("{}", runtime.launch)
    }));
    stage.function = Arc::new(FunctionVersion { timeout_s: 3, ..function() });
    assert_eq!(stage.invoke("null").await.unwrap().payload, "1");
    stage.rested().await;
    let late = stage.invoke_to_the_end(r#""hang""#).await;
    assert!(late.function_error);
    let payload = String::from_utf8(late.payload.to_vec()).unwrap();
    assert!(payload.starts_with(r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: "#), "{payload}");
    assert!(payload.ends_with(r#"Error: Task timed out after 3.00 seconds"}"#), "{payload}");
    let report = stage.logs.last("REPORT");
    assert!(report.contains("\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t"), "{report}");
    assert!(report.ends_with("\tStatus: timeout\t\n"), "{report}");
    stage.rested().await;
    let next = stage.invoke_to_the_end("null").await;
    assert_eq!(next.payload, "2", "a second launch in the same environment");
    assert!(!stage.logs.last("REPORT").contains("Init Duration"), "the suppressed init is part of the duration");
    assert_eq!(stage.worker.list().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_answers_with_the_exit_and_resets() {
    let stage = Stage::new(Arc::new(|runtime| {
        let (id, event) = runtime.next().unwrap();
        if event == r#""crash""# {
            runtime.print("last words\n");
            return ExitStatus::Code(7);
        }
        runtime.respond(&id, &event);
        // Asks for another and ends without an answer when the environment ends.
        runtime.next();
        ExitStatus::Code(0)
    }));
    let crash = stage.invoke_to_the_end(r#""crash""#).await;
    assert!(crash.function_error);
    let payload = String::from_utf8(crash.payload.to_vec()).unwrap();
    assert!(payload.ends_with(r#"Error: Runtime exited with error: exit status 7"}"#), "{payload}");
    let tail = String::from_utf8(crash.log_tail.unwrap().to_vec()).unwrap();
    assert!(tail.contains("last words\nEND "), "{tail}");
    assert!(tail.ends_with("\tStatus: error\tError Type: Runtime.ExitError\t\n"), "{tail}");
    stage.rested().await;
    assert_eq!(stage.invoke(r#""fine""#).await.unwrap().payload, r#""fine""#);
    assert_eq!(stage.worker.list().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_init_that_fails_runs_again_inside_the_invocation() {
    let stage = Stage::new(Arc::new(|runtime| {
        let body = r#"{"errorType":"Runtime.ImportModuleError"}"#;
        let (status, ..) = runtime.call("POST", "runtime/init/error", body).unwrap();
        assert_eq!(status, 202);
        ExitStatus::Code(1)
    }));
    let failed = stage.invoke_to_the_end("null").await;
    assert!(failed.function_error);
    assert_eq!(failed.payload, r#"{"errorType":"Runtime.ImportModuleError"}"#);
    let first_words: Vec<String> =
        stage.logs.lines().iter().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(first_words, ["INIT_START", "INIT_REPORT", "INIT_REPORT", "START", "END", "REPORT"]);
    assert!(stage.logs.last("INIT_REPORT").contains("\tPhase: invoke\tStatus: error\tError Type: Runtime.Unknown"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_out_of_order_are_refused_and_harm_nothing() {
    let stage = Stage::new(serving(|runtime, id, _| {
        let other = uuid::Uuid::new_v4();
        let wrong = runtime.call("POST", &format!("runtime/invocation/{other}/response"), "1").unwrap();
        assert_eq!(
            (wrong.0, wrong.2.as_str()),
            (400, "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n")
        );
        let late = runtime.call("POST", "runtime/init/error", "{}").unwrap();
        assert_eq!(late.0, 403);
        assert!(late.2.contains("State transition from Running to InitError failed for runtime."), "{}", late.2);
        // Asked twice: the same event again.
        let again = runtime.next().unwrap();
        assert_eq!(again.0, id);
        assert_eq!(runtime.call("GET", "nonsense", "").unwrap().0, 404);
        "\"ok\"".to_owned()
    }));
    assert_eq!(stage.invoke("null").await.unwrap().payload, "\"ok\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_too_large_does_not_harm_the_environment() {
    let stage =
        Stage::new(serving(|_, _, event| if event == "1" { "x".repeat(7 << 20) } else { "\"small\"".to_owned() }));
    let large = stage.invoke_to_the_end("1").await;
    assert!(large.function_error);
    assert!(large.payload.starts_with(b"{\"errorMessage\":\"Response payload size exceeded maximum allowed"));
    stage.rested().await;
    assert_eq!(stage.invoke("2").await.unwrap().payload, "\"small\"");
    assert_eq!(stage.worker.list().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_in_a_mode_that_does_not_exist_does_not_harm_the_environment() {
    let stage = Stage::new(serving(|runtime, id, event| {
        let line = format!("POST /2018-06-01/runtime/invocation/{id}/response");
        let mode = "Lambda-Runtime-Function-Response-Mode: buffered\r\n";
        if event == "1" {
            let (status, _, body) = runtime.request(&line, mode, "\"lost\"").expect("the connection stays");
            let refusal =
                r#"{"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}"#;
            assert_eq!((status, body.trim_end()), (400, refusal));
        }
        // Too late for the first one: it is refused.
        "\"late\"".to_owned()
    }));
    let wrong = stage.invoke_to_the_end("1").await;
    assert!(wrong.function_error && wrong.payload.is_empty(), "{:?}", wrong.payload);
    let report = stage.logs.last("REPORT");
    assert!(report.ends_with("\tStatus: error\tError Type: Runtime.InvalidResponseModeHeader\t\n"), "{report}");
    stage.rested().await;
    assert_eq!(stage.invoke("2").await.unwrap().payload, "\"late\"");
    assert_eq!(stage.worker.list().len(), 1);
    assert_eq!(stage.logs.streams().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_with_its_cause_is_told_without_it() {
    let stage = Stage::new(serving(|runtime, id, event| {
        let line = format!("POST /2018-06-01/runtime/invocation/{id}/error");
        let kind = if event == "1" { "application/vnd.aws.lambda.error.cause+json" } else { "application/json" };
        let status =
            runtime.request(&line, &format!("Content-Type: {kind}\r\n"), r#"{"errorType":"E","errorCause":{}}"#);
        assert_eq!(status.unwrap().0, 202);
        // Too late: it is refused.
        "null".to_owned()
    }));
    let answer = stage.invoke("1").await.unwrap();
    assert!(answer.function_error);
    assert_eq!(answer.payload, r#"{"errorMessage":"","errorType":"E"}"#);
    assert_eq!(stage.invoke("2").await.unwrap().payload, r#"{"errorType":"E","errorCause":{}}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_an_answer_in_such_a_mode_does_not_wait_for_its_end() {
    let told = Arc::new(Barrier::new(2));
    let told2 = Arc::clone(&told);
    let stage = Stage::new(serving(move |runtime, id, event| {
        if event == "1" {
            runtime.begin_as(id, "buffered");
            runtime.piece("\"lo");
            told2.wait();
            runtime.piece("st\"");
            assert_eq!(runtime.end("").expect("the connection stays").0, 400);
        }
        event.to_owned()
    }));
    let wrong = stage.invoke("1").await.unwrap();
    assert!(wrong.function_error && wrong.payload.is_empty(), "{:?}", wrong.payload);
    told.wait();
    stage.rested().await;
    assert_eq!(stage.invoke("2").await.unwrap().payload, "2");
    assert_eq!(stage.worker.list().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_retires_the_old_environments_after_their_invocation() {
    let (inside, leave) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (inside2, leave2) = (Arc::clone(&inside), Arc::clone(&leave));
    let stage = Arc::new(Stage::new(serving(move |runtime, _, event| {
        if event == "\"wait\"" {
            inside2.wait();
            leave2.wait();
        }
        runtime.environment.to_string()
    })));
    let running = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.invoke("\"wait\"").await.unwrap().payload })
    };
    tokio::task::spawn_blocking(move || inside.wait()).await.unwrap();
    let updated = Arc::new(function());
    stage.worker.retire(&updated.key, &[stage.function.incarnation]);
    let new = stage.worker.invoke(Arc::clone(&updated), invocation("null", false)).await.unwrap();
    assert_eq!(new.payload, "1", "the new incarnation has an environment of its own");
    tokio::task::spawn_blocking(move || leave.wait()).await.unwrap();
    assert_eq!(running.await.unwrap(), "0", "the old one finished");
    while stage.worker.list().len() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.sandboxes.ended.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_environment_is_frozen_and_then_shut_down() {
    let stage = Stage::with(serving(|_, _, _| "1".to_owned()), Rule::Classic, Duration::from_millis(50));
    stage.invoke_to_the_end("null").await;
    assert!(!stage.logs.last("REPORT").contains("Status"), "{}", stage.logs.last("REPORT"));
    while !stage.worker.list().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.sandboxes.frozen.load(Ordering::SeqCst), 1, "it was frozen when it ended");
    assert_eq!(stage.sandboxes.ended.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_ends_what_does_not_finish() {
    let inside = Arc::new(Barrier::new(2));
    let inside2 = Arc::clone(&inside);
    let stage = Arc::new(Stage::new(serving(move |runtime, _, _| {
        inside2.wait();
        runtime.hang();
        String::new()
    })));
    let running = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.invoke("null").await })
    };
    tokio::task::spawn_blocking(move || inside.wait()).await.unwrap();
    stage.worker.drain(Duration::from_millis(10)).await;
    assert_eq!(running.await.unwrap().unwrap_err(), InvokeError::Draining, "it has not been handled");
    assert!(stage.worker.list().is_empty());
    assert!(stage.invoke("null").await.is_err(), "no new invocation is taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_ends_the_environments_of_a_deleted_function_too() {
    let inside = Arc::new(Barrier::new(2));
    let inside2 = Arc::clone(&inside);
    let stage = Arc::new(Stage::new(serving(move |runtime, _, _| {
        inside2.wait();
        runtime.hang();
        String::new()
    })));
    let running = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.invoke("null").await })
    };
    tokio::task::spawn_blocking(move || inside.wait()).await.unwrap();
    stage.worker.retire(&stage.function.key, &[stage.function.incarnation]);
    assert_eq!(stage.worker.list().len(), 1, "it is still to be seen");
    stage.worker.drain(Duration::from_millis(10)).await;
    assert_eq!(running.await.unwrap().unwrap_err(), InvokeError::Draining);
    assert_eq!(stage.sandboxes.ended.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_loses_no_environment() {
    let stage = Arc::new(Stage::new(serving(|runtime, _, _| runtime.environment.to_string())));
    stage.invoke("null").await.unwrap();
    for _ in 0..50 {
        // Callers that come back at once and are gone at once, in every state that the environment can be in.
        let mut call = Box::pin(stage.invoke("null"));
        let polled = futures_util::poll!(&mut call);
        drop(call);
        drop(polled);
        assert!(!stage.invoke("null").await.unwrap().function_error);
    }
    stage.rested().await;
    let invokes: u64 = stage.worker.list().iter().map(|environment| environment.invokes).sum();
    assert_eq!(invokes, 101, "each of them has run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_is_too_large_ends_the_invocation() {
    let stage = Stage::new(serving(|runtime, id, event| {
        if event == "1" {
            let huge = "x".repeat(7 << 20);
            assert_eq!(runtime.call("POST", &format!("runtime/invocation/{id}/error"), &huge).unwrap().0, 413);
        }
        "\"ok\"".to_owned()
    }));
    let large = stage.invoke_to_the_end("1").await;
    assert!(large.payload.starts_with(b"{\"errorMessage\":\"Response payload size exceeded"));
    assert_eq!(stage.invoke("2").await.unwrap().payload, "\"ok\"");
}

#[tokio::test]
async fn init_runs_at_full_speed_unless_it_is_not_to() {
    for (init_at_full_speed, in_init) in [(true, "[]"), (false, "[Some(128)]")] {
        let shares: Arc<OnceLock<common::Shares>> = Arc::default();
        let seen = Arc::clone(&shares);
        let program: common::Program = Arc::new(move |runtime| {
            let in_init = format!("{:?}", seen.get().unwrap().lock().unwrap());
            while let Some((id, _)) = runtime.next() {
                runtime.respond(&id, &in_init);
            }
            ExitStatus::Code(0)
        });
        let stage = Stage::made(program, |config| config.init_at_full_speed = init_at_full_speed);
        shares.set(Arc::clone(&stage.sandboxes.shares)).unwrap();
        assert_eq!(stage.invoke("null").await.unwrap().payload, in_init);
        assert_eq!(*stage.sandboxes.shares.lock().unwrap(), [Some(128)], "from the first invocation on");
    }
}
