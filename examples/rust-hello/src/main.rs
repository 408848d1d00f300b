//! A function for `provided.al2023` with AWS's own Rust runtime: greets, counts its invocations, and waits or fails on
//! request.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Invocations of this execution environment: shows whether it was reused.
static INVOCATIONS: AtomicU64 = AtomicU64::new(0);

#[derive(Deserialize)]
struct Request {
    name: Option<String>,
    #[serde(default)]
    fail: bool,
    /// How long to take, ms.
    #[serde(default)]
    wait_ms: u64,
}

#[derive(Serialize)]
struct Response {
    greeting: String,
    invocations: u64,
    request_id: String,
    memory_mb: i32,
}

async fn handler(event: LambdaEvent<Request>) -> Result<Response, Error> {
    let invocations = INVOCATIONS.fetch_add(1, Ordering::Relaxed) + 1;
    if event.payload.fail {
        return Err("asked to fail".into());
    }
    if event.payload.wait_ms > 0 {
        tokio::time::sleep(Duration::from_millis(event.payload.wait_ms)).await;
    }
    let name = event.payload.name.as_deref().unwrap_or("world");
    println!("greeting {name}");
    Ok(Response {
        greeting: format!("hello, {name}"),
        invocations,
        request_id: event.context.request_id,
        memory_mb: event.context.env_config.memory,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handler)).await
}
