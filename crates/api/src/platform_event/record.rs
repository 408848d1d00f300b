//! Platform events and log lines as the Telemetry API and the Logs API word them, in each version of their schemas.

use super::{Instance, PlatformEvent, Reported, Span, Trace};
use hearth_core::billing::billed_restore_ms;
use hearth_core::environment::{ColdStart, InitPhase, InitReport, RestoreReport, Status};
use hearth_core::error::ErrorType;
use hearth_core::ids::RequestId;
use hearth_core::telemetry::{Api, Schema};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Event<'a, T> {
    #[serde(serialize_with = "as_time")]
    time: i64,
    #[serde(rename = "type")]
    kind: &'a str,
    record: T,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Record<'a> {
    InitStart {
        initialization_type: &'static str,
        phase: &'static str,
        #[serde(flatten)]
        instance: InstanceRecord<'a>,
    },
    RestoreStart(InstanceRecord<'a>),
    Init {
        initialization_type: &'static str,
        phase: &'static str,
        #[serde(flatten, skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        metrics: Option<PhaseMetrics>,
    },
    Restore {
        #[serde(flatten)]
        outcome: Outcome<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        metrics: Option<PhaseMetrics>,
    },
    Extension {
        name: &'a str,
        state: &'static str,
        events: Vec<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_type: Option<&'a str>,
    },
    Subscription {
        name: &'a str,
        state: &'static str,
        types: Vec<&'static str>,
    },
    Start {
        #[serde(serialize_with = "as_text")]
        request_id: RequestId,
        version: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing<'a>>,
    },
    RuntimeDone {
        #[serde(serialize_with = "as_text")]
        request_id: RequestId,
        #[serde(flatten)]
        outcome: Outcome<'a>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        spans: Vec<SpanRecord>,
        #[serde(skip_serializing_if = "Option::is_none")]
        metrics: Option<RuntimeMetrics>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing<'a>>,
    },
    End {
        #[serde(serialize_with = "as_text")]
        request_id: RequestId,
    },
    Report {
        #[serde(serialize_with = "as_text")]
        request_id: RequestId,
        metrics: Metrics,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        spans: Vec<SpanRecord>,
        #[serde(flatten, skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing<'a>>,
    },
    LogsDropped {
        dropped_bytes: u64,
        dropped_records: u64,
        reason: &'static str,
    },
    Text(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InstanceRecord<'a> {
    runtime_version: &'a str,
    runtime_version_arn: &'a str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    identity: Option<Identity<'a>>,
}

/// What schema 2022-12-13 added.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    function_name: &'a str,
    function_version: &'a str,
    instance_id: &'a str,
    instance_max_memory: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhaseMetrics {
    duration_ms: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeMetrics {
    duration_ms: f64,
    produced_bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    duration_ms: f64,
    billed_duration_ms: u64,
    #[serde(rename = "memorySizeMB")]
    memory_size_mb: u32,
    #[serde(rename = "maxMemoryUsedMB")]
    max_memory_used_mb: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    init_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restore_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billed_restore_duration_ms: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanRecord {
    name: &'static str,
    #[serde(serialize_with = "as_time")]
    start: i64,
    duration_ms: f64,
}

/// Which trace an invocation belongs to.
#[derive(Serialize)]
struct Tracing<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    value: &'a str,
}

/// How a phase ended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    fn of_restore(of: &RestoreReport, reported: &'a Reported) -> Self {
        let Self { status, error_type } = Self::new(of.status, reported);
        Self { status, error_type: of.error_type().map(ErrorType::as_str).or(error_type) }
    }

    fn new(of: Status, reported: &'a Reported) -> Self {
        let reported = if of == Status::InitError { reported.as_deref() } else { None };
        Self { status: of.name(), error_type: of.fault().map(ErrorType::as_str).or(reported) }
    }
}

impl PlatformEvent {
    /// The event as one JSON object, at a time in epoch milliseconds; `None` where this schema has no such event.
    #[must_use]
    pub fn record(&self, schema: Schema, time_ms: i64) -> Option<String> {
        let telemetry = schema.api() == Api::Telemetry;
        let (kind, record) = match self {
            Self::InitStart(init_type, phase, of) if telemetry => {
                let (initialization_type, phase, instance) =
                    (init_type.name(), phase_name(*phase), instance(of, schema));
                ("platform.initStart", Record::InitStart { initialization_type, phase, instance })
            }
            Self::InitRuntimeDone(done, reported) if telemetry => {
                ("platform.initRuntimeDone", init(done, Some(Outcome::new(done.status, reported)), None))
            }
            Self::InitReport(done, reported) if telemetry => {
                let outcome = (schema > Schema::Telemetry20220701).then(|| Outcome::new(done.status, reported));
                ("platform.initReport", init(done, outcome, Some(metrics(done.duration_us))))
            }
            Self::RestoreStart(of) if telemetry => {
                ("platform.restoreStart", Record::RestoreStart(instance(of, schema)))
            }
            Self::RestoreRuntimeDone(done, reported) if telemetry => {
                let outcome = Outcome::of_restore(done, reported);
                ("platform.restoreRuntimeDone", Record::Restore { outcome, metrics: None })
            }
            Self::RestoreReport(done, reported) if telemetry => {
                let (outcome, metrics) = (Outcome::of_restore(done, reported), Some(metrics(done.duration_us)));
                ("platform.restoreReport", Record::Restore { outcome, metrics })
            }
            Self::InitStart(..)
            | Self::InitRuntimeDone(..)
            | Self::InitReport(..)
            | Self::RestoreStart(_)
            | Self::RestoreRuntimeDone(..)
            | Self::RestoreReport(..) => return None,
            Self::Extension(extension) => {
                let (name, state) = (extension.name(), extension.state_after_init().name());
                let (events, error_type) = (extension.events().collect(), extension.error_type());
                ("platform.extension", Record::Extension { name, state, events, error_type })
            }
            Self::Subscription { api, name, types } => {
                let kind = match api {
                    Api::Telemetry => "platform.telemetrySubscription",
                    Api::Logs => "platform.logsSubscription",
                };
                (kind, Record::Subscription { name, state: "Subscribed", types: types.names().collect() })
            }
            Self::Start { request_id, version, trace } => (
                "platform.start",
                Record::Start { request_id: *request_id, version, tracing: tracing(trace, telemetry) },
            ),
            Self::RuntimeDone { .. } if schema == Schema::Logs20200815 => return None,
            Self::RuntimeDone { done, reported, duration_us, produced_bytes, spans, trace } => {
                let (duration_ms, produced_bytes) = (milliseconds(*duration_us), *produced_bytes);
                let record = Record::RuntimeDone {
                    request_id: done.request_id,
                    outcome: Outcome::new(done.status, reported),
                    spans: if telemetry { records(spans) } else { Vec::new() },
                    metrics: telemetry.then_some(RuntimeMetrics { duration_ms, produced_bytes }),
                    tracing: tracing(trace, telemetry),
                };
                ("platform.runtimeDone", record)
            }
            Self::Fault { .. } | Self::End(_) if telemetry => return None,
            Self::Fault { request_id, text, error_type } => {
                ("platform.fault", Record::Text(format!("RequestId: {request_id} Error: {text}\n{error_type}\n")))
            }
            Self::End(request_id) => ("platform.end", Record::End { request_id: *request_id }),
            Self::Report { report, reported, billed_ms, memory_mb, spans, trace } => {
                let restore_us = report.cold_start.and_then(ColdStart::restore_us);
                let metrics = Metrics {
                    duration_ms: milliseconds(report.duration_us),
                    billed_duration_ms: *billed_ms,
                    memory_size_mb: memory_mb.0,
                    max_memory_used_mb: memory_mb.1,
                    init_duration_ms: report.cold_start.and_then(ColdStart::init_us).map(milliseconds),
                    restore_duration_ms: restore_us.map(milliseconds),
                    billed_restore_duration_ms: restore_us.map(billed_restore_ms),
                };
                let record = Record::Report {
                    request_id: report.request_id,
                    metrics,
                    spans: if telemetry { records(spans) } else { Vec::new() },
                    outcome: telemetry.then(|| Outcome::new(report.status, reported)),
                    tracing: tracing(trace, telemetry),
                };
                ("platform.report", record)
            }
            Self::LogsDropped(dropped) => {
                let (dropped_bytes, dropped_records) = (dropped.bytes, dropped.records);
                let reason = dropped.cause.text();
                ("platform.logsDropped", Record::LogsDropped { dropped_bytes, dropped_records, reason })
            }
        };
        Some(json(&Event { time: time_ms, kind, record }))
    }
}

/// A line that the function or an extension has printed, to be worded for subscribers.
#[derive(Clone, Copy, Debug)]
pub struct LoggedRecord<'a> {
    /// `function` or `extension`.
    pub kind: &'static str,
    /// With its end.
    pub line: &'a str,
    /// Whether the function's logs are in JSON format.
    pub json_format: bool,
}

/// A line as one JSON object, at a time in epoch milliseconds. With logs in JSON format, what is a JSON object comes as
/// one, since schema 2022-12-13.
#[must_use]
pub fn logged(record: LoggedRecord<'_>, schema: Schema, time_ms: i64) -> String {
    let LoggedRecord { kind, line, json_format } = record;
    let object = (json_format && schema >= Schema::Telemetry20221213 && line.starts_with('{'))
        // Line breaks are between its parts: one in a string would be escaped.
        .then(|| RawValue::from_string(line.trim_end().replace(['\n', '\r'], " ")).ok())
        .flatten();
    match object {
        Some(object) => json(&Event { time: time_ms, kind, record: object }),
        None => json(&Event { time: time_ms, kind, record: line }),
    }
}

fn instance(instance: &Instance, schema: Schema) -> InstanceRecord<'_> {
    let identity = Identity {
        function_name: &instance.function_name,
        function_version: &instance.function_version,
        instance_id: &instance.log_stream,
        instance_max_memory: u64::from(instance.memory_mb) << 20,
    };
    InstanceRecord {
        runtime_version: &instance.runtime_version,
        runtime_version_arn: &instance.runtime_version_arn,
        identity: (schema > Schema::Telemetry20220701).then_some(identity),
    }
}

const fn metrics(duration_us: u64) -> PhaseMetrics {
    PhaseMetrics { duration_ms: milliseconds(duration_us) }
}

fn init<'a>(report: &InitReport, outcome: Option<Outcome<'a>>, metrics: Option<PhaseMetrics>) -> Record<'a> {
    Record::Init { initialization_type: report.init_type.name(), phase: phase_name(report.phase), outcome, metrics }
}

const fn phase_name(phase: InitPhase) -> &'static str {
    match phase {
        InitPhase::Init => "init",
        InitPhase::Invoke => "invoke",
    }
}

/// The Logs API has no such member.
fn tracing(trace: &Trace, telemetry: bool) -> Option<Tracing<'_>> {
    let value = trace.as_deref().filter(|_| telemetry)?;
    Some(Tracing { kind: "X-Amzn-Trace-Id", value })
}

fn records(spans: &[Span]) -> Vec<SpanRecord> {
    let record =
        |span: &Span| SpanRecord { name: span.name, start: span.start_ms, duration_ms: milliseconds(span.duration_us) };
    spans.iter().map(record).collect()
}

fn json(event: &impl Serialize) -> String {
    // No map with keys that are no text, no number that is none: this cannot fail.
    serde_json::to_string(event).unwrap_or_default()
}

/// Exact up to many years.
const fn milliseconds(us: u64) -> f64 {
    us as f64 / 1_000.0
}

fn as_text<S: Serializer>(id: &RequestId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

fn as_time<S: Serializer>(epoch_ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let time = Timestamp::from_millisecond(*epoch_ms).unwrap_or_default();
    serializer.collect_str(&time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"))
}
