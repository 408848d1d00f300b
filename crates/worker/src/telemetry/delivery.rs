//! One attempt to hand a batch to a subscriber, who is hostile: what it answers is bounded, and how long it takes is the
//! outbox's business, which has the attempt aborted.
//!
//! The socket is made inside the sandbox, so a connection can lead nowhere else.

use crate::runtime_api::drain;
use bytes::Bytes;
use hearth_api::platform_event::PlatformEvent;
use hearth_core::limits::{TELEMETRY_ANSWER_BYTES, TELEMETRY_HEAD_BYTES};
use hearth_core::telemetry::{Destination, Parcel, Subscription};
use hearth_sandbox::{Sandbox, SandboxError};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

/// A batch and where it goes.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Whose it is.
    pub(super) subscriber: u64,
    pub(super) attempt: u64,
    pub(super) batch: Vec<Parcel>,
    pub(super) subscription: Arc<Subscription>,
    /// The one before has left this one open.
    pub(super) connection: Option<TcpStream>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(super) subscriber: u64,
    pub(super) attempt: u64,
    /// With the connection that stays open.
    pub(super) outcome: Result<Option<TcpStream>, DeliveryError>,
}

/// Why a subscriber did not get its events.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// There is no way into the sandbox.
    #[error("make a socket inside: {0}")]
    Socket(#[from] SandboxError),
    /// Nobody listens there, or it has gone.
    #[error("send to port {port}: {source}")]
    Io { port: u16, source: io::Error },
    /// What it speaks is not HTTP.
    #[error("send to port {port} by HTTP: {source}")]
    Http { port: u16, source: hyper::Error },
    /// It does not want them.
    #[error("the subscriber at port {port} answered {status}")]
    Status { port: u16, status: StatusCode },
    /// Its own task has panicked.
    #[error("the task that makes a socket has ended")]
    Panicked,
}

impl Delivery {
    /// Carries it out.
    pub(crate) async fn run(self, sandbox: Arc<dyn Sandbox>) -> Delivered {
        let Self { subscriber, attempt, batch, subscription, connection } = self;
        let outcome = send(&sandbox, &batch, &subscription, connection).await;
        Delivered { subscriber, attempt, outcome }
    }
}

async fn send(
    sandbox: &Arc<dyn Sandbox>,
    batch: &[Parcel],
    subscription: &Subscription,
    connection: Option<TcpStream>,
) -> Result<Option<TcpStream>, DeliveryError> {
    let events = worded(batch, subscription);
    if events.is_empty() {
        return Ok(connection);
    }
    let port = subscription.destination.port();
    let mut stream = match connection.filter(is_open) {
        Some(stream) => stream,
        None => connect(sandbox, port).await?,
    };
    match &subscription.destination {
        Destination::Http { path, put, .. } => {
            let method = if *put { Method::PUT } else { Method::POST };
            post(stream, method, port, path, format!("[{}]", events.join(","))).await.map(|()| None)
        }
        Destination::Tcp { .. } => {
            let lines = events.join("\n") + "\n";
            stream.write_all(lines.as_bytes()).await.map_err(|source| DeliveryError::Io { port, source })?;
            Ok(Some(stream))
        }
    }
}

/// Each event as JSON; that some are missing, only to those who listen to the platform.
fn worded(batch: &[Parcel], subscription: &Subscription) -> Vec<Arc<str>> {
    let one = |parcel: &Parcel| match parcel {
        Parcel::Event(event) => Some(Arc::clone(event)),
        Parcel::Dropped(dropped) if subscription.types.platform => {
            let event = PlatformEvent::LogsDropped(*dropped);
            event.record(subscription.schema, crate::clock::wall_ms()).map(Arc::from)
        }
        Parcel::Dropped(_) => None,
    };
    batch.iter().filter_map(one).collect()
}

/// Whether the other side is still there: what is written to one that has gone is lost without a word. What it says is thrown
/// away; one that talks on and on is hung up on.
fn is_open(stream: &TcpStream) -> bool {
    let mut said = [0; 4096];
    for _ in 0..TELEMETRY_ANSWER_BYTES / said.len() {
        match rustix::net::recv(stream, &mut said[..], RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN) => return true,
            Ok((1.., _)) => {}
            Ok(_) | Err(_) => return false,
        }
    }
    false
}

async fn connect(sandbox: &Arc<dyn Sandbox>, port: u16) -> Result<TcpStream, DeliveryError> {
    let sandbox = Arc::clone(sandbox);
    let socket = tokio::task::spawn_blocking(move || sandbox.socket()).await.map_err(|_| DeliveryError::Panicked)??;
    // Of a stream that is not connected, only the descriptor is taken.
    let socket = TcpSocket::from_std_stream(std::net::TcpStream::from(socket));
    let connected = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await;
    connected.map_err(|source| DeliveryError::Io { port, source })
}

async fn post(stream: TcpStream, method: Method, port: u16, path: &str, body: String) -> Result<(), DeliveryError> {
    let failed = |source| DeliveryError::Http { port, source };
    let mut builder = http1::Builder::new();
    builder.max_buf_size(TELEMETRY_HEAD_BYTES);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("Host", format!("sandbox.localdomain:{port}"))
        .header("Content-Type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| DeliveryError::Io { port, source: io::Error::other(error) })?;
    // With the sender, the connection ends.
    let exchange = async move {
        let answer = sender.send_request(request).await.map_err(failed)?;
        let status = answer.status();
        // So that it can write what it wants to say; nobody reads it.
        drain(answer.into_body(), TELEMETRY_ANSWER_BYTES).await;
        Ok(status)
    };
    // What ends the connection too early, the exchange says as well.
    let (status, _ended): (Result<StatusCode, DeliveryError>, _) = tokio::join!(exchange, connection);
    let status = status?;
    if !status.is_success() {
        return Err(DeliveryError::Status { port, status });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_connection_that_the_other_side_has_ended_is_not_used_again() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut theirs, _) = listener.accept().await.unwrap();
        assert!(is_open(&ours));
        theirs.write_all(b"thanks").await.unwrap();
        ours.readable().await.unwrap();
        assert!(is_open(&ours), "it may speak");
        theirs.write_all(b"bye").await.unwrap();
        drop(theirs);
        // Until the end of it has come.
        while is_open(&ours) {
            tokio::task::yield_now().await;
        }
    }
}
