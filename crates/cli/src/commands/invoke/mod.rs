//! `hearth invoke`: one event for one function, its answer to standard output.

mod stream;

use crate::client::{self, Answer, Client, Target};
use crate::output::{Output, json_line};
use anyhow::Context as _;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

const INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
const LOG_TYPE: HeaderName = HeaderName::from_static("x-amz-log-type");

/// Invoke a function and print its answer; exits 1 if the function failed
#[derive(Args, Debug)]
pub(crate) struct InvokeArgs {
    /// Name or ARN of the function
    name: String,
    /// The event: JSON text, @FILE, or - for standard input
    #[arg(long, short, default_value = "{}", value_name = "JSON|@FILE|-")]
    payload: String,
    /// Print the end of the invocation's log to standard error
    #[arg(long, conflicts_with = "invocation_type")]
    tail: bool,
    /// Print the answer as the function writes it (InvokeWithResponseStream)
    #[arg(long, conflicts_with = "invocation_type")]
    stream: bool,
    /// Do not wait for the answer (Event), or only check that the call is allowed (DryRun)
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    invocation_type: Option<InvocationType>,
    #[command(flatten)]
    target: Target,
}

/// Ways to invoke other than waiting for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum InvocationType {
    /// The service queues the event and answers at once
    Event,
    /// Nothing runs
    DryRun,
}

/// Runs the command.
///
/// # Errors
///
/// When the service cannot be reached or refuses, or a streamed answer breaks off; a function that fails is exit code 1
/// without an error.
pub(crate) async fn run(args: InvokeArgs, output: Output) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.target.completed(|name| std::env::var(name).ok()))?;
    let payload = payload(&args.payload)?;
    let kind = match args.invocation_type {
        None => "RequestResponse",
        Some(InvocationType::Event) => "Event",
        Some(InvocationType::DryRun) => "DryRun",
    };
    let mut headers = vec![(CONTENT_TYPE, "application/json"), (INVOCATION_TYPE, kind)];
    // With --json the log goes into the one object that is printed, so it is always asked for.
    if args.tail || (output.json && args.invocation_type.is_none()) {
        headers.push((LOG_TYPE, "Tail"));
    }
    let name = client::segment(&args.name);
    if args.stream {
        let path = format!("2021-11-15/functions/{name}/response-streaming-invocations");
        let answer = client.stream(&path, &headers, payload).await?;
        return stream::print(answer, args.tail, output).await;
    }
    let path = format!("2015-03-31/functions/{name}/invocations");
    let answer = client.lambda(Method::POST, &path, &headers, payload).await?;
    let failed = answer.header("x-amz-function-error").is_some();
    if output.json {
        json_line(&summary(&answer))?;
    } else {
        show(&answer, args.tail, output)?;
    }
    Ok(ExitCode::from(u8::from(failed)))
}

/// The answer for a person, or for a file: the payload exactly as the function gave it.
fn show(answer: &Answer, tail: bool, output: Output) -> anyhow::Result<()> {
    if tail && let Some(log) = answer.header("x-amz-log-result") {
        eprint!("{}", output.foreign_to_stderr(&client::decoded(log)));
    }
    match answer.status {
        StatusCode::ACCEPTED => eprintln!("accepted as {}", request_id(answer)),
        StatusCode::NO_CONTENT => eprintln!("allowed; nothing was run"),
        _ => {
            let mut stdout = std::io::stdout().lock();
            match std::str::from_utf8(&answer.body) {
                Ok(text) => stdout.write_all(output.foreign(text).as_bytes())?,
                Err(_) => stdout.write_all(&answer.body)?,
            }
            // A payload has no final newline; a file must hold what the function answered and nothing else.
            if output.is_terminal() {
                stdout.write_all(b"\n")?;
            }
            stdout.flush()?;
        }
    }
    Ok(())
}

/// The answer for a program: one object, with the payload as JSON where it is JSON.
fn summary(answer: &Answer) -> Value {
    let payload = serde_json::from_slice(&answer.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer.body).into_owned()));
    json!({
        "StatusCode": answer.status.as_u16(),
        "ExecutedVersion": answer.header("x-amz-executed-version"),
        "FunctionError": answer.header("x-amz-function-error"),
        "RequestId": request_id(answer),
        "LogResult": answer.header("x-amz-log-result").map(client::decoded),
        "Payload": if answer.body.is_empty() { Value::Null } else { payload },
    })
}

fn request_id(answer: &Answer) -> &str {
    answer.header("x-amzn-requestid").unwrap_or("-")
}

/// The event's bytes, untouched: whether they are JSON is for the service to say.
fn payload(source: &str) -> anyhow::Result<Bytes> {
    if source == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("read the payload from standard input")?;
        return Ok(bytes.into());
    }
    if let Some(path) = source.strip_prefix('@') {
        let bytes = std::fs::read(path).with_context(|| format!("read the payload from {path}"))?;
        return Ok(bytes.into());
    }
    Ok(Bytes::copy_from_slice(source.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    #[test]
    fn a_payload_is_text_or_a_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("event.json");
        std::fs::write(&file, b" {\"a\":\n1}\n").expect("written");
        assert_eq!(payload("{\"a\":1}").expect("text"), "{\"a\":1}");
        assert_eq!(payload(&format!("@{}", file.display())).expect("file"), " {\"a\":\n1}\n", "not a byte changed");
        let missing = payload(&format!("@{}/none", directory.path().display())).expect_err("no such file");
        assert!(missing.to_string().contains("none"), "{missing}");
    }

    #[test]
    fn the_summary_holds_what_the_headers_said() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amzn-requestid", "id".parse().expect("ascii"));
        headers.insert("x-amz-function-error", "Unhandled".parse().expect("ascii"));
        headers.insert("x-amz-log-result", "aGk=".parse().expect("ascii"));
        let answer = Answer { status: StatusCode::OK, headers, body: Bytes::from_static(b"{\"b\":1,\"a\":2}") };
        assert_eq!(
            summary(&answer).to_string(),
            r#"{"StatusCode":200,"ExecutedVersion":null,"FunctionError":"Unhandled","RequestId":"id","LogResult":"hi","Payload":{"b":1,"a":2}}"#
        );
    }
}
