//! The two functions of the freeze story: their code, packed in memory, and the calls to create and invoke them.

use crate::client::{self, Client};
use crate::output;
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderName};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{Cursor, Write as _};
use std::time::{Duration, Instant};

/// A function that tells the story.
#[derive(Clone, Copy, Debug)]
pub(super) struct Example {
    pub(super) language: &'static str,
    pub(super) name: &'static str,
    pub(super) runtime: &'static str,
    handler: &'static str,
    file: &'static str,
    source: &'static str,
}

/// Both of them.
pub(super) const EXAMPLES: [Example; 2] = [
    Example {
        language: "Node.js",
        name: "freeze-node",
        runtime: "nodejs20.x",
        handler: "index.handler",
        file: "index.mjs",
        source: include_str!("../../../../../examples/freeze-node/index.mjs"),
    },
    Example {
        language: "Python",
        name: "freeze-python",
        runtime: "python3.11",
        handler: "app.handler",
        file: "app.py",
        source: include_str!("../../../../../examples/freeze-python/app.py"),
    },
];

/// One invoke as its caller saw it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invoked {
    request_id: Option<String>,
    began: String,
    took_ms: u64,
    payload: Value,
}

impl Invoked {
    /// How long the caller waited.
    pub(super) fn seconds(&self) -> f64 {
        Duration::from_millis(self.took_ms).as_secs_f64()
    }
}

/// Creates the function and waits until it can be invoked.
///
/// # Errors
///
/// When the service refuses, or the function does not become active.
pub(super) async fn create(client: &Client, example: &Example) -> anyhow::Result<()> {
    let what = || format!("create the function {}", example.name);
    let request = json!({
        "FunctionName": example.name,
        "Runtime": example.runtime,
        "Handler": example.handler,
        "Role": "arn:aws:iam::000000000000:role/hearth-demo",
        "Code": { "ZipFile": BASE64_STANDARD.encode(package(example)?) },
        // Far above the 5 s, for slow machines; memory that gives each a fair share of a processor.
        "Timeout": 60,
        "MemorySize": 512,
    });
    let json_type = [(CONTENT_TYPE, "application/json")];
    let path = "2015-03-31/functions";
    client.lambda(Method::POST, path, &json_type, request.to_string().into()).await.with_context(what)?;
    let path = format!("{path}/{}/configuration", client::segment(example.name));
    for _ in 0..200 {
        let answer = client.lambda(Method::GET, &path, &[], Bytes::new()).await.with_context(what)?;
        let configuration: Value = serde_json::from_slice(&answer.body).with_context(what)?;
        match configuration.get("State").and_then(Value::as_str) {
            Some("Active") => return Ok(()),
            Some("Pending") => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => bail!("{} did not become active: {configuration}", example.name),
        }
    }
    bail!("{} is still pending after 10 s", example.name)
}

/// Invokes it and waits for its answer and its REPORT line.
///
/// # Errors
///
/// When the service refuses or the function fails.
pub(super) async fn invoke(client: &Client, example: &Example) -> anyhow::Result<Invoked> {
    let (began, clock) = (output::timestamp(output::now_ms()), Instant::now());
    let path = format!("2015-03-31/functions/{}/invocations", client::segment(example.name));
    // An answer with the log's tail waits for REPORT, so the log is complete when it is read.
    let headers = [(CONTENT_TYPE, "application/json"), (HeaderName::from_static("x-amz-log-type"), "Tail")];
    let answer = client
        .lambda(Method::POST, &path, &headers, Bytes::from_static(b"{}"))
        .await
        .with_context(|| format!("invoke {}", example.name))?;
    let payload = String::from_utf8_lossy(&answer.body).into_owned();
    if answer.header("x-amz-function-error").is_some() {
        let log = answer.header("x-amz-log-result").map(client::decoded).unwrap_or_default();
        bail!("{} failed: {payload}\n{log}", example.name);
    }
    Ok(Invoked {
        request_id: answer.header("x-amzn-requestid").map(str::to_owned),
        began,
        took_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        payload: serde_json::from_str(&payload).unwrap_or(Value::String(payload)),
    })
}

/// Its deployment package.
fn package(example: &Example) -> anyhow::Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o644);
    zip.start_file(example.file, options).context("begin the demo's zip")?;
    zip.write_all(example.source.as_bytes()).context("pack the demo's code")?;
    Ok(zip.finish().context("finish the demo's zip")?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_package_holds_the_handler_where_the_runtime_looks_for_it() {
        for example in EXAMPLES {
            let bytes = package(&example).expect("packed");
            let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip");
            let mut source = String::new();
            zip.by_name(example.file).expect("there").read_to_string(&mut source).expect("text");
            assert_eq!(source, example.source);
            let (module, function) = example.handler.split_once('.').expect("module.function");
            assert!(example.file.starts_with(module) && source.contains(function), "{}", example.handler);
        }
    }
}
