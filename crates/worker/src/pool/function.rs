//! The environments of one function, and its executions: what runs here is counted against the function's reservation
//! or its account (see [`hearth_core::concurrency`]).
//!
//! An environment is busy, and counted, from the moment an invocation is placed on it until it is free again, which is a
//! little after the caller has the answer. A caller that comes back at once is not sent away for that: it waits, briefly,
//! for the environment it knows, or at the function's limit for any of those that have answered.

use super::account::Account;
use crate::environment::Environment;
use hearth_core::concurrency::{FunctionUse, Limit, Share};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

/// How long an invocation waits for an environment that has just answered and is about to be idle: the caller that got
/// the answer may be back before the runtime has asked for its next event. A little more than one CPU period, for a small
/// function may have to wait for the next one before it can ask.
const FINISHING_GRACE: Duration = Duration::from_millis(120);
/// How long it waits at the function's limit, where it would have to be refused otherwise.
const LIMIT_GRACE: Duration = Duration::from_secs(1);
/// How many retired incarnations of a function are remembered (ours).
const RETIRED_KEPT: usize = 256;

/// See the module.
#[derive(Debug)]
pub(crate) struct FunctionPool {
    state: Mutex<State>,
    account: Arc<Account>,
    population: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    all: Vec<Arc<Environment>>,
    /// A stack: the most recently used is on top.
    idle: Vec<Arc<Environment>>,
    /// Those that are not free.
    busy: Vec<Busy>,
    /// Invocations that wait for a busy one.
    waiters: VecDeque<Waiter>,
    /// Incarnations that were retired: an invocation that still wants one gets an environment that ends after it.
    retired: VecDeque<Uuid>,
    executions: FunctionUse,
}

#[derive(Debug)]
struct Busy {
    environment: Arc<Environment>,
    /// What its execution is counted in.
    share: Share,
    /// Since when the caller has its answer: it is free soon.
    answered: Option<Instant>,
}

/// Where an invocation can go.
#[derive(Debug)]
pub(crate) enum Place {
    /// Here.
    Now(Room),
    /// Something is free in a moment.
    Soon(Promise),
}

/// What an invocation can use at once.
#[derive(Debug)]
pub(crate) enum Room {
    /// This environment was idle; it is counted already.
    Idle(Arc<Environment>),
    /// A new one may be made, and counted with this share.
    New(Share),
}

/// Something that is free soon, reserved for one invocation: an environment, or the share of one.
#[derive(Debug)]
pub(crate) struct Promise {
    room: oneshot::Receiver<Room>,
    patience: Duration,
}

impl Promise {
    /// It, unless it takes too long. To be awaited to the end: dropped halfway, it may hold an environment or a
    /// share that nobody else knows of.
    pub(crate) async fn kept(mut self) -> Option<Room> {
        if let Ok(room) = tokio::time::timeout(self.patience, &mut self.room).await {
            return room.ok();
        }
        // It may have come in this very instant.
        self.room.close();
        self.room.try_recv().ok()
    }
}

#[derive(Debug)]
struct Waiter {
    incarnation: Uuid,
    wants: Wants,
    /// A receiver that has given up does not take it.
    place: oneshot::Sender<Room>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// An environment of its incarnation: a share alone would not help.
    Environment,
    /// Whatever comes first: the function is at its limit.
    Anything,
}

impl State {
    fn note_retired(&mut self, incarnation: Uuid) {
        if !self.retired.contains(&incarnation) {
            self.retired.truncate(RETIRED_KEPT - 1);
            self.retired.push_front(incarnation);
        }
    }

    /// Whether an environment of that incarnation is idle in a moment, for one more than wait already.
    fn expects(&self, incarnation: Uuid) -> bool {
        let soon = |busy: &&Busy| {
            busy.environment.incarnation() == incarnation
                && busy.answered.is_some_and(|since| since.elapsed() < FINISHING_GRACE)
        };
        let waiting = self.waiters.iter().filter(|waiter| waiter.incarnation == incarnation).count();
        self.busy.iter().filter(soon).count() > waiting
    }

    /// Whether any environment is free in a moment, for one more than wait already.
    fn expects_any(&self) -> bool {
        self.busy.iter().filter(|busy| busy.answered.is_some()).count() > self.waiters.len()
    }

    fn busy(&mut self, environment: &Arc<Environment>) -> Option<&mut Busy> {
        self.busy.iter_mut().find(|busy| Arc::ptr_eq(&busy.environment, environment))
    }

    fn wait(&mut self, incarnation: Uuid, wants: Wants) -> Promise {
        let (place, room) = oneshot::channel();
        self.waiters.push_back(Waiter { incarnation, wants, place });
        let patience = match wants {
            Wants::Environment => FINISHING_GRACE,
            Wants::Anything => LIMIT_GRACE,
        };
        Promise { room, patience }
    }

    /// Gives `room` to the first waiter that it suits; back if nobody wants it.
    fn hand_over(&mut self, mut room: Room, suits: impl Fn(&Waiter) -> bool) -> Option<Room> {
        while let Some(waiter) = self.waiters.iter().position(&suits).and_then(|at| self.waiters.remove(at)) {
            match waiter.place.send(room) {
                Ok(()) => return None,
                Err(refused) => room = refused,
            }
        }
        Some(room)
    }
}

impl FunctionPool {
    pub(super) fn new(account: Arc<Account>, population: watch::Sender<usize>) -> Self {
        Self { state: Mutex::default(), account, population }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<Arc<Environment>> {
        self.state().all.clone()
    }

    /// A place for one invocation: an idle environment of that incarnation, the most recently used first; one that is
    /// idle in a moment, or at the limit anything that is free in a moment; or a new one.
    ///
    /// # Errors
    ///
    /// The limit that stands in the way.
    pub(crate) fn take(&self, incarnation: Uuid) -> Result<Place, Limit> {
        let mut state = self.state();
        state.waiters.retain(|waiter| !waiter.place.is_closed());
        let idle = state.idle.iter().any(|environment| environment.incarnation() == incarnation);
        if !idle && state.expects(incarnation) {
            let wants = if state.executions.is_full() { Wants::Anything } else { Wants::Environment };
            return Ok(Place::Soon(state.wait(incarnation, wants)));
        }
        match state.executions.start(|| self.account.start()) {
            Ok(share) => Ok(Place::Now(Self::placed(&mut state, incarnation, share))),
            Err(Limit::Reserved) if state.expects_any() => Ok(Place::Soon(state.wait(incarnation, Wants::Anything))),
            Err(limit) => Err(limit),
        }
    }

    /// As [`FunctionPool::take`], for one that has waited: it does not wait again.
    ///
    /// # Errors
    ///
    /// The limit that stands in the way.
    pub(crate) fn take_now(&self, incarnation: Uuid) -> Result<Room, Limit> {
        let mut state = self.state();
        let share = state.executions.start(|| self.account.start())?;
        Ok(Self::placed(&mut state, incarnation, share))
    }

    /// A place for an invocation that has been granted a share: an idle environment or a new one.
    pub(crate) fn place(&self, incarnation: Uuid, share: Share) -> Room {
        Self::placed(&mut self.state(), incarnation, share)
    }

    fn placed(state: &mut State, incarnation: Uuid, share: Share) -> Room {
        let Some(at) = state.idle.iter().rposition(|environment| environment.incarnation() == incarnation) else {
            return Room::New(share);
        };
        let environment = state.idle.remove(at);
        state.busy.push(Busy { environment: Arc::clone(&environment), share, answered: None });
        Room::Idle(environment)
    }

    /// A new environment, busy at first. Whether it is of an incarnation that has been retired.
    pub(crate) fn add(&self, environment: Arc<Environment>, share: Share) -> bool {
        let mut state = self.state();
        let late = state.retired.contains(&environment.incarnation());
        state.busy.push(Busy { environment: Arc::clone(&environment), share, answered: None });
        state.all.push(environment);
        self.population.send_modify(|count| *count += 1);
        late
    }

    /// It is about to answer, and to be idle after that.
    pub(crate) fn finishing(&self, environment: &Arc<Environment>) {
        if let Some(busy) = self.state().busy(environment) {
            busy.answered = Some(Instant::now());
        }
    }

    /// It is free: to whoever waits for it, if somebody does.
    pub(crate) fn hand_over(&self, environment: &Arc<Environment>) -> bool {
        self.passed_on(&mut self.state(), environment)
    }

    /// It is free: to whoever waits for it, else on top of the stack. Said once for each invocation.
    pub(crate) fn offer(&self, environment: &Arc<Environment>) {
        let mut state = self.state();
        if !self.passed_on(&mut state, environment) {
            self.free(&mut state, environment);
            state.idle.push(Arc::clone(environment));
        }
    }

    fn passed_on(&self, state: &mut State, environment: &Arc<Environment>) -> bool {
        let suits = |waiter: &Waiter| waiter.incarnation == environment.incarnation();
        let share = state.busy(environment).map(|busy| busy.share);
        let goes_on = share.is_some_and(|share| self.may_pass_on(state, share));
        // What it is counted in goes with it.
        if !goes_on || state.hand_over(Room::Idle(Arc::clone(environment)), suits).is_some() {
            return false;
        }
        if let Some(busy) = state.busy(environment) {
            busy.answered = None;
        }
        true
    }

    /// The least recently used of those that are idle.
    pub(super) fn longest_idle(&self) -> Option<Arc<Environment>> {
        self.state().idle.first().cloned()
    }

    /// Takes it off the stack; false when an invocation has been placed on it meanwhile.
    pub(crate) fn withdraw(&self, environment: &Arc<Environment>) -> bool {
        let mut state = self.state();
        let at = state.idle.iter().position(|other| Arc::ptr_eq(other, environment));
        at.map(|at| state.idle.remove(at)).is_some()
    }

    /// It runs nothing and will run nothing more. May be said more than once.
    pub(crate) fn release(&self, environment: &Arc<Environment>) {
        self.free(&mut self.state(), environment);
    }

    /// It is gone.
    pub(crate) fn remove(&self, environment: &Arc<Environment>) {
        let mut state = self.state();
        self.free(&mut state, environment);
        state.idle.retain(|other| !Arc::ptr_eq(other, environment));
        let before = state.all.len();
        state.all.retain(|other| !Arc::ptr_eq(other, environment));
        let removed = before - state.all.len();
        drop(state);
        self.population.send_modify(|count| *count = count.saturating_sub(removed));
    }

    /// A share that came to nothing.
    pub(crate) fn give_back(&self, share: Share) {
        self.end(&mut self.state(), share);
    }

    fn free(&self, state: &mut State, environment: &Arc<Environment>) {
        let at = state.busy.iter().position(|busy| Arc::ptr_eq(&busy.environment, environment));
        if let Some(at) = at {
            let Busy { share, .. } = state.busy.swap_remove(at);
            self.end(state, share);
        }
    }

    fn may_pass_on(&self, state: &State, share: Share) -> bool {
        state.executions.may_pass_on() && (share == Share::Reserved || self.account.may_pass_on())
    }

    /// An execution is over: whoever waits at the limit goes on with its share.
    fn end(&self, state: &mut State, share: Share) {
        if self.may_pass_on(state, share)
            && state.hand_over(Room::New(share), |waiter| waiter.wants == Wants::Anything).is_none()
        {
            return;
        }
        state.executions.end();
        if share == Share::Account {
            self.account.end();
        }
    }

    /// Ends the environments of these incarnations, each when it is free.
    pub(super) fn retire(&self, incarnations: &[Uuid]) {
        let mut state = self.state();
        let retired = |environment: &Arc<Environment>| incarnations.contains(&environment.incarnation());
        state.idle.retain(|environment| !retired(environment));
        incarnations.iter().for_each(|incarnation| state.note_retired(*incarnation));
        state.all.iter().filter(|environment| retired(environment)).for_each(|environment| environment.retire());
    }

    /// Ends every environment when it is free.
    pub(super) fn retire_all(&self) {
        let mut state = self.state();
        state.idle.clear();
        state.all.iter().for_each(|environment| environment.retire());
    }

    /// Sets the function's reservation.
    pub(super) fn reserve(&self, reserved: Option<u32>) {
        let mut state = self.state();
        // Under the function's lock, so that two changes reach the account in the same order.
        let before = state.executions.reserve(reserved);
        self.account.reserve(before, reserved);
    }
}
