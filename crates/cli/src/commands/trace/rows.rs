//! The bars of one environment: a row for each lane, a bar for each span. Places and widths are variables of the style
//! sheet, which chooses the scale.

use super::axis::{Axis, Place, moment};
use super::page::escaped;
use super::words;
use hearth_api::timeline::{Activity, EnvironmentTimeline, Invocation, Lane, Span};
use std::fmt::Write as _;

/// The rows, labels included; `prefix` begins the ids of the table that bars of invocations lead to.
pub(super) fn rows(environment: &EnvironmentTimeline, axis: &Axis, prefix: &str) -> String {
    let mut text = String::new();
    for lane in words::lanes(environment) {
        let name = escaped(words::lane(environment, lane));
        put(
            &mut text,
            format_args!(
                "<div class=\"row {}\"><div class=\"label\" title=\"{name}\"><bdi>{name}</bdi></div><div class=\"track\">",
                class_of_lane(lane)
            ),
        );
        for span in environment.spans.iter().filter(|span| span.lane == lane) {
            bar(&mut text, environment, span, axis, prefix);
        }
        if lane == Lane::Environment {
            answers(&mut text, environment, axis);
            forgotten(&mut text, environment, axis);
        }
        text.push_str("</div></div>\n");
    }
    text
}

fn bar(text: &mut String, environment: &EnvironmentTimeline, span: &Span, axis: &Axis, prefix: &str) {
    let end_us = span.start_us.saturating_add(span.duration_us);
    let style = between(axis, environment, span.start_us, end_us);
    let name = words::activity(span.lane, span.activity);
    let length = words::length(span.duration_us);
    let shown = if span.activity == Activity::Frozen { &length } else { &name };
    let invocation = invocation(environment, span);
    let ends = if span.under_way { " (under way)" } else { "" };
    let more = invocation.map(|invocation| format!("\n{}", told(invocation))).unwrap_or_default();
    let title = escaped(&format!("{name}: {length}{ends}{more}"));
    let class = class(environment, span, invocation);
    match invocation {
        Some(invocation) => put(
            text,
            format_args!(
                "<a class=\"bar {class}\" href=\"#{prefix}{}\" style=\"{style}\" title=\"{title}\">{}</a>",
                invocation.number,
                escaped(shown)
            ),
        ),
        None => put(
            text,
            format_args!("<span class=\"bar {class}\" style=\"{style}\" title=\"{title}\">{}</span>", escaped(shown)),
        ),
    }
}

/// Where callers had their answers.
fn answers(text: &mut String, environment: &EnvironmentTimeline, axis: &Axis) {
    for invocation in &environment.invocations {
        let Some(at) = invocation.answered_us else { continue };
        let style = between(axis, environment, at, at);
        let after = words::length(at.saturating_sub(invocation.start_us));
        put(
            text,
            format_args!(
                "<span class=\"answer\" style=\"{style}\" title=\"the caller has its answer after {after}\"></span>"
            ),
        );
    }
}

fn forgotten(text: &mut String, environment: &EnvironmentTimeline, axis: &Axis) {
    let phases: Vec<_> = environment.spans.iter().filter(|span| span.lane == Lane::Environment).collect();
    for pair in phases.windows(2) {
        let [before, after] = pair else { continue };
        let end_us = before.start_us.saturating_add(before.duration_us);
        if environment.forgotten > 0 && end_us < after.start_us {
            let style = between(axis, environment, end_us, after.start_us);
            let count = environment.forgotten;
            put(
                text,
                format_args!(
                    "<span class=\"bar forgotten\" style=\"{style}\" title=\"{count} invocations are not remembered\">{count} more invocations</span>"
                ),
            );
        }
    }
}

fn invocation<'a>(environment: &'a EnvironmentTimeline, span: &Span) -> Option<&'a Invocation> {
    let Activity::Invoke(number) = span.activity else { return None };
    environment.invocations.iter().find(|invocation| invocation.number == number)
}

fn told(invocation: &Invocation) -> String {
    let mut text = format!("request {}", invocation.request_id);
    match &invocation.report {
        Some(report) => {
            let (duration, billed) = (words::milliseconds(report.duration_us), report.billed_ms);
            put(&mut text, format_args!("\n{} · {duration} ms · billed {billed} ms", words::status(report)));
        }
        None => text.push_str("\nno REPORT yet"),
    }
    text
}

fn class(environment: &EnvironmentTimeline, span: &Span, invocation: Option<&Invocation>) -> &'static str {
    let first_init_failed = || environment.init.as_ref().is_some_and(|init| init.status != "success");
    match span.activity {
        Activity::Create => "create",
        Activity::Cold => "cold",
        Activity::Init if span.lane == Lane::Environment && first_init_failed() => "init bad",
        Activity::Init => "init",
        Activity::Restore => "restore",
        Activity::Invoke(_) => match invocation.and_then(|invocation| invocation.report.as_ref()) {
            Some(report) if report.status != "success" => "invoke bad",
            _ => "invoke",
        },
        Activity::Frozen => "frozen",
        Activity::Reset => "reset",
        Activity::Shutdown => "shutdown",
        Activity::ResponseLatency => "latency",
        Activity::ResponseDuration => "duration",
        Activity::RuntimeOverhead => "overhead",
        Activity::Register => "register",
        Activity::Event => "event",
        Activity::ExtensionOverhead => "late",
        Activity::Failed => "bad",
    }
}

fn class_of_lane(lane: Lane) -> &'static str {
    match lane {
        Lane::Environment => "phases",
        Lane::Runtime => "runtime",
        Lane::Extension(_) => "extension",
    }
}

fn between(axis: &Axis, environment: &EnvironmentTimeline, start_us: u64, end_us: u64) -> String {
    let start = axis.place(moment(environment, start_us));
    format!("{};{}", at(start), wide(axis.place(moment(environment, end_us)).from(start)))
}

/// A place, as the style sheet takes it.
pub(super) fn at(place: Place) -> String {
    format!("--a:{:.1};--b:{:.1};--q:{:.0}", place.compressed, place.scaled, place.quiet)
}

/// A width, as the style sheet takes it.
pub(super) fn wide(width: Place) -> String {
    format!("--c:{:.1};--d:{:.1};--r:{:.0}", width.compressed, width.scaled, width.quiet)
}

pub(super) fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    text.write_fmt(arguments).unwrap_or_default();
}
