//! The log of one environment: what its processes print and what the platform says about them, as events of one log
//! stream. Bounded: an invocation that prints without end loses lines, never the disk. In JSON format, lines below the
//! function's levels are dropped.

mod level;

use crate::clock::wall_ms;
use bytes::Bytes;
use hearth_api::function::LogFormat;
use hearth_api::platform_event::PlatformEvent;
use hearth_core::limits::{LOG_EVENT_BYTES, LOG_PER_INVOCATION_BYTES, LOG_TAIL_BYTES};
use hearth_core::logging::LogLevel;
use hearth_store::{LogEvent, LogStream};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What an event costs besides its text, bytes (ours): a million empty lines must not be free.
const EVENT_OVERHEAD_BYTES: usize = 64;
/// Events whose room is kept for the next invocation (ours).
const PENDING_KEPT: usize = 64;

/// Writes one log stream.
#[derive(Debug)]
pub(crate) struct LogWriter {
    stream: Arc<dyn LogStream>,
    format: LogFormat,
    /// Not yet in the stream.
    pending: Vec<LogEvent>,
    /// Lines without their end, by pipe.
    partial: BTreeMap<Source, Vec<u8>>,
    /// The end of this invocation's log.
    tail: VecDeque<u8>,
    /// What was printed since the last [`LogWriter::begin`] costs, bytes.
    printed: usize,
    dropped: usize,
    failed: bool,
}

/// Which pipe a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Stdout,
    Stderr,
    /// Of an external extension.
    Extension {
        /// Its place in the order of launch.
        place: u8,
        /// Whether it is standard error.
        error: bool,
    },
}

impl LogWriter {
    pub(crate) fn new(stream: Arc<dyn LogStream>, format: LogFormat) -> Self {
        let (pending, partial, tail) = (Vec::new(), BTreeMap::new(), VecDeque::new());
        Self { stream, format, pending, partial, tail, printed: 0, dropped: 0, failed: false }
    }

    /// A new invocation: its tail is empty, its allowance whole.
    pub(crate) fn begin(&mut self) {
        self.tail.clear();
        (self.printed, self.dropped) = (0, 0);
    }

    /// What the platform says. All of it comes through here, in the order in which it happens.
    pub(crate) fn platform(&mut self, event: &PlatformEvent<'_>) {
        let line = match self.format {
            LogFormat::Text => event.text(),
            LogFormat::Json { system, .. } => (event.level() >= system).then(|| event.line(wall_ms())),
        };
        line.into_iter().for_each(|line| self.push(line));
    }

    /// Bytes from a pipe. Every line is one event; `\r` does not end one.
    pub(crate) fn printed(&mut self, source: Source, bytes: &[u8]) {
        let now = wall_ms();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let left = LOG_PER_INVOCATION_BYTES.saturating_sub(self.printed);
            self.printed = self.printed.saturating_add(line.len()).saturating_add(EVENT_OVERHEAD_BYTES);
            if line.len() + EVENT_OVERHEAD_BYTES > left {
                self.dropped += line.len();
                continue;
            }
            let partial = self.partial.entry(source).or_default();
            partial.extend_from_slice(line);
            // CloudWatch cuts an event at 256 KB; the rest becomes the next one.
            while partial.len() >= LOG_EVENT_BYTES || partial.last() == Some(&b'\n') {
                let rest = partial.split_off(partial.len().min(LOG_EVENT_BYTES));
                if wanted(self.format, source, partial) {
                    let text = String::from_utf8_lossy(partial).into_owned();
                    push_event(&mut self.pending, &mut self.tail, text, now);
                }
                *partial = rest;
                if partial.is_empty() {
                    break;
                }
            }
        }
    }

    /// What is left of lines without an end becomes events: the invocation is over.
    pub(crate) fn end_lines(&mut self) {
        for (source, partial) in &mut self.partial {
            if !partial.is_empty() && wanted(self.format, *source, partial) {
                let text = String::from_utf8_lossy(partial).into_owned();
                push_event(&mut self.pending, &mut self.tail, text, wall_ms());
            }
            partial.clear();
        }
        if self.dropped > 0 {
            let text = format!(
                "[hearth] {} bytes of output were dropped: more than {LOG_PER_INVOCATION_BYTES} in one invocation\n",
                self.dropped
            );
            self.dropped = 0;
            self.push(text);
        }
    }

    /// Makes everything visible to readers: one write.
    pub(crate) fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        match self.stream.append(&self.pending) {
            Ok(()) => self.failed = false,
            // Say it once: a full disk would otherwise fill our own log as well.
            Err(error) if !self.failed => {
                self.failed = true;
                tracing::error!(%error, "log events are lost");
            }
            Err(_) => {}
        }
        self.pending.clear();
        // A flood leaves room that a quiet environment does not need.
        self.pending.shrink_to(PENDING_KEPT);
    }

    /// The last 4 KB of this invocation's log.
    pub(crate) fn tail(&self) -> Bytes {
        self.tail.iter().copied().collect::<Vec<u8>>().into()
    }

    fn push(&mut self, text: String) {
        push_event(&mut self.pending, &mut self.tail, text, wall_ms());
    }
}

/// Whether the level of what a function has printed is high enough. What extensions print has none.
fn wanted(format: LogFormat, source: Source, line: &[u8]) -> bool {
    match (format, source) {
        (LogFormat::Text | LogFormat::Json { application: LogLevel::Trace, .. }, _) | (_, Source::Extension { .. }) => {
            true
        }
        (LogFormat::Json { application, .. }, Source::Stdout | Source::Stderr) => level::of(line) >= application,
    }
}

fn push_event(pending: &mut Vec<LogEvent>, tail: &mut VecDeque<u8>, message: String, now: i64) {
    let new = message.as_bytes();
    let kept = new.get(new.len().saturating_sub(LOG_TAIL_BYTES)..).unwrap_or(new);
    let overflow = (tail.len() + kept.len()).saturating_sub(LOG_TAIL_BYTES);
    tail.drain(..overflow.min(tail.len()));
    tail.extend(kept);
    pending.push(LogEvent { timestamp_ms: now, ingestion_ms: now, message });
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_core::environment::{InvocationReport, Status};
    use hearth_core::ids::RequestId;
    use hearth_store::StoreError;
    use std::sync::Mutex;

    #[derive(Debug, Default)]
    struct Memory(Mutex<Vec<String>>);

    impl LogStream for Memory {
        fn append(&self, events: &[LogEvent]) -> Result<(), StoreError> {
            self.0.lock().unwrap().extend(events.iter().map(|event| event.message.clone()));
            Ok(())
        }
    }

    fn writer() -> (Arc<Memory>, LogWriter) {
        writer_of(LogFormat::Text)
    }

    fn writer_of(format: LogFormat) -> (Arc<Memory>, LogWriter) {
        let memory = Arc::new(Memory::default());
        (Arc::clone(&memory), LogWriter::new(Arc::clone(&memory) as Arc<dyn LogStream>, format))
    }

    #[test]
    fn json_format_has_records_for_lines_and_drops_what_is_below_the_levels() {
        let (memory, mut writer) = writer_of(LogFormat::Json { application: LogLevel::Warn, system: LogLevel::Info });
        let report = |status| InvocationReport { request_id: RequestId(1), duration_us: 5, init_us: None, status };
        writer.platform(&PlatformEvent::Start { request_id: RequestId(1), version: "$LATEST" });
        writer.platform(&PlatformEvent::runtime_done(&report(Status::Success), None, ""));
        writer.platform(&PlatformEvent::runtime_done(&report(Status::Timeout), None, ""));
        writer.printed(Source::Stdout, b"plain\n{\"level\":\"error\",\"timestamp\":\"2026-01-01T00:00:00Z\"}\nend");
        writer.end_lines();
        writer.printed(Source::Stdout, b"{\"level\":\"info\",\"timestamp\":\"2026-01-01T00:00:00Z\"}\n");
        writer.flush();
        let lines = memory.0.lock().unwrap();
        let [start, timeout, error] = &lines[..] else { panic!("{lines:?}") };
        assert!(start.contains(r#""type":"platform.start""#), "{start}");
        assert!(timeout.contains(r#""status":"timeout""#), "{timeout}");
        assert!(error.contains(r#""level":"error""#), "{error}");
    }

    #[test]
    fn a_line_is_an_event_however_it_arrives() {
        let (memory, mut writer) = writer();
        writer.printed(Source::Stdout, b"one\ntw");
        writer.printed(Source::Stderr, b"other\n");
        writer.printed(Source::Stdout, b"o\rstill two\nrest");
        writer.end_lines();
        writer.flush();
        assert_eq!(*memory.0.lock().unwrap(), ["one\n", "other\n", "two\rstill two\n", "rest"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_flood_is_bounded() {
        let (memory, mut writer) = writer();
        let block = vec![b'x'; 100_000];
        for _ in 0..1_000 {
            writer.printed(Source::Stdout, &block);
            writer.flush();
        }
        writer.end_lines();
        writer.flush();
        let lines = memory.0.lock().unwrap();
        let total: usize = lines.iter().map(String::len).sum();
        assert!(lines.iter().all(|line| line.len() <= LOG_EVENT_BYTES));
        assert!(total <= LOG_PER_INVOCATION_BYTES + 200, "{total}");
        assert!(lines.last().unwrap().contains("bytes of output were dropped"));
    }

    #[test]
    fn the_tail_is_the_last_four_kilobytes_of_one_invocation() {
        let (_, mut writer) = writer();
        writer.platform(&PlatformEvent::Start { request_id: RequestId(1), version: "of the one before" });
        writer.begin();
        writer.printed(Source::Stdout, "a".repeat(10_000).as_bytes());
        writer.printed(Source::Stdout, b"\nend\n");
        let tail = writer.tail();
        assert_eq!(tail.len(), LOG_TAIL_BYTES);
        assert!(tail.ends_with(b"a\nend\n"));
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_as_replacement_characters() {
        let (memory, mut writer) = writer();
        writer.printed(Source::Stdout, b"\xff\xfe\n");
        writer.flush();
        assert_eq!(*memory.0.lock().unwrap(), ["\u{fffd}\u{fffd}\n"]);
    }
}
