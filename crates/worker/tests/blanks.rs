//! Sandboxes that wait for cold starts, over fakes: who gets them, and that none outlives the worker.

mod common;

use common::{Refusal, Stage, function, invocation, serving};
use hearth_api::environments::{Environments, InvokeError};
use hearth_sandbox::{ProcessSpec, SandboxError, SandboxEvent};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Functions answer with the number of their sandbox.
fn stage(pool_kib: Option<u64>) -> Stage {
    let program = serving(|runtime, _, _| runtime.environment.to_string());
    Stage::made(program, |config| config.pool_kib = pool_kib)
}

/// The number of the sandbox in which a function runs that has not run before.
async fn cold_start(stage: &Stage) -> usize {
    let function = Arc::new(function());
    let answer = stage.worker.invoke(function, invocation("{}", false)).await.expect("it runs");
    String::from_utf8(answer.payload.to_vec()).expect("text").parse().expect("a number")
}

/// Returns when so many are ready.
async fn ready(stage: &Stage, count: usize) {
    let counts = || stage.worker.blanks().kinds.first().map_or((0, 0), |kind| (kind.ready, kind.wanted));
    let until = async {
        while counts() != (count, count) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), until).await;
    in_time.unwrap_or_else(|_| panic!("{:?} are ready and wanted, not {count}", counts()));
}

#[tokio::test]
async fn a_cold_start_takes_a_sandbox_that_waits() {
    let stage = stage(Some(1 << 20));
    let (one, other) = tokio::join!(cold_start(&stage), cold_start(&stage));
    assert_eq!(one + other, 1, "there was none: {one} and {other} are new");
    // Two came at once: one more than that.
    ready(&stage, 3).await;
    assert_eq!(stage.sandboxes.made.load(Ordering::SeqCst), 5);
    assert!((2..5).contains(&cold_start(&stage).await));
    assert_eq!(stage.worker.blanks().kinds[0].runtime, "fake");
}

#[tokio::test]
async fn one_that_died_waiting_is_given_to_nobody() {
    let stage = stage(Some(1 << 20));
    cold_start(&stage).await;
    ready(&stage, 2).await;
    let tell = |number: usize, event| stage.sandboxes.events.lock().expect("usable")[number].send(event);
    tell(1, SandboxEvent::Gone).expect("somebody listens");
    while stage.sandboxes.ended.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(cold_start(&stage).await, 2, "the other one");
    assert_eq!(cold_start(&stage).await, 3, "a new one: none is made for a while");
}

#[tokio::test]
async fn a_drain_leaves_none() {
    let stage = stage(Some(1 << 20));
    cold_start(&stage).await;
    ready(&stage, 2).await;
    stage.worker.drain(Duration::from_secs(1)).await;
    assert_eq!(stage.sandboxes.ended.load(Ordering::SeqCst), stage.sandboxes.made.load(Ordering::SeqCst));
    assert!(stage.worker.blanks().kinds.iter().all(|kind| kind.ready == 0));
}

#[tokio::test]
async fn without_a_budget_none_wait() {
    for pool_kib in [None, Some(0)] {
        let stage = stage(pool_kib);
        for number in 0..3 {
            assert_eq!(cold_start(&stage).await, number);
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }
}

/// Returns when as many `/tmp`s are ready as are to be.
async fn tmps_ready(stage: &Stage) {
    let tmps = || stage.worker.blanks().tmps;
    while tmps().ready != tmps().wanted {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn tmps_are_made_again_whether_sandboxes_wait_or_not() {
    for pool_kib in [None, Some(1 << 20)] {
        let program = serving(|runtime, _, _| runtime.environment.to_string());
        let stage = Stage::made_with_tmps(3, program, |config| config.pool_kib = pool_kib);
        tmps_ready(&stage).await;
        cold_start(&stage).await;
        tmps_ready(&stage).await;
        assert!(stage.sandboxes.tmps_made.load(Ordering::SeqCst) > 3, "one was taken");
        stage.worker.drain(Duration::from_secs(1)).await;
        assert_eq!((stage.worker.blanks().tmps.ready, stage.worker.blanks().tmps.wanted), (0, 3));
    }
}

#[tokio::test]
async fn tmps_go_before_the_idle_do() {
    let program = serving(|runtime, _, _| runtime.environment.to_string());
    let stage = Stage::made_with_tmps(3, program, |_| {});
    tmps_ready(&stage).await;
    stage.sandboxes.room.store(2, Ordering::SeqCst);
    let numbers = [cold_start(&stage).await, cold_start(&stage).await, cold_start(&stage).await];
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!(stage.worker.blanks().tmps.ready, 0, "nor are any made for a while");
    assert_eq!((stage.sandboxes.ended.load(Ordering::SeqCst), stage.worker.list().len()), (1, 2));
}

/// Says once that there is too little of something.
fn short_once(_: &ProcessSpec) -> Option<SandboxError> {
    static SAID: AtomicBool = AtomicBool::new(false);
    let first = !SAID.swap(true, Ordering::SeqCst);
    first.then(|| SandboxError::NoRoom("descriptors".to_owned()))
}

#[tokio::test]
async fn those_that_wait_go_before_anybody_is_refused() {
    let stage = stage(Some(1 << 20));
    cold_start(&stage).await;
    ready(&stage, 2).await;
    *stage.sandboxes.refuse.lock().expect("usable") = short_once;
    cold_start(&stage).await;
    assert_eq!(stage.sandboxes.ended.load(Ordering::SeqCst), 1, "one waited, the other one was taken");
}

#[tokio::test]
async fn the_idle_go_before_anybody_is_refused() {
    let stage = stage(None);
    stage.sandboxes.room.store(2, Ordering::SeqCst);
    let numbers = [cold_start(&stage).await, cold_start(&stage).await, cold_start(&stage).await];
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!((stage.sandboxes.ended.load(Ordering::SeqCst), stage.worker.list().len()), (1, 2));
}

#[tokio::test]
async fn who_finds_no_room_is_throttled() {
    let stage = stage(None);
    let refused = async || stage.worker.invoke(Arc::new(function()), invocation("{}", false)).await.err();
    stage.sandboxes.room.store(0, Ordering::SeqCst);
    assert!(matches!(refused().await, Some(InvokeError::Capacity(_))));
    // Found out when its runtime is to be started.
    stage.sandboxes.room.store(usize::MAX, Ordering::SeqCst);
    let short: Refusal = |_| Some(SandboxError::NoRoom("descriptors".to_owned()));
    *stage.sandboxes.refuse.lock().expect("usable") = short;
    assert!(matches!(refused().await, Some(InvokeError::Capacity(_))));
    let nothing: Refusal = |_| None;
    *stage.sandboxes.refuse.lock().expect("usable") = nothing;
    cold_start(&stage).await;
}
