//! What each event makes of the way to a subscriber, in every state: `docs/subscriptions.md`, made by the outbox itself.

use super::*;
use std::fmt::Write as _;

const BUFFERING: Buffering = Buffering { max_items: 3, max_bytes: 1_000, timeout_ms: 1_000 };

const INTRODUCTION: &str = "\
# States of a subscription

Generated from `crates/core/src/telemetry/outbox.rs` by its test: how events are on their way to one subscriber. Each cell names
what is done at once, and the state afterwards; `–` changes nothing. One batch is under way at a time; what comes meanwhile waits behind it, and
what has no room is counted.

";

const STATES: [&str; 8] = [
    "empty",
    "a count waits",
    "events wait",
    "sending",
    "pausing",
    "sending, the last attempt",
    "frozen",
    "frozen while sending",
];
const STEPS: [&str; 8] = [
    "an event",
    "events that fill a batch",
    "time is over",
    "accepted",
    "refused",
    "the end is near",
    "freeze",
    "thaw",
];

/// An outbox, its clock, and the attempt under way.
struct Stage {
    outbox: Outbox,
    now: Moment,
    attempt: u64,
}

impl Stage {
    fn at(state: &str) -> Self {
        let mut stage = Self { outbox: Outbox::new(BUFFERING), now: Moment(1), attempt: 0 };
        let path: &[&str] = match state {
            "events wait" => &["an event"],
            "sending" => &["events that fill a batch"],
            "pausing" => &["events that fill a batch", "refused"],
            "sending, the last attempt" => {
                stage.take("events that fill a batch");
                for _ in 1..TELEMETRY_ATTEMPTS {
                    stage.take("refused");
                    stage.take("time is over");
                }
                &[]
            }
            "a count waits" => {
                stage = Self::at("sending, the last attempt");
                &["refused"]
            }
            "frozen" => &["freeze"],
            "frozen while sending" => &["events that fill a batch", "freeze"],
            _ => &[],
        };
        path.iter().for_each(|step| drop(stage.take(step)));
        assert_eq!(stage.state(), state);
        stage
    }

    fn state(&self) -> &'static str {
        let waits = |wanted: fn(&Parcel) -> bool| self.outbox.waiting.iter().any(|(_, parcel)| wanted(parcel));
        match &self.outbox.under_way {
            Some(_) if self.outbox.frozen.is_some() => "frozen while sending",
            Some(UnderWay { state: State::Pausing(_), .. }) => "pausing",
            Some(UnderWay { tries, .. }) if *tries == TELEMETRY_ATTEMPTS => "sending, the last attempt",
            Some(_) => "sending",
            None if self.outbox.frozen.is_some() => "frozen",
            None if waits(|parcel| matches!(parcel, Parcel::Event(_))) => "events wait",
            None if waits(|parcel| matches!(parcel, Parcel::Dropped(_))) => "a count waits",
            None => "empty",
        }
    }

    /// What is done then.
    fn take(&mut self, step: &str) -> Vec<&'static str> {
        let Self { outbox, now, attempt } = self;
        match step {
            "an event" => outbox.put(*now, "event".into()),
            "events that fill a batch" => (0..BUFFERING.max_items).for_each(|_| outbox.put(*now, "event".into())),
            "time is over" => *now = outbox.wake_at().unwrap_or(*now),
            "accepted" => drop(outbox.delivered(*attempt)),
            "refused" => outbox.failed(*now, *attempt),
            "the end is near" => outbox.hurry(),
            "freeze" => outbox.freeze(*now),
            _ => outbox.thaw(*now),
        }
        let mut done = Vec::new();
        while let Some(order) = outbox.poll(*now) {
            done.push(match order {
                Order::Send { attempt: number, .. } => {
                    *attempt = number;
                    "send"
                }
                Order::Abandon => "abandon",
            });
        }
        done
    }
}

#[test]
fn the_subscription_table_matches_the_documentation() {
    let mut page = INTRODUCTION.to_owned();
    writeln!(page, "| state | {} |\n|{}", STEPS.join(" | "), " --- |".repeat(STEPS.len() + 1)).expect("a String");
    for from in STATES {
        write!(page, "| **{from}** |").expect("a String");
        for step in STEPS {
            let mut stage = Stage::at(from);
            let done = stage.take(step);
            let after = stage.state();
            let cell = match (done.is_empty(), after == from) {
                (true, true) => "–".to_owned(),
                (true, false) => after.to_owned(),
                (false, _) => format!("{}; {after}", done.join(", ")),
            };
            write!(page, " {cell} |").expect("a String");
        }
        page.push('\n');
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/subscriptions.md");
    if std::env::var_os("HEARTH_BLESS").is_some() {
        std::fs::write(path, &page).expect("docs can be written");
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page, "run with HEARTH_BLESS=1 to write it anew");
}
