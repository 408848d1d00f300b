//! The worker's clocks: a monotonic one for the lifecycle, the wall clock for log lines and deadlines on the wire.

use hearth_core::environment::Moment;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time since the worker started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(self) -> Moment {
        self.moment(Instant::now())
    }

    /// The moment of an instant.
    pub(crate) fn moment(self, instant: Instant) -> Moment {
        Moment(u64::try_from(instant.saturating_duration_since(self.origin).as_micros()).unwrap_or(u64::MAX))
    }

    /// When a moment comes, on the timer's clock.
    pub(crate) fn instant(self, moment: Moment) -> Instant {
        self.origin + Duration::from_micros(moment.0)
    }
}

/// Epoch milliseconds.
pub(crate) fn wall_ms() -> i64 {
    wall_us() / 1_000
}

/// Epoch microseconds.
pub(crate) fn wall_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
