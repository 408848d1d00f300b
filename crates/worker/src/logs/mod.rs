//! The log of one environment: what its processes print, by lines or in frames, and what the platform says about them,
//! as events of one log stream. Bounded: an invocation that prints without end loses lines, never the disk. In JSON format,
//! lines below the function's levels are dropped.

mod level;
mod pieces;
#[cfg(test)]
pub(crate) mod tests;

use crate::clock::{Clock, wall_ms};
use crate::telemetry::Telemetry;
use bytes::Bytes;
use hearth_api::function::LogFormat;
use hearth_api::log_frame::{Decoder, Head, Part};
use hearth_api::platform_event::PlatformEvent;
use hearth_core::environment::Moment;
use hearth_core::limits::{LOG_PER_INVOCATION_BYTES, LOG_TAIL_BYTES};
use hearth_core::logging::LogLevel;
use hearth_core::telemetry::{Category, Cause, Dropped};
use hearth_store::{LogEvent, LogStream, StoreError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What an event costs besides its text, bytes (ours): a million empty lines must not be free.
const EVENT_OVERHEAD_BYTES: usize = 64;
/// Events whose room is kept for the next invocation, and that wait for a stream which cannot be opened (ours).
const PENDING_KEPT: usize = 64;

/// Opens the stream, and makes it if it is new: some hundred microseconds.
pub(crate) type Open = Box<dyn Fn() -> Result<Arc<dyn LogStream>, StoreError> + Send>;

/// Writes one log stream.
pub(crate) struct LogWriter {
    open: Open,
    /// Once it is open.
    stream: Option<Arc<dyn LogStream>>,
    /// Whether a process has said something since the last flush.
    spoken: bool,
    format: LogFormat,
    /// Not yet in the stream.
    pending: Vec<LogEvent>,
    /// Lines without their end, by pipe.
    partial: BTreeMap<Source, Vec<u8>>,
    /// What the runtime's client frames.
    frames: Decoder,
    /// The message under way in a frame.
    message: Option<(Head, Vec<u8>)>,
    /// The end of this invocation's log.
    tail: VecDeque<u8>,
    /// What was printed since the last [`LogWriter::begin`] costs, bytes.
    printed: usize,
    /// What had no place since that was last said.
    dropped: Option<Dropped>,
    failed: bool,
    /// The time of the latest event, epoch milliseconds.
    latest_ms: i64,
    /// Who else hears all of it.
    telemetry: Telemetry,
}

/// Which pipe something came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Stdout,
    Stderr,
    /// What the runtime's client writes frames to; what is in none is read by lines.
    Frames,
    /// Of an external extension.
    Extension {
        /// Its place in the order of launch.
        place: u8,
        /// Whether it is standard error.
        error: bool,
    },
}

impl Source {
    /// Whose it is, to those who subscribe.
    const fn category(self) -> Category {
        match self {
            Self::Frames | Self::Stdout | Self::Stderr => Category::Function,
            Self::Extension { .. } => Category::Extension,
        }
    }
}

impl LogWriter {
    pub(crate) fn new(open: Open, format: LogFormat, clock: Clock) -> Self {
        Self {
            open,
            stream: None,
            spoken: false,
            format,
            pending: Vec::new(),
            partial: BTreeMap::new(),
            frames: Decoder::default(),
            message: None,
            tail: VecDeque::new(),
            printed: 0,
            dropped: None,
            failed: false,
            latest_ms: 0,
            telemetry: Telemetry::new(clock, format != LogFormat::Text),
        }
    }

    /// Who else hears all of it.
    pub(crate) fn telemetry(&mut self) -> &mut Telemetry {
        &mut self.telemetry
    }

    /// When something is due for them.
    pub(crate) fn telemetry_wakes_at(&self) -> Option<Moment> {
        self.telemetry.wake_at()
    }

    /// A new invocation: its tail is empty, its allowance whole.
    pub(crate) fn begin(&mut self) {
        self.tail.clear();
        (self.printed, self.dropped) = (0, None);
    }

    /// What the platform says. All of it comes through here, in the order in which it happens.
    pub(crate) fn platform(&mut self, event: &PlatformEvent) {
        let line = self.worded(event);
        self.telemetry.platform(event);
        line.into_iter().for_each(|line| self.push(line));
    }

    fn worded(&self, event: &PlatformEvent) -> Option<String> {
        match self.format {
            LogFormat::Text => event.text(),
            LogFormat::Json { system, .. } => (event.level() >= system).then(|| event.line(wall_ms())).flatten(),
        }
    }

    /// Bytes from a pipe.
    pub(crate) fn printed(&mut self, source: Source, bytes: &[u8]) {
        match source {
            Source::Frames => self.framed(bytes),
            Source::Stdout | Source::Stderr | Source::Extension { .. } => self.lines(source, bytes),
        }
    }

    /// Every line is one event; `\r` does not end one.
    fn lines(&mut self, source: Source, bytes: &[u8]) {
        let now = wall_ms();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let partial = self.partial.entry(source).or_default();
            partial.extend_from_slice(line);
            let mut events = pieces::cut(partial);
            if line.ends_with(b"\n") {
                events.push(std::mem::take(partial));
            }
            events.into_iter().for_each(|event| self.say(source, None, now, event));
        }
    }

    /// Every frame is one event, with the level and the time that it says.
    fn framed(&mut self, mut bytes: &[u8]) {
        while let Some(part) = self.frames.next(&mut bytes) {
            match part {
                Part::Loose(bytes) => self.lines(Source::Frames, &bytes),
                Part::Message { head, bytes, last } => {
                    let (_, message) = self.message.get_or_insert_with(|| (head, Vec::new()));
                    message.extend_from_slice(bytes);
                    let mut events = pieces::cut(message);
                    if last {
                        events.extend(self.message.take().map(|(_, message)| message));
                    }
                    let time_ms = pieces::believed(head.time_us, wall_ms());
                    events.into_iter().for_each(|event| self.say(Source::Frames, head.level, time_ms, event));
                }
            }
        }
    }

    /// The processes are new: no line and no frame of those before goes on.
    pub(crate) fn renew(&mut self) {
        self.end_lines();
        self.frames = Decoder::default();
    }

    /// What is left of lines and messages without an end becomes events: the invocation is over.
    pub(crate) fn end_lines(&mut self) {
        let now = wall_ms();
        for (source, partial) in std::mem::take(&mut self.partial) {
            self.say(source, None, now, partial);
        }
        if let Some((head, message)) = self.message.take() {
            self.say(Source::Frames, head.level, pieces::believed(head.time_us, now), message);
        }
        // Subscribers hear of it in the place of what is missing to them.
        for dropped in [self.dropped.take(), self.telemetry.given_up()].into_iter().flatten() {
            let line = self.worded(&PlatformEvent::LogsDropped(dropped));
            line.into_iter().for_each(|line| self.push(line));
        }
    }

    /// Makes everything visible to readers: one write.
    pub(crate) fn flush(&mut self) {
        // Whoever says nothing has a stream all the same, with the name that its function is told.
        if self.pending.is_empty() && self.stream.is_some() {
            return;
        }
        match self.append() {
            Ok(()) => self.failed = false,
            Err(error) => {
                // Say it once: a full disk would otherwise fill our own log as well.
                if !self.failed {
                    tracing::error!(%error, "log events cannot be written");
                }
                self.failed = true;
                // There may be descriptors for a stream once others have ended.
                if self.stream.is_none() && self.pending.len() < PENDING_KEPT {
                    return;
                }
            }
        }
        self.pending.clear();
        // A flood leaves room that a quiet environment does not need.
        self.pending.shrink_to(PENDING_KEPT);
        self.spoken = false;
    }

    fn append(&mut self) -> Result<(), StoreError> {
        let stream = match &self.stream {
            Some(stream) => stream,
            None => self.stream.insert((self.open)()?),
        };
        stream.append(&self.pending)
    }

    /// The same, but a stream is not made for what the platform says: somebody waits for the first invocation, whose end
    /// flushes it.
    pub(crate) fn flush_unless_new(&mut self) {
        if self.stream.is_some() || self.spoken {
            self.flush();
        }
    }

    /// The invocation is over. One that fails before it begins has what comes from here on for its log.
    pub(crate) fn end_tail(&mut self) {
        self.tail.clear();
    }

    /// The last 4 KB of this invocation's log, from the start of a character on.
    pub(crate) fn tail(&self) -> Bytes {
        self.tail.iter().copied().skip_while(|byte| pieces::continues(*byte)).collect::<Vec<u8>>().into()
    }

    /// What a process has said becomes an event, unless it has said too much or its level is too low. Levels are the log's:
    /// who has subscribed hears all of it.
    fn say(&mut self, source: Source, level: Option<LogLevel>, time_ms: i64, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        if self.printed >= LOG_PER_INVOCATION_BYTES {
            // Not even looked at.
            return self.drop(source, bytes.len());
        }
        // A frame was written before we read it, and before we read what stands before it.
        let time_ms = if source == Source::Frames { time_ms.max(self.latest_ms) } else { time_ms };
        let wanted = self.wants(source, level, &bytes);
        self.spoken |= wanted;
        for text in pieces::texts(bytes) {
            self.printed = self.printed.saturating_add(text.len()).saturating_add(EVENT_OVERHEAD_BYTES);
            if self.printed > LOG_PER_INVOCATION_BYTES {
                self.drop(source, text.len());
                continue;
            }
            self.telemetry.printed(source.category(), time_ms, &text);
            if wanted {
                self.push_at(time_ms, text);
            }
        }
    }

    /// It has no place.
    fn drop(&mut self, source: Source, bytes: usize) {
        let more = Dropped { records: 1, bytes: bytes as u64, cause: Cause::Flood };
        self.dropped = Dropped::sum(self.dropped, Some(more));
        self.telemetry.missed(source.category(), bytes);
    }

    /// Whether the level is high enough. What extensions print has none.
    fn wants(&self, source: Source, level: Option<LogLevel>, bytes: &[u8]) -> bool {
        match (self.format, source) {
            (LogFormat::Text, _) | (_, Source::Extension { .. }) => true,
            (LogFormat::Json { application: LogLevel::Trace, .. }, _) => true,
            (LogFormat::Json { application, .. }, Source::Frames | Source::Stdout | Source::Stderr) => {
                level.unwrap_or_else(|| level::of(bytes)) >= application
            }
        }
    }

    fn push(&mut self, text: String) {
        self.push_at(wall_ms(), text);
    }

    fn push_at(&mut self, timestamp_ms: i64, message: String) {
        let new = message.as_bytes();
        let kept = new.get(new.len().saturating_sub(LOG_TAIL_BYTES)..).unwrap_or(new);
        let overflow = (self.tail.len() + kept.len()).saturating_sub(LOG_TAIL_BYTES);
        self.tail.drain(..overflow.min(self.tail.len()));
        self.tail.extend(kept);
        self.latest_ms = timestamp_ms;
        self.pending.push(LogEvent { timestamp_ms, ingestion_ms: wall_ms(), message });
    }
}
