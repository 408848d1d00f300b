//! The folder that runtimes live in, changed by one process at a time and only by renaming: whatever stops a change,
//! a runtime is there as a whole or not at all.

use super::build::{create_folder, remove};
use anyhow::Context as _;
use hearth_api::runtime_tree::{RuntimeTree, RuntimeTreeError};
use std::fs::{self, File, Permissions, TryLockError};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What a change that was cut off may leave: names that no runtime can have.
const UNFINISHED: [&str; 2] = [".adding-", ".removing-"];

/// The folder, locked.
#[derive(Debug)]
pub(super) struct Shelf {
    directory: PathBuf,
    _lock: File,
}

/// A runtime in the making; removed when dropped, unless it was [kept](Draft::keep).
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
}

impl Shelf {
    /// Locks the folder, making it first, and removes what was left unfinished. `busy` is called before waiting for
    /// another process.
    pub(super) fn lock(directory: &Path, busy: impl FnOnce()) -> anyhow::Result<Self> {
        create_folder(directory)?;
        open_to_all(directory)?;
        let path = directory.join(".lock");
        let lock = File::create(&path).with_context(|| format!("open {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                busy();
                lock.lock().with_context(|| format!("lock {}", path.display()))?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("lock {}", path.display()));
            }
        }
        let shelf = Self { directory: directory.to_owned(), _lock: lock };
        shelf.clean()?;
        Ok(shelf)
    }

    /// Begins a runtime.
    pub(super) fn draft(&self, name: &str) -> anyhow::Result<Draft> {
        let path = self.directory.join(format!(".adding-{name}"));
        create_folder(&path)?;
        open_to_all(&path)?;
        Ok(Draft { path })
    }

    /// Takes a runtime away. `false`: it was not there.
    pub(super) fn remove(&self, name: &str) -> anyhow::Result<bool> {
        let (home, ..) = RuntimeTree::places(&self.directory, name)?;
        let gone = self.directory.join(format!(".removing-{name}"));
        match fs::rename(&home, &gone) {
            Ok(()) => remove(&gone).map(|()| true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("rename {}", home.display())),
        }
    }

    fn clean(&self) -> anyhow::Result<()> {
        let list = || fs::read_dir(&self.directory)?.collect::<std::io::Result<Vec<_>>>();
        for entry in list().with_context(|| format!("list {}", self.directory.display()))? {
            let name = entry.file_name();
            if UNFINISHED.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

impl Draft {
    /// Where it is made.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place with its manifest, in one step.
    pub(super) fn keep(self, manifest: &RuntimeTree, directory: &Path) -> anyhow::Result<()> {
        let (home, ..) = RuntimeTree::places(directory, &manifest.name)?;
        let path = self.path.join("manifest.json");
        let text = serde_json::to_string_pretty(manifest).context("write the manifest")?;
        super::build::write(&path, text)?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))
            .with_context(|| format!("set the mode of {}", path.display()))?;
        // What does not load as a runtime (of an older Hearth, say) makes way.
        remove(&home)?;
        fs::rename(&self.path, &home).with_context(|| format!("rename {} to {}", self.path.display(), home.display()))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Not there any more after `keep`. What cannot be removed now, the next change removes.
        remove(&self.path).ok();
    }
}

/// The runtime, or `None` if it is not there.
///
/// # Errors
///
/// That what is there cannot be used.
pub(super) fn find(directory: &Path, name: &str) -> anyhow::Result<Option<RuntimeTree>> {
    match hearth_api::runtime_tree::load(directory, name) {
        Ok(tree) => {
            tree.check()?;
            Ok(Some(tree))
        }
        Err(RuntimeTreeError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Functions, who are not root, must be able to walk through, whatever the umask.
fn open_to_all(folder: &Path) -> anyhow::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))
        .with_context(|| format!("set the mode of {}", folder.display()))
}

/// Makes a tree that has a shell and nothing else.
#[cfg(test)]
pub(super) fn write_tree(tree: &Path) {
    super::build::write(&tree.join("bin/sh"), "#!").unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn manifest(name: &str) -> RuntimeTree {
        RuntimeTree {
            format: hearth_api::runtime_tree::FORMAT,
            name: name.into(),
            version: "python:3.11.v1".into(),
            version_hash: "0".repeat(64),
            programs: vec!["/bin/sh".into()],
            arguments: vec![],
            environment: BTreeMap::new(),
            architecture: std::env::consts::ARCH.into(),
            kernel_minimum: "3.2.0".into(),
            sources: BTreeMap::new(),
            root: PathBuf::new(),
        }
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_kept_draft_is_a_runtime_and_a_dropped_one_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let shelf = Shelf::lock(directory.path(), || unreachable!("nobody else")).unwrap();
        let draft = shelf.draft("python3.11").unwrap();
        fs::create_dir(draft.path().join("tree")).unwrap();
        drop(draft);
        assert_eq!(names(directory.path()), [".lock"]);

        let draft = shelf.draft("python3.11").unwrap();
        write_tree(&draft.path().join("tree"));
        draft.keep(&manifest("python3.11"), directory.path()).unwrap();
        assert_eq!(names(directory.path()), [".lock", "python3.11"]);
        assert_eq!(find(directory.path(), "python3.11").unwrap().unwrap().version, "python:3.11.v1");
        remove(&directory.path().join("python3.11/tree/bin/sh")).unwrap();
        let broken = find(directory.path(), "python3.11").unwrap_err().to_string();
        assert!(broken.starts_with("runtime python3.11 cannot be used, it has no /bin/sh"), "{broken}");
        assert!(shelf.remove("python3.11").unwrap());
        assert!(!shelf.remove("python3.11").unwrap());
        assert_eq!(names(directory.path()), [".lock"]);
    }

    #[test]
    fn what_was_cut_off_is_removed_and_the_rest_is_not() {
        let directory = tempfile::tempdir().unwrap();
        for name in [".adding-python3.11/tree", ".removing-nodejs20.x", ".cache", "provided.al2023"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        Shelf::lock(directory.path(), || unreachable!("nobody else")).unwrap();
        assert_eq!(names(directory.path()), [".cache", ".lock", "provided.al2023"]);
    }

    #[test]
    fn a_second_change_waits_for_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let first = Shelf::lock(directory.path(), || unreachable!("nobody else")).unwrap();
        let (waits, waiting) = std::sync::mpsc::channel();
        let second = {
            let directory = directory.path().to_owned();
            std::thread::spawn(move || Shelf::lock(&directory, || waits.send(()).unwrap()).map(|_| ()))
        };
        waiting.recv().unwrap();
        let draft = first.draft("python3.11").unwrap();
        draft.keep(&manifest("python3.11"), directory.path()).unwrap();
        drop(first);
        second.join().unwrap().unwrap();
        assert_eq!(names(directory.path()), [".lock", "python3.11"]);
    }
}
