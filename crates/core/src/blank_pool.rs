//! Which blank sandboxes to keep ready, and how many of them: a pure policy.
//!
//! A cold start that finds a sandbox of its kind does not wait for one to be made. What will be wanted is guessed from
//! what was wanted lately: of each kind one more than came at once, a guess that halves with time down to one, and is
//! given up when nobody has wanted the kind for long. Of a few kinds that are only expected, one is kept for a while. All
//! kinds share a budget; who was wanted last comes first, and everybody gets one before anybody gets two.
//!
//! While cold starts are under way, the machine is theirs: the stock is filled up in the pauses, one at a time. What cannot
//! be made, or does not last, is tried again later and later. Once no sandbox is missing, `/tmp`s are made for those that will be
//! made when there is none: as many as was said, whatever is wanted.

mod demand;

use crate::environment::Moment;
use demand::{Demand, Failures};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// How long after a cold start nothing is made, microseconds (ours: the first invocation follows).
const QUIET_US: u64 = 50_000;
/// But not for longer than this when there is always one under way, microseconds (ours).
const PATIENCE_US: u64 = 2_000_000;
/// The same for `/tmp`s, which are for bursts: one made during a burst only holds it up (ours).
const TMP_PATIENCE_US: u64 = 30_000_000;
/// Kinds that are remembered (ours: every runtime in several variants).
const KINDS: usize = 64;
/// Kinds of which one is kept because it is expected (ours).
const EXPECTED_KINDS: usize = 4;
/// How long nothing is made once a cold start has found no room, microseconds (ours).
const SHORTAGE_US: u64 = 5_000_000;

/// What all that wait may cost together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Their memory, KiB.
    pub budget_kib: u64,
    /// Their number.
    pub most: usize,
    /// How many `/tmp`s are to be ready beside them.
    pub tmps: usize,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<K> {
    /// Make one of this kind.
    Make(K),
    /// Give one of this kind up.
    Drop(K),
    /// Make a `/tmp`.
    PrepareTmp,
    /// Nothing until then, or until something is wanted; `None`: time alone changes nothing.
    Wait(Option<Moment>),
}

/// The guess for each kind `K` of blank sandboxes. It does not hold them: how many there are is said with each question.
#[derive(Clone, Debug)]
pub struct BlankPool<K> {
    limits: Limits,
    kinds: BTreeMap<K, Demand>,
    busy: Option<Busy>,
    /// Until when there is no room.
    short_until: Moment,
    /// Of `/tmp`s.
    tmp_failures: Failures,
}

/// Cold starts that followed each other without a pause.
#[derive(Clone, Copy, Debug)]
struct Busy {
    since: Moment,
    /// When one has begun or ended last.
    last: Moment,
    under_way: usize,
}

impl Busy {
    /// Until when the machine is left to them by who has so much patience.
    fn until(&self, patience_us: u64) -> Moment {
        let patience = Moment(self.since.0.saturating_add(patience_us));
        if self.under_way > 0 { patience } else { patience.min(Moment(self.last.0.saturating_add(QUIET_US))) }
    }
}

impl<K: Clone + Ord> BlankPool<K> {
    /// A policy that nobody has wanted anything of.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let (kinds, tmp_failures) = (BTreeMap::new(), Failures::default());
        Self { limits, kinds, busy: None, short_until: Moment::default(), tmp_failures }
    }

    /// A cold start begins that wants one of this kind, whether or not there is one. `cost_kib` is a guess of what one takes,
    /// until [`BlankPool::made`] knows better. [`BlankPool::started`] follows.
    pub fn want(&mut self, now: Moment, kind: &K, cost_kib: u64) {
        self.demand(now, kind, cost_kib).want(now);
        let going_on = self.busy.filter(|busy| busy.under_way > 0 || now.since(busy.last) < QUIET_US);
        let (since, under_way) = going_on.map_or((now, 0), |busy| (busy.since, busy.under_way));
        self.busy = Some(Busy { since, last: now, under_way: under_way.saturating_add(1) });
    }

    /// A cold start has come to its end, well or not.
    pub fn started(&mut self, now: Moment) {
        if let Some(busy) = &mut self.busy {
            *busy = Busy { last: now, under_way: busy.under_way.saturating_sub(1), ..*busy };
        }
    }

    /// Cold starts of this kind are to be expected.
    pub fn expect(&mut self, now: Moment, kind: &K, cost_kib: u64) {
        self.demand(now, kind, cost_kib).expect(now);
    }

    /// One of this kind has been made, and takes so much memory, KiB.
    pub fn made(&mut self, kind: &K, cost_kib: u64) {
        if let Some(demand) = self.kinds.get_mut(kind) {
            demand.cost_kib = cost_kib;
        }
    }

    /// One of this kind could not be made, or did not last.
    pub fn failed(&mut self, now: Moment, kind: &K) {
        if let Some(demand) = self.kinds.get_mut(kind) {
            demand.fail(now);
        }
    }

    /// A `/tmp` could not be made.
    pub fn tmp_failed(&mut self, now: Moment) {
        self.tmp_failures.add(now);
    }

    /// A cold start has found no room for a sandbox.
    pub fn shortage(&mut self, now: Moment) {
        self.short_until = Moment(now.0.saturating_add(SHORTAGE_US));
    }

    /// Forgets all other kinds.
    pub fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.kinds.retain(|kind, _| keep(kind));
    }

    /// The kinds to keep and how many of each, the most recently wanted first, then those that are only expected.
    #[must_use]
    pub fn goals(&self, now: Moment) -> Vec<(K, usize)> {
        let mut kinds: Vec<_> = self.kinds.iter().filter(|(_, demand)| demand.wish(now) > 0).collect();
        kinds.sort_by_key(|(_, demand)| Reverse(demand.rank(now)));
        let (wanted, expected): (Vec<_>, Vec<_>) = kinds.into_iter().partition(|(_, demand)| demand.is_wanted(now));
        let (mut kib, mut places) = (self.limits.budget_kib, self.limits.most);
        let mut grant = |demand: &Demand, wanted: usize| {
            let affordable = kib.checked_div(demand.cost_kib).map_or(usize::MAX, to_usize);
            let granted = wanted.min(affordable).min(places);
            kib = kib.saturating_sub(demand.cost_kib.saturating_mul(granted as u64));
            places -= granted;
            granted
        };
        let first: Vec<_> = wanted.iter().map(|(_, demand)| grant(demand, 1)).collect();
        let mut goals: Vec<_> = wanted
            .into_iter()
            .zip(first)
            .map(|((kind, demand), first)| {
                let more = if first == 0 { 0 } else { grant(demand, demand.wish(now) - 1) };
                (kind.clone(), first + more)
            })
            .collect();
        goals.extend(expected.into_iter().take(EXPECTED_KINDS).map(|(kind, demand)| (kind.clone(), grant(demand, 1))));
        goals.retain(|(_, goal)| *goal > 0);
        goals
    }

    /// What to do next, where there are so many of each kind, and so many `/tmp`s.
    #[must_use]
    pub fn next(&self, now: Moment, stock: &BTreeMap<K, usize>, tmps: usize) -> Step<K> {
        let busy_until = |patience_us| self.busy.map(|busy| busy.until(patience_us)).filter(|until| now < *until);
        if let Some(until) = busy_until(PATIENCE_US) {
            return Step::Wait(Some(until));
        }
        let goals = self.goals(now);
        let there_are = |kind: &K| stock.get(kind).copied().unwrap_or(0);
        let goal = |kind: &K| goals.iter().find(|(other, _)| other == kind).map_or(0, |(_, goal)| *goal);
        // First, so that there is room for what is made.
        if let Some((kind, _)) = stock.iter().find(|(kind, count)| **count > goal(kind)) {
            return Step::Drop(kind.clone());
        }
        let barred = |kind: &K| self.kinds.get(kind).is_some_and(|demand| now < demand.barred_until());
        let missing: Vec<_> = goals
            .iter()
            .filter(|(kind, goal)| there_are(kind) < *goal && !barred(kind))
            .map(|(kind, _)| kind)
            .collect();
        let none_at_all = missing.iter().find(|kind| there_are(kind) == 0);
        let is_short = now < self.short_until;
        let tmp_due = busy_until(TMP_PATIENCE_US).max(Some(self.tmp_failures.barred_until()));
        let tmp_due = tmp_due.filter(|_| tmps < self.limits.tmps);
        match none_at_all.or(missing.first()) {
            Some(kind) if !is_short => Step::Make((*kind).clone()),
            None if !is_short && tmp_due.is_some_and(|due| now >= due) => Step::PrepareTmp,
            _ => {
                let ahead = [Some(self.short_until), tmp_due].into_iter().flatten().filter(|until| now < *until);
                let changes = self.kinds.values().filter_map(|demand| demand.changes_at(now));
                Step::Wait(changes.chain(ahead).min())
            }
        }
    }

    fn demand(&mut self, now: Moment, kind: &K, cost_kib: u64) -> &mut Demand {
        if !self.kinds.contains_key(kind) && self.kinds.len() >= KINDS {
            let last = self.kinds.iter().min_by_key(|(_, demand)| demand.rank(now)).map(|(kind, _)| kind.clone());
            self.kinds.retain(|kind, _| Some(kind) != last.as_ref());
        }
        self.kinds.entry(kind.clone()).or_insert_with(|| Demand::new(now, cost_kib))
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
