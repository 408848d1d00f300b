//! `Invoke`, and what it shares with `InvokeWithResponseStream`: the hot path. The payload is scanned for being JSON and
//! otherwise passed on as it came; a warm invoke reads neither disk nor network here.
//!
//! Order of checks: name and qualifier, size, client context, the function, its state, the payload, then DryRun.

mod streaming;

pub(crate) use streaming::Events;

use crate::FrontDoor;
use crate::answer::{HttpResponse, refuse, whole, with_request_id};
use crate::body::{self, BodyError};
use crate::functions::internal;
use crate::functions::resolve;
use crate::functions::target::{LATEST, Target};
use crate::lambda::Call;
use crate::members::{Members, text};
use crate::{events, task};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hearth_api::environments::{Invocation, InvokeResponse, ResponseSink};
use hearth_api::error::{ApiError, ErrorKind, Protocol};
use hearth_api::function::{FunctionKey, FunctionVersion, State};
use hearth_api::model::Routed;
use hearth_api::payload::check_json;
use hearth_core::ids::RequestId;
use hearth_core::limits::{EVENT_PAYLOAD_BYTES, PENDING_WAIT_MS, REQUEST_PAYLOAD_BYTES};
use hearth_store::{FunctionRecord, QueuedEvent};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// Longest `X-Amz-Client-Context`, bytes of base64 (documented).
const CLIENT_CONTEXT_BYTES: usize = 3_583;
/// Longest trace header that is passed on (the model's bound).
const TRACE_ID_BYTES: usize = 8_192;

const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
/// The header of the trace, in requests and answers.
pub(crate) const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// `X-Amz-Invocation-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    RequestResponse,
    Event,
    DryRun,
}

/// Answers either of them.
pub(crate) async fn serve<B>(door: &Arc<FrontDoor>, call: &Call, head: &Parts, routed: Routed, body: B) -> HttpResponse
where
    B: Body<Data = Bytes>,
{
    let headers = &head.headers;
    let streamed = routed.operation.name == "InvokeWithResponseStream";
    let answer = match admit(door, call, headers, routed, body).await {
        Ok(admitted) if streamed => streaming::invoke(door, call, headers, admitted).await,
        Ok(admitted) => invoke(door, call, headers, admitted).await,
        Err(error) => Err(error),
    };
    answer.unwrap_or_else(|error| refuse(&error, Protocol::RestJson, call.request_id))
}

async fn invoke(
    door: &Arc<FrontDoor>,
    call: &Call,
    headers: &HeaderMap,
    admitted: Admitted,
) -> Result<HttpResponse, ApiError> {
    match admitted.kind {
        Kind::DryRun => Ok(empty(StatusCode::NO_CONTENT, call)),
        Kind::Event => {
            let Admitted { target, client_context, payload, .. } = admitted;
            let event = QueuedEvent {
                request_id: call.request_id,
                key: target.key,
                qualifier: target.qualifier,
                client_context,
                payload,
                accepted_ms: Timestamp::now().as_millisecond(),
            };
            accept(door, event).await?;
            Ok(empty(StatusCode::ACCEPTED, call))
        }
        Kind::RequestResponse => {
            let trace_id = trace_id(headers, call.request_id);
            let (function, invocation) = admitted.invocation(call, &trace_id, None);
            let response = door.environments.invoke(function, invocation).await?;
            Ok(answer(response, &trace_id, call))
        }
    }
}

/// An invocation that may run.
struct Admitted {
    target: Target,
    kind: Kind,
    payload: Bytes,
    client_context: Option<String>,
    function: Arc<FunctionVersion>,
    log_tail: bool,
}

impl Admitted {
    /// What runs, and with what; a streamed answer goes to `stream`.
    fn invocation(
        self,
        call: &Call,
        trace_id: &str,
        stream: Option<ResponseSink>,
    ) -> (Arc<FunctionVersion>, Invocation) {
        let invocation = Invocation {
            request_id: call.request_id,
            payload: self.payload,
            invoked_function_arn: self.target.arn(),
            client_context: self.client_context,
            trace_id: Some(trace_id.to_owned()),
            log_tail: self.log_tail,
            stream,
        };
        (self.function, invocation)
    }
}

/// Everything that is checked before anything runs.
async fn admit<B>(
    door: &Arc<FrontDoor>,
    call: &Call,
    headers: &HeaderMap,
    routed: Routed,
    body: B,
) -> Result<Admitted, ApiError>
where
    B: Body<Data = Bytes>,
{
    let operation = if routed.operation.name == "Invoke" { "InvokeFunction" } else { routed.operation.name };
    let members = routed.decode(headers, &[])?;
    let target = Target::of(&call.scope, &members)?;
    let kind = match text(&members, "InvocationType") {
        Some("Event") => Kind::Event,
        Some("DryRun") => Kind::DryRun,
        Some(_) | None => Kind::RequestResponse,
    };
    let mut payload = payload(body, kind, operation).await?;
    let client_context = text(&members, "ClientContext").map(client_context).transpose()?;
    let function = door.invocable(&target, call.request_id).await?;
    if payload.is_empty() {
        payload = Bytes::from_static(b"{}");
    }
    check_json(&payload).map_err(ApiError::invalid_request_content)?;
    Ok(Admitted { target, kind, payload, client_context, function, log_tail: wants_tail(&members) })
}

/// Accepts an event in a task of its own: a client that hangs up between storing and starting would lose it until the
/// next start.
async fn accept(door: &Arc<FrontDoor>, event: QueuedEvent) -> Result<(), ApiError> {
    let door = Arc::clone(door);
    task::outcome(tokio::spawn(async move { events::accept(&door, event).await }), "accept an event").await
}

/// The payload, within the limit of the invocation type.
async fn payload<B>(body: B, kind: Kind, operation: &str) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes>,
{
    let limit = if kind == Kind::Event { EVENT_PAYLOAD_BYTES } else { REQUEST_PAYLOAD_BYTES };
    body::read(body, limit).await.map_err(|error| match (error, kind) {
        (BodyError::Interrupted, _) => ApiError::invalid_request_content("The request body could not be read."),
        (BodyError::TooLarge { bytes }, Kind::Event) if bytes <= REQUEST_PAYLOAD_BYTES as u64 => ApiError::new(
            ErrorKind::RequestEntityTooLargeException,
            format!("{bytes} byte payload is too large for the Event invocation type (limit {limit} bytes)"),
        ),
        (BodyError::TooLarge { .. }, _) => ApiError::request_too_large(REQUEST_PAYLOAD_BYTES, operation),
    })
}

fn wants_tail(members: &Members) -> bool {
    text(members, "LogType") == Some("Tail")
}

fn client_context(encoded: &str) -> Result<String, ApiError> {
    let invalid = || ApiError::invalid_request_content("Client context must be a valid Base64-encoded JSON object.");
    if encoded.len() > CLIENT_CONTEXT_BYTES {
        let message = format!("Client context must be no more than {CLIENT_CONTEXT_BYTES} bytes.");
        return Err(ApiError::invalid_request_content(message));
    }
    let decoded = STANDARD.decode(encoded).map_err(|_| invalid())?;
    check_json(&decoded).map_err(|_| invalid())?;
    let context = String::from_utf8(decoded).map_err(|_| invalid())?;
    if !context.trim_start().starts_with('{') {
        return Err(invalid());
    }
    // It travels in a header. JSON lets two things stand that HTTP does not: line breaks, which are white space between
    // tokens, and DEL inside of strings.
    Ok(context.replace(['\n', '\r'], " ").replace('\x7f', "\\u007f"))
}

/// The caller's trace, or a new one that is not sampled.
pub(crate) fn trace_id(headers: &HeaderMap, request_id: RequestId) -> String {
    let given = headers.get(&TRACE_ID).and_then(|value| value.to_str().ok());
    if let Some(given) = given.filter(|given| !given.is_empty() && given.len() <= TRACE_ID_BYTES) {
        return given.to_owned();
    }
    new_trace_id(request_id)
}

/// A trace that is not sampled.
pub(crate) fn new_trace_id(RequestId(id): RequestId) -> String {
    let seconds = Timestamp::now().as_second();
    let (root, parent) = (id & ((1 << 96) - 1), Uuid::new_v4().as_u128() & u128::from(u64::MAX));
    format!("Root=1-{seconds:08x}-{root:024x};Parent={parent:016x};Sampled=0")
}

fn answer(response: InvokeResponse, trace_id: &str, call: &Call) -> HttpResponse {
    let mut http = Response::new(whole(response.payload));
    let headers = http.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    common_headers(headers, response.executed_version, trace_id);
    if response.function_error {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
    }
    if let Some(Ok(tail)) = response.log_tail.map(|tail| HeaderValue::try_from(STANDARD.encode(tail))) {
        headers.insert(LOG_RESULT, tail);
    }
    with_request_id(http, call.request_id)
}

fn common_headers(headers: &mut HeaderMap, executed_version: String, trace_id: &str) {
    let values =
        [(EXECUTED_VERSION, HeaderValue::try_from(executed_version)), (TRACE_ID, HeaderValue::from_str(trace_id))];
    for (name, value) in values {
        if let Ok(value) = value {
            headers.insert(name, value);
        }
    }
}

fn empty(status: StatusCode, call: &Call) -> HttpResponse {
    let mut http = Response::new(whole(Bytes::new()));
    *http.status_mut() = status;
    with_request_id(http, call.request_id)
}

impl FrontDoor {
    /// A function's record, from memory when it is there.
    pub(crate) async fn record(&self, key: &FunctionKey) -> Result<Option<Arc<FunctionRecord>>, ApiError> {
        match self.stores.functions.cached(key) {
            Some(record) => Ok(Some(record)),
            None => self.stores.functions.get(key).await.map_err(internal),
        }
    }

    /// The version that an invocation of `target` runs now. Waits for one that is still Pending.
    ///
    /// # Errors
    ///
    /// 404 when there is none, 409 when its state does not allow it.
    pub(crate) async fn invocable(
        &self,
        target: &Target,
        request_id: RequestId,
    ) -> Result<Arc<FunctionVersion>, ApiError> {
        let deadline = Instant::now() + Duration::from_millis(PENDING_WAIT_MS);
        loop {
            // Before the look, so that what settles right after it is not missed.
            let settled = self.settled.notified();
            let record = self.record(&target.key).await?.ok_or_else(|| target.not_found_by_invoke())?;
            let found = resolve::invoked(&record, target.qualifier.as_deref(), draw(request_id));
            let serving = found.ok_or_else(|| target.not_found_by_invoke())?;
            match serving.state {
                State::Active => return Ok(Arc::clone(serving)),
                State::Failed { .. } => return Err(ApiError::wrong_state("Failed")),
                State::Pending => {
                    timeout_at(deadline, settled).await.map_err(|_| ApiError::wrong_state("Pending"))?;
                }
            }
        }
    }
}

/// What decides between the versions of a weighted alias. The id is ours and random; an event that is tried again goes
/// the same way again.
#[expect(clippy::cast_possible_truncation, reason = "any of its random bits will do")]
fn draw(RequestId(id): RequestId) -> u32 {
    id as u32
}

/// The ARN under which a queued event's function sees itself invoked.
pub(crate) fn invoked_arn(event: &QueuedEvent) -> String {
    let target = Target { key: event.key.clone(), qualifier: event.qualifier.clone() };
    target.arn()
}

/// What a queued event is for.
pub(crate) fn target_of(event: &QueuedEvent) -> Target {
    let qualifier = event.qualifier.clone().or_else(|| Some(LATEST.to_owned()));
    Target { key: event.key.clone(), qualifier }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::settle;
    use crate::testing::{door, record, version};
    use hearth_api::function::UpdateStatus;

    fn target() -> Target {
        Target { key: version("f").key, qualifier: None }
    }

    #[test]
    fn a_client_context_is_an_object_that_fits_into_a_header() {
        let context = |text: &str| client_context(&STANDARD.encode(text));
        let expected = r#"{   "custom": {"a": "é\u007f"} }"#;
        assert_eq!(context("{\r\n \"custom\": {\"a\": \"é\x7f\"}\n}").as_deref(), Ok(expected));
        assert!(HeaderValue::try_from(expected).is_ok());
        for wrong in ["[1]", "5", "{", "", "\u{a0}{}"] {
            assert!(context(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_that_stays_pending_cannot_be_invoked() {
        let (_data, door) = door();
        let pending = FunctionVersion { state: State::Pending, ..version("f") };
        door.stores.functions.create(record(pending)).await.expect("stored");
        let before = Instant::now();
        assert_eq!(door.invocable(&target(), RequestId(1)).await, Err(ApiError::wrong_state("Pending")));
        assert_eq!(before.elapsed().as_millis() / 100, u128::from(PENDING_WAIT_MS) / 100);
    }

    #[tokio::test]
    async fn a_function_that_becomes_active_can() {
        let (_data, door) = door();
        let pending = FunctionVersion { state: State::Pending, ..version("f") };
        door.stores.functions.create(record(pending)).await.expect("stored");
        let target = target();
        // In this order: it is waited for when it settles.
        let (invocable, ()) = tokio::join!(biased; door.invocable(&target, RequestId(1)), async { settle::spawn(&door, target.key.clone()) });
        assert_eq!(invocable.expect("active").state, State::Active);
    }

    #[tokio::test]
    async fn what_was_there_before_serves_until_an_update_is_settled() {
        let (_data, door) = door();
        let before = FunctionVersion { timeout_s: 1, ..version("f") };
        let updating = FunctionVersion { last_update: UpdateStatus::InProgress, ..version("f") };
        let half = FunctionRecord { previous: Some(Arc::new(before)), ..record(updating) };
        door.stores.functions.create(half).await.expect("stored");
        assert_eq!(door.invocable(&target(), RequestId(1)).await.expect("active").timeout_s, 1);
        settle::spawn(&door, target().key);
        door.settled.notified().await;
        assert_eq!(door.invocable(&target(), RequestId(1)).await.expect("active").timeout_s, 3);
    }
}
