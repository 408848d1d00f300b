//! `InvokeWithResponseStream`: the answer goes to the client as the handler writes it, as events of a stream.
//!
//! The status is decided by what comes first: an error before anything was written is an ordinary error of the operation;
//! after that it stands in `InvokeComplete`, with which every stream ends.

use super::{Admitted, Kind, common_headers, empty, trace_id};
use crate::FrontDoor;
use crate::answer::{HttpResponse, with_request_id};
use crate::lambda::Call;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hearth_api::environments::{BoxFuture, InvokeError, InvokeResponse, ResponseSink};
use hearth_api::error::ApiError;
use hearth_api::event_stream::event;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use http_body_util::Either;
use serde_json::{Map, Value};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

/// Runs an InvokeWithResponseStream up to the first thing that it has to say.
pub(super) async fn invoke(
    door: &Arc<FrontDoor>,
    call: &Call,
    headers: &HeaderMap,
    admitted: Admitted,
) -> Result<HttpResponse, ApiError> {
    if admitted.kind == Kind::DryRun {
        return Ok(empty(http::StatusCode::NO_CONTENT, call));
    }
    let (sink, pieces) = ResponseSink::new();
    let trace_id = trace_id(headers, call.request_id);
    let (function, invocation) = admitted.invocation(call, &trace_id, Some(sink));
    let executed_version = function.version.clone();
    let events = Events::open(pieces, door.environments.invoke(function, invocation)).await?;
    let mut http = Response::new(Either::Right(Either::Left(events)));
    let headers = http.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.amazon.eventstream"));
    common_headers(headers, executed_version, &trace_id);
    Ok(with_request_id(http, call.request_id))
}

/// The body: a `PayloadChunk` for each piece, then `InvokeComplete`.
pub(crate) struct Events {
    first: Option<Bytes>,
    pieces: mpsc::Receiver<Bytes>,
    /// How the invocation ends; `None` once it has.
    outcome: Option<BoxFuture<'static, Result<InvokeResponse, InvokeError>>>,
    /// What comes when there are no more pieces, the last first.
    closing: Vec<Bytes>,
}

impl Events {
    /// Waits until there is something to send.
    ///
    /// # Errors
    ///
    /// The invocation's, when it could not run.
    async fn open(
        mut pieces: mpsc::Receiver<Bytes>,
        mut outcome: BoxFuture<'static, Result<InvokeResponse, InvokeError>>,
    ) -> Result<Self, InvokeError> {
        tokio::select! {
            biased;
            Some(first) = pieces.recv() => {
                Ok(Self { first: Some(first), pieces, outcome: Some(outcome), closing: Vec::new() })
            }
            ended = &mut outcome => {
                pieces.close();
                // A piece may have come in the same instant.
                let first = pieces.try_recv().ok();
                let ended = if first.is_none() { Ok(ended?) } else { ended };
                Ok(Self { first, pieces, outcome: None, closing: closing(ended) })
            }
        }
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let frame = |event| Poll::Ready(Some(Ok(Frame::data(event))));
        loop {
            if let Some(piece) = this.first.take() {
                return frame(chunk(&piece));
            }
            if let Poll::Ready(Some(piece)) = this.pieces.poll_recv(context) {
                return frame(chunk(&piece));
            }
            let Some(outcome) = &mut this.outcome else {
                return this.closing.pop().map_or(Poll::Ready(None), frame);
            };
            let ended = ready!(outcome.as_mut().poll(context));
            this.outcome = None;
            this.closing = closing(ended);
            // What was written before the end comes before it; after it, nothing is taken any more.
            this.pieces.close();
        }
    }
}

fn chunk(payload: &[u8]) -> Bytes {
    event("PayloadChunk", "application/octet-stream", payload)
}

/// What is left to say once the invocation has ended, the last first.
fn closing(ended: Result<InvokeResponse, InvokeError>) -> Vec<Bytes> {
    let mut complete = Map::new();
    let mut put = |name: &str, value: String| drop(complete.insert(name.to_owned(), Value::from(value)));
    let mut rest = Bytes::new();
    match ended {
        Ok(response) => {
            if response.function_error {
                put("ErrorCode", "Unhandled".to_owned());
                put("ErrorDetails", String::from_utf8_lossy(&response.payload).into_owned());
            } else {
                rest = response.payload;
            }
            if let Some(tail) = response.log_tail {
                put("LogResult", STANDARD.encode(tail));
            }
        }
        Err(error) => {
            let error = ApiError::from(error);
            put("ErrorCode", error.kind.code().to_owned());
            put("ErrorDetails", error.message);
        }
    }
    let complete = event("InvokeComplete", "application/json", Value::Object(complete).to_string().as_bytes());
    if rest.is_empty() { vec![complete] } else { vec![complete, chunk(&rest)] }
}
