//! Answers that go to their caller as they come. What must have happened before something else is held by barriers.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use common::{Program, Runtime, Stage, function};
use hearth_api::environments::Environments;
use hearth_api::function::FunctionVersion;
use hearth_sandbox::ExitStatus;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use tokio::sync::mpsc::Receiver;

/// A runtime that answers each event as `handler` does.
fn streaming(handler: impl Fn(&mut Runtime, &str, &str) -> ExitStatus + Send + Sync + 'static) -> Program {
    Arc::new(move |runtime| {
        while let Some((id, event)) = runtime.next() {
            let status = handler(runtime, &id, &event);
            if status != ExitStatus::Code(0) {
                return status;
            }
        }
        ExitStatus::Code(0)
    })
}

async fn rest(mut pieces: Receiver<Bytes>) -> String {
    let mut all = Vec::new();
    while let Some(piece) = pieces.recv().await {
        all.extend_from_slice(&piece);
    }
    String::from_utf8(all).expect("text")
}

async fn meet(barrier: &Arc<Barrier>) {
    let barrier = Arc::clone(barrier);
    tokio::task::spawn_blocking(move || barrier.wait()).await.expect("both are there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_piece_arrives_before_the_handler_ends() {
    let seen = Arc::new(Barrier::new(2));
    let seen2 = Arc::clone(&seen);
    let stage = Stage::new(streaming(move |runtime, id, _| {
        runtime.begin(id);
        runtime.piece("one");
        seen2.wait();
        runtime.piece("two");
        assert_eq!(runtime.end("").unwrap().0, 202);
        ExitStatus::Code(0)
    }));
    let (mut pieces, call) = stage.stream("null");
    assert_eq!(pieces.recv().await.unwrap(), "one");
    assert!(!call.is_finished());
    meet(&seen).await;
    assert_eq!(rest(pieces).await, "two");
    let ended = call.await.unwrap();
    assert!(!ended.function_error && ended.payload.is_empty());
    assert!(ended.log_tail.unwrap().starts_with(b"START "));
    assert!(!stage.logs.last("REPORT").contains("Status"));
    stage.rested().await;
    let (pieces, call) = stage.stream("null");
    meet(&seen).await;
    assert_eq!((rest(pieces).await.as_str(), call.await.unwrap().function_error), ("onetwo", false));
    assert_eq!(stage.worker.list().len(), 1, "the same environment");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_it_whole_gets_it_whole() {
    let stage = Stage::new(streaming(|runtime, id, event| {
        runtime.begin(id);
        runtime.piece(event);
        runtime.piece(&"x".repeat(if event == "1" { 7 << 20 } else { 3 }));
        assert_eq!(runtime.end("").unwrap().0, if event == "1" { 413 } else { 202 });
        ExitStatus::Code(0)
    }));
    assert_eq!(stage.invoke("5").await.unwrap().payload, "5xxx");
    let large = stage.invoke("1").await.unwrap();
    assert!(large.function_error && large.payload.starts_with(b"{\"errorMessage\":\"Response payload size exceeded"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_in_one_piece_comes_at_the_end() {
    let stage = Stage::new(streaming(|runtime, id, event| {
        if event == "1" {
            runtime.call("POST", &format!("runtime/invocation/{id}/error"), "{\"errorType\":\"E\"}").unwrap();
        } else {
            runtime.respond(id, event);
        }
        ExitStatus::Code(0)
    }));
    let (pieces, call) = stage.stream("5");
    let ended = call.await.unwrap();
    assert_eq!((ended.payload.as_ref(), ended.function_error, rest(pieces).await.as_str()), (&b"5"[..], false, ""));
    let (_, call) = stage.stream("1");
    let ended = call.await.unwrap();
    assert_eq!((ended.payload.as_ref(), ended.function_error), (&b"{\"errorType\":\"E\"}"[..], true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_the_trailers_ends_the_answer() {
    let stage = Stage::new(streaming(|runtime, id, _| {
        runtime.begin(id);
        runtime.piece("part");
        let body = STANDARD.encode("{\"errorMessage\":\"late\"}");
        let trailers =
            format!("Lambda-Runtime-Function-Error-Type: Error\r\nLambda-Runtime-Function-Error-Body: {body}\r\n");
        assert_eq!(runtime.end(&trailers).unwrap().0, 202);
        ExitStatus::Code(0)
    }));
    let (pieces, call) = stage.stream("null");
    assert_eq!(rest(pieces).await, "part");
    let ended = call.await.unwrap();
    assert_eq!((ended.payload.as_ref(), ended.function_error), (&b"{\"errorMessage\":\"late\"}"[..], true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_off_says_so_and_the_environment_goes_on() {
    let stage = Stage::new(streaming(|runtime, id, event| {
        if event == "1" {
            runtime.begin(id);
            runtime.piece("part");
            runtime.reconnect();
        } else {
            runtime.respond(id, event);
        }
        ExitStatus::Code(0)
    }));
    let (pieces, call) = stage.stream("1");
    assert_eq!(rest(pieces).await, "part");
    let ended = call.await.unwrap();
    assert!(ended.function_error);
    assert!(ended.payload.starts_with(b"{\"errorType\":\"Runtime.TruncatedResponse\""), "{:?}", ended.payload);
    assert!(stage.logs.last("REPORT").ends_with("\tStatus: error\tError Type: Runtime.TruncatedResponse\t\n"));
    stage.rested().await;
    assert_eq!(stage.invoke("2").await.unwrap().payload, "2");
    assert_eq!(stage.worker.list().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_in_the_middle_cuts_it_off() {
    let mut stage = Stage::new(streaming(|runtime, id, event| {
        if event == "2" {
            runtime.respond(id, event);
            return ExitStatus::Code(0);
        }
        runtime.begin(id);
        runtime.piece("part");
        runtime.hang()
    }));
    stage.function = Arc::new(FunctionVersion { timeout_s: 3, ..function() });
    let (pieces, call) = stage.stream("1");
    assert_eq!(rest(pieces).await, "part");
    let ended = call.await.unwrap();
    assert!(ended.payload.starts_with(b"{\"errorType\":\"Sandbox.Timedout\""), "{:?}", ended.payload);
    assert!(ended.function_error && stage.logs.last("REPORT").ends_with("\tStatus: timeout\t\n"));
    assert_eq!(stage.invoke("2").await.unwrap().payload, "2", "the environment has been reset");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_the_middle_names_the_exit() {
    let seen = Arc::new(Barrier::new(2));
    let seen2 = Arc::clone(&seen);
    let stage = Stage::new(streaming(move |runtime, id, _| {
        runtime.begin(id);
        runtime.piece("part");
        seen2.wait();
        ExitStatus::Code(7)
    }));
    let (mut pieces, call) = stage.stream("1");
    assert_eq!(pieces.recv().await.unwrap(), "part");
    meet(&seen).await;
    let payload = String::from_utf8(call.await.unwrap().payload.to_vec()).unwrap();
    assert!(payload.ends_with("Error: Runtime exited with error: exit status 7\"}"), "{payload}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_answer_at_a_time() {
    let seen = Arc::new(Barrier::new(2));
    let seen2 = Arc::clone(&seen);
    let stage = Stage::new(streaming(move |runtime, id, _| {
        runtime.begin(id);
        runtime.piece("one");
        seen2.wait();
        let mut other = runtime.another();
        let refused = |(status, _, body): common::Reply| {
            assert_eq!(status, 403, "{body}");
            assert!(body.contains("State transition from InvocationResponse to "), "{body}");
        };
        // What the caller has got of the first is in the way of another.
        refused(other.call("POST", &format!("runtime/invocation/{id}/response"), "2").unwrap());
        refused(other.call("POST", &format!("runtime/invocation/{id}/error"), "{}").unwrap());
        other.begin(id);
        refused(other.end("").unwrap());
        assert_eq!(runtime.end("").unwrap().0, 202);
        other.begin(id);
        assert_eq!(other.end("").unwrap().0, 400, "already answered");
        ExitStatus::Code(0)
    }));
    let (mut pieces, call) = stage.stream("1");
    assert_eq!(pieces.recv().await.unwrap(), "one");
    meet(&seen).await;
    assert_eq!(rest(pieces).await, "");
    assert!(!call.await.unwrap().function_error);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_stops_nothing() {
    let gone = Arc::new(Barrier::new(2));
    let (gone2, ended) = (Arc::clone(&gone), Arc::new(AtomicBool::new(false)));
    let ended2 = Arc::clone(&ended);
    let stage = Stage::new(streaming(move |runtime, id, event| {
        if event == "2" {
            runtime.respond(id, event);
            return ExitStatus::Code(0);
        }
        runtime.begin(id);
        runtime.piece("one");
        gone2.wait();
        for _ in 0..64 {
            assert!(runtime.piece(&"x".repeat(1 << 20)));
        }
        ended2.store(runtime.end("").unwrap().0 == 202, Ordering::SeqCst);
        ExitStatus::Code(0)
    }));
    let (mut pieces, call) = stage.stream("1");
    assert_eq!(pieces.recv().await.unwrap(), "one");
    drop(pieces);
    meet(&gone).await;
    assert!(!call.await.unwrap().function_error);
    assert!(ended.load(Ordering::SeqCst), "the handler wrote all of it");
    stage.rested().await;
    assert_eq!(stage.invoke("2").await.unwrap().payload, "2");
    assert_eq!(stage.worker.list().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_does_not_read_holds_up_the_runtime() {
    let written = Arc::new(AtomicUsize::new(0));
    let written2 = Arc::clone(&written);
    let mut stage = Stage::new(streaming(move |runtime, id, _| {
        runtime.begin(id);
        while runtime.piece(&"x".repeat(1 << 20)) {
            written2.fetch_add(1, Ordering::SeqCst);
        }
        ExitStatus::Code(1)
    }));
    stage.function = Arc::new(FunctionVersion { timeout_s: 1, ..function() });
    let (pieces, call) = stage.stream("1");
    // Until the timeout, in which an unbounded queue would take all that 200 MB allow.
    let ended = call.await.unwrap();
    assert!(ended.payload.starts_with(b"{\"errorType\":\"Sandbox.Timedout\""), "{:?}", ended.payload);
    assert!(written.load(Ordering::SeqCst) < 32, "what the kernel's buffers hold, and a few pieces");
    assert!(rest(pieces).await.len() < 1 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_first_burst_it_goes_at_the_rate() {
    const BURST: usize = 6 << 20;
    let program = streaming(|runtime, id, _| {
        runtime.begin(id);
        runtime.piece(&"x".repeat(BURST + (1 << 16)));
        runtime.end("");
        ExitStatus::Code(0)
    });
    // One byte a second: what is beyond the burst does not come before the timeout, however slow this machine is.
    let mut stage = Stage::made(program, |config| config.stream_bytes_per_s = NonZeroU64::new(1));
    stage.function = Arc::new(FunctionVersion { timeout_s: 5, ..function() });
    let (mut pieces, call) = stage.stream("1");
    let mut length = 0;
    while let Some(piece) = pieces.recv().await {
        length += piece.len();
    }
    assert!(length <= BURST, "{length}");
    let ended = call.await.expect("an end");
    assert!(ended.payload.starts_with(b"{\"errorType\":\"Sandbox.Timedout\""), "{:?}", ended.payload);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_in_pieces_has_a_limit_too() {
    let stage = Stage::new(streaming(|runtime, id, event| {
        if event == "2" {
            runtime.respond(id, event);
            return ExitStatus::Code(0);
        }
        runtime.begin(id);
        let piece = "x".repeat(1 << 20);
        for _ in 0..201 {
            runtime.piece(&piece);
        }
        let (status, _, body) = runtime.end("").unwrap();
        assert_eq!(status, 413);
        assert!(body.contains("Exceeded maximum allowed payload size (209715200 bytes)."), "{body}");
        ExitStatus::Code(0)
    }));
    let (mut pieces, call) = stage.stream("1");
    let mut length = 0;
    while let Some(piece) = pieces.recv().await {
        length += piece.len();
    }
    assert!(length <= 200 << 20);
    let ended = call.await.unwrap();
    let text = b"{\"errorMessage\":\"Response payload size exceeded maximum allowed payload size (209715200 bytes).";
    assert!(ended.function_error && ended.payload.starts_with(text), "{:?}", ended.payload);
    assert_eq!(stage.invoke("2").await.unwrap().payload, "2");
}
