//! The task that keeps the stock as the policy wants it.

use super::{Blank, Blanks, Kind, State};
use crate::environment::chain;
use hearth_core::blank_pool::Step;
use hearth_sandbox::SandboxError;
use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep_until;

/// Works until the stock is closed, then empties it.
pub(super) async fn keep(blanks: Arc<Blanks>) {
    while let Some(step) = next(&blanks) {
        match step {
            Step::Make(kind) => make(&blanks, kind).await,
            Step::Drop(kind) => {
                let mut state = blanks.state();
                let one = state.stock.get_mut(&kind).and_then(Vec::pop);
                state.discarded.extend(one);
            }
            Step::PrepareTmp => prepare_tmp(&blanks).await,
            Step::Wait(until) => {
                let due = async {
                    match until {
                        Some(moment) => sleep_until(blanks.clock.instant(moment).into()).await,
                        None => pending().await,
                    }
                };
                tokio::select! {
                    () = due => {}
                    () = blanks.changed.notified() => {}
                    () = poll_fn(|context| blanks.bury(context)) => {}
                }
            }
        }
        let discarded = std::mem::take(&mut blanks.state().discarded);
        take_down(discarded).await;
    }
    take_down(blanks.take_all()).await;
    let sandboxes = Arc::clone(&blanks.sandboxes);
    if let Err(panic) = spawn_blocking(move || sandboxes.give_up_tmps()).await {
        tracing::error!(%panic, "what was made ahead could not be given up");
    }
}

/// What to do; `None` once the stock is closed.
fn next(blanks: &Blanks) -> Option<Step<Kind>> {
    let mut state = blanks.state();
    state.stock.retain(|_, blanks| !blanks.is_empty());
    let State { policy, stock, open, .. } = &*state;
    let counts: BTreeMap<_, _> = stock.iter().map(|(kind, blanks)| (kind.clone(), blanks.len())).collect();
    open.then(|| policy.next(blanks.clock.now(), &counts, blanks.sandboxes.tmps().ready))
}

async fn make(blanks: &Arc<Blanks>, kind: Kind) {
    let made = spawn_blocking({
        let (blanks, kind) = (Arc::clone(blanks), kind.clone());
        move || {
            let blank = blanks.make(&kind)?;
            let bytes = blank.sandbox.usage()?.memory_bytes;
            Ok::<_, SandboxError>((blank, Kind::measured_kib(bytes)))
        }
    });
    let made = made.await;
    let mut state = blanks.state();
    match made {
        Ok(Ok((blank, kib))) => {
            state.policy.made(&kind, kib);
            state.stock.entry(kind).or_default().push(blank);
        }
        Ok(Err(error)) => {
            // A cold start will say what is wrong, if it still is.
            tracing::info!(error = chain(&error), runtime = kind.runtime(), "no blank sandbox could be made");
            state.policy.failed(blanks.clock.now(), &kind);
        }
        Err(panic) => {
            tracing::error!(%panic, runtime = kind.runtime(), "no blank sandbox could be made");
            state.policy.failed(blanks.clock.now(), &kind);
        }
    }
}

async fn prepare_tmp(blanks: &Arc<Blanks>) {
    let sandboxes = Arc::clone(&blanks.sandboxes);
    match spawn_blocking(move || sandboxes.prepare_tmp()).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => tracing::info!(error = chain(&error), "no `/tmp` could be made ahead"),
        Err(panic) => tracing::error!(%panic, "no `/tmp` could be made ahead"),
    }
    blanks.state().policy.tmp_failed(blanks.clock.now());
}

/// All at once: most of the time each is waited for.
async fn take_down(discarded: Vec<Blank>) {
    let mut ending = JoinSet::new();
    for Blank { sandbox, .. } in discarded {
        ending.spawn_blocking(move || sandbox.terminate());
    }
    while let Some(ended) = ending.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "a blank sandbox left something behind"),
            Err(panic) => tracing::error!(%panic, "a blank sandbox could not be ended"),
        }
    }
}
