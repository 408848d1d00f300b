//! Each event, member by member, in the schemas that differ.

use super::*;
use hearth_core::environment::{ColdStart, Status};
use hearth_core::error::ErrorType;
use hearth_core::telemetry::Cause;
use proptest::prelude::*;

const ID: RequestId = RequestId(0x8476_a536_e9f4_11e8_9739_2dfe_598c_3fcd);
const REQUEST: &str = r#""requestId":"8476a536-e9f4-11e8-9739-2dfe598c3fcd""#;
const SPAN: Span = Span { name: "responseLatency", start_ms: 1_794_571_234_567, duration_us: 1_500 };

/// Without `{"time":…,"type":"platform.` and the braces at the end.
fn record(event: &PlatformEvent, schema: Schema) -> Option<String> {
    let line = event.record(schema, 1_794_571_234_567)?;
    let record = line.strip_prefix(r#"{"time":"2026-11-13T12:00:34.567Z","type":"platform."#);
    Some(record.and_then(|record| record.strip_suffix('}')).unwrap_or_else(|| panic!("{line}")).to_owned())
}

fn latest(event: &PlatformEvent) -> String {
    record(event, Schema::Telemetry20250129).unwrap()
}

fn runtime_done(status: Status) -> PlatformEvent {
    PlatformEvent::RuntimeDone {
        done: RuntimeDone { request_id: ID, status },
        reported: Some("Runtime.ImportModuleError".to_owned()),
        duration_us: 3_001_182,
        produced_bytes: 7,
        spans: vec![SPAN],
        trace: None,
    }
}

#[test]
fn an_init_start_names_the_instance_since_2022_12_13() {
    let instance = Instance {
        runtime_version: "python:3.11.v1".to_owned(),
        runtime_version_arn: "arn:aws:lambda:us-east-1::runtime:ab".to_owned(),
        function_name: "f".to_owned(),
        function_version: "$LATEST".to_owned(),
        log_stream: "2026/11/13/[$LATEST]ab".to_owned(),
        memory_mb: 256,
    };
    let event = PlatformEvent::InitStart(InitType::OnDemand, InitPhase::Init, instance.clone());
    let first = concat!(
        r#"initStart","record":{"initializationType":"on-demand","phase":"init","#,
        r#""runtimeVersion":"python:3.11.v1","runtimeVersionArn":"arn:aws:lambda:us-east-1::runtime:ab""#,
    );
    let since = concat!(
        r#","functionName":"f","functionVersion":"$LATEST","instanceId":"2026/11/13/[$LATEST]ab","#,
        r#""instanceMaxMemory":268435456}"#,
    );
    assert_eq!(record(&event, Schema::Telemetry20220701).unwrap(), format!("{first}}}"));
    assert_eq!(latest(&event), format!("{first}{since}"));
    assert_eq!(record(&event, Schema::Logs20210318), None);
    let restore = PlatformEvent::RestoreStart(instance);
    let of_restore = first.replace(
        r#"initStart","record":{"initializationType":"on-demand","phase":"init","#,
        r#"restoreStart","record":{"#,
    );
    assert_eq!(latest(&restore), format!("{of_restore}{since}"));
    assert_eq!(record(&restore, Schema::Logs20210318), None);
}

#[test]
fn a_restore_has_its_status_and_its_length() {
    let of = |status| {
        let (report, reported) =
            (RestoreReport { duration_us: 15_190, status }, Some("Runtime.AfterRestoreError".to_owned()));
        let done = PlatformEvent::RestoreRuntimeDone(report, reported.clone());
        [latest(&done), latest(&PlatformEvent::RestoreReport(report, reported))]
    };
    let expected = |status: &str| {
        let metrics = r#""metrics":{"durationMs":15.19}"#;
        [
            format!(r#"restoreRuntimeDone","record":{{{status}}}"#),
            format!(r#"restoreReport","record":{{{status},{metrics}}}"#),
        ]
    };
    assert_eq!(of(Status::Success), expected(r#""status":"success""#));
    let timeout = r#""status":"timeout","errorType":"Runtime.RestoreHookUserTimeout""#;
    assert_eq!(of(Status::Timeout), expected(timeout));
    assert_eq!(of(Status::InitError), expected(r#""status":"error","errorType":"Runtime.AfterRestoreError""#));
    let exit = Status::Error(ErrorType::RuntimeExitError);
    assert_eq!(of(exit), expected(r#""status":"error","errorType":"Runtime.ExitError""#));
}

#[test]
fn a_report_after_a_restore_has_its_length_and_what_is_billed_of_it() {
    let cold_start = Some(ColdStart::Restore(162_640));
    let report = InvocationReport { request_id: ID, duration_us: 149_530, cold_start, status: Status::Success };
    let event = PlatformEvent::Report {
        report,
        reported: None,
        billed_ms: 313,
        memory_mb: (128, 45),
        spans: vec![],
        trace: None,
    };
    let restore = r#""restoreDurationMs":162.64,"billedRestoreDurationMs":163}"#;
    assert!(latest(&event).contains(&format!(r#""maxMemoryUsedMB":45,{restore}"#)), "{}", latest(&event));
}

#[test]
fn a_report_has_microseconds_and_the_status() {
    let cold_start = Some(ColdStart::Init(80_001));
    let report = InvocationReport { request_id: ID, duration_us: 12_345, cold_start, status: Status::Success };
    let (reported, memory_mb, spans, trace) = (None, (128, 45), vec![SPAN], None);
    let event = PlatformEvent::Report { report, reported, billed_ms: 93, memory_mb, spans, trace };
    let metrics = concat!(
        r#""metrics":{"durationMs":12.345,"billedDurationMs":93,"memorySizeMB":128,"maxMemoryUsedMB":45,"#,
        r#""initDurationMs":80.001}"#,
    );
    let spans = r#""spans":[{"name":"responseLatency","start":"2026-11-13T12:00:34.567Z","durationMs":1.5}]"#;
    assert_eq!(latest(&event), format!(r#"report","record":{{{REQUEST},{metrics},{spans},"status":"success"}}"#));
    let logs = record(&event, Schema::Logs20200815).unwrap();
    assert_eq!(logs, format!(r#"report","record":{{{REQUEST},{metrics}}}"#), "the Logs API knows numbers only");
}

#[test]
fn a_failure_names_its_type_and_a_timeout_has_none() {
    let of = |status: &str| {
        let spans = r#""spans":[{"name":"responseLatency","start":"2026-11-13T12:00:34.567Z","durationMs":1.5}]"#;
        let metrics = r#""metrics":{"durationMs":3001.182,"producedBytes":7}"#;
        format!(r#"runtimeDone","record":{{{REQUEST},{status},{spans},{metrics}}}"#)
    };
    let done = |status| latest(&runtime_done(status));
    assert_eq!(done(Status::Timeout), of(r#""status":"timeout""#));
    let exit = Status::Error(ErrorType::RuntimeExitError);
    assert_eq!(done(exit), of(r#""status":"error","errorType":"Runtime.ExitError""#));
    let lost = Status::Error(ErrorType::SandboxFailure);
    assert_eq!(done(lost), of(r#""status":"failure","errorType":"Sandbox.Failure""#));
    assert_eq!(done(Status::InitError), of(r#""status":"error","errorType":"Runtime.ImportModuleError""#));
}

#[test]
fn an_init_is_reported_by_phase() {
    let init_type = InitType::OnDemand;
    let report = InitReport { init_type, phase: InitPhase::Invoke, duration_us: 5_500, status: Status::Success };
    let (kind, done) =
        (r#""initializationType":"on-demand","phase":"invoke""#, PlatformEvent::InitReport(report, None));
    assert_eq!(
        latest(&done),
        format!(r#"initReport","record":{{{kind},"status":"success","metrics":{{"durationMs":5.5}}}}"#)
    );
    let first = record(&done, Schema::Telemetry20220701).unwrap();
    assert_eq!(first, format!(r#"initReport","record":{{{kind},"metrics":{{"durationMs":5.5}}}}"#));
    let runtime = PlatformEvent::InitRuntimeDone(report, None);
    assert_eq!(latest(&runtime), format!(r#"initRuntimeDone","record":{{{kind},"status":"success"}}"#));
    let restored = InitReport { init_type: InitType::SnapStart, phase: InitPhase::Init, ..report };
    let runtime = latest(&PlatformEvent::InitRuntimeDone(restored, None));
    assert!(runtime.contains(r#""initializationType":"snap-start","phase":"init""#), "{runtime}");
}

#[test]
fn the_logs_api_has_ends_and_faults() {
    let fault = PlatformEvent::Fault {
        request_id: ID,
        text: "Runtime exited with error: exit status 1".to_owned(),
        error_type: "Runtime.ExitError",
    };
    let text = r"RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n";
    assert_eq!(record(&fault, Schema::Logs20210318).unwrap(), format!(r#"fault","record":"{text}""#));
    let end = PlatformEvent::End(ID);
    assert_eq!(record(&end, Schema::Logs20200815).unwrap(), format!(r#"end","record":{{{REQUEST}}}"#));
    assert_eq!((record(&fault, Schema::Telemetry20220701), record(&end, Schema::Telemetry20250129)), (None, None));
    let done = runtime_done(Status::Success);
    assert_eq!(record(&done, Schema::Logs20200815), None, "added later");
    let later = record(&done, Schema::Logs20210318).unwrap();
    assert_eq!(later, format!(r#"runtimeDone","record":{{{REQUEST},"status":"success"}}"#));
}

#[test]
fn subscriptions_and_what_was_missed() {
    let types = Types { platform: true, function: true, extension: false };
    let event = PlatformEvent::Subscription { api: Api::Telemetry, name: "one".to_owned(), types };
    let record = r#""record":{"name":"one","state":"Subscribed","types":["platform","function"]}"#;
    assert_eq!(latest(&event), format!(r#"telemetrySubscription",{record}"#));
    let dropped = PlatformEvent::LogsDropped(Dropped { records: 3, bytes: 500, cause: Cause::Slow });
    let [prefix, reason] = [r#"logsDropped","record":{"droppedBytes":500,"droppedRecords":3,"#, Cause::Slow.text()];
    assert_eq!(latest(&dropped), format!(r#"{prefix}"reason":"{reason}"}}"#));
}

#[test]
fn what_is_missing_is_said_in_json_logs_and_of_the_logs_own_lines_also_as_text() {
    let of = |cause| PlatformEvent::LogsDropped(Dropped { records: 3, bytes: 500, cause });
    assert_eq!(of(Cause::Unreachable).text(), None, "the subscriber's business");
    let text = "[hearth] 500 bytes of output were dropped: more than 33554432 in one invocation\n";
    assert_eq!(of(Cause::Flood).text().as_deref(), Some(text));
    for cause in [Cause::Slow, Cause::Unreachable, Cause::Flood] {
        let line = of(cause).line(0).unwrap();
        assert!(line.contains(r#""type":"platform.logsDropped""#) && line.contains(cause.text()), "{line}");
        assert_eq!(of(cause).level(), LogLevel::Warn);
    }
}

#[test]
fn a_trace_is_named_where_it_is_sampled() {
    let value = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    assert_eq!(traced(Some(value)).as_deref(), Some(value));
    for other in [
        None,
        Some(""),
        Some("Root=1-2;Sampled=0"),
        Some("Root=1-2;Parent=3"),
        Some("Root=;Sampled=1"),
        Some("Sampled=1"),
    ] {
        assert_eq!(traced(other), None, "{other:?}");
    }
    let trace = || traced(Some(value));
    let member = format!(r#""tracing":{{"type":"X-Amzn-Trace-Id","value":"{value}"}}"#);
    let start = PlatformEvent::Start { request_id: ID, version: "1".to_owned(), trace: trace() };
    assert_eq!(latest(&start), format!(r#"start","record":{{{REQUEST},"version":"1",{member}}}"#));
    let report = InvocationReport { request_id: ID, duration_us: 1, cold_start: None, status: Status::Success };
    let (reported, spans) = (None, Vec::new());
    let report = PlatformEvent::Report { report, reported, billed_ms: 1, memory_mb: (1, 1), spans, trace: trace() };
    let mut done = runtime_done(Status::Success);
    if let PlatformEvent::RuntimeDone { trace: of, .. } = &mut done {
        *of = trace();
    }
    for event in [start, done, report] {
        assert!(record(&event, Schema::Telemetry20220701).unwrap().ends_with(&format!("{member}}}")), "{event:?}");
        assert!(!record(&event, Schema::Logs20210318).unwrap().contains("tracing"), "{event:?}");
    }
}

#[test]
fn a_line_is_text_or_an_object() {
    let of = |line, json_format, schema| logged(LoggedRecord { kind: "function", line, json_format }, schema, 0);
    let head = r#"{"time":"1970-01-01T00:00:00.000Z","type":"function","record":"#;
    let object = r#"{"b":1,"a":"é"}"#;
    let line = format!("{object}\n");
    assert_eq!(of(&line, true, Schema::Telemetry20221213), format!("{head}{object}}}"), "as it was written");
    let text = format!(r#"{head}"{{\"b\":1,\"a\":\"é\"}}\n"}}"#);
    assert_eq!(of(&line, true, Schema::Telemetry20220701), text);
    assert_eq!(of(&line, false, Schema::Telemetry20250129), text);
    let lines = "{\"b\":\n1}\n";
    assert_eq!(of(lines, true, Schema::Telemetry20250129), format!(r#"{head}{{"b": 1}}}}"#), "of one line");
    assert_eq!(of("{no\n", true, Schema::Telemetry20250129), format!(r#"{head}"{{no\n"}}"#));
    assert_eq!(of("7\n", true, Schema::Telemetry20250129), format!(r#"{head}"7\n"}}"#));
}

proptest! {
    #[test]
    fn whatever_is_printed_is_one_line_of_json(text in any::<String>(), object in r#"\{("[a-c]":[ \n]?([0-9.e]{1,4}|"[^"]?"),?){0,2}\}"#) {
        for line in [text, object] {
            for (json_format, schema) in [(false, Schema::Logs20200815), (true, Schema::Telemetry20250129)] {
                let record = LoggedRecord { kind: "extension", line: &line, json_format };
                let event = logged(record, schema, 0);
                prop_assert!(!event.contains('\n'), "{event:?}");
                let read: serde_json::Value = serde_json::from_str(&event).unwrap();
                let same = read["record"] == line.as_str();
                prop_assert!(same || json_format && read["record"].is_object(), "{event:?}");
            }
        }
    }
}
