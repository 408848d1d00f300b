//! A process that stores without pause is killed (SIGKILL) at random points, again and again, on one data directory.
//! Whatever it had acknowledged on its standard output is there afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic; the lints spare only #[test] itself"
)]

mod support;

use hearth_core::ids::RequestId;
use hearth_store::embedded::EmbeddedStore;
use hearth_store::{EventQueue, Functions, LogEvent, LogQuery, Logs, Packages, QueuedEvent};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Entry, function, key, scope, zip};

const CHILD: &str = "HEARTH_STORE_CRASH_TEST_DIRECTORY";
const ROUND: &str = "HEARTH_STORE_CRASH_TEST_ROUND";
const ROUNDS: u32 = 12;

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let (Ok(data), Ok(round)) = (std::env::var(CHILD), std::env::var(ROUND)) {
        store_without_pause(Path::new(&data), &round);
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        // The child is this test again. What it wrote before it died is all in the pipe.
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_was_acknowledged_survives_a_kill", "--nocapture", "--test-threads=1"])
            .env(CHILD, data.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let before = acknowledged.len();
        // A different moment in each round; in some, in the middle of the first few.
        let after = 3 + (round as usize * 29) % 97;
        let acks = lines.by_ref().map(Result::unwrap).filter_map(|line| line.strip_prefix("ack ").map(str::to_owned));
        acknowledged.extend(acks.take(after));
        child.kill().unwrap();
        child.wait().unwrap();
        let late = lines.map(Result::unwrap).filter_map(|line| line.strip_prefix("ack ").map(str::to_owned));
        acknowledged.extend(late);
        assert!(acknowledged.len() >= before + after, "the child ended by itself");
        check(data.path(), &acknowledged);
    }
}

/// The child: acknowledges each step with one write to the pipe, once the store has.
fn store_without_pause(data: &Path, round: &str) {
    let store = EmbeddedStore::open(data).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stream = store.open(&scope("us-east-1"), "group", round).unwrap();
    let acknowledge = |text: String| std::io::stdout().write_all(format!("\nack {text}\n").as_bytes()).unwrap();
    for n in 0_u32.. {
        let id = format!("{round}-{n}");
        stream.append(&[log_event(&id)]).unwrap();
        acknowledge(format!("log {id}"));
        let code = runtime.block_on(store.put(package(&id).into())).unwrap();
        acknowledge(format!("package {} {} {id}", code.sha256, code.size));
        runtime.block_on(store.create(function(key(&id)))).unwrap();
        acknowledge(format!("function {id}"));
        let number = (round.parse::<u128>().unwrap() << 64) | u128::from(n);
        runtime.block_on(store.push(event(number, &id))).unwrap();
        acknowledge(format!("event {number}"));
        if n % 3 == 0 {
            runtime.block_on(store.done(RequestId(number))).unwrap();
            acknowledge(format!("done {number}"));
            runtime.block_on(store.delete(&key(&id))).unwrap();
            acknowledge(format!("deleted {id}"));
        }
    }
}

fn check(data: &Path, acknowledged: &[String]) {
    let store = EmbeddedStore::open(data).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(std::fs::read_dir(data.join("tmp")).unwrap().count(), 0);
    let pending: HashSet<u128> =
        runtime.block_on(store.pending()).unwrap().into_iter().map(|event| event.request_id.0).collect();
    let words: Vec<Vec<&str>> = acknowledged.iter().map(|line| line.split(' ').collect()).collect();
    let ended: HashSet<(&str, &str)> = words
        .iter()
        .filter_map(|words| match words[..] {
            ["done", number] => Some(("event", number)),
            ["deleted", id] => Some(("function", id)),
            _ => None,
        })
        .collect();
    // Deletions come last, and one that was not acknowledged may have been done.
    let last = acknowledged.last().unwrap().as_str();
    let mut logs: Vec<(String, Vec<String>)> = Vec::new();
    for words in &words {
        match words[..] {
            ["log", id] => {
                let round = id.split('-').next().unwrap();
                if logs.last().is_none_or(|(stream, _)| stream != round) {
                    logs.push((round.to_owned(), Vec::new()));
                }
                logs.last_mut().unwrap().1.push(id.to_owned());
            }
            ["package", sha256, size, id] => {
                let code = hearth_api::function::Code { sha256: sha256.to_owned(), size: size.parse().unwrap() };
                assert_eq!(std::fs::read_to_string(store.directory(&code).join("d/id")).unwrap(), id);
                assert_eq!(runtime.block_on(store.zip(&code)).unwrap(), package(id));
            }
            ["function", id] => {
                let there = runtime.block_on(store.get(&key(id))).unwrap().is_some();
                let under_way = id.rsplit('-').next().unwrap().parse::<u32>().unwrap() % 3 == 0;
                match ended.contains(&("function", id)) {
                    true => assert!(!there, "{id} is back"),
                    false => assert!(there || under_way, "{id} is lost after {last:?}"),
                }
            }
            ["event", number] => {
                let under_way = (number.parse::<u128>().unwrap() & u128::from(u32::MAX)) % 3 == 0;
                match ended.contains(&("event", number)) {
                    true => assert!(!pending.contains(&number.parse().unwrap()), "event {number} is back"),
                    false => assert!(pending.contains(&number.parse().unwrap()) || under_way, "event {number} is lost"),
                }
            }
            ["done" | "deleted", _] => {}
            _ => panic!("{words:?}"),
        }
    }
    for (stream, ids) in logs {
        let query = LogQuery { limit: usize::MAX, ..LogQuery::default() };
        let page = store.read(&scope("us-east-1"), "group", &stream, &query).unwrap().unwrap();
        let found: Vec<LogEvent> = page.events.into_iter().map(|(_, event)| event).collect();
        let expected: Vec<LogEvent> = ids.iter().map(|id| log_event(id)).collect();
        // One more may have been written than was acknowledged.
        assert!(found.starts_with(&expected) && found.len() <= expected.len() + 1, "stream {stream}");
    }
}

fn package(id: &str) -> Vec<u8> {
    zip(&[Entry::file("d/id", id), Entry::link("l", "d/id")])
}

fn log_event(id: &str) -> LogEvent {
    LogEvent { timestamp_ms: 1, ingestion_ms: 2, message: format!("{id} {}\n", "x".repeat(20_000)) }
}

fn event(number: u128, id: &str) -> QueuedEvent {
    QueuedEvent {
        request_id: RequestId(number),
        key: key(id),
        qualifier: None,
        client_context: None,
        payload: vec![b' '; 10_000].into(),
        accepted_ms: 1,
    }
}
