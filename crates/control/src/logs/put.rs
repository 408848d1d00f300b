//! `CreateLogStream` and `PutLogEvents`: writing logs by hand, beside what functions print.

use super::{ANSWER_BYTES, ANSWER_EVENTS, EVENT_OVERHEAD_BYTES, Request, internal, invalid, no_group};
use crate::members::{Members, number, text};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_store::{LogEvent, LogQuery};
use jiff::Timestamp;
use serde_json::{Value, json};

impl Request<'_> {
    /// Makes an empty stream in a group that exists.
    pub(super) fn create_stream(&self) -> Result<(), ApiError> {
        let group = self.group()?;
        let name = self.text("logStreamName").ok_or_else(|| invalid("logStreamName has to be given."))?;
        let streams = self.logs.streams(self.scope, group).map_err(internal)?.ok_or_else(no_group)?;
        if streams.iter().any(|stream| stream.name == name) {
            let message = "The specified log stream already exists";
            return Err(ApiError::new(ErrorKind::ResourceAlreadyExistsException, message));
        }
        self.logs.open(self.scope, group, name).map(drop).map_err(internal)
    }

    /// Appends events, which have to be in order of time.
    pub(super) fn put_events(&self) -> Result<Value, ApiError> {
        let group = self.group()?;
        let name = self.text("logStreamName").ok_or_else(|| invalid("logStreamName has to be given."))?;
        let events = self.events()?;
        // Not by listing the group's streams, which may be thousands.
        let nothing = LogQuery { limit: 0, ..LogQuery::default() };
        if self.logs.read(self.scope, group, name, &nothing).map_err(internal)?.is_none() {
            return Err(self.missing(group)?);
        }
        let stream = self.logs.open(self.scope, group, name).map_err(internal)?;
        stream.append(&events).map_err(internal)?;
        // Sequence tokens mean nothing any more, also on AWS, but clients still expect one.
        Ok(json!({ "nextSequenceToken": format!("{:056}", Timestamp::now().as_microsecond()) }))
    }

    fn events(&self) -> Result<Vec<LogEvent>, ApiError> {
        let list = self.members.get("logEvents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if list.is_empty() || list.len() > ANSWER_EVENTS {
            return Err(invalid("A batch has 1 to 10000 log events."));
        }
        let now = Timestamp::now().as_millisecond();
        let read = |event: &Members| {
            let message = text(event, "message")?.to_owned();
            Some(LogEvent { timestamp_ms: number(event, "timestamp")?, ingestion_ms: now, message })
        };
        let events: Option<Vec<LogEvent>> = list.iter().map(|event| event.as_object().and_then(read)).collect();
        let events = events.ok_or_else(|| invalid("Each log event has a timestamp and a message."))?;
        let sizes = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD_BYTES);
        if sizes.sum::<usize>() > ANSWER_BYTES {
            return Err(invalid("Upload too large: a batch has at most 1048576 bytes."));
        }
        if !events.is_sorted_by_key(|event| event.timestamp_ms) {
            return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
        }
        Ok(events)
    }
}
