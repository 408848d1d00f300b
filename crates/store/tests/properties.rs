//! Properties over arbitrary histories: functions against a plain map, logs against a plain list, torn files included.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic; the lints spare only #[test] itself"
)]

mod support;

use hearth_store::embedded::EmbeddedStore;
use hearth_store::{Functions, LogEvent, LogQuery, Logs, StoreError};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use support::{described, function, key, scope};

#[derive(Clone, Debug)]
enum Step {
    Create(u8),
    /// Updates with the revision that is current, or with one that differs by this much.
    Update(u8, i8),
    Delete(u8),
    Get(u8),
    List(u8),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = 0_u8..4;
    let step = prop_oneof![
        3 => name.clone().prop_map(Step::Create),
        4 => (name.clone(), prop_oneof![3 => Just(0_i8), 1 => -2_i8..3]).prop_map(|(name, off)| Step::Update(name, off)),
        2 => name.clone().prop_map(Step::Delete),
        3 => name.clone().prop_map(Step::Get),
        1 => name.prop_map(Step::List),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn functions_are_a_map_with_revisions(steps in steps()) {
        let data = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut store = EmbeddedStore::open(data.path()).unwrap();
        // Name to revision and description.
        let mut model: BTreeMap<String, (u64, String)> = BTreeMap::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Create(name) => {
                    let name = name.to_string();
                    let outcome = runtime.block_on(store.create(function(key(&name))));
                    match model.get(&name) {
                        Some(_) => prop_assert!(matches!(outcome, Err(StoreError::Exists(_)))),
                        None => {
                            prop_assert_eq!(outcome.unwrap().revision, 1);
                            model.insert(name, (1, String::new()));
                        }
                    }
                }
                Step::Update(name, off) => {
                    let name = name.to_string();
                    let mut record = described(&function(key(&name)), &number.to_string());
                    let current = model.get(&name).map(|(revision, _)| *revision);
                    record.revision = current.unwrap_or(1).saturating_add_signed(off.into());
                    let right = Some(record.revision) == current;
                    match (runtime.block_on(store.update(record)), current) {
                        (Ok(stored), Some(revision)) if right => {
                            prop_assert_eq!(stored.revision, revision + 1);
                            model.insert(name, (revision + 1, number.to_string()));
                        }
                        (Err(StoreError::Conflict(_)), Some(_)) if !right => {}
                        (Err(StoreError::NotFound(_)), None) => {}
                        (outcome, _) => prop_assert!(false, "{:?}", outcome),
                    }
                }
                Step::Delete(name) => {
                    let gone = model.remove(&name.to_string()).is_some();
                    prop_assert_eq!(runtime.block_on(store.delete(&key(&name.to_string()))).is_ok(), gone);
                }
                Step::Get(name) => {
                    let name = name.to_string();
                    let found = runtime.block_on(store.get(&key(&name))).unwrap();
                    prop_assert_eq!(store.cached(&key(&name)), found.clone());
                    let seen = found.map(|record| (record.revision, record.latest.description.clone()));
                    prop_assert_eq!(seen.as_ref(), model.get(&name));
                }
                Step::List(after) => {
                    let after = after.to_string();
                    let listed = runtime.block_on(store.list(&scope("us-east-1"), Some(&after), 9)).unwrap();
                    let names: Vec<_> = listed.iter().map(|record| record.latest.key.name.clone()).collect();
                    let expected: Vec<_> = model.keys().filter(|name| **name > after).cloned().collect();
                    prop_assert_eq!(names, expected);
                }
                Step::Reopen => {
                    drop(store);
                    store = EmbeddedStore::open(data.path()).unwrap();
                }
            }
        }
    }

    #[test]
    fn logs_read_back_what_was_appended(
        appends in prop::collection::vec(prop::collection::vec((0_i64..50, ".{0,40}"), 0..5), 1..12),
        limit in 1_usize..7,
        window in (0_i64..50, 0_i64..50),
    ) {
        let data = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(data.path()).unwrap();
        let stream = store.open(&scope("us-east-1"), "g", "s").unwrap();
        let mut expected = Vec::new();
        for (number, events) in (0..).zip(appends) {
            let events: Vec<LogEvent> = events
                .into_iter()
                .map(|(timestamp_ms, message)| LogEvent { timestamp_ms, ingestion_ms: number, message })
                .collect();
            stream.append(&events).unwrap();
            expected.extend(events);
        }
        let (start_ms, end_ms) = (Some(window.0), Some(window.1));
        prop_assert_eq!(&read_all(&store, limit, None, None, false), &expected);
        prop_assert_eq!(&read_all(&store, limit, None, None, true), &expected);
        expected.retain(|event| window.0 <= event.timestamp_ms && event.timestamp_ms < window.1);
        prop_assert_eq!(&read_all(&store, limit, start_ms, end_ms, false), &expected);
        prop_assert_eq!(&read_all(&store, limit, start_ms, end_ms, true), &expected);
    }

    #[test]
    fn a_torn_log_keeps_its_whole_events_and_goes_on(
        messages in prop::collection::vec(".{0,40}", 1..8),
        cut in any::<prop::sample::Index>(),
        zeros in prop_oneof![Just(0_u64), 1_u64..99],
        read_first in any::<bool>(),
    ) {
        let data = tempfile::tempdir().unwrap();
        let event = |message: &str| LogEvent { timestamp_ms: 1, ingestion_ms: 2, message: message.to_owned() };
        let store = EmbeddedStore::open(data.path()).unwrap();
        let stream = store.open(&scope("us-east-1"), "g", "s").unwrap();
        let mut ends = vec![];
        for message in &messages {
            stream.append(&[event(message)]).unwrap();
            let query = LogQuery { limit: 99, ..LogQuery::default() };
            ends.push(store.read(&scope("us-east-1"), "g", "s", &query).unwrap().unwrap().end);
        }
        drop((stream, store));

        let path = the_log_file(data.path());
        let size = ends.last().copied().unwrap();
        let kept = cut.index(usize::try_from(size).unwrap() + 1) as u64;
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(kept).unwrap();
        // As a power failure leaves it: a length, but no bytes.
        file.set_len(kept + zeros).unwrap();
        let whole = ends.iter().filter(|end| **end <= kept).count();

        let store = EmbeddedStore::open(data.path()).unwrap();
        let mut expected: Vec<LogEvent> = messages.iter().take(whole).map(|message| event(message)).collect();
        // The zeros may be what the end of an event was.
        let found = read_all(&store, 3, None, None, read_first);
        let all: Vec<LogEvent> = messages.iter().map(|message| event(message)).collect();
        prop_assert!(found == expected || zeros > 0 && all.starts_with(&found) && found.len() == whole + 1);
        expected = found;
        store.open(&scope("us-east-1"), "g", "s").unwrap().append(&[event("after")]).unwrap();
        expected.push(event("after"));
        prop_assert_eq!(read_all(&store, 3, None, None, false), expected.clone());
        prop_assert_eq!(read_all(&store, 3, None, None, true), expected);
    }
}

/// All events of the stream, page by page, in the order of writing; none when there is no such stream (yet).
fn read_all(
    store: &EmbeddedStore,
    limit: usize,
    start_ms: Option<i64>,
    end_ms: Option<i64>,
    backwards: bool,
) -> Vec<LogEvent> {
    let mut events = Vec::new();
    let mut query = LogQuery { start_ms, end_ms, limit, backwards, position: if backwards { u64::MAX } else { 0 } };
    while let Some(page) = store.read(&scope("us-east-1"), "g", "s", &query).unwrap() {
        if page.events.is_empty() {
            break;
        }
        assert!(page.events.len() <= limit && page.events.is_sorted_by_key(|(position, _)| *position));
        query.position = if backwards { page.start } else { page.end };
        let found = page.events.into_iter().map(|(_, event)| event);
        if backwards {
            events.splice(0..0, found);
        } else {
            events.extend(found);
        }
    }
    events
}

fn the_log_file(data: &Path) -> PathBuf {
    let group = data.join("logs/000000000000/us-east-1/g");
    let mut files = std::fs::read_dir(group).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|extension| extension == "log")).unwrap()
}
