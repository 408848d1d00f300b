//! Which environments there are, and which of them are idle. Counts and idle lists of a function live in one place,
//! under one lock of its own: split in two, they would race.

mod account;
mod function;

pub(crate) use function::{FunctionPool, Place, Promise, Room};

use crate::environment::Environment;
use account::Account;
use hearth_api::function::{FunctionKey, Scope};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::watch;
use uuid::Uuid;

const SHARDS: usize = 16;

/// All functions that have, or had, environments here.
#[derive(Debug)]
pub(crate) struct Pools {
    shards: [RwLock<HashMap<FunctionKey, Arc<FunctionPool>>>; SHARDS],
    hasher: RandomState,
    /// Looked at when a pool is made.
    accounts: Mutex<HashMap<Scope, Arc<Account>>>,
    /// How many environments there are.
    population: watch::Sender<usize>,
}

impl Default for Pools {
    fn default() -> Self {
        let shards = std::array::from_fn(|_| RwLock::default());
        Self { shards, hasher: RandomState::new(), accounts: Mutex::default(), population: watch::Sender::new(0) }
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
        let made = || Arc::new(FunctionPool::new(self.account(&key.scope), self.population.clone()));
        Arc::clone(shard.entry(key.clone()).or_insert_with(made))
    }

    fn account(&self, scope: &Scope) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry(scope.clone()).or_default())
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

    /// How many environments there are, those that are ending included.
    pub(crate) fn population(&self) -> usize {
        *self.population.borrow()
    }

    /// Every environment of every function.
    pub(crate) fn all(&self) -> Vec<Arc<Environment>> {
        self.pools().iter().flat_map(|pool| pool.all()).collect()
    }

    /// Whether any environment is idle.
    pub(crate) fn any_idle(&self) -> bool {
        self.pools().iter().any(|pool| pool.longest_idle().is_some())
    }

    /// Takes the one off its stack that has been idle for longest, whosever it is: it gets no invocation any more.
    pub(crate) fn take_longest_idle(&self) -> Option<Arc<Environment>> {
        let pools = self.pools();
        loop {
            let idle = pools.iter().filter_map(|pool| Some((pool, pool.longest_idle()?)));
            let (pool, environment) = idle.min_by_key(|(_, environment)| environment.idle_since())?;
            // An invocation may have been faster.
            if pool.withdraw(&environment) {
                return Some(environment);
            }
        }
    }

    /// Ends the environments of these incarnations, each when it is free.
    pub(crate) fn retire(&self, key: &FunctionKey, incarnations: &[Uuid]) {
        self.of(key).retire(incarnations);
    }

    /// Sets how many executions a function has for itself.
    pub(crate) fn reserve(&self, key: &FunctionKey, reserved: Option<u32>) {
        self.of(key).reserve(reserved);
    }

    /// Ends every environment when it is free.
    pub(crate) fn retire_all(&self) {
        self.pools().iter().for_each(|pool| pool.retire_all());
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
