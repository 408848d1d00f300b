//! Limits, accounting and freezing, for three layouts of the kernel's control groups: pure v2; v1 controllers with the
//! v2 freezer; v1 with the v1 freezer.
//!
//! In all of them PID 1 stays outside of the function's limits: neither charged nor throttled (else news of a dead
//! runtime came some 200 ms late), nor killed for want of memory. Nothing here writes `cgroup.kill`: kernels 6.18 and
//! 7.2 then kill at birth what is cloned into the group.

mod delegate;
mod detect;
mod directory;
mod own;
mod v1;
mod v2;

pub use delegate::{HandedOver, hand_over};
pub use detect::{LimitsFrom, limits_from};
pub(crate) use detect::{Mounts, detect};
pub(crate) use directory::sweep;

use crate::{Support, Usage};
use hearth_init::Failure;
use std::fmt::Debug;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// How the kernel's control groups are laid out here, and where ours are.
pub(crate) trait Layout: Send + Sync + Debug {
    /// `v1`, `v1+v2 freezer` or `v2`; `none`.
    fn name(&self) -> &'static str;

    /// What can be enforced.
    fn supports(&self) -> Supports;

    /// Our own directories at the top, in every hierarchy used.
    fn parents(&self) -> Vec<PathBuf>;

    /// Makes those, which must not be there.
    fn claim(&self) -> Result<(), Failure> {
        self.parents().iter().try_for_each(|parent| directory::create(parent))
    }

    /// Moves the first spawner to where its cgroup namespace shall have its root.
    fn adopt(&self, spawner: u32) -> Result<(), Failure>;

    /// Moves a spawner that has its cgroup namespace to where it stays.
    fn settle(&self, spawner: u32) -> Result<(), Failure>;

    /// Makes the groups of one sandbox. `owner` is its PID 1's user, as the host sees it.
    fn group(&self, number: u32, owner: u32) -> Result<Box<dyn Group>, Failure>;
}

/// Limits each with a reason when it cannot be enforced.
#[derive(Clone, Debug)]
pub(crate) struct Supports {
    pub(crate) memory: Support,
    pub(crate) cpu: Support,
    pub(crate) processes: Support,
    pub(crate) freeze: Support,
}

impl Supports {
    /// With what is done instead where the kernel's groups are missing.
    pub(crate) fn with_substitutes(self) -> Self {
        let weaker = |support: Support, instead: &str| match support {
            Support::Missing(why) => Support::Weaker(format!("{instead}: {why}")),
            found => found,
        };
        let Self { memory, cpu, processes, freeze } = self;
        Self {
            memory: weaker(memory, "watched, not limited by the kernel"),
            cpu,
            // Counted by user, of which every sandbox has one in its own namespace.
            processes: match processes {
                Support::Missing(_) => Support::Full,
                found => found,
            },
            freeze: weaker(freeze, "by SIGSTOP, which functions can notice"),
        }
    }
}

/// How a process gets into a v2 group.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It need not.
    Nowhere,
    /// A directory to clone it into.
    Birth(OwnedFd),
}

/// The groups of one sandbox.
pub(crate) trait Group: Send + Sync + Debug {
    /// Where PID 1 is born.
    fn birth(&self) -> Result<Entry, Failure>;

    /// Where the function's processes are born, and what they write "0" into to join the rest.
    fn seat(&self) -> Result<(Entry, Vec<OwnedFd>), Failure>;

    /// Whether the kernel limits memory here, and counts it.
    fn limits_memory(&self) -> bool;

    /// Whether there is a freezer.
    fn has_freezer(&self) -> bool;

    /// Limits memory, as far as it can. (The number of processes is limited from the start: it is the same for all.)
    fn limit(&self, memory_mb: u32) -> Result<(), Failure>;

    /// CPU time in each period of [`PERIOD_US`]; `None` is all there is. Nothing happens where it cannot be limited.
    fn limit_cpu(&self, quota_us: Option<u64>) -> Result<(), Failure>;

    /// Stops or resumes scheduling, where there is a freezer; not waited for.
    fn freeze(&self, frozen: bool) -> Result<(), Failure>;

    /// Whether a frozen process can be killed without being thawed.
    fn dies_frozen(&self) -> bool;

    /// The kernel's counters; zero where it does not count.
    fn usage(&self) -> Result<Usage, Failure>;

    /// CPU time used so far, nanoseconds; zero where it is not counted.
    fn cpu_ns(&self) -> Result<u64, Failure>;

    /// What memory it is charged with, caches included, bytes; `None` where the kernel does not count.
    fn charged(&self) -> Option<u64>;

    /// Removes the directories, which must be empty of processes.
    fn remove(&self) -> Result<(), Failure>;
}

/// Length of a CPU period, µs (ours: shorter ones cost throughput, longer ones make small functions stutter).
pub(crate) const PERIOD_US: u64 = 100_000;

/// The share of the CPU that belongs to an amount of memory, as µs in each period: a whole core for 1,769 MB.
pub(crate) fn quota_us(memory_mb: u32, processors: usize) -> u64 {
    use hearth_core::limits::{MEMORY_MB_PER_VCPU, VCPU_MAX};
    let most = u64::from(VCPU_MAX).min(processors as u64);
    let share = u64::from(memory_mb) * PERIOD_US / u64::from(MEMORY_MB_PER_VCPU);
    share.clamp(1_000, most.max(1) * PERIOD_US) // the kernel refuses less than a millisecond
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_follows_memory_up_to_six_cores_and_never_beyond_the_host() {
        assert_eq!(quota_us(1_769, 16), PERIOD_US);
        assert_eq!(quota_us(128, 16), 7_235);
        assert_eq!(quota_us(10_240, 16), 578_858);
        assert_eq!(quota_us(10_240, 2), 2 * PERIOD_US);
        assert_eq!(quota_us(1, 1), 1_000);
    }
}
