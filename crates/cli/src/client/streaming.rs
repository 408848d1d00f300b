//! An answer that comes as events, one after the other.

use super::ClientError;
use bytes::BytesMut;
use hearth_api::event_stream::{self, Event};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// The events of an answer. Holds one unfinished event at most.
#[derive(Debug)]
pub(crate) struct Streaming {
    what: String,
    body: Incoming,
    come: BytesMut,
}

impl Streaming {
    pub(super) fn new(what: &str, body: Incoming) -> Self {
        Self { what: what.to_owned(), body, come: BytesMut::new() }
    }

    /// Waits for the next event. Whoever knows which is the last does not ask for one after it.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; [`ClientError::CutOff`] when there is none.
    pub(crate) async fn next(&mut self) -> Result<Event, ClientError> {
        let what = || self.what.clone();
        loop {
            let read = event_stream::take(&mut self.come);
            if let Some(event) = read.map_err(|source| ClientError::Events { what: what(), source })? {
                return Ok(event);
            }
            let frame = self.body.frame().await.ok_or_else(|| ClientError::CutOff { what: what() })?;
            let frame = frame.map_err(|source| ClientError::Broken { what: what(), source })?;
            if let Some(bytes) = frame.data_ref() {
                self.come.extend_from_slice(bytes);
            }
        }
    }
}
