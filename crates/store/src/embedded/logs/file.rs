//! One log file: making it, finding where its good records end, appending, and what its two ends say about it.

use super::record::{self, HEAD_BYTES, Head};
use super::window::{Direction, Window};
use crate::{LogEvent, LogStreamInfo};
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Reused between appends unless one was large.
const BUFFER_BYTES: usize = 64 * 1_024;
/// Read at once for one record at an end of a file: there may be thousands of files to describe.
const END_BYTES: u64 = 2_048;
/// Behind the end of every log file, and within what file systems can address, bytes.
const FAR: u64 = 1 << 41;
/// Read at once for all records of a file.
const SCAN_BYTES: u64 = 1 << 20;

/// A file open for appending: the only one of its stream.
#[derive(Debug)]
pub(super) struct Appender {
    file: File,
    end: u64,
    buffer: Vec<u8>,
}

impl Appender {
    /// Opens a stream's file, makes it when it is new, and cuts what a crash left incomplete at its end.
    pub(super) fn open(path: &Path, name: &str, created_ms: i64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let end = match head(&file)? {
            Some(head) => settle(path, &file, &head)?,
            None => {
                let head = record::encode_head(created_ms, name);
                file.set_len(0)?;
                file.write_all_at(&head, 0)?;
                head.len() as u64
            }
        };
        Ok(Self { file, end, buffer: Vec::new() })
    }

    /// Where the next record goes.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Appends events with one write. When the disk is full, those that fit whole are kept and nothing of the others.
    pub(super) fn append(&mut self, events: &[LogEvent]) -> io::Result<()> {
        self.buffer.clear();
        for event in events {
            record::encode(&mut self.buffer, event.timestamp_ms, event.ingestion_ms, &event.message);
        }
        let (written, outcome) = write(&self.file, &self.buffer, self.end);
        self.end += match &outcome {
            Ok(()) => written as u64,
            Err(_) => {
                let whole = whole_records(self.buffer.get(..written).unwrap_or_default());
                // If this fails too, the next append writes over the rest all the same.
                if let Err(error) = self.file.set_len(self.end + whole) {
                    tracing::debug!(%error, "cannot cut an incomplete log record");
                }
                whole
            }
        };
        if self.buffer.capacity() > BUFFER_BYTES {
            self.buffer = Vec::new();
        }
        outcome
    }
}

/// Drops the records before `first`, where a record begins: readers know of it before their room is given back, so that a
/// crash in between costs nothing but the room.
///
/// # Errors
///
/// When the file system cannot give back room inside a file; nothing has been dropped then.
pub(super) fn drop_before(file: &File, head: &Head, first: u64) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    // Far behind the end, where there is nothing: can it at all?
    fallocate(file, flags, FAR, 1)?;
    file.write_all_at(&record::encode_mark(first), head.length)?;
    let from = head.length + record::MARK_BYTES as u64;
    if first > from {
        fallocate(file, flags, from, first - from)?;
    }
    Ok(())
}

fn write(file: &File, bytes: &[u8], at: u64) -> (usize, io::Result<()>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..)
        && !rest.is_empty()
    {
        match file.write_at(rest, at + written as u64) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(length) => written += length,
            Err(again) if again.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

fn whole_records(bytes: &[u8]) -> u64 {
    let mut end = 0;
    while let Some(length) = usize::try_from(end).ok().and_then(|at| record::length(bytes.get(at..)?))
        && end + length <= bytes.len() as u64
    {
        end += length;
    }
    end
}

/// The head of a file; `None` when a crash came before it was complete.
pub(super) fn head(file: &File) -> io::Result<Option<Head>> {
    let length = file.metadata()?.len().min(HEAD_BYTES as u64);
    Ok(Window::new(file, Direction::Backwards, length).bytes(0, length)?.and_then(record::parse_head))
}

/// Where the records of a file end that nobody appends to; what a crash left incomplete after them is cut off.
pub(super) fn settle(path: &Path, file: &File, head: &Head) -> io::Result<u64> {
    let end = end(file, head)?;
    if end < file.metadata()?.len() {
        OpenOptions::new().write(true).open(path)?.set_len(end)?;
    }
    Ok(end)
}

/// Almost always the end of the file, which its last record proves. Otherwise everything is read once.
fn end(file: &File, head: &Head) -> io::Result<u64> {
    let size = file.metadata()?.len();
    if size == head.first || before(&mut Window::new(file, Direction::Backwards, END_BYTES), size)?.is_some() {
        return Ok(size);
    }
    let mut window = Window::new(file, Direction::Forwards, SCAN_BYTES);
    let mut end = head.first;
    while let Some((next, _record)) = at(&mut window, end, size)? {
        end = next;
    }
    Ok(end)
}

/// Where the record ends that begins at `start`, and its timestamp, with no look at the rest of it; `None` when none does
/// before `limit`.
pub(super) fn glance(window: &mut Window<'_>, start: u64, limit: u64) -> io::Result<Option<(u64, i64)>> {
    let stamp = window.bytes(start, start.saturating_add(record::STAMP_BYTES as u64))?.and_then(record::stamp);
    let ends = stamp.map(|(length, timestamp_ms)| (start.saturating_add(length), timestamp_ms));
    Ok(ends.filter(|(end, _)| *end <= limit))
}

/// The record that begins at `start`, and where it ends; `None` when none does before `limit`.
pub(super) fn at<'w>(
    window: &'w mut Window<'_>,
    start: u64,
    limit: u64,
) -> io::Result<Option<(u64, record::Record<'w>)>> {
    let Some(length) = window.bytes(start, start.saturating_add(4))?.and_then(record::length) else { return Ok(None) };
    let end = start.saturating_add(length);
    if end > limit {
        return Ok(None);
    }
    Ok(window.bytes(start, end)?.and_then(record::parse).map(|record| (end, record)))
}

/// The record that ends at `end`, and where it begins; `None` when none does.
pub(super) fn before<'w>(window: &'w mut Window<'_>, end: u64) -> io::Result<Option<(u64, record::Record<'w>)>> {
    let Some(last) = end.checked_sub(4) else { return Ok(None) };
    let Some(length) = window.bytes(last, end)?.and_then(record::length) else { return Ok(None) };
    let Some(start) = end.checked_sub(length) else { return Ok(None) };
    Ok(window.bytes(start, end)?.and_then(record::parse).map(|record| (start, record)))
}

/// What `DescribeLogStreams` shows of a file whose good records end at `end`.
pub(super) fn describe(file: &File, head: Head, end: u64) -> io::Result<LogStreamInfo> {
    let mut window = Window::new(file, Direction::Forwards, END_BYTES);
    let first_event_ms = at(&mut window, head.first, end)?.map(|(_, first)| first.timestamp_ms);
    let mut window = Window::new(file, Direction::Backwards, END_BYTES);
    let last = if end > head.first { before(&mut window, end)? } else { None };
    Ok(LogStreamInfo {
        name: head.name,
        created_ms: head.created_ms,
        first_event_ms,
        last_event_ms: last.as_ref().map(|(_, last)| last.timestamp_ms),
        last_ingestion_ms: last.as_ref().map(|(_, last)| last.ingestion_ms),
        stored_bytes: head.length + end.saturating_sub(head.first),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_records_of_a_short_write_are_kept() {
        let mut bytes = Vec::new();
        record::encode(&mut bytes, 1, 2, "one");
        let first = bytes.len();
        record::encode(&mut bytes, 1, 2, "two");
        for (written, kept) in [(0, 0), (3, 0), (first - 1, 0), (first, first), (bytes.len() - 1, first)] {
            assert_eq!(whole_records(&bytes[..written]), kept as u64);
        }
        assert_eq!(whole_records(&bytes), bytes.len() as u64);
    }

    #[test]
    fn a_full_disk_is_an_error_and_moves_nothing() {
        let file = OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
        let mut appender = Appender { file, end: 0, buffer: Vec::new() };
        let event = LogEvent { timestamp_ms: 1, ingestion_ms: 2, message: "x".to_owned() };
        assert_eq!(appender.append(&[event]).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(appender.end(), 0);
    }
}
