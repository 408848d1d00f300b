//! Who has subscribed to the events of one environment, and what is on its way to them. What is said before somebody
//! subscribes is kept while somebody still may: until the end of Init.
//!
//! When what is sent, [`Outbox`] decides; the sending itself is a task of its own for each batch, so nobody waits for a
//! subscriber. An environment without subscribers pays a look at an empty list.

mod delivery;
#[cfg(test)]
mod tests;

pub(crate) use delivery::{Delivered, Delivery};

use crate::clock::{Clock, wall_ms};
use hearth_api::platform_event::{LoggedRecord, PlatformEvent, logged};
use hearth_core::environment::Moment;
use hearth_core::extension::{ExtensionId, Refusal};
use hearth_core::limits::{TELEMETRY_BACKLOG_BYTES, TELEMETRY_RECORD_OVERHEAD_BYTES, TELEMETRY_SUBSCRIPTIONS};
use hearth_core::telemetry::{Category, Cause, Dropped, Order, Outbox, Schema, Subscription};
use std::sync::Arc;
use tokio::task::AbortHandle;

/// All subscribers of one environment.
#[derive(Debug)]
pub(crate) struct Telemetry {
    clock: Clock,
    json_format: bool,
    subscribers: Vec<Subscriber>,
    /// What was said since the launch, or the end of those before; `None` once nobody can subscribe any more.
    backlog: Option<Backlog>,
    /// Tells subscriptions apart, those that were replaced included.
    made: u64,
    /// What subscribers have missed that are gone.
    given_up: Option<Dropped>,
}

/// One of them.
#[derive(Debug)]
struct Subscriber {
    number: u64,
    extension: ExtensionId,
    subscription: Arc<Subscription>,
    outbox: Outbox,
    sending: Option<AbortHandle>,
    /// The connection to a TCP destination, while nothing is sent.
    connection: Option<tokio::net::TcpStream>,
}

#[derive(Debug, Default)]
struct Backlog {
    said: Vec<(i64, Said)>,
    /// Of what was printed.
    bytes: usize,
    /// What was printed and had no room, by category: the latest of it all.
    missed: Vec<(Category, Dropped)>,
    /// How many subscriptions there were since the launch.
    subscriptions: u32,
}

/// One event, not worded yet.
#[derive(Clone, Debug)]
enum Said {
    Platform(Box<PlatformEvent>),
    Printed(Category, Arc<str>),
}

impl Said {
    fn category(&self) -> Category {
        match self {
            Self::Platform(_) => Category::Platform,
            Self::Printed(category, _) => *category,
        }
    }

    fn worded(&self, schema: Schema, json_format: bool, time_ms: i64) -> Option<Arc<str>> {
        match self {
            Self::Platform(event) => event.record(schema, time_ms).map(Arc::from),
            Self::Printed(category, line) => {
                let kind = if *category == Category::Extension { "extension" } else { "function" };
                Some(logged(LoggedRecord { kind, line, json_format }, schema, time_ms).into())
            }
        }
    }
}

impl Telemetry {
    pub(crate) fn new(clock: Clock, json_format: bool) -> Self {
        Self { clock, json_format, subscribers: Vec::new(), backlog: None, made: 0, given_up: None }
    }

    /// From now on everybody may subscribe.
    pub(crate) fn open(&mut self) {
        self.backlog.get_or_insert_default();
    }

    /// Who has subscribed is killed. Those who come after the next launch hear how it ended: the report of the invocation
    /// is written once nobody is left.
    pub(crate) fn reset(&mut self) {
        self.end();
        self.open();
    }

    /// Init is over: whoever has not subscribed will not.
    pub(crate) fn close(&mut self) {
        self.backlog = None;
    }

    /// Nobody is left to send to.
    pub(crate) fn end(&mut self) {
        self.close();
        self.given_up = self.given_up();
        self.subscribers.clear();
    }

    /// An extension subscribes, in the place of what it has subscribed to before. It gets what was said up to now. Gives
    /// whether that is news: to ask for the same again changes nothing.
    pub(crate) fn subscribe(&mut self, extension: ExtensionId, subscription: Subscription) -> Result<bool, Refusal> {
        let api = subscription.schema.api();
        let before = self.subscribers.iter().position(|subscriber| subscriber.extension == extension);
        if let Some(subscriber) = before.and_then(|at| self.subscribers.get(at)) {
            if subscriber.subscription.schema.api() != api {
                return Err(Refusal::OtherApi(api));
            }
            if *subscriber.subscription == subscription {
                return Ok(false);
            }
        }
        // Each is a line of the log and all that was said, worded anew: not as often as one likes.
        match &mut self.backlog {
            Some(backlog) if backlog.subscriptions < TELEMETRY_SUBSCRIPTIONS => backlog.subscriptions += 1,
            Some(_) | None => return Err(Refusal::SubscriptionClosed(api)),
        }
        let before = before.map(|at| self.subscribers.swap_remove(at));
        self.made += 1;
        let (now, mut outbox) = (self.clock.now(), Outbox::new(subscription.buffering));
        match before.filter(|before| before.outbox.has_delivered()) {
            // Whoever changes the terms has had the beginning, and what was on its way is worded by the old ones.
            Some(before) => outbox.succeed(now, &before.outbox),
            None => self.backlog.iter().for_each(|backlog| {
                backlog.tell(&subscription, self.json_format, now, &mut outbox);
            }),
        }
        self.subscribers.push(Subscriber {
            number: self.made,
            extension,
            subscription: Arc::new(subscription),
            outbox,
            sending: None,
            connection: None,
        });
        Ok(true)
    }

    /// The platform says something.
    pub(crate) fn platform(&mut self, event: &PlatformEvent) {
        if self.is_heard() {
            self.say(wall_ms(), Said::Platform(Box::new(event.clone())));
        }
    }

    /// Something was printed, at this time in epoch milliseconds.
    pub(crate) fn printed(&mut self, category: Category, time_ms: i64, line: &str) {
        if self.is_heard() {
            self.say(time_ms, Said::Printed(category, line.into()));
        }
    }

    /// Something was printed, of so many bytes, and an invocation may not print so much.
    pub(crate) fn missed(&mut self, category: Category, bytes: usize) {
        let (now, missed) = (self.clock.now(), one_missed(bytes, Cause::Flood));
        for Subscriber { subscription, outbox, .. } in &mut self.subscribers {
            if subscription.types.include(category) {
                outbox.miss(now, missed);
            }
        }
        self.backlog.iter_mut().for_each(|backlog| backlog.miss(category, missed));
    }

    fn is_heard(&self) -> bool {
        self.backlog.is_some() || !self.subscribers.is_empty()
    }

    fn say(&mut self, time_ms: i64, said: Said) {
        let now = self.clock.now();
        // Worded once for all who want the same words.
        let mut worded: Vec<(Schema, Option<Arc<str>>)> = Vec::new();
        for Subscriber { subscription, outbox, .. } in &mut self.subscribers {
            if !subscription.types.include(said.category()) {
                continue;
            }
            let schema = subscription.schema;
            let known = worded.iter().find(|(known, _)| *known == schema).map(|(_, event)| event.clone());
            let event = known.unwrap_or_else(|| {
                let event = said.worded(schema, self.json_format, time_ms);
                worded.push((schema, event.clone()));
                event
            });
            event.into_iter().for_each(|event| outbox.put(now, event));
        }
        if let Some(backlog) = &mut self.backlog {
            backlog.keep(time_ms, said);
        }
    }

    /// Gives what is due to `send`, which starts it.
    pub(crate) fn poll(&mut self, send: impl Fn(Delivery) -> AbortHandle) {
        let now = self.clock.now();
        for subscriber in &mut self.subscribers {
            while let Some(order) = subscriber.outbox.poll(now) {
                match order {
                    Order::Abandon => subscriber.stop(),
                    Order::Send { attempt, batch } => {
                        subscriber.sending = Some(send(Delivery {
                            subscriber: subscriber.number,
                            attempt,
                            batch,
                            subscription: Arc::clone(&subscriber.subscription),
                            connection: subscriber.connection.take(),
                        }));
                    }
                }
            }
        }
    }

    /// When [`Telemetry::poll`] has something to do even if nothing happens before.
    pub(crate) fn wake_at(&self) -> Option<Moment> {
        self.subscribers.iter().filter_map(|subscriber| subscriber.outbox.wake_at()).min()
    }

    /// How an attempt went.
    pub(crate) fn on_delivered(&mut self, delivered: Delivered) {
        let Delivered { subscriber, attempt, outcome } = delivered;
        // It may have been replaced meanwhile.
        let Some(found) = self.subscribers.iter_mut().find(|found| found.number == subscriber) else { return };
        match outcome {
            Ok(connection) => {
                if found.outbox.delivered(attempt) {
                    found.connection = connection;
                }
            }
            Err(error) => {
                tracing::debug!(%error, attempt, "telemetry was not delivered");
                found.outbox.failed(self.clock.now(), attempt);
            }
        }
    }

    /// What subscribers have missed since this was last asked.
    pub(crate) fn given_up(&mut self) -> Option<Dropped> {
        let by_those_here = self.subscribers.iter_mut().filter_map(|subscriber| subscriber.outbox.given_up());
        self.given_up.take().into_iter().chain(by_those_here).reduce(Dropped::and)
    }

    pub(crate) fn freeze(&mut self) {
        let now = self.clock.now();
        self.subscribers.iter_mut().for_each(|subscriber| subscriber.outbox.freeze(now));
    }

    pub(crate) fn thaw(&mut self) {
        let now = self.clock.now();
        self.subscribers.iter_mut().for_each(|subscriber| subscriber.outbox.thaw(now));
    }

    /// The end is near: nothing waits for more to come.
    pub(crate) fn hurry(&mut self) {
        self.subscribers.iter_mut().for_each(|subscriber| subscriber.outbox.hurry());
    }

    /// Whether all that was said has arrived, or will not.
    pub(crate) fn is_settled(&self) -> bool {
        self.subscribers.iter().all(|subscriber| subscriber.outbox.is_settled())
    }
}

impl Backlog {
    /// What is printed and has no room, and all that is printed after it, is only counted for those who come later. What the
    /// platform says of one launch is little.
    fn keep(&mut self, time_ms: i64, said: Said) {
        if let Said::Printed(category, line) = &said {
            let bytes = line.len() + TELEMETRY_RECORD_OVERHEAD_BYTES;
            if !self.missed.is_empty() || self.bytes + bytes > TELEMETRY_BACKLOG_BYTES {
                return self.miss(*category, one_missed(line.len(), Cause::Slow));
            }
            self.bytes += bytes;
        }
        self.said.push((time_ms, said));
    }

    fn miss(&mut self, category: Category, more: Dropped) {
        match self.missed.iter_mut().find(|(known, _)| *known == category) {
            Some((_, missed)) => *missed = missed.and(more),
            None => self.missed.push((category, more)),
        }
    }

    /// Hands it on to somebody who comes later.
    fn tell(&self, subscription: &Subscription, json_format: bool, now: Moment, outbox: &mut Outbox) {
        let wanted = |category| subscription.types.include(category);
        for (time_ms, said) in self.said.iter().filter(|(_, said)| wanted(said.category())) {
            let worded = said.worded(subscription.schema, json_format, *time_ms);
            worded.into_iter().for_each(|event| outbox.put(now, event));
        }
        for (_, missed) in self.missed.iter().filter(|(category, _)| wanted(*category)) {
            outbox.miss(now, *missed);
        }
    }
}

fn one_missed(bytes: usize, cause: Cause) -> Dropped {
    Dropped { records: 1, bytes: bytes as u64, cause }
}

impl Subscriber {
    fn stop(&mut self) {
        self.sending.take().into_iter().for_each(|sending| sending.abort());
        self.connection = None;
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.stop();
    }
}
