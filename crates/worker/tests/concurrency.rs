//! Reserved and account concurrency, and versions side by side, as callers of the worker see them.

mod common;

use common::{Stage, function, invocation, serving};
use futures_util::poll;
use hearth_api::environments::{Environments, InvokeError, InvokeResponse};
use hearth_api::function::{FunctionKey, FunctionVersion};
use hearth_core::concurrency::Limit;
use hearth_core::limits::ACCOUNT_CONCURRENCY;
use hearth_sandbox::ExitStatus;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};
use std::time::Duration;
use tokio::task::JoinHandle;

type Answer = Result<InvokeResponse, InvokeError>;

/// Handlers of the event `"wait"` meet the test at both barriers: when they are inside, and when they may leave.
struct Gates {
    inside: Arc<Barrier>,
    leave: Arc<Barrier>,
}

impl Gates {
    fn new(handlers: usize) -> (Self, impl Fn(&str) + Send + Sync + 'static) {
        let gates = Self { inside: Arc::new(Barrier::new(handlers + 1)), leave: Arc::new(Barrier::new(handlers + 1)) };
        let (inside, leave) = (Arc::clone(&gates.inside), Arc::clone(&gates.leave));
        let pass = move |event: &str| {
            if event == "\"wait\"" {
                inside.wait();
                leave.wait();
            }
        };
        (gates, pass)
    }

    async fn all_inside(&self) {
        meet(&self.inside).await;
    }

    async fn let_go(&self) {
        meet(&self.leave).await;
    }
}

async fn meet(barrier: &Arc<Barrier>) {
    let barrier = Arc::clone(barrier);
    tokio::task::spawn_blocking(move || barrier.wait()).await.expect("met");
}

fn start(stage: &Arc<Stage>, function: &Arc<FunctionVersion>, event: &'static str) -> JoinHandle<Answer> {
    let answer = stage.worker.invoke(Arc::clone(function), invocation(event, false));
    tokio::spawn(answer)
}

/// Another version of the same function.
fn version(number: &str) -> Arc<FunctionVersion> {
    Arc::new(FunctionVersion { version: number.to_owned(), ..function() })
}

fn throttled(answer: &Answer) -> Option<Limit> {
    match answer {
        Err(InvokeError::Throttled(limit)) => Some(*limit),
        Ok(_) | Err(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_is_a_limit_and_its_end_is_none() {
    let (gates, pass) = Gates::new(2);
    let stage = Arc::new(Stage::new(serving(move |_, _, event| {
        pass(event);
        event.to_owned()
    })));
    let key = stage.function.key.clone();
    stage.worker.reserve(&key, Some(2));
    let running = [start(&stage, &stage.function, "\"wait\""), start(&stage, &version("1"), "\"wait\"")];
    gates.all_inside().await;
    // The versions of a function share its reservation.
    for function in [&stage.function, &version("2")] {
        let third = stage.worker.invoke(Arc::clone(function), invocation("null", false)).await;
        assert_eq!(throttled(&third), Some(Limit::Reserved));
    }
    stage.worker.reserve(&key, Some(3));
    assert!(stage.invoke("null").await.is_ok());
    stage.worker.reserve(&key, Some(0));
    assert_eq!(throttled(&stage.invoke("null").await), Some(Limit::Reserved), "nothing new may start");
    gates.let_go().await;
    for running in running {
        assert_eq!(running.await.expect("no panic").expect("what runs goes on").payload, "\"wait\"");
    }
    assert_eq!(throttled(&stage.invoke("null").await), Some(Limit::Reserved));
    stage.worker.reserve(&key, None);
    assert!(stage.invoke("null").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_caller_at_a_time_never_meets_a_reservation_of_one() {
    let stage = Arc::new(Stage::new(serving(|_, _, event| event.to_owned())));
    stage.worker.reserve(&stage.function.key, Some(1));
    let others = [version("1"), version("2")];
    for round in 0..60 {
        // Back at once, to the same version or to another, before the runtime has asked for its next event.
        let function = others.get(round % 5).unwrap_or(&stage.function);
        let answer = stage.worker.invoke(Arc::clone(function), invocation("null", round % 7 == 0)).await;
        assert!(answer.is_ok(), "round {round}: {answer:?}");
    }
    assert_eq!(stage.worker.list().len(), 3, "one for each version");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_environment_that_an_invocation_waits_for_is_not_frozen_before_it() {
    let (answered, goes_on) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (told, may) = (Arc::clone(&answered), Arc::clone(&goes_on));
    let stage = Stage::new(Arc::new(move |runtime| {
        while let Some((id, event)) = runtime.next() {
            runtime.respond(&id, &event);
            if event == "\"wait\"" {
                told.wait();
                may.wait();
            }
        }
        ExitStatus::Code(0)
    }));
    // So that the second waits for the first's environment, as long as it takes.
    stage.worker.reserve(&stage.function.key, Some(1));
    assert!(stage.invoke("\"wait\"").await.is_ok());
    meet(&answered).await;
    let mut second = Box::pin(stage.invoke("null"));
    assert!(poll!(&mut second).is_pending());
    meet(&goes_on).await;
    assert!(second.await.is_ok());
    let frozen = || stage.sandboxes.frozen.load(Ordering::SeqCst) == 1;
    while !frozen() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(stage.sandboxes.made.load(Ordering::SeqCst), 1);
    assert_eq!(stage.sandboxes.freezes.load(Ordering::SeqCst), 1, "after the second, not between the two");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_environment_that_cannot_be_frozen_gets_no_other_invocation() {
    let stage = Stage::new(serving(|runtime, _, _| runtime.environment.to_string()));
    stage.sandboxes.never_freezes.store(true, Ordering::SeqCst);
    for number in 0..3 {
        let answer = stage.invoke("null").await.expect("an answer");
        assert_eq!(answer.payload, number.to_string());
        assert!(!answer.function_error);
        while !stage.worker.list().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_of_any_kind_gives_the_place_back() {
    let mut stage = Stage::new(Arc::new(|runtime| {
        while let Some((id, event)) = runtime.next() {
            match event.as_str() {
                "\"crash\"" => return ExitStatus::Code(1),
                "\"hang\"" => return runtime.hang(),
                _ => drop(runtime.respond(&id, &event)),
            }
        }
        ExitStatus::Code(0)
    }));
    stage.function = Arc::new(FunctionVersion { timeout_s: 3, ..function() });
    let stage = Arc::new(stage);
    stage.worker.reserve(&stage.function.key, Some(1));
    for event in ["null", "\"crash\"", "\"crash\"", "null", "\"hang\"", "null"] {
        let answer = stage.invoke(event).await;
        assert!(answer.is_ok(), "{event}: {answer:?}");
    }
    for _ in 0..10 {
        // Retired while it runs, and while it is about to be idle.
        let updated = version("$LATEST");
        let (old, new) = (start(&stage, &updated, "null"), version("$LATEST"));
        stage.worker.retire(&updated.key, &[updated.incarnation]);
        assert!(old.await.expect("no panic").is_ok());
        let answer = stage.worker.invoke(Arc::clone(&new), invocation("null", false)).await;
        assert!(answer.is_ok(), "{answer:?}");
        stage.worker.retire(&new.key, &[new.incarnation]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_no_more_run_than_are_reserved() {
    let inside = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let most = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (inside2, most2) = (Arc::clone(&inside), Arc::clone(&most));
    let stage = Arc::new(Stage::new(serving(move |_, _, event| {
        use std::sync::atomic::Ordering::SeqCst;
        most2.fetch_max(inside2.fetch_add(1, SeqCst) + 1, SeqCst);
        std::thread::yield_now();
        inside2.fetch_sub(1, SeqCst);
        event.to_owned()
    })));
    stage.worker.reserve(&stage.function.key, Some(3));
    let versions = [Arc::clone(&stage.function), version("1")];
    let callers: Vec<_> = (0..8_usize)
        .map(|caller| {
            let (stage, function) = (Arc::clone(&stage), versions.get(caller % 2).map(Arc::clone).expect("two"));
            tokio::spawn(async move {
                let mut served = 0;
                for _ in 0..40 {
                    let answer = stage.worker.invoke(Arc::clone(&function), invocation("null", false)).await;
                    assert!(answer.is_ok() || throttled(&answer) == Some(Limit::Reserved), "{answer:?}");
                    served += usize::from(answer.is_ok());
                }
                served
            })
        })
        .collect();
    let mut served = 0;
    for caller in callers {
        served += caller.await.expect("no panic");
    }
    assert!(served > 0);
    assert!(most.load(std::sync::atomic::Ordering::SeqCst) <= 3);
    // Nothing is lost: as many may run as before.
    let (first, second, third) = tokio::join!(stage.invoke("null"), stage.invoke("null"), stage.invoke("null"));
    assert!(first.is_ok() && second.is_ok() && third.is_ok(), "{first:?} {second:?} {third:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_without_a_reservation_share_what_others_leave() {
    let (gates, pass) = Gates::new(2);
    let stage = Arc::new(Stage::new(serving(move |_, _, event| {
        pass(event);
        event.to_owned()
    })));
    let named = |name: &str| FunctionKey { name: name.to_owned(), ..stage.function.key.clone() };
    let of = |name: &str| Arc::new(FunctionVersion { key: named(name), ..function() });
    // All but two, which is more than the control plane allows.
    stage.worker.reserve(&named("greedy"), Some(ACCOUNT_CONCURRENCY - 2));
    let running = [start(&stage, &of("a"), "\"wait\""), start(&stage, &of("b"), "\"wait\"")];
    gates.all_inside().await;
    let third = stage.worker.invoke(of("c"), invocation("null", false)).await;
    assert_eq!(throttled(&third), Some(Limit::Account));
    assert!(stage.worker.invoke(of("greedy"), invocation("null", false)).await.is_ok(), "it has its own");
    let mut elsewhere = function();
    elsewhere.key.scope.region = hearth_core::ids::Region::parse("eu-west-1").expect("region");
    assert!(stage.worker.invoke(Arc::new(elsewhere), invocation("null", false)).await.is_ok(), "another region");
    gates.let_go().await;
    for running in running {
        assert!(running.await.expect("no panic").is_ok());
    }
    stage.rested().await;
    assert!(stage.worker.invoke(of("c"), invocation("null", false)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_keeps_its_environments_when_another_is_retired() {
    let stage = Stage::new(serving(|runtime, _, _| runtime.environment.to_string()));
    let published = version("1");
    let call = |function: &Arc<FunctionVersion>| stage.worker.invoke(Arc::clone(function), invocation("null", true));
    assert_eq!(stage.invoke_to_the_end("null").await.payload, "0");
    stage.rested().await;
    let first = call(&published).await.expect("answered");
    assert_eq!((first.payload.as_ref(), first.executed_version.as_str()), (b"1".as_slice(), "1"));
    stage.rested().await;
    stage.worker.retire(&stage.function.key, &[stage.function.incarnation]);
    assert_eq!(call(&published).await.expect("answered").payload, "1", "the same environment");
    assert_eq!(call(&version("$LATEST")).await.expect("answered").payload, "2");
    stage.worker.retire(&published.key, &[published.incarnation]);
    while stage.worker.list().len() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.worker.list()[0].version, "$LATEST");
}
