//! The host's resolvers, asked on behalf of functions.
//!
//! Each query goes out from a socket of its own, under an id by chance; whatever comes back that is not the answer to
//! it is dropped.

use super::names::{Way, send};
use hearth_core::dns::Query;
use hearth_core::limits::{DNS_DATAGRAM_BYTES, DNS_PATIENCE_MS};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpStream, UdpSocket};
use uuid::Uuid;

/// Where the host keeps the addresses of its resolvers (resolv.conf(5)).
const FILE: &str = "/etc/resolv.conf";
/// More are not asked (resolv.conf(5): MAXNS).
const SERVERS: usize = 3;
/// How long the file is believed before it is read again: a laptop changes networks (ours).
const BELIEVED: Duration = Duration::from_secs(2);
const PORT: u16 = 53;

/// Whom to ask.
#[derive(Debug)]
pub(crate) struct Resolvers {
    /// Given by the operator; empty: those of the host.
    fixed: Vec<SocketAddr>,
    file: PathBuf,
    read: Mutex<Option<(Instant, Arc<[SocketAddr]>)>>,
}

impl Resolvers {
    /// These, or the host's if there are none.
    pub(crate) fn new(fixed: Vec<SocketAddr>) -> Self {
        Self { fixed, file: FILE.into(), read: Mutex::default() }
    }

    /// One after the other, until one answers in time.
    pub(super) async fn ask(&self, query: &Query<'_>, way: Way) -> Option<Vec<u8>> {
        for server in self.servers().await.iter() {
            let asked = async {
                match way {
                    Way::Datagram => by_datagram(query, *server).await,
                    Way::Stream => by_stream(query, *server).await,
                }
            };
            match tokio::time::timeout(Duration::from_millis(DNS_PATIENCE_MS), asked).await {
                Ok(Ok(answer)) => return Some(answer),
                Ok(Err(error)) => tracing::debug!(%error, %server, "a resolver of the host cannot be asked"),
                Err(_) => tracing::debug!(%server, "a resolver of the host does not answer"),
            }
        }
        None
    }

    async fn servers(&self) -> Arc<[SocketAddr]> {
        if !self.fixed.is_empty() {
            return self.fixed.as_slice().into();
        }
        let known = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, servers)) = known.filter(|(when, _)| when.elapsed() < BELIEVED) {
            return servers;
        }
        let text = tokio::fs::read_to_string(&self.file).await.unwrap_or_default();
        let servers: Arc<[SocketAddr]> = servers_in(&text).into();
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&servers)));
        servers
    }
}

/// The resolvers a resolv.conf(5) names; this host's own if it names none.
fn servers_in(text: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        let is_server = words.next() == Some("nameserver");
        words.next().filter(|_| is_server)?.parse::<IpAddr>().ok()
    };
    let mut servers: Vec<_> = text.lines().filter_map(address).take(SERVERS).collect();
    if servers.is_empty() {
        servers.push(Ipv4Addr::LOCALHOST.into());
    }
    servers.into_iter().map(|address| SocketAddr::new(address, PORT)).collect()
}

async fn by_datagram(query: &Query<'_>, server: SocketAddr) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    let id = id_by_chance();
    socket.send(&query.with_id(id)).await?;
    // One more than is passed on, to see that it was too long.
    let mut answer = vec![0; DNS_DATAGRAM_BYTES + 1];
    loop {
        let length = socket.recv(&mut answer).await?;
        if let Some(accepted) = answer.get(..length).and_then(|answer| query.accept(id, answer)) {
            return Ok(if length > DNS_DATAGRAM_BYTES { query.truncated() } else { accepted });
        }
    }
}

async fn by_stream(query: &Query<'_>, server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let id = id_by_chance();
    send(&mut stream, &query.with_id(id)).await?;
    let length = usize::from(stream.read_u16().await?);
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    query.accept(id, &answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not the answer to the query"))
}

fn id_by_chance() -> u16 {
    let [first, second, ..] = *Uuid::new_v4().as_bytes();
    u16::from_be_bytes([first, second])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query for `a.` by somebody who calls it 0x1234.
    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";

    /// The query that a server got, as its own answer, with this appended.
    fn answered(query: &[u8], more: &[u8]) -> Vec<u8> {
        let mut answer = [query, more].concat();
        answer[2] |= 0x80;
        answer
    }

    #[tokio::test]
    async fn forged_answers_are_dropped_and_the_next_server_is_asked() {
        let [silent, honest] = [UdpSocket::bind("127.0.0.1:0"), UdpSocket::bind("127.0.0.1:0")];
        let (silent, honest) = (silent.await.unwrap(), honest.await.unwrap());
        let resolvers = Resolvers::new(vec![silent.local_addr().unwrap(), honest.local_addr().unwrap()]);
        let serve = async {
            let mut query = [0; 512];
            let (length, client) = honest.recv_from(&mut query).await.unwrap();
            let query = &query[..length];
            assert_ne!(client.port(), 53);
            let other_id = [&[!query[0]], &query[1..]].concat();
            let other_name = [&query[..13], b"b", &query[14..]].concat();
            for forged in [vec![], vec![0; 600], query.to_vec(), answered(&other_id, b""), answered(&other_name, b"")] {
                honest.send_to(&forged, client).await.unwrap();
            }
            honest.send_to(&answered(query, b"right"), client).await.unwrap();
        };
        let query = Query::read(QUERY).unwrap();
        let (answer, ()) = tokio::join!(resolvers.ask(&query, Way::Datagram), serve);
        assert_eq!(answer, Some(answered(QUERY, b"right")));
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_for_a_datagram_is_told_to_be() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let resolvers = Resolvers::new(vec![server.local_addr().unwrap()]);
        let serve = async {
            let mut query = [0; 512];
            let (length, client) = server.recv_from(&mut query).await.unwrap();
            server.send_to(&answered(&query[..length], &[0; DNS_DATAGRAM_BYTES]), client).await.unwrap();
        };
        let query = Query::read(QUERY).unwrap();
        let (answer, ()) = tokio::join!(resolvers.ask(&query, Way::Datagram), serve);
        assert_eq!(answer, Some(query.truncated()));
    }

    #[tokio::test]
    async fn streams_are_asked_with_a_length_in_front() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let resolvers = Resolvers::new(vec![server.local_addr().unwrap()]);
        let serve = async {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut query = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut query).await.unwrap();
            send(&mut stream, &answered(&query, &[7; 60_000])).await.unwrap();
        };
        let query = Query::read(QUERY).unwrap();
        let (answer, ()) = tokio::join!(resolvers.ask(&query, Way::Stream), serve);
        assert_eq!(answer, Some(answered(QUERY, &[7; 60_000])));
    }

    #[tokio::test]
    async fn without_a_resolver_there_is_no_answer() {
        let nobody = TcpStream::connect("127.0.0.1:1").await.is_err();
        let resolvers = Resolvers::new(vec!["127.0.0.1:1".parse().unwrap()]);
        let query = Query::read(QUERY).unwrap();
        assert!(nobody && resolvers.ask(&query, Way::Datagram).await.is_none());
        assert!(resolvers.ask(&query, Way::Stream).await.is_none());
    }

    #[test]
    fn resolvers_are_read_as_the_c_library_reads_them() {
        let of = |text: &str| servers_in(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of(""), ["127.0.0.1:53"]);
        assert_eq!(of("# nameserver 1.1.1.1\nsearch a b\n"), ["127.0.0.1:53"]);
        assert_eq!(
            of("nameserver 10.0.0.1\n nameserver\t::1 # x\nnameserver x\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n"),
            ["10.0.0.1:53", "[::1]:53", "10.0.0.2:53"]
        );
    }
}
