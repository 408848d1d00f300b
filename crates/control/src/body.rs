//! Reads request bodies, never more than the operation allows and never for ever.

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;
use std::pin::pin;
use std::time::Duration;

/// Longest silence in the middle of a body, seconds (ours).
const SILENCE_S: u64 = 30;
/// Most that is read and thrown away of a body that is too large, so that a client that writes everything before it
/// reads still sees the answer (ours).
const DISCARD_BYTES: u64 = 256 << 20;
/// Most that is reserved because a client says that it will send it (ours).
const TRUSTED_BYTES: u64 = 8 << 20;

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
    let announced = body.size_hint().exact();
    let mut body = pin!(body);
    if announced.is_some_and(|bytes| bytes > limit as u64) {
        let seen = discard(body, 0).await;
        return Err(BodyError::TooLarge { bytes: announced.unwrap_or(seen) });
    }
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(data) = next(&mut body).await? {
        let total = first.len() + joined.len() + data.len();
        if total > limit {
            return Err(BodyError::TooLarge { bytes: discard(body, total as u64).await });
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
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// The next piece of data; trailers are of no interest.
async fn next<B>(body: &mut std::pin::Pin<&mut B>) -> Result<Option<Bytes>, BodyError>
where
    B: Body<Data = Bytes>,
{
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(SILENCE_S), body.frame());
        match frame.await {
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
async fn discard<B>(mut body: std::pin::Pin<&mut B>, mut seen: u64) -> u64
where
    B: Body<Data = Bytes>,
{
    while seen < DISCARD_BYTES {
        match next(&mut body).await {
            Ok(Some(data)) => seen += data.len() as u64,
            Ok(None) | Err(_) => break,
        }
    }
    seen
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
}
