//! The level of a line that a function with JSON logs has printed.
//!
//! Source: AWS Lambda developer guide, "Log-level filtering". The clients of AWS filter what goes through their loggers
//! themselves, by `AWS_LAMBDA_LOG_LEVEL`; what reaches the platform is filtered by the `level` of each JSON object.
//! Everything else (no JSON, no level or an unknown one, no time in RFC 3339) counts as INFO. Lines are kept as they are.

use hearth_core::logging::LogLevel;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// What is read of a line. Any type passes: one that is of no use counts as missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    level: Value,
    timestamp: Value,
    /// Go's and Rust's usual name for it.
    time: Value,
}

/// The level of a line.
pub(super) fn of(line: &[u8]) -> LogLevel {
    level(line).unwrap_or(LogLevel::Info)
}

fn level(line: &[u8]) -> Option<LogLevel> {
    // Most plain text ends here, before anything is parsed.
    if line.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let line: Line = serde_json::from_slice(line).ok()?;
    let level = LogLevel::of_program(line.level.as_str()?)?;
    let timed = [&line.timestamp, &line.time].into_iter().filter_map(Value::as_str);
    timed.into_iter().any(|time| time.parse::<Timestamp>().is_ok()).then_some(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_json_object_with_level_and_time_has_a_level_of_its_own() {
        for (line, level) in [
            (r#"{"level":"ERROR","timestamp":"2024-11-02T16:51:31.587199Z","message":"x"}"#, LogLevel::Error),
            (r#" {"time":"2024-11-02T16:51:31+01:00","level":"debug"}"#, LogLevel::Debug),
            ("{\"timestamp\":\"2024-11-02T16:51:31Z\",\"level\":\"WARNING\"}\n", LogLevel::Warn),
            (r#"{"level":"ERROR"}"#, LogLevel::Info),
            (r#"{"level":"ERROR","timestamp":"yesterday"}"#, LogLevel::Info),
            (r#"{"level":"NOTICE","timestamp":"2024-11-02T16:51:31Z"}"#, LogLevel::Info),
            (r#"{"level":30,"timestamp":"2024-11-02T16:51:31Z"}"#, LogLevel::Info),
            (r#"{"level":"DEBUG","timestamp":"2024-11-02T16:51:31Z""#, LogLevel::Info),
            (r#"["level","DEBUG"]"#, LogLevel::Info),
            ("DEBUG plain text", LogLevel::Info),
            ("", LogLevel::Info),
        ] {
            assert_eq!(of(line.as_bytes()), level, "{line}");
        }
    }
}
