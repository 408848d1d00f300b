//! Log groups, streams and pages of events.

use crate::support::scope;
use hearth_store::{LogEvent, LogPage, LogQuery, Logs, StoreError};

const GROUP: &str = "/aws/lambda/a";
const STREAM: &str = "2026/11/24/[$LATEST]0123456789abcdef0123456789abcdef";

fn event(timestamp_ms: i64) -> LogEvent {
    LogEvent { timestamp_ms, ingestion_ms: timestamp_ms + 1_000, message: format!("line {timestamp_ms}\n") }
}

fn page(store: &impl Logs, query: &LogQuery) -> LogPage {
    store.read(&scope("us-east-1"), GROUP, STREAM, query).unwrap().unwrap()
}

fn times(page: &LogPage) -> Vec<i64> {
    page.events.iter().map(|(_, event)| event.timestamp_ms).collect()
}

/// Groups and streams appear with their first opening and describe themselves.
pub fn describes_groups_and_streams(store: &impl Logs) {
    let scope_here = scope("us-east-1");
    assert!(store.groups(&scope_here).unwrap().is_empty());
    assert!(store.streams(&scope_here, GROUP).unwrap().is_none());
    assert!(store.read(&scope_here, GROUP, STREAM, &LogQuery::default()).unwrap().is_none());
    let stream = store.open(&scope_here, GROUP, STREAM).unwrap();
    store.open(&scope_here, GROUP, "another").unwrap();
    store.open(&scope_here, "/aws/lambda/A", "x").unwrap();
    let groups = store.groups(&scope_here).unwrap();
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["/aws/lambda/A", GROUP]);
    assert!(groups.iter().all(|group| group.created_ms > 0));
    let streams = store.streams(&scope_here, GROUP).unwrap().unwrap();
    assert_eq!(streams.iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>(), [STREAM, "another"]);
    assert!(streams.iter().all(|stream| stream.first_event_ms.is_none() && stream.last_ingestion_ms.is_none()));
    stream.append(&[event(5), event(7)]).unwrap();
    stream.append(&[event(6)]).unwrap();
    let described = store.streams(&scope_here, GROUP).unwrap().unwrap().remove(0);
    assert_eq!((described.first_event_ms, described.last_event_ms), (Some(5), Some(6)));
    assert_eq!(described.last_ingestion_ms, Some(1_006));
    assert!(described.stored_bytes > streams[0].stored_bytes);
    assert!(store.groups(&scope("eu-central-1")).unwrap().is_empty());
}

/// Pages go on where the last one ended, forwards and backwards, and see what was appended since.
pub fn reads_pages_both_ways(store: &impl Logs) {
    let stream = store.open(&scope("us-east-1"), GROUP, STREAM).unwrap();
    stream.append(&(0..10).map(event).collect::<Vec<_>>()).unwrap();
    let mut query = LogQuery { limit: 4, ..LogQuery::default() };
    let first = page(store, &query);
    assert_eq!(times(&first), [0, 1, 2, 3]);
    assert_eq!(first.start, first.events[0].0);
    query.position = first.end;
    assert_eq!(times(&page(store, &query)), [4, 5, 6, 7]);
    query.position = page(store, &query).end;
    let last = page(store, &query);
    assert_eq!(times(&last), [8, 9]);
    query.position = last.end;
    let none = page(store, &query);
    assert_eq!((times(&none), none.start, none.end), (vec![], last.end, last.end));
    stream.append(&[event(10)]).unwrap();
    assert_eq!(times(&page(store, &query)), [10]);

    query = LogQuery { limit: 4, position: u64::MAX, backwards: true, ..LogQuery::default() };
    let newest = page(store, &query);
    assert_eq!(times(&newest), [7, 8, 9, 10]);
    query.position = newest.start;
    let older = page(store, &query);
    assert_eq!(times(&older), [3, 4, 5, 6]);
    query.position = older.start;
    let oldest = page(store, &query);
    assert_eq!(times(&oldest), [0, 1, 2]);
    query.position = oldest.start;
    assert!(page(store, &query).events.is_empty());
    query = LogQuery { limit: 9, position: newest.end, ..LogQuery::default() };
    assert!(page(store, &query).events.is_empty());
}

/// Times select, and a page that selects nothing still gets on.
pub fn selects_by_time(store: &impl Logs) {
    let stream = store.open(&scope("us-east-1"), GROUP, STREAM).unwrap();
    stream.append(&[5, 1, 9, 3, 7].map(event)).unwrap();
    let mut query = LogQuery { start_ms: Some(3), end_ms: Some(9), limit: 2, ..LogQuery::default() };
    let first = page(store, &query);
    assert_eq!(times(&first), [5, 3]);
    query.position = first.end;
    let second = page(store, &query);
    assert_eq!(times(&second), [7]);
    query = LogQuery { backwards: true, position: u64::MAX, ..query };
    assert_eq!(times(&page(store, &query)), [3, 7]);
    query = LogQuery { start_ms: Some(100), limit: 5, ..LogQuery::default() };
    assert_eq!(page(store, &query).end, second.end);
}

/// Messages are kept as they are; one that is too long for an event becomes several.
pub fn keeps_messages_as_they_are(store: &impl Logs) {
    let stream = store.open(&scope("us-east-1"), GROUP, STREAM).unwrap();
    let long = "ü".repeat(hearth_core::limits::LOG_EVENT_BYTES);
    for message in ["", "\n", "a\0b\r\n", "née \u{1f525}", &long] {
        stream.append(&[LogEvent { message: message.to_owned(), ..event(1) }]).unwrap();
    }
    let messages: Vec<String> = page(store, &LogQuery { limit: 99, ..LogQuery::default() })
        .events
        .into_iter()
        .map(|(_, event)| event.message)
        .collect();
    assert_eq!(messages[..4], ["", "\n", "a\0b\r\n", "née \u{1f525}"]);
    assert!(messages.iter().all(|message| message.len() <= hearth_core::limits::LOG_EVENT_BYTES));
    assert_eq!(messages[4..].concat(), long);
}

/// Writers of one stream do not tear each other's events.
pub fn writers_share_a_stream<S: Logs>(store: &S) {
    std::thread::scope(|threads| {
        for writer in 0..4 {
            threads.spawn(move || {
                let stream = store.open(&scope("us-east-1"), GROUP, STREAM).unwrap();
                for n in 0..200 {
                    stream.append(&[event(writer * 1_000 + n)]).unwrap();
                }
            });
        }
    });
    let mut seen = times(&page(store, &LogQuery { limit: 9_999, ..LogQuery::default() }));
    assert_eq!(seen.len(), 800);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 800);
}

/// A group goes with everything in it; a stream that is still open makes it anew.
pub fn deletes_a_group(store: &impl Logs) {
    let scope_here = scope("us-east-1");
    assert!(!store.delete_group(&scope_here, GROUP).unwrap());
    let stream = store.open(&scope_here, GROUP, STREAM).unwrap();
    store.open(&scope_here, "other", "x").unwrap();
    stream.append(&[event(1)]).unwrap();
    assert!(store.delete_group(&scope_here, GROUP).unwrap());
    assert!(store.streams(&scope_here, GROUP).unwrap().is_none());
    assert!(store.read(&scope_here, GROUP, STREAM, &LogQuery::default()).unwrap().is_none());
    assert_eq!(store.groups(&scope_here).unwrap().len(), 1);
    stream.append(&[event(2)]).unwrap();
    assert_eq!(times(&page(store, &LogQuery { limit: 9, ..LogQuery::default() })), [2]);
}

/// A group can be made without a stream, once.
pub fn makes_a_group(store: &impl Logs) {
    let scope_here = scope("us-east-1");
    assert!(store.create_group(&scope_here, GROUP).unwrap());
    assert!(!store.create_group(&scope_here, GROUP).unwrap());
    assert_eq!(store.groups(&scope_here).unwrap()[0].name, GROUP);
    assert!(store.streams(&scope_here, GROUP).unwrap().unwrap().is_empty());
    store.open(&scope_here, GROUP, STREAM).unwrap().append(&[event(1)]).unwrap();
    assert!(store.delete_group(&scope_here, GROUP).unwrap());
    assert!(store.create_group(&scope_here, GROUP).unwrap());
}

/// Any number as a position finds events or none, never something that was not written.
pub fn survives_any_position(store: &impl Logs) {
    let stream = store.open(&scope("us-east-1"), GROUP, STREAM).unwrap();
    stream.append(&[1, 2, 3].map(event)).unwrap();
    let end = page(store, &LogQuery { limit: 9, ..LogQuery::default() }).end;
    for position in 0..end + 9 {
        for backwards in [false, true] {
            let found = page(store, &LogQuery { position, backwards, limit: 9, ..LogQuery::default() });
            assert!(found.events.iter().all(|(_, found)| [1, 2, 3].map(event).contains(found)));
            assert!(found.start <= found.end && found.end <= end);
        }
    }
}

/// Names that could be paths are names, and ones that CloudWatch would not take are refused.
pub fn names_are_not_paths(store: &impl Logs) {
    let scope_here = scope("us-east-1");
    for name in ["..", ".", "../../x", "a/../b", "a\0b", "%2F", "group.head", &"é".repeat(512)] {
        let stream = store.open(&scope_here, name, name).unwrap();
        stream.append(&[event(1)]).unwrap();
        assert_eq!(store.streams(&scope_here, name).unwrap().unwrap()[0].name, name);
        assert!(store.groups(&scope_here).unwrap().iter().any(|group| group.name == name));
    }
    for name in ["", &"a".repeat(513)] {
        assert!(matches!(store.open(&scope_here, "group", name), Err(StoreError::Io { .. })));
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn names(store: &impl Logs, group: &str) -> Vec<String> {
    let streams = store.streams(&scope("us-east-1"), group).unwrap().unwrap();
    streams.into_iter().map(|stream| stream.name).collect()
}

/// A retention policy removes streams that nobody writes, and what is old in those that somebody does; without one,
/// everything stays.
pub fn forgets_what_is_too_old(store: &impl Logs) {
    let here = scope("us-east-1");
    let now = now_ms();
    assert!(!store.set_retention(&here, GROUP, Some(7)).unwrap(), "no such group");
    let live = store.open(&here, GROUP, STREAM).unwrap();
    live.append(&[event(now - 9 * DAY_MS), event(now - 8 * DAY_MS), event(now)]).unwrap();
    store.open(&here, GROUP, "ended").unwrap().append(&[event(now)]).unwrap();
    store.open(&here, "/kept", "ended").unwrap().append(&[event(1)]).unwrap();
    assert!(store.set_retention(&here, GROUP, Some(7)).unwrap());
    let days = |store: &dyn Logs| store.groups(&here).unwrap().iter().map(|it| it.retention_days).collect::<Vec<_>>();
    assert_eq!(days(store), [Some(7), None]);
    store.trim(now, 1 << 30).unwrap();
    let mut query = LogQuery { limit: 9, ..LogQuery::default() };
    assert_eq!(times(&page(store, &query)), [now]);
    query.backwards = true;
    query.position = u64::MAX;
    assert_eq!(times(&page(store, &query)), [now]);
    assert_eq!(names(store, GROUP), [STREAM, "ended"]);
    let described = store.streams(&here, GROUP).unwrap().unwrap().remove(0);
    assert_eq!((described.first_event_ms, described.last_event_ms), (Some(now), Some(now)));
    store.trim(now + 30 * DAY_MS, 1 << 30).unwrap();
    assert_eq!(names(store, GROUP), [STREAM], "what is being written stays");
    assert_eq!(times(&page(store, &LogQuery { limit: 9, ..LogQuery::default() })), Vec::<i64>::new());
    live.append(&[event(now + 1)]).unwrap();
    assert_eq!(times(&page(store, &LogQuery { limit: 9, ..LogQuery::default() })), [now + 1]);
    assert_eq!(names(store, "/kept"), ["ended"]);
    assert!(store.set_retention(&here, GROUP, None).unwrap());
    assert_eq!(days(store), [None, None]);
    drop(live);
    store.trim(now + 60 * DAY_MS, 1 << 30).unwrap();
    assert_eq!(names(store, GROUP), [STREAM], "kept for ever again");
}

fn block(time_ms: i64) -> LogEvent {
    LogEvent { timestamp_ms: time_ms, ingestion_ms: time_ms, message: "x".repeat(100_000) }
}

/// A group that is too large loses its oldest, whether somebody writes it or not, and no other group anything.
pub fn keeps_groups_within_bytes(store: &impl Logs) {
    let here = scope("us-east-1");
    store.open(&here, GROUP, "ended").unwrap().append(&(0..10).map(block).collect::<Vec<_>>()).unwrap();
    let live = store.open(&here, GROUP, STREAM).unwrap();
    live.append(&(10..60).map(block).collect::<Vec<_>>()).unwrap();
    store.open(&here, "/small", "ended").unwrap().append(&[block(1)]).unwrap();
    let now = now_ms();
    store.trim(now, 4_000_000).unwrap();
    assert_eq!(names(store, GROUP), [STREAM]);
    let kept = times(&page(store, &LogQuery { limit: 99, ..LogQuery::default() }));
    assert!((30..40).contains(&kept.len()) && kept.last() == Some(&59) && kept.is_sorted(), "{kept:?}");
    let group = store.groups(&here).unwrap().remove(0);
    assert!((3_000_000..=4_000_000).contains(&group.stored_bytes), "the disk has it back: {}", group.stored_bytes);
    let stream = store.streams(&here, GROUP).unwrap().unwrap().remove(0);
    assert_eq!(stream.first_event_ms, kept.first().copied());
    live.append(&(60..90).map(block).collect::<Vec<_>>()).unwrap();
    store.trim(now, 4_000_000).unwrap();
    let kept = times(&page(store, &LogQuery { limit: 99, ..LogQuery::default() }));
    assert!((30..40).contains(&kept.len()) && kept.last() == Some(&89), "{kept:?}");
    assert_eq!(names(store, "/small"), ["ended"]);
    // Not at every question, when nothing was written.
    store.trim(now, 1_000_000).unwrap();
    assert_eq!(times(&page(store, &LogQuery { limit: 99, ..LogQuery::default() })), kept);
}

/// Who follows a stream goes on from its position while what is before it is dropped, and beyond when it is dropped too.
pub fn loses_nothing_of_what_is_followed(store: &impl Logs) {
    let here = scope("us-east-1");
    let live = store.open(&here, GROUP, STREAM).unwrap();
    live.append(&(0..40).map(block).collect::<Vec<_>>()).unwrap();
    let mut query = LogQuery { limit: 35, ..LogQuery::default() };
    let read = page(store, &query);
    query.position = read.end;
    store.trim(now_ms(), 2_000_000).unwrap();
    assert_eq!(times(&page(store, &query)), (35..40).collect::<Vec<_>>());
    query.position = read.events[1].0;
    let beyond = page(store, &query);
    assert!(beyond.events.len() > 10, "from the first that is left");
    let mut before = LogQuery { limit: 99, position: read.end, backwards: true, ..LogQuery::default() };
    assert_eq!(times(&page(store, &before)).last(), Some(&34));
    before.position = read.events[1].0;
    assert!(page(store, &before).events.is_empty());
}
