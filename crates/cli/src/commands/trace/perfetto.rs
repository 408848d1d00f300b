//! Timelines in the JSON of Chrome's tracing, which ui.perfetto.dev opens: a process for each environment, a thread for
//! each lane, a complete event (`X`) for each span, times in microseconds.
//!
//! Source: "Trace Event Format" of the Chromium project.

use super::axis::moment;
use super::words;
use hearth_api::timeline::{Activity, EnvironmentTimeline, Invocation, Lane, Span};
use serde_json::{Map, Value, json};

/// All of them in one trace.
pub(super) fn json(environments: &[EnvironmentTimeline]) -> Value {
    let events: Vec<_> = (1u64..).zip(environments).flat_map(|(process, one)| events(process, one)).collect();
    json!({ "displayTimeUnit": "ms", "traceEvents": events })
}

fn events(process: u64, environment: &EnvironmentTimeline) -> Vec<Value> {
    let name = format!("{} {} {}", environment.function, environment.version, environment.id);
    let mut events = vec![json!({ "ph": "M", "pid": process, "name": "process_name", "args": { "name": name } })];
    for lane in words::lanes(environment) {
        let named = |name: &str, args: Value| json!({ "ph": "M", "pid": process, "tid": thread(lane), "name": name, "args": args });
        events.push(named("thread_name", json!({ "name": words::lane(environment, lane) })));
        events.push(named("thread_sort_index", json!({ "sort_index": thread(lane) })));
    }
    events.extend(environment.spans.iter().map(|span| {
        json!({
            "ph": "X",
            "pid": process,
            "tid": thread(span.lane),
            "cat": category(span.lane),
            "name": words::activity(span.lane, span.activity),
            "ts": moment(environment, span.start_us),
            "dur": span.duration_us,
            "args": arguments(environment, span),
        })
    }));
    events
}

fn thread(lane: Lane) -> u32 {
    match lane {
        Lane::Environment => 0,
        Lane::Runtime => 1,
        Lane::Extension(place) => 2 + u32::from(place),
    }
}

fn category(lane: Lane) -> &'static str {
    match lane {
        Lane::Environment => "phase",
        Lane::Runtime => "runtime",
        Lane::Extension(_) => "extension",
    }
}

fn arguments(environment: &EnvironmentTimeline, span: &Span) -> Value {
    let mut arguments = Map::new();
    if span.under_way {
        arguments.insert("underWay".to_owned(), true.into());
    }
    match (span.lane, span.activity) {
        (Lane::Environment, Activity::Init) => {
            // There is one Init phase: after a Reset, Init runs inside an invocation.
            arguments.extend(environment.init.as_ref().map(|init| ("status".to_owned(), init.status.clone().into())));
        }
        (_, Activity::Invoke(number)) => {
            let invocation = environment.invocations.iter().find(|invocation| invocation.number == number);
            arguments.extend(invocation.map(of_invocation).into_iter().flatten());
        }
        _ => {}
    }
    Value::Object(arguments)
}

fn of_invocation(invocation: &Invocation) -> Map<String, Value> {
    let mut arguments = Map::new();
    let mut put = |name: &str, value: Value| arguments.insert(name.to_owned(), value);
    put("requestId", invocation.request_id.clone().into());
    if let Some(us) = invocation.answered_us {
        put("answeredAfterUs", us.saturating_sub(invocation.start_us).into());
    }
    if let Some(init) = &invocation.init {
        put("initInsideUs", init.duration_us.into());
    }
    if let Some(report) = &invocation.report {
        put("durationUs", report.duration_us.into());
        put("billedMs", report.billed_ms.into());
        put("status", report.status.clone().into());
        report.init_us.map(|us| put("initDurationUs", us.into()));
        report.restore_us.map(|us| put("restoreDurationUs", us.into()));
        report.error_type.as_ref().map(|name| put("errorType", name.clone().into()));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::super::testing::environment;
    use super::*;

    #[test]
    fn each_span_is_an_event_of_its_lane() {
        let trace = json(&[environment()]);
        let events = trace["traceEvents"].as_array().expect("events");
        let of = |kind: &str| events.iter().filter(|event| event["ph"] == kind).collect::<Vec<_>>();
        assert_eq!(of("X").len(), environment().spans.len());
        let names: Vec<_> =
            of("M").iter().filter(|event| event["name"] == "thread_name").map(|event| &event["args"]["name"]).collect();
        assert_eq!(names, ["phase", "runtime", "<b>one</b>"]);
        let invoke = of("X").into_iter().find(|event| event["name"] == "Invoke 1").expect("invoke");
        assert_eq!(invoke["args"]["requestId"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
        assert_eq!((&invoke["args"]["billedMs"], &invoke["dur"]), (&json!(103), &json!(23_000)));
    }
}
