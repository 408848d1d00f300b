//! Whether a function's code and its layers fit together: all of it is unpacked, so all of it counts.

use crate::limits::UNZIPPED_BYTES;

/// What is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// The layers by themselves.
    Layers,
    /// Code and layers together.
    Together {
        /// Their size, bytes.
        bytes: u64,
    },
}

/// Adds up unzipped sizes, bytes.
///
/// # Errors
///
/// [`TooLarge`] above [`UNZIPPED_BYTES`].
pub fn fits(code: u64, layers: impl IntoIterator<Item = u64>) -> Result<(), TooLarge> {
    let layers = layers.into_iter().fold(0, u64::saturating_add);
    let bytes = code.saturating_add(layers);
    if layers > UNZIPPED_BYTES {
        Err(TooLarge::Layers)
    } else if bytes > UNZIPPED_BYTES {
        Err(TooLarge::Together { bytes })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_limit_itself_fits() {
        assert_eq!(fits(UNZIPPED_BYTES, []), Ok(()));
        assert_eq!(fits(1, [UNZIPPED_BYTES - 2, 1]), Ok(()));
        assert_eq!(fits(1, [UNZIPPED_BYTES]), Err(TooLarge::Together { bytes: UNZIPPED_BYTES + 1 }));
        assert_eq!(fits(0, [UNZIPPED_BYTES, 1]), Err(TooLarge::Layers));
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_less_always_fits(
            code in 0..=u64::MAX,
            mut layers in prop::collection::vec(0..=UNZIPPED_BYTES, 0..6),
        ) {
            let verdict = fits(code, layers.iter().copied());
            prop_assert_eq!(fits(code, layers.iter().rev().copied()), verdict);
            if verdict.is_ok() {
                layers.pop();
                prop_assert_eq!(fits(code, layers), Ok(()));
            }
        }
    }
}
