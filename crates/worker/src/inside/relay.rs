//! `--expose-host`: a connection to a port inside becomes one to the same port of the host's loopback.

use hearth_core::limits::EXPOSED_CONNECTIONS;
use rustix::net::sockopt::set_socket_linger;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Passes on every connection to this port.
pub(super) async fn serve(listener: TcpListener, port: u16) {
    super::accept(listener, EXPOSED_CONNECTIONS, |inside| relay(inside, port)).await;
}

async fn relay(mut inside: TcpStream, port: u16) {
    let mut outside = match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(outside) => outside,
        Err(error) => {
            tracing::debug!(%error, port, "nothing listens on an exposed port of the host");
            // A reset, not an orderly end: the client must not take it for an empty answer.
            set_socket_linger(&inside, Some(Duration::ZERO)).unwrap_or_default();
            return;
        }
    };
    outside.set_nodelay(true).unwrap_or_default();
    // Each direction ends by itself; an error ends both.
    if let Err(error) = copy_bidirectional(&mut inside, &mut outside).await {
        tracing::trace!(%error, port, "a connection to an exposed port ended");
    }
}
