//! Frames on a runtime's log descriptor: messages with level, time and borders, where standard output has only lines.
//!
//! ```text
//! type u32 · length u32 · time u64, microseconds since the epoch · message of that length
//! ```
//!
//! Numbers are big-endian. A type is `0xA55A0002` (JSON) or `0xA55A0003` (text), with the level in bits 2 to 4. Whoever
//! writes is the function's and may write anything: what begins no frame is handed on as it is, nothing is held but an
//! unfinished head, and no number is believed further than its bytes come.
//!
//! Source: AWS's runtime interface clients for Python, Node.js and Java.

use hearth_core::limits::LOG_PER_INVOCATION_BYTES;
use hearth_core::logging::LogLevel;

/// Bytes of a head.
const HEAD_BYTES: usize = 16;
/// How every type begins.
const MAGIC: [u8; 3] = [0xa5, 0x5a, 0x00];

/// What is known of a message before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How grave it is; `None`: the writer does not say.
    pub level: Option<LogLevel>,
    /// When it was written, microseconds since the epoch, as the writer says.
    pub time_us: u64,
}

/// A part of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Bytes of a message.
    Message {
        /// The message's head.
        head: Head,
        /// Some of its bytes.
        bytes: &'a [u8],
        /// Whether they are its last.
        last: bool,
    },
    /// Bytes outside of any frame.
    Loose(Vec<u8>),
}

/// Finds frames in a stream of bytes, however they are cut.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What can still become a head.
    head: Vec<u8>,
    /// The message under way, and how many bytes of it are to come.
    message: Option<(Head, usize)>,
}

impl Decoder {
    /// Takes the next part from the front of `bytes`; `None` when it needs more of them.
    pub fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Part<'a>> {
        loop {
            if let Some((head, left)) = self.message.take() {
                if bytes.is_empty() && left > 0 {
                    self.message = Some((head, left));
                    return None;
                }
                let (message, rest) = bytes.split_at(left.min(bytes.len()));
                *bytes = rest;
                let left = left - message.len();
                self.message = (left > 0).then_some((head, left));
                return Some(Part::Message { head, bytes: message, last: left == 0 });
            }
            let (more, rest) = bytes.split_at((HEAD_BYTES - self.head.len()).min(bytes.len()));
            *bytes = rest;
            self.head.extend_from_slice(more);
            if !may_begin(&self.head) {
                let next = (1..self.head.len()).find(|at| self.head.get(*at..).is_some_and(may_begin));
                let kept = self.head.split_off(next.unwrap_or(self.head.len()));
                return Some(Part::Loose(std::mem::replace(&mut self.head, kept)));
            }
            self.message = Some(parse(&self.head)?);
            self.head.clear();
        }
    }
}

/// Whether a head can begin with these bytes (or is whole, and one).
fn may_begin(bytes: &[u8]) -> bool {
    let magic = bytes.iter().zip(MAGIC).all(|(byte, wanted)| *byte == wanted);
    let kind = bytes.get(MAGIC.len()).is_none_or(|kind| level(*kind).is_some());
    magic && kind && (bytes.len() < HEAD_BYTES || parse(bytes).is_some())
}

/// A whole head and the length of its message; `None` if it is not whole, or none.
fn parse(head: &[u8]) -> Option<(Head, usize)> {
    let (kind, rest) = head.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (time, _) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    // More than is kept of a whole invocation: no message that anybody logs, but bytes that look like a head.
    let head = Head { level: level(kind[3])?, time_us: u64::from_be_bytes(*time) };
    (length <= LOG_PER_INVOCATION_BYTES).then_some((head, length))
}

/// The level in the last byte of a type; `None` if it is no type.
fn level(kind: u8) -> Option<Option<LogLevel>> {
    let level = match kind.checked_sub(2)? >> 2 {
        0 => None,
        1 => Some(LogLevel::Trace),
        2 => Some(LogLevel::Debug),
        3 => Some(LogLevel::Info),
        4 => Some(LogLevel::Warn),
        5 => Some(LogLevel::Error),
        6 => Some(LogLevel::Fatal),
        _ => return None,
    };
    matches!(kind & 3, 2 | 3).then_some(level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap();
        let head = [&[0xa5, 0x5a, 0, kind][..], &length.to_be_bytes(), &7_u64.to_be_bytes()].concat();
        [&head, message].concat()
    }

    /// A whole message with its level.
    type Message = (Option<LogLevel>, Vec<u8>);

    /// What comes of bytes that arrive in these pieces: messages, and bytes between them.
    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Message>, Vec<u8>) {
        let (mut decoder, mut messages, mut loose, mut open) = (Decoder::default(), Vec::new(), Vec::new(), None);
        for mut piece in pieces {
            while let Some(part) = decoder.next(&mut piece) {
                match part {
                    Part::Loose(bytes) => loose.extend(bytes),
                    Part::Message { head, bytes, last } => {
                        assert_eq!(head.time_us, 7);
                        let (_, message) = open.get_or_insert_with(|| (head.level, Vec::new()));
                        message.extend_from_slice(bytes);
                        if last {
                            messages.extend(open.take());
                        }
                    }
                }
            }
            assert!(piece.is_empty(), "everything is taken");
        }
        (messages, loose)
    }

    #[test]
    fn types_are_those_of_the_clients() {
        use LogLevel::{Debug, Error, Fatal, Info, Trace, Warn};
        let text = [(0x03, None), (0x07, Some(Trace)), (0x0b, Some(Debug)), (0x0f, Some(Info)), (0x13, Some(Warn))];
        let more = [(0x17, Some(Error)), (0x1b, Some(Fatal)), (0x02, None), (0x0a, Some(Debug)), (0x1a, Some(Fatal))];
        for (kind, level) in text.into_iter().chain(more) {
            let written = frame(kind, b"x");
            assert_eq!(read([&written[..]]), (vec![(level, b"x".to_vec())], vec![]), "{kind:#x}");
        }
        for kind in [0x00, 0x01, 0x04, 0x05, 0x1c, 0x1e, 0x1f, 0xff] {
            let written = frame(kind, b"x");
            assert_eq!(read([&written[..]]), (vec![], written.clone()), "{kind:#x}");
        }
    }

    #[test]
    fn text_is_handed_on_at_once_and_a_frame_behind_it_is_found() {
        let written = [&b"no frame\xa5\x5a"[..], &frame(0x0f, "one\n\u{a0}two".as_bytes())[..], b"after"].concat();
        let (messages, loose) = read([&written[..]]);
        assert_eq!(messages, [(Some(LogLevel::Info), "one\n\u{a0}two".as_bytes().to_vec())]);
        assert_eq!(loose, b"no frame\xa5\x5aafter");
    }

    #[test]
    fn an_empty_message_is_one_and_a_length_beyond_belief_is_no_frame() {
        let written = [frame(0x03, b""), frame(0x03, b"x")].concat();
        assert_eq!(read([&written[..]]).0, [(None, vec![]), (None, b"x".to_vec())]);
        let mut written = frame(0x03, b"x");
        written[4] = 0xff;
        assert_eq!(read([&written[..]]), (vec![], written.clone()));
    }

    proptest! {
        #[test]
        fn frames_are_found_however_they_are_cut(
            frames in prop::collection::vec((prop::sample::select(vec![2_u8, 3, 0x0b, 0x0e, 0x17]),
                prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            cut in 1_usize..50,
        ) {
            let written: Vec<u8> = frames.iter().flat_map(|(kind, message)| frame(*kind, message)).collect();
            let wanted: Vec<_> =
                frames.into_iter().map(|(kind, message)| (level(kind).unwrap(), message)).collect();
            prop_assert_eq!(read(written.chunks(cut)), (wanted, vec![]));
        }

        #[test]
        fn nothing_is_lost_of_any_bytes(
            bytes in prop::collection::vec(prop::sample::select(vec![0xa5_u8, 0x5a, 0, 2, 0x0f, b'x']), 0..300),
            cut in 1_usize..50,
        ) {
            let (mut decoder, mut seen) = (Decoder::default(), 0);
            for mut piece in bytes.chunks(cut) {
                while let Some(part) = decoder.next(&mut piece) {
                    seen += match part {
                        Part::Loose(bytes) => bytes.len(),
                        Part::Message { bytes, last, .. } => bytes.len() + if last { HEAD_BYTES } else { 0 },
                    };
                }
            }
            let held = decoder.head.len() + decoder.message.map_or(0, |_| HEAD_BYTES);
            prop_assert!(decoder.head.len() < HEAD_BYTES);
            prop_assert_eq!(seen + held, bytes.len());
        }
    }
}
