//! The unreserved executions of one account in one region: one atomic word, the only thing that functions share on the
//! warm path.

use hearth_core::concurrency::AccountUse;
use std::sync::atomic::{AtomicU64, Ordering};

/// See there.
#[derive(Debug, Default)]
pub(super) struct Account(AtomicU64);

impl Account {
    /// Takes one execution, if there is one.
    pub(super) fn start(&self) -> bool {
        let more = |bits| AccountUse::from_bits(bits).start().map(AccountUse::bits);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Whether one that is over may go to whoever waits.
    pub(super) fn may_pass_on(&self) -> bool {
        AccountUse::from_bits(self.0.load(Ordering::Relaxed)).may_pass_on()
    }

    /// Gives one back.
    pub(super) fn end(&self) {
        self.change(AccountUse::end);
    }

    /// A function's reservation has changed.
    pub(super) fn reserve(&self, before: Option<u32>, after: Option<u32>) {
        self.change(|account| account.reserve(before, after));
    }

    // It counts and guards nothing else: no order is needed.
    fn change(&self, change: impl Fn(AccountUse) -> AccountUse) {
        let changed = |bits| Some(change(AccountUse::from_bits(bits)).bits());
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed).map(drop).unwrap_or_default();
    }
}
