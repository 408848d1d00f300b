//! Many streams read as one, ordered by time, so that a page can end anywhere and the next one goes on right there.
//!
//! An event's place in that order is its [`Place`]: time, stream, position. Within one stream time may run backwards
//! (clocks are set, batches are put late); such an event takes the time of the one before it, so that places grow with
//! positions. A page begins in each stream at the first event that is not older than the page's place, found by the
//! store; every event before it is older, so its place needs no knowledge of them.

use super::internal;
use hearth_api::error::ApiError;
use hearth_api::function::Scope;
use hearth_store::{LogEvent, LogQuery, LogStreamInfo, Logs};
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

/// Events read ahead from all streams together, and from one stream at most (ours).
const AHEAD: usize = 512;
const STEP: usize = 64;

/// Where an event stands in the merged order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Its time, or that of a later one before it in its stream.
    pub(super) time_ms: i64,
    /// The stream's name.
    pub(super) stream: String,
    /// Its position in the stream.
    pub(super) position: u64,
}

/// What is read.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// The logs.
    pub(super) logs: &'a dyn Logs,
    /// Whose.
    pub(super) scope: &'a Scope,
    /// The group.
    pub(super) group: &'a str,
    /// First time wanted.
    pub(super) start_ms: Option<i64>,
    /// First time not wanted.
    pub(super) end_ms: Option<i64>,
}

/// Reads the streams of a group in the order of time.
#[derive(Debug)]
pub(super) struct Merge<'a> {
    source: Source<'a>,
    after: Option<Place>,
    heads: BinaryHeap<Reverse<Head>>,
    step: usize,
}

impl<'a> Merge<'a> {
    /// Those events of `streams` that stand behind `after`. Reads nothing yet: a stream is opened when the time of its
    /// first event is reached.
    pub(super) fn new(source: Source<'a>, streams: Vec<LogStreamInfo>, after: Option<Place>) -> Self {
        let wanted = |stream: &LogStreamInfo| {
            let (Some(first), Some(last)) = (stream.first_event_ms, stream.last_event_ms) else { return false };
            // Time may run backwards in between, but hardly by more than this margin.
            const MARGIN_MS: i64 = 60_000;
            let old = source.start_ms.is_some_and(|start| last.saturating_add(MARGIN_MS) < start);
            let new = source.end_ms.is_some_and(|end| first.saturating_sub(MARGIN_MS) >= end);
            !old && !new
        };
        let heads: BinaryHeap<_> =
            streams.into_iter().filter(wanted).map(|stream| Reverse(Head::unopened(stream, source.end_ms))).collect();
        let step = (AHEAD / heads.len().max(1)).clamp(1, STEP);
        Self { source, after, heads, step }
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Result<Option<(Place, LogEvent)>, ApiError> {
        while let Some(Reverse(mut head)) = self.heads.pop() {
            let Some(event) = head.take() else {
                if head.fill(&self.source, self.after.as_ref(), self.step)? {
                    self.heads.push(Reverse(head));
                }
                continue;
            };
            let place = head.place.clone();
            self.heads.push(Reverse(head));
            if self.after.as_ref().is_none_or(|after| place > *after) {
                return Ok(Some((place, event)));
            }
        }
        Ok(None)
    }
}

/// One stream: the place of its next event, if that has been read, and the events after it.
#[derive(Debug)]
struct Head {
    place: Place,
    /// The event at `place`; `None`: not read yet, and `place` is where it is at the earliest.
    event: Option<LogEvent>,
    read: VecDeque<(u64, LogEvent)>,
    /// Where to read on; `None`: not opened.
    from: Option<u64>,
}

impl Head {
    /// No event of a stream stands before its first one, unless that is none of those wanted because it is too late.
    fn unopened(stream: LogStreamInfo, end_ms: Option<i64>) -> Self {
        let first = stream.first_event_ms.filter(|first| end_ms.is_none_or(|end| *first < end));
        let place = Place { time_ms: first.unwrap_or(i64::MIN), stream: stream.name, position: 0 };
        Self { place, event: None, read: VecDeque::new(), from: None }
    }

    /// Gives away the event at `place`.
    fn take(&mut self) -> Option<LogEvent> {
        self.event.take()
    }

    /// Brings the next event to `place`; false at the end of the stream.
    fn fill(&mut self, source: &Source<'_>, after: Option<&Place>, step: usize) -> Result<bool, ApiError> {
        if self.read.is_empty() && !self.refill(source, after, step)? {
            return Ok(false);
        }
        let Some((position, event)) = self.read.pop_front() else { return Ok(false) };
        self.place.time_ms = self.place.time_ms.max(event.timestamp_ms);
        self.place.position = position;
        self.event = Some(event);
        Ok(true)
    }

    fn refill(&mut self, source: &Source<'_>, after: Option<&Place>, step: usize) -> Result<bool, ApiError> {
        let from = match self.from {
            Some(from) => from,
            None => match self.begin(source, after)? {
                Some(from) => from,
                None => return Ok(false),
            },
        };
        let query = LogQuery { position: from, limit: step, ..range(source) };
        let read = source.logs.read(source.scope, source.group, &self.place.stream, &query).map_err(internal)?;
        // A stream that was deleted meanwhile has ended.
        let Some(page) = read.filter(|page| !page.events.is_empty()) else { return Ok(false) };
        self.from = Some(page.end);
        self.read = page.events.into();
        Ok(true)
    }

    /// The first position whose place can stand behind `after`.
    fn begin(&self, source: &Source<'_>, after: Option<&Place>) -> Result<Option<u64>, ApiError> {
        let Some(after) = after else { return Ok(Some(0)) };
        let start_ms = source.start_ms.map_or(after.time_ms, |start| start.max(after.time_ms));
        let query = LogQuery { start_ms: Some(start_ms), limit: 1, ..range(source) };
        let read = source.logs.read(source.scope, source.group, &self.place.stream, &query).map_err(internal)?;
        Ok(read.and_then(|page| page.events.first().map(|(position, _)| *position)))
    }
}

fn range(source: &Source<'_>) -> LogQuery {
    LogQuery { start_ms: source.start_ms, end_ms: source.end_ms, ..LogQuery::default() }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    /// A stream whose next event has not been read comes before one at the same place that has.
    fn cmp(&self, other: &Self) -> Ordering {
        self.place.cmp(&other.place).then_with(|| self.event.is_some().cmp(&other.event.is_some()))
    }
}
