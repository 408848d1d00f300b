//! `application/vnd.amazon.eventstream`: messages of typed headers and a payload, each with its lengths and two
//! checksums. What a service sends is here, and how a client of ours reads the events of it; headers are text only.
//!
//! ```text
//!  total u32 │ headers u32 │ crc32 of both │ headers │ payload │ crc32 of all before
//!  header: length u8, name, 7 (text), length u16, value            (everything big-endian)
//! ```
//!
//! Source: Smithy, "Amazon Event Stream specification"; botocore `eventstream.py`.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// Lengths and checksum at the start, checksum at the end.
const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;
/// A header's value is text of at most 65,535 bytes.
const TEXT: u8 = 7;
/// Most bytes of a message (specified: 16 MiB of payload, 128 KiB of headers).
const MESSAGE: usize = (16 << 20) + (128 << 10) + PRELUDE + CHECKSUM;

/// An event as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name.
    pub event_type: String,
    /// What it carries.
    pub payload: Bytes,
}

/// Why bytes are no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Its lengths contradict each other, or are longer than a message may be.
    #[error("a message of {total} bytes with {headers} bytes of headers is none")]
    Lengths {
        /// All of it.
        total: usize,
        /// Of its headers.
        headers: usize,
    },
    /// It has changed on its way.
    #[error("a message does not have its checksum")]
    Checksum,
    /// Its headers are not what an event has.
    #[error("a message is no event")]
    Headers,
}

/// Takes the next event off the front of what has come so far; `None` while it is not whole.
///
/// # Errors
///
/// [`Broken`]; nothing that follows can be read then.
pub fn take(buffer: &mut BytesMut) -> Result<Option<Event>, Broken> {
    let Some((prelude, _)) = buffer.split_first_chunk::<PRELUDE>() else { return Ok(None) };
    let mut fields = prelude.as_slice();
    let (total, headers, sum) = (fields.get_u32(), fields.get_u32(), fields.get_u32());
    let (total, headers) = (size(total), size(headers));
    if prelude.split_last_chunk::<4>().is_none_or(|(lengths, _)| crc32fast::hash(lengths) != sum) {
        return Err(Broken::Checksum);
    }
    if total > MESSAGE || headers > total.saturating_sub(PRELUDE + CHECKSUM) || total < PRELUDE + CHECKSUM {
        return Err(Broken::Lengths { total, headers });
    }
    if buffer.len() < total {
        return Ok(None);
    }
    let mut message = buffer.split_to(total).freeze();
    let mut sum = message.split_off(total - CHECKSUM);
    if crc32fast::hash(&message) != sum.get_u32() {
        return Err(Broken::Checksum);
    }
    message.advance(PRELUDE);
    let event_type = event_type(&message.split_to(headers)).ok_or(Broken::Headers)?;
    Ok(Some(Event { event_type, payload: message }))
}

/// The value of `:event-type`, if all are headers of text.
fn event_type(mut headers: &[u8]) -> Option<String> {
    let mut found = None;
    while let Some((length, rest)) = headers.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (kind, rest) = rest.split_first_chunk::<1>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if kind != &[TEXT] {
            return None;
        }
        if name == b":event-type" {
            found = Some(str::from_utf8(value).ok()?.to_owned());
        }
        headers = rest;
    }
    found
}

/// A length on the wire; one that no memory has is none that a message may have.
fn size(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// One event, ready to be sent. SDKs take payloads of at most 16 MiB: whoever has more makes more events.
#[must_use]
pub fn event(event_type: &'static str, content_type: &'static str, payload: &[u8]) -> Bytes {
    encode([(":event-type", event_type), (":content-type", content_type), (":message-type", "event")], payload)
}

/// An error with which a stream ends, ready to be sent.
#[must_use]
pub fn exception(exception_type: &'static str, content_type: &'static str, payload: &[u8]) -> Bytes {
    let kind = (":exception-type", exception_type);
    encode([kind, (":content-type", content_type), (":message-type", "exception")], payload)
}

fn encode(headers: [(&str, &str); 3], payload: &[u8]) -> Bytes {
    let headers_length: usize = headers.iter().map(|(name, value)| 1 + name.len() + 3 + value.len()).sum();
    let total = PRELUDE + headers_length + payload.len() + CHECKSUM;
    let mut message = BytesMut::with_capacity(total);
    message.put_u32(length(total));
    message.put_u32(length(headers_length));
    message.put_u32(crc32fast::hash(&message));
    for (name, value) in headers {
        message.put_u8(u8::try_from(name.len()).unwrap_or_default());
        message.put_slice(name.as_bytes());
        message.put_u8(TEXT);
        message.put_u16(u16::try_from(value.len()).unwrap_or_default());
        message.put_slice(value.as_bytes());
    }
    message.put_slice(payload);
    message.put_u32(crc32fast::hash(&message));
    message.freeze()
}

/// Payloads are far below 4 GiB, and headers are constants.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_says_how_long_it_is_and_ends_with_its_checksum() {
        let message = event("PayloadChunk", "application/octet-stream", b"hello");
        let number = |at: usize| u32::from_be_bytes(message[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(number(0) as usize, message.len());
        assert_eq!(number(8), crc32fast::hash(&message[..8]));
        assert_eq!(number(message.len() - 4), crc32fast::hash(&message[..message.len() - 4]));
        let payload_at = PRELUDE + number(4) as usize;
        assert_eq!(&message[payload_at..message.len() - CHECKSUM], b"hello");
        let headers = &message[PRELUDE..payload_at];
        assert!(
            headers.starts_with(b"\x0b:event-type\x07\x00\x0cPayloadChunk\x0d:content-type\x07\x00\x18application/")
        );
        assert!(headers.ends_with(b"\x0d:message-type\x07\x00\x05event"));
    }

    proptest! {
        #[test]
        fn events_are_read_back_however_they_come(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6), cut in 1_usize..70,
        ) {
            let sent: Vec<u8> =
                payloads.iter().flat_map(|payload| event("PayloadChunk", "text/plain", payload)).collect();
            let (mut buffer, mut read) = (BytesMut::new(), Vec::new());
            for piece in sent.chunks(cut) {
                buffer.extend_from_slice(piece);
                while let Some(event) = take(&mut buffer).unwrap() {
                    prop_assert_eq!(event.event_type, "PayloadChunk");
                    read.push(event.payload.to_vec());
                }
            }
            prop_assert_eq!(read, payloads);
        }

        #[test]
        fn a_changed_byte_is_seen_and_no_bytes_are_too_strange(at in 0_usize..90, to in any::<u8>()) {
            let mut sent = event("PayloadChunk", "text/plain", b"hello").to_vec();
            let at = at % sent.len();
            let same = std::mem::replace(&mut sent[at], to) == to;
            let read = take(&mut BytesMut::from(&sent[..]));
            prop_assert_eq!(same, matches!(read, Ok(Some(_))));
        }
    }

    #[test]
    fn lengths_beyond_all_bounds_are_refused_before_anything_is_kept() {
        let prelude = |total: u32, headers: u32| {
            let lengths = [total.to_be_bytes(), headers.to_be_bytes()].concat();
            let sum = crc32fast::hash(&lengths).to_be_bytes();
            take(&mut BytesMut::from(&[&lengths[..], &sum].concat()[..]))
        };
        for (total, headers) in [(u32::MAX, 0), (20, 5), (15, 0), (0, 0), (100, u32::MAX)] {
            assert!(matches!(prelude(total, headers), Err(Broken::Lengths { .. })), "{total} {headers}");
        }
        assert_eq!(prelude(20, 4), Ok(None), "not yet whole");
    }

    #[test]
    fn the_checksum_is_the_one_that_sdks_check() {
        // The empty message of the specification's test suite has this prelude.
        assert_eq!(crc32fast::hash(&[0, 0, 0, 0x10, 0, 0, 0, 0]), 0x05c2_48eb);
    }
}
