//! Numbers of sandboxes, and with them ranges of the host's user ids: no two sandboxes ever share one at a time, for
//! what the kernel counts by user (pipes, keys, inotify) must not be shared between neighbours.

use super::user_namespace::IDS_EACH;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Sandboxes of one service at a time (ours: AWS's default account concurrency is 1,000).
const SANDBOXES: u32 = 4_096;
/// How many services on one host get ranges of their own: all that fit into 32 bits above [`FIRST`].
const SERVICES: u32 = 1_000;
/// Below are ids that distributions hand out.
const FIRST: u32 = 4_194_304;

/// A number for an instance id. FNV-1a: stable across builds, and nobody gains anything from a collision.
pub(crate) fn hash_of(instance: &str) -> u32 {
    instance.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The numbers of one service.
#[derive(Debug)]
pub(crate) struct Numbers {
    first_uid: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: BTreeSet<u32>,
    next: u32,
}

impl Numbers {
    /// Those of the service with this instance id; two services have different ranges unless their ids collide.
    pub(crate) fn of(instance: &str) -> Self {
        Self { first_uid: FIRST + hash_of(instance) % SERVICES * SANDBOXES * IDS_EACH, state: Mutex::default() }
    }

    /// A number nobody has; `None` when there are none left.
    pub(crate) fn take(&self) -> Option<u32> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.free.pop_first().or_else(|| {
            let number = state.next;
            (number < SANDBOXES).then(|| state.next += 1)?;
            Some(number)
        })
    }

    /// Gives a number back, once nothing of its sandbox is left.
    pub(crate) fn give_back(&self, number: u32) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).free.insert(number);
    }

    /// The first of the user ids that go with a number.
    pub(crate) fn first_uid(&self, number: u32) -> u32 {
        self.first_uid + number * IDS_EACH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_come_back() {
        let numbers = Numbers::of("test");
        assert_eq!((numbers.take(), numbers.take()), (Some(0), Some(1)));
        numbers.give_back(0);
        assert_eq!((numbers.take(), numbers.take()), (Some(0), Some(2)));
        assert_eq!(numbers.first_uid(2) - numbers.first_uid(1), IDS_EACH);
    }

    #[test]
    fn they_end_and_stay_within_32_bits() {
        let numbers = Numbers::of("test");
        assert_eq!((0..SANDBOXES).filter_map(|_| numbers.take()).count(), SANDBOXES as usize);
        assert_eq!(numbers.take(), None);
        let last = u64::from(FIRST) + u64::from(SERVICES) * u64::from(SANDBOXES) * u64::from(IDS_EACH);
        assert!(last < u64::from(u32::MAX), "{last}");
    }
}
