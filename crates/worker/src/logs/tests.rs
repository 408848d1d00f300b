//! What becomes of output, read back from a stream in memory.

use super::*;
use hearth_core::environment::{RuntimeDone, Status};
use hearth_core::extension::ExtensionId;
use hearth_core::ids::RequestId;
use hearth_core::limits::{LOG_EVENT_BYTES, TELEMETRY_BYTES};
use hearth_core::telemetry::{Buffering, Destination, Schema, Subscription, Types};
use hearth_store::StoreError;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// A stream in memory: the events' messages, and their times.
#[derive(Debug, Default)]
pub(crate) struct Memory(pub(crate) Mutex<Vec<String>>, Mutex<Vec<i64>>);

impl LogStream for Memory {
    fn append(&self, events: &[LogEvent]) -> Result<(), StoreError> {
        self.0.lock().unwrap().extend(events.iter().map(|event| event.message.clone()));
        self.1.lock().unwrap().extend(events.iter().map(|event| event.timestamp_ms));
        Ok(())
    }
}

pub(crate) fn writer() -> (Arc<Memory>, LogWriter) {
    writer_of(LogFormat::Text)
}

fn writer_of(format: LogFormat) -> (Arc<Memory>, LogWriter) {
    let memory = Arc::new(Memory::default());
    let stream = Arc::clone(&memory);
    let open = move || Ok(Arc::clone(&stream) as Arc<dyn LogStream>);
    (memory, LogWriter::new(Box::new(open), format, Clock::start()))
}

#[test]
fn a_stream_is_made_when_there_is_something_to_read_in_it() {
    let (memory, room) = (Arc::new(Memory::default()), Arc::new(AtomicBool::new(false)));
    let (stream, has_room) = (Arc::clone(&memory), Arc::clone(&room));
    let open = move || match has_room.load(Ordering::SeqCst) {
        true => Ok(Arc::clone(&stream) as Arc<dyn LogStream>),
        false => Err(StoreError::NotFound("room".to_owned())),
    };
    let mut writer = LogWriter::new(Box::new(open), LogFormat::Text, Clock::start());
    let written = || memory.0.lock().unwrap().len();
    let start = PlatformEvent::Start { request_id: RequestId(1), version: "1".to_owned(), trace: None };
    writer.platform(&start);
    writer.flush();
    room.store(true, Ordering::SeqCst);
    writer.flush_unless_new();
    assert_eq!(written(), 0, "the platform alone makes none");
    writer.printed(Source::Stdout, b"printed\n");
    writer.flush_unless_new();
    assert_eq!(written(), 2, "and what could not be written is kept");
    writer.platform(&start);
    writer.flush_unless_new();
    assert_eq!(written(), 3, "it is there");
}

#[test]
fn json_format_has_records_for_lines_and_drops_what_is_below_the_levels() {
    let (memory, mut writer) = writer_of(LogFormat::Json { application: LogLevel::Warn, system: LogLevel::Info });
    let done = |status| PlatformEvent::RuntimeDone {
        done: RuntimeDone { request_id: RequestId(1), status },
        reported: None,
        duration_us: 5,
        produced_bytes: 0,
        spans: Vec::new(),
        trace: None,
    };
    writer.platform(&PlatformEvent::Start { request_id: RequestId(1), version: "$LATEST".to_owned(), trace: None });
    writer.platform(&done(Status::Success));
    writer.platform(&done(Status::Timeout));
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
fn in_json_format_what_is_missing_is_a_record() {
    let (memory, mut writer) = writer_of(LogFormat::Json { application: LogLevel::Info, system: LogLevel::Warn });
    let subscribed = Subscription {
        schema: Schema::Telemetry20250129,
        types: Types { platform: true, function: true, extension: false },
        destination: Destination::Tcp { port: 1 },
        buffering: Buffering { max_items: 1_000, max_bytes: 262_144, timeout_ms: 1_000 },
    };
    writer.telemetry().open();
    writer.telemetry().subscribe(ExtensionId(1), subscribed).unwrap();
    let line = [&[b'x'; 99_999][..], b"\n"].concat();
    for _ in 0..500 {
        writer.printed(Source::Stdout, &line);
        writer.flush();
    }
    // The processes are killed before that is said.
    writer.telemetry().reset();
    writer.end_lines();
    writer.end_lines();
    writer.flush();
    let lines = memory.0.lock().unwrap();
    let (said, told): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.starts_with('x'));
    let records: Vec<_> = told.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
    let [own, subscribers] = &records[..] else { panic!("each is said once: {told:?}") };
    assert!(records.iter().all(|record| record["type"] == "platform.logsDropped"), "{told:?}");
    let missing = 500 - said.len();
    assert_eq!(own["record"]["droppedRecords"], missing);
    assert_eq!(own["record"]["droppedBytes"], missing * line.len());
    // It takes nothing: what is kept for it, and no more, is still on its way.
    let kept = TELEMETRY_BYTES / line.len();
    let missed = subscribers["record"]["droppedRecords"].as_u64().unwrap();
    assert!((500 - kept as u64..500).contains(&missed), "{missed}");
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
    writer.platform(&PlatformEvent::Start {
        request_id: RequestId(1),
        version: "of the one before".to_owned(),
        trace: None,
    });
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

/// A frame as the clients write it: text, with the level that the last byte of the type says.
fn frame(kind: u8, time_ms: i64, message: &str) -> Vec<u8> {
    let time_us = u64::try_from(time_ms).unwrap() * 1_000;
    let length = u32::try_from(message.len()).unwrap();
    let head = [&[0xa5, 0x5a, 0, kind][..], &length.to_be_bytes(), &time_us.to_be_bytes()].concat();
    [&head, message.as_bytes()].concat()
}

#[test]
fn a_frame_is_an_event_with_its_own_time_however_many_lines_it_has() {
    let (memory, mut writer) = writer();
    let (before, traceback) = (wall_ms() - 1_500, "[ERROR] ValueError: no\nTraceback\n\u{a0}\u{a0}File");
    let written = [frame(0x17, before, traceback), frame(0x03, before + 1, "next\n")].concat();
    for piece in written.chunks(7) {
        writer.printed(Source::Frames, piece);
    }
    writer.printed(Source::Frames, b"no frame\n");
    writer.flush();
    assert_eq!(*memory.0.lock().unwrap(), [traceback, "next\n", "no frame\n"]);
    assert_eq!(memory.1.lock().unwrap()[..2], [before, before + 1]);
    assert!(writer.tail().ends_with("Filenext\nno frame\n".as_bytes()), "as they are, like the tails of AWS");
}

#[test]
fn a_frame_is_never_before_what_stands_before_it() {
    let (memory, mut writer) = writer();
    let written = [frame(0x03, wall_ms() - 2_000, "logged\n"), frame(0x03, wall_ms() - 1_000, "again\n")].concat();
    // Read first, though perhaps written later: nobody can tell.
    writer.printed(Source::Stdout, b"printed\n");
    writer.printed(Source::Frames, &written);
    writer.flush();
    assert_eq!(*memory.0.lock().unwrap(), ["printed\n", "logged\n", "again\n"]);
    let [printed, logged, again] = memory.1.lock().unwrap()[..] else { panic!("three times") };
    assert!(printed == logged && logged == again);
}

#[test]
fn the_level_of_a_frame_is_that_of_its_type() {
    let (memory, mut writer) = writer_of(LogFormat::Json { application: LogLevel::Warn, system: LogLevel::Info });
    let error = r#"{"level":"ERROR","timestamp":"2026-01-01T00:00:00Z"}"#;
    for (kind, message) in [(0x0e, error), (0x12, "warned"), (0x03, "plain"), (0x02, error), (0x1b, "fatal")] {
        writer.printed(Source::Frames, &frame(kind, wall_ms(), message));
    }
    writer.flush();
    assert_eq!(*memory.0.lock().unwrap(), ["warned", error, "fatal"], "who says no level is read for one");
}

#[test]
fn a_message_under_way_ends_with_the_invocation_and_goes_on_after_it() {
    let (memory, mut writer) = writer();
    let written = frame(0x0f, wall_ms(), "one two");
    writer.printed(Source::Frames, &written[..19]);
    writer.end_lines();
    writer.begin();
    writer.printed(Source::Frames, &written[19..]);
    writer.printed(Source::Frames, &written[..18]);
    // Its writer is gone.
    writer.renew();
    writer.printed(Source::Frames, &frame(0x0f, wall_ms(), "three"));
    writer.flush();
    assert_eq!(*memory.0.lock().unwrap(), ["one", " two", "on", "three"]);
}

#[test]
fn a_long_message_in_a_frame_is_cut_and_bounded_as_lines_are() {
    let (memory, mut writer) = writer();
    let message = "é".repeat(LOG_EVENT_BYTES);
    for _ in 0..100 {
        for piece in frame(0x0f, wall_ms(), &message).chunks(16 * 1024) {
            writer.printed(Source::Frames, piece);
        }
        writer.flush();
    }
    writer.end_lines();
    writer.flush();
    let lines = memory.0.lock().unwrap();
    let (said, told) = lines.split_at(lines.len() - 1);
    assert!(said.iter().all(|line| line.len() <= LOG_EVENT_BYTES));
    assert!(said.iter().all(|line| !line.contains('\u{fffd}')));
    assert!(said.iter().map(String::len).sum::<usize>() <= LOG_PER_INVOCATION_BYTES);
    assert!(told[0].contains("bytes of output were dropped"));
}

#[test]
fn what_bytes_become_counts_not_what_they_were() {
    let (memory, mut writer) = writer();
    for _ in 0..LOG_PER_INVOCATION_BYTES / 100_000 {
        writer.printed(Source::Stdout, &[0xff; 100_000]);
        writer.flush();
    }
    writer.end_lines();
    writer.flush();
    let lines = memory.0.lock().unwrap();
    assert!(lines.iter().all(|line| line.len() <= LOG_EVENT_BYTES));
    let total = lines.iter().map(String::len).sum::<usize>();
    assert!(total <= LOG_PER_INVOCATION_BYTES + 200, "{total}");
    assert!(lines.last().unwrap().contains("bytes of output were dropped"));
}

#[test]
fn the_tail_begins_with_a_whole_character() {
    let (_, mut writer) = writer();
    writer.printed(Source::Stdout, format!("{}x\n", "é".repeat(LOG_TAIL_BYTES)).as_bytes());
    let tail = String::from_utf8(writer.tail().to_vec()).unwrap();
    assert!(tail.starts_with('é') && tail.len() >= LOG_TAIL_BYTES - 1);
}
