//! Route netlink (rtnetlink(7)), as far as links, addresses, routes and neighbours need it.
//!
//! A socket belongs to the network namespace it was opened in, whoever uses it later.

use crate::{Failure, Trying};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// `struct nlmsghdr`: length, type, flags, sequence, port.
const HEAD: usize = 16;
/// Largest datagram of a dump the kernel makes.
const DUMP_BYTES: usize = 32 * 1024;

/// A socket for questions to the kernel, one at a time.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

/// One request: what it is for, its type and flags, then a fixed structure and attributes.
pub struct Message {
    what: String,
    bytes: Vec<u8>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Message {
    /// A request of this type (`RTM_*`) whose fixed part is `body`; `what` names it in errors.
    #[must_use]
    pub fn new(what: impl Into<String>, kind: u16, flags: i32, body: &[u8]) -> Self {
        let flags = flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK;
        let mut bytes = vec![0; HEAD];
        if let Some(place) = bytes.get_mut(4..8) {
            // Flags of netlink are 16 bits wide.
            let word = u32::from(kind) | flags.cast_unsigned() << 16;
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes.extend(body);
        Self { what: what.into(), bytes }.aligned()
    }

    /// Appends an attribute.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(value);
        self.aligned()
    }

    /// Appends an attribute that holds what `inner` appends.
    #[must_use]
    pub fn nested(mut self, kind: u16, inner: impl FnOnce(Self) -> Self) -> Self {
        let start = self.bytes.len();
        self.bytes.extend([0, 0]);
        self.bytes.extend(kind.to_le_bytes());
        self = inner(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        if let Some(place) = self.bytes.get_mut(start..start + 2) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self
    }

    /// Appends bytes as they are: a structure in front of the attributes of a nested one.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self.aligned()
    }

    fn aligned(mut self) -> Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    fn finished(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if let Some(place) = bytes.get_mut(..4) {
            // Ours are some hundred bytes.
            place.copy_from_slice(&u32::try_from(self.bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes
    }
}

impl Netlink {
    /// A socket in the network namespace of this thread.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn open() -> Result<Self, Failure> {
        // Protocol 0 is NETLINK_ROUTE.
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
            .map(Self)
            .trying(|| "make a netlink socket".to_owned())
    }

    /// Makes the changes, in order; stops at the first that fails.
    ///
    /// # Errors
    ///
    /// [`Failure`] names the one that failed; those after it may or may not have been made.
    pub fn change(&self, messages: &[Message]) -> Result<(), Failure> {
        // One write for all: the kernel answers each.
        let batch: Vec<u8> = messages.iter().flat_map(Message::finished).collect();
        send(&self.0, &batch, SendFlags::empty()).trying(|| format!("send {messages:?}"))?;
        let answers: Vec<_> = messages.iter().map(|_| self.answer()).collect();
        messages.iter().zip(answers).try_for_each(|(message, answer)| answer.trying(|| message.what.clone()))
    }

    fn answer(&self) -> io::Result<()> {
        let mut answer = [0; 256];
        let (_, length) = recv(&self.0, &mut answer, RecvFlags::empty())?;
        error_in(answer.get(..length.min(answer.len())).unwrap_or_default())
    }

    /// Everything of one kind (`RTM_GET*`): the bodies of the answers. `body` says of which family.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn list(&self, what: &str, kind: u16, body: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        let request = Message::new(what, kind, libc::NLM_F_DUMP, body);
        send(&self.0, &request.finished(), SendFlags::empty()).trying(|| format!("ask for {what}"))?;
        let mut found = Vec::new();
        let mut datagram = vec![0; DUMP_BYTES];
        loop {
            let (_, length) = recv(&self.0, &mut datagram, RecvFlags::empty()).trying(|| format!("read {what}"))?;
            let mut rest = datagram.get(..length.min(DUMP_BYTES)).unwrap_or_default();
            while let Some((kind, message, after)) = split(rest) {
                match i32::from(kind) {
                    libc::NLMSG_DONE => return Ok(found),
                    libc::NLMSG_ERROR => error_in(rest).trying(|| format!("ask for {what}"))?,
                    _ => found.push(message.to_vec()),
                }
                rest = after;
            }
        }
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Netlink {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// The first message of several: type, body, rest.
fn split(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (head, _) = bytes.split_first_chunk::<HEAD>()?;
    let [l0, l1, l2, l3, k0, k1, ..] = *head;
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok()?;
    let body = bytes.get(HEAD..length)?;
    Some((u16::from_le_bytes([k0, k1]), body, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// The verdict in an `NLMSG_ERROR`: zero, or an error number with its sign changed.
fn error_in(message: &[u8]) -> io::Result<()> {
    match message.get(HEAD..).and_then(<[u8]>::first_chunk).copied().map(i32::from_le_bytes) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(code.wrapping_neg())),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Kind and value of each attribute.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (&[l0, l1, k0, k1], _) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes([l0, l1]));
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_le_bytes([k0, k1]), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_as_they_went() {
        let message = Message::new("x", 1, 0, &[1, 2, 3])
            .attribute(3, b"abc")
            .nested(4, |inner| inner.raw(&[9]).attribute(5, b""))
            .finished();
        let (kind, body, rest) = split(&message).unwrap();
        assert_eq!((kind, &body[..4], rest.len()), (1, [1, 2, 3, 0].as_slice(), 0));
        let found: Vec<_> = attributes(&body[4..]).collect();
        assert_eq!(found, [(3, b"abc".as_slice()), (4, [9, 0, 0, 0, 4, 0, 5, 0].as_slice())]);
    }

    #[test]
    fn garbage_has_no_attributes() {
        for bytes in [&[][..], &[1], &[0, 0, 0, 0], &[200, 0, 1, 0, 5]] {
            assert_eq!(attributes(bytes).count(), 0, "{bytes:?}");
        }
        assert!(split(&[255; 16]).is_none());
    }

    #[test]
    fn the_kernel_lists_its_links_and_refuses_nonsense() {
        let netlink = Netlink::open().unwrap();
        let links = netlink.list("links", libc::RTM_GETLINK, &[0; 16]).unwrap();
        assert!(links.iter().any(|link| attributes(&link[16..]).any(|attribute| attribute.1 == b"lo\0")));
        let nonsense = Message::new("remove nothing", libc::RTM_DELLINK, 0, &[0; 16]).attribute(3, b"hearth-none\0");
        let failure = netlink.change(&[nonsense]).unwrap_err();
        assert_eq!(failure.what, "remove nothing");
        // The socket is as good as before.
        netlink.list("links", libc::RTM_GETLINK, &[0; 16]).unwrap();
    }
}
