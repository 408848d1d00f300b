//! The page: one file without scripts that asks nobody for anything. What functions have chosen, names of extensions, is
//! text in it and nothing else; a policy in its head forbids the browser whatever could come of a mistake in that.

use super::axis::{Axis, moment};
use super::rows::{at, put, rows, wide};
use super::table::table;
use super::words;
use crate::output;
use hearth_api::timeline::{EnvironmentTimeline, Lane, Span};
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");
/// What colours mean: classes of bars and what they stand for.
const KEY: [(&str, &str); 14] = [
    ("create", "sandbox is made (Hearth's own time, not billed)"),
    ("init", "Init"),
    ("register", "extension starts and registers"),
    ("invoke", "Invoke"),
    ("latency", "response latency"),
    ("duration", "response duration (streamed)"),
    ("overhead", "runtime overhead"),
    ("event", "extension has the event"),
    ("late", "extension overhead"),
    ("frozen", "frozen"),
    ("reset", "Reset"),
    ("cold", "no process runs"),
    ("shutdown", "Shutdown"),
    ("bad", "failed or timed out"),
];
/// Least distance between two times on the axis, pixels.
const TICK_PX: f64 = 76.0;

/// The page of these environments; `left_out` older ones are not on it.
pub(super) fn html(environments: &[EnvironmentTimeline], left_out: usize) -> String {
    let axis = Axis::of(environments);
    let function = environments.first().map_or("", |environment| environment.function.as_str());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name} · hearth trace</title>\n<style>\n{STYLE}</style></head>\n<body>\n<header><h1><bdi>{name}</bdi></h1>\
         <p>{}</p></header>\n",
        summary(environments, left_out),
        name = escaped(function),
    );
    page.push_str(&controls());
    put(&mut page, format_args!("<main class=\"chart\" style=\"{}\">\n", wide(axis.width())));
    ticks(&mut page, environments, &axis);
    for (number, environment) in environments.iter().enumerate() {
        put(
            &mut page,
            format_args!(
                "<section>\n<h2>{}</h2>\n{}</section>\n",
                heading(environment),
                rows(environment, &axis, &format!("e{number}-"))
            ),
        );
    }
    page.push_str("</main>\n");
    for (number, environment) in environments.iter().enumerate() {
        table(&mut page, environment, &axis, &format!("e{number}-"));
    }
    page.push_str("</body></html>\n");
    page
}

fn summary(environments: &[EnvironmentTimeline], left_out: usize) -> String {
    let invocations: usize = environments.iter().map(|environment| environment.invocations.len()).sum();
    let first = environments.iter().map(|environment| environment.created_us).min().unwrap_or_default();
    let mut text = format!(
        "{} · {} · from {}",
        super::counted((environments.len(), "environment")),
        super::counted((invocations, "invocation")),
        output::timestamp(first / 1_000)
    );
    if left_out > 0 {
        put(&mut text, format_args!(" · {} older not shown", super::counted((left_out, "environment"))));
    }
    text
}

/// Scale and zoom are radio buttons, which the style sheet reads.
fn controls() -> String {
    let mut text = String::from("<div class=\"controls\">");
    let mut group = |name: &str, says: &str, buttons: &[(&str, &str)]| {
        put(&mut text, format_args!("<fieldset><legend>{says}</legend>"));
        for (place, (id, label)) in buttons.iter().enumerate() {
            let checked = if place == 0 { " checked" } else { "" };
            put(
                &mut text,
                format_args!("<label><input type=\"radio\" name=\"{name}\" id=\"{id}\"{checked}>{label}</label>"),
            );
        }
        text.push_str("</fieldset>");
    };
    group("scale", "Scale", &[("compressed", "compressed"), ("scaled", "true, without freezes")]);
    group("zoom", "Zoom", &[("z1", "1×"), ("z2", "2×"), ("z8", "8×"), ("z32", "32×")]);
    text.push_str("</div>\n<ul class=\"key\">");
    for (class, says) in KEY {
        put(&mut text, format_args!("<li><span class=\"chip {class}\"></span>{says}</li>"));
    }
    text.push_str("<li><span class=\"chip mark\"></span>the caller has its answer</li></ul>\n");
    text
}

/// Times since the beginning, at the beginnings of phases, as many as there is room for on either scale.
fn ticks(page: &mut String, environments: &[EnvironmentTimeline], axis: &Axis) {
    let phase = |span: &&Span| span.lane == Lane::Environment;
    let of = |one: &EnvironmentTimeline| {
        one.spans.iter().filter(phase).map(|span| moment(one, span.start_us)).collect::<Vec<_>>()
    };
    let mut moments: Vec<i64> = environments.iter().flat_map(of).collect();
    moments.sort_unstable();
    moments.dedup();
    page.push_str("<div class=\"row ticks\"><div class=\"label\">time</div><div class=\"track\">");
    let (mut compressed, mut scaled) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for moment in moments {
        let place = axis.place(moment);
        let mut class = String::from("tick");
        if place.compressed + place.quiet - compressed >= TICK_PX {
            compressed = place.compressed + place.quiet;
            class.push_str(" on-compressed");
        }
        if place.scaled + place.quiet - scaled >= TICK_PX {
            scaled = place.scaled + place.quiet;
            class.push_str(" on-scaled");
        }
        let since = u64::try_from(moment.saturating_sub(axis.start())).unwrap_or_default();
        put(page, format_args!("<span class=\"{class}\" style=\"{}\">{}</span>", at(place), words::length(since)));
    }
    page.push_str("</div></div>\n");
}

pub(super) fn heading(environment: &EnvironmentTimeline) -> String {
    let EnvironmentTimeline { id, version, runtime, memory_mb, account, region, .. } = environment;
    let phase = if environment.phase == "Idle" { "Frozen" } else { &environment.phase };
    let function = &environment.function;
    let text = format!(
        "{} · {function}:{version} · {runtime} · {memory_mb} MB · {account} {region} · {phase}",
        id.get(..12).unwrap_or(id)
    );
    escaped(&text)
}

/// Text as text: in elements and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            c if c.is_control() => out.write_fmt(format_args!("{}", c.escape_default())).unwrap_or_default(),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::environment;
    use super::*;
    use hearth_api::timeline::Activity;

    #[test]
    fn a_page_asks_nobody_for_anything_and_runs_nothing() {
        let page = html(&[environment()], 0);
        for forbidden in ["<script", "http:", "https:", "url(", "src=", "@import", "<b>", "javascript:"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("<bdi>&lt;b&gt;one&lt;/b&gt;</bdi>"), "the extension's name, as text");
    }

    #[test]
    fn what_is_forgotten_leaves_a_gap_that_says_so() {
        let mut one = environment();
        one.forgotten = 7;
        one.spans.retain(|span| !matches!(span.activity, Activity::Invoke(1)));
        one.invocations.remove(0);
        let page = html(&[one], 0);
        assert!(page.contains("7 more") && page.contains("7 invocations after it are not remembered"));
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escaped("<a href='x' title=\"&\">\u{1b}\0"),
            "&lt;a href=&#39;x&#39; title=&quot;&amp;&quot;&gt;\\u{1b}\\u{0}"
        );
    }
}
