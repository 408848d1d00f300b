//! `hearth logs`: what a function wrote, as CloudWatch shows it, read through the Logs API.
//!
//! Following asks again for the last seconds it has already seen and leaves out by its id what it has printed: events
//! of several environments do not become visible in the order of their timestamps, so a bare "newer than the newest"
//! would lose some.

use crate::client::{Client, ClientError, Target};
use crate::duration;
use crate::output::{self, Output, Tone};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

/// How often a follower asks (ours: below what a person notices, 2 requests a second).
const POLL: Duration = Duration::from_millis(500);
/// How far back a follower asks again, by the events' own timestamps (ours: a line is visible some milliseconds after
/// its timestamp; a machine under load may take seconds).
const OVERLAP_MS: i64 = 10_000;

/// Print the log of a function
#[derive(Args, Debug)]
pub(crate) struct LogsArgs {
    /// Name of the function
    #[arg(required_unless_present = "group")]
    name: Option<String>,
    /// Keep printing what comes
    #[arg(long, short)]
    follow: bool,
    /// How far back to begin
    #[arg(long, default_value = "10m", value_parser = duration::parse, value_name = "TIME")]
    since: Duration,
    /// The log group, where it is not /aws/lambda/NAME
    #[arg(long, conflicts_with = "name")]
    group: Option<String>,
    #[command(flatten)]
    target: Target,
}

/// One event, as FilterLogEvents answers it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    /// Which environment's stream it is in.
    pub(crate) log_stream_name: String,
    /// Epoch milliseconds.
    pub(crate) timestamp: i64,
    /// Its text, as written.
    pub(crate) message: String,
    /// Unique in the group.
    pub(crate) event_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    events: Vec<Event>,
    next_token: Option<String>,
}

/// Runs the command.
///
/// # Errors
///
/// When the service cannot be reached or refuses, or standard output cannot be written.
pub(crate) async fn run(args: LogsArgs, output: Output) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.target.completed(|name| std::env::var(name).ok()))?;
    let group = args.group.unwrap_or_else(|| format!("/aws/lambda/{}", args.name.unwrap_or_default()));
    let since = i64::try_from(args.since.as_millis()).unwrap_or(i64::MAX);
    let mut follower = Follower::new(output::now_ms().saturating_sub(since));
    let mut waiting = false;
    loop {
        let mut pages = Pages::new(&client, &group, follower.asked_from_ms());
        let ended = loop {
            match pages.next().await {
                Ok(Some(events)) => {
                    for event in follower.fresh(events) {
                        print(&event, output)?;
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        follower.forget();
        match ended {
            Ok(()) => {}
            // Whoever follows may well do so before the first invoke makes the group.
            Err(error) if args.follow && error.is("ResourceNotFoundException") => {
                if !waiting {
                    eprintln!("waiting for log group {group}");
                }
                waiting = true;
            }
            Err(error) => return Err(error.into()),
        }
        if !args.follow {
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Events of a group in order of their timestamps, page by page: a log can be larger than memory should be.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    client: &'a Client,
    /// `None`: the last page was read.
    request: Option<Value>,
}

impl<'a> Pages<'a> {
    /// From `start_ms` on.
    pub(crate) fn new(client: &'a Client, group: &str, start_ms: i64) -> Self {
        Self { client, request: Some(json!({ "logGroupName": group, "startTime": start_ms.max(0) })) }
    }

    /// The next page, which may be empty; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`ClientError`]
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Event>>, ClientError> {
        let Some(mut request) = self.request.take() else { return Ok(None) };
        let answer = self.client.logs("FilterLogEvents", &request).await?;
        let page: Page = serde_json::from_value(answer)
            .map_err(|source| ClientError::Shape { what: "FilterLogEvents".to_owned(), source })?;
        if let (Some(token), Some(members)) = (page.next_token, request.as_object_mut()) {
            members.insert("nextToken".to_owned(), Value::String(token));
            self.request = Some(request);
        }
        Ok(Some(page.events))
    }

    /// All that is left.
    ///
    /// # Errors
    ///
    /// [`ClientError`]
    pub(crate) async fn all(mut self) -> Result<Vec<Event>, ClientError> {
        let mut all = Vec::new();
        while let Some(events) = self.next().await? {
            all.extend(events);
        }
        Ok(all)
    }
}

fn print(event: &Event, output: Output) -> std::io::Result<()> {
    let when = output::timestamp(event.timestamp);
    if output.json {
        return output::json_line(&json!({
            "timestamp": event.timestamp,
            "time": when,
            "logStreamName": event.log_stream_name,
            "eventId": event.event_id,
            "message": event.message,
        }));
    }
    output::line(&format!("{}  {}", output.paint(Tone::Faint, &when), output.log_message(&event.message)))
}

/// Remembers what was printed, as far back as it asks again.
#[derive(Debug)]
pub(crate) struct Follower {
    begin_ms: i64,
    newest_ms: i64,
    printed: HashMap<String, i64>,
}

impl Follower {
    /// From `begin_ms` on.
    pub(crate) fn new(begin_ms: i64) -> Self {
        Self { begin_ms, newest_ms: begin_ms, printed: HashMap::new() }
    }

    /// First timestamp to ask for.
    pub(crate) fn asked_from_ms(&self) -> i64 {
        self.newest_ms.saturating_sub(OVERLAP_MS).max(self.begin_ms)
    }

    /// Those of `events` that were not printed before, in their order.
    pub(crate) fn fresh(&mut self, events: Vec<Event>) -> Vec<Event> {
        let mut fresh = Vec::new();
        for event in events {
            self.newest_ms = self.newest_ms.max(event.timestamp);
            if self.printed.insert(event.event_id.clone(), event.timestamp).is_none() {
                fresh.push(event);
            }
        }
        fresh
    }

    /// Forgets what will not be asked for again: memory holds the last seconds only. Between two rounds, not between
    /// two pages of one: its later pages still belong to the question asked before.
    pub(crate) fn forget(&mut self) {
        let from_ms = self.asked_from_ms();
        self.printed.retain(|_, timestamp| *timestamp >= from_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, timestamp: i64) -> Event {
        Event { log_stream_name: "s".into(), timestamp, message: format!("line {id}\n"), event_id: id.into() }
    }

    fn ids(events: &[Event]) -> Vec<&str> {
        events.iter().map(|event| event.event_id.as_str()).collect()
    }

    #[test]
    fn nothing_is_repeated_and_nothing_that_comes_late_is_lost() {
        let mut follower = Follower::new(1_000);
        assert_eq!(ids(&follower.fresh(vec![event("a", 50_000), event("b", 50_001)])), ["a", "b"]);
        assert_eq!(follower.asked_from_ms(), 40_001);
        // "late" became visible after "b" though it is older: another environment wrote it.
        let again = follower.fresh(vec![event("late", 49_990), event("a", 50_000), event("b", 50_001)]);
        assert_eq!(ids(&again), ["late"]);
        assert!(follower.fresh(vec![event("late", 49_990), event("a", 50_000)]).is_empty());
    }

    #[test]
    fn two_events_of_one_millisecond_are_two() {
        let mut follower = Follower::new(0);
        assert_eq!(ids(&follower.fresh(vec![event("a", 5), event("b", 5)])), ["a", "b"]);
        assert_eq!(ids(&follower.fresh(vec![event("a", 5), event("b", 5), event("c", 5)])), ["c"]);
    }

    #[test]
    fn memory_is_bounded_by_what_is_asked_for_again() {
        let mut follower = Follower::new(0);
        for second in 0..1_000 {
            follower.fresh(vec![event(&second.to_string(), second * 1_000)]);
            follower.forget();
        }
        assert_eq!(follower.printed.len(), 11, "ten seconds and the newest");
    }

    #[test]
    fn it_never_asks_for_what_is_before_its_beginning() {
        let mut follower = Follower::new(1_000);
        follower.fresh(vec![event("a", 2_000)]);
        assert_eq!(follower.asked_from_ms(), 1_000);
    }
}
