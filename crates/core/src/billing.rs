//! What an invocation is billed for.
//!
//! Source: AWS Lambda pricing and the announcement of 2025-08-01 that Init is billed for every function; REPORT lines
//! observed since show that the sum is rounded up once.

/// Which billing rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Rule {
    /// In force since 1 August 2025: the Init phase counts.
    #[default]
    Current,
    /// Before: the Init phase is free; Init that runs again inside an invocation is part of its duration either way.
    Classic,
}

/// Billed duration, milliseconds, rounded up once.
///
/// ```
/// use hearth_core::billing::{Rule, billed_ms};
/// assert_eq!(billed_ms(Rule::Current, 1_233_960, Some(463_512)), 1_698);
/// assert_eq!(billed_ms(Rule::Classic, 1_233_960, Some(463_512)), 1_234);
/// ```
#[must_use]
pub const fn billed_ms(rule: Rule, duration_us: u64, init_us: Option<u64>) -> u64 {
    let init_us = match (rule, init_us) {
        (Rule::Current, Some(init_us)) => init_us,
        (Rule::Current, None) | (Rule::Classic, _) => 0,
    };
    duration_us.saturating_add(init_us).div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_rounded_up_once() {
        // Observed on AWS: 1307.68 + 1058.15 = 2365.83.
        assert_eq!(billed_ms(Rule::Current, 1_058_150, Some(1_307_680)), 2_366);
        assert_eq!(billed_ms(Rule::Current, 1_058_150, None), 1_059);
        assert_eq!(billed_ms(Rule::Classic, 1_058_150, Some(1_307_680)), 1_059);
        assert_eq!(billed_ms(Rule::Current, 3_000_000, None), 3_000, "a whole number stays");
        assert_eq!(billed_ms(Rule::Current, 0, None), 0);
    }
}
