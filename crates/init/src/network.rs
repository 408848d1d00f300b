//! The sandbox's own network: loopback with the service's address on it, where the service's sockets are made; and, if
//! the plan has one, a link that leads out.
//!
//! Without a link there is no route, no other interface, no way out: what is not here cannot be reached.

use crate::netlink::{Message, Netlink};
use crate::{Failure, Trying};
use hearth_core::network::{API_PORT, DNS_PORT, GATEWAY, RUNTIME_API_PORT, SERVICE};
use rustix::net::netdevice::name_to_index;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Index of `lo` in every network namespace.
const LOOPBACK: u32 = 1;
/// The link's name inside.
const OUTSIDE: &str = "eth0";
/// What the kernel's headers call these, and `libc` does not have.
const VETH_INFO_PEER: u16 = 1;
const IFLA_INET_CONF: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
const IPV4_DEVCONF_RP_FILTER: u16 = 8;
const IPV4_DEVCONF_FORWARDING: u16 = 1;
const RTNH_F_ONLINK: u32 = 4;
const AF_INET: u8 = 2;
const AF_INET6: u16 = 10;

/// What a sandbox's network is to be.
#[derive(Debug, Default)]
pub struct Plan {
    /// Ports to listen on besides the service's own.
    pub exposed: Vec<u16>,
    /// The way out.
    pub link: Option<Link>,
}

/// A pair of virtual interfaces: one inside, one on the host, which routes.
#[derive(Debug)]
pub struct Link {
    /// Name of the host's end, at most 15 bytes.
    pub name: String,
    /// The host's group of such ends, by which all of them are removed at once.
    pub group: u32,
    /// The sandbox's address.
    pub address: Ipv4Addr,
    /// The host's network.
    pub host: Host,
}

/// A hold on the host's network namespace.
#[derive(Debug)]
pub struct Host {
    netlink: Netlink,
    namespace: OwnedFd,
}

impl Host {
    /// That of the caller.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn of_this_thread() -> Result<Self, Failure> {
        let path = "/proc/thread-self/ns/net";
        let namespace = File::open(path).trying(|| format!("open {path}"))?.into();
        Ok(Self { netlink: Netlink::open()?, namespace })
    }
}

impl Plan {
    /// The descriptors that it needs to be carried out.
    #[must_use]
    pub(crate) fn descriptors(&self) -> Vec<RawFd> {
        let of_link = |link: &Link| [link.host.netlink.as_raw_fd(), link.host.namespace.as_raw_fd()];
        self.link.iter().flat_map(of_link).collect()
    }

    /// Makes the network of this process's namespace; gives the sockets of the service in their order: Runtime API,
    /// resolver (UDP, TCP), Lambda's API, exposed ports. Needs the service's rights.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn carry_out(self) -> Result<Vec<OwnedFd>, Failure> {
        let here = Netlink::open()?;
        raise_loopback(&here)?;
        if let Some(link) = self.link {
            link.make(&here)?;
        }
        let listen = |port: u16| {
            TcpListener::bind((SERVICE, port)).map(OwnedFd::from).trying(|| format!("listen on {SERVICE}:{port}"))
        };
        let datagrams = UdpSocket::bind((SERVICE, DNS_PORT)).map(OwnedFd::from);
        let mut sockets = vec![
            listen(RUNTIME_API_PORT)?,
            datagrams.trying(|| format!("listen on {SERVICE}:{DNS_PORT} for datagrams"))?,
            listen(DNS_PORT)?,
            listen(API_PORT)?,
        ];
        for port in self.exposed {
            sockets.push(listen(port)?);
        }
        Ok(sockets)
    }
}

fn raise_loopback(here: &Netlink) -> Result<(), Failure> {
    here.change(&[
        Message::new("raise lo", libc::RTM_NEWLINK, 0, &link_info(LOOPBACK, true)),
        // A /32 by netlink, not by ioctl, which would make all of 169.254.0.0/16 local.
        address(format!("add {SERVICE} to lo"), LOOPBACK, SERVICE, libc::RT_SCOPE_HOST),
    ])
}

impl Link {
    /// Nothing is ever asked for or announced on it: both ends know each other's hardware address from the start.
    fn make(self, here: &Netlink) -> Result<(), Failure> {
        let Self { name, group, address: own, host } = self;
        let (inner, outer) = (hardware_address(2, own), hardware_address(6, own));
        here.change(&[pair(&name, group, inner, outer, &host)])?;
        let outside = name_to_index(&host.netlink, &name).trying(|| format!("find {name}"))?;
        host.netlink.change(&[
            configured(&name, outside),
            Message::new(format!("raise {name}"), libc::RTM_NEWLINK, 0, &link_info(outside, true)),
            neighbour(format!("know {own} on {name}"), outside, own, inner),
            route(format!("route {own} to {name}"), own, 32, libc::RTN_UNICAST, libc::RT_SCOPE_LINK)
                .attribute(libc::RTA_OIF, &outside.to_le_bytes()),
        ])?;
        let inside = name_to_index(here, OUTSIDE).trying(|| format!("find {OUTSIDE}"))?;
        let closed = Ipv4Addr::new(169, 254, 0, 0);
        here.change(&[
            configured(OUTSIDE, inside),
            Message::new(format!("raise {OUTSIDE}"), libc::RTM_NEWLINK, 0, &link_info(inside, true)),
            address(format!("add {own} to {OUTSIDE}"), inside, own, libc::RT_SCOPE_UNIVERSE),
            neighbour(format!("know {GATEWAY}"), inside, GATEWAY, outer),
            default_route(inside),
            // What the host would refuse is refused here already, at once.
            route("close 169.254.0.0/16", closed, 16, libc::RTN_PROHIBIT, libc::RT_SCOPE_UNIVERSE),
        ])
    }
}

const CREATE: i32 = libc::NLM_F_CREATE | libc::NLM_F_EXCL;

/// Both ends at once: one here, one on the host.
fn pair(name: &str, group: u32, inner: [u8; 6], outer: [u8; 6], host: &Host) -> Message {
    let namespace = host.namespace.as_raw_fd().to_le_bytes();
    Message::new(format!("make the link {name}"), libc::RTM_NEWLINK, CREATE, &link_info(0, false))
        .attribute(libc::IFLA_IFNAME, &text(OUTSIDE))
        .attribute(libc::IFLA_ADDRESS, &inner)
        .nested(libc::IFLA_LINKINFO, |info| {
            info.attribute(libc::IFLA_INFO_KIND, b"veth").nested(libc::IFLA_INFO_DATA, |data| {
                data.nested(VETH_INFO_PEER, |peer| {
                    peer.raw(&link_info(0, false))
                        .attribute(libc::IFLA_IFNAME, &text(name))
                        .attribute(libc::IFLA_ADDRESS, &outer)
                        .attribute(libc::IFLA_GROUP, &group.to_le_bytes())
                        .attribute(libc::IFLA_NET_NS_FD, &namespace)
                })
            })
        })
}

/// Before an end is raised: it believes only sources that are routed to it, and gets no IPv6 address.
fn configured(name: &str, index: u32) -> Message {
    let on = 1_u32.to_le_bytes();
    let what = format!("configure {name}");
    Message::new(what, libc::RTM_NEWLINK, 0, &link_info(index, false)).nested(libc::IFLA_AF_SPEC, |spec| {
        spec.nested(u16::from(AF_INET), |inet| {
            inet.nested(IFLA_INET_CONF, |conf| {
                conf.attribute(IPV4_DEVCONF_RP_FILTER, &on).attribute(IPV4_DEVCONF_FORWARDING, &on)
            })
        })
        .nested(AF_INET6, |inet6| inet6.attribute(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE]))
    })
}

/// `struct ifinfomsg`: family and type, index, flags, which flags change.
fn link_info(index: u32, up: bool) -> Vec<u8> {
    let up = if up { libc::IFF_UP.cast_unsigned() } else { 0 };
    [0, index, up, up].iter().flat_map(|word: &u32| word.to_le_bytes()).collect()
}

/// An address of its own, without a network around it.
fn address(what: String, index: u32, address: Ipv4Addr, scope: u8) -> Message {
    // struct ifaddrmsg: family, prefix length, flags, scope; index.
    let body = [&[AF_INET, 32, 0, scope][..], &index.to_le_bytes()].concat();
    Message::new(what, libc::RTM_NEWADDR, CREATE, &body).attribute(libc::IFA_LOCAL, &address.octets())
}

fn neighbour(what: String, index: u32, address: Ipv4Addr, hardware: [u8; 6]) -> Message {
    // struct ndmsg: family, padding; index; state, flags, type.
    let head = [&[AF_INET, 0, 0, 0][..], &index.to_le_bytes(), &libc::NUD_PERMANENT.to_le_bytes(), &[0, 0]].concat();
    Message::new(what, libc::RTM_NEWNEIGH, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &head)
        .attribute(libc::NDA_DST, &address.octets())
        .attribute(libc::NDA_LLADDR, &hardware)
}

/// A route in the main table.
fn route(what: impl Into<String>, to: Ipv4Addr, length: u8, kind: u8, scope: u8) -> Message {
    // struct rtmsg: family, lengths of destination and source, type of service; table, protocol, scope, type; flags.
    let body = [AF_INET, length, 0, 0, libc::RT_TABLE_MAIN, libc::RTPROT_STATIC, scope, kind, 0, 0, 0, 0];
    Message::new(what, libc::RTM_NEWROUTE, CREATE, &body).attribute(libc::RTA_DST, &to.octets())
}

fn default_route(index: u32) -> Message {
    let head = [AF_INET, 0, 0, 0, libc::RT_TABLE_MAIN, libc::RTPROT_STATIC, libc::RT_SCOPE_UNIVERSE, libc::RTN_UNICAST];
    let body = [&head[..], &RTNH_F_ONLINK.to_le_bytes()].concat();
    Message::new(format!("route everything to {GATEWAY}"), libc::RTM_NEWROUTE, CREATE, &body)
        .attribute(libc::RTA_GATEWAY, &GATEWAY.octets())
        .attribute(libc::RTA_OIF, &index.to_le_bytes())
}

/// One that nobody has been given by a maker of hardware, and no other link has.
fn hardware_address(first: u8, address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [first, b'H', a, b, c, d]
}

/// As the kernel wants names: with a zero at the end.
fn text(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}
