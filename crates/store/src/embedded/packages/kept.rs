//! Files that a package shares with the one it was made from: the same inodes. Nobody writes to a package's files, and
//! functions see them on a read-only mount.

use super::{splice, unpack};
use crate::PackageError;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, linkat, statat};
use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;

/// Threads that link (ours: a file system lets few work at once).
const LINKERS: usize = 4;
/// Below so many files one thread is as fast.
const WORTH_A_THREAD: usize = 256;

/// The unpacked tree of an earlier package, and what is not the same any more.
#[derive(Debug)]
pub(super) struct Kept {
    tree: PathBuf,
    changed: HashSet<String>,
}

impl Kept {
    /// All of `tree` but the entries of the zip `changes`.
    pub(super) fn but(tree: PathBuf, changes: &[u8]) -> Result<Self, PackageError> {
        let archive = unpack::open(changes)?;
        let changed = (0..archive.len()).map(|index| splice::path(&archive, index)).collect::<Result<_, _>>()?;
        Ok(Self { tree, changed })
    }

    /// Whether a file of the new package is one of the old one.
    pub(super) fn has(&self, path: &str) -> bool {
        !self.changed.contains(path)
    }

    /// Gives files of the old tree a place below `root`, whose directories are there. For each, its bytes; none for one
    /// that could not be linked, as where it has all the links that its file system allows.
    pub(super) fn link(&self, root: &Path, paths: &[&str]) -> Vec<Option<u64>> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(LINKERS);
        let share = paths.len().div_ceil(threads).max(WORTH_A_THREAD);
        thread::scope(|scope| {
            let parts: Vec<_> =
                paths.chunks(share).map(|part| (part.len(), scope.spawn(|| self.link_part(root, part)))).collect();
            // Of a thread that ended early nothing counts as linked; what is there already then fails the package.
            parts.into_iter().flat_map(|(length, part)| part.join().unwrap_or_else(|_| vec![None; length])).collect()
        })
    }

    fn link_part<'p>(&self, root: &Path, paths: &[&'p str]) -> Vec<Option<u64>> {
        // Of the file before: files come folder by folder, and a walk from the root for each would cost as much again.
        let mut folder: Option<(&'p str, OwnedFd, OwnedFd)> = None;
        let one = |path: &'p str| {
            let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
            if folder.as_ref().is_none_or(|(last, ..)| *last != above) {
                folder = Some((above, open(&self.tree.join(above))?, open(&root.join(above))?));
            }
            let (_, old, new) = folder.as_ref()?;
            let stat = statat(old, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            let bytes = u64::try_from(stat.st_size).ok().filter(|_| FileType::from_raw_mode(stat.st_mode).is_file())?;
            linkat(old, name, new, name, AtFlags::empty()).ok().map(|()| bytes)
        };
        paths.iter().copied().map(one).collect()
    }
}

fn open(folder: &Path) -> Option<OwnedFd> {
    rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()
}
