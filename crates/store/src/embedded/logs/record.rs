//! The bytes of a log file: a head with the stream's name, then records.
//!
//! ```text
//! head     magic 8 · length u32 · created_ms i64 · name · checksum u32
//! mark     all ones u32 · position u64 · checksum u32: only when older records have been dropped; the first one kept
//! record   length u32 · timestamp_ms i64 · ingestion_ms i64 · message · checksum u32 · length u32
//! ```
//!
//! Numbers are little-endian, lengths count the whole head or record, checksums cover everything before them. A record
//! begins and ends with its length, so that a file can be read from both ends. Parsing refuses whatever is not exactly
//! what was written: after a crash, that is the end of the file.

use hearth_core::limits::LOG_EVENT_BYTES;

const MAGIC: &[u8; 8] = b"HRTHLOG1";
/// Head without its name.
const HEAD_OVERHEAD: usize = 8 + 4 + 8 + 4;
/// Most bytes of a head and a mark: a name has at most 512 characters.
pub(super) const HEAD_BYTES: usize = HEAD_OVERHEAD + 512 * 4 + MARK_BYTES;
/// Bytes of a mark; shorter than any record, so that it fits where one has been dropped.
pub(super) const MARK_BYTES: usize = 4 + 8 + 4;
/// What a mark begins with: no record has this length.
const MARK: u32 = u32::MAX;
/// Record without its message.
const OVERHEAD: usize = 4 + 8 + 8 + 4 + 4;
/// Most bytes of a record.
const RECORD_BYTES: usize = OVERHEAD + LOG_EVENT_BYTES;

/// The head of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: u64,
    /// Where the first record is that is kept.
    pub(super) first: u64,
    pub(super) created_ms: i64,
    pub(super) name: String,
}

/// One event, its message still in the reader's buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) timestamp_ms: i64,
    pub(super) ingestion_ms: i64,
    pub(super) message: &'a str,
}

/// Writes a file's head; the name has at most 512 characters.
pub(super) fn encode_head(created_ms: i64, name: &str) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend(u32_of(HEAD_OVERHEAD + name.len()));
    head.extend(created_ms.to_le_bytes());
    head.extend(name.as_bytes());
    head.extend(checksum(&head).to_le_bytes());
    head
}

/// Reads a head from the start of a file; `None` when it is not (yet) complete.
pub(super) fn parse_head(file: &[u8]) -> Option<Head> {
    let (magic, rest) = file.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok()?;
    let (content, sum) = file.get(..length)?.split_last_chunk::<4>()?;
    if magic != MAGIC || u32::from_le_bytes(*sum) != checksum(content) {
        return None;
    }
    let (created_ms, name) = content.get(12..)?.split_first_chunk()?;
    let name = str::from_utf8(name).ok()?.to_owned();
    let first = file.get(length..).and_then(parse_mark);
    let length = u64::try_from(length).ok()?;
    Some(Head { length, first: first.unwrap_or(length).max(length), created_ms: i64::from_le_bytes(*created_ms), name })
}

/// The mark that stands behind a head once records have been dropped.
pub(super) fn encode_mark(first: u64) -> Vec<u8> {
    let mut mark = MARK.to_le_bytes().to_vec();
    mark.extend(first.to_le_bytes());
    mark.extend(checksum(&mark).to_le_bytes());
    mark
}

fn parse_mark(bytes: &[u8]) -> Option<u64> {
    let (content, sum) = bytes.get(..MARK_BYTES)?.split_last_chunk::<4>()?;
    let (mark, first) = content.split_first_chunk::<4>()?;
    let whole = u32::from_le_bytes(*mark) == MARK && u32::from_le_bytes(*sum) == checksum(content);
    whole.then_some(u64::from_le_bytes(*first.first_chunk()?))
}

/// Appends an event as one record or, where its message is longer than one event may be, as several.
pub(super) fn encode(out: &mut Vec<u8>, timestamp_ms: i64, ingestion_ms: i64, message: &str) {
    let mut rest = message;
    loop {
        let (message, further) = rest.split_at(rest.floor_char_boundary(LOG_EVENT_BYTES));
        let start = out.len();
        let length = u32_of(OVERHEAD + message.len());
        out.extend(length);
        out.extend(timestamp_ms.to_le_bytes());
        out.extend(ingestion_ms.to_le_bytes());
        out.extend(message.as_bytes());
        let sum = checksum(out.get(start..).unwrap_or_default());
        out.extend(sum.to_le_bytes());
        out.extend(length);
        if further.is_empty() {
            return;
        }
        rest = further;
    }
}

/// The length of a record from its first or last four bytes; `None` when no record has it.
pub(super) fn length(bytes: &[u8]) -> Option<u64> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?);
    let known = usize::try_from(length).ok()?;
    (OVERHEAD..=RECORD_BYTES).contains(&known).then_some(u64::from(length))
}

/// Bytes of a record up to its ingestion time.
pub(super) const STAMP_BYTES: usize = 4 + 8;

/// Length and timestamp of a record from its first [`STAMP_BYTES`]; `None` when no record has that length.
pub(super) fn stamp(bytes: &[u8]) -> Option<(u64, i64)> {
    let timestamp_ms = i64::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    Some((length(bytes)?, timestamp_ms))
}

/// Reads one whole record.
pub(super) fn parse(record: &[u8]) -> Option<Record<'_>> {
    let (before, trailer) = record.split_last_chunk::<4>()?;
    let (content, sum) = before.split_last_chunk::<4>()?;
    let (header, rest) = content.split_first_chunk::<4>()?;
    if header != trailer || u32::from_le_bytes(*sum) != checksum(content) {
        return None;
    }
    let (timestamp_ms, rest) = rest.split_first_chunk()?;
    let (ingestion_ms, message) = rest.split_first_chunk()?;
    Some(Record {
        timestamp_ms: i64::from_le_bytes(*timestamp_ms),
        ingestion_ms: i64::from_le_bytes(*ingestion_ms),
        message: str::from_utf8(message).ok()?,
    })
}

/// Lengths here are bounded far below 4 GiB; a longer one would not be read back.
fn u32_of(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// FNV-1a: tells a torn or zeroed tail from a record, and needs no more than that.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_reads_back_and_no_cut_one_does(time in any::<i64>(), message in "\\PC{0,80}", cut in 1_usize..200) {
            let mut bytes = Vec::new();
            encode(&mut bytes, time, 7, &message);
            prop_assert_eq!(length(&bytes), Some(bytes.len() as u64));
            prop_assert_eq!(length(bytes.last_chunk::<4>().unwrap()), Some(bytes.len() as u64));
            prop_assert_eq!(parse(&bytes), Some(Record { timestamp_ms: time, ingestion_ms: 7, message: &message }));
            let whole = bytes.clone();
            bytes.truncate(whole.len().saturating_sub(cut));
            prop_assert_eq!(parse(&bytes), None);
            // Zeros instead, unless what they stand for is zeros too.
            bytes.resize(whole.len(), 0);
            prop_assert!(bytes == whole || parse(&bytes).is_none());
        }

        #[test]
        fn a_head_reads_back_and_no_cut_one_does(created in any::<i64>(), name in "\\PC{1,99}", cut in 1_usize..200) {
            let mut bytes = encode_head(created, &name);
            let length = bytes.len() as u64;
            bytes.extend(b"what follows");
            prop_assert_eq!(parse_head(&bytes), Some(Head { length, first: length, created_ms: created, name }));
            bytes.truncate(usize::try_from(length).unwrap().saturating_sub(cut));
            prop_assert_eq!(parse_head(&bytes), None);
        }
    }

    #[test]
    fn a_long_message_becomes_several_records_between_characters() {
        let message = "é".repeat(LOG_EVENT_BYTES / 2) + "ab";
        let mut bytes = Vec::new();
        encode(&mut bytes, 1, 2, &message);
        let first = usize::try_from(length(&bytes).unwrap()).unwrap();
        let whole: String = [&bytes[..first], &bytes[first..]].map(|part| parse(part).unwrap().message).concat();
        assert_eq!(whole, message);
    }

    #[test]
    fn a_mark_says_where_the_first_record_is() {
        let head = encode_head(1, "name");
        let length = head.len() as u64;
        let marked = |mark: &[u8]| parse_head(&[&head, mark].concat()).unwrap().first;
        let mark = encode_mark(length + 1_000);
        assert_eq!(marked(&mark), length + 1_000);
        assert_eq!(marked(&mark[..MARK_BYTES - 1]), length, "not yet complete");
        assert_eq!(marked(&[0; MARK_BYTES]), length);
        assert_eq!(self::length(&mark), None, "a mark is no record");
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(length(&[0; 64]), None);
        assert_eq!(parse(&[0; 28]), None);
    }
}
