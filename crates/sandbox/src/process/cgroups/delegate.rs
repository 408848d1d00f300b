//! Hands control groups over to an ordinary user, once, as root: what systemd does for a scope with `Delegate=`, where
//! there is no systemd or its groups are v1.
//!
//! The user gets directories below which limits can be set, never the limits of those directories themselves. It lasts
//! until the next boot.

use super::detect::{Mounts, controllers, has_memory};
use super::directory;
use super::v2::{SUPERVISOR, hand_down, wanted_of};
use crate::SandboxError;
use hearth_init::{Failure, Trying};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

/// v1 controllers that limit, count and freeze.
const V1: [&str; 5] = ["memory", "cpu", "cpuacct", "pids", "freezer"];
/// Files of a v1 directory that its owner has to write.
const V1_FILES: [&str; 2] = ["cgroup.procs", "tasks"];
/// The same of a v2 directory (`cgroups(7)`, "cgroup delegation").
const V2_FILES: [&str; 3] = ["cgroup.procs", "cgroup.threads", "cgroup.subtree_control"];

/// What was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// The user's own now.
    pub directories: Vec<PathBuf>,
    /// Whether processes have to be in one of them to use it, as v2 has it.
    pub has_to_be_in: bool,
}

/// Makes the directories of a user, or finds them, and gives them away. Moves `process`, and with it what it will start,
/// to where it can use them.
///
/// # Errors
///
/// [`SandboxError`]: without root; without any control groups to hand over.
pub fn hand_over(user: u32, group: u32, process: Option<u32>) -> Result<HandedOver, SandboxError> {
    let mounts = Mounts::read()?;
    let mut directories = Vec::new();
    // Controllers mounted together share a directory.
    let roots: BTreeSet<&PathBuf> = V1.iter().filter_map(|controller| mounts.v1.get(*controller)).collect();
    for root in roots {
        let own = root.join(handed_over_directory(user));
        create_if_missing(&own)?;
        give(&own, &V1_FILES, user, group)?;
        directories.push(own);
    }
    if let Some(root) = &mounts.v2 {
        directories.push(hand_over_v2(root, user, group, process)?);
    }
    if directories.is_empty() {
        return Err(SandboxError::Misused("no control groups are mounted: mount -t cgroup2 none /sys/fs/cgroup"));
    }
    Ok(HandedOver { directories, has_to_be_in: mounts.v2.is_some() })
}

/// Name of the directories of a user.
pub(super) fn handed_over_directory(user: u32) -> String {
    format!("hearth-{user}")
}

fn hand_over_v2(root: &Path, user: u32, group: u32, process: Option<u32>) -> Result<PathBuf, Failure> {
    if has_memory(root) {
        hand_down(root, &wanted_of(&controllers(root)))?;
    }
    let own = root.join(handed_over_directory(user));
    let supervisor = own.join(SUPERVISOR);
    for directory in [&own, &supervisor] {
        create_if_missing(directory)?;
        give(directory, &V2_FILES, user, group)?;
    }
    if let Some(process) = process {
        directory::write(&supervisor, "cgroup.procs", &process.to_string())?;
    }
    Ok(own)
}

fn create_if_missing(path: &Path) -> Result<(), Failure> {
    match fs::create_dir(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.trying(|| format!("create the cgroup {}", path.display())),
    }
}

fn give(directory: &Path, files: &[&str], user: u32, group: u32) -> Result<(), Failure> {
    let all = files.iter().map(|file| directory.join(file)).chain([directory.to_owned()]);
    for path in all {
        chown(&path, Some(user), Some(group)).trying(|| format!("give {} to user {user}", path.display()))?;
    }
    Ok(())
}
