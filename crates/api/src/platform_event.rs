//! What the platform says of an environment: the facts, from which a line of a log in text format, a record of a log in
//! JSON format and an event of the Telemetry API are made.
//!
//! Source: AWS Lambda developer guide, "Lambda Telemetry API Event schema reference"; log lines recorded from AWS. No event
//! has a `spanId`: traces are passed through, and no segment is made here.

use hearth_core::environment::{InitPhase, InitReport, InitType, InvocationReport, RestoreReport, RuntimeDone};
use hearth_core::extension::Extension;
use hearth_core::ids::RequestId;
use hearth_core::logging::{LogLevel, SystemLine};
use hearth_core::report;
use hearth_core::telemetry::{Api, Dropped, Schema, Types};

mod record;
#[cfg(test)]
mod tests;

pub use record::{LoggedRecord, logged};

/// One thing that the platform says.
#[derive(Clone, Debug)]
pub enum PlatformEvent {
    /// Init begins, this way and here.
    InitStart(InitType, InitPhase, Instance),
    /// The runtime's part of Init is over.
    InitRuntimeDone(InitReport, Reported),
    /// Init is over.
    InitReport(InitReport, Reported),
    /// Restore begins.
    RestoreStart(Instance),
    /// The runtime's part of Restore is over.
    RestoreRuntimeDone(RestoreReport, Reported),
    /// Restore is over.
    RestoreReport(RestoreReport, Reported),
    /// Where an extension stands at the end of Init.
    Extension(Extension),
    /// An extension has subscribed.
    Subscription {
        /// By which API.
        api: Api,
        /// The extension's name.
        name: String,
        /// To what.
        types: Types,
    },
    /// An invocation begins.
    Start {
        /// Which.
        request_id: RequestId,
        /// The function's version.
        version: String,
        /// Of the caller's.
        trace: Trace,
    },
    /// The runtime has ended an invocation.
    RuntimeDone {
        /// Which, and how.
        done: RuntimeDone,
        /// What its Init reported, if that is how.
        reported: Reported,
        /// Since the event was handed out, microseconds.
        duration_us: u64,
        /// Size of its answer.
        produced_bytes: u64,
        /// What it was busy with.
        spans: Vec<Span>,
        /// Of the caller's.
        trace: Trace,
    },
    /// An invocation ended with a fatal error: only the Logs API has a record of its own for that.
    Fault {
        /// Which.
        request_id: RequestId,
        /// How.
        text: String,
        /// Why.
        error_type: &'static str,
    },
    /// An invocation is over: END, and an event of the Logs API.
    End(RequestId),
    /// The same, with numbers.
    Report {
        /// Which, and how.
        report: InvocationReport,
        /// What its Init reported, if that is how.
        reported: Reported,
        /// Milliseconds that count.
        billed_ms: u64,
        /// Memory of the function and the most that was used, MB.
        memory_mb: (u32, u64),
        /// What extensions were busy with.
        spans: Vec<Span>,
        /// Of the caller's.
        trace: Trace,
    },
    /// Events that a subscriber has missed, or lines that have no place in the log.
    LogsDropped(Dropped),
}

/// The error type that a runtime reported from its Init or Restore; needed where a status is [`Status::InitError`].
pub type Reported = Option<String>;

/// The trace that an invocation belongs to, as its caller's `X-Amzn-Trace-Id`: what [`traced`] lets through.
pub type Trace = Option<String>;

/// Events name a trace that is sampled, and no other.
///
/// Source: RIE `telemetry/tracer.go` and its counterpart for managed instances.
#[must_use]
pub fn traced(trace_id: Option<&str>) -> Trace {
    let part = |name: &str| trace_id?.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let sampled = part("Sampled") == Some("1") && part("Root").is_some_and(|root| !root.is_empty());
    trace_id.filter(|_| sampled).map(str::to_owned)
}

/// The environment that begins its Init or its Restore.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Such as `python:3.11.v12`.
    pub runtime_version: String,
    /// Its ARN.
    pub runtime_version_arn: String,
    /// The function's name.
    pub function_name: String,
    /// The function's version.
    pub function_version: String,
    /// The name of its log stream.
    pub log_stream: String,
    /// Memory of the function, MB.
    pub memory_mb: u32,
}

/// A part of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Of which kind.
    pub name: &'static str,
    /// When it began, epoch milliseconds.
    pub start_ms: i64,
    /// How long it was, microseconds.
    pub duration_us: u64,
}

impl PlatformEvent {
    /// Its level in JSON format.
    #[must_use]
    pub fn level(&self) -> LogLevel {
        match self {
            Self::InitStart(..) => SystemLine::InitStart,
            Self::InitRuntimeDone(done, _) => SystemLine::InitRuntimeDone(done.status),
            Self::InitReport(done, _) => SystemLine::InitReport(done.init_type, done.status),
            Self::RestoreStart(_) => SystemLine::RestoreStart,
            Self::RestoreRuntimeDone(done, _) => SystemLine::RestoreRuntimeDone(done.status),
            Self::RestoreReport(done, _) => SystemLine::RestoreReport(done.status),
            Self::Extension(extension) => SystemLine::Extension(extension.error_type().is_none()),
            Self::Subscription { .. } => SystemLine::Subscription,
            Self::Start { .. } | Self::End(_) => SystemLine::Start,
            Self::RuntimeDone { done, .. } => SystemLine::RuntimeDone(done.status),
            Self::Report { report, .. } => SystemLine::Report(report.status),
            Self::Fault { .. } | Self::LogsDropped(_) => SystemLine::Dropped,
        }
        .level()
    }

    /// The line that says it in text format, where one does.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let of = |reported: &Reported| reported.clone().unwrap_or_default();
        match self {
            Self::InitStart(_, InitPhase::Init, instance) => {
                Some(report::init_start(&instance.runtime_version, &instance.runtime_version_arn))
            }
            Self::InitReport(done, reported) => report::init_report(done, &of(reported)),
            Self::RestoreStart(instance) => {
                Some(report::restore_start(&instance.runtime_version, &instance.runtime_version_arn))
            }
            Self::RestoreReport(done, reported) => Some(report::restore_report(done, &of(reported))),
            Self::Extension(extension) => Some(report::extension(extension)),
            Self::Subscription { api, name, types } => Some(report::subscription(*api, name, *types)),
            Self::Start { request_id, version, .. } => Some(report::start(*request_id, version)),
            Self::End(request_id) => Some(report::end(*request_id)),
            Self::Report { report, reported, billed_ms, memory_mb, .. } => {
                Some(report::report(report, *billed_ms, *memory_mb, &of(reported)))
            }
            Self::LogsDropped(dropped) => report::dropped(dropped),
            Self::InitStart(..)
            | Self::InitRuntimeDone(..)
            | Self::RestoreRuntimeDone(..)
            | Self::RuntimeDone { .. }
            | Self::Fault { .. } => None,
        }
    }

    /// The line that says it in JSON format, at a time in epoch milliseconds.
    #[must_use]
    pub fn line(&self, time_ms: i64) -> Option<String> {
        match self {
            // What a log in text format does not say either.
            Self::Fault { .. } => None,
            _ => self.record(Schema::Telemetry20221213, time_ms).map(|record| record + "\n"),
        }
    }
}
