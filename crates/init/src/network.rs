//! The sandbox's own network: loopback and the address of the Runtime API, nothing else.
//!
//! No route, no other interface, no way out: what is not here cannot be reached.

use crate::{Failure, Trying};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;

/// Where the Runtime API listens inside every sandbox (observed: `AWS_LAMBDA_RUNTIME_API` on AWS).
pub const RUNTIME_API: (Ipv4Addr, u16) = (Ipv4Addr::new(169, 254, 100, 1), 9001);
/// Index of `lo` in every network namespace.
const LOOPBACK: u32 = 1;

/// Raises `lo`, gives it the Runtime API's address as a /32 and listens there.
///
/// # Errors
///
/// [`Failure`]
pub fn listen_on_loopback() -> Result<TcpListener, Failure> {
    // Protocol 0 is NETLINK_ROUTE.
    let netlink = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
        .trying(|| "make a netlink socket".to_owned())?;
    // struct ifinfomsg: family and type, index, flags, which flags change.
    let up = libc::IFF_UP.cast_unsigned();
    ask(&netlink, libc::RTM_NEWLINK, &[0, LOOPBACK, up, up]).trying(|| "raise lo".to_owned())?;
    // struct ifaddrmsg: family, prefix length, flags, scope; index; then one attribute: length and type, address.
    let head = u32::from_le_bytes([2, 32, 0, libc::RT_SCOPE_HOST]); // 2: AF_INET
    let local = 8 | u32::from(libc::IFA_LOCAL) << 16;
    let address = u32::from_le_bytes(RUNTIME_API.0.octets());
    // A /32 by netlink, not by ioctl, which would make all of 169.254.0.0/16 local.
    ask(&netlink, libc::RTM_NEWADDR, &[head, LOOPBACK, local, address])
        .trying(|| format!("add {} to lo", RUNTIME_API.0))?;
    TcpListener::bind(RUNTIME_API).trying(|| format!("listen on {}:{}", RUNTIME_API.0, RUNTIME_API.1))
}

fn ask(netlink: &OwnedFd, kind: u16, body: &[u32]) -> io::Result<()> {
    let flags = u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE).map_err(io::Error::other)?;
    let words = u32::try_from(body.len()).map_err(io::Error::other)? + 4;
    // struct nlmsghdr: length, type and flags, sequence, port.
    let head = [words * 4, u32::from(kind) | u32::from(flags) << 16, 1, 0];
    let message: Vec<u8> = head.iter().chain(body).flat_map(|word| word.to_le_bytes()).collect();
    send(netlink, &message, SendFlags::empty())?;
    let mut answer = [0; 256];
    let (_, length) = recv(netlink, &mut answer, RecvFlags::empty())?;
    // After the header of the answer: zero, or an error number with its sign changed.
    let code = answer.get(..length).and_then(|bytes| bytes.get(16..20)).and_then(|bytes| bytes.try_into().ok());
    match code.map(i32::from_le_bytes) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
    }
}
