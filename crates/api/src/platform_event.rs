//! What the platform says of an environment: as a line of a log in text format, and as a `platform.*` record, one JSON
//! object per line of a log in JSON format.
//!
//! Source: AWS Lambda developer guide, "Lambda Telemetry API Event schema reference", schema 2022-12-13; lines recorded
//! from AWS, where `instanceMaxMemory` is in bytes and durations have microseconds. Left out are members that need
//! tracing.

use hearth_core::environment::{InitPhase, InitReport, InvocationReport, Status};
use hearth_core::extension::Extension;
use hearth_core::ids::RequestId;
use hearth_core::logging::{LogLevel, SystemLine};
use hearth_core::report;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// The only way environments come to be as yet.
const ON_DEMAND: &str = "on-demand";

/// One record.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", content = "record")]
pub enum PlatformEvent<'a> {
    /// Init begins.
    #[serde(rename = "platform.initStart")]
    InitStart(InitStart<'a>),
    /// The runtime has ended its Init.
    #[serde(rename = "platform.initRuntimeDone")]
    InitRuntimeDone(InitDone<'a>),
    /// Init is over.
    #[serde(rename = "platform.initReport")]
    InitReport(InitDone<'a>),
    /// Where an extension stands at the end of Init.
    #[serde(rename = "platform.extension")]
    Extension(ExtensionState<'a>),
    /// An invocation begins.
    #[serde(rename = "platform.start")]
    Start {
        /// Which.
        #[serde(rename = "requestId", serialize_with = "as_text")]
        request_id: RequestId,
        /// The function's version.
        version: &'a str,
    },
    /// The runtime has ended an invocation.
    #[serde(rename = "platform.runtimeDone")]
    RuntimeDone(RuntimeDone<'a>),
    /// An invocation is over.
    #[serde(rename = "platform.report")]
    Report(Report<'a>),
}

/// `platform.initStart`
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitStart<'a> {
    initialization_type: &'static str,
    phase: &'static str,
    runtime_version: &'a str,
    runtime_version_arn: &'a str,
    function_name: &'a str,
    function_version: &'a str,
    instance_id: &'a str,
    instance_max_memory: u64,
}

/// `platform.initRuntimeDone` and `platform.initReport`
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitDone<'a> {
    #[serde(skip)]
    of: InitReport,
    initialization_type: &'static str,
    phase: &'static str,
    #[serde(flatten)]
    outcome: Outcome<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<InitMetrics>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InitMetrics {
    duration_ms: f64,
}

/// `platform.extension`
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExtensionState<'a> {
    #[serde(skip)]
    of: &'a Extension,
    name: &'a str,
    state: &'a str,
    events: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'a str>,
}

/// `platform.runtimeDone`
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeDone<'a> {
    #[serde(serialize_with = "as_text")]
    request_id: RequestId,
    #[serde(flatten)]
    outcome: Outcome<'a>,
    metrics: RuntimeMetrics,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeMetrics {
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    produced_bytes: Option<u64>,
}

/// `platform.report`
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report<'a> {
    #[serde(skip)]
    of: InvocationReport,
    #[serde(serialize_with = "as_text")]
    request_id: RequestId,
    metrics: Metrics,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Clone, Debug, Serialize)]
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
}

/// How a phase ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    #[serde(skip)]
    of: Status,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    /// `init_error` is the type that the runtime reported, if Init ended with that.
    fn new(of: Status, init_error: &'a str) -> Self {
        let (status, error_type) = match of {
            Status::Success => ("success", None),
            Status::Timeout => ("timeout", None),
            Status::Error(fault) if fault.as_str().starts_with("Sandbox.") => ("failure", Some(fault.as_str())),
            Status::Error(fault) => ("error", Some(fault.as_str())),
            Status::InitError => ("error", Some(init_error)),
        };
        Self { of, status, error_type }
    }

    /// As lines in text format want it.
    fn init_error(&self) -> &'a str {
        self.error_type.unwrap_or_default()
    }
}

/// The environment that begins its Init, as `platform.initStart` describes it.
#[derive(Clone, Copy, Debug)]
pub struct Instance<'a> {
    /// Such as `python:3.11.v12`.
    pub runtime_version: &'a str,
    /// Its ARN.
    pub runtime_version_arn: &'a str,
    /// The function's name.
    pub function_name: &'a str,
    /// The function's version.
    pub function_version: &'a str,
    /// The name of its log stream.
    pub log_stream: &'a str,
    /// Memory of the function, MB.
    pub memory_mb: u32,
}

impl<'a> PlatformEvent<'a> {
    /// Init begins, in a phase of its own.
    #[must_use]
    pub fn init_start(instance: Instance<'a>) -> Self {
        Self::InitStart(InitStart {
            initialization_type: ON_DEMAND,
            phase: phase_name(InitPhase::Init),
            runtime_version: instance.runtime_version,
            runtime_version_arn: instance.runtime_version_arn,
            function_name: instance.function_name,
            function_version: instance.function_version,
            instance_id: instance.log_stream,
            instance_max_memory: u64::from(instance.memory_mb) << 20,
        })
    }

    /// The runtime has ended its Init.
    #[must_use]
    pub fn init_runtime_done(report: &InitReport, init_error: &'a str) -> Self {
        Self::InitRuntimeDone(InitDone { metrics: None, ..init_done(report, init_error) })
    }

    /// Init is over.
    #[must_use]
    pub fn init_report(report: &InitReport, init_error: &'a str) -> Self {
        Self::InitReport(init_done(report, init_error))
    }

    /// Where an extension stands at the end of Init.
    #[must_use]
    pub fn extension(extension: &'a Extension) -> Self {
        Self::Extension(ExtensionState {
            of: extension,
            name: extension.name(),
            state: extension.state().name(),
            events: extension.events().collect(),
            error_type: extension.error_type(),
        })
    }

    /// The runtime has ended an invocation; `produced_bytes` is the size of its answer, if it gave one.
    #[must_use]
    pub fn runtime_done(report: &InvocationReport, produced_bytes: Option<u64>, init_error: &'a str) -> Self {
        let metrics = RuntimeMetrics { duration_ms: milliseconds(report.duration_us), produced_bytes };
        let outcome = Outcome::new(report.status, init_error);
        Self::RuntimeDone(RuntimeDone { request_id: report.request_id, outcome, metrics })
    }

    /// An invocation is over. `max_memory_mb` is what was used at most.
    #[must_use]
    pub fn report(
        report: &InvocationReport,
        billed_ms: u64,
        memory_mb: u32,
        max_memory_mb: u64,
        init_error: &'a str,
    ) -> Self {
        Self::Report(Report {
            of: *report,
            request_id: report.request_id,
            metrics: Metrics {
                duration_ms: milliseconds(report.duration_us),
                billed_duration_ms: billed_ms,
                memory_size_mb: memory_mb,
                max_memory_used_mb: max_memory_mb,
                init_duration_ms: report.init_us.map(milliseconds),
            },
            outcome: Outcome::new(report.status, init_error),
        })
    }

    /// Its level.
    #[must_use]
    pub const fn level(&self) -> LogLevel {
        match self {
            Self::InitStart(_) => SystemLine::InitStart,
            Self::InitRuntimeDone(done) => SystemLine::InitRuntimeDone(done.outcome.of),
            Self::InitReport(done) => SystemLine::InitReport(done.outcome.of),
            Self::Extension(extension) => SystemLine::Extension(extension.error_type.is_none()),
            Self::Start { .. } => SystemLine::Start,
            Self::RuntimeDone(done) => SystemLine::RuntimeDone(done.outcome.of),
            Self::Report(report) => SystemLine::Report(report.outcome.of),
        }
        .level()
    }

    /// The line that says it in text format, where one does.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::InitStart(start) => Some(report::init_start(start.runtime_version, start.runtime_version_arn)),
            Self::InitReport(done) if done.outcome.of != Status::Success => {
                Some(report::init_report(&done.of, done.outcome.init_error()))
            }
            Self::InitRuntimeDone(_) | Self::InitReport(_) => None,
            Self::Extension(extension) => Some(report::extension(extension.of)),
            Self::Start { request_id, version } => Some(report::start(*request_id, version)),
            Self::RuntimeDone(done) => Some(report::end(done.request_id)),
            Self::Report(Report { of, metrics, outcome, .. }) => {
                let memory_mb = (metrics.memory_size_mb, metrics.max_memory_used_mb);
                Some(report::report(of, metrics.billed_duration_ms, memory_mb, outcome.init_error()))
            }
        }
    }

    /// The record as one line, at a time in epoch milliseconds.
    #[must_use]
    pub fn line(&self, time_ms: i64) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            time: String,
            #[serde(flatten)]
            event: &'a PlatformEvent<'a>,
        }
        let time = Timestamp::from_millisecond(time_ms).unwrap_or_default();
        let line = Line { time: time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(), event: self };
        // No map with keys that are no text, no number that is none: this cannot fail.
        serde_json::to_string(&line).unwrap_or_default() + "\n"
    }
}

fn init_done<'a>(report: &InitReport, init_error: &'a str) -> InitDone<'a> {
    InitDone {
        of: *report,
        initialization_type: ON_DEMAND,
        phase: phase_name(report.phase),
        outcome: Outcome::new(report.status, init_error),
        metrics: Some(InitMetrics { duration_ms: milliseconds(report.duration_us) }),
    }
}

const fn phase_name(phase: InitPhase) -> &'static str {
    match phase {
        InitPhase::Init => "init",
        InitPhase::Invoke => "invoke",
    }
}

/// Exact up to many years.
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1_000.0
}

fn as_text<S: Serializer>(id: &RequestId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_core::error::ErrorType;

    const ID: RequestId = RequestId(0x8476_a536_e9f4_11e8_9739_2dfe_598c_3fcd);

    fn record(event: &PlatformEvent<'_>) -> String {
        let line = event.line(1_794_571_234_567);
        let record = line.strip_prefix(r#"{"time":"2026-11-13T12:00:34.567Z","type":""#);
        record.unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    #[test]
    fn an_init_start_names_the_instance() {
        let instance = Instance {
            runtime_version: "python:3.11.v1",
            runtime_version_arn: "arn:aws:lambda:us-east-1::runtime:ab",
            function_name: "f",
            function_version: "$LATEST",
            log_stream: "2026/11/13/[$LATEST]ab",
            memory_mb: 256,
        };
        assert_eq!(
            record(&PlatformEvent::init_start(instance)),
            concat!(
                r#"platform.initStart","record":{"initializationType":"on-demand","phase":"init","#,
                r#""runtimeVersion":"python:3.11.v1","runtimeVersionArn":"arn:aws:lambda:us-east-1::runtime:ab","#,
                r#""functionName":"f","functionVersion":"$LATEST","instanceId":"2026/11/13/[$LATEST]ab","#,
                r#""instanceMaxMemory":268435456}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_report_has_microseconds_and_the_status() {
        let report =
            InvocationReport { request_id: ID, duration_us: 12_345, init_us: Some(80_001), status: Status::Success };
        assert_eq!(
            record(&PlatformEvent::report(&report, 93, 128, 45, "")),
            concat!(
                r#"platform.report","record":{"requestId":"8476a536-e9f4-11e8-9739-2dfe598c3fcd","metrics":"#,
                r#"{"durationMs":12.345,"billedDurationMs":93,"memorySizeMB":128,"maxMemoryUsedMB":45,"#,
                r#""initDurationMs":80.001},"status":"success"}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_failure_names_its_type_and_a_timeout_has_none() {
        let done = |status| {
            let report = InvocationReport { request_id: ID, duration_us: 3_000_000, init_us: None, status };
            record(&PlatformEvent::runtime_done(&report, None, "Runtime.ImportModuleError"))
        };
        let of = |status: &str| {
            let id = r#"platform.runtimeDone","record":{"requestId":"8476a536-e9f4-11e8-9739-2dfe598c3fcd","#;
            format!("{id}{status},\"metrics\":{{\"durationMs\":3000.0}}}}}}\n")
        };
        assert_eq!(done(Status::Timeout), of(r#""status":"timeout""#));
        let exit = Status::Error(ErrorType::RuntimeExitError);
        assert_eq!(done(exit), of(r#""status":"error","errorType":"Runtime.ExitError""#));
        let lost = Status::Error(ErrorType::SandboxFailure);
        assert_eq!(done(lost), of(r#""status":"failure","errorType":"Sandbox.Failure""#));
        assert_eq!(done(Status::InitError), of(r#""status":"error","errorType":"Runtime.ImportModuleError""#));
    }

    #[test]
    fn an_init_is_reported_by_phase() {
        let report = InitReport { phase: InitPhase::Invoke, duration_us: 5_500, status: Status::Success };
        assert_eq!(
            record(&PlatformEvent::init_report(&report, "")),
            concat!(
                r#"platform.initReport","record":{"initializationType":"on-demand","phase":"invoke","#,
                r#""status":"success","metrics":{"durationMs":5.5}}}"#,
                "\n"
            )
        );
        assert_eq!(
            record(&PlatformEvent::init_runtime_done(&report, "")),
            concat!(
                r#"platform.initRuntimeDone","record":{"initializationType":"on-demand","phase":"invoke","#,
                r#""status":"success"}}"#,
                "\n"
            )
        );
    }
}
