//! From time to places on the page. An Init of 80 ms, an invocation of 2 ms and a freeze of ten minutes are all to be seen,
//! so there are two scales: one on which a length grows with its logarithm, and a true one. On both, time in which nothing
//! runs is cut to one width.

use hearth_api::timeline::{Activity, EnvironmentTimeline, Lane};

/// Width of a time in which nothing runs, pixels.
const QUIET_PX: f64 = 96.0;
/// Width of the shortest piece and of a doubling on the compressed scale, pixels.
const PIECE_PX: f64 = 5.0;
const DOUBLING_PX: f64 = 13.0;
/// Width of all time in which something runs on the true scale, pixels.
const TRUE_PX: f64 = 1_000.0;
/// From here on it counts that nothing runs, microseconds: a blink needs no cut.
const QUIET_FROM_US: i64 = 20_000;

/// A place on each scale, in pixels: what zooming multiplies, and what it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Place {
    /// Where something runs, on the compressed scale.
    pub(super) compressed: f64,
    /// Where something runs, on the true scale.
    pub(super) scaled: f64,
    /// Where nothing does, on both.
    pub(super) quiet: f64,
}

impl Place {
    /// How far this is from an earlier place.
    pub(super) fn from(self, earlier: Self) -> Self {
        Self {
            compressed: self.compressed - earlier.compressed,
            scaled: self.scaled - earlier.scaled,
            quiet: self.quiet - earlier.quiet,
        }
    }
}

/// Time of a page.
#[derive(Debug)]
pub(super) struct Axis {
    /// Moments at which something begins or ends, epoch microseconds, and where they are.
    marks: Vec<(i64, Place)>,
}

impl Axis {
    pub(super) fn of(environments: &[EnvironmentTimeline]) -> Self {
        let mut busy = Vec::new();
        let mut moments = Vec::new();
        for environment in environments {
            for span in &environment.spans {
                let start = moment(environment, span.start_us);
                let end = moment(environment, span.start_us.saturating_add(span.duration_us));
                moments.extend([start, end]);
                let rests = matches!(span.activity, Activity::Frozen | Activity::Cold);
                if span.lane == Lane::Environment && !rests {
                    busy.push((start, end));
                }
            }
        }
        moments.sort_unstable();
        moments.dedup();
        busy.sort_unstable();
        Self { marks: places(&moments, &busy) }
    }

    /// Where a moment is that is a mark; one that is none is where the mark before it is.
    pub(super) fn place(&self, moment: i64) -> Place {
        let after = self.marks.partition_point(|(mark, _)| *mark <= moment);
        let mark = after.checked_sub(1).and_then(|at| self.marks.get(at)).or_else(|| self.marks.first());
        mark.map(|(_, place)| *place).unwrap_or_default()
    }

    /// Where the last one is.
    pub(super) fn width(&self) -> Place {
        self.marks.last().map(|(_, place)| *place).unwrap_or_default()
    }

    /// The first mark.
    pub(super) fn start(&self) -> i64 {
        self.marks.first().map_or(0, |(mark, _)| *mark)
    }
}

/// A time of an environment, epoch microseconds.
pub(super) fn moment(environment: &EnvironmentTimeline, us: u64) -> i64 {
    environment.created_us.saturating_add_unsigned(us)
}

/// `busy` is sorted by beginnings.
fn places(moments: &[i64], busy: &[(i64, i64)]) -> Vec<(i64, Place)> {
    let pieces = || moments.iter().zip(moments.iter().skip(1));
    let mut quiet = Vec::new();
    let (mut covered_until, mut rest) = (i64::MIN, busy.iter().peekable());
    for (start, end) in pieces() {
        while let Some((_, until)) = rest.next_if(|(from, _)| from <= start) {
            covered_until = covered_until.max(*until);
        }
        quiet.push(covered_until < *end && end.saturating_sub(*start) >= QUIET_FROM_US);
    }
    let length = |(start, end): (&i64, &i64)| micros(end.saturating_sub(*start));
    let running: f64 = pieces().zip(&quiet).filter(|(_, quiet)| !**quiet).map(|(piece, _)| length(piece)).sum();
    let mut place = Place::default();
    let first = moments.first().map(|first| (*first, place));
    let rest = pieces().zip(&quiet).map(|(piece, quiet)| {
        let us = length(piece);
        if *quiet {
            place.quiet += QUIET_PX;
        } else {
            place.compressed += PIECE_PX + DOUBLING_PX * (1.0 + us / 500.0).log2();
            place.scaled += TRUE_PX * us / running.max(1.0);
        }
        (*piece.1, place)
    });
    first.into_iter().chain(rest).collect()
}

/// Exact up to the year 2255: a page draws lengths of hours at most.
fn micros(us: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a place on a page is no more exact than a pixel")]
    let us = us as f64;
    us
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_and_long_are_both_to_be_seen() {
        // 80 ms of Init, 2 ms of Invoke, ten minutes of freeze, 2 ms of Invoke.
        let moments = [0, 80_000, 82_000, 600_082_000, 600_084_000];
        let busy = [(0, 80_000), (80_000, 82_000), (600_082_000, 600_084_000)];
        let marks = places(&moments, &busy);
        let steps: Vec<_> = marks.windows(2).map(|pair| pair[1].1.from(pair[0].1)).collect();
        let widths: Vec<_> = steps.iter().map(|step| step.compressed + step.quiet).collect();
        assert!(widths[0] > 60.0 && widths[1] > 20.0, "{widths:?}");
        assert!((widths[2] - QUIET_PX).abs() < 0.01 && (widths[1] - widths[3]).abs() < 0.01, "{widths:?}");
        assert!((steps[0].scaled / steps[1].scaled - 40.0).abs() < 0.01, "true: {steps:?}");
    }

    proptest! {
        #[test]
        fn time_never_goes_back(
            mut moments in prop::collection::vec(any::<i64>(), 0..40),
            mut busy in prop::collection::vec((any::<i64>(), any::<i64>()), 0..20),
        ) {
            moments.sort_unstable();
            moments.dedup();
            busy.sort_unstable();
            let marks = places(&moments, &busy);
            prop_assert_eq!(marks.len(), moments.len());
            for pair in marks.windows(2) {
                let Place { compressed, scaled, quiet } = pair[1].1.from(pair[0].1);
                prop_assert!(compressed + quiet > 0.0 && compressed >= 0.0 && scaled >= 0.0 && quiet >= 0.0);
                prop_assert!(pair[1].1.compressed.is_finite() && pair[1].1.scaled.is_finite());
            }
        }
    }
}
