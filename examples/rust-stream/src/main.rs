//! A function for `provided.al2023` that streams its answer with AWS's own Rust runtime. Each piece is written once the
//! one before has been asked for: by a file in `/tmp`, so that whoever tries it sees that nothing waits for the end.

use lambda_runtime::streaming::{Body, Response, channel};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;

#[derive(Deserialize)]
struct Request {
    pieces: Vec<String>,
    /// Break off after the last piece, as a handler that fails in the middle does.
    #[serde(default)]
    abort: bool,
}

async fn handler(event: LambdaEvent<Request>) -> Result<Response<Body>, Error> {
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for piece in event.payload.pieces {
            let go = format!("/tmp/go-{piece}");
            // The other end is gone when the invocation has ended: nobody is left to hear of it.
            if sender.send_data(piece.into()).await.is_err() {
                return;
            }
            while !Path::new(&go).exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        if event.payload.abort {
            sender.abort();
        }
    });
    Ok(Response::from(body))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handler)).await
}
