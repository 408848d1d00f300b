//! The mounts that make a blank sandbox one function's: code, layers, `/tmp`, memory facts.
//!
//! They are made detached, by a thread of the worker that ends at once: it enters the sandbox's mount namespace and
//! nothing else of it, and PID 1 has long lost the right to mount.

use super::files::Files;
use super::threads::on_its_own_thread;
use crate::{Assignment, Launcher, SandboxError};
use hearth_init::mount::{READ_ONLY, Tree, make_all_private};
use hearth_init::{Failure, Trying, sys};
use rustix::mount::{UnmountFlags, unmount};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// The sandbox that gets the mounts.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) pidfd: BorrowedFd<'a>,
    pub(crate) user_namespace: BorrowedFd<'a>,
}

/// What a preboot has put there already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Laid {
    /// A launcher at `/tmp`.
    pub(crate) launcher: bool,
    /// Memory facts of so many MB.
    pub(crate) memory_mb: Option<u32>,
}

const TMP: &str = "/tmp";
const MEMORY_FACTS: &str = "/proc/meminfo";

/// Makes and attaches all of them; `/tmp` comes made.
pub(crate) fn mount(
    files: &Files,
    assignment: &Assignment,
    tmp: Tree,
    laid: Laid,
    target: &Target<'_>,
) -> Result<(), SandboxError> {
    let code = Tree::of(&assignment.code)?.mapped(READ_ONLY, target.user_namespace)?;
    let mut trees = vec![("/var/task", code), (TMP, tmp)];
    match laid.memory_mb {
        None => trees.push((MEMORY_FACTS, memory_facts(files, assignment.memory_mb)?)),
        Some(memory_mb) if memory_mb == assignment.memory_mb => {}
        Some(_) => return Err(SandboxError::Misused("a process was prebooted for another amount of memory")),
    }
    match last_of_each(&assignment.layers).as_slice() {
        [] => {}
        [layer] => trees.push(("/opt", Tree::of(layer)?.mapped(READ_ONLY, target.user_namespace)?)),
        layers => trees.push(("/opt", merge(files, layers, target.user_namespace)?)),
    }
    inside(target, || {
        if laid.launcher {
            // Also while files of it are open.
            unmount(TMP, UnmountFlags::DETACH).trying(|| "take the launcher away".to_owned())?;
        }
        trees.iter().try_for_each(|(path, tree)| tree.attach(Path::new(path)))
    })
}

/// Attaches what a process needs that is to wait for its function.
pub(crate) fn mount_launcher(
    files: &Files,
    launcher: Launcher,
    memory_mb: Option<u32>,
    target: &Target<'_>,
) -> Result<Laid, SandboxError> {
    let launcher = Tree::of(&files.launcher(launcher)?)?.mapped(READ_ONLY, target.user_namespace)?;
    let facts = memory_mb.map(|memory_mb| memory_facts(files, memory_mb)).transpose()?;
    inside(target, || {
        launcher.attach(Path::new(TMP))?;
        facts.iter().try_for_each(|facts| facts.attach(Path::new(MEMORY_FACTS)))
    })?;
    Ok(Laid { launcher: true, memory_mb })
}

fn memory_facts(files: &Files, memory_mb: u32) -> Result<Tree, SandboxError> {
    Ok(Tree::of(&files.memory_facts(memory_mb)?)?.with(READ_ONLY)?)
}

/// Does something in the sandbox's mount namespace.
fn inside(target: &Target<'_>, work: impl FnOnce() -> Result<(), Failure> + Send) -> Result<(), SandboxError> {
    on_its_own_thread("hearth-mounter", || {
        sys::unshare(libc::CLONE_FS)?;
        sys::enter_namespace(target.pidfd, libc::CLONE_NEWNS)?;
        work()
    })
}

/// The layers without those that come again later: an overlay refuses a directory that it has already, and everything in
/// the earlier one is hidden anyway.
fn last_of_each(layers: &[PathBuf]) -> Vec<&Path> {
    let again = |at: usize, layer: &PathBuf| layers.iter().skip(at + 1).any(|later| later == layer);
    let last = layers.iter().enumerate().filter(|(at, layer)| !again(*at, layer));
    last.map(|(_, layer)| layer.as_path()).collect()
}

/// Several layers as one tree; a file of a later layer hides that of an earlier one.
///
/// An overlay cannot be mapped itself, only what it lies over, and that must be attached somewhere: in a mount
/// namespace that ends with the thread. The overlay keeps what it needs.
fn merge(files: &Files, layers: &[&Path], user_namespace: BorrowedFd<'_>) -> Result<Tree, SandboxError> {
    let points: Vec<PathBuf> = (0..layers.len()).map(|index| files.layer(index)).collect::<Result<_, _>>()?;
    on_its_own_thread("hearth-mounter", || {
        sys::unshare(libc::CLONE_NEWNS)?;
        make_all_private()?;
        for (layer, point) in layers.iter().zip(&points) {
            Tree::of(layer)?.mapped(READ_ONLY, user_namespace.as_fd())?.attach(point)?;
        }
        // Relative names: no path of the data directory can have a colon or comma that means something here.
        rustix::process::chdir(&files.layers).trying(|| format!("enter {}", files.layers.display()))?;
        let topmost_first: Vec<String> = (0..layers.len()).rev().map(|index| index.to_string()).collect();
        Tree::mount("overlay", &[("lowerdir", &topmost_first.join(":"))], READ_ONLY)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_layer_that_comes_again_the_last_counts() {
        let layers = ["a", "b", "a", "c", "b"].map(PathBuf::from);
        assert_eq!(last_of_each(&layers), ["a", "c", "b"].map(Path::new));
        assert!(last_of_each(&[]).is_empty());
    }
}
