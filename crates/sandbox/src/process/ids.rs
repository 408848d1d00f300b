//! Numbers of sandboxes, and with them user ids: no two sandboxes ever share one at a time where there are enough, for
//! what the kernel counts by user (pipes, keys, inotify) must not be shared between neighbours.

use super::standing::Standing;
use hearth_init::pid1::{FUNCTION_GID, FUNCTION_UID, Identity};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// User and group ids of one sandbox, where ids are plenty.
const IDS_EACH: u32 = 1_024;
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

/// The user namespace of one sandbox: who owns it, and what its ids are outside. Ids outside are as the service sees
/// them, which is itself in a namespace when an ordinary user started it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maps {
    /// Whom the kernel charges what it limits by user.
    pub(crate) owner: u32,
    /// As in `/proc/PID/uid_map`.
    pub(crate) uids: String,
    /// As in `/proc/PID/gid_map`.
    pub(crate) gids: String,
    /// Who is who inside.
    pub(crate) identity: Identity,
}

impl Maps {
    /// Ids that nobody has, for a namespace that nobody lives in.
    pub(crate) fn probe(standing: &Standing) -> Self {
        Numbers::of("hearth-doctor", standing).maps(0)
    }
}

/// Where ids come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supply {
    /// All of the host's: a range for each sandbox, from here on.
    Ranges { first: u32 },
    /// A few thousand that an ordinary user was given: one user and one group for each sandbox, from 1 on. Root inside
    /// is who started the service.
    Singles,
    /// None but the service's own.
    Nothing,
}

/// The numbers of one service.
#[derive(Debug)]
pub(crate) struct Numbers {
    supply: Supply,
    most: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: BTreeSet<u32>,
    next: u32,
}

impl Numbers {
    /// Those of the service with this instance id; two services of root have different ranges unless their ids collide.
    pub(crate) fn of(instance: &str, standing: &Standing) -> Self {
        let (supply, most) = match *standing {
            Standing::Host => {
                (Supply::Ranges { first: FIRST + hash_of(instance) % SERVICES * SANDBOXES * IDS_EACH }, SANDBOXES)
            }
            Standing::Namespace { ids: 0, .. } => (Supply::Nothing, SANDBOXES),
            Standing::Namespace { ids, .. } => (Supply::Singles, SANDBOXES.min(ids)),
        };
        Self { supply, most, state: Mutex::default() }
    }

    /// The same, but no more than that.
    pub(crate) fn at_most(self, count: u32) -> Self {
        Self { most: self.most.min(count), ..self }
    }

    /// How many there are.
    pub(crate) fn most(&self) -> usize {
        usize::try_from(self.most).unwrap_or(usize::MAX)
    }

    /// A number nobody has; `None` when there are none left.
    pub(crate) fn take(&self) -> Option<u32> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.free.pop_first().or_else(|| {
            let number = state.next;
            (number < self.most).then(|| state.next += 1)?;
            Some(number)
        })
    }

    /// Gives a number back, once nothing of its sandbox is left.
    pub(crate) fn give_back(&self, number: u32) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).free.insert(number);
    }

    /// Who PID 1 is outside; owns what is root's inside.
    pub(crate) fn root(&self, number: u32) -> u32 {
        match self.supply {
            Supply::Ranges { first } => first + number * IDS_EACH,
            Supply::Singles | Supply::Nothing => 0,
        }
    }

    /// User and group of the function's processes outside.
    pub(crate) fn function(&self, number: u32) -> (u32, u32) {
        match self.supply {
            Supply::Ranges { .. } => (self.root(number) + FUNCTION_UID, self.root(number) + FUNCTION_GID),
            Supply::Singles => (number + 1, number + 1),
            Supply::Nothing => (0, 0),
        }
    }

    /// The user namespace of the sandbox with this number.
    pub(crate) fn maps(&self, number: u32) -> Maps {
        let (user, group) = self.function(number);
        match self.supply {
            Supply::Ranges { .. } => {
                let owner = self.root(number);
                let map = format!("0 {owner} {IDS_EACH}");
                Maps { owner, uids: map.clone(), gids: map, identity: Identity::TwoUsers }
            }
            Supply::Singles => Maps {
                owner: user,
                uids: format!("0 0 1\n{FUNCTION_UID} {user} 1"),
                gids: format!("0 0 1\n{FUNCTION_GID} {group} 1"),
                identity: Identity::TwoUsers,
            },
            Supply::Nothing => Maps {
                owner: user,
                uids: format!("{FUNCTION_UID} {user} 1"),
                gids: format!("{FUNCTION_GID} {group} 1"),
                identity: Identity::OneUser,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Standing = Standing::Namespace { user: 1_000, ids: 3 };

    #[test]
    fn numbers_are_unique_and_come_back() {
        let numbers = Numbers::of("test", &Standing::Host);
        assert_eq!((numbers.take(), numbers.take()), (Some(0), Some(1)));
        numbers.give_back(0);
        assert_eq!((numbers.take(), numbers.take()), (Some(0), Some(2)));
        let few = numbers.at_most(4);
        assert_eq!((few.most(), few.take(), few.take()), (4, Some(3), None));
        assert_eq!(few.root(2) - few.root(1), IDS_EACH);
        assert_eq!(few.at_most(7).most(), 4);
    }

    #[test]
    fn they_end_and_stay_within_32_bits() {
        let numbers = Numbers::of("test", &Standing::Host);
        assert_eq!((0..SANDBOXES).filter_map(|_| numbers.take()).count(), SANDBOXES as usize);
        assert_eq!(numbers.take(), None);
        let last = u64::from(FIRST) + u64::from(SERVICES) * u64::from(SANDBOXES) * u64::from(IDS_EACH);
        assert!(last < u64::from(u32::MAX), "{last}");
    }

    #[test]
    fn a_few_ids_are_one_user_for_each_sandbox_and_no_more_sandboxes_than_that() {
        let numbers = Numbers::of("test", &FEW);
        assert_eq!(std::iter::from_fn(|| numbers.take()).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(numbers.maps(2).uids, "0 0 1\n993 3 1");
        assert_eq!((numbers.root(2), numbers.function(2), numbers.maps(2).owner), (0, (3, 3), 3));
    }

    #[test]
    fn without_any_everybody_is_who_started_the_service() {
        let numbers = Numbers::of("test", &Standing::Namespace { user: 1_000, ids: 0 });
        let maps = numbers.maps(7);
        assert_eq!((maps.uids.as_str(), maps.gids.as_str()), ("993 0 1", "990 0 1"));
        assert_eq!((maps.owner, maps.identity, numbers.function(7)), (0, Identity::OneUser, (0, 0)));
    }
}
