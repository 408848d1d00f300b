//! One line for each invoke, out of the platform's own lines in the log. Pure: lines in, lines out.
//!
//! REPORT says how long, how much memory, and whether the runtime itself failed. That a handler threw, AWS's clients
//! write into the log just before; REPORT does not know.

use crate::output::{Output, Tone};
use serde::Serialize;
use std::collections::HashMap;

/// Streams whose invoke is under way, remembered at most (ours: more environments at once just lose an error's text).
const MAX_STREAMS: usize = 4_096;
/// Of a thrown error, characters (ours: it is in the log in full).
const MAX_ERROR: usize = 120;

/// What became of one invoke.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invoked {
    /// Of HTTP: a function that fails is a success of the service.
    pub(super) status: u16,
    pub(super) request_id: String,
    pub(super) duration_ms: f64,
    /// Of a cold start.
    pub(super) init_ms: Option<f64>,
    pub(super) memory_mb: u32,
    pub(super) max_memory_mb: u32,
    /// How the function failed.
    pub(super) error: Option<String>,
}

/// What a log message is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    /// Of the function.
    Said,
    /// Of the platform, and of no interest beside [`Line::Invoked`].
    Platform,
    /// The end of an invoke.
    Invoked(Invoked),
    /// An Init that failed outside of an invoke.
    InitFailed(String),
}

/// Reads the log of one function, as it comes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// By stream: what its invoke threw.
    thrown: HashMap<String, String>,
}

impl Reader {
    /// What `message` of `stream` is.
    pub(super) fn read(&mut self, stream: &str, message: &str) -> Line {
        let message = message.trim_end();
        if let Some(report) = message.strip_prefix("REPORT RequestId: ") {
            let thrown = self.thrown.remove(stream);
            return invoked(report, thrown).map_or(Line::Said, Line::Invoked);
        }
        if let Some(report) = message.strip_prefix("INIT_REPORT ") {
            return match failure(report) {
                // In an invoke, REPORT says the same.
                Some(error) if field(report, "Phase: ") == Some("init") => Line::InitFailed(error),
                _ => Line::Platform,
            };
        }
        if message.starts_with("START RequestId: ") {
            self.thrown.remove(stream);
            return Line::Platform;
        }
        if message.starts_with("END RequestId: ") || message.starts_with("INIT_START Runtime Version: ") {
            return Line::Platform;
        }
        if let Some(error) = thrown(message)
            && (self.thrown.len() < MAX_STREAMS || self.thrown.contains_key(stream))
        {
            self.thrown.insert(stream.to_owned(), error);
        }
        Line::Said
    }
}

impl Invoked {
    /// For a person: `200 · 12.4 ms · init 61 ms cold · 38/128 MB`.
    pub(super) fn line(&self, output: Output) -> String {
        let mut parts = vec![match &self.error {
            None => output.paint(Tone::Good, &self.status.to_string()).into_owned(),
            Some(error) => {
                let text = format!("{} failed: {}", self.status, output.foreign(error));
                output.paint(Tone::Bad, &text).into_owned()
            }
        }];
        parts.push(format!("{:.1} ms", self.duration_ms));
        parts.extend(self.init_ms.map(|ms| format!("init {ms:.0} ms cold")));
        parts.push(format!("{}/{} MB", self.max_memory_mb, self.memory_mb));
        parts.join(" · ")
    }
}

fn invoked(report: &str, thrown: Option<String>) -> Option<Invoked> {
    let ms = |name: &str| field(report, name)?.strip_suffix(" ms")?.parse().ok();
    let mb = |name: &str| field(report, name)?.strip_suffix(" MB")?.parse().ok();
    Some(Invoked {
        status: 200,
        request_id: report.split('\t').next()?.to_owned(),
        duration_ms: ms("Duration: ")?,
        init_ms: ms("Init Duration: "),
        memory_mb: mb("Memory Size: ")?,
        max_memory_mb: mb("Max Memory Used: ")?,
        error: failure(report).or(thrown),
    })
}

/// `Status: timeout`, or `Status: error` with its type.
fn failure(report: &str) -> Option<String> {
    let status = field(report, "Status: ")?;
    Some(field(report, "Error Type: ").unwrap_or(status).to_owned())
}

fn field<'a>(report: &'a str, name: &str) -> Option<&'a str> {
    report.split('\t').find_map(|field| field.strip_prefix(name))
}

/// The line with which AWS's clients log what a handler threw: `[ERROR] ValueError: no` of Python's, a tab-separated
/// one with JSON at its end of Node.js's.
fn thrown(message: &str) -> Option<String> {
    let text = if let Some(python) = message.strip_prefix("[ERROR] ") {
        // The lines of its traceback follow in the same event.
        let first = python.lines().next()?;
        // What a function logs itself has time and request id before the text, with tabs.
        (!first.contains('\t')).then(|| first.to_owned())?
    } else {
        let (_, json) = message.split_once("\tERROR\tInvoke Error \t")?;
        let error: serde_json::Value = serde_json::from_str(json).ok()?;
        let text = |name: &str| error.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        format!("{}: {}", text("errorType"), text("errorMessage"))
    };
    Some(text.chars().take(MAX_ERROR).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "REPORT RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\tDuration: 12.41 ms\tBilled Duration: 74 ms\t\
                          Memory Size: 128 MB\tMax Memory Used: 38 MB\t";

    fn line(reader: &mut Reader, message: &str) -> String {
        match reader.read("s", message) {
            Line::Invoked(invoked) => invoked.line(Output::fixed(false)),
            other => panic!("{message:?} is {other:?}"),
        }
    }

    #[test]
    fn a_cold_and_a_warm_invoke() {
        let mut reader = Reader::default();
        let cold = format!("{REPORT}Init Duration: 61.20 ms\t\n");
        assert_eq!(line(&mut reader, &cold), "200 · 12.4 ms · init 61 ms cold · 38/128 MB");
        assert_eq!(line(&mut reader, &format!("{REPORT}\n")), "200 · 12.4 ms · 38/128 MB");
    }

    #[test]
    fn a_failure_says_how() {
        let mut reader = Reader::default();
        let timeout = format!("{REPORT}Status: timeout\t\n");
        assert_eq!(line(&mut reader, &timeout), "200 failed: timeout · 12.4 ms · 38/128 MB");
        let crash = format!("{REPORT}Status: error\tError Type: Runtime.ExitError\t\n");
        assert_eq!(line(&mut reader, &crash), "200 failed: Runtime.ExitError · 12.4 ms · 38/128 MB");
        let python = "[ERROR] RuntimeError: no\nTraceback (most recent call last):\n  File";
        assert_eq!(reader.read("s", python), Line::Said);
        assert_eq!(reader.read("other", &format!("{REPORT}\n")), reader.read("third", &format!("{REPORT}\n")));
        assert_eq!(line(&mut reader, REPORT), "200 failed: RuntimeError: no · 12.4 ms · 38/128 MB");
        assert_eq!(line(&mut reader, REPORT), "200 · 12.4 ms · 38/128 MB", "the next one is its own");
    }

    #[test]
    fn node_tells_in_json_and_a_log_line_is_no_error() {
        let mut reader = Reader::default();
        let node = "2026-11-24T00:00:00.000Z\t8476\tERROR\tInvoke Error \t{\"errorType\":\"Error\",\"errorMessage\":\"no\",\"stack\":[]}\n";
        assert_eq!(reader.read("s", node), Line::Said);
        assert_eq!(line(&mut reader, REPORT), "200 failed: Error: no · 12.4 ms · 38/128 MB");
        for harmless in ["[ERROR]\t2026-11-24T00:00:00.000Z\t8476\tlogged", "[ERROR] 2026\t8476\tlogged", "hello"] {
            assert_eq!(reader.read("s", harmless), Line::Said);
            assert_eq!(line(&mut reader, REPORT), "200 · 12.4 ms · 38/128 MB", "{harmless:?}");
        }
    }

    #[test]
    fn what_an_invoke_threw_before_it_was_cut_off_is_not_the_next_ones() {
        let mut reader = Reader::default();
        reader.read("s", "[ERROR] KeyError: 'a'");
        assert_eq!(reader.read("s", "START RequestId: 1 Version: $LATEST\n"), Line::Platform);
        assert_eq!(line(&mut reader, REPORT), "200 · 12.4 ms · 38/128 MB");
    }

    #[test]
    fn the_platforms_other_lines_are_left_out() {
        let mut reader = Reader::default();
        for message in ["END RequestId: 1\n", "INIT_START Runtime Version: python:3.11.v1\tRuntime Version ARN: a\n"] {
            assert_eq!(reader.read("s", message), Line::Platform);
        }
        let init = "INIT_REPORT Init Duration: 3.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\n";
        assert_eq!(reader.read("s", init), Line::InitFailed("Runtime.ExitError".into()));
        assert_eq!(reader.read("s", &init.replace("Phase: init", "Phase: invoke")), Line::Platform);
        assert_eq!(reader.read("s", "REPORT RequestId: of the function's own making"), Line::Said);
    }
}
