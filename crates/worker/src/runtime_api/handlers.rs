//! One call of the Runtime API: read it within bounds, ask the environment's task, answer.

use super::replies::{self, Reply};
use crate::environment::{Environment, Message, RuntimeResult, Verdict};
use crate::payload;
use bytes::{Bytes, BytesMut};
use hearth_core::environment::Answer;
use hearth_core::error::ErrorType;
use hearth_core::ids::RequestId;
use hearth_core::limits::{RESPONSE_PAYLOAD_BYTES, RUNTIME_ERROR_BYTES};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::convert::Infallible;
use tokio::sync::oneshot;

const PREFIX: &str = "/2018-06-01/";
/// How much of an answer that is too large is read and thrown away, so that the client hears our refusal instead of a
/// broken connection, bytes (ours).
const DISCARD_BYTES: usize = 64 << 20;

/// The environment's task is gone: end the connection.
#[derive(Debug, thiserror::Error)]
#[error("the execution environment has ended")]
pub(super) struct Ended;

pub(super) async fn answer(
    environment: &Environment,
    generation: u32,
    request: Request<Incoming>,
) -> Result<Reply, Ended> {
    let (head, body) = request.into_parts();
    let Some(path) = head.uri.path().strip_prefix(PREFIX) else { return Ok(replies::not_found()) };
    let mut segments = path.split('/');
    let call = [segments.next(), segments.next(), segments.next(), segments.next(), segments.next()];
    match (&head.method, call) {
        (&Method::GET, [Some("ping"), None, ..]) => Ok(replies::plain(StatusCode::OK, "pong")),
        (&Method::GET, [Some("runtime"), Some("invocation"), Some("next"), None, _]) => {
            let (reply, delivery) = oneshot::channel();
            environment.tell(Message::Next { generation, reply });
            Ok(replies::event(delivery.await.map_err(|_| Ended)?))
        }
        (&Method::POST, [Some("runtime"), Some("invocation"), Some(id), Some("response"), None]) => {
            response(environment, generation, id, &head.headers, body).await
        }
        (&Method::POST, [Some("runtime"), Some("invocation"), Some(id), Some("error"), None]) => {
            error(environment, generation, id, body).await
        }
        (&Method::POST, [Some("runtime"), Some("init"), Some("error"), None, _]) => {
            init_error(environment, generation, &head.headers, body).await
        }
        _ => Ok(replies::not_found()),
    }
}

async fn response(
    environment: &Environment,
    generation: u32,
    id: &str,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Reply, Ended> {
    let unusable =
        |fault: ErrorType, payload: Bytes| (Answer::Unusable(fault), RuntimeResult { payload, function_error: true });
    let mode = headers.get("lambda-runtime-function-response-mode").map(http::HeaderValue::as_bytes);
    if !matches!(mode, None | Some(b"streaming")) {
        let (answer, result) = unusable(ErrorType::RuntimeInvalidResponseModeHeader, Bytes::new());
        let refusal =
            replies::error(StatusCode::BAD_REQUEST, "InvalidFunctionResponseMode", "Invalid function response mode");
        return respond(environment, generation, id, answer, result).await.map(|verdict| instead(verdict, refusal));
    }
    match read(body, RESPONSE_PAYLOAD_BYTES).await {
        Read::Whole(payload) => {
            let result = RuntimeResult { payload, function_error: false };
            respond(environment, generation, id, Answer::Accepted, result).await.map(replies::verdict)
        }
        Read::TooLarge => {
            let (answer, result) = unusable(ErrorType::FunctionResponseSizeTooLarge, payload::too_large());
            let refusal = replies::too_large(RESPONSE_PAYLOAD_BYTES);
            respond(environment, generation, id, answer, result).await.map(|verdict| instead(verdict, refusal))
        }
        Read::Truncated => {
            let (answer, result) = unusable(ErrorType::RuntimeTruncatedResponse, Bytes::new());
            let refusal =
                replies::error(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "HTTP request detected as truncated");
            respond(environment, generation, id, answer, result).await.map(|verdict| instead(verdict, refusal))
        }
    }
}

/// The handler failed: its error is the answer, passed on untouched.
async fn error(environment: &Environment, generation: u32, id: &str, body: Incoming) -> Result<Reply, Ended> {
    match read(body, RESPONSE_PAYLOAD_BYTES).await {
        Read::Whole(payload) => {
            let result = RuntimeResult { payload, function_error: true };
            respond(environment, generation, id, Answer::Accepted, result).await.map(replies::verdict)
        }
        Read::TooLarge => Ok(replies::too_large(RESPONSE_PAYLOAD_BYTES)),
        Read::Truncated => Err(Ended),
    }
}

async fn respond(
    environment: &Environment,
    generation: u32,
    id: &str,
    answer: Answer,
    result: RuntimeResult,
) -> Result<Verdict, Ended> {
    let Ok(id) = uuid::Uuid::try_parse(id) else { return Ok(Verdict::InvalidRequestId) };
    let (reply, verdict) = oneshot::channel();
    let request_id = RequestId(id.as_u128());
    environment.tell(Message::Respond { generation, request_id, answer, result, reply });
    verdict.await.map_err(|_| Ended)
}

/// A refusal with a reason of its own, if the call was in order otherwise.
fn instead(verdict: Verdict, refusal: Reply) -> Reply {
    if verdict == Verdict::Accepted { refusal } else { replies::verdict(verdict) }
}

async fn init_error(
    environment: &Environment,
    generation: u32,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Reply, Ended> {
    let payload = match read(body, RUNTIME_ERROR_BYTES).await {
        Read::Whole(payload) => payload,
        Read::TooLarge => return Ok(replies::too_large(RUNTIME_ERROR_BYTES)),
        Read::Truncated => return Err(Ended),
    };
    let said = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    let error_type = error_type(said.unwrap_or_default());
    let (reply, verdict) = oneshot::channel();
    environment.tell(Message::InitError { generation, error_type, payload, reply });
    Ok(replies::verdict(verdict.await.map_err(|_| Ended)?))
}

/// The runtime's own error type where it has the form of one: `(Runtime|Function)\.[A-Z][a-zA-Z]+`, anywhere in it.
fn error_type(said: &str) -> String {
    let fits = |prefix: &str| {
        said.match_indices(prefix).any(|(at, _)| {
            let mut rest = said.get(at + prefix.len()..).unwrap_or_default().chars();
            rest.next().is_some_and(|first| first.is_ascii_uppercase())
                && rest.next().is_some_and(|next| next.is_ascii_alphabetic())
        })
    };
    // It becomes part of a log line: no line break, no page of text.
    if said.len() <= 256 && !said.contains(char::is_control) && (fits("Runtime.") || fits("Function.")) {
        return said.to_owned();
    }
    let unknown = if said.starts_with("Function.") { ErrorType::FunctionUnknown } else { ErrorType::RuntimeUnknown };
    unknown.as_str().to_owned()
}

enum Read {
    Whole(Bytes),
    TooLarge,
    Truncated,
}

/// Reads a body of at most `limit` bytes; one that comes in one piece is not copied.
async fn read(mut body: Incoming, limit: usize) -> Read {
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    let mut length = 0usize;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Read::Truncated };
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length > limit {
            discard(body).await;
            return Read::TooLarge;
        }
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                joined.reserve(data.len() + first.len());
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
    }
    Read::Whole(if joined.is_empty() { first } else { joined.freeze() })
}

async fn discard(mut body: Incoming) {
    let mut left = DISCARD_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

/// Services of hyper want an error type; ours ends the connection.
impl From<Infallible> for Ended {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_type_is_kept_only_if_it_is_one() {
        assert_eq!(error_type("Runtime.ImportModuleError"), "Runtime.ImportModuleError");
        assert_eq!(error_type("Function.MyError"), "Function.MyError");
        assert_eq!(error_type("Function.lower"), "Function.Unknown");
        assert_eq!(error_type(""), "Runtime.Unknown");
        assert_eq!(error_type("Runtime.X"), "Runtime.Unknown");
        assert_eq!(error_type("Runtime.Evil\tStatus: success"), "Runtime.Unknown");
        assert_eq!(error_type(&format!("Runtime.{}", "A".repeat(300))), "Runtime.Unknown");
    }
}
