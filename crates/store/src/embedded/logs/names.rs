//! Names of log groups and streams as names of files. Any name maps to a name of its own that is safe as a single path
//! component; the name itself is in the file's head, so that none has to be decoded.

use crate::StoreError;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Longest name of a group or stream, characters (documented for CloudWatch Logs).
const NAME_CHARACTERS: usize = 512;
/// Longest encoded name that is used as it is; file systems allow 255 bytes with the suffix.
const ENCODED_BYTES: usize = 200;
/// What is kept of a longer one, for people who look.
const PREFIX_BYTES: usize = 120;

/// Encodes a name: letters, digits, `-` and `_` stay, everything else becomes `%XX`. A long result ends in `~` and a
/// digest of the name; `~` cannot come from the encoding, so the two never collide.
pub(super) fn encode(name: &str) -> Result<String, StoreError> {
    let characters = name.chars().count();
    if !(1..=NAME_CHARACTERS).contains(&characters) {
        return Err(StoreError::io(
            "use a name of a log group or stream",
            format!("it has {characters} characters, allowed are 1 to {NAME_CHARACTERS}"),
        ));
    }
    let mut encoded = String::with_capacity(name.len() + 16);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _always = write!(encoded, "%{byte:02X}");
        }
    }
    if encoded.len() > ENCODED_BYTES {
        encoded.truncate(PREFIX_BYTES);
        encoded.push('~');
        encoded.push_str(&hex::encode(Sha256::digest(name.as_bytes())));
    }
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn real_names_stay_readable() {
        assert_eq!(encode("/aws/lambda/my-fn_1").unwrap(), "%2Faws%2Flambda%2Fmy-fn_1");
        assert_eq!(encode("2026/11/24/[$LATEST]ab").unwrap(), "2026%2F11%2F24%2F%5B%24LATEST%5Dab");
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(encode("").is_err());
        assert!(encode(&"é".repeat(512)).is_ok_and(|name| name.len() < 200));
        assert!(encode(&"a".repeat(513)).is_err());
    }

    proptest! {
        #[test]
        fn an_encoded_name_is_one_safe_component_of_its_own(one in "\\PC{1,300}", two in "\\PC{1,300}") {
            let (first, second) = (encode(&one).unwrap(), encode(&two).unwrap());
            prop_assert_eq!(one == two, first == second);
            prop_assert!(first.len() <= ENCODED_BYTES && !first.contains(['/', '.', '\0']));
        }
    }
}
