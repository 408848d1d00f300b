//! `FilterLogEvents`: the events of a group's streams, merged by time, that match a pattern.

use super::merge::{Merge, Place, Source};
use super::pattern::Pattern;
use super::{ANSWER_BYTES, ANSWER_EVENTS, EVENT_OVERHEAD_BYTES, Request, internal, invalid, no_group};
use crate::members::number;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_api::error::ApiError;
use hearth_store::{LogEvent, LogStreamInfo};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;

/// Events and bytes looked at for one answer (ours): a pattern that matches little gets short answers with a token to go
/// on, as on AWS, instead of one that takes long.
const LOOK_EVENTS: usize = 100_000;
const LOOK_BYTES: usize = 64 << 20;

impl Request<'_> {
    /// A page of matching events.
    pub(super) fn filter_events(&self) -> Result<Value, ApiError> {
        let group = self.group()?;
        let pattern = Pattern::parse(self.text("filterPattern").unwrap_or_default())?;
        let after = self.text("nextToken").map(parse_token).transpose()?;
        let limit = number(self.members, "limit").unwrap_or(ANSWER_EVENTS).clamp(1, ANSWER_EVENTS);
        let source = Source {
            logs: self.logs,
            scope: self.scope,
            group,
            start_ms: number(self.members, "startTime"),
            // Unlike in GetLogEvents, the end belongs to the range: "events later than this are not returned".
            end_ms: number(self.members, "endTime").map(|end: i64| end.saturating_add(1)),
        };
        let mut merge = Merge::new(source, self.chosen_streams(group)?, after);
        let mut events = Vec::new();
        let (mut bytes, mut looks, mut looked_bytes) = (0, 0, 0);
        let mut last = None;
        let mut next = None;
        while let Some((place, event)) = merge.next()? {
            let size = event.message.len() + EVENT_OVERHEAD_BYTES;
            let matches = pattern.matches(&event.message);
            let full = matches && (events.len() == limit || (!events.is_empty() && bytes + size > ANSWER_BYTES));
            if full || looks == LOOK_EVENTS || looked_bytes > LOOK_BYTES {
                next = last;
                break;
            }
            looks += 1;
            looked_bytes += size;
            if matches {
                bytes += size;
                events.push(shape(&place, event));
            }
            last = Some(place);
        }
        let mut out = Map::new();
        out.insert("events".to_owned(), Value::from(events));
        out.insert("searchedLogStreams".to_owned(), json!([]));
        if let Some(next) = next {
            out.insert("nextToken".to_owned(), Value::from(print_token(&next)));
        }
        Ok(Value::Object(out))
    }

    /// Those that the request names, by name or by prefix; all otherwise.
    fn chosen_streams(&self, group: &str) -> Result<Vec<LogStreamInfo>, ApiError> {
        let names = self.members.get("logStreamNames").and_then(Value::as_array).filter(|names| !names.is_empty());
        let prefix = self.text("logStreamNamePrefix");
        if names.is_some() && prefix.is_some() {
            return Err(invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters."));
        }
        let mut streams = self.logs.streams(self.scope, group).map_err(internal)?.ok_or_else(no_group)?;
        if let Some(names) = names {
            let names: HashSet<&str> = names.iter().filter_map(Value::as_str).collect();
            streams.retain(|stream| names.contains(stream.name.as_str()));
            if streams.len() < names.len() {
                return Err(super::no_stream());
            }
        }
        streams.retain(|stream| prefix.is_none_or(|prefix| stream.name.starts_with(prefix)));
        Ok(streams)
    }
}

fn shape(place: &Place, event: LogEvent) -> Value {
    json!({
        "logStreamName": place.stream,
        "timestamp": event.timestamp_ms,
        "message": event.message,
        "ingestionTime": event.ingestion_ms,
        "eventId": event_id(place, event.timestamp_ms),
    })
}

/// The same for the same event at every read, and for no other event: clients that follow a log recognise by it what they
/// have shown already. 56 digits, as on AWS; the first ones are the time.
fn event_id(place: &Place, timestamp_ms: i64) -> String {
    let digest = Sha256::digest(place.stream.as_bytes());
    let stream = digest.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    format!("{:016}{stream:020}{:020}", timestamp_ms.max(0), place.position)
}

fn print_token(place: &Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}/{}", place.time_ms, place.position, place.stream))
}

fn parse_token(token: &str) -> Result<Place, ApiError> {
    let parse = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let mut parts = text.splitn(3, '/');
        let (time_ms, position) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Place { time_ms, stream: parts.next()?.to_owned(), position })
    };
    parse().ok_or_else(|| invalid("The specified nextToken is invalid."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back() {
        let place = Place { time_ms: -5, stream: "2026/11/24/[$LATEST]ab".to_owned(), position: 7 };
        assert_eq!(parse_token(&print_token(&place)), Ok(place));
        for wrong in ["", "x", "MS8y"] {
            assert!(parse_token(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_differ_by_stream_and_position() {
        let id = |stream: &str, position| event_id(&Place { time_ms: 1, stream: stream.to_owned(), position }, 1);
        assert_eq!(id("a", 1).len(), 56);
        assert_ne!(id("a", 1), id("b", 1));
        assert_ne!(id("a", 1), id("a", 2));
    }
}
