//! `hearth invoke --stream`: the answer as it comes, and how it ended.

use crate::client::{self, Streaming};
use crate::output::{Output, json_line};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::ExitCode;

/// What the last event says.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct InvokeComplete {
    error_code: Option<String>,
    error_details: Option<String>,
    log_result: Option<String>,
}

/// Prints each piece at once: for a file or pipe the bytes as they are, for a terminal what can be shown of them, for
/// `--json` one line for each event. Exit code 1 if the function failed.
pub(super) async fn print(mut answer: Streaming, tail: bool, output: Output) -> anyhow::Result<ExitCode> {
    let mut text = Text::default();
    loop {
        let event = answer.next().await?;
        match event.event_type.as_str() {
            "PayloadChunk" if output.json => json_line(&json!({ "PayloadChunk": text.add(&event.payload) }))?,
            "PayloadChunk" if output.is_terminal() => write(output.foreign(&text.add(&event.payload)).as_bytes())?,
            "PayloadChunk" => write(&event.payload)?,
            "InvokeComplete" => {
                let complete: InvokeComplete = serde_json::from_slice(&event.payload).map_err(|source| {
                    client::ClientError::Shape { what: "InvokeWithResponseStream".to_owned(), source }
                })?;
                return end(complete, &mut text, tail, output);
            }
            // Newer services may have more to say.
            _ => {}
        }
    }
}

fn end(complete: InvokeComplete, text: &mut Text, tail: bool, output: Output) -> anyhow::Result<ExitCode> {
    let InvokeComplete { error_code, error_details, log_result } = complete;
    let log = log_result.as_deref().map(client::decoded);
    let failed = error_code.is_some();
    let rest = text.rest();
    if output.json {
        if !rest.is_empty() {
            json_line(&json!({ "PayloadChunk": rest }))?;
        }
        let complete = json!({ "ErrorCode": error_code, "ErrorDetails": error_details, "LogResult": log });
        json_line(&json!({ "InvokeComplete": without_nulls(complete) }))?;
        return Ok(ExitCode::from(u8::from(failed)));
    }
    if output.is_terminal() {
        write(format!("{}\n", output.foreign(&rest)).as_bytes())?;
    }
    if tail && let Some(log) = log {
        eprint!("{}", output.foreign_to_stderr(&log));
    }
    if let Some(code) = error_code {
        let details = error_details.unwrap_or_default();
        eprintln!("{}: {}", output.foreign_to_stderr(&code), output.foreign_to_stderr(&details));
    }
    Ok(ExitCode::from(u8::from(failed)))
}

fn without_nulls(mut value: Value) -> Value {
    value.as_object_mut().into_iter().for_each(|members| members.retain(|_, value| !value.is_null()));
    value
}

/// Writes and flushes: who reads a pipe sees each piece at once.
fn write(bytes: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Text out of pieces that may end inside a character.
#[derive(Debug, Default)]
struct Text(Vec<u8>);

impl Text {
    /// What can be read with this piece; an unfinished character waits for the next one.
    fn add(&mut self, piece: &[u8]) -> String {
        self.0.extend_from_slice(piece);
        let unfinished = self.0.utf8_chunks().last().map_or(0, |last| {
            let invalid = last.invalid();
            let begun = !invalid.is_empty() && self.0.ends_with(invalid);
            if begun && str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none()) {
                invalid.len()
            } else {
                0
            }
        });
        let rest = self.0.split_off(self.0.len() - unfinished);
        let whole = std::mem::replace(&mut self.0, rest);
        String::from_utf8_lossy(&whole).into_owned()
    }

    /// What was left of a character that never came.
    fn rest(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.0)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_in_two_pieces_is_one() {
        let mut text = Text::default();
        let word = "aé€𝄞".as_bytes();
        for cut in 0..=word.len() {
            let (one, two) = word.split_at(cut);
            assert_eq!(text.add(one) + &text.add(two), "aé€𝄞", "cut at {cut}");
            assert_eq!(text.rest(), "");
        }
    }

    #[test]
    fn bytes_that_are_no_text_wait_for_nothing() {
        let mut text = Text::default();
        assert_eq!(text.add(b"a\xff"), "a\u{fffd}");
        assert_eq!(text.add(b"b\xe2\x82"), "b");
        assert_eq!(text.add(b"c"), "\u{fffd}c");
        assert_eq!(text.add(b"\xe2"), "");
        assert_eq!(text.rest(), "\u{fffd}");
    }

    #[test]
    fn the_last_event_may_say_nothing() {
        let complete: InvokeComplete = serde_json::from_str("{}").unwrap();
        assert!(complete.error_code.is_none() && complete.log_result.is_none());
    }
}
