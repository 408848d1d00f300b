//! The events on their way to one subscriber.
//!
//! ```text
//!   put ──▶ waiting ──full, old, or in a hurry──▶ under way ──delivered──▶
//!              │                                     │ failed, too slow: again, a little later
//!              ▼ no room                             ▼ as often as may be
//!           counted ◀───────────────────────────── counted; the count takes their place
//! ```
//!
//! One batch is under way at a time, so that events arrive in order. While the sandbox is frozen nothing is sent, nobody
//! is blamed for being slow, and what waits goes on waiting. What is kept is bounded, whatever the subscriber does.

use super::{Buffering, Cause, Dropped};
use crate::environment::Moment;
use crate::limits::{
    TELEMETRY_ATTEMPT_MS, TELEMETRY_ATTEMPTS, TELEMETRY_BYTES, TELEMETRY_PAUSE_MS, TELEMETRY_RECORD_OVERHEAD_BYTES,
};
use std::collections::VecDeque;
use std::sync::Arc;

#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;

/// What a batch is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parcel {
    /// An event, worded already.
    Event(Arc<str>),
    /// That events are missing here.
    Dropped(Dropped),
}

impl Parcel {
    fn bytes(&self) -> usize {
        match self {
            Self::Event(event) => event.len(),
            Self::Dropped(_) => 0,
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Send this. The number tells attempts apart: what is heard of an earlier one means nothing.
    Send {
        /// Which attempt, of all.
        attempt: u64,
        /// In order.
        batch: Vec<Parcel>,
    },
    /// Stop what is being sent: it takes too long.
    Abandon,
}

/// See the module's own words.
#[derive(Debug)]
pub struct Outbox {
    buffering: Buffering,
    waiting: VecDeque<(Moment, Parcel)>,
    /// Of what waits and what is under way, with an overhead for each.
    kept_bytes: usize,
    /// Of what waits.
    waiting_bytes: usize,
    under_way: Option<UnderWay>,
    attempts: u64,
    frozen: Option<Moment>,
    hurried: bool,
    has_delivered: bool,
    /// Since somebody else than the subscriber was told of it.
    given_up: Option<Dropped>,
}

#[derive(Debug)]
struct UnderWay {
    batch: Vec<Parcel>,
    tries: u32,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// It must be over by then.
    Sending(Moment),
    /// To be tried again then.
    Pausing(Moment),
}

impl Outbox {
    /// With nothing in it.
    #[must_use]
    pub fn new(buffering: Buffering) -> Self {
        let (waiting, under_way, frozen) = (VecDeque::new(), None, None);
        let (kept_bytes, waiting_bytes, attempts) = (0, 0, 0);
        let (hurried, has_delivered, given_up) = (false, false, None);
        Self {
            buffering,
            waiting,
            kept_bytes,
            waiting_bytes,
            under_way,
            attempts,
            frozen,
            hurried,
            has_delivered,
            given_up,
        }
    }

    /// One more event.
    pub fn put(&mut self, now: Moment, event: Arc<str>) {
        let cost = event.len().saturating_add(TELEMETRY_RECORD_OVERHEAD_BYTES);
        if self.kept_bytes.saturating_add(cost) > TELEMETRY_BYTES {
            return self.miss(now, Dropped { records: 1, bytes: event.len() as u64, cause: Cause::Slow });
        }
        self.kept_bytes += cost;
        self.waiting_bytes += event.len();
        self.waiting.push_back((now, Parcel::Event(event)));
    }

    /// The latest events are missing.
    pub fn miss(&mut self, now: Moment, more: Dropped) {
        self.give_up(Some(more));
        self.count(now, more);
    }

    fn count(&mut self, now: Moment, more: Dropped) {
        match self.waiting.back_mut() {
            Some((_, Parcel::Dropped(dropped))) => *dropped = dropped.and(more),
            Some((_, Parcel::Event(_))) | None => self.waiting.push_back((now, Parcel::Dropped(more))),
        }
    }

    /// What is due. To be asked again until there is nothing, after everything that happens and at
    /// [`Outbox::wake_at`].
    pub fn poll(&mut self, now: Moment) -> Option<Order> {
        if self.frozen.is_some() {
            return None;
        }
        match &self.under_way {
            Some(UnderWay { state: State::Sending(until), .. }) if now >= *until => {
                self.tried_in_vain(now);
                Some(Order::Abandon)
            }
            Some(UnderWay { state: State::Pausing(until), .. }) if now >= *until => self.send(now),
            Some(_) => None,
            None if self.due_at().is_some_and(|at| now >= at) => {
                let batch = self.take_batch();
                self.under_way = Some(UnderWay { batch, tries: 0, state: State::Pausing(now) });
                self.send(now)
            }
            None => None,
        }
    }

    /// When to ask [`Outbox::poll`] if nothing happens before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Moment> {
        if self.frozen.is_some() {
            return None;
        }
        match &self.under_way {
            Some(UnderWay { state: State::Sending(at) | State::Pausing(at), .. }) => Some(*at),
            None => self.due_at(),
        }
    }

    /// When what waits is to be sent. A count of what is missing is no reason of its own: a subscriber that is gone would
    /// be called again and again.
    fn due_at(&self) -> Option<Moment> {
        let (oldest, _) = self.waiting.iter().find(|(_, parcel)| matches!(parcel, Parcel::Event(_)))?;
        let Buffering { max_items, max_bytes, timeout_ms } = self.buffering;
        let full = self.waiting.len() >= max_items || self.waiting_bytes >= max_bytes;
        Some(if full || self.hurried { *oldest } else { oldest.plus_ms(timeout_ms) })
    }

    fn take_batch(&mut self) -> Vec<Parcel> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < self.buffering.max_items && bytes < self.buffering.max_bytes {
            let Some((_, parcel)) = self.waiting.pop_front() else { break };
            bytes += parcel.bytes();
            batch.push(parcel);
        }
        self.waiting_bytes -= bytes;
        batch
    }

    fn send(&mut self, now: Moment) -> Option<Order> {
        let under_way = self.under_way.as_mut()?;
        under_way.tries += 1;
        under_way.state = State::Sending(now.plus_ms(TELEMETRY_ATTEMPT_MS));
        self.attempts += 1;
        Some(Order::Send { attempt: self.attempts, batch: under_way.batch.clone() })
    }

    /// The subscriber has taken what this attempt sent.
    ///
    /// Whether that is news: an attempt that was abandoned is not heard any more.
    pub fn delivered(&mut self, attempt: u64) -> bool {
        let heard = self.is_sending(attempt);
        if heard {
            self.has_delivered = true;
            self.let_go();
        }
        heard
    }

    /// This attempt has failed.
    pub fn failed(&mut self, now: Moment, attempt: u64) {
        if self.is_sending(attempt) {
            self.tried_in_vain(now);
        }
    }

    fn is_sending(&self, attempt: u64) -> bool {
        let sending = matches!(self.under_way, Some(UnderWay { state: State::Sending(_), .. }));
        sending && attempt == self.attempts
    }

    fn tried_in_vain(&mut self, now: Moment) {
        let Some(under_way) = &mut self.under_way else { return };
        if under_way.tries < TELEMETRY_ATTEMPTS {
            let pause_ms = TELEMETRY_PAUSE_MS << (under_way.tries - 1);
            under_way.state = State::Pausing(now.plus_ms(pause_ms));
            return;
        }
        let batch = self.let_go();
        self.give_up(lost(&batch));
        let Some(missed) = missing(&batch) else { return };
        match self.waiting.front_mut() {
            Some((_, Parcel::Dropped(dropped))) => *dropped = missed.and(*dropped),
            Some((_, Parcel::Event(_))) | None => self.waiting.push_front((now, Parcel::Dropped(missed))),
        }
    }

    /// Nothing is under way any more; gives what was.
    fn let_go(&mut self) -> Vec<Parcel> {
        let batch = self.under_way.take().map_or_else(Vec::new, |under_way| under_way.batch);
        let events = batch.iter().filter(|parcel| matches!(parcel, Parcel::Event(_))).count();
        let bytes: usize = batch.iter().map(Parcel::bytes).sum();
        self.kept_bytes -= bytes + events * TELEMETRY_RECORD_OVERHEAD_BYTES;
        batch
    }

    fn give_up(&mut self, more: Option<Dropped>) {
        self.given_up = Dropped::sum(self.given_up, more);
    }

    /// What was given up since this was last asked.
    pub const fn given_up(&mut self) -> Option<Dropped> {
        self.given_up.take()
    }

    /// This one goes on in the place of another: what that one has not delivered is missing.
    pub fn succeed(&mut self, now: Moment, before: &Self) {
        self.give_up(Dropped::sum(before.given_up, lost(before.undelivered())));
        missing(before.undelivered()).into_iter().for_each(|missed| self.count(now, missed));
    }

    fn undelivered(&self) -> impl Iterator<Item = &Parcel> {
        let under_way = self.under_way.iter().flat_map(|under_way| &under_way.batch);
        under_way.chain(self.waiting.iter().map(|(_, parcel)| parcel))
    }

    /// Nobody inside can do anything.
    pub fn freeze(&mut self, now: Moment) {
        self.frozen.get_or_insert(now);
    }

    /// They can again, and get the time they have missed.
    pub fn thaw(&mut self, now: Moment) {
        let Some(since) = self.frozen.take() else { return };
        if let Some(UnderWay { state: State::Sending(at) | State::Pausing(at), .. }) = &mut self.under_way {
            at.0 = at.0.saturating_add(now.since(since));
        }
    }

    /// The end is near: from now on, nothing waits for more to come.
    pub const fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Whether anything has arrived.
    #[must_use]
    pub const fn has_delivered(&self) -> bool {
        self.has_delivered
    }

    /// Whether no event waits or is under way.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.under_way.is_none() && self.due_at().is_none()
    }
}

/// The events among these together.
fn lost<'a>(parcels: impl IntoIterator<Item = &'a Parcel>) -> Option<Dropped> {
    missing(parcels.into_iter().filter(|parcel| matches!(parcel, Parcel::Event(_))))
}

/// All of these together, as missing.
fn missing<'a>(parcels: impl IntoIterator<Item = &'a Parcel>) -> Option<Dropped> {
    let one = |parcel: &Parcel| match parcel {
        Parcel::Event(event) => Dropped { records: 1, bytes: event.len() as u64, cause: Cause::Unreachable },
        Parcel::Dropped(dropped) => *dropped,
    };
    parcels.into_iter().map(one).reduce(Dropped::and)
}
