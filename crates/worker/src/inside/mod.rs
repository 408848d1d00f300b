//! What the service answers inside an environment besides the Runtime API: names, ports of the host that were exposed,
//! and Lambda's own API.
//!
//! Everything comes in by sockets that were made inside, so it works in every network mode and opens no address of the
//! host; who asks is known from the socket. The function is hostile: what it can keep open at once is bounded. Nothing
//! here knows whether the environment is frozen: its side of a connection is silent then.

mod names;
mod relay;
mod upstream;

pub(crate) use upstream::Resolvers;

use crate::Node;
use hearth_api::function::FunctionVersion;
use hearth_core::network::Mode;
use hearth_sandbox::Sockets;
use names::Names;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

/// Pause after a failed accept or receive, when descriptors may have run out (ours).
const PAUSE: Duration = Duration::from_millis(100);

/// All of it for one environment; dropped, it stops.
#[derive(Debug)]
pub(crate) struct Inside(AbortHandle);

/// The sockets, without that of the Runtime API.
#[derive(Debug)]
pub(crate) struct Entrances {
    dns: std::net::UdpSocket,
    dns_over_tcp: std::net::TcpListener,
    lambda_api: std::net::TcpListener,
    exposed: Vec<(u16, std::net::TcpListener)>,
}

impl Entrances {
    /// Splits off the Runtime API's.
    pub(crate) fn of(sockets: Sockets) -> (std::net::TcpListener, Self) {
        let Sockets { runtime_api, dns, dns_over_tcp, lambda_api, exposed } = sockets;
        (runtime_api, Self { dns, dns_over_tcp, lambda_api, exposed })
    }
}

impl Inside {
    /// Begins to answer.
    pub(crate) fn serve(entrances: Entrances, node: &Arc<Node>, function: &Arc<FunctionVersion>) -> io::Result<Self> {
        let mut tasks = JoinSet::new();
        let names = Arc::new(match node.config.sandboxes.capabilities().network {
            Mode::Isolated => Names::OfHostOnly,
            Mode::Nat => Names::Forwarded(Arc::clone(node)),
        });
        entrances.dns.set_nonblocking(true)?;
        tasks.spawn(names::datagrams(UdpSocket::from_std(entrances.dns)?, Arc::clone(&names)));
        tasks.spawn(names::streams(listener(entrances.dns_over_tcp)?, names));
        for (port, exposed) in entrances.exposed {
            tasks.spawn(relay::serve(listener(exposed)?, port));
        }
        // Without a front door, connections to it are refused: the listener is closed here.
        if let Some(door) = node.door() {
            tasks.spawn(door.serve_function(entrances.lambda_api, Arc::clone(function)));
        }
        // They end with the task that holds them.
        Ok(Self(tokio::spawn(async move { while tasks.join_next().await.is_some() {} }).abort_handle()))
    }

    /// Closes every socket and connection.
    pub(crate) fn stop(&self) {
        self.0.abort();
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.stop();
    }
}

fn listener(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Accepts for ever; at most `places` connections are served at once, the next ones wait.
async fn accept<F>(listener: TcpListener, places: usize, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(places));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                stream.set_nodelay(true).unwrap_or_default();
                let served = serve(stream);
                connections.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection from inside an environment was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
