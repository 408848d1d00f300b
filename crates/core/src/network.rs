//! The network of an environment as its function sees it, and which addresses a service may take on a host.
//!
//! What is reached inside is reached at one link-local address, as on AWS; all else depends on the mode. Choosing the
//! range for `nat` is a plain function of what the host already routes.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// The address of everything the service answers inside an environment (observed: the Runtime API's on AWS).
pub const SERVICE: Ipv4Addr = Ipv4Addr::new(169, 254, 100, 1);
/// The next hop of every packet that leaves (ours). It names a link and answers nothing.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 100, 2);
/// Port of the Runtime API (observed on AWS).
pub const RUNTIME_API_PORT: u16 = 9_001;
/// Port of Lambda's own API, for functions that invoke functions (ours).
pub const API_PORT: u16 = 9_002;
/// Port of the resolver.
pub const DNS_PORT: u16 = 53;
/// The name that stands for the machine the service runs on (ours).
pub const HOST_NAME: &str = "host.hearth.internal";

/// The names that the service answers inside by itself, and their addresses: the machine it runs on, and the environment
/// as its extensions know it, where they listen for telemetry (documented).
pub const NAMES: [(&str, Ipv4Addr); 3] =
    [(HOST_NAME, SERVICE), ("sandbox.localdomain", Ipv4Addr::LOCALHOST), ("sandbox", Ipv4Addr::LOCALHOST)];

/// Where functions may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nowhere but to what the service answers inside.
    Isolated,
    /// To whatever the host can reach, but neither to the host nor to other environments.
    Nat,
}

impl Mode {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Isolated => "isolated",
            Self::Nat => "nat",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a port inside is free for others, such as one of the host's that is offered there: the service has its own.
#[must_use]
pub fn exposable(port: u16) -> bool {
    !matches!(port, 0 | DNS_PORT | RUNTIME_API_PORT | API_PORT)
}

/// A block of IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    first: u32,
    length: u8,
}

/// Why a text is no block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// It has another form.
    #[error("a range of addresses looks like 100.64.0.0/20")]
    Form,
    /// Its address is not the first of its block.
    #[error("the range does not start where a block of its size can: {0} would")]
    Unaligned(Prefix),
}

impl Prefix {
    /// The block of this length around an address; `None` if there is no such length.
    #[must_use]
    pub fn around(address: Ipv4Addr, length: u8) -> Option<Self> {
        (length <= 32).then(|| Self { first: address.to_bits() & Self::mask(length), length })
    }

    fn mask(length: u8) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
    }

    /// Its first address.
    #[must_use]
    pub fn first(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first)
    }

    /// How many leading bits its addresses share.
    #[must_use]
    pub fn length(self) -> u8 {
        self.length
    }

    /// How many addresses it has.
    #[must_use]
    pub fn addresses(self) -> u32 {
        1_u32.checked_shl(32 - u32::from(self.length)).unwrap_or(u32::MAX)
    }

    /// The address this far into it, if it is that large.
    #[must_use]
    pub fn address(self, index: u32) -> Option<Ipv4Addr> {
        let inside = index & Self::mask(self.length) == 0;
        inside.then(|| Ipv4Addr::from_bits(self.first | index))
    }

    /// Whether the two share an address.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        let shared = Self::mask(self.length.min(other.length));
        self.first & shared == other.first & shared
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first(), self.length)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = text.split_once('/').ok_or(PrefixError::Form)?;
        let address: Ipv4Addr = address.parse().map_err(|_| PrefixError::Form)?;
        let length = length.parse().map_err(|_| PrefixError::Form)?;
        let block = Self::around(address, length).ok_or(PrefixError::Form)?;
        if block.first() == address { Ok(block) } else { Err(PrefixError::Unaligned(block)) }
    }
}

/// Where ranges are looked for, best first: shared address space (RFC 6598), benchmarking (RFC 2544), private (RFC 1918).
const POOLS: [Prefix; 4] = [
    Prefix { first: 0x6440_0000, length: 10 },
    Prefix { first: 0xC612_0000, length: 15 },
    Prefix { first: 0x0A00_0000, length: 8 },
    Prefix { first: 0xAC10_0000, length: 12 },
];
/// Shorter routes lead out into the world: a default route, or the halves that VPNs make of it.
const ROUTE_BITS: u8 = 8;

/// Whether a route of the host is in the way of a range.
#[must_use]
pub fn conflicts(range: Prefix, route: Prefix) -> bool {
    route.length >= ROUTE_BITS && range.overlaps(route)
}

/// A block of `length` that none of the host's routes overlaps. `seed` says where the search begins, so that services
/// on one host begin at different places, and one service at the same at each start.
#[must_use]
pub fn choose(length: u8, seed: u32, routes: &[Prefix]) -> Option<Prefix> {
    POOLS.iter().filter(|pool| pool.length <= length && length <= 32).find_map(|pool| {
        let blocks = 1_u32.checked_shl(u32::from(length - pool.length))?;
        let size = 1_u32.checked_shl(32 - u32::from(length)).unwrap_or(0);
        (0..blocks)
            .map(|step| Prefix { first: pool.first | (seed.wrapping_add(step) % blocks).wrapping_mul(size), length })
            .find(|block| !routes.iter().any(|route| conflicts(*block, *route)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a prefix")
    }

    fn any_prefix() -> impl Strategy<Value = Prefix> {
        (any::<u32>(), 0_u8..=32)
            .prop_map(|(bits, length)| Prefix::around(Ipv4Addr::from_bits(bits), length).expect("a length"))
    }

    proptest! {
        #[test]
        fn a_prefix_comes_back_from_its_text(prefix in any_prefix()) {
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
        }

        #[test]
        fn prefixes_overlap_when_one_holds_the_first_address_of_the_other(one in any_prefix(), other in any_prefix()) {
            let holds = |outer: Prefix, inner: Prefix| Prefix::around(inner.first(), outer.length) == Some(outer);
            prop_assert_eq!(one.overlaps(other), holds(one, other) || holds(other, one));
            prop_assert_eq!(one.overlaps(other), other.overlaps(one));
        }

        #[test]
        fn addresses_are_inside_and_end(prefix in any_prefix(), index in any::<u32>()) {
            let fits = u64::from(index) < 1_u64 << (32 - prefix.length());
            match prefix.address(index) {
                Some(address) => prop_assert!(fits && Prefix::around(address, prefix.length()) == Some(prefix)),
                None => prop_assert!(!fits),
            }
            prop_assert!(prefix.length() == 0 || fits == (index < prefix.addresses()));
        }

        #[test]
        fn what_is_chosen_is_in_nobodys_way(
            seed in any::<u32>(),
            routes in proptest::collection::vec(any_prefix(), 0..40),
        ) {
            if let Some(chosen) = choose(20, seed, &routes) {
                prop_assert_eq!(chosen.length(), 20);
                prop_assert!(POOLS.iter().any(|pool| pool.overlaps(chosen)));
                prop_assert!(!routes.iter().any(|route| conflicts(chosen, *route)));
            }
        }
    }

    #[test]
    fn a_full_pool_gives_way_to_the_next() {
        let of = |routes: &[&str]| choose(20, 7, &routes.iter().map(|text| prefix(text)).collect::<Vec<_>>());
        assert_eq!(of(&[]), Some(prefix("100.64.112.0/20")));
        assert_eq!(of(&["0.0.0.0/0", "0.0.0.0/1", "64.0.0.0/2"]), Some(prefix("100.64.112.0/20")));
        assert_eq!(of(&["100.64.112.9/32"]), Some(prefix("100.64.128.0/20")));
        assert_eq!(of(&["100.64.0.0/10"]), Some(prefix("198.18.112.0/20")));
        assert_eq!(of(&["100.64.0.0/10", "198.18.0.0/15", "10.0.0.0/8", "172.16.0.0/12"]), None);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "1.2.3.4", "1.2.3.0/33", "1.2.3/24", "a/8", "1.2.3.0/-1"] {
            assert_eq!(text.parse::<Prefix>(), Err(PrefixError::Form), "{text}");
        }
        assert_eq!("10.1.2.3/8".parse::<Prefix>(), Err(PrefixError::Unaligned(prefix("10.0.0.0/8"))));
    }

    #[test]
    fn the_services_own_ports_are_not_the_hosts() {
        assert!(exposable(5_432) && exposable(u16::MAX));
        assert!(![0, DNS_PORT, RUNTIME_API_PORT, API_PORT].into_iter().any(exposable));
    }
}
