//! Who may run one more invocation: a function's reserved concurrency, and what the functions of an account share.
//!
//! ```text
//! account 1,000 = reserved by functions (each for itself, never more) + the rest (at least 100, for all the others)
//! ```
//!
//! Every execution takes one [`Share`] and gives it back. A function with a reservation runs on that alone, whatever the
//! others do; one with a reservation of 0 does not run at all. What is counted where is remembered with each execution,
//! so a reservation may change while they run.
//!
//! Source: developer guide (limits, reservation), answers recorded from AWS.

use crate::limits::{ACCOUNT_CONCURRENCY, UNRESERVED_CONCURRENCY_MIN};

/// What an execution is counted in besides its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Only there: the function has a reservation.
    Reserved,
    /// The part of the account that is not reserved.
    Account,
}

/// Which limit an invocation has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// The function's own reservation.
    Reserved,
    /// What the account has left for functions without one.
    Account,
}

/// The executions of one function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FunctionUse {
    reserved: Option<u32>,
    running: u32,
}

impl FunctionUse {
    /// Sets the reservation; returns the one before. What runs goes on.
    pub fn reserve(&mut self, reserved: Option<u32>) -> Option<u32> {
        std::mem::replace(&mut self.reserved, reserved)
    }

    /// Starts one execution, if it may. `account` takes one of the account's unreserved executions, if there is one; it
    /// is asked only when that is what decides.
    ///
    /// # Errors
    ///
    /// The limit that was met; nothing has changed then.
    pub fn start(&mut self, account: impl FnOnce() -> bool) -> Result<Share, Limit> {
        let share = match self.reserved {
            Some(_) if self.is_full() => return Err(Limit::Reserved),
            Some(_) => Share::Reserved,
            None if account() => Share::Account,
            None => return Err(Limit::Account),
        };
        self.running = self.running.saturating_add(1);
        Ok(share)
    }

    /// Whether the function's own reservation allows no further execution.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.reserved.is_some_and(|reserved| self.running >= reserved)
    }

    /// Ends one execution. Its [`Share::Account`] is to be given back to the account.
    pub fn end(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// Whether an execution that ends may leave its share to one that waits: not where the reservation has become
    /// smaller than what runs.
    #[must_use]
    pub fn may_pass_on(&self) -> bool {
        self.reserved.is_none_or(|reserved| self.running <= reserved)
    }

    /// Executions now.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.running
    }
}

/// What is shared by the functions of one account in one region. It fits one machine word, so that a start is one
/// atomic step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountUse {
    /// The sum of all reservations.
    pub reserved: u32,
    /// Executions of functions without a reservation.
    pub running: u32,
}

impl AccountUse {
    /// From [`AccountUse::bits`].
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    pub const fn from_bits(bits: u64) -> Self {
        Self { reserved: (bits >> 32) as u32, running: bits as u32 }
    }

    /// As one word.
    #[must_use]
    pub const fn bits(self) -> u64 {
        (self.reserved as u64) << 32 | self.running as u64
    }

    /// Executions that are left to functions without a reservation, those that run included.
    #[must_use]
    pub const fn unreserved(self) -> u32 {
        ACCOUNT_CONCURRENCY.saturating_sub(self.reserved)
    }

    /// With one more execution; `None` at the limit.
    #[must_use]
    pub fn start(self) -> Option<Self> {
        (self.running < self.unreserved()).then(|| Self { running: self.running + 1, ..self })
    }

    /// With one execution less.
    #[must_use]
    pub const fn end(self) -> Self {
        Self { running: self.running.saturating_sub(1), ..self }
    }

    /// As [`FunctionUse::may_pass_on`]: not where others have reserved what runs.
    #[must_use]
    pub const fn may_pass_on(self) -> bool {
        self.running <= self.unreserved()
    }

    /// With a function's reservation changed.
    #[must_use]
    pub fn reserve(self, before: Option<u32>, after: Option<u32>) -> Self {
        let others = self.reserved.saturating_sub(before.unwrap_or(0));
        Self { reserved: others.saturating_add(after.unwrap_or(0)), ..self }
    }
}

/// Whether a function may reserve `wanted` executions where other functions have reserved `others`.
#[must_use]
pub fn may_reserve(others: u32, wanted: u32) -> bool {
    let left = ACCOUNT_CONCURRENCY.saturating_sub(others.saturating_add(wanted));
    left >= UNRESERVED_CONCURRENCY_MIN
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hundred_stay_unreserved() {
        assert!(may_reserve(0, 900));
        assert!(!may_reserve(0, 901));
        assert!(may_reserve(899, 1));
        assert!(!may_reserve(900, 1));
        assert!(may_reserve(900, 0), "no execution at all can always be reserved");
        assert!(!may_reserve(u32::MAX, u32::MAX));
    }

    #[test]
    fn the_unreserved_limit_is_the_accounts_and_a_reservation_is_the_functions() {
        let full = AccountUse { reserved: 10, running: 990 };
        assert_eq!(full.start(), None);
        let mut function = FunctionUse::default();
        assert_eq!(function.start(|| full.start().is_some()), Err(Limit::Account));
        function.reserve(Some(1));
        assert_eq!(function.start(|| unreachable!("it has its own")), Ok(Share::Reserved));
        assert_eq!(function.start(|| true), Err(Limit::Reserved));
        function.reserve(Some(0));
        function.end();
        assert_eq!(function.start(|| true), Err(Limit::Reserved));
    }

    fn count(running: &[(usize, Share)], which: impl Fn(&(usize, Share)) -> bool) -> u32 {
        u32::try_from(running.iter().filter(|one| which(one)).count()).expect("few")
    }

    #[test]
    fn what_a_smaller_reservation_leaves_no_room_for_is_not_passed_on() {
        let mut function = FunctionUse::default();
        for _ in 0..2 {
            function.start(|| true).expect("started");
        }
        assert!(function.may_pass_on());
        function.reserve(Some(2));
        assert!(function.may_pass_on());
        function.reserve(Some(1));
        assert!(!function.may_pass_on());
        function.end();
        assert!(function.may_pass_on());
        let account = AccountUse { reserved: 0, running: 200 };
        assert!(account.may_pass_on());
        assert!(!account.reserve(None, Some(801)).may_pass_on());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Start(usize),
        /// The n-th of those that run.
        End(usize),
        Reserve(usize, Option<u32>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let function = 0_usize..3;
        let reserved = prop_oneof![Just(None), (0_u32..4).prop_map(Some), (0_u32..=ACCOUNT_CONCURRENCY).prop_map(Some)];
        let step = prop_oneof![
            6 => function.clone().prop_map(Step::Start),
            3 => any::<usize>().prop_map(Step::End),
            1 => (function, reserved).prop_map(|(function, reserved)| Step::Reserve(function, reserved)),
        ];
        // Few enough of the account are left that its limit is met.
        proptest::collection::vec(step, 0..400)
    }

    proptest! {
        /// Whatever happens: no start beyond a limit, none refused below it, and the counts are those of what runs.
        #[test]
        fn counts_and_limits_agree_with_what_runs(steps in steps(), foreign in 800_u32..1_000) {
            // Executions of other functions, which never end.
            let mut account = AccountUse { reserved: 0, running: foreign.min(ACCOUNT_CONCURRENCY) };
            let mut functions = [FunctionUse::default(); 3];
            let mut reserved = [None; 3];
            let mut running: Vec<(usize, Share)> = Vec::new();
            for step in steps {
                match step {
                    Step::Start(at) => {
                        let mine = count(&running, |(function, _)| *function == at);
                        let shared = count(&running, |(_, share)| *share == Share::Account);
                        let sum: u32 = reserved.iter().map(|it: &Option<u32>| it.unwrap_or(0)).sum();
                        let expected = match reserved[at] {
                            Some(own) if mine < own => Ok(Share::Reserved),
                            Some(_) => Err(Limit::Reserved),
                            None if foreign + shared + sum < ACCOUNT_CONCURRENCY => Ok(Share::Account),
                            None => Err(Limit::Account),
                        };
                        let started = functions[at].start(|| match account.start() {
                            Some(more) => {
                                account = AccountUse::from_bits(more.bits());
                                true
                            }
                            None => false,
                        });
                        prop_assert_eq!(started, expected);
                        running.extend(started.ok().map(|share| (at, share)));
                    }
                    Step::End(number) if !running.is_empty() => {
                        let (at, share) = running.swap_remove(number % running.len());
                        functions[at].end();
                        if share == Share::Account {
                            account = account.end();
                        }
                    }
                    Step::End(_) => {}
                    Step::Reserve(at, wanted) => {
                        let others: u32 = (0..3).filter(|it| *it != at).map(|it| reserved[it].unwrap_or(0)).sum();
                        if may_reserve(others, wanted.unwrap_or(0)) {
                            let before = functions[at].reserve(wanted);
                            prop_assert_eq!(before, reserved[at]);
                            account = account.reserve(before, wanted);
                            reserved[at] = wanted;
                            prop_assert!(account.unreserved() >= UNRESERVED_CONCURRENCY_MIN);
                        }
                    }
                }
                for (at, function) in functions.iter().enumerate() {
                    let mine = count(&running, |(other, _)| *other == at);
                    prop_assert_eq!(function.running(), mine);
                }
            }
        }
    }
}
