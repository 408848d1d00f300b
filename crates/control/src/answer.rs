//! Responses: JSON of an operation, and errors in the protocol of the service that was called.

use crate::invoke::Events;
use crate::url::Streamed;
use bytes::Bytes;
use hearth_api::error::{ApiError, Protocol};
use hearth_core::ids::RequestId;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{Either, Full};
use serde_json::Value;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// What the server sends.
pub(crate) type HttpResponse = Response<ResponseBody>;

/// Whole, or as it comes: events of an invoke, pieces of a tail, or what a function writes.
pub(crate) type ResponseBody = Either<Full<Bytes>, Either<Events, Either<Pieces, Streamed>>>;

/// A body that somebody else writes piece by piece, to its end.
#[derive(Debug)]
pub(crate) struct Pieces(pub(crate) mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// A body that is there already.
pub(crate) fn whole(body: Bytes) -> ResponseBody {
    Either::Left(Full::new(body))
}

/// The header that names the request in every answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JSON_1_1: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");

/// What an operation of the control plane answers.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// The body; `None` for one that is empty.
    pub(crate) body: Option<Value>,
}

impl Answer {
    /// 200 with a body.
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body) }
    }

    /// 201 with a body.
    pub(crate) fn created(body: Value) -> Self {
        Self { status: StatusCode::CREATED, body: Some(body) }
    }

    /// 204.
    pub(crate) fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
    }
}

/// Writes the answer of an operation, or its error.
pub(crate) fn respond(result: Result<Answer, ApiError>, protocol: Protocol, id: RequestId) -> HttpResponse {
    let Answer { status, body } = match result {
        Ok(answer) => answer,
        Err(error) => return refuse(&error, protocol, id),
    };
    let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
    let mut response = Response::new(whole(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type(protocol));
    with_request_id(response, id)
}

/// Writes an error.
pub(crate) fn refuse(error: &ApiError, protocol: Protocol, id: RequestId) -> HttpResponse {
    let parts = error.response_parts(protocol);
    let mut response = Response::new(whole(parts.body));
    *response.status_mut() = StatusCode::from_u16(parts.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, content_type(protocol));
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(parts.error_type));
    with_request_id(response, id)
}

/// Adds the id.
pub(crate) fn with_request_id(mut response: HttpResponse, id: RequestId) -> HttpResponse {
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn content_type(protocol: Protocol) -> HeaderValue {
    match protocol {
        Protocol::RestJson => JSON,
        Protocol::Json11 => JSON_1_1,
    }
}
