//! Reads a page of events from one log file, forwards or backwards. Positions are byte offsets of records; one that is
//! none (a caller may send any number) finds nothing, rather than something that was never written.

use super::file::{at, before, glance};
use super::record::{Head, Record};
use super::window::{Direction, Window};
use crate::{LogEvent, LogPage, LogQuery};
use std::fs::File;
use std::io;

/// Read at once (ours: a few hundred ordinary lines).
const BLOCK_BYTES: u64 = 64 * 1_024;

/// Events of a file whose records lie between its head and `end`.
pub(super) fn page(file: &File, head: &Head, end: u64, query: &LogQuery) -> io::Result<LogPage> {
    let position = query.position.clamp(head.first, end.max(head.first));
    if query.backwards { backwards(file, head, position, query) } else { forwards(file, end, position, query) }
}

fn forwards(file: &File, limit: u64, position: u64, query: &LogQuery) -> io::Result<LogPage> {
    let mut window = Window::new(file, Direction::Forwards, BLOCK_BYTES);
    let mut page = LogPage { events: Vec::new(), start: position, end: position };
    while page.events.len() < query.limit
        && let Some((next, timestamp_ms)) = glance(&mut window, page.end, limit)?
    {
        // Whoever follows a log asks for its last seconds again and again: what comes before costs no checksum.
        if wanted(timestamp_ms, query) {
            let Some((_, record)) = at(&mut window, page.end, limit)? else { break };
            page.events.push((page.end, owned(&record)));
        }
        page.end = next;
    }
    page.start = page.events.first().map_or(page.start, |(first, _)| *first);
    Ok(page)
}

fn backwards(file: &File, head: &Head, position: u64, query: &LogQuery) -> io::Result<LogPage> {
    let mut window = Window::new(file, Direction::Backwards, BLOCK_BYTES);
    let mut page = LogPage { events: Vec::new(), start: position, end: position };
    while page.events.len() < query.limit
        && page.start > head.first
        && let Some((start, record)) = before(&mut window, page.start)?
        // A position that is none could lead into the head, or to what has been dropped.
        && start >= head.first
    {
        if wanted(record.timestamp_ms, query) {
            page.events.push((start, owned(&record)));
        }
        page.start = start;
    }
    page.events.reverse();
    page.start = page.events.first().map_or(page.start, |(first, _)| *first);
    Ok(page)
}

fn wanted(timestamp_ms: i64, query: &LogQuery) -> bool {
    query.start_ms.is_none_or(|start| start <= timestamp_ms) && query.end_ms.is_none_or(|end| timestamp_ms < end)
}

fn owned(record: &Record<'_>) -> LogEvent {
    LogEvent {
        timestamp_ms: record.timestamp_ms,
        ingestion_ms: record.ingestion_ms,
        message: record.message.to_owned(),
    }
}
