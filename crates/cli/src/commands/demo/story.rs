//! Reads the freeze story out of a log, or says where it does not hold. Pure: a log in, a verdict out.

use crate::commands::logs::Event;

/// What the log of the two invokes shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Story {
    /// From the first REPORT to the second START, by the service's clock, milliseconds.
    pub(super) frozen_ms: i64,
    /// The longest time between two steps of the work, by the function's own clock, milliseconds.
    pub(super) gap_ms: i64,
    /// From the second START to the end of the first invoke's work, milliseconds.
    pub(super) finished_after_ms: i64,
    /// Which event is the second START.
    pub(super) second_start: usize,
}

/// Why the story does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Untold {
    /// The second invoke was not served by the environment of the first.
    #[error("the log is in {0} streams: the second invoke ran in another environment")]
    Environments(usize),
    /// A line is missing.
    #[error("invoke {invoke}: no line with {wanted:?} between its START and its END")]
    Missing {
        /// 1 or 2.
        invoke: usize,
        /// Part of the line.
        wanted: String,
    },
    /// START, END and REPORT are not those of two invokes one after the other.
    #[error("the platform's lines are {0:?}, not START, END, REPORT twice")]
    Platform(Vec<String>),
    /// The work went on while it should not have.
    #[error("the work paused for {gap_ms} ms only, though the environment was frozen for {frozen_ms} ms")]
    NotFrozen {
        /// As in [`Story`].
        gap_ms: i64,
        /// As in [`Story`].
        frozen_ms: i64,
    },
    /// Something was logged while frozen, or the pause between the invokes is not there.
    #[error("only {frozen_ms} ms between the first REPORT and the second START; the pause was {pause_ms} ms")]
    NoPause {
        /// As in [`Story`].
        frozen_ms: i64,
        /// Asked for.
        pause_ms: i64,
    },
}

/// The line with which the work of the first invoke ends, up to its figures.
const DONE: &str = "background: work of invoke 1 is done ";
/// Clocks of the function and the service are read at different moments, steps are 0.1 s long, figures are rounded.
const TOLERANCE_MS: i64 = 500;

/// Checks the log of a function that was invoked twice with a pause between.
pub(super) fn read(events: &[Event], pause_ms: i64) -> Result<Story, Untold> {
    let streams = events.iter().map(|event| &event.log_stream_name).collect::<std::collections::BTreeSet<_>>();
    if streams.len() != 1 {
        return Err(Untold::Environments(streams.len()));
    }
    let platform: Vec<(usize, &Event)> =
        events.iter().enumerate().filter(|(_, event)| kind(&event.message).is_some()).collect();
    let kinds: Vec<_> = platform.iter().filter_map(|(_, event)| kind(&event.message)).collect();
    let out_of_order = || Untold::Platform(kinds.iter().map(|kind| (*kind).to_owned()).collect());
    let [(start1, _), (end1, _), (_, report1), (start2, started2), (end2, _), _] = *platform.as_slice() else {
        return Err(out_of_order());
    };
    if kinds != ["START", "END", "REPORT", "START", "END", "REPORT"] {
        return Err(out_of_order());
    }
    let line = |invoke: usize, wanted: &str| {
        let (from, to) = if invoke == 1 { (start1, end1) } else { (start2, end2) };
        let inside = events.get(from..to).unwrap_or_default();
        let found = inside.iter().find(|event| event.message.contains(wanted));
        found.ok_or_else(|| Untold::Missing { invoke, wanted: wanted.to_owned() })
    };
    for invoke in [1, 2] {
        line(invoke, &format!("handler: invoke {invoke} starts"))?;
        line(invoke, &format!("handler: invoke {invoke} returns"))?;
    }
    let done = line(2, DONE)?;
    let frozen_ms = started2.timestamp - report1.timestamp;
    if frozen_ms < pause_ms - TOLERANCE_MS {
        return Err(Untold::NoPause { frozen_ms, pause_ms });
    }
    let gap_ms = last_seconds(&done.message).unwrap_or_default();
    if gap_ms < frozen_ms - TOLERANCE_MS {
        return Err(Untold::NotFrozen { gap_ms, frozen_ms });
    }
    Ok(Story { frozen_ms, gap_ms, finished_after_ms: done.timestamp - started2.timestamp, second_start: start2 })
}

/// Which of the platform's lines around an invoke this is.
fn kind(message: &str) -> Option<&'static str> {
    ["START", "END", "REPORT"]
        .into_iter()
        .find(|kind| message.strip_prefix(kind).is_some_and(|rest| rest.starts_with(" RequestId: ")))
}

/// The last figure of `… passed 4.1 s`, in milliseconds.
fn last_seconds(message: &str) -> Option<i64> {
    let (whole, tenths) = message.trim_end().strip_suffix(" s")?.rsplit(' ').next()?.split_once('.')?;
    Some(whole.parse::<i64>().ok()? * 1_000 + tenths.parse::<i64>().ok()? * 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [(i64, &str); 12] = [
        (0, "INIT_START Runtime Version: python:3.11.v1\n"),
        (100, "START RequestId: a Version: $LATEST\n"),
        (101, "handler: invoke 1 starts 60 steps\n"),
        (5_101, "handler: invoke 1 returns after 5 s\n"),
        (5_103, "END RequestId: a\n"),
        (5_103, "REPORT RequestId: a\tDuration: 5002.00 ms\n"),
        (9_110, "START RequestId: b Version: $LATEST\n"),
        (9_111, "handler: invoke 2 starts 60 steps\n"),
        (
            10_220,
            "background: work of invoke 1 is done 10.1 s after its start; between two of its steps passed 4.0 s\n",
        ),
        (14_112, "handler: invoke 2 returns after 5 s\n"),
        (14_114, "END RequestId: b\n"),
        (14_114, "REPORT RequestId: b\tDuration: 5002.00 ms\n"),
    ];

    fn log() -> Vec<Event> {
        let event = |(at, (timestamp, message)): (usize, &(i64, &str))| Event {
            log_stream_name: "2026/11/24/[$LATEST]0".into(),
            timestamp: *timestamp,
            message: (*message).to_owned(),
            event_id: at.to_string(),
        };
        LINES.iter().enumerate().map(event).collect()
    }

    #[test]
    fn a_log_as_it_should_be_tells_the_story() {
        let story = read(&log(), 4_000).expect("holds");
        assert_eq!(story, Story { frozen_ms: 4_007, gap_ms: 4_000, finished_after_ms: 1_110, second_start: 6 });
    }

    #[test]
    fn another_environment_is_no_freeze() {
        let mut events = log();
        events[8].log_stream_name = "2026/11/24/[$LATEST]1".into();
        assert_eq!(read(&events, 4_000), Err(Untold::Environments(2)));
    }

    #[test]
    fn work_that_ends_within_the_first_invoke_or_between_the_two_is_no_freeze() {
        for before in [4, 6] {
            let mut events = log();
            let done = events.remove(8);
            events.insert(before, done);
            assert_eq!(read(&events, 4_000), Err(Untold::Missing { invoke: 2, wanted: DONE.into() }));
        }
    }

    #[test]
    fn work_that_went_on_meanwhile_is_no_freeze() {
        let mut events = log();
        events[8].message = events[8].message.replace("passed 4.0 s", "passed 0.1 s");
        assert_eq!(read(&events, 4_000), Err(Untold::NotFrozen { gap_ms: 100, frozen_ms: 4_007 }));
        events[8].message = "background: work of invoke 1 is done somehow".into();
        assert_eq!(read(&events, 4_000), Err(Untold::NotFrozen { gap_ms: 0, frozen_ms: 4_007 }));
    }

    #[test]
    fn without_the_pause_nothing_is_shown() {
        assert_eq!(read(&log(), 6_000), Err(Untold::NoPause { frozen_ms: 4_007, pause_ms: 6_000 }));
    }

    #[test]
    fn each_missing_line_is_named() {
        for (at, wanted) in [(2, "invoke 1 starts"), (3, "invoke 1 returns"), (7, "invoke 2 starts"), (9, "2 returns")]
        {
            let mut events = log();
            events.remove(at);
            let error = read(&events, 4_000).expect_err(wanted);
            assert!(error.to_string().contains(wanted), "{error}");
        }
        for at in [1, 4, 5, 6, 10, 11] {
            let mut events = log();
            events.remove(at);
            assert!(matches!(read(&events, 4_000), Err(Untold::Platform(_))), "line {at}");
        }
    }
}
