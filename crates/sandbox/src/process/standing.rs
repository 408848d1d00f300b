//! What this process may do on this host, and how an ordinary user comes to make sandboxes at all: as root of a user
//! namespace that the whole service lives in. From there on everything is done the same way; only what belongs to the
//! host stays out of reach: its ids, its network, file systems on devices, and control groups that nobody handed over.
//!
//! It refuses to weaken the host: where user namespaces are forbidden it says who forbids them, and how to allow them.
#![expect(unsafe_code, reason = "a fork whose child runs two programs, before any thread exists")]

use super::accounts::accounts;
use crate::SandboxError;
use hearth_init::sys::{self, Cloned};
use hearth_init::{Failure, Trying};
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{WaitId, WaitIdOptions, getegid, geteuid, waitid};
use rustix::thread::{CapabilitySet, capabilities};
use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where processes see their own maps.
const UID_MAP: &str = "/proc/self/uid_map";
const GID_MAP: &str = "/proc/self/gid_map";
/// Users of an initial user namespace.
const ALL_IDS: u32 = u32::MAX;

/// What this process may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Root of the host.
    Host,
    /// Root of a user namespace: of our own ([`become_root_of_a_namespace`]), or of a container.
    Namespace {
        /// Who that is outside.
        user: u32,
        /// How many further ids it has, users and groups alike, numbered from 1 on.
        ids: u32,
    },
}

impl Standing {
    /// That of this process; `None` when it can make no namespaces.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] when `/proc` cannot be read.
    pub fn read() -> Result<Option<Self>, SandboxError> {
        if !may_administrate() || !geteuid().is_root() {
            return Ok(None);
        }
        let read = |path: &str| fs::read_to_string(path).trying(|| format!("read {path}"));
        Ok(Some(Self::of_maps(&read(UID_MAP)?, &read(GID_MAP)?)))
    }

    /// From the maps of a process that is root in them.
    fn of_maps(uids: &str, gids: &str) -> Self {
        let (users, groups) = (extents(uids), extents(gids));
        match users.first() {
            Some([0, 0, ALL_IDS]) => Self::Host,
            first => Self::Namespace {
                user: first.map_or(0, |[_, outside, _]| *outside),
                ids: from_one(&users).min(from_one(&groups)),
            },
        }
    }

    /// Whether the host itself is ours.
    #[must_use]
    pub fn is_host(&self) -> bool {
        matches!(self, Self::Host)
    }
}

/// Lines of first id inside, first id outside, count.
fn extents(map: &str) -> Vec<[u32; 3]> {
    let numbers = |line: &str| line.split_whitespace().filter_map(|number| number.parse().ok()).collect::<Vec<_>>();
    map.lines().filter_map(|line| numbers(line).try_into().ok()).collect()
}

/// How many ids there are from 1 on without a gap.
fn from_one(extents: &[[u32; 3]]) -> u32 {
    let mut sorted = extents.to_vec();
    sorted.sort_unstable();
    let end = sorted.iter().fold(
        1_u32,
        |end, [inside, _, count]| {
            if *inside <= end { end.max(inside.saturating_add(*count)) } else { end }
        },
    );
    end - 1
}

fn may_administrate() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// For whoever may not make namespaces: makes this process root of a user namespace, with the ids that `/etc/subuid`
/// gives its user where the `uidmap` package is installed, else with its own id alone. Its mounts are its own from then
/// on. Root of the host stays as it is.
///
/// To be called before any thread exists.
///
/// # Errors
///
/// [`SandboxError`] names what forbids it.
pub fn become_root_of_a_namespace() -> Result<(), SandboxError> {
    match Standing::read()? {
        Some(Standing::Host) => return Ok(()),
        Some(Standing::Namespace { .. }) => return own_mounts(),
        None => {}
    }
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let (mapped, tell) = (io::pipe().trying(pipe)?, io::pipe().trying(pipe)?);
    let (mut told, mut go) = (mapped.0, tell.1);
    // The tools that give ids act from outside, on a namespace that is there.
    // SAFETY: there are no threads yet.
    let child = match unsafe { sys::clone_process(0, None) }? {
        Cloned::Child => {
            drop((told, go));
            let mut wait = tell.0;
            let given = wait_for_the_namespace(&mut wait) && give_ids(uid, gid);
            sys::exit_now(i32::from(!given))
        }
        Cloned::Parent { pidfd, .. } => pidfd,
    };
    drop((mapped.1, tell.0));
    let made = sys::unshare(libc::CLONE_NEWUSER);
    if made.is_ok() {
        io::Write::write_all(&mut go, b"x").trying(pipe)?;
    }
    drop(go);
    // Its end closes the pipe.
    told.read_to_end(&mut Vec::new()).trying(pipe)?;
    waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED).trying(|| "wait for a child".to_owned())?;
    made.map_err(forbidden)?;
    map_what_is_not(UID_MAP, uid)?;
    map_what_is_not(GID_MAP, gid)?;
    own_mounts()
}

fn own_mounts() -> Result<(), SandboxError> {
    sys::unshare(libc::CLONE_NEWNS).map_err(forbidden)?;
    // Some kernels let anybody make a user namespace, but without any rights in it.
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::DOWNSTREAM)
        .trying(|| "change the mounts of a namespace of our own".to_owned())
        .map_err(forbidden)
}

fn pipe() -> String {
    "make and use a pipe".to_owned()
}

fn wait_for_the_namespace(wait: &mut PipeReader) -> bool {
    wait.read_exact(&mut [0]).is_ok()
}

/// Runs `newuidmap` and `newgidmap` on the parent. Where one is missing or refuses, the parent maps its own id itself.
fn give_ids(uid: u32, gid: u32) -> bool {
    let Some(parent) = rustix::process::getppid() else { return false };
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = accounts(&users).find(|account| account.uid == uid).map(|account| account.name);
    let give = |tool: &str, file: &str, own: u32| {
        let ranges = fs::read_to_string(file).unwrap_or_default();
        let Some((first, count)) = range_of(&ranges, uid, name.as_deref()) else { return false };
        let numbers = [0, own, 1, 1, first, count].map(|number| number.to_string());
        Command::new(tool)
            .arg(parent.as_raw_nonzero().to_string())
            .args(numbers)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    give("newuidmap", "/etc/subuid", uid) && give("newgidmap", "/etc/subgid", gid)
}

/// The largest range in lines of `name or uid:first:count`.
fn range_of(ranges: &str, uid: u32, name: Option<&str>) -> Option<(u32, u32)> {
    let uid = uid.to_string();
    let own = ranges.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let whose = fields.next()?;
        let numbers = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (whose == uid || Some(whose) == name).then_some(numbers)
    });
    own.max_by_key(|(_, count)| *count)
}

/// Maps root to one id outside, unless somebody has mapped more. Once written, a map is final.
fn map_what_is_not(path: &str, id: u32) -> Result<(), Failure> {
    if fs::read_to_string(path).is_ok_and(|map| !map.trim().is_empty()) {
        return Ok(());
    }
    if path == GID_MAP {
        // Or a group could be left whose files say "everybody but this group".
        fs::write("/proc/self/setgroups", "deny").trying(|| "give up changing groups".to_owned())?;
    }
    fs::write(path, format!("0 {id} 1")).trying(|| format!("write {path}"))
}

/// What the kernel says is EPERM, ENOSPC or EINVAL; why is elsewhere.
fn forbidden(failure: Failure) -> SandboxError {
    let number = |path: &str| fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let because = if number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        "sysctl kernel.apparmor_restrict_unprivileged_userns is 1: set it to 0, or give hearth a profile"
    } else if number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        "sysctl kernel.unprivileged_userns_clone is 0: set it to 1"
    } else if number("/proc/sys/user/max_user_namespaces") == Some(0) {
        "sysctl user.max_user_namespaces is 0: raise it"
    } else if in_a_container() {
        "this container forbids it: run it with --security-opt seccomp=unconfined, or as privileged"
    } else {
        return failure.into();
    };
    SandboxError::System { what: format!("{} ({because})", failure.what), source: failure.source }
}

fn in_a_container() -> bool {
    let environment = fs::read("/proc/1/environ").unwrap_or_default();
    let says = environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(b"container="));
    says || ["/.dockerenv", "/run/.containerenv"].iter().any(|file| Path::new(file).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_namespace_has_all_ids() {
        let all = "         0          0 4294967295\n";
        assert_eq!(Standing::of_maps(all, all), Standing::Host);
    }

    #[test]
    fn others_have_what_they_were_given_without_gaps() {
        let own = "0 1000 1\n";
        let given = "0 1000 1\n1 100000 65536\n";
        let gap = "0 1000 1\n2 100000 65536\n";
        let standing = |uids, gids| Standing::of_maps(uids, gids);
        assert_eq!(standing(own, own), Standing::Namespace { user: 1_000, ids: 0 });
        assert_eq!(standing(given, given), Standing::Namespace { user: 1_000, ids: 65_536 });
        assert_eq!(standing(given, own), Standing::Namespace { user: 1_000, ids: 0 });
        assert_eq!(standing(gap, gap), Standing::Namespace { user: 1_000, ids: 0 });
        assert_eq!(standing("0 100000 65536", "0 100000 5"), Standing::Namespace { user: 100_000, ids: 4 });
    }

    #[test]
    fn ranges_are_found_by_name_and_by_number() {
        let ranges = "ada:100000:10\n1000:200000:65536\nbob:300000:65536\nada:garbage\n";
        assert_eq!(range_of(ranges, 1_000, Some("ada")), Some((200_000, 65_536)));
        assert_eq!(range_of(ranges, 1_001, Some("bob")), Some((300_000, 65_536)));
        assert_eq!(range_of(ranges, 1_001, None), None);
    }
}
