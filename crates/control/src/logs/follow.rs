//! What is new in some log groups since one last looked: for each stream, where one has read to.
//!
//! A look reads a bounded amount, shared evenly among the streams that have something; what it leaves is read by the next
//! one. Nothing but the places is kept.

use super::{internal, no_group};
use hearth_api::error::ApiError;
use hearth_api::function::Scope;
use hearth_store::{LogEvent, LogQuery, LogStreamInfo, Logs};
use std::collections::BTreeMap;

/// Bytes and events that one look reads (ours).
const LOOK_BYTES: usize = 8 << 20;
const LOOK_EVENTS: usize = 16_384;
/// Events read from a stream at once: each can have 256 KB.
const STEP: usize = 32;

/// Which streams of a group count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Streams {
    /// Every one.
    All,
    /// Those of these names.
    Named(Vec<String>),
    /// Those whose names begin so.
    Beginning(Vec<String>),
}

impl Streams {
    fn include(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|wanted| wanted == name),
            Self::Beginning(prefixes) => prefixes.iter().any(|prefix| name.starts_with(prefix)),
        }
    }
}

/// An event and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its group.
    pub(super) group: String,
    /// Its stream.
    pub(super) stream: String,
    /// The event.
    pub(super) event: LogEvent,
}

/// Follows some groups.
#[derive(Debug)]
pub(super) struct Follow {
    scope: Scope,
    streams: Streams,
    groups: Vec<(String, BTreeMap<String, Place>)>,
}

/// Where one has read to.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    position: u64,
    /// What the stream said of itself then: the same again means that it has nothing new.
    seen: Option<(u64, Option<i64>)>,
}

impl Follow {
    /// From what these groups end with now.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException for a group that is not there.
    pub(super) fn from_now(
        logs: &dyn Logs,
        scope: Scope,
        groups: Vec<String>,
        streams: Streams,
    ) -> Result<Self, ApiError> {
        let mut follow = Self { scope, streams, groups: Vec::new() };
        for group in groups {
            let infos = logs.streams(&follow.scope, &group).map_err(internal)?.ok_or_else(no_group)?;
            let mut places = BTreeMap::new();
            for info in infos.into_iter().filter(|info| follow.streams.include(&info.name)) {
                let end = LogQuery { position: u64::MAX, backwards: true, ..LogQuery::default() };
                let page = logs.read(&follow.scope, &group, &info.name, &end).map_err(internal)?;
                let position = page.map_or(0, |page| page.end);
                // What is written between the two is seen by the next look.
                places.insert(info.name, Place { position, seen: None });
            }
            follow.groups.push((group, places));
        }
        Ok(follow)
    }

    /// What has been written since the last look, stream by stream. A group that was deleted has nothing.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(super) fn look(&mut self, logs: &dyn Logs) -> Result<Vec<Found>, ApiError> {
        let mut changed = Vec::new();
        for (at, (group, places)) in self.groups.iter_mut().enumerate() {
            let infos = logs.streams(&self.scope, group).map_err(internal)?.unwrap_or_default();
            let mut known = std::mem::take(places);
            for info in infos.into_iter().filter(|info| self.streams.include(&info.name)) {
                let place = known.remove(&info.name).unwrap_or_default();
                if place.seen != Some(stamp(&info)) {
                    changed.push((at, info.clone()));
                }
                // Those that have gone are forgotten.
                places.insert(info.name, place);
            }
        }
        let streams = changed.len().max(1);
        let (bytes, events) = (LOOK_BYTES / streams, LOOK_EVENTS / streams);
        let mut found = Vec::new();
        for (at, info) in changed {
            self.read(logs, at, &info, (bytes, events.max(1)), &mut found)?;
        }
        Ok(found)
    }

    /// Reads on in one stream until its end, or until this much is read.
    fn read(
        &mut self,
        logs: &dyn Logs,
        at: usize,
        info: &LogStreamInfo,
        (bytes, events): (usize, usize),
        found: &mut Vec<Found>,
    ) -> Result<(), ApiError> {
        let Some((group, places)) = self.groups.get_mut(at) else { return Ok(()) };
        let Some(place) = places.get_mut(&info.name) else { return Ok(()) };
        let (mut read_bytes, mut read_events) = (0, 0);
        while read_bytes <= bytes && read_events < events {
            let query = LogQuery { position: place.position, limit: STEP, ..LogQuery::default() };
            let page = logs.read(&self.scope, group, &info.name, &query).map_err(internal)?;
            // Also a stream that was deleted meanwhile.
            let Some(page) = page.filter(|page| !page.events.is_empty()) else {
                // By what it said before it was read: more may have come.
                place.seen = Some(stamp(info));
                return Ok(());
            };
            place.position = page.end;
            read_events += page.events.len();
            for (_, event) in page.events {
                read_bytes += event.message.len();
                found.push(Found { group: group.clone(), stream: info.name.clone(), event });
            }
        }
        Ok(())
    }
}

fn stamp(info: &LogStreamInfo) -> (u64, Option<i64>) {
    (info.stored_bytes, info.last_ingestion_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::scope;
    use hearth_store::embedded::EmbeddedStore;

    fn write(store: &EmbeddedStore, group: &str, stream: &str, messages: &[&str]) {
        let event = |message: &&str| LogEvent { timestamp_ms: 1, ingestion_ms: 2, message: (*message).to_owned() };
        let events: Vec<_> = messages.iter().map(event).collect();
        store.open(&scope(), group, stream).unwrap().append(&events).unwrap();
    }

    fn messages(found: &[Found]) -> Vec<&str> {
        found.iter().map(|found| found.event.message.as_str()).collect()
    }

    #[tokio::test]
    async fn only_what_is_written_after_the_start_is_found_and_once() {
        let directory = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(directory.path()).unwrap();
        write(&store, "g", "old", &["before"]);
        write(&store, "other", "old", &["before"]);
        let groups = vec!["g".to_owned(), "other".to_owned()];
        let mut follow = Follow::from_now(&store, scope(), groups, Streams::All).unwrap();
        assert_eq!(follow.look(&store).unwrap(), []);
        write(&store, "g", "old", &["one", "two"]);
        write(&store, "g", "new", &["three"]);
        write(&store, "other", "old", &["four"]);
        let found = follow.look(&store).unwrap();
        assert_eq!(messages(&found), ["three", "one", "two", "four"]);
        assert_eq!((found[0].group.as_str(), found[0].stream.as_str()), ("g", "new"));
        assert_eq!(follow.look(&store).unwrap(), []);
        assert!(store.delete_group(&scope(), "g").unwrap());
        assert_eq!(follow.look(&store).unwrap(), []);
        write(&store, "g", "old", &["again"]);
        assert_eq!(
            messages(&follow.look(&store).unwrap()),
            ["again"],
            "a group of the same name is followed from its start"
        );
    }

    #[tokio::test]
    async fn a_look_is_bounded_and_the_next_one_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(directory.path()).unwrap();
        write(&store, "g", "loud", &["before"]);
        write(&store, "g", "quiet", &["before"]);
        let mut follow = Follow::from_now(&store, scope(), vec!["g".to_owned()], Streams::All).unwrap();
        let large = "x".repeat(100_000);
        write(&store, "g", "loud", &vec![large.as_str(); 200]);
        write(&store, "g", "quiet", &["heard"]);
        let first = follow.look(&store).unwrap();
        assert!(first.len() < 200 && messages(&first).contains(&"heard"), "{}", first.len());
        let mut all = first.len();
        while let more @ 1.. = follow.look(&store).unwrap().len() {
            all += more;
        }
        assert_eq!(all, 201);
    }

    #[tokio::test]
    async fn streams_are_chosen_by_name_or_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(directory.path()).unwrap();
        write(&store, "g", "a1", &["before"]);
        let follow = |streams| Follow::from_now(&store, scope(), vec!["g".to_owned()], streams).unwrap();
        let (mut named, mut beginning) =
            (follow(Streams::Named(vec!["b".to_owned()])), follow(Streams::Beginning(vec!["a".to_owned()])));
        for stream in ["a1", "a2", "b"] {
            write(&store, "g", stream, &[stream]);
        }
        assert_eq!(messages(&named.look(&store).unwrap()), ["b"]);
        assert_eq!(messages(&beginning.look(&store).unwrap()), ["a1", "a2"]);
        let missing = Follow::from_now(&store, scope(), vec!["absent".to_owned()], Streams::All).unwrap_err();
        assert_eq!(missing.kind, hearth_api::error::ErrorKind::ResourceNotFoundException);
    }
}
