//! How activities and times are called, in both formats.

use hearth_api::timeline::{Activity, EnvironmentTimeline, Init, Lane, Report};

/// What is done, for who does it.
pub(super) fn activity(lane: Lane, activity: Activity) -> String {
    match (lane, activity) {
        (_, Activity::Create) => "Sandbox".into(),
        (_, Activity::Cold) => "Cold".into(),
        (Lane::Environment | Lane::Extension(_), Activity::Init) => "Init".into(),
        (Lane::Runtime, Activity::Init) => "Runtime and function init".into(),
        (_, Activity::Restore) => "Restore".into(),
        (_, Activity::Invoke(number)) => format!("Invoke {number}"),
        (_, Activity::Frozen) => "Frozen".into(),
        (_, Activity::Reset) => "Reset".into(),
        (_, Activity::Shutdown) => "Shutdown".into(),
        (_, Activity::ResponseLatency) => "Response latency".into(),
        (_, Activity::ResponseDuration) => "Response duration".into(),
        (_, Activity::RuntimeOverhead) => "Runtime overhead".into(),
        (_, Activity::Register) => "Start to registration".into(),
        (_, Activity::Event) => "Event".into(),
        (_, Activity::ExtensionOverhead) => "Extension overhead".into(),
        (_, Activity::Failed) => "Failed".into(),
    }
}

/// Who does it.
pub(super) fn lane(environment: &EnvironmentTimeline, lane: Lane) -> &str {
    match lane {
        Lane::Environment => "phase",
        Lane::Runtime => "runtime",
        Lane::Extension(place) => {
            let name = environment.extensions.get(usize::from(place));
            name.map_or("extension", String::as_str)
        }
    }
}

/// Lanes in which something was done, in their order.
pub(super) fn lanes(environment: &EnvironmentTimeline) -> Vec<Lane> {
    let mut lanes: Vec<_> = environment.spans.iter().map(|span| span.lane).collect();
    lanes.sort_unstable();
    lanes.dedup();
    lanes
}

/// A length in the unit that suits it: `870 µs`, `83.21 ms`, `3.000 s`, `10m3s`.
pub(super) fn length(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", milliseconds(us)),
        1_000_000..60_000_000 => format!("{}.{:03} s", us / 1_000_000, us % 1_000_000 / 1_000),
        60_000_000.. => crate::duration::short(std::time::Duration::from_micros(us)),
    }
}

/// Milliseconds as REPORT prints them: two decimals, to the nearest hundredth.
pub(super) fn milliseconds(us: u64) -> String {
    let hundredths = us.saturating_add(5) / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// `success`, `timeout`, `error Runtime.ExitError`.
pub(super) fn status(report: &Report) -> String {
    with_type(&report.status, report.error_type.as_deref())
}

/// The same of an Init.
pub(super) fn init_status(init: &Init) -> String {
    with_type(&init.status, init.error_type.as_deref())
}

fn with_type(status: &str, error_type: Option<&str>) -> String {
    error_type.map_or_else(|| status.to_owned(), |error_type| format!("{status} {error_type}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_the_unit_that_suits_it() {
        let lengths = [0, 870, 83_214, 999_999, 3_000_400, 603_000_000].map(length);
        assert_eq!(lengths, ["0 µs", "870 µs", "83.21 ms", "1000.00 ms", "3.000 s", "10m3s"]);
        assert_eq!(milliseconds(12_345), "12.35", "as REPORT rounds");
    }
}
