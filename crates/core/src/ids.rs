//! Identities: who owns a function, where it lives, what one invocation is called.

use std::fmt;

/// An AWS account: twelve digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(String);

impl AccountId {
    /// `None` unless `text` is exactly twelve ASCII digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self(text.to_owned()))
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A region's name, such as `us-east-1`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// `None` unless `text` looks like a region: 1 to 32 lower-case letters, digits and dashes, first a letter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(allowed);
        (fits && text.starts_with(|first: char| first.is_ascii_lowercase())).then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One invocation, as `X-Amzn-RequestId` and `START RequestId:` name it: a UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub u128);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(id) = *self;
        let part = |shift: u32, bits: u32| (id >> shift) & ((1 << bits) - 1);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(96, 32),
            part(80, 16),
            part(64, 16),
            part(48, 16),
            part(0, 48)
        )
    }
}

macro_rules! text_like {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text_like!(AccountId, Region);

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_twelve_digits() {
        assert!(AccountId::parse("000000000000").is_some());
        for wrong in ["", "00000000000", "0000000000000", "00000000000a", "０00000000000"] {
            assert!(AccountId::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_region_has_no_path_or_space_in_it() {
        assert!(Region::parse("eu-central-1").is_some());
        for wrong in ["", "1a", "../x", "us east", "US-EAST-1", &"a".repeat(33)] {
            assert!(Region::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_request_id_prints_as_a_uuid() {
        let id = RequestId(0x8476_a536_e9f4_11e8_9739_2dfe_598c_3fcd);
        assert_eq!(id.to_string(), "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    }
}
