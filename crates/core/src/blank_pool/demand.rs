//! What is known of one kind of blank sandboxes, and of what cannot be made.

use crate::environment::Moment;

/// What comes within so long came at once, microseconds (ours).
pub(super) const BURST_US: u64 = 1_000_000;
/// How long it takes until half as many are kept, microseconds (ours).
pub(super) const HALF_LIFE_US: u64 = 300_000_000;
/// How long a kind is kept that nobody wants any more, microseconds (ours).
pub(super) const FORGOTTEN_US: u64 = 3_600_000_000;
/// How long one is kept that was only expected, microseconds (ours).
pub(super) const EXPECTED_US: u64 = 600_000_000;
/// How long none is made after one has failed, microseconds, and at most when it fails again and again (ours).
pub(super) const BARRED_US: (u64, u64) = (1_000_000, 60_000_000);

/// How much of a kind is wanted, and what making it has come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// What one of them takes, KiB.
    pub(super) cost_kib: u64,
    /// When a cold start wanted one last, and when one was expected to.
    wanted: Option<Moment>,
    expected: Option<Moment>,
    /// When the burst under way began, and how many it has wanted.
    burst: (Moment, usize),
    /// The largest burst of late, and when that was.
    largest: (usize, Moment),
    failures: Failures,
}

/// How often in a row something could not be made or did not last, and when it happened last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures {
    times: u32,
    last: Moment,
}

impl Failures {
    /// Once more.
    pub(super) fn add(&mut self, now: Moment) {
        let in_a_row = if now.since(self.last) < FORGOTTEN_US { self.times } else { 0 };
        *self = Self { times: in_a_row.saturating_add(1), last: now };
    }

    /// Until when none is made.
    pub(super) fn barred_until(&self) -> Moment {
        let again = self.times.checked_sub(1);
        let doubled = again.map_or(0, |again| BARRED_US.0.checked_shl(again).unwrap_or(BARRED_US.1));
        Moment(self.last.0.saturating_add(doubled.min(BARRED_US.1)))
    }
}

impl Demand {
    pub(super) fn new(now: Moment, cost_kib: u64) -> Self {
        let failures = Failures::default();
        Self { cost_kib, wanted: None, expected: None, burst: (now, 0), largest: (0, now), failures }
    }

    /// One more is wanted.
    pub(super) fn want(&mut self, now: Moment) {
        let (begun, wanted) = self.burst;
        self.burst = if now.since(begun) < BURST_US { (begun, wanted.saturating_add(1)) } else { (now, 1) };
        if self.burst.1 >= self.at_once(now) {
            self.largest = (self.burst.1, now);
        }
        self.wanted = Some(now);
    }

    /// One is expected to be wanted.
    pub(super) fn expect(&mut self, now: Moment) {
        self.expected = Some(now);
    }

    /// One could not be made, or did not last.
    pub(super) fn fail(&mut self, now: Moment) {
        self.failures.add(now);
    }

    /// Who comes first has more: cold starts before what is only expected, the latest before the others.
    pub(super) fn rank(&self, now: Moment) -> (bool, Moment) {
        (self.is_wanted(now), self.wanted.max(self.expected).unwrap_or_default())
    }

    /// Whether there has been a cold start of late.
    pub(super) fn is_wanted(&self, now: Moment) -> bool {
        self.wanted.is_some_and(|last| now.since(last) < FORGOTTEN_US)
    }

    fn is_expected(&self, now: Moment) -> bool {
        self.expected.is_some_and(|last| now.since(last) < EXPECTED_US)
    }

    /// How many may come at once.
    pub(super) fn at_once(&self, now: Moment) -> usize {
        let (largest, then) = self.largest;
        let half_lives = u32::try_from(now.since(then) / HALF_LIFE_US).unwrap_or(u32::MAX);
        largest.checked_shr(half_lives).unwrap_or(0)
    }

    /// How many there should be, if there were no limits.
    pub(super) fn wish(&self, now: Moment) -> usize {
        if self.is_wanted(now) { self.at_once(now).saturating_add(1) } else { usize::from(self.is_expected(now)) }
    }

    /// Until when none is made.
    pub(super) fn barred_until(&self) -> Moment {
        self.failures.barred_until()
    }

    /// When something of this changes by itself.
    pub(super) fn changes_at(&self, now: Moment) -> Option<Moment> {
        let after = |moment: Moment, us: u64| Moment(moment.0.saturating_add(us));
        let half_lives = now.since(self.largest.1) / HALF_LIFE_US + 1;
        let halved = after(self.largest.1, half_lives.saturating_mul(HALF_LIFE_US));
        [
            self.wanted.map(|last| after(last, FORGOTTEN_US)),
            self.expected.map(|last| after(last, EXPECTED_US)),
            (self.is_wanted(now) && self.at_once(now) > 0).then_some(halved),
            Some(self.barred_until()),
        ]
        .into_iter()
        .flatten()
        .filter(|moment| *moment > now)
        .min()
    }
}
