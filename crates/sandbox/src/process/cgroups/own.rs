//! The v2 group this process is in, and whether it is ours to divide.
//!
//! Systemd owns every group that it makes and may change it, but those that it has handed over. The manager of the
//! system says which these are (`user.delegate`); that of a user says nothing, and all of its groups are the user's:
//! the one of a desktop's terminal, with the shell in it, like the one that was made for us. There, a group that only
//! this process is in can harm nobody else, whatever becomes of it. Source: systemd, "Control group APIs and delegation".

use super::delegate::handed_over_directory;
use super::v2::SUPERVISOR;
use rustix::fs::Access;
use std::fs;
use std::path::{Path, PathBuf};

/// A group that may be divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) directory: PathBuf,
    /// Whether it was handed over for certain; else nobody but this process is in it.
    pub(super) handed_over: bool,
}

impl Own {
    /// Ours, in the hierarchy at `root`, if there is one.
    pub(super) fn find(root: &Path, user: u32) -> Option<Self> {
        let own = root.join(name()?.trim_start_matches('/'));
        // Moved aside by an earlier run, or started there.
        let (directory, aside) = match own.parent() {
            Some(parent) if own.ends_with(SUPERVISOR) && is_ours(parent) => (parent.to_owned(), true),
            _ => (own, false),
        };
        // The hierarchy's own root, with every process of the host in it, is never handed over: it alone has no type.
        let is_below = directory.join("cgroup.type").exists();
        if !is_below || !is_ours(&directory) || !is_writable(&directory.join("cgroup.subtree_control")) {
            return None;
        }
        let by_doctor = handed_over_directory(user);
        let by_doctor = directory.iter().any(|part| part == by_doctor.as_str());
        let handed_over = aside || by_doctor || !Path::new("/run/systemd/system").exists() || is_marked(&directory);
        (handed_over || is_alone(&directory)).then_some(Self { directory, handed_over })
    }
}

/// As a path from the hierarchy's root (`cgroups(7)`).
fn name() -> Option<String> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    groups.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}

fn is_marked(directory: &Path) -> bool {
    let mut value = [0; 8];
    let length = rustix::fs::getxattr(directory, "user.delegate", &mut value[..]);
    length.is_ok_and(|length| value.get(..length) == Some(b"1"))
}

fn is_alone(directory: &Path) -> bool {
    let members = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    members.trim_end() == std::process::id().to_string()
}

/// Whether groups can be made in a directory, and processes moved to it.
pub(super) fn is_ours(directory: &Path) -> bool {
    is_writable(directory) && is_writable(&directory.join("cgroup.procs"))
}

fn is_writable(path: &Path) -> bool {
    rustix::fs::access(path, Access::WRITE_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_with_anybody_else_in_it_is_not_our_own() {
        let directory = tempfile::tempdir().expect("a directory");
        let own = std::process::id();
        let alone_with = |members: String| {
            fs::write(directory.path().join("cgroup.procs"), members).expect("written");
            is_alone(directory.path())
        };
        assert!(alone_with(format!("{own}\n")));
        assert!(!alone_with(format!("{own}\n1\n")));
        assert!(!alone_with(String::new()));
    }
}
