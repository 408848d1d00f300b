//! How fast a streamed answer may go: a bucket that holds the first burst and fills again at the lasting rate. An answer
//! that stays within the burst, or is slower than the rate, never waits.
//!
//! Source: AWS Lambda developer guide, "Bandwidth limits for response streaming"; RIE `core/bandwidthlimiter`.

use crate::environment::Moment;

/// A bucket of bytes, for one answer.
#[derive(Clone, Copy, Debug)]
pub struct Bandwidth {
    bytes_per_s: u64,
    /// What fits in, and what is in now: millionths of a byte, so that microseconds times bytes per second add up.
    capacity: u64,
    level: u64,
    /// When `level` was true: in the future while somebody waits.
    at: Moment,
}

impl Bandwidth {
    /// A full bucket of `burst_bytes` at time `now`.
    #[must_use]
    pub const fn new(now: Moment, burst_bytes: u64, bytes_per_s: u64) -> Self {
        let capacity = burst_bytes.saturating_mul(1_000_000);
        Self { bytes_per_s: if bytes_per_s == 0 { 1 } else { bytes_per_s }, capacity, level: capacity, at: now }
    }

    /// Takes `bytes` out at time `now`: how long to wait before they are sent, microseconds.
    pub fn take(&mut self, now: Moment, bytes: u64) -> u64 {
        let filled = now.since(self.at).saturating_mul(self.bytes_per_s);
        self.level = self.level.saturating_add(filled).min(self.capacity);
        self.at = self.at.max(now);
        let cost = bytes.saturating_mul(1_000_000);
        let missing = cost.saturating_sub(self.level);
        self.level = self.level.saturating_sub(cost);
        let pause_us = missing.div_ceil(self.bytes_per_s);
        self.at = Moment(self.at.0.saturating_add(pause_us));
        self.at.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_burst_is_free_and_the_rest_goes_at_the_rate() {
        let mut bandwidth = Bandwidth::new(Moment(5), 6 * MIB, 2 * MIB);
        assert_eq!(bandwidth.take(Moment(5), 6 * MIB), 0);
        assert_eq!(bandwidth.take(Moment(5), 2 * MIB), 1_000_000);
        assert_eq!(bandwidth.take(Moment(1_000_005), 2 * MIB), 1_000_000, "what was waited for is spent");
        assert_eq!(bandwidth.take(Moment(3_000_005), 2 * MIB), 0, "a pause fills it again");
        assert_eq!(bandwidth.take(Moment(90_000_005), 8 * MIB), 1_000_000, "up to the burst");
    }

    proptest! {
        #[test]
        fn no_more_than_burst_and_rate_gets_through(
            burst in 0u64..10_000, rate in 1u64..100_000, steps in prop::collection::vec((0u64..2_000_000, 1u64..20_000), 1..60)
        ) {
            let (mut now, mut sent) = (Moment(0), 0u64);
            let mut bandwidth = Bandwidth::new(now, burst, rate);
            for (gap, bytes) in steps {
                now = Moment(now.0 + gap);
                now = Moment(now.0 + bandwidth.take(now, bytes));
                sent += bytes;
                let allowed = u128::from(burst) * 1_000_000 + u128::from(now.0) * u128::from(rate);
                prop_assert!(u128::from(sent) * 1_000_000 <= allowed);
            }
        }

        #[test]
        fn who_is_slower_than_the_rate_never_waits(rate in 1u64..1_000_000, steps in prop::collection::vec(0u64..3, 1..60)) {
            let mut bandwidth = Bandwidth::new(Moment(0), rate, rate);
            for (second, part) in (1u64..).zip(steps) {
                prop_assert_eq!(bandwidth.take(Moment(second * 1_000_000), rate * part / 2), 0);
            }
        }
    }
}
