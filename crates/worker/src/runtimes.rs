//! The runtimes of a node: looked at closely for each change of a function, and taken as known by its cold starts, for as long
//! as manifest and tree stand on disk as they did.

use hearth_api::runtime_tree::{self, RuntimeTree, RuntimeTreeError};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which file or directory that is, and when it was changed last: device, inode, seconds and nanoseconds.
pub(crate) type Identity = (u64, u64, i64, i64);

/// What stands at a path.
///
/// # Errors
///
/// When it cannot be looked at.
pub(crate) fn identity(path: &Path) -> io::Result<Identity> {
    let found = path.metadata()?;
    Ok((found.dev(), found.ino(), found.ctime(), found.ctime_nsec()))
}

/// Those that have been asked for. If something is taken from a tree that stands, a cold start notices it at its program.
#[derive(Debug)]
pub(crate) struct Runtimes {
    directory: PathBuf,
    known: Mutex<BTreeMap<String, Known>>,
}

/// One that functions can run in: manifest and tree as they were then.
#[derive(Clone, Debug)]
struct Known {
    stands: [Identity; 2],
    tree: Arc<RuntimeTree>,
}

impl Runtimes {
    /// Those in this directory.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory, known: Mutex::default() }
    }

    /// One that functions can run in, as it is known.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<RuntimeTree>, RuntimeTreeError> {
        let known = self.known().get(name).cloned();
        let stands = self.stands(name)?;
        match known.filter(|known| Some(known.stands) == stands) {
            Some(known) => Ok(known.tree),
            None => self.look_at(name),
        }
    }

    /// The same, after a close look.
    pub(crate) fn look_at(&self, name: &str) -> Result<Arc<RuntimeTree>, RuntimeTreeError> {
        // Before that: what is changed meanwhile is looked at again.
        let stands = self.stands(name)?;
        self.known().remove(name);
        let tree = runtime_tree::load(&self.directory, name)?;
        tree.check()?;
        let tree = Arc::new(tree);
        let known = stands.map(|stands| Known { stands, tree: Arc::clone(&tree) });
        self.known().extend(known.map(|known| (name.to_owned(), known)));
        Ok(tree)
    }

    fn stands(&self, name: &str) -> Result<Option<[Identity; 2]>, RuntimeTreeError> {
        let (_, manifest, root) = RuntimeTree::places(&self.directory, name)?;
        Ok(identity(&manifest).and_then(|manifest| Ok([manifest, identity(&root)?])).ok())
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A runtime whose shell and program are this machine's own.
    fn add(directory: &Path, version: &str) {
        let home = directory.join("provided.al2023");
        let root = home.join("tree");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::copy("/bin/sh", root.join("bin/sh")).unwrap();
        let manifest = serde_json::json!({
            "format": 1, "name": "provided.al2023", "version": version, "version_hash": "00",
            "programs": ["/var/task/bootstrap"], "arguments": [], "environment": {},
            "architecture": std::env::consts::ARCH, "kernel_minimum": "3.2", "sources": {},
        });
        fs::write(home.join("manifest.json"), manifest.to_string()).unwrap();
    }

    #[test]
    fn a_runtime_is_looked_at_again_when_it_has_changed() {
        let directory = tempfile::tempdir().unwrap();
        let runtimes = Runtimes::new(directory.path().to_owned());
        let find = || runtimes.find("provided.al2023");
        assert!(matches!(find(), Err(RuntimeTreeError::Missing { .. })));
        add(directory.path(), "one");
        let first = find().unwrap();
        assert!(Arc::ptr_eq(&first, &find().unwrap()), "read once");
        let home = directory.path().join("provided.al2023");
        fs::remove_file(home.join("tree/bin/sh")).unwrap();
        assert!(find().is_ok(), "known");
        assert!(matches!(runtimes.look_at("provided.al2023"), Err(RuntimeTreeError::Unusable { .. })));
        assert!(matches!(find(), Err(RuntimeTreeError::Unusable { .. })), "known no more");
        fs::remove_dir_all(&home).unwrap();
        assert!(matches!(find(), Err(RuntimeTreeError::Missing { .. })));
        add(directory.path(), "two");
        assert_eq!(find().unwrap().version, "two");
        // A tree in the place of the other, that nothing can run in.
        fs::rename(home.join("tree"), home.join("old")).unwrap();
        fs::create_dir(home.join("tree")).unwrap();
        symlink("nowhere", home.join("tree/bin")).unwrap();
        assert!(matches!(find(), Err(RuntimeTreeError::Unusable { .. })));
    }
}
