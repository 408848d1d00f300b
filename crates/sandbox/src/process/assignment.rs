//! The mounts that make a blank sandbox one function's: code, layers, `/tmp`, memory facts.
//!
//! They are made detached, by a thread of the worker that ends at once: it enters the sandbox's mount namespace and
//! nothing else of it, and PID 1 has long lost the right to mount.

use super::files::Files;
use super::threads::on_its_own_thread;
use crate::{Assignment, SandboxError};
use hearth_init::mount::{READ_ONLY, Tree, make_all_private};
use hearth_init::{Trying, sys};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// The sandbox that gets the mounts.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) pidfd: BorrowedFd<'a>,
    pub(crate) user_namespace: BorrowedFd<'a>,
}

/// Makes and attaches all of them; `/tmp` comes made.
pub(crate) fn mount(
    files: &Files,
    assignment: &Assignment,
    tmp: Tree,
    target: &Target<'_>,
) -> Result<(), SandboxError> {
    let code = Tree::of(&assignment.code)?.mapped(READ_ONLY, target.user_namespace)?;
    let memory = Tree::of(&files.memory_facts(assignment.memory_mb)?)?.with(READ_ONLY)?;
    let mut trees = vec![("/var/task", code), ("/proc/meminfo", memory), ("/tmp", tmp)];
    match last_of_each(&assignment.layers).as_slice() {
        [] => {}
        [layer] => trees.push(("/opt", Tree::of(layer)?.mapped(READ_ONLY, target.user_namespace)?)),
        layers => trees.push(("/opt", merge(files, layers, target.user_namespace)?)),
    }
    on_its_own_thread("hearth-mounter", || {
        sys::unshare(libc::CLONE_FS)?;
        sys::enter_namespace(target.pidfd, libc::CLONE_NEWNS)?;
        trees.iter().try_for_each(|(path, tree)| tree.attach(Path::new(path)))
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
