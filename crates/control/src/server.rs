//! Accepts connections and answers requests: HTTP/1.1 and HTTP/2 in clear text on one listener. Everything a client can
//! make us keep is bounded here: connections, heads, time to send them.

use crate::FrontDoor;
use crate::answer::{HttpResponse, refuse};
use crate::guard::Hosts;
use crate::lambda::{self, CHANGES_OF, Call};
use crate::{identity, logs, private, url};
use bytes::Bytes;
use hearth_api::error::Protocol;
use hearth_core::ids::RequestId;
use http::Request;
use http_body::Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// Connections at once (ours).
const CONNECTIONS: usize = 8_192;
/// How long a client may take for the head of a request, and stay silent between two (ours).
pub(crate) const HEAD_PATIENCE: Duration = Duration::from_secs(60);
/// Headers of one request (ours), and their bytes.
pub(crate) const HEADERS: usize = 128;
pub(crate) const HEAD_BYTES: usize = 64 * 1024;
/// Requests at once on one HTTP/2 connection (ours).
const STREAMS: u32 = 256;
/// Pause after a failed accept, when descriptors may have run out (ours).
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl FrontDoor {
    /// Serves `listener` until `shutdown` completes, then lets the requests under way finish within
    /// [`crate::Config::drain`].
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let address = match listener.local_addr() {
            Ok(address) => address,
            Err(error) => return tracing::error!(%error, "the listener has no address"),
        };
        let hosts = Arc::new(Hosts::new(address, &self.config.hosts));
        let graceful = GracefulShutdown::new();
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        let builder = builder();
        let mut shutdown = pin!(shutdown);
        loop {
            let next = async { (Arc::clone(&slots).acquire_owned().await, listener.accept().await) };
            tokio::select! {
                () = &mut shutdown => break,
                (slot, accepted) = next => match (slot, accepted) {
                    (Ok(slot), Ok((stream, peer))) => {
                        let connection = Connection {
                            door: Arc::clone(&self),
                            hosts: Arc::clone(&hosts),
                            peer: peer.ip(),
                            _slot: slot,
                        };
                        tokio::spawn(connection.serve(stream, builder.clone(), graceful.watcher()));
                    }
                    (_, Err(error)) => {
                        tracing::warn!(%error, "could not accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                    (Err(_), Ok(_)) => break,
                }
            }
        }
        drop(listener);
        self.stopping.send_replace(true);
        if tokio::time::timeout(self.config.drain, graceful.shutdown()).await.is_err() {
            tracing::warn!("some connections were still in use at the end of the drain time");
        }
    }

    /// Answers one request, which came from `peer`.
    async fn answer<B>(self: &Arc<Self>, hosts: &Hosts, peer: IpAddr, request: Request<B>) -> HttpResponse
    where
        B: Body<Data = Bytes>,
    {
        let request_id = RequestId(Uuid::new_v4().as_u128());
        let (head, body) = request.into_parts();
        if let Some(address) = hosts.function_url(&head) {
            return url::serve(self, &address, peer, head, body, request_id).await;
        }
        let target = head.headers.get("x-amz-target").map(|target| target.to_str().unwrap_or_default().to_owned());
        let protocol = if target.is_some() { Protocol::Json11 } else { Protocol::RestJson };
        let authority = match hosts.admit(&head) {
            Ok(authority) => authority,
            // 403 in whichever protocol: what is refused here is not a client of either.
            Err(error) => return refuse(&error, Protocol::RestJson, request_id),
        };
        if head.uri.path().starts_with(private::PREFIX) {
            return private::serve(self, &head, request_id).await;
        }
        let scope = identity::scope(&head, &self.config.scope);
        let changes_of = head.headers.get(CHANGES_OF).map(|sha256| sha256.to_str().unwrap_or_default().to_owned());
        let call = Call { scope, authority, request_id, changes_of };
        match target {
            Some(target) => logs::serve(self, call, &target, body, protocol).await,
            None => lambda::serve(self, call, head, body).await,
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES * 4);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(HEAD_PATIENCE);
    builder
}

/// One client.
struct Connection {
    door: Arc<FrontDoor>,
    hosts: Arc<Hosts>,
    peer: IpAddr,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream, builder: Builder<TokioExecutor>, watcher: Watcher) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
        let asked = AtomicBool::new(false);
        let service = service_fn(|request| {
            asked.store(true, Ordering::Relaxed);
            let (door, hosts) = (Arc::clone(&self.door), Arc::clone(&self.hosts));
            async move { Ok::<_, Infallible>(door.answer(&hosts, self.peer, request).await) }
        });
        let mut served = pin!(watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned()));
        // hyper's own clock starts once the protocol is known: a client that sends nothing would be kept for ever.
        let first = tokio::time::timeout(HEAD_PATIENCE, &mut served).await;
        let ended = match first {
            Ok(ended) => ended,
            Err(_) if asked.load(Ordering::Relaxed) => served.await,
            Err(_) => return,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended with an error");
        }
    }
}
