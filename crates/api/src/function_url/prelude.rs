//! The head that a streamed answer begins with when its content type says so: JSON, then eight zero bytes, then the body.
//!
//! Source: the runtime interface clients of Node.js and Rust, which write it.

use super::answer::{Head, Malformed};
use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use serde_json::Value;

/// The content type of a streamed answer that begins with one.
pub const CONTENT_TYPE: &str = "application/vnd.awslambda.http-integration-response";
/// The content type of a streamed answer that says none.
pub const DEFAULT: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// What ends it.
const DELIMITER: [u8; 8] = [0; 8];
/// Longest one, bytes (ours).
const BYTES_MAX: usize = 128 * 1024;

/// Reads it from the pieces of an answer.
#[derive(Debug, Default)]
pub struct Reader {
    read: BytesMut,
    /// How far no delimiter begins.
    searched: usize,
}

impl Reader {
    /// Whether it has been given anything.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !self.read.is_empty()
    }

    /// Takes a piece; the head and what of the body has come with it, once the head is there.
    ///
    /// # Errors
    ///
    /// [`Malformed`], also when it grows too long.
    pub fn push(&mut self, piece: &[u8]) -> Result<Option<(Head, Bytes)>, Malformed> {
        self.read.extend_from_slice(piece);
        let Some(at) = find(&self.read, self.searched) else {
            self.searched = self.read.len().saturating_sub(DELIMITER.len() - 1);
            return if self.read.len() > BYTES_MAX { Err(Malformed) } else { Ok(None) };
        };
        let head = parse(self.read.get(..at).unwrap_or_default())?;
        let body = std::mem::take(&mut self.read).freeze().slice(at + DELIMITER.len()..);
        Ok(Some((head, body)))
    }
}

/// The same of an answer that is whole: the head, and where the body begins. `None` if it has none.
pub(super) fn split(payload: &[u8]) -> Result<Option<(Head, usize)>, Malformed> {
    match find(payload, 0) {
        Some(at) if payload.starts_with(b"{") => {
            let head = parse(payload.get(..at).unwrap_or_default())?;
            Ok(Some((head, at + DELIMITER.len())))
        }
        Some(_) | None => Ok(None),
    }
}

fn find(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..).unwrap_or_default();
    rest.windows(DELIMITER.len()).position(|window| window == DELIMITER).map(|at| from + at)
}

fn parse(text: &[u8]) -> Result<Head, Malformed> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(members)) if text.len() <= BYTES_MAX => Head::read(&members, DEFAULT),
        Ok(_) | Err(_) => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHOLE: &[u8] = b"{\"statusCode\":201,\"headers\":{\"x\":\"y\"},\"cookies\":[\"a=b\"]}\0\0\0\0\0\0\0\0body\0";

    #[test]
    fn a_head_is_read_and_the_body_left_as_it_is() {
        let (head, body) = Reader::default().push(WHOLE).expect("well formed").expect("whole");
        assert_eq!((head.status.as_u16(), body.as_ref()), (201, &b"body\0"[..]));
        assert_eq!(head.headers.get("content-type"), Some(&DEFAULT));
        assert_eq!(head.headers.len(), 3);
        assert_eq!(split(WHOLE).map(|found| found.map(|(head, _)| head)), Ok(Some(head)));
    }

    #[test]
    fn what_is_no_head_is_malformed() {
        for wrong in ["[]", "", "{\"statusCode\":0}", "{"] {
            let text = [wrong.as_bytes(), &DELIMITER].concat();
            assert_eq!(Reader::default().push(&text), Err(Malformed), "{wrong}");
        }
        let mut endless = Reader::default();
        assert_eq!(endless.push(&vec![b' '; BYTES_MAX]), Ok(None));
        assert_eq!(endless.push(b" "), Err(Malformed));
        assert_eq!(split(b"text\0\0\0\0\0\0\0\0"), Ok(None));
    }

    proptest! {
        /// However it is cut, the same is read.
        #[test]
        fn pieces_make_no_difference(cuts in proptest::collection::vec(0..WHOLE.len(), 0..6)) {
            let mut cuts = cuts;
            cuts.extend([0, WHOLE.len()]);
            cuts.sort_unstable();
            let mut reader = Reader::default();
            let (mut head, mut body) = (None, Vec::new());
            for pair in cuts.windows(2) {
                let piece = &WHOLE[pair[0]..pair[1]];
                if head.is_some() {
                    body.extend_from_slice(piece);
                } else if let Some((found, rest)) = reader.push(piece).expect("well formed") {
                    head = Some(found);
                    body.extend_from_slice(&rest);
                }
            }
            prop_assert_eq!(head.expect("whole").status.as_u16(), 201);
            prop_assert_eq!(body, b"body\0");
        }
    }
}
