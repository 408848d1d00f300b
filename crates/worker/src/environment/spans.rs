//! What the parts of an invocation took: the spans of `platform.runtimeDone` and `platform.report`.
//!
//! Source: AWS Lambda developer guide, "Telemetry API event schema reference"; RIE `telemetry/events_api.go`.

use crate::clock::{Clock, wall_ms};
use hearth_api::platform_event::Span;
use hearth_core::environment::Moment;
use std::time::Instant;

/// When the runtime's answer began to come, and how much of it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) began: Instant,
    pub(crate) bytes: u64,
}

/// The invocation that runs, in moments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spans {
    dispatched: Option<Moment>,
    /// When the answer began, and when it was complete.
    answered: Option<(Moment, Moment)>,
    bytes: u64,
    done: Option<Moment>,
}

impl Spans {
    /// The event was handed out; again, if the runtime asks twice.
    pub(super) fn dispatched(&mut self, now: Moment) {
        self.dispatched.get_or_insert(now);
    }

    /// The runtime has answered.
    pub(super) fn answered(&mut self, clock: Clock, arrival: Arrival) {
        self.answered = Some((clock.moment(arrival.began), clock.now()));
        self.bytes = arrival.bytes;
    }

    /// The runtime is done: how long that took, microseconds; the size of its answer; what it was busy with.
    pub(super) fn done(&mut self, now: Moment) -> (u64, u64, Vec<Span>) {
        self.done = Some(now);
        let Some(dispatched) = self.dispatched else { return (0, self.bytes, Vec::new()) };
        let spans = self.answered.map_or_else(Vec::new, |(began, complete)| {
            let parts = [
                ("responseLatency", dispatched, began),
                ("responseDuration", began, complete),
                ("runtimeOverhead", complete, now),
            ];
            parts.into_iter().map(|(name, from, to)| span(name, from, to, now)).collect()
        });
        (now.since(dispatched), self.bytes, spans)
    }

    /// The invocation is over: what extensions did since, where there are any.
    pub(super) fn over(&mut self, now: Moment, with_extensions: bool) -> Vec<Span> {
        let done = std::mem::take(self).done.filter(|_| with_extensions);
        done.map(|done| span("extensionOverhead", done, now, now)).into_iter().collect()
    }
}

fn span(name: &'static str, from: Moment, to: Moment, now: Moment) -> Span {
    let ago_ms = i64::try_from(now.since(from) / 1_000).unwrap_or(i64::MAX);
    Span { name, start_ms: wall_ms().saturating_sub(ago_ms), duration_us: to.since(from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_the_sum_of_its_spans() {
        let mut spans = Spans::default();
        spans.dispatched(Moment(10));
        spans.dispatched(Moment(20));
        spans.answered = Some((Moment(100), Moment(130)));
        let (duration_us, _, parts) = spans.done(Moment(150));
        let parts: Vec<_> = parts.iter().map(|span| (span.name, span.duration_us)).collect();
        assert_eq!(parts, [("responseLatency", 90), ("responseDuration", 30), ("runtimeOverhead", 20)]);
        assert_eq!(duration_us, 140);
        let over = spans.over(Moment(190), true);
        assert_eq!(
            over.iter().map(|span| (span.name, span.duration_us)).collect::<Vec<_>>(),
            [("extensionOverhead", 40)]
        );
    }

    #[test]
    fn what_never_came_has_no_span() {
        let mut spans = Spans::default();
        assert_eq!(spans.done(Moment(5)), (0, 0, Vec::new()));
        spans.dispatched(Moment(10));
        assert_eq!(spans.done(Moment(15)), (5, 0, Vec::new()));
        assert!(spans.over(Moment(20), false).is_empty());
    }
}
