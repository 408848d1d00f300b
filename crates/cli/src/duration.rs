//! Lengths of time as people write them: `10m`, `90s`, `1h30m`, `500ms`, `2d`.
//!
//! A bare number is refused: whether `10` means seconds or minutes is not for us to guess.

use std::time::Duration;

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    /// Nothing, or a unit without a number.
    #[error("{0:?} is not a length of time: write a number with a unit, such as 10m, 90s or 1h30m")]
    NoNumber(String),
    /// A number without a unit, or with one that we do not know.
    #[error("{text:?}: {unit:?} is not a unit of time: use ms, s, m, h or d")]
    Unit {
        /// The whole text.
        text: String,
        /// What stands where a unit should.
        unit: String,
    },
    /// More than we can count.
    #[error("{0:?} is too long")]
    TooLong(String),
}

/// Reads a length of time.
///
/// # Errors
///
/// [`DurationError`] says what is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(DurationError::NoNumber(text.to_owned()));
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if number.is_empty() {
            return Err(DurationError::NoNumber(text.to_owned()));
        }
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(DurationError::Unit { text: text.to_owned(), unit: unit.to_owned() }),
        };
        let too_long = || DurationError::TooLong(text.to_owned());
        let ms = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit_ms)).ok_or_else(too_long)?;
        total = total.checked_add(Duration::from_millis(ms)).ok_or_else(too_long)?;
        rest = after;
    }
    Ok(total)
}

/// The largest two units of a length of time, for tables: `4d2h`, `3m10s`, `7s`, `120ms`.
pub(crate) fn short(length: Duration) -> String {
    let ms = length.as_millis();
    let pair = |large: u128, a: &str, small: u128, b: &str| match (ms % large) / small {
        0 => format!("{}{a}", ms / large),
        rest => format!("{}{a}{rest}{b}", ms / large),
    };
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{}s", ms / 1_000),
        60_000..3_600_000 => pair(60_000, "m", 1_000, "s"),
        3_600_000..86_400_000 => pair(3_600_000, "h", 60_000, "m"),
        _ => pair(86_400_000, "d", 3_600_000, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        let ms = |text| parse(text).expect("valid").as_millis();
        assert_eq!(ms("10m"), 600_000);
        assert_eq!(ms("1h30m"), 5_400_000);
        assert_eq!(ms("1m500ms"), 60_500);
        assert_eq!(ms(" 7s "), 7_000);
        assert_eq!(ms("2d"), 172_800_000);
        assert_eq!(ms("0s"), 0);
    }

    #[test]
    fn what_is_not_clear_is_refused_with_the_reason() {
        assert_eq!(parse(""), Err(DurationError::NoNumber(String::new())));
        assert_eq!(parse("m"), Err(DurationError::NoNumber("m".into())));
        assert_eq!(parse("-5s"), Err(DurationError::NoNumber("-5s".into())));
        assert_eq!(parse("10"), Err(DurationError::Unit { text: "10".into(), unit: String::new() }));
        assert_eq!(parse("10 m"), Err(DurationError::Unit { text: "10 m".into(), unit: " m".into() }));
        assert_eq!(parse("1w"), Err(DurationError::Unit { text: "1w".into(), unit: "w".into() }));
        assert_eq!(parse("1.5h"), Err(DurationError::Unit { text: "1.5h".into(), unit: ".".into() }));
        for long in ["99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(parse(long), Err(DurationError::TooLong(long.into())));
        }
        // Each part fits, the sum must not wrap.
        let days = "213503982334d";
        assert!(parse(&days.repeat(2)).is_ok());
    }

    #[test]
    fn two_units_are_enough_for_a_table() {
        let text = |text| short(parse(text).expect("valid"));
        assert_eq!(text("120ms"), "120ms");
        assert_eq!(text("7s900ms"), "7s");
        assert_eq!(text("3m10s"), "3m10s");
        assert_eq!(text("3m"), "3m");
        assert_eq!(text("4d2h59m"), "4d2h");
        assert_eq!(text("23h59m59s"), "23h59m");
    }

    #[test]
    fn each_error_says_what_was_read_and_what_is_expected() {
        assert_eq!(
            parse("10").expect_err("no unit").to_string(),
            r#""10": "" is not a unit of time: use ms, s, m, h or d"#
        );
        assert!(parse("x").expect_err("no number").to_string().contains("1h30m"));
        assert!(parse("99999999999999999999s").expect_err("too long").to_string().ends_with("is too long"));
    }
}
