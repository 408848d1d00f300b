//! The mounts that make a blank sandbox one function's: code, layers, `/tmp`, memory facts.
//!
//! They are made detached and attached by a [`Mounter`]. What does not depend on the function is there before it is known:
//! its `/tmp`, if that is of the usual size.

use super::files::Files;
use super::mounter::Mounter;
use super::threads::on_its_own_thread;
use crate::{Assignment, Launcher, SandboxError};
use hearth_init::mount::{READ_ONLY, Tree, make_all_private};
use hearth_init::{Failure, Trying, sys};
use rustix::mount::{UnmountFlags, unmount};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// What has been put there before there was an assignment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Laid {
    /// Something at `/tmp`: a launcher, or the `/tmp` of the usual size.
    pub(crate) tmp: bool,
    /// Memory facts of so many MB.
    pub(crate) memory_mb: Option<u32>,
}

const TMP: &str = "/tmp";
const MEMORY_FACTS: &str = "/proc/meminfo";

/// Makes and attaches all of them; `/tmp` comes made, `None` if the right one is there.
pub(crate) fn mount(
    files: &Files,
    assignment: &Assignment,
    tmp: Option<Tree>,
    laid: Laid,
    user_namespace: BorrowedFd<'_>,
    mounter: &Mounter,
) -> Result<(), SandboxError> {
    let code = Tree::of(&assignment.code)?.mapped(READ_ONLY, user_namespace)?;
    let mut trees = vec![("/var/task", code)];
    match laid.memory_mb {
        None => trees.push((MEMORY_FACTS, memory_facts(files, assignment.memory_mb)?)),
        Some(memory_mb) if memory_mb == assignment.memory_mb => {}
        Some(_) => return Err(SandboxError::Misused("a process was prebooted for another amount of memory")),
    }
    match last_of_each(&assignment.layers).as_slice() {
        [] => {}
        [layer] => trees.push(("/opt", Tree::of(layer)?.mapped(READ_ONLY, user_namespace)?)),
        layers => trees.push(("/opt", merge(files, layers, user_namespace)?)),
    }
    mounter.run(move || {
        tmp.map_or(Ok(()), |tmp| put_tmp(&tmp, laid))?;
        trees.iter().try_for_each(|(path, tree)| tree.attach(Path::new(path)))
    })
}

/// Attaches a `/tmp`, in the place of what was laid there.
pub(crate) fn mount_tmp(tmp: Tree, laid: Laid, mounter: &Mounter) -> Result<Laid, SandboxError> {
    mounter.run(move || put_tmp(&tmp, laid))?;
    Ok(Laid { tmp: true, ..laid })
}

fn put_tmp(tmp: &Tree, laid: Laid) -> Result<(), Failure> {
    if laid.tmp {
        // Also while files of it are open.
        unmount(TMP, UnmountFlags::DETACH).trying(|| "take away what is at /tmp".to_owned())?;
    }
    tmp.attach(Path::new(TMP))
}

/// Attaches what a process needs that is to wait for its function.
pub(crate) fn mount_launcher(
    files: &Files,
    launcher: Launcher,
    memory_mb: Option<u32>,
    user_namespace: BorrowedFd<'_>,
    mounter: &Mounter,
) -> Result<Laid, SandboxError> {
    let launcher = Tree::of(&files.launcher(launcher)?)?.mapped(READ_ONLY, user_namespace)?;
    let facts = memory_mb.map(|memory_mb| memory_facts(files, memory_mb)).transpose()?;
    mounter.run(move || {
        launcher.attach(Path::new(TMP))?;
        facts.iter().try_for_each(|facts| facts.attach(Path::new(MEMORY_FACTS)))
    })?;
    Ok(Laid { tmp: true, memory_mb })
}

fn memory_facts(files: &Files, memory_mb: u32) -> Result<Tree, SandboxError> {
    Ok(Tree::of(&files.memory_facts(memory_mb)?)?.with(READ_ONLY)?)
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
