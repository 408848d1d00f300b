//! Blank sandboxes that wait for cold starts, and `/tmp`s for those that do not wait: made off the request path, each given
//! away once, never taken back.
//!
//! How many wait is decided by [`hearth_core::blank_pool`]. One task, the keeper, makes them and gives them up; whoever
//! starts an environment only takes one that is ready, or makes its own. A blank that dies while it waits is noticed at
//! once and never given away.

mod keeper;
mod kind;

pub(crate) use kind::Kind;

use crate::clock::Clock;
use crate::environment::chain;
use hearth_api::environments::{BlankStatus, BlanksStatus, TmpsStatus};
use hearth_core::blank_pool::{BlankPool, Limits};
use hearth_sandbox::{Sandbox, SandboxError, SandboxEvent, Sandboxes, TmpStock};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;

/// Most blanks that wait at a time (ours: each has a user, a loop device and a dozen descriptors).
const MOST: usize = 64;
/// What share of all sandboxes there can be may be blank: one in so many.
const SHARE: usize = 8;

/// Most that wait at a time where there can be so many sandboxes.
#[must_use]
pub fn most_that_wait(sandboxes: usize) -> usize {
    MOST.min(sandboxes / SHARE)
}

/// A sandbox that belongs to nobody yet.
#[derive(Debug)]
pub(crate) struct Blank {
    pub(crate) sandbox: Arc<dyn Sandbox>,
    pub(crate) events: UnboundedReceiver<SandboxEvent>,
}

impl Blank {
    /// Makes one that nothing waits in. Blocks for some milliseconds.
    fn make(sandboxes: &dyn Sandboxes, kind: &Kind) -> Result<Self, SandboxError> {
        let (sender, events) = mpsc::unbounded_channel();
        let sandbox = Arc::from(sandboxes.prepare(kind.root(), sender)?);
        Ok(Self { sandbox, events })
    }

    /// Nothing is to happen in a blank sandbox: whatever does means that it is of no use.
    fn is_dead(&mut self, context: &mut Context<'_>) -> bool {
        self.events.poll_recv(context).is_ready()
    }
}

/// A cold start under way.
#[derive(Debug)]
pub(crate) struct Starting(Arc<Blanks>);

impl Drop for Starting {
    fn drop(&mut self) {
        let Self(blanks) = self;
        blanks.state().policy.started(blanks.clock.now());
        blanks.changed.notify_one();
    }
}

/// All blanks of a node.
#[derive(Debug)]
pub(crate) struct Blanks {
    sandboxes: Arc<dyn Sandboxes>,
    clock: Clock,
    limits: Limits,
    state: Mutex<State>,
    changed: Notify,
    keeper: Mutex<Option<JoinHandle<()>>>,
    /// How often those that wait were given up; locked while they go.
    sacrifices: Mutex<u64>,
}

#[derive(Debug)]
struct State {
    policy: BlankPool<Kind>,
    stock: BTreeMap<Kind, Vec<Blank>>,
    /// In which something is getting ready.
    making: Option<Arc<dyn Sandbox>>,
    /// To be taken down.
    discarded: Vec<Blank>,
    open: bool,
}

impl Blanks {
    /// An empty stock, and its keeper, which runs until [`Blanks::close`]. `budget_kib` is what all of them may take
    /// together; without one none are kept. With one, or where `/tmp`s are to be ready, to be called inside a tokio runtime.
    pub(crate) fn open(sandboxes: &Arc<dyn Sandboxes>, clock: Clock, budget_kib: Option<u64>) -> Arc<Self> {
        let most = budget_kib.map_or(0, |_| most_that_wait(sandboxes.most()));
        let tmps = sandboxes.tmps().wanted;
        let limits = Limits { budget_kib: budget_kib.unwrap_or(0), most, tmps };
        let open = most > 0 || tmps > 0;
        let (policy, stock) = (BlankPool::new(limits), BTreeMap::new());
        let state = State { policy, stock, making: None, discarded: Vec::new(), open };
        let (sandboxes, state, changed) = (Arc::clone(sandboxes), Mutex::new(state), Notify::new());
        let (keeper, sacrifices) = (Mutex::default(), Mutex::default());
        let blanks = Arc::new(Self { sandboxes, clock, limits, state, changed, keeper, sacrifices });
        if open {
            let keeper = tokio::spawn(keeper::keep(Arc::clone(&blanks)));
            *blanks.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        }
        blanks
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of this kind for a cold start: one that is ready; or a new one, in which nothing waits. The cold start is over when
    /// what comes with it is dropped. Blocks for some milliseconds if none is ready.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] when none can be made.
    pub(crate) fn take(self: &Arc<Self>, kind: &Kind) -> Result<(Blank, Starting), SandboxError> {
        {
            let mut state = self.state();
            state.policy.retain(|other| !kind.replaces(other));
            state.policy.want(self.clock.now(), kind, kind.cost_kib());
        }
        let starting = Starting(Arc::clone(self));
        if let Some(blank) = self.take_ready(kind) {
            return Ok((blank, starting));
        }
        Ok((Blank::make(self.sandboxes.as_ref(), kind)?, starting))
    }

    /// How often those that wait were given up so far. Waits while they go.
    pub(crate) fn sacrifices(&self) -> u64 {
        *self.sacrifices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is too little of something: those that wait have some of it, and go. Whether the same may work now: some went,
    /// here or on another's word since there were so many `sacrifices`. Blocks until they are gone.
    pub(crate) fn give_up(&self, sacrifices: u64) -> bool {
        let mut done = self.sacrifices.lock().unwrap_or_else(PoisonError::into_inner);
        self.state().policy.shortage(self.clock.now());
        if *done != sacrifices {
            return true;
        }
        let waiting = self.take_all();
        let tmps = self.sandboxes.give_up_tmps();
        if waiting.is_empty() && tmps == 0 {
            return false;
        }
        tracing::info!(given_up = waiting.len(), tmps, "no room for another environment: those that wait go");
        // Each is waited for, so all at once.
        thread::scope(|scope| {
            for Blank { sandbox, .. } in &waiting {
                let end = || {
                    if let Err(error) = sandbox.terminate() {
                        tracing::warn!(error = chain(&error), "a blank sandbox left something behind");
                    }
                };
                // It may be threads that there are too few of.
                if thread::Builder::new().spawn_scoped(scope, end).is_err() {
                    end();
                }
            }
        });
        *done += 1;
        true
    }

    /// Cold starts of this kind are to be expected.
    pub(crate) fn expect(&self, kind: &Kind) {
        let mut state = self.state();
        if state.open {
            state.policy.retain(|other| !kind.replaces(other));
            state.policy.expect(self.clock.now(), kind, kind.cost_kib());
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Makes one, with everything that is to wait in it. Blocks until that is ready, or the stock is closed.
    fn make(&self, kind: &Kind) -> Result<Blank, SandboxError> {
        let blank = Blank::make(self.sandboxes.as_ref(), kind)?;
        let Some(preboot) = kind.preboot() else {
            blank.sandbox.start_ahead()?;
            return Ok(blank);
        };
        {
            let mut state = self.state();
            if !state.open {
                return Err(SandboxError::Gone("the stock of blank sandboxes"));
            }
            state.making = Some(Arc::clone(&blank.sandbox));
        }
        let ready = blank.sandbox.preboot(preboot);
        self.state().making = None;
        ready?;
        Ok(blank)
    }

    fn take_ready(&self, kind: &Kind) -> Option<Blank> {
        let mut state = self.state();
        if !state.open {
            return None;
        }
        // Nobody is to be woken: it is looked at once.
        let mut nobody = Context::from_waker(std::task::Waker::noop());
        let mut found = None;
        while found.is_none() {
            let Some(mut blank) = state.stock.get_mut(kind).and_then(Vec::pop) else { break };
            if blank.is_dead(&mut nobody) {
                state.discarded.push(blank);
            } else {
                found = Some(blank);
            }
        }
        drop(state);
        self.changed.notify_one();
        found
    }

    /// Those that are ready.
    fn take_all(&self) -> Vec<Blank> {
        std::mem::take(&mut self.state().stock).into_values().flatten().collect()
    }

    /// Takes those that have died out of the stock, and has the keeper woken when the next one does.
    fn bury(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        let State { policy, stock, discarded, .. } = &mut *state;
        let before = discarded.len();
        for (kind, blanks) in stock {
            let dead: Vec<_> = blanks.extract_if(.., |blank| blank.is_dead(context)).collect();
            if !dead.is_empty() {
                policy.failed(self.clock.now(), kind);
                discarded.extend(dead);
            }
        }
        if discarded.len() > before { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Gives nothing away any more and ends those that wait; returns when they are gone.
    pub(crate) async fn close(&self) {
        let making = {
            let mut state = self.state();
            state.open = false;
            state.making.take()
        };
        self.changed.notify_one();
        if let Some(making) = making {
            // What is getting ready in it is not waited for. The keeper says what came of it.
            drop(tokio::task::spawn_blocking(move || making.terminate()).await);
        }
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(keeper) = keeper else { return };
        if let Err(panic) = keeper.await {
            tracing::error!(%panic, "the keeper of blank sandboxes ended in a panic");
        }
    }

    /// What there is, for people.
    pub(crate) fn status(&self) -> BlanksStatus {
        let state = self.state();
        let goals = state.policy.goals(self.clock.now());
        let ready = |kind: &Kind| state.stock.get(kind).map_or(0, Vec::len);
        let wanted = |kind: &Kind| goals.iter().find(|(other, _)| other == kind).map_or(0, |(_, goal)| *goal);
        let kinds = goals.iter().map(|(kind, _)| kind).chain(state.stock.keys());
        let kinds: std::collections::BTreeSet<_> = kinds.collect();
        let line = |kind: &&Kind| BlankStatus {
            runtime: kind.runtime().to_owned(),
            prebooted: kind.preboot().is_some(),
            ready: ready(kind),
            wanted: wanted(kind),
        };
        let TmpStock { ready, wanted } = self.sandboxes.tmps();
        BlanksStatus {
            budget_mb: self.limits.budget_kib >> 10,
            kinds: kinds.iter().map(line).collect(),
            tmps: TmpsStatus { ready, wanted },
        }
    }
}
