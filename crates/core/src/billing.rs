//! What an invocation is billed for.
//!
//! Source: AWS Lambda pricing and the announcement of 2025-08-01 that Init is billed for every function; REPORT lines
//! observed since show that the sum is rounded up once.

use crate::environment::ColdStart;

/// Which billing rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Rule {
    /// In force since 1 August 2025: the Init phase counts.
    #[default]
    Current,
    /// Before: the Init phase is free; Init that runs again inside an invocation is part of its duration either way.
    Classic,
}

/// Billed duration, milliseconds: Duration and Init Duration rounded up once, Restore Duration for itself.
///
/// ```
/// use hearth_core::billing::{Rule, billed_ms};
/// use hearth_core::environment::ColdStart;
/// assert_eq!(billed_ms(Rule::Current, 1_233_960, Some(ColdStart::Init(463_512))), 1_698);
/// assert_eq!(billed_ms(Rule::Classic, 1_233_960, Some(ColdStart::Init(463_512))), 1_234);
/// ```
#[must_use]
pub const fn billed_ms(rule: Rule, duration_us: u64, cold_start: Option<ColdStart>) -> u64 {
    match (rule, cold_start) {
        (Rule::Current, Some(ColdStart::Init(init_us))) => duration_us.saturating_add(init_us).div_ceil(1_000),
        (Rule::Classic, Some(ColdStart::Init(_))) | (_, None) => duration_us.div_ceil(1_000),
        (_, Some(ColdStart::Restore(restore_us))) => {
            duration_us.div_ceil(1_000).saturating_add(billed_restore_ms(restore_us))
        }
    }
}

/// Billed Restore Duration, milliseconds. (Of Restore Duration, AWS bills what the runtime takes; there is nothing else here.)
#[must_use]
pub const fn billed_restore_ms(restore_us: u64) -> u64 {
    restore_us.div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_rounded_up_once() {
        // Observed on AWS: 1307.68 + 1058.15 = 2365.83.
        assert_eq!(billed_ms(Rule::Current, 1_058_150, Some(ColdStart::Init(1_307_680))), 2_366);
        assert_eq!(billed_ms(Rule::Current, 1_058_150, None), 1_059);
        assert_eq!(billed_ms(Rule::Classic, 1_058_150, Some(ColdStart::Init(1_307_680))), 1_059);
        assert_eq!(billed_ms(Rule::Current, 3_000_000, None), 3_000, "a whole number stays");
        assert_eq!(billed_ms(Rule::Current, 0, None), 0);
    }

    #[test]
    fn a_restore_is_rounded_up_for_itself_by_both_rules() {
        for rule in [Rule::Current, Rule::Classic] {
            // Observed on AWS: 149.53 ms and 163 ms are billed as 313 ms, 2338.66 and 182 as 2521.
            assert_eq!(billed_ms(rule, 149_530, Some(ColdStart::Restore(163_000))), 313);
            assert_eq!(billed_ms(rule, 2_338_660, Some(ColdStart::Restore(181_200))), 2_521);
            assert_eq!(billed_ms(rule, 100, Some(ColdStart::Restore(100))), 2);
        }
    }
}
