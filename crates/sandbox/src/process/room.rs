//! Whether there is room for one more sandbox. How many there can be at a time follows from what runs out first, which is known
//! when the service starts: the one too many is refused before it has taken anything. Memory is looked at each time.

use super::doctor::{Check, optional};
use super::ids::Numbers;
use super::network::Network;
use super::standing::Standing;
use crate::SandboxError;
use hearth_core::limits::ACCOUNT_CONCURRENCY;
use rustix::process::{Resource, getrlimit};
use std::fs;

/// Descriptors of the service for one sandbox and who is in it: 16 while it is frozen (measured; `docs/performance.md`), one
/// for who waits for its answer, one while something starts in it.
const DESCRIPTORS_EACH: u64 = 18;
/// What the service needs for itself and for connections (ours).
const DESCRIPTORS_SPARE: u64 = 128;
/// Memory of the host that sandboxes leave alone, KiB (ours): where it runs out, the kernel kills whom it likes.
const MEMORY_SPARE_KIB: u64 = 64 * 1_024;

/// Numbers of the service with this instance id, as many as this process has descriptors for beside so many listeners for
/// exposed ports in each sandbox, and so many `/tmp`s that are ready.
pub(super) fn numbers(instance: &str, standing: &Standing, exposed: usize, tmps: usize) -> Numbers {
    let by_descriptors = by_descriptors(getrlimit(Resource::Nofile).current, exposed, tmps);
    Numbers::of(instance, standing).at_most(by_descriptors)
}

/// The same, as many as the network has addresses for.
pub(super) fn limited(instance: &str, standing: &Standing, network: &Network, tmps: usize) -> Numbers {
    numbers(instance, standing, network.exposed().len(), tmps).at_most(network.most())
}

/// How many `/tmp`s may be ready where so many are asked for: no more than there could be sandboxes for them.
pub(super) fn tmp_images(asked: u32, network: &Network) -> usize {
    // Each holds a descriptor, as if it were one more of its sandbox.
    let sandboxes = by_descriptors(getrlimit(Resource::Nofile).current, network.exposed().len() + 1, 0);
    usize::try_from(asked.min(sandboxes)).unwrap_or(usize::MAX)
}

/// What a service that this process were could have.
pub(super) fn check(standing: &Standing) -> Check {
    let (by_ids, most) =
        (Numbers::of("hearth-doctor", standing).most(), numbers("hearth-doctor", standing, 0, 0).most());
    let remedy = if most < by_ids {
        "raise the hard limit of open files: `ulimit -Hn`, or LimitNOFILE= of a systemd unit"
    } else {
        "a larger range for the user in /etc/subuid and /etc/subgid"
    };
    let enough = u32::try_from(most).is_ok_and(|most| most >= ACCOUNT_CONCURRENCY);
    optional("environments", enough, &format!("up to {most} at a time"), remedy)
}

/// # Errors
///
/// [`SandboxError::NoRoom`] when this host has hardly any memory left.
pub(super) fn in_memory() -> Result<(), SandboxError> {
    // A host that does not say is not asked.
    match fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(available_kib) {
        Some(kib) if kib < MEMORY_SPARE_KIB => {
            Err(SandboxError::NoRoom(format!("this host has {} MB of memory left", kib / 1_024)))
        }
        _ => Ok(()),
    }
}

/// `MemAvailable` of `/proc/meminfo`: what can be used without swapping.
fn available_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// At a limit of open descriptors; `None`: there is none. One at least: what is missing shows when it is made.
fn by_descriptors(limit: Option<u64>, exposed: usize, tmps: usize) -> u32 {
    let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let each = DESCRIPTORS_EACH.saturating_add(wide(exposed));
    let fit = |limit: u64| limit.saturating_sub(DESCRIPTORS_SPARE).saturating_sub(wide(tmps)) / each;
    limit.map_or(u32::MAX, |limit| u32::try_from(fit(limit)).unwrap_or(u32::MAX).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_decide_where_they_are_few() {
        assert_eq!(by_descriptors(None, 0, 0), u32::MAX);
        assert_eq!(by_descriptors(Some(u64::MAX), 0, 0), u32::MAX);
        assert_eq!(by_descriptors(Some(128 + 18 * 7), 0, 0), 7);
        assert_eq!(by_descriptors(Some(128 + 18 * 7), 18, 0), 3, "a listener for each exposed port");
        assert_eq!(by_descriptors(Some(100), 0, 0), 1);
        assert_eq!(by_descriptors(Some(128 + 18 * 7), 0, 18 * 3 + 1), 3, "one for each `/tmp`");
    }

    #[test]
    fn the_kernel_says_what_memory_is_left() {
        let meminfo = "MemTotal:       24689392 kB\nMemFree:  1 kB\nMemAvailable:   17210348 kB\n";
        assert_eq!(available_kib(meminfo), Some(17_210_348));
        assert_eq!(available_kib("MemTotal: 1 kB\n"), None);
        assert!(in_memory().is_ok(), "or this test would not run");
    }
}
