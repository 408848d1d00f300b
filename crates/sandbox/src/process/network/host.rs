//! What `nat` reads and changes of the host by netlink and sysctl.

use hearth_core::network::Prefix;
use hearth_init::netlink::{Message, Netlink, attributes};
use hearth_init::{Failure, Trying};
use std::fs;
use std::net::Ipv4Addr;

/// Who made a route, in the kernel's books: a number that no routing daemon uses.
const PROTOCOL: u8 = 104;
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
/// Length of the fixed part of a route: `struct rtmsg`.
const ROUTE_HEAD: usize = 12;
const CREATE: i32 = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
const AF_INET: u8 = 2;

/// One of the host's routes, of any table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) to: Prefix,
    pub(super) protocol: u8,
    pub(super) metric: u32,
}

impl Route {
    /// Whether a service with this number made it.
    pub(super) fn is_marked(self, number: u32) -> bool {
        self.protocol == PROTOCOL && self.metric == number
    }

    fn read(message: &[u8]) -> Option<Self> {
        let (head, rest) = message.split_at_checked(ROUTE_HEAD)?;
        let &[AF_INET, length, _, _, _, protocol, ..] = head else { return None };
        let value = |wanted: u16| attributes(rest).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
        let to = value(libc::RTA_DST).and_then(|value| <[u8; 4]>::try_from(value).ok()).unwrap_or_default();
        let metric = value(libc::RTA_PRIORITY).and_then(|value| <[u8; 4]>::try_from(value).ok()).unwrap_or_default();
        let to = Prefix::around(Ipv4Addr::from(to), length)?;
        Some(Self { to, protocol, metric: u32::from_le_bytes(metric) })
    }
}

/// All of them. Those of every address of the host's own are among them.
pub(super) fn routes(netlink: &Netlink) -> Result<Vec<Route>, Failure> {
    let mut family = [0; ROUTE_HEAD];
    family[0] = AF_INET;
    let found = netlink.list("the routes", libc::RTM_GETROUTE, &family)?;
    Ok(found.iter().filter_map(|message| Route::read(message)).collect())
}

/// A route for the whole range to nowhere: packets to sandboxes that are not there leave the host by no other way, and
/// the range is visibly taken.
pub(super) fn reserve(netlink: &Netlink, range: Prefix, number: u32) -> Result<(), Failure> {
    netlink.change(&[to_nowhere(format!("reserve {range}"), libc::RTM_NEWROUTE, CREATE, range, number)])
}

pub(super) fn release(netlink: &Netlink, range: Prefix, number: u32) -> Result<(), Failure> {
    netlink.change(&[to_nowhere(format!("release {range}"), libc::RTM_DELROUTE, 0, range, number)])
}

fn to_nowhere(what: String, kind: u16, flags: i32, range: Prefix, number: u32) -> Message {
    let scope = libc::RT_SCOPE_UNIVERSE;
    let body = [AF_INET, range.length(), 0, 0, libc::RT_TABLE_MAIN, PROTOCOL, scope, libc::RTN_BLACKHOLE, 0, 0, 0, 0];
    Message::new(what, kind, flags, &body)
        .attribute(libc::RTA_DST, &range.first().octets())
        .attribute(libc::RTA_PRIORITY, &number.to_le_bytes())
}

/// Whether pairs of links can be made here: makes one and removes it.
pub(super) fn try_links(netlink: &Netlink, tag: &str) -> Result<(), Failure> {
    let name = [tag.as_bytes(), b"try\0"].concat();
    let pair = Message::new("make a link", libc::RTM_NEWLINK, CREATE, &[0; 16])
        .attribute(libc::IFLA_IFNAME, &name)
        .nested(libc::IFLA_LINKINFO, |info| info.attribute(libc::IFLA_INFO_KIND, b"veth"));
    let removal = Message::new("remove a link", libc::RTM_DELLINK, 0, &[0; 16]).attribute(libc::IFLA_IFNAME, &name);
    netlink.change(&[pair, removal])
}

/// Removes one link, if it is still there.
pub(super) fn remove_link(name: &str) -> Result<(), Failure> {
    let removal = Message::new(format!("remove the link {name}"), libc::RTM_DELLINK, 0, &[0; 16])
        .attribute(libc::IFLA_IFNAME, &[name.as_bytes(), &[0]].concat());
    unless_gone(Netlink::open()?.change(&[removal]))
}

/// Removes every link of a group at once, which takes hardly longer than one.
pub(super) fn remove_links(netlink: &Netlink, group: u32) -> Result<(), Failure> {
    let removal = Message::new("remove the links of sandboxes", libc::RTM_DELLINK, 0, &[0; 16])
        .attribute(libc::IFLA_GROUP, &group.to_le_bytes());
    unless_gone(netlink.change(&[removal]))
}

fn unless_gone(done: Result<(), Failure>) -> Result<(), Failure> {
    match done {
        Err(failure) if failure.source.raw_os_error() == Some(libc::ENODEV) => Ok(()),
        done => done,
    }
}

/// Whether the host passes packets on from one interface to another.
pub(super) fn forwards() -> Result<bool, Failure> {
    fs::read_to_string(FORWARDING).map(|text| text.trim() != "0").trying(|| format!("read {FORWARDING}"))
}

/// Sets that, if it is otherwise: writing resets settings of single interfaces.
pub(super) fn forward(on: bool) -> Result<(), Failure> {
    if forwards()? == on {
        return Ok(());
    }
    let what = || format!("write {} to {FORWARDING}", u8::from(on));
    fs::write(FORWARDING, if on { "1" } else { "0" }).trying(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_own_addresses_are_among_its_routes() {
        let routes = routes(&Netlink::open().unwrap()).unwrap();
        let local = "127.0.0.0/8".parse().unwrap();
        assert!(routes.iter().any(|route| route.to == local), "{routes:?}");
    }

    #[test]
    fn what_is_no_route_is_none() {
        for message in [&[][..], &[AF_INET; 11], &[10; 12], &[AF_INET, 33, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(Route::read(message), None, "{message:?}");
        }
    }
}
