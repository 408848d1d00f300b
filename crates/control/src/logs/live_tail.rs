//! `StartLiveTail`: every second what has been written to some log groups, as events of a stream, until the client goes,
//! three hours have passed or the service stops.
//!
//! SDKs put a prefix before the host's name for this operation, which they leave out with
//! `AWS_DISABLE_HOST_PREFIX_INJECTION=true`.
//!
//! Source: CloudWatch Logs API reference, StartLiveTail.

use super::follow::{Follow, Found, Streams};
use super::pattern::Pattern;
use super::{ANSWER_BYTES, EVENT_OVERHEAD_BYTES, group_of, invalid};
use crate::answer::{HttpResponse, Pieces, with_request_id};
use crate::lambda::Call;
use crate::members::{Members, text};
use crate::{FrontDoor, task};
use bytes::Bytes;
use hearth_api::error::{ApiError, ErrorKind};
use hearth_api::event_stream::{event, exception};
use hearth_core::ids::AccountId;
use hearth_store::Logs;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::Either;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

/// How often there is an update (documented).
const EVERY: Duration = Duration::from_secs(1);
/// How long a session may last (documented).
const SESSION: Duration = Duration::from_secs(3 * 60 * 60);
/// Most events of one update (documented).
const UPDATE_EVENTS: usize = 500;
/// Sessions at once (ours).
pub(crate) const SESSIONS: usize = 15;

/// What a session shows.
#[derive(Debug)]
struct Session {
    follow: Follow,
    pattern: Pattern,
    account: AccountId,
}

/// Starts a session.
pub(super) async fn start(door: &Arc<FrontDoor>, call: Call, members: Members) -> Result<HttpResponse, ApiError> {
    let slot = Arc::clone(&door.live_tails).try_acquire_owned().map_err(|_| {
        ApiError::new(ErrorKind::LimitExceededException, format!("There are {SESSIONS} Live Tail sessions already."))
    })?;
    let identifiers = strings(&members, "logGroupIdentifiers");
    let mut groups: Vec<String> =
        identifiers.iter().map(|group| group_of(&call.scope, group).map(str::to_owned)).collect::<Result<_, _>>()?;
    let streams = streams(&members, groups.len())?;
    // By name and by ARN, say: one group all the same.
    let mut known = HashSet::new();
    groups.retain(|group| known.insert(group.clone()));
    let pattern = Pattern::parse(text(&members, "logEventFilterPattern").unwrap_or_default())?;
    let started = json!({
        "requestId": call.request_id.to_string(),
        "sessionId": Uuid::new_v4().to_string(),
        "logGroupIdentifiers": identifiers,
        "logStreamNames": strings(&members, "logStreamNames"),
        "logStreamNamePrefixes": strings(&members, "logStreamNamePrefixes"),
        "logEventFilterPattern": text(&members, "logEventFilterPattern").unwrap_or_default(),
    });
    let logs = Arc::clone(&door.stores.logs);
    let (account, scope) = (call.scope.account.clone(), call.scope);
    let begun = tokio::task::spawn_blocking(move || Follow::from_now(&*logs, scope, groups, streams));
    let follow = task::outcome(begun, "StartLiveTail").await?;
    // Two are there at once; every further one waits for the client, and what it has not taken is not kept for it.
    let (sender, receiver) = mpsc::channel(2);
    for first in [message("initial-response", &json!({})), message("sessionStart", &started)] {
        sender.try_send(first).unwrap_or_default();
    }
    tokio::spawn(run(Arc::clone(door), Session { follow, pattern, account }, sender, slot));
    let mut http = Response::new(Either::Right(Either::Right(Either::Left(Pieces(receiver)))));
    http.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.amazon.eventstream"));
    Ok(with_request_id(http, call.request_id))
}

/// Sends updates to the end of the session. Holds `_slot` until then.
async fn run(door: Arc<FrontDoor>, mut session: Session, sender: mpsc::Sender<Bytes>, _slot: OwnedSemaphorePermit) {
    let end = Instant::now() + SESSION;
    let mut stopping = door.stopping.subscribe();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = sender.closed() => return,
            _ = stopping.wait_for(|stopping| *stopping) => return,
            _ = ticks.tick() => {}
        }
        let update = if Instant::now() < end {
            session.update(&door).await
        } else {
            Err(failure("SessionTimeoutException", "The Live Tail session has lasted for three hours."))
        };
        let (again, next) = match update {
            Ok((session, update)) => (Some(session), update),
            Err(last) => (None, vec![last]),
        };
        let patience = Instant::now().max(end) + EVERY;
        for message in next {
            tokio::select! {
                // A client that has gone is seen above.
                sent = sender.send(message) => sent.unwrap_or_default(),
                // One that has stopped reading keeps its place no longer than others.
                () = tokio::time::sleep_until(patience) => return,
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
        match again {
            Some(again) => session = again,
            None => return,
        }
    }
}

impl Session {
    /// The next update, in as many messages as it needs, and the session again; or the message with which it ends, because the
    /// store has failed.
    async fn update(mut self, door: &FrontDoor) -> Result<(Self, Vec<Bytes>), Bytes> {
        let reader = Arc::clone(&door.readers).acquire_owned().await.ok();
        let logs = Arc::clone(&door.stores.logs);
        let look = tokio::task::spawn_blocking(move || {
            let _reader = reader;
            let updates = self.look(&*logs)?;
            Ok((self, updates.iter().map(|update| message("sessionUpdate", update)).collect()))
        });
        let update = task::outcome(look, "StartLiveTail").await;
        update.map_err(|error| failure("SessionStreamingException", &error.message))
    }

    fn look(&mut self, logs: &dyn Logs) -> Result<Vec<Value>, ApiError> {
        let mut found = self.follow.look(logs)?;
        found.retain(|found| self.pattern.matches(&found.event.message));
        found.sort_by_key(|found| found.event.timestamp_ms);
        let (found, sampled) = sample(found);
        let update = |found: Vec<Found>| {
            let results: Vec<Value> = found.into_iter().map(|found| shape(found, &self.account)).collect();
            json!({ "sessionMetadata": { "sampled": sampled }, "sessionResults": results })
        };
        Ok(messages(found).into_iter().map(update).collect())
    }
}

/// Events by the message they go in: none is larger than an answer may be, or it has one event. There is one in any case.
fn messages(found: Vec<Found>) -> Vec<Vec<Found>> {
    let (mut messages, mut bytes) = (vec![Vec::new()], 0);
    for found in found {
        let size = found.event.message.len() + EVENT_OVERHEAD_BYTES;
        if bytes > 0 && bytes + size > ANSWER_BYTES {
            messages.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(message) = messages.last_mut() {
            message.push(found);
        }
    }
    messages
}

/// At most as many as an update may have, evenly out of all of them, and whether that is not all.
fn sample(found: Vec<Found>) -> (Vec<Found>, bool) {
    let all = found.len();
    let wanted = all.min(UPDATE_EVENTS);
    // The one at place n of those that are kept is the one at place n * all / wanted of all.
    let mut kept = 0;
    let chosen = found.into_iter().enumerate().filter(|(place, _)| {
        let keep = *place == kept * all / wanted.max(1);
        kept += usize::from(keep);
        keep
    });
    let chosen: Vec<_> = chosen.map(|(_, found)| found).collect();
    let sampled = chosen.len() < all;
    (chosen, sampled)
}

fn shape(found: Found, account: &AccountId) -> Value {
    json!({
        "logStreamName": found.stream,
        "logGroupIdentifier": format!("{account}:{}", found.group),
        "message": found.event.message,
        "timestamp": found.event.timestamp_ms,
        "ingestionTime": found.event.ingestion_ms,
    })
}

/// Which streams the request names.
fn streams(members: &Members, groups: usize) -> Result<Streams, ApiError> {
    let (names, prefixes) = (strings(members, "logStreamNames"), strings(members, "logStreamNamePrefixes"));
    match (names.is_empty(), prefixes.is_empty()) {
        (true, true) => Ok(Streams::All),
        (false, false) => Err(invalid("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.")),
        _ if groups != 1 => Err(invalid("Log streams can be named for one log group only.")),
        (false, true) => Ok(Streams::Named(names)),
        (true, false) => Ok(Streams::Beginning(prefixes)),
    }
}

fn strings(members: &Members, name: &str) -> Vec<String> {
    let list = members.get(name).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn message(name: &'static str, payload: &Value) -> Bytes {
    event(name, "application/json", payload.to_string().as_bytes())
}

fn failure(name: &'static str, text: &str) -> Bytes {
    exception(name, "application/json", json!({ "message": text }).to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_store::LogEvent;

    fn found(count: usize, bytes: usize) -> Vec<Found> {
        let of = |number: usize| Found {
            group: "g".to_owned(),
            stream: "s".to_owned(),
            event: LogEvent {
                timestamp_ms: i64::try_from(number).unwrap(),
                ingestion_ms: 0,
                message: "x".repeat(bytes),
            },
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn an_update_has_at_most_five_hundred_evenly_out_of_all() {
        for (all, kept) in [(0, 0), (1, 1), (499, 499), (500, 500), (501, 500), (1_000, 500), (16_384, 500)] {
            let (chosen, sampled) = sample(found(all, 1));
            assert_eq!((chosen.len(), sampled), (kept, all > kept), "{all}");
            assert!(chosen.is_sorted_by_key(|found| found.event.timestamp_ms));
        }
        let times: Vec<_> = sample(found(1_000, 1)).0.iter().map(|found| found.event.timestamp_ms).collect();
        assert_eq!(times[..3], [0, 2, 4]);
    }

    #[test]
    fn a_message_is_no_larger_than_an_answer_may_be_and_none_is_left_out() {
        let lengths = |found| messages(found).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(found(10, 262_144)), [3, 3, 3, 1]);
        assert_eq!(lengths(found(2, 2 << 20)), [1, 1], "one is always there");
        assert_eq!(lengths(found(0, 0)), [0], "nothing is said as well");
        assert!(!sample(found(10, 262_144)).1);
    }

    #[test]
    fn streams_are_named_in_one_way_and_for_one_group() {
        let of =
            |text: &str, groups| streams(serde_json::from_str::<Value>(text).unwrap().as_object().unwrap(), groups);
        assert_eq!(of("{}", 3), Ok(Streams::All));
        assert_eq!(of(r#"{"logStreamNames":["a"]}"#, 1), Ok(Streams::Named(vec!["a".to_owned()])));
        assert_eq!(of(r#"{"logStreamNamePrefixes":["a"]}"#, 1), Ok(Streams::Beginning(vec!["a".to_owned()])));
        for (text, groups) in
            [(r#"{"logStreamNames":["a"]}"#, 2), (r#"{"logStreamNames":["a"],"logStreamNamePrefixes":["b"]}"#, 1)]
        {
            assert_eq!(of(text, groups).unwrap_err().kind, ErrorKind::InvalidParameterException, "{text}");
        }
    }

    /// A session of a group with nothing in it: its door, what it sends, and its task.
    fn session() -> (tempfile::TempDir, Arc<FrontDoor>, mpsc::Receiver<Bytes>, tokio::task::JoinHandle<()>) {
        let (directory, door) = crate::testing::door();
        let scope = crate::testing::scope();
        door.stores.logs.create_group(&scope, "g").unwrap();
        let account = scope.account.clone();
        let follow = Follow::from_now(&*door.stores.logs, scope, vec!["g".to_owned()], Streams::All).unwrap();
        let pattern = Pattern::parse("").unwrap();
        let (sender, receiver) = mpsc::channel(2);
        let slot = Arc::clone(&door.live_tails).try_acquire_owned().unwrap();
        let task = tokio::spawn(run(Arc::clone(&door), Session { follow, pattern, account }, sender, slot));
        (directory, door, receiver, task)
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_after_three_hours_with_an_exception() {
        let (_directory, door, mut messages, task) = session();
        let (mut updates, mut last) = (0, Bytes::new());
        while let Some(message) = messages.recv().await {
            updates += 1;
            last = message;
        }
        task.await.unwrap();
        assert_eq!(updates, 3 * 60 * 60 + 1, "one each second, and the end");
        assert!(last.windows(23).any(|part| part == b"SessionTimeoutException"));
        assert_eq!(door.live_tails.available_permits(), SESSIONS);
    }

    #[tokio::test]
    async fn a_session_ends_with_its_client_and_with_the_service() {
        let (_directory, door, messages, task) = session();
        drop(messages);
        task.await.unwrap();
        assert_eq!(door.live_tails.available_permits(), SESSIONS);
        // Nobody reads: it stops all the same.
        let (_directory, door, _messages, task) = session();
        door.stopping.send_replace(true);
        task.await.unwrap();
    }
}
