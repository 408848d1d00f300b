//! Reads request bodies, never more than the operation allows and never for ever.

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// Longest silence in the middle of a body, seconds (ours).
const SILENCE_S: u64 = 30;
/// Slowest that the longest body which is allowed may come, bytes per second, besides one such silence (ours). A body may
/// hold a place that others wait for.
const SLOWEST_BYTES_PER_S: u64 = 80_000;
/// Longest time for reading what is thrown away, seconds (ours).
const DISCARD_S: u64 = 900;
/// Most that is read and thrown away of a body that is too large, so that a client that writes everything before it
/// reads still sees the answer (ours).
const DISCARD_BYTES: u64 = 256 << 20;
/// Most that is reserved because a client says that it will send it (ours).
const TRUSTED_BYTES: u64 = 8 << 20;

/// From this many bytes on a body is large (ours).
const LARGE_BYTES: u64 = 64 * 1024;

/// Places for large bodies, so that many of them do not come to more memory than there is. Small ones need none: their number
/// is bounded by that of connections.
#[derive(Debug)]
pub(crate) struct Places(Semaphore);

impl Places {
    /// For so many at once.
    pub(crate) fn new(places: usize) -> Self {
        Self(Semaphore::new(places))
    }

    /// Waits for a place if `body` is large, or of a size that is not known; it is held until it is dropped.
    pub(crate) async fn place_for(&self, body: &impl Body) -> Option<SemaphorePermit<'_>> {
        let is_small = body.size_hint().upper().is_some_and(|bytes| bytes < LARGE_BYTES);
        // Never closed.
        if is_small { None } else { self.0.acquire().await.ok() }
    }

    /// Reads a body as [`read`] does, in a place if it is large; the place comes with it. What is thrown away needs none.
    pub(crate) async fn read<B>(&self, body: B, limit: usize) -> Result<(Bytes, Option<SemaphorePermit<'_>>), BodyError>
    where
        B: Body<Data = Bytes>,
    {
        let place = self.place_for(&body).await;
        read_in(place, body, limit).await
    }
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It has more bytes than allowed: as many as were announced, or as were read before we lost patience.
    #[error("the body has {bytes} bytes")]
    TooLarge {
        /// See there.
        bytes: u64,
    },
    /// The client went away or stopped sending.
    #[error("read the body")]
    Interrupted,
}

/// Reads a whole body of at most `limit` bytes. One that arrives in one piece is passed on as it is, uncopied.
///
/// # Cancel safety
///
/// What was read is lost.
pub(crate) async fn read<B>(body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
{
    read_in((), body, limit).await.map(|(body, ())| body)
}

/// Holds `place` for what is kept, and not for what is thrown away.
async fn read_in<P, B>(place: P, body: B, limit: usize) -> Result<(Bytes, P), BodyError>
where
    B: Body<Data = Bytes>,
{
    let announced = body.size_hint().exact();
    let whole_s = SILENCE_S + limit as u64 / SLOWEST_BYTES_PER_S;
    let mut body = Timed { body: pin!(body), until: Instant::now() + Duration::from_secs(whole_s) };
    if let Some(bytes) = announced.filter(|bytes| *bytes > limit as u64) {
        drop(place);
        body.discard(0).await;
        return Err(BodyError::TooLarge { bytes });
    }
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(data) = body.next().await? {
        let total = first.len() + joined.len() + data.len();
        if total > limit {
            drop((place, first, joined));
            return Err(BodyError::TooLarge { bytes: body.discard(total as u64).await });
        }
        if first.is_empty() && joined.is_empty() {
            first = data;
            continue;
        }
        if joined.is_empty() {
            let expected = announced.unwrap_or(0).clamp(total as u64, TRUSTED_BYTES.max(total as u64));
            joined.reserve(usize::try_from(expected).unwrap_or(total));
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        joined.extend_from_slice(&data);
    }
    Ok((if joined.is_empty() { first } else { joined.freeze() }, place))
}

/// A body and when it has to be there.
struct Timed<'b, B> {
    body: Pin<&'b mut B>,
    until: Instant,
}

impl<B: Body<Data = Bytes>> Timed<'_, B> {
    /// The next piece of data; trailers are of no interest.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let silent = Instant::now() + Duration::from_secs(SILENCE_S);
            match timeout_at(silent.min(self.until), self.body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Ok(Some(Err(_))) | Err(_) => return Err(BodyError::Interrupted),
            }
        }
    }

    /// Throws the rest away; returns how many bytes there were in all.
    async fn discard(mut self, mut seen: u64) -> u64 {
        self.until = Instant::now() + Duration::from_secs(DISCARD_S);
        while seen < DISCARD_BYTES {
            match self.next().await {
                Ok(Some(data)) => seen += data.len() as u64,
                Ok(None) | Err(_) => break,
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};
    use std::convert::Infallible;

    fn pieces(pieces: &[&'static str]) -> impl Body<Data = Bytes> {
        let frames: Vec<Result<Frame<Bytes>, Infallible>> =
            pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).collect();
        StreamBody::new(stream::iter(frames))
    }

    #[tokio::test]
    async fn pieces_are_joined() {
        assert_eq!(read(pieces(&["ab", "", "cd", "e"]), 5).await.expect("body"), "abcde");
        assert_eq!(read(pieces(&[]), 5).await.expect("body"), "");
    }

    #[tokio::test]
    async fn one_piece_is_not_copied() {
        let body = Bytes::from_static(b"hello");
        let read = read(Full::new(body.clone()), 5).await.expect("body");
        assert_eq!(read.as_ptr(), body.as_ptr());
    }

    #[tokio::test]
    async fn too_large_counts_what_came() {
        for body in [read(pieces(&["abc", "def"]), 5).await, read(Full::new(Bytes::from_static(b"abcdef")), 5).await] {
            assert!(matches!(body, Err(BodyError::TooLarge { bytes: 6 })), "{body:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_only_trickles_ends() {
        let trickle = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(SILENCE_S - 1)).await;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))), ()))
        });
        let before = Instant::now();
        let read = read(StreamBody::new(trickle), 8_000_000).await;
        assert!(matches!(read, Err(BodyError::Interrupted)), "{read:?}");
        assert_eq!(before.elapsed().as_secs(), SILENCE_S + 100);
    }
}
