//! CloudWatch Logs, JSON 1.1: what reading logs back needs (`aws logs tail`, `filter-log-events`, `get-log-events`, the
//! two lists), and writing by hand.
//!
//! The store reads files, so every operation runs on a blocking thread; how much one may read and return is bounded.

mod filter;
mod follow;
mod get_events;
mod groups;
mod json_pattern;
mod live_tail;
mod merge;
mod pattern;
mod put;
mod streams;

pub(crate) use live_tail::SESSIONS;

use crate::answer::{Answer, HttpResponse, refuse, respond};
use crate::body::{self, BodyError};
use crate::lambda::Call;
use crate::members::{Members, text};
use crate::{FrontDoor, task};
use bytes::Bytes;
use hearth_api::error::{ApiError, ErrorKind, Protocol};
use hearth_api::function::Scope;
use hearth_api::model::decode_logs;
use hearth_core::limits::CONTROL_REQUEST_BYTES;
use hearth_store::{Logs, StoreError};
use http_body::Body;
use serde_json::Value;
use std::sync::Arc;

/// Most bytes of events in one answer (documented: 1 MB), where each event counts as its text and this overhead.
const ANSWER_BYTES: usize = 1 << 20;
const EVENT_OVERHEAD_BYTES: usize = 26;
/// Most events in one answer (documented).
const ANSWER_EVENTS: usize = 10_000;
/// Most groups or streams on one page (documented).
const PAGE: usize = 50;
/// Operations that read at once (ours): they hold a thread and up to a few MB each.
pub(crate) const READERS: usize = 16;

/// Answers a request whose `X-Amz-Target` is `target`.
pub(crate) async fn serve<B>(
    door: &Arc<FrontDoor>,
    call: Call,
    target: &str,
    body: B,
    protocol: Protocol,
) -> HttpResponse
where
    B: Body<Data = Bytes>,
{
    let id = call.request_id;
    let answer = match read(target, body).await {
        Ok(("StartLiveTail", members)) => live_tail::start(door, call, members).await,
        Ok((operation, members)) => Ok(respond(run(door, call, operation, members).await, protocol, id)),
        Err(error) => Err(error),
    };
    answer.unwrap_or_else(|error| refuse(&error, protocol, id))
}

/// The operation that a request asks for, and what it says.
async fn read<B>(target: &str, body: B) -> Result<(&'static str, Members), ApiError>
where
    B: Body<Data = Bytes>,
{
    // PutLogEvents: 1 MB of events as CloudWatch counts them is up to a few times that as JSON.
    let body = body::read(body, CONTROL_REQUEST_BYTES * 4).await.map_err(|error| match error {
        BodyError::TooLarge { .. } => invalid("The request is too large."),
        BodyError::Interrupted => ApiError::serialization("The request body could not be read."),
    })?;
    decode_logs(target, &body).map(|(operation, members)| (operation.name, members))
}

async fn run(door: &Arc<FrontDoor>, call: Call, operation: &'static str, members: Members) -> Result<Answer, ApiError> {
    let reader = Arc::clone(&door.readers).acquire_owned().await.ok();
    let logs = Arc::clone(&door.stores.logs);
    let work = tokio::task::spawn_blocking(move || {
        // Held until it is over: a client that hangs up stops nothing.
        let _reader = reader;
        let request = Request { logs: &*logs, scope: &call.scope, members: &members };
        request.run(operation)
    });
    task::outcome(work, operation).await
}

/// One request, decoded.
#[derive(Debug)]
struct Request<'a> {
    logs: &'a dyn Logs,
    scope: &'a Scope,
    members: &'a Members,
}

impl Request<'_> {
    fn run(&self, operation: &'static str) -> Result<Answer, ApiError> {
        match operation {
            "DescribeLogGroups" => self.describe_groups().map(Answer::ok),
            "DescribeLogStreams" => self.describe_streams().map(Answer::ok),
            "GetLogEvents" => self.get_events().map(Answer::ok),
            "FilterLogEvents" => self.filter_events().map(Answer::ok),
            "CreateLogGroup" => self.create_group().map(|()| DONE),
            "CreateLogStream" => self.create_stream().map(|()| DONE),
            "PutLogEvents" => self.put_events().map(Answer::ok),
            "DeleteLogGroup" => self.delete_group().map(|()| DONE),
            "PutRetentionPolicy" => self.put_retention().map(|()| DONE),
            "DeleteRetentionPolicy" => self.delete_retention().map(|()| DONE),
            // Not as a failure of the service: clients of this protocol would try again and again.
            other => Err(ApiError::new(
                ErrorKind::UnknownOperationException,
                format!("{other} is not implemented by Hearth yet"),
            )),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        text(self.members, name).filter(|text| !text.is_empty())
    }

    /// The group that `logGroupName`, or `logGroupIdentifier` (a name or an ARN), means.
    fn group(&self) -> Result<&str, ApiError> {
        match (self.text("logGroupName"), self.text("logGroupIdentifier")) {
            (Some(_), Some(_)) => Err(invalid("Only one of logGroupName and logGroupIdentifier can be given.")),
            (Some(name), None) => Ok(name),
            (None, Some(identifier)) => group_of(self.scope, identifier),
            (None, None) => Err(invalid("Either logGroupName or logGroupIdentifier has to be given.")),
        }
    }

    fn group_arn(&self, group: &str) -> String {
        format!("arn:aws:logs:{}:{}:log-group:{group}", self.scope.region, self.scope.account)
    }
}

/// The answer of operations that return nothing.
const DONE: Answer = Answer { status: http::StatusCode::OK, body: None };

/// `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`, also with `:*` behind it.
fn group_of<'a>(scope: &Scope, identifier: &'a str) -> Result<&'a str, ApiError> {
    if !identifier.starts_with("arn:") {
        return Ok(identifier);
    }
    let mut fields = identifier.splitn(7, ':');
    let (region, account, name) = (fields.nth(3), fields.next(), fields.nth(1));
    let name = name.map(|name| name.strip_suffix(":*").unwrap_or(name)).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| invalid("Invalid logGroupIdentifier."))?;
    // Of another account or region, there is none to be seen from here.
    let ours = region == Some(scope.region.as_str()) && account == Some(scope.account.as_str());
    if ours { Ok(name) } else { Err(no_group()) }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::InvalidParameterException, message)
}

fn no_group() -> ApiError {
    ApiError::new(ErrorKind::ResourceNotFoundException, "The specified log group does not exist.")
}

fn no_stream() -> ApiError {
    ApiError::new(ErrorKind::ResourceNotFoundException, "The specified log stream does not exist.")
}

fn internal(error: StoreError) -> ApiError {
    crate::functions::internal(error)
}

/// One page of a sorted list: those behind the token, and the token of the next page.
fn page<'a, T>(
    sorted: &'a [T],
    name: impl Fn(&T) -> String,
    after: Option<&str>,
    limit: usize,
) -> (Vec<&'a T>, Option<Value>) {
    let begin = match after {
        None => 0,
        Some(after) => sorted.iter().position(|entry| name(entry).as_str() == after).map_or(sorted.len(), |at| at + 1),
    };
    let rest = sorted.get(begin..).unwrap_or_default();
    let page: Vec<&T> = rest.iter().take(limit).collect();
    let more = rest.len() > limit;
    let token = page.last().filter(|_| more).map(|last| Value::from(crate::members::page_token(&name(last))));
    (page, token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_can_be_named_by_its_arn() {
        let scope = crate::testing::scope();
        let of = |identifier: &str| group_of(&scope, identifier).map(str::to_owned);
        let arn = |region, account| format!("arn:aws:logs:{region}:{account}:log-group:/aws/lambda/x");
        let own = arn(scope.region.as_str(), scope.account.as_str());
        for named in ["/aws/lambda/x".to_owned(), own.clone(), format!("{own}:*")] {
            assert_eq!(of(&named).as_deref(), Ok("/aws/lambda/x"), "{named}");
        }
        assert!(of("arn:aws:logs:x").is_err());
        for other in [arn("eu-north-1", scope.account.as_str()), arn(scope.region.as_str(), "999999999999")] {
            assert_eq!(of(&other).unwrap_err().kind, ErrorKind::ResourceNotFoundException, "{other}");
        }
    }
}
