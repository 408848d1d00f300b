//! Log levels, and which of them a log line has: what decides whether a function with JSON logs keeps a line.
//!
//! Source: AWS Lambda developer guide, "Log-level filtering" and its table of levels of system log events.

use crate::environment::{InitType, Status};
use std::fmt;

/// How grave a line is. Of a function's log, lines below its level are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Finest detail; application logs only.
    Trace,
    /// What helps to find faults.
    Debug,
    /// Normal operation.
    Info,
    /// Possible faults.
    Warn,
    /// Faults; application logs only.
    Error,
    /// What ends the application; application logs only.
    Fatal,
}

impl LogLevel {
    /// What both levels of a function are when it turns to JSON and says nothing of them (observed).
    pub const DEFAULT: Self = Self::Info;

    /// A level as the API names it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "TRACE" => Self::Trace,
            "DEBUG" => Self::Debug,
            "INFO" => Self::Info,
            "WARN" => Self::Warn,
            "ERROR" => Self::Error,
            "FATAL" => Self::Fatal,
            _ => return None,
        })
    }

    /// A level as programs name it: in any case, and with the names of Python's `logging`, whose client writes them.
    #[must_use]
    pub fn of_program(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "WARNING" => Some(Self::Warn),
            "CRITICAL" => Some(Self::Fatal),
            name => Self::parse(name),
        }
    }

    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A line that the platform writes in JSON format, as far as its level depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemLine {
    /// `platform.initStart` that names the version of the runtime, as ours always do.
    InitStart,
    /// `platform.initRuntimeDone`
    InitRuntimeDone(Status),
    /// `platform.initReport`
    InitReport(InitType, Status),
    /// `platform.restoreStart` that names the version of the runtime, likewise.
    RestoreStart,
    /// `platform.restoreRuntimeDone`
    RestoreRuntimeDone(Status),
    /// `platform.restoreReport`
    RestoreReport(Status),
    /// `platform.extension`, and whether that extension has come up.
    Extension(bool),
    /// `platform.telemetrySubscription` and `platform.logsSubscription`
    Subscription,
    /// `platform.logsDropped`
    Dropped,
    /// `platform.start`
    Start,
    /// `platform.runtimeDone`
    RuntimeDone(Status),
    /// `platform.report`
    Report(Status),
}

impl SystemLine {
    /// Its level (documented).
    #[must_use]
    pub const fn level(self) -> LogLevel {
        match self {
            Self::InitStart
            | Self::InitReport(InitType::SnapStart, Status::Success)
            | Self::RestoreStart
            | Self::RestoreReport(Status::Success)
            | Self::Extension(true)
            | Self::Subscription
            | Self::Start
            | Self::Report(Status::Success) => LogLevel::Info,
            Self::InitRuntimeDone(Status::Success)
            | Self::InitReport(InitType::OnDemand, Status::Success)
            | Self::RestoreRuntimeDone(Status::Success)
            | Self::RuntimeDone(Status::Success) => LogLevel::Debug,
            Self::InitRuntimeDone(_)
            | Self::InitReport(..)
            | Self::RestoreRuntimeDone(_)
            | Self::RestoreReport(_)
            | Self::Extension(false)
            | Self::Dropped
            | Self::RuntimeDone(_)
            | Self::Report(_) => LogLevel::Warn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorType;

    #[test]
    fn levels_are_in_order_and_read_back() {
        let names = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
        let levels: Vec<LogLevel> = names.iter().filter_map(|name| LogLevel::parse(name)).collect();
        assert!(levels.is_sorted());
        assert_eq!(levels.iter().map(ToString::to_string).collect::<Vec<_>>(), names);
        assert_eq!(LogLevel::parse("info"), None, "the API takes no other case");
    }

    #[test]
    fn programs_name_levels_in_their_own_ways() {
        for (name, level) in [("debug", LogLevel::Debug), ("Warning", LogLevel::Warn), ("CRITICAL", LogLevel::Fatal)] {
            assert_eq!(LogLevel::of_program(name), Some(level));
        }
        assert_eq!(LogLevel::of_program("NOTICE"), None);
    }

    #[test]
    fn what_fails_is_a_warning_and_what_is_detail_is_not_shown_at_info() {
        let failed = Status::Error(ErrorType::RuntimeExitError);
        for (line, level) in [
            (SystemLine::InitStart, LogLevel::Info),
            (SystemLine::Start, LogLevel::Info),
            (SystemLine::Report(Status::Success), LogLevel::Info),
            (SystemLine::Report(Status::Timeout), LogLevel::Warn),
            (SystemLine::RuntimeDone(Status::Success), LogLevel::Debug),
            (SystemLine::RuntimeDone(failed), LogLevel::Warn),
            (SystemLine::InitRuntimeDone(Status::Success), LogLevel::Debug),
            (SystemLine::InitReport(InitType::OnDemand, Status::Success), LogLevel::Debug),
            (SystemLine::InitReport(InitType::OnDemand, Status::InitError), LogLevel::Warn),
            (SystemLine::InitReport(InitType::SnapStart, Status::Success), LogLevel::Info),
            (SystemLine::RestoreStart, LogLevel::Info),
            (SystemLine::RestoreRuntimeDone(Status::Success), LogLevel::Debug),
            (SystemLine::RestoreRuntimeDone(failed), LogLevel::Warn),
            (SystemLine::RestoreReport(Status::Success), LogLevel::Info),
            (SystemLine::RestoreReport(Status::Timeout), LogLevel::Warn),
        ] {
            assert_eq!(line.level(), level, "{line:?}");
        }
    }
}
