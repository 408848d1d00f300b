//! The network between sandboxes and the host: nothing at all, or a routed link per sandbox behind the host's address.
//!
//! `nat` changes the host in four places, all of them named after the service so that the next start finds them after a
//! kill: links, a table of rules, a route that keeps its range to itself, and forwarding if it was off. In `isolated`
//! the host is not touched. Links are made by PID 1, while it still has the right to ([`hearth_init::network`]).

mod host;
mod rules;

pub(crate) use rules::{foreign_firewalls, possible};

use super::ids::hash_of;
use super::standing::Standing;
use crate::SandboxError;
use hearth_core::network::{Mode, Prefix, choose, conflicts};
use hearth_init::netlink::Netlink;
use hearth_init::{Failure, Trying};
use host::Route;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;

/// Addresses of a service: 4,096 (ours: one for each of its sandboxes).
const RANGE_BITS: u8 = 20;
/// Held while the host's network is changed: services of one host do it one after the other.
const LOCK: &str = "/run/hearth-network.lock";

/// What network functions get.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// Which mode.
    pub wish: NetworkWish,
    /// Addresses of sandboxes in `nat`; `None` picks some that the host does not route.
    pub range: Option<Prefix>,
    /// Ports to listen on inside for the worker, which passes connections on to the host's.
    pub exposed: Vec<u16>,
}

/// Which mode is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkWish {
    /// [`Mode::Isolated`].
    Isolated,
    /// [`Mode::Nat`], or no start at all.
    Nat,
    /// [`Mode::Nat`] where it can be had, else [`Mode::Isolated`] and a reason.
    NatIfPossible,
}

/// What a service's marks on the host are called.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    /// The table of rules.
    table: String,
    /// Names of links begin with this.
    tag: String,
    /// Group of links, and metric of the route.
    number: u32,
}

/// The network of one service.
#[derive(Debug)]
pub(crate) struct Network {
    marks: Marks,
    exposed: Vec<u16>,
    range: Option<Prefix>,
    why_isolated: Option<String>,
}

/// The link of one sandbox, for PID 1 to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkOrder {
    pub(crate) name: String,
    pub(crate) group: u32,
    pub(crate) address: Ipv4Addr,
}

impl Marks {
    fn of(instance: &str) -> Self {
        const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let number = hash_of(instance).max(1); // group 0 is everybody's
        let letter = |shift: u32| LETTERS.get(usize::try_from(number >> shift & 31).unwrap_or(0));
        let own = (0..5).filter_map(|index| letter(index * 5)).map(|letter| char::from(*letter));
        Self { table: format!("hearth-{instance}"), tag: "hearth".chars().chain(own).collect(), number }
    }

    /// At most 15 bytes: a number has three hexadecimal digits.
    fn link(&self, number: u32) -> String {
        format!("{}{number:03x}", self.tag)
    }
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self { wish: NetworkWish::Isolated, range: None, exposed: Vec::new() }
    }
}

impl Network {
    /// Removes what an earlier run of the same instance has left, then prepares the host.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] when leftovers cannot be removed, or what was asked for cannot be had; the host is as before.
    pub(crate) fn start(config: NetworkConfig, instance: &str, standing: &Standing) -> Result<Self, SandboxError> {
        let NetworkConfig { wish, range, exposed } = config;
        let marks = Marks::of(instance);
        if !standing.is_host() {
            let why = "nat changes this host's network, which only root may";
            return match wish {
                NetworkWish::Nat => Err(SandboxError::Misused(why)),
                NetworkWish::Isolated => Ok(Self { marks, exposed, range: None, why_isolated: None }),
                NetworkWish::NatIfPossible => {
                    Ok(Self { marks, exposed, range: None, why_isolated: Some(why.to_owned()) })
                }
            };
        }
        if host::routes(&Netlink::open()?)?.iter().any(|route| route.is_marked(marks.number)) {
            take_down(&marks, &lock()?)?;
        }
        let mut network = Self { marks, exposed, range: None, why_isolated: None };
        match (wish, range) {
            (NetworkWish::Isolated, _) => {}
            (NetworkWish::Nat, range) => network.range = Some(set_up(&network.marks, range)?),
            (NetworkWish::NatIfPossible, range) => match set_up(&network.marks, range) {
                Ok(range) => network.range = Some(range),
                Err(error) => network.why_isolated = Some(told(&error)),
            },
        }
        if network.range.is_some()
            && let Some(chain) = foreign_firewalls().first()
        {
            tracing::warn!("{chain} drops what this host forwards, functions may reach nothing: see `hearth doctor`");
        }
        Ok(network)
    }

    /// Which mode it is.
    pub(crate) fn mode(&self) -> Mode {
        if self.range.is_some() { Mode::Nat } else { Mode::Isolated }
    }

    /// Why it is not `nat`, where that was wanted.
    pub(crate) fn why_isolated(&self) -> Option<&str> {
        self.why_isolated.as_deref()
    }

    /// Ports to listen on inside.
    pub(crate) fn exposed(&self) -> &[u16] {
        &self.exposed
    }

    /// Sandboxes that it has addresses for.
    pub(crate) fn most(&self) -> u32 {
        self.range.map_or(u32::MAX, Prefix::addresses)
    }

    /// The link of the sandbox with this number.
    pub(crate) fn link(&self, number: u32) -> Result<Option<LinkOrder>, SandboxError> {
        let Some(range) = self.range else { return Ok(None) };
        let no_address = || SandboxError::NoRoom("the network range has no address left".to_owned());
        let address = range.address(number).ok_or_else(no_address)?;
        Ok(Some(LinkOrder { name: self.marks.link(number), group: self.marks.number, address }))
    }

    /// Removes the link of a sandbox that has ended. The kernel does so too, but only once the last socket that was made
    /// inside is closed, and by then the number may be another's.
    pub(crate) fn unlink(&self, number: u32) -> Result<(), Failure> {
        match self.mode() {
            Mode::Isolated => Ok(()),
            Mode::Nat => host::remove_link(&self.marks.link(number)),
        }
    }

    /// Puts the host back as it was. All sandboxes must have ended.
    pub(crate) fn stop(&self) -> Result<(), SandboxError> {
        match self.mode() {
            Mode::Isolated => Ok(()),
            Mode::Nat => take_down(&self.marks, &lock()?),
        }
    }
}

/// Held while the host's network is changed: by one service at a time.
struct Alone(#[expect(dead_code, reason = "closing it unlocks")] File);

fn lock() -> Result<Alone, SandboxError> {
    let what = || format!("lock {LOCK}");
    let file = File::options().create(true).truncate(false).write(true).open(LOCK).trying(what)?;
    file.lock().trying(what)?;
    Ok(Alone(file))
}

/// Prepares the host, or leaves it as it was.
fn set_up(marks: &Marks, wanted: Option<Prefix>) -> Result<Prefix, SandboxError> {
    let alone = lock()?;
    let tables = rules::tables()?;
    let netlink = Netlink::open()?;
    let range = pick(wanted, marks.number, &host::routes(&netlink)?)?;
    // If another service turned it on, ours goes on needing it when that one stops.
    let was_off = !host::forwards()? || tables.iter().any(|table| table.forwarding_was_off);
    let set_up = || {
        host::reserve(&netlink, range, marks.number)?;
        rules::load(marks, range, was_off)?;
        host::forward(true)?;
        host::try_links(&netlink, &marks.tag)
    };
    if let Err(failure) = set_up() {
        if let Err(leftover) = take_down(marks, &alone) {
            tracing::warn!("take back what was changed for the network: {}", told(&leftover));
        }
        return Err(failure.into());
    }
    Ok(range)
}

fn pick(wanted: Option<Prefix>, seed: u32, routes: &[Route]) -> Result<Prefix, SandboxError> {
    let taken: Vec<Prefix> = routes.iter().map(|route| route.to).collect();
    let in_use = |what: String| SandboxError::System { what, source: io::ErrorKind::AddrInUse.into() };
    match wanted {
        None => choose(RANGE_BITS, seed, &taken)
            .ok_or_else(|| in_use(format!("find a /{RANGE_BITS} that this host does not route"))),
        Some(range) => match taken.iter().find(|route| conflicts(range, **route)) {
            None => Ok(range),
            Some(route) => Err(in_use(format!("use {range} while this host routes {route}"))),
        },
    }
}

/// Removes everything that carries these marks.
fn take_down(marks: &Marks, _: &Alone) -> Result<(), SandboxError> {
    let netlink = Netlink::open()?;
    host::remove_links(&netlink, marks.number)?;
    let tables = rules::tables()?;
    if let Some(own) = tables.iter().find(|table| table.name == marks.table) {
        if own.forwarding_was_off && tables.len() == 1 {
            host::forward(false)?;
        }
        rules::remove(marks)?;
    }
    // Last: it is the sign by which the next start sees that there is something to remove.
    for route in host::routes(&netlink)?.iter().filter(|route| route.is_marked(marks.number)) {
        host::release(&netlink, route.to, marks.number)?;
    }
    Ok(())
}

/// An error with its causes, in one line.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_links_fit_and_differ() {
        let (one, other) = (Marks::of("3f2a"), Marks::of("3f2b"));
        assert_ne!(one.tag, other.tag);
        assert_eq!(one.link(0), format!("{}000", one.tag));
        assert_eq!((one.tag.len(), one.link(4_095).len()), (11, 14));
        assert_eq!(one.tag, Marks::of("3f2a").tag);
    }

    #[test]
    fn a_range_that_is_in_the_way_names_the_route() {
        let routes = [Route { to: "10.1.0.0/16".parse().unwrap(), protocol: 0, metric: 0 }];
        assert_eq!(pick(Some("10.2.0.0/20".parse().unwrap()), 0, &routes).unwrap().to_string(), "10.2.0.0/20");
        let error = pick(Some("10.1.16.0/20".parse().unwrap()), 0, &routes).unwrap_err();
        assert_eq!(told(&error), "use 10.1.16.0/20 while this host routes 10.1.0.0/16: address in use");
    }
}
