//! `DescribeLogStreams`.

use super::{PAGE, Request, internal, invalid, no_group, page};
use crate::members::{flag, number, parse_page_token};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_store::LogStreamInfo;
use serde_json::{Map, Value, json};

impl Request<'_> {
    /// Streams of a group by name or by the time of their last event.
    pub(super) fn describe_streams(&self) -> Result<Value, ApiError> {
        let group = self.group()?;
        let prefix = self.text("logStreamNamePrefix");
        let by_time = self.text("orderBy") == Some("LastEventTime");
        if by_time && prefix.is_some() {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        let token = self.text("nextToken").map(|token| parse_page_token(token, ErrorKind::InvalidParameterException));
        let token = token.transpose()?;
        let mut streams = self.logs.streams(self.scope, group).map_err(internal)?.ok_or_else(no_group)?;
        streams.retain(|stream| prefix.is_none_or(|prefix| stream.name.starts_with(prefix)));
        streams.sort_by(|one, other| {
            let by_name = one.name.cmp(&other.name);
            if by_time { one.last_event_ms.cmp(&other.last_event_ms).then(by_name) } else { by_name }
        });
        if flag(self.members, "descending") {
            streams.reverse();
        }
        let limit = number(self.members, "limit").unwrap_or(PAGE).clamp(1, PAGE);
        let (page, next) = page(&streams, |stream| stream.name.clone(), token.as_deref(), limit);
        let mut out = Map::new();
        let entries: Vec<Value> = page.into_iter().map(|stream| self.stream_shape(group, stream)).collect();
        out.insert("logStreams".to_owned(), Value::from(entries));
        if let Some(next) = next {
            out.insert("nextToken".to_owned(), next);
        }
        Ok(Value::Object(out))
    }

    fn stream_shape(&self, group: &str, stream: &LogStreamInfo) -> Value {
        let mut out = Map::new();
        out.insert("logStreamName".to_owned(), Value::from(stream.name.as_str()));
        out.insert("creationTime".to_owned(), Value::from(stream.created_ms));
        let times = [
            ("firstEventTimestamp", stream.first_event_ms),
            ("lastEventTimestamp", stream.last_event_ms),
            ("lastIngestionTime", stream.last_ingestion_ms),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                out.insert(name.to_owned(), Value::from(time));
            }
        }
        let arn = format!("{}:log-stream:{}", self.group_arn(group), stream.name);
        out.insert("arn".to_owned(), Value::from(arn));
        // AWS has reported 0 for single streams since 2019.
        out.insert("storedBytes".to_owned(), json!(0));
        Value::Object(out)
    }
}
