//! `application/vnd.amazon.eventstream`, the way out: messages of typed headers and a payload, each with its lengths and
//! two checksums. Only what a service sends is here, and only headers that are text.
//!
//! ```text
//!  total u32 │ headers u32 │ crc32 of both │ headers │ payload │ crc32 of all before
//!  header: length u8, name, 7 (text), length u16, value            (everything big-endian)
//! ```
//!
//! Source: Smithy, "Amazon Event Stream specification"; botocore `eventstream.py`.

use bytes::{BufMut as _, Bytes, BytesMut};

/// Lengths and checksum at the start, checksum at the end.
const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;
/// A header's value is text of at most 65,535 bytes.
const TEXT: u8 = 7;

/// One event, ready to be sent. SDKs take payloads of at most 16 MiB: whoever has more makes more events.
#[must_use]
pub fn event(event_type: &'static str, content_type: &'static str, payload: &[u8]) -> Bytes {
    let headers = [(":event-type", event_type), (":content-type", content_type), (":message-type", "event")];
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

    #[test]
    fn the_checksum_is_the_one_that_sdks_check() {
        // The empty message of the specification's test suite has this prelude.
        assert_eq!(crc32fast::hash(&[0, 0, 0, 0x10, 0, 0, 0, 0]), 0x05c2_48eb);
    }
}
