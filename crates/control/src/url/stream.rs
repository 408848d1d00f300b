//! An answer that reaches the client as the handler writes it. Status and headers are decided by what comes first: the
//! prelude, if the answer has one; after that an error can only break the connection off, which is what AWS does.

use super::{failed, streamed};
use crate::answer::{ResponseBody, whole};
use bytes::Bytes;
use hearth_api::environments::{BoxFuture, InvokeError, InvokeResponse};
use hearth_api::error::ApiError;
use hearth_api::function_url::answer::Head;
use hearth_api::function_url::prelude::{self, Reader};
use http::HeaderValue;
use http_body::{Body, Frame};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How an invocation ends.
pub(super) type Outcome = BoxFuture<'static, Result<InvokeResponse, InvokeError>>;

/// The invocation failed after the answer had begun.
#[derive(Debug, thiserror::Error)]
#[error("the function failed in the middle of its answer")]
pub(crate) struct BrokenOff;

/// The rest of an answer whose head is known.
pub(crate) struct Streamed {
    first: Option<Bytes>,
    pieces: mpsc::Receiver<Bytes>,
    /// `None` once the invocation has ended.
    outcome: Option<Outcome>,
    end: End,
}

/// What comes after the last piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    /// The server throws away what it has not sent when it breaks off: it gets a turn to send it before.
    Flush,
    BreakOff,
}

impl End {
    fn of(failed: bool) -> Self {
        if failed { Self::Flush } else { Self::Whole }
    }
}

/// Waits until the head of the answer is known.
///
/// # Errors
///
/// The invocation's, when it could not run, and 502 when it has no answer.
pub(super) async fn open(
    mut pieces: mpsc::Receiver<Bytes>,
    content_type: &OnceLock<String>,
    outcome: Outcome,
) -> Result<(Head, ResponseBody), ApiError> {
    let mut reader = Reader::default();
    let mut outcome = Some(outcome);
    let mut end = End::Whole;
    loop {
        let piece = match &mut outcome {
            None => pieces.try_recv().ok(),
            Some(running) => tokio::select! {
                biased;
                Some(piece) = pieces.recv() => Some(piece),
                ended = running => {
                    outcome = None;
                    // What was written before the end comes before it; after it, nothing is taken any more.
                    pieces.close();
                    let response = ended.map_err(failed)?;
                    if pieces.is_empty() && !reader.has_begun() {
                        return without_pieces(response, content_type);
                    }
                    end = End::of(response.function_error);
                    continue;
                }
            },
        };
        let Some(piece) = piece else { return Err(ApiError::bad_gateway()) };
        let (head, first) = if content_type.get().is_some_and(|it| it == prelude::CONTENT_TYPE) {
            match reader.push(&piece).map_err(|_| ApiError::bad_gateway())? {
                Some((head, rest)) => (head, Some(rest).filter(|rest| !rest.is_empty())),
                None => continue,
            }
        } else {
            (plain(content_type), Some(piece))
        };
        return Ok((head, streamed(Streamed { first, pieces, outcome, end })));
    }
}

/// The handler has streamed nothing, or does not stream: what it returns is the body as it is, and not read as an answer
/// (recorded; that it is said to be JSON, as runtimes say when they post it, is ours).
fn without_pieces(response: InvokeResponse, content_type: &OnceLock<String>) -> Result<(Head, ResponseBody), ApiError> {
    match response {
        InvokeResponse { function_error: true, .. } => Err(ApiError::bad_gateway()),
        InvokeResponse { payload, .. } if payload.is_empty() => Ok((plain(content_type), whole(payload))),
        InvokeResponse { payload, .. } => Ok((Head::ok(JSON), whole(payload))),
    }
}

/// 200 with what the runtime says of an answer without a prelude. That there would be one is between it and us.
fn plain(content_type: &OnceLock<String>) -> Head {
    let said =
        content_type.get().filter(|it| *it != prelude::CONTENT_TYPE).and_then(|it| HeaderValue::from_str(it).ok());
    Head::ok(said.unwrap_or(prelude::DEFAULT))
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        loop {
            if let Some(piece) = this.first.take() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if let Poll::Ready(Some(piece)) = this.pieces.poll_recv(context) {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let Some(outcome) = &mut this.outcome else {
                return match this.end {
                    End::Whole => Poll::Ready(None),
                    End::Flush => {
                        this.end = End::BreakOff;
                        context.waker().wake_by_ref();
                        Poll::Pending
                    }
                    End::BreakOff => Poll::Ready(Some(Err(BrokenOff))),
                };
            };
            let ended = ready!(outcome.as_mut().poll(context));
            this.outcome = None;
            this.end = End::of(ended.map_or(true, |response| response.function_error));
            this.pieces.close();
        }
    }
}
