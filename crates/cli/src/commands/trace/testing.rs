//! An environment with an extension of a hostile name.

use hearth_api::timeline::{Activity, EnvironmentTimeline, Init, Invocation, Lane, Report, Span};

/// A cold start, a freeze of ten minutes, and an invocation that runs.
pub(super) fn environment() -> EnvironmentTimeline {
    use Activity as A;
    let span = |lane, activity, start_us, duration_us| Span { lane, activity, start_us, duration_us, under_way: false };
    let (phase, runtime, extension) = (Lane::Environment, Lane::Runtime, Lane::Extension(0));
    let request_id = |last: char| format!("8476a536-e9f4-11e8-9739-2dfe598c3fc{last}");
    EnvironmentTimeline {
        id: "0123456789abcdef0123456789abcdef".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        function: "shop".into(),
        version: "$LATEST".into(),
        runtime: "python3.11".into(),
        memory_mb: 128,
        created_us: 1_795_558_271_042_000,
        phase: "Invoke".into(),
        init: Some(Init { duration_us: 80_000, status: "success".into(), error_type: None }),
        extensions: vec!["<b>one</b>".into()],
        forgotten: 0,
        spans: vec![
            span(phase, A::Create, 0, 4_000),
            span(phase, A::Init, 4_000, 80_000),
            span(extension, A::Register, 4_000, 20_000),
            span(runtime, A::Init, 24_000, 60_000),
            span(phase, A::Invoke(1), 84_000, 23_000),
            span(runtime, A::ResponseLatency, 84_000, 2_000),
            span(runtime, A::RuntimeOverhead, 86_000, 100),
            span(extension, A::ExtensionOverhead, 86_100, 20_900),
            span(phase, A::Frozen, 107_000, 600_000_000),
            Span { under_way: true, ..span(phase, A::Invoke(2), 600_107_000, 1_000) },
        ],
        invocations: vec![
            Invocation {
                number: 1,
                request_id: request_id('d'),
                start_us: 84_000,
                answered_us: Some(86_000),
                init: None,
                report: Some(Report {
                    duration_us: 23_000,
                    billed_ms: 103,
                    init_us: Some(80_000),
                    restore_us: None,
                    status: "success".into(),
                    error_type: None,
                }),
            },
            Invocation {
                number: 2,
                request_id: request_id('e'),
                start_us: 600_107_000,
                answered_us: None,
                init: None,
                report: None,
            },
        ],
    }
}
