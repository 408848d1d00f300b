//! `GetLogEvents`: one stream, page by page in either direction.
//!
//! A token is a direction and a position. Reading on from the end gives no events and the same token again, which is how
//! clients know that they have caught up, and what they poll with.

use super::{ANSWER_BYTES, ANSWER_EVENTS, EVENT_OVERHEAD_BYTES, Request, internal, invalid, no_group, no_stream};
use crate::members::{flag, number};
use hearth_api::error::ApiError;
use hearth_store::{LogEvent, LogPage, LogQuery};
use serde_json::{Value, json};

/// Events read at once (ours): an event may have 256 KB, so the bound on bytes is kept in steps.
const STEP: usize = 64;

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token {
    backwards: bool,
    position: u64,
}

impl Token {
    fn parse(text: &str) -> Option<Self> {
        let (direction, rest) = text.split_once('/')?;
        let position = rest.strip_suffix("/s")?.parse().ok()?;
        let backwards = match direction {
            "f" => false,
            "b" => true,
            _ => return None,
        };
        Some(Self { backwards, position })
    }

    /// As long as AWS's.
    fn print(self) -> String {
        format!("{}/{:056}/s", if self.backwards { 'b' } else { 'f' }, self.position)
    }
}

impl Request<'_> {
    /// A page of a stream's events, in the order they were written.
    pub(super) fn get_events(&self) -> Result<Value, ApiError> {
        let group = self.group()?;
        let stream = self.text("logStreamName").ok_or_else(no_stream)?;
        let token = match self.text("nextToken") {
            Some(text) => Token::parse(text).ok_or_else(|| invalid("The specified nextToken is invalid."))?,
            None if flag(self.members, "startFromHead") => Token { backwards: false, position: 0 },
            None => Token { backwards: true, position: u64::MAX },
        };
        let limit = number(self.members, "limit").unwrap_or(ANSWER_EVENTS).clamp(1, ANSWER_EVENTS);
        let page = self.read(group, stream, token, limit)?;
        let events: Vec<Value> = page
            .events
            .into_iter()
            .map(|(_, event)| {
                json!({ "timestamp": event.timestamp_ms, "message": event.message, "ingestionTime": event.ingestion_ms })
            })
            .collect();
        Ok(json!({
            "events": events,
            "nextForwardToken": Token { backwards: false, position: page.end }.print(),
            "nextBackwardToken": Token { backwards: true, position: page.start }.print(),
        }))
    }

    /// Reads in steps until the answer is full.
    fn read(&self, group: &str, stream: &str, token: Token, limit: usize) -> Result<LogPage, ApiError> {
        let mut query = LogQuery {
            start_ms: number(self.members, "startTime"),
            end_ms: number(self.members, "endTime"),
            position: token.position,
            limit: STEP,
            backwards: token.backwards,
        };
        let mut collected = Collected::new(token, limit);
        loop {
            query.limit = STEP.min(limit - collected.events.len());
            let page = match self.logs.read(self.scope, group, stream, &query).map_err(internal)? {
                Some(page) => page,
                None => return Err(self.missing(group)?),
            };
            let (wanted, found) = (query.limit, page.events.len());
            let full = collected.add(page);
            if full || found < wanted || collected.events.len() >= limit {
                return Ok(collected.page());
            }
            query.position = if token.backwards { collected.start } else { collected.end };
        }
    }

    /// Whether it is the stream or its group that is not there.
    pub(super) fn missing(&self, group: &str) -> Result<ApiError, ApiError> {
        let group = self.logs.streams(self.scope, group).map_err(internal)?;
        Ok(if group.is_some() { no_stream() } else { no_group() })
    }
}

/// What has been read so far. `events` are in the order of reading.
struct Collected {
    backwards: bool,
    events: Vec<(u64, LogEvent)>,
    bytes: usize,
    start: u64,
    end: u64,
}

impl Collected {
    fn new(token: Token, limit: usize) -> Self {
        let position = token.position;
        let events = Vec::with_capacity(limit.min(STEP));
        Self { backwards: token.backwards, events, bytes: 0, start: position, end: position }
    }

    /// Takes over what fits; returns whether something did not. An answer has at least one event if there is one.
    fn add(&mut self, page: LogPage) -> bool {
        let (start, end, first_page) = (page.start, page.end, self.events.is_empty());
        let mut events = page.events;
        if self.backwards {
            events.reverse();
        }
        if events.is_empty() {
            // Nothing (more) that way. A place beyond the end (an open one, or one in a stream that was deleted and made
            // anew) becomes the real end, so that what is written next will be seen.
            if first_page && end < self.end {
                (self.start, self.end) = (start, end);
            }
            return false;
        }
        if first_page {
            if self.backwards { self.end = end } else { self.start = start }
        }
        let mut previous = self.end;
        for (position, event) in events {
            let size = event.message.len() + EVENT_OVERHEAD_BYTES;
            if !self.events.is_empty() && self.bytes + size > ANSWER_BYTES {
                // Forwards, the first event that does not fit is where to go on.
                if !self.backwards {
                    self.end = position;
                }
                return true;
            }
            self.bytes += size;
            previous = position;
            if self.backwards {
                self.start = position;
            }
            self.events.push((position, event));
        }
        if !self.backwards {
            self.end = end.max(previous);
        }
        false
    }

    fn page(mut self) -> LogPage {
        if self.backwards {
            self.events.reverse();
        }
        LogPage { events: self.events, start: self.start, end: self.end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back() {
        for token in [Token { backwards: false, position: 0 }, Token { backwards: true, position: u64::MAX }] {
            assert_eq!(Token::parse(&token.print()), Some(token));
        }
        for wrong in ["", "f/", "x/1/s", "f/1", "f/-1/s", "f/99999999999999999999999/s"] {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
    }

    fn page(positions: std::ops::Range<u64>, size: usize) -> LogPage {
        let event = LogEvent { timestamp_ms: 0, ingestion_ms: 0, message: "x".repeat(size) };
        let events = positions.clone().map(|position| (position * 10, event.clone())).collect();
        LogPage { events, start: positions.start * 10, end: positions.end * 10 }
    }

    #[test]
    fn a_full_answer_goes_on_with_the_event_that_did_not_fit() {
        let mut forwards = Collected::new(Token { backwards: false, position: 0 }, 100);
        assert!(forwards.add(page(0..10, ANSWER_BYTES / 4)));
        let read = forwards.page();
        assert_eq!((read.events.len(), read.start, read.end), (3, 0, 30));

        let mut backwards = Collected::new(Token { backwards: true, position: u64::MAX }, 100);
        assert!(backwards.add(page(0..10, ANSWER_BYTES / 4)));
        let read = backwards.page();
        assert_eq!((read.events.len(), read.start, read.end), (3, 70, 100));
        assert_eq!(read.events.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [70, 80, 90]);
    }

    #[test]
    fn the_end_of_a_stream_gives_the_same_token_again() {
        let mut collected = Collected::new(Token { backwards: false, position: 30 }, 100);
        assert!(!collected.add(LogPage { events: Vec::new(), start: 30, end: 30 }));
        assert_eq!((collected.start, collected.end), (30, 30));
    }

    #[test]
    fn a_stream_read_from_beyond_its_end_has_a_token_that_sees_what_comes() {
        for token in [Token { backwards: true, position: u64::MAX }, Token { backwards: false, position: 500 }] {
            let mut collected = Collected::new(token, 100);
            assert!(!collected.add(LogPage { events: Vec::new(), start: 30, end: 30 }));
            assert_eq!((collected.start, collected.end), (30, 30));
        }
    }
}
