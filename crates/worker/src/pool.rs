//! Which environments there are, and which of them are idle. Counts and idle lists of a function live in one place,
//! under one lock of its own: split in two, they would race.

use crate::environment::Environment;
use hearth_api::function::FunctionKey;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

const SHARDS: usize = 16;
/// How long an invocation waits for an environment that has just answered and is about to be idle: the caller that got
/// the answer may be back before the runtime has asked for its next event. A little more than one CPU period, for a small
/// function may have to wait for the next one before it can ask.
const FINISHING_GRACE: Duration = Duration::from_millis(120);
/// Most environments of one node (ours: as many as there are user id ranges for them).
const POPULATION_MAX: usize = 4_000;
/// How many retired incarnations of a function are remembered (ours).
const RETIRED_KEPT: usize = 64;

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
    /// Those that have answered their caller and are about to be idle, and since when.
    finishing: Vec<(Arc<Environment>, Instant)>,
    /// Invocations that wait for one of those.
    waiters: VecDeque<Waiter>,
    /// Incarnations whose environments were retired: an invocation that still wants one gets an environment that ends
    /// after it.
    retired: VecDeque<Uuid>,
}

impl State {
    fn note_retired(&mut self, incarnation: Uuid) {
        if !self.retired.contains(&incarnation) {
            self.retired.truncate(RETIRED_KEPT - 1);
            self.retired.push_front(incarnation);
        }
    }
}

/// Where an invocation can go.
#[derive(Debug)]
pub(crate) enum Place {
    /// This one is idle.
    Idle(Arc<Environment>),
    /// One is idle in a moment.
    Soon(Promise),
    /// A new one is needed.
    None,
}

/// An environment that is about to be idle, reserved for one invocation.
#[derive(Debug)]
pub(crate) struct Promise(oneshot::Receiver<Arc<Environment>>);

impl Promise {
    /// The environment, unless it takes too long. To be awaited to the end: dropped halfway, it may hold an environment
    /// that nobody else knows to be idle.
    pub(crate) async fn kept(mut self) -> Option<Arc<Environment>> {
        if let Ok(environment) = tokio::time::timeout(FINISHING_GRACE, &mut self.0).await {
            return environment.ok();
        }
        // It may have come in this very instant.
        self.0.close();
        self.0.try_recv().ok()
    }
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

    /// Whether there is room for one more environment.
    pub(crate) fn has_room(&self) -> bool {
        *self.population.borrow() < POPULATION_MAX
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
        let retired: Vec<_> = state.all.iter().filter(|environment| !stays(environment)).cloned().collect();
        for environment in retired {
            state.note_retired(environment.incarnation());
            environment.retire();
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
    pub(crate) fn take(&self, incarnation: Uuid) -> Place {
        let mut state = self.state();
        if let Some(at) = state.idle.iter().rposition(|environment| environment.incarnation() == incarnation) {
            return Place::Idle(state.idle.remove(at));
        }
        state.waiters.retain(|waiter| !waiter.place.is_closed());
        let soon = |(environment, since): &&(Arc<Environment>, Instant)| {
            environment.incarnation() == incarnation && since.elapsed() < FINISHING_GRACE
        };
        let expected = state.finishing.iter().filter(soon).count();
        let waiting = state.waiters.iter().filter(|waiter| waiter.incarnation == incarnation).count();
        if expected <= waiting {
            return Place::None;
        }
        let (place, promise) = oneshot::channel();
        state.waiters.push_back(Waiter { incarnation, place });
        Place::Soon(Promise(promise))
    }

    /// A new environment, busy at first. Whether it is of an incarnation that has been retired.
    pub(crate) fn add(&self, environment: Arc<Environment>) -> bool {
        let mut state = self.state();
        let late = state.retired.contains(&environment.incarnation());
        state.all.push(environment);
        self.population.send_modify(|count| *count += 1);
        late
    }

    /// It has answered and is about to be idle.
    pub(crate) fn finishing(&self, environment: &Arc<Environment>) {
        self.state().finishing.push((Arc::clone(environment), Instant::now()));
    }

    /// It no longer is about to be idle.
    pub(crate) fn finished(&self, environment: &Arc<Environment>) {
        self.state().finishing.retain(|(other, _)| !Arc::ptr_eq(other, environment));
    }

    /// It is free: to whoever waits, else on top of the stack. Said once for each invocation.
    pub(crate) fn offer(&self, environment: &Arc<Environment>) {
        let mut state = self.state();
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
        state.finishing.retain(|(other, _)| !Arc::ptr_eq(other, environment));
        let before = state.all.len();
        state.all.retain(|other| !Arc::ptr_eq(other, environment));
        let removed = before - state.all.len();
        drop(state);
        self.population.send_modify(|count| *count = count.saturating_sub(removed));
    }
}
