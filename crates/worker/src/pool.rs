//! Which environments there are, and which of them are idle. Counts and idle lists of a function live in one place,
//! under one lock of its own: split in two, they would race.

use crate::environment::Environment;
use hearth_api::function::FunctionKey;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

const SHARDS: usize = 16;
/// How long an invocation waits for an environment that has answered and is about to be idle: the caller that got the
/// answer may be back before the runtime has asked for its next event. Far below a cold start.
const FINISHING_GRACE: Duration = Duration::from_millis(20);

/// All functions that have, or had, environments here.
#[derive(Debug)]
pub(crate) struct Pools {
    shards: [RwLock<HashMap<FunctionKey, Arc<FunctionPool>>>; SHARDS],
    hasher: RandomState,
    /// How many environments there are.
    population: watch::Sender<usize>,
}

/// The environments of one function.
#[derive(Debug)]
pub(crate) struct FunctionPool {
    state: Mutex<State>,
    population: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    all: Vec<Arc<Environment>>,
    /// A stack: the most recently used is on top.
    idle: Vec<Arc<Environment>>,
    /// How many have answered their caller and are about to be idle.
    finishing: usize,
    /// Invocations that wait for one of those.
    waiters: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    incarnation: Uuid,
    /// A receiver that has given up does not take it.
    place: oneshot::Sender<Arc<Environment>>,
}

impl Default for Pools {
    fn default() -> Self {
        let shards = std::array::from_fn(|_| RwLock::default());
        Self { shards, hasher: RandomState::new(), population: watch::Sender::new(0) }
    }
}

impl Pools {
    /// The pool of one function, made when it is new.
    pub(crate) fn of(&self, key: &FunctionKey) -> Arc<FunctionPool> {
        let shard = self.shard(key);
        if let Some(pool) = shard.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Arc::clone(pool);
        }
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let population = self.population.clone();
            Arc::new(FunctionPool { state: Mutex::default(), population })
        };
        Arc::clone(shard.entry(key.clone()).or_insert_with(made))
    }

    fn shard(&self, key: &FunctionKey) -> &RwLock<HashMap<FunctionKey, Arc<FunctionPool>>> {
        let [first, ..] = &self.shards;
        let hash = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        self.shards.get(hash).unwrap_or(first)
    }

    fn pools(&self) -> Vec<Arc<FunctionPool>> {
        let read = |shard: &RwLock<HashMap<_, Arc<FunctionPool>>>| {
            shard.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect::<Vec<_>>()
        };
        self.shards.iter().flat_map(read).collect()
    }

    /// Every environment of every function.
    pub(crate) fn all(&self) -> Vec<Arc<Environment>> {
        self.pools().iter().flat_map(|pool| pool.state().all.clone()).collect()
    }

    /// Ends the environments of other incarnations than `keep`, each when it is free.
    pub(crate) fn retire(&self, key: &FunctionKey, keep: Option<Uuid>) {
        let pool = self.of(key);
        let mut state = pool.state();
        let stays = |environment: &Arc<Environment>| Some(environment.incarnation()) == keep;
        state.idle.retain(stays);
        state.all.iter().filter(|environment| !stays(environment)).for_each(|environment| environment.retire());
        drop(state);
        if keep.is_none() {
            // The function is gone. Its environments still hold their pool; a new function of that name gets another.
            self.shard(key).write().unwrap_or_else(PoisonError::into_inner).remove(key);
        }
    }

    /// Ends every environment when it is free.
    pub(crate) fn retire_all(&self) {
        for pool in self.pools() {
            let mut state = pool.state();
            state.idle.clear();
            state.all.iter().for_each(|environment| environment.retire());
        }
    }

    /// Ends every environment now.
    pub(crate) fn stop_all(&self) {
        self.all().iter().for_each(|environment| environment.stop());
    }

    /// Returns when there is no environment left.
    pub(crate) async fn wait_until_empty(&self) {
        let mut population = self.population.subscribe();
        // The sender lives as long as we do.
        population.wait_for(|count| *count == 0).await.map(drop).unwrap_or_default();
    }
}

impl FunctionPool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle environment of that incarnation, the most recently used first; or one that is idle in a moment.
    pub(crate) async fn take(&self, incarnation: Uuid) -> Option<Arc<Environment>> {
        let mut promised = {
            let mut state = self.state();
            if let Some(at) = state.idle.iter().rposition(|environment| environment.incarnation() == incarnation) {
                return Some(state.idle.remove(at));
            }
            state.waiters.retain(|waiter| !waiter.place.is_closed());
            if state.finishing <= state.waiters.len() {
                return None;
            }
            let (place, promised) = oneshot::channel();
            state.waiters.push_back(Waiter { incarnation, place });
            promised
        };
        if let Ok(environment) = tokio::time::timeout(FINISHING_GRACE, &mut promised).await {
            return environment.ok();
        }
        // It may have come in this very instant: what is sent to us must not get lost.
        promised.close();
        promised.try_recv().ok()
    }

    /// A new environment, busy at first.
    pub(crate) fn add(&self, environment: Arc<Environment>) {
        self.state().all.push(environment);
        self.population.send_modify(|count| *count += 1);
    }

    /// It has answered and is about to be idle.
    pub(crate) fn finishing(&self) {
        self.state().finishing += 1;
    }

    /// It no longer is about to be idle.
    pub(crate) fn finished(&self) {
        let mut state = self.state();
        state.finishing = state.finishing.saturating_sub(1);
    }

    /// It is free: to whoever waits, else on top of the stack. Not when it has been removed or waits there already.
    pub(crate) fn offer(&self, environment: &Arc<Environment>) {
        let mut state = self.state();
        let is_it = |other: &Arc<Environment>| Arc::ptr_eq(other, environment);
        if !state.all.iter().any(is_it) || state.idle.iter().any(is_it) {
            return;
        }
        let mut offered = Arc::clone(environment);
        let suits = |waiter: &Waiter| waiter.incarnation == environment.incarnation();
        while let Some(waiter) = state.waiters.iter().position(suits).and_then(|at| state.waiters.remove(at)) {
            match waiter.place.send(offered) {
                Ok(()) => return,
                Err(refused) => offered = refused,
            }
        }
        state.idle.push(offered);
    }

    /// Takes it off the stack; false when an invocation has been placed on it meanwhile.
    pub(crate) fn withdraw(&self, environment: &Arc<Environment>) -> bool {
        let mut state = self.state();
        let at = state.idle.iter().position(|other| Arc::ptr_eq(other, environment));
        at.map(|at| state.idle.remove(at)).is_some()
    }

    /// It is gone.
    pub(crate) fn remove(&self, environment: &Arc<Environment>) {
        let mut state = self.state();
        state.idle.retain(|other| !Arc::ptr_eq(other, environment));
        let before = state.all.len();
        state.all.retain(|other| !Arc::ptr_eq(other, environment));
        let removed = before - state.all.len();
        drop(state);
        self.population.send_modify(|count| *count = count.saturating_sub(removed));
    }
}
