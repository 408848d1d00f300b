//! Datagrams with descriptors between our own processes.
//!
//! A `SOCK_SEQPACKET` socket keeps the borders of messages, says when the other side is gone, and carries
//! descriptors. It refuses truncated messages instead of handing out half of one.

use crate::{Failure, Trying};
use hearth_core::limits::EXPOSED_PORTS;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair, sockopt,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Most descriptors in one message: the service's own sockets of a sandbox, and those for exposed ports.
const DESCRIPTORS: usize = 8 + EXPOSED_PORTS;

/// One end of a channel.
#[derive(Debug)]
pub struct Channel(OwnedFd);

/// One message.
#[derive(Debug)]
pub struct Message {
    /// Its frame.
    pub frame: Vec<u8>,
    /// The descriptors beside it, close-on-exec, in the order they were sent.
    pub descriptors: Vec<OwnedFd>,
}

/// What came.
#[derive(Debug)]
pub enum Received {
    /// A message.
    Message(Message),
    /// The other side is closed.
    Closed,
    /// Nothing yet; only when not waiting.
    Nothing,
}

impl Channel {
    /// Both ends of a new channel.
    ///
    /// # Errors
    ///
    /// [`Failure`], for example when descriptors run out.
    pub fn pair() -> Result<(Self, Self), Failure> {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .trying(|| "make a channel".to_owned())?;
        Ok((Self(one), Self(other)))
    }

    /// The socket, to be passed on.
    #[must_use]
    pub fn into_socket(self) -> OwnedFd {
        self.0
    }

    /// Room for one message of this size on its way out; for ordinary users as much as the host lets them have
    /// (`net.core.wmem_max`, of which the usual value is enough for ours).
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn make_room(&self, bytes: usize) -> Result<(), Failure> {
        // Twice: the kernel counts its own bookkeeping too.
        match sockopt::set_socket_send_buffer_size_force(&self.0, bytes * 2) {
            Err(Errno::PERM) => sockopt::set_socket_send_buffer_size(&self.0, bytes),
            done => done,
        }
        .trying(|| "enlarge a channel".to_owned())
    }

    /// Sends one message; waits for room.
    ///
    /// # Errors
    ///
    /// [`Failure`]; EPIPE when the other side is gone.
    pub fn send(&self, frame: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), Failure> {
        self.send_with(frame, descriptors, SendFlags::NOSIGNAL)
    }

    /// Sends one message, or fails with EAGAIN when there is no room.
    ///
    /// # Errors
    ///
    /// [`Failure`]; EPIPE when the other side is gone.
    pub fn send_now(&self, frame: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), Failure> {
        self.send_with(frame, descriptors, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
    }

    fn send_with(&self, frame: &[u8], descriptors: &[BorrowedFd<'_>], flags: SendFlags) -> Result<(), Failure> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(Errno::TOOBIG).trying(|| format!("send {} descriptors", descriptors.len()));
        }
        loop {
            match sendmsg(&self.0, &[IoSlice::new(frame)], &mut ancillary, flags) {
                Err(Errno::INTR) => {}
                done => return done.map(drop).trying(|| format!("send a message of {} bytes", frame.len())),
            }
        }
    }

    /// Waits for a message of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`Failure`]; EMSGSIZE when it was longer, EMFILE when this process has no room for its descriptors.
    pub fn receive(&self, limit: usize) -> Result<Received, Failure> {
        self.receive_with(limit, RecvFlags::CMSG_CLOEXEC)
    }

    /// Takes a message of at most `limit` bytes if there is one.
    ///
    /// # Errors
    ///
    /// As [`Channel::receive`].
    pub fn receive_now(&self, limit: usize) -> Result<Received, Failure> {
        self.receive_with(limit, RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT)
    }

    fn receive_with(&self, limit: usize, flags: RecvFlags) -> Result<Received, Failure> {
        let mut frame = vec![0; limit];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let got = loop {
            match recvmsg(&self.0, &mut [IoSliceMut::new(&mut frame)], &mut ancillary, flags) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(Received::Nothing),
                // What a socket says whose other end went away with messages unread.
                Err(Errno::CONNRESET) => return Ok(Received::Closed),
                done => break done.trying(|| "receive a message".to_owned())?,
            }
        };
        let descriptors = ancillary
            .drain()
            .filter_map(|part| if let RecvAncillaryMessage::ScmRights(rights) = part { Some(rights) } else { None })
            .flatten()
            .collect();
        if got.flags.contains(ReturnFlags::TRUNC) {
            return Err(Errno::MSGSIZE).trying(|| format!("receive a message of at most {limit} bytes"));
        }
        if got.flags.contains(ReturnFlags::CTRUNC) {
            // There was room for as many as are ever sent: what was missing is descriptors of ours.
            return Err(Errno::MFILE).trying(|| "receive descriptors".to_owned());
        }
        if got.bytes == 0 {
            return Ok(Received::Closed); // our frames are never empty
        }
        frame.truncate(got.bytes);
        Ok(Received::Message(Message { frame, descriptors }))
    }
}

impl From<OwnedFd> for Channel {
    fn from(socket: OwnedFd) -> Self {
        Self(socket)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Channel {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_borders_and_descriptors() {
        let (one, other) = Channel::pair().unwrap();
        let (third, _fourth) = Channel::pair().unwrap();
        one.send(b"first", &[]).unwrap();
        one.send(b"second", &[third.as_fd(), one.as_fd()]).unwrap();
        let Received::Message(first) = other.receive(16).unwrap() else { panic!("no message") };
        assert_eq!((first.frame.as_slice(), first.descriptors.len()), (b"first".as_slice(), 0));
        let Received::Message(second) = other.receive(16).unwrap() else { panic!("no message") };
        assert_eq!((second.frame.as_slice(), second.descriptors.len()), (b"second".as_slice(), 2));
        assert!(matches!(other.receive_now(16).unwrap(), Received::Nothing));
    }

    #[test]
    fn a_message_that_is_too_long_is_an_error_not_a_half() {
        let (one, other) = Channel::pair().unwrap();
        one.send(b"12345", &[]).unwrap();
        assert_eq!(other.receive(4).unwrap_err().source.raw_os_error(), Some(libc::EMSGSIZE));
    }

    #[test]
    fn the_end_of_the_other_side_is_seen() {
        let (one, other) = Channel::pair().unwrap();
        drop(one);
        assert!(matches!(other.receive(4).unwrap(), Received::Closed));
        assert_eq!(other.send(b"x", &[]).unwrap_err().source.raw_os_error(), Some(libc::EPIPE));
    }
}
