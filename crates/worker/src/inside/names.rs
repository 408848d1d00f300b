//! The resolver inside an environment: the host's own name, and everything else passed on to the host's resolvers, or to
//! nobody.

use super::{PAUSE, accept};
use crate::Node;
use hearth_core::dns::{Code, Query};
use hearth_core::limits::{DNS_CONNECTIONS, DNS_DATAGRAM_BYTES, DNS_QUERIES, DNS_SILENCE_MS};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Who answers.
#[derive(Debug)]
pub(super) enum Names {
    /// There is no other name than the host's.
    OfHostOnly,
    /// The host's resolvers know the others.
    Forwarded(Arc<Node>),
}

/// How a query came, and how it is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Datagram,
    Stream,
}

impl Names {
    /// The answer that needs nobody else.
    fn at_once(&self, query: &Query<'_>) -> Option<Vec<u8>> {
        if let Some(address) = query.own_address() {
            return Some(query.answer(address));
        }
        match self {
            Self::OfHostOnly => Some(query.refuse(Code::NoSuchName)),
            Self::Forwarded(_) => None,
        }
    }

    /// The answer of somebody else.
    async fn ask(&self, query: &Query<'_>, way: Way) -> Vec<u8> {
        let answer = match self {
            Self::OfHostOnly => None,
            Self::Forwarded(node) => node.resolvers.ask(query, way).await,
        };
        answer.unwrap_or_else(|| query.refuse(Code::ServerFailure))
    }
}

/// Answers datagrams for ever.
pub(super) async fn datagrams(socket: UdpSocket, names: Arc<Names>) {
    let socket = Arc::new(socket);
    let places = Arc::new(Semaphore::new(DNS_QUERIES));
    let mut asked = JoinSet::new();
    let mut message = vec![0; DNS_DATAGRAM_BYTES];
    loop {
        while asked.try_join_next().is_some() {}
        let (length, client) = match socket.recv_from(&mut message).await {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "a query from inside an environment was not received");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let message = message.get(..length).unwrap_or_default();
        match Query::read(message).map(|query| names.at_once(&query)) {
            Ok(Some(answer)) | Err(Some(answer)) => reply(&socket, &answer, client),
            Err(None) => {}
            Ok(None) => {
                // When all places are taken: resolvers ask again.
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let (message, socket, names) = (message.to_vec(), Arc::clone(&socket), Arc::clone(&names));
                asked.spawn(async move {
                    if let Ok(query) = Query::read(&message) {
                        reply(&socket, &names.ask(&query, Way::Datagram).await, client);
                    }
                    drop(place);
                });
            }
        }
    }
}

/// Datagrams may get lost: a client that does not read must not hold anybody up.
fn reply(socket: &UdpSocket, answer: &[u8], client: SocketAddr) {
    socket.try_send_to(answer, client).map(drop).unwrap_or_default();
}

/// Answers connections for ever.
pub(super) async fn streams(listener: TcpListener, names: Arc<Names>) {
    accept(listener, DNS_CONNECTIONS, |stream| {
        let names = Arc::clone(&names);
        async move {
            if let Err(error) = converse(stream, &names).await {
                tracing::trace!(%error, "a connection to the resolver ended");
            }
        }
    })
    .await;
}

/// One query after the other, each with its length in front.
async fn converse(mut stream: TcpStream, names: &Names) -> io::Result<()> {
    loop {
        let message = within(receive(&mut stream)).await?;
        let answer = match Query::read(&message) {
            Ok(query) => match names.at_once(&query) {
                Some(answer) => answer,
                None => names.ask(&query, Way::Stream).await,
            },
            Err(Some(answer)) => answer,
            Err(None) => return Ok(()),
        };
        within(send(&mut stream, &answer)).await?;
    }
}

/// One message of a stream. Queries are short.
async fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = usize::from(stream.read_u16().await?);
    if length > DNS_DATAGRAM_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a query that is too long"));
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

pub(super) async fn send(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(Duration::from_millis(DNS_SILENCE_MS), work).await?
}
