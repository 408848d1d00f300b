//! Weighted aliases: which of two versions a request goes to. Chance enters as an argument.

/// Whether a request goes to the additional version of an alias, whose share of the requests is `weight` (0 to 1).
/// `draw` is a random number of the request's own: the same draw goes the same way.
#[must_use]
pub fn goes_to_additional(weight: f64, draw: u32) -> bool {
    const DRAWS: f64 = 4_294_967_296.0;
    f64::from(draw) < weight * DRAWS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn none_and_all() {
        for draw in [0, 1, u32::MAX / 2, u32::MAX] {
            assert!(!goes_to_additional(0.0, draw));
            assert!(goes_to_additional(1.0, draw));
        }
    }

    proptest! {
        /// Of draws spread evenly, the share that goes there is the weight, to one draw.
        #[test]
        fn the_share_is_the_weight(weight in 0.0_f64..=1.0) {
            const PARTS: u32 = 1 << 10; // the range of draws can be divided by it
            let draws = (0..PARTS).map(|part| part << 22);
            let there = draws.filter(|draw| goes_to_additional(weight, *draw)).count() as f64;
            prop_assert!((there - weight * f64::from(PARTS)).abs() <= 1.0, "{there} at {weight}");
        }

        /// More weight takes requests from the other version and gives none back.
        #[test]
        fn more_weight_moves_requests_one_way(weight in 0.0_f64..=1.0, more in 0.0_f64..=1.0, draw: u32) {
            let (small, large) = (weight.min(more), weight.max(more));
            prop_assert!(!goes_to_additional(small, draw) || goes_to_additional(large, draw));
        }
    }
}
