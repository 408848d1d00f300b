//! The numbers behind the bars: a table for each environment, a row for each invocation, with what REPORT says of it and
//! what its parts took.

use super::axis::{Axis, moment};
use super::page::{escaped, heading};
use super::rows::put;
use super::words;
use hearth_api::timeline::{Activity, EnvironmentTimeline, Invocation, Span};

/// The table of one environment; `prefix` begins the ids of its rows.
pub(super) fn table(page: &mut String, environment: &EnvironmentTimeline, axis: &Axis, prefix: &str) {
    put(page, format_args!("<section class=\"facts\"><h2>{}</h2>\n", heading(environment)));
    if let Some(init) = &environment.init {
        let (length, status) = (words::milliseconds(init.duration_us), escaped(&words::init_status(init)));
        put(page, format_args!("<p>Init phase: {length} ms, {status}</p>\n"));
    }
    if environment.forgotten > 0 {
        put(
            page,
            format_args!(
                "<p>{} after it are not remembered.</p>\n",
                super::counted((usize::try_from(environment.forgotten).unwrap_or(usize::MAX), "invocation"))
            ),
        );
    }
    page.push_str(
        "<div class=\"scroll\"><table><thead><tr><th>#</th><th>Request</th><th>At</th><th>Status</th><th>Duration</th>\
         <th>Billed</th><th>Init</th><th>Response latency</th><th>Response duration</th><th>Runtime overhead</th>\
         <th>Extension overhead</th></tr></thead><tbody>\n",
    );
    for invocation in &environment.invocations {
        row(page, environment, invocation, axis, prefix);
    }
    page.push_str("</tbody></table></div></section>\n");
}

fn row(page: &mut String, environment: &EnvironmentTimeline, invocation: &Invocation, axis: &Axis, prefix: &str) {
    let ms = |us: Option<u64>| us.map_or_else(String::new, |us| format!("{} ms", words::milliseconds(us)));
    let report = invocation.report.as_ref();
    let status = report.map_or_else(|| "under way".to_owned(), words::status);
    let bad = if report.is_some_and(|report| report.status != "success") { " class=\"bad\"" } else { "" };
    let since = moment(environment, invocation.start_us).saturating_sub(axis.start());
    let init = match &invocation.init {
        Some(init) => format!("{} ms inside", words::milliseconds(init.duration_us)),
        None => match report.map(|report| (report.init_us, report.restore_us)) {
            Some((_, Some(us))) => format!("{} ms restore", words::milliseconds(us)),
            Some((init_us, None)) => ms(init_us),
            None => String::new(),
        },
    };
    let overhead = part(environment, invocation.number, Activity::RuntimeOverhead);
    // What never came took no time to come.
    let latency = part(environment, invocation.number, Activity::ResponseLatency).filter(|_| overhead.is_some());
    let (number, id) = (invocation.number, escaped(&invocation.request_id));
    put(page, format_args!("<tr id=\"{prefix}{number}\"{bad}><td>{number}</td><td><code>{id}</code></td>"));
    let cells = [
        words::length(u64::try_from(since).unwrap_or_default()),
        status,
        ms(report.map(|report| report.duration_us)),
        report.map_or_else(String::new, |report| format!("{} ms", report.billed_ms)),
        init,
        ms(latency),
        ms(part(environment, invocation.number, Activity::ResponseDuration)),
        ms(overhead),
        ms(part(environment, invocation.number, Activity::ExtensionOverhead)),
    ];
    cells.iter().for_each(|cell| put(page, format_args!("<td>{}</td>", escaped(cell))));
    page.push_str("</tr>\n");
}

/// How long a part of an invocation was: from where its first span begins to where its last one ends.
fn part(environment: &EnvironmentTimeline, number: u32, activity: Activity) -> Option<u64> {
    let end = |span: &Span| span.start_us.saturating_add(span.duration_us);
    let whole = environment.spans.iter().find(|span| span.activity == Activity::Invoke(number))?;
    let within = |span: &&Span| whole.start_us <= span.start_us && end(span) <= end(whole) && span.activity == activity;
    let of = || environment.spans.iter().filter(within);
    Some(of().map(end).max()?.saturating_sub(of().map(|span| span.start_us).min()?))
}

#[cfg(test)]
mod tests {
    use super::super::page::html;
    use super::super::testing::environment;

    #[test]
    fn the_table_has_what_report_says_and_the_parts() {
        let page = html(&[environment()], 2);
        let row = page.lines().find(|line| line.contains("<tr id=\"e0-1\"")).expect("a row");
        let cells: Vec<_> = row.split("<td>").skip(1).map(|cell| cell.split("</td>").next().unwrap()).collect();
        let id = "<code>8476a536-e9f4-11e8-9739-2dfe598c3fcd</code>";
        let expected =
            ["1", id, "84.00 ms", "success", "23.00 ms", "103 ms", "80.00 ms", "2.00 ms", "", "0.10 ms", "20.90 ms"];
        assert_eq!(cells, expected);
        assert!(page.contains("under way") && page.contains("2 environments older not shown"));
        assert!(page.contains("href=\"#e0-1\"") && page.contains(">10m<"), "bars lead to rows, freezes say how long");
    }

    #[test]
    fn a_restore_stands_where_an_init_would() {
        let mut one = environment();
        let report = one.invocations[0].report.as_mut().expect("a report");
        (report.init_us, report.restore_us) = (None, Some(30_000));
        assert!(html(&[one], 0).contains("<td>30.00 ms restore</td>"));
    }

    #[test]
    fn an_answer_that_never_came_has_no_latency() {
        let mut one = environment();
        one.spans.retain(|span| span.activity != super::Activity::RuntimeOverhead);
        assert!(!html(&[one], 0).contains("<td>2.00 ms</td>"));
    }
}
