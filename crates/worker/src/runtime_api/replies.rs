//! Answers of the Runtime API, byte for byte as the clients know them.
//!
//! Source: RIE `rapi/rendering`.

use crate::environment::{Delivery, Verdict};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

pub(super) type Reply = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    error_message: &'a str,
    error_type: &'a str,
}

/// The event with what belongs to it.
pub(super) fn event(delivery: Delivery) -> Reply {
    let Delivery { invocation, deadline_ms } = delivery;
    let mut reply = Response::new(Full::new(invocation.payload));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    let mut put = |name: &'static str, value: &str| {
        // What cannot be a header (a client context with a line break, say) is left out.
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("lambda-runtime-aws-request-id", &invocation.request_id.to_string());
    put("lambda-runtime-deadline-ms", &deadline_ms.to_string());
    put("lambda-runtime-invoked-function-arn", &invocation.invoked_function_arn);
    put("lambda-runtime-trace-id", invocation.trace_id.as_deref().unwrap_or_default());
    put("lambda-runtime-client-context", invocation.client_context.as_deref().unwrap_or_default());
    reply
}

/// The environment has been restored.
pub(super) fn restored() -> Reply {
    Response::new(Full::new(Bytes::new()))
}

/// Whether a call was accepted.
pub(super) fn verdict(verdict: Verdict) -> Reply {
    match verdict {
        Verdict::Accepted => accepted(),
        Verdict::InvalidRequestId => error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
        Verdict::InvalidTransition { from, to } => {
            let text = format!(
                "State transition from {from} to {to} failed for runtime. Error: State transition is not allowed"
            );
            error(StatusCode::FORBIDDEN, "InvalidStateTransition", &text)
        }
    }
}

pub(super) fn accepted() -> Reply {
    json(StatusCode::ACCEPTED, Bytes::from_static(b"{\"status\":\"OK\"}\n"))
}

/// Texts and numbers, which always serialise.
pub(super) fn json_of(status: StatusCode, body: &impl Serialize) -> Reply {
    json(status, serde_json::to_vec(body).unwrap_or_default().into())
}

pub(super) fn too_large(limit: u64) -> Reply {
    let text = format!("Exceeded maximum allowed payload size ({limit} bytes).");
    error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &text)
}

pub(super) fn error(status: StatusCode, error_type: &str, error_message: &str) -> Reply {
    // Two strings always serialise.
    let mut body = serde_json::to_vec(&ErrorBody { error_message, error_type }).unwrap_or_default();
    body.push(b'\n');
    json(status, body.into())
}

/// No such path.
pub(super) fn not_found() -> Reply {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

pub(super) fn plain(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

pub(super) fn json(status: StatusCode, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}
