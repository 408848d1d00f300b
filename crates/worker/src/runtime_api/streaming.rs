//! An answer that goes to its caller as it comes: what is read from the runtime's connection is handed on before more is
//! read, so the runtime waits for a slow caller, and no more than a few pieces are ever in memory.
//!
//! A caller that goes away stops nothing: the handler runs on at the same pace, and its answer is thrown away. An
//! invocation that ends otherwise (timeout, crash, stop) is cut off at once.

use super::handlers::{Client, Ended, NEWS_OF_ITS_END, discard, streamed_error, truncated};
use super::replies::{self, Reply};
use crate::environment::{Arrival, Message, Pieces, RuntimeResult, Verdict};
use crate::payload;
use bytes::Bytes;
use hearth_api::environments::ResponseSink;
use hearth_core::bandwidth::Bandwidth;
use hearth_core::environment::{Answer, Moment};
use hearth_core::error::ErrorType;
use hearth_core::ids::RequestId;
use hearth_core::limits::{STREAM_BURST_BYTES, STREAMED_PAYLOAD_BYTES};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::num::NonZeroU64;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How the runtime's side of an answer ended.
enum Relayed {
    Whole,
    /// With this error of the handler's.
    Failed(Bytes),
    TooLarge,
    Truncated,
}

impl Client<'_> {
    /// Hands an answer on and ends it.
    pub(super) async fn stream(&self, id: RequestId, pieces: Pieces, mut body: Incoming) -> Result<Reply, Ended> {
        let Pieces { sink, bytes_per_s, cut } = pieces;
        let mut arrival = Arrival { began: std::time::Instant::now(), bytes: 0 };
        let relayed = tokio::select! {
            relayed = relay(&mut body, sink, bytes_per_s, &mut arrival.bytes) => relayed,
            _ = cut => return Err(Ended),
        };
        let accepted = |payload, function_error| {
            (Answer::Accepted, RuntimeResult { payload, function_error, arrival: Some(arrival) })
        };
        let unusable = |fault, payload| {
            (Answer::Unusable(fault), RuntimeResult { payload, function_error: true, arrival: Some(arrival) })
        };
        match relayed {
            Relayed::Whole => self.end(id, accepted(Bytes::new(), false)).await.map(replies::verdict),
            Relayed::Failed(error) => self.end(id, accepted(error, true)).await.map(replies::verdict),
            Relayed::TooLarge => {
                let payload = payload::too_large(STREAMED_PAYLOAD_BYTES);
                // The caller need not wait for what is only read to be thrown away.
                self.end(id, unusable(ErrorType::FunctionResponseSizeTooLarge, payload)).await?;
                discard(body).await;
                Ok(replies::too_large(STREAMED_PAYLOAD_BYTES))
            }
            Relayed::Truncated => {
                tokio::time::sleep(NEWS_OF_ITS_END).await;
                let (payload, refusal) = truncated(id);
                let verdict = self.end(id, unusable(ErrorType::RuntimeTruncatedResponse, payload)).await?;
                Ok(if verdict == Verdict::Accepted { refusal } else { replies::verdict(verdict) })
            }
        }
    }

    async fn end(&self, request_id: RequestId, how: (Answer, RuntimeResult)) -> Result<Verdict, Ended> {
        let (reply, verdict) = oneshot::channel();
        let (answer, result) = how;
        let generation = self.generation;
        self.environment.tell(Message::RespondEnd { generation, request_id, answer, result, reply });
        verdict.await.map_err(|_| Ended)
    }
}

/// `length` is how much has come.
async fn relay(body: &mut Incoming, sink: ResponseSink, bytes_per_s: Option<NonZeroU64>, length: &mut u64) -> Relayed {
    let begun = Instant::now();
    let mut bandwidth = bytes_per_s.map(|rate| Bandwidth::new(Moment(0), STREAM_BURST_BYTES, rate.get()));
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Relayed::Truncated };
        let piece = match frame.into_data() {
            Ok(piece) => piece,
            Err(frame) => match frame.trailers_ref().and_then(streamed_error) {
                Some(error) => return Relayed::Failed(error),
                None => continue,
            },
        };
        let size = piece.len() as u64;
        *length = length.saturating_add(size);
        if *length > STREAMED_PAYLOAD_BYTES {
            return Relayed::TooLarge;
        }
        if let Some(bandwidth) = &mut bandwidth {
            let now = Moment(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
            let pause_us = bandwidth.take(now, size);
            if pause_us > 0 {
                tokio::time::sleep(Duration::from_micros(pause_us)).await;
            }
        }
        // Fails when the caller has gone.
        sink.pieces.send(piece).await.unwrap_or_default();
    }
    Relayed::Whole
}
