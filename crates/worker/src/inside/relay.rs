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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// A relay to this port, and how to reach it.
    async fn relay_to(port: u16) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, port));
        TcpStream::connect(address).await.unwrap()
    }

    #[tokio::test]
    async fn each_direction_ends_by_itself() {
        let host = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = relay_to(host.local_addr().unwrap().port()).await;
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let (mut server, _) = host.accept().await.unwrap();
        let mut heard = String::new();
        server.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "question");
        server.write_all(b"answer").await.unwrap();
        drop(server);
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "answer");
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_on_is_a_reset() {
        let host = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = host.local_addr().unwrap().port();
        drop(host);
        let mut client = relay_to(port).await;
        let error = client.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}
