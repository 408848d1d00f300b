//! Files that a package shares with the one it was made from: the same inodes. Nobody writes to a package's files, and
//! functions see them on a read-only mount.

use super::{splice, unpack};
use crate::PackageError;
use std::collections::HashSet;
use std::fs;
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
        let one = |path: &&str| {
            let (old, new) = (self.tree.join(path), root.join(path));
            let bytes = fs::symlink_metadata(&old).ok().filter(fs::Metadata::is_file)?.len();
            fs::hard_link(old, new).ok().map(|()| bytes)
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(LINKERS);
        let share = paths.len().div_ceil(threads).max(WORTH_A_THREAD);
        thread::scope(|scope| {
            let parts: Vec<_> = paths
                .chunks(share)
                .map(|part| (part.len(), scope.spawn(move || part.iter().map(one).collect::<Vec<_>>())))
                .collect();
            // Of a thread that ended early nothing counts as linked; what is there already then fails the package.
            parts.into_iter().flat_map(|(length, part)| part.join().unwrap_or_else(|_| vec![None; length])).collect()
        })
    }
}
