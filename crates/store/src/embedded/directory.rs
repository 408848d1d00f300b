//! The data directory: its lock, its identity, and the place where unfinished things are made. Knows nothing of what the
//! other modules keep in it.

use crate::StoreError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use uuid::Uuid;

/// Hexadecimal digits of an instance id: short enough for names of network devices and cgroups.
const INSTANCE_DIGITS: usize = 12;

/// A locked data directory.
#[derive(Debug)]
pub(super) struct DataDirectory {
    path: PathBuf,
    instance: String,
    unfinished: AtomicU64,
    // Held for its lock. The kernel releases it with the descriptor, so also after a `kill -9`.
    _lock: File,
}

impl DataDirectory {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        make_directory(path)?;
        // Mounts and error texts outlive a change of the working directory.
        let path = fs::canonicalize(path).map_err(|source| failed("resolve", path, source))?;
        let lock = lock(&path)?;
        for name in ["packages", "logs", "tmp"] {
            make_directory(&path.join(name))?;
        }
        empty(&path.join("tmp"))?;
        let mut directory = Self { path, instance: String::new(), unfinished: AtomicU64::new(0), _lock: lock };
        directory.instance = directory.identify()?;
        Ok(directory)
    }

    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join("hearth.db")
    }

    pub(super) fn packages(&self) -> PathBuf {
        self.path.join("packages")
    }

    pub(super) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// A path below `tmp/` that nothing uses, on the same file system as everything else.
    pub(super) fn scratch_path(&self) -> PathBuf {
        self.path.join("tmp").join(self.unfinished.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// A new directory below `tmp/` that vanishes unless it is moved away.
    pub(super) fn scratch(&self) -> Result<Scratch, StoreError> {
        let path = self.scratch_path();
        make_directory(&path)?;
        Ok(Scratch { path })
    }

    /// Makes a tree disappear at once, then removes it; false if there is none.
    pub(super) fn remove(&self, path: &Path) -> Result<bool, StoreError> {
        let grave = self.scratch_path();
        match fs::rename(path, &grave) {
            Ok(()) => {}
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(failed("remove", path, source)),
        }
        fs::remove_dir_all(&grave).map_err(|source| failed("remove", &grave, source))?;
        Ok(true)
    }

    fn identify(&self) -> Result<String, StoreError> {
        let path = self.path.join("instance");
        match fs::read_to_string(&path) {
            Ok(text) => check_instance(&path, text.trim()),
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
                let mut id = Uuid::new_v4().simple().to_string();
                id.truncate(INSTANCE_DIGITS);
                let unfinished = self.scratch_path();
                write_synced(&unfinished, id.as_bytes())?;
                fs::rename(&unfinished, &path).map_err(|source| failed("make", &path, source))?;
                sync(&self.path)?;
                Ok(id)
            }
            Err(source) => Err(failed("read", &path, source)),
        }
    }
}

/// A directory below `tmp/`, removed when dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.path) {
            Ok(()) => {}
            // It was moved to where it belongs.
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "an unfinished directory stays until the next start")
            }
        }
    }
}

/// An id that somebody edited could collide with another service's; losing it would leave leftovers for ever.
fn check_instance(path: &Path, id: &str) -> Result<String, StoreError> {
    let fits = id.len() == INSTANCE_DIGITS && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if fits { Ok(id.to_owned()) } else { Err(failed("use", path, format!("{id:?} is not an instance id"))) }
}

fn lock(data: &Path) -> Result<File, StoreError> {
    let path = data.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|source| failed("open", &path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Locked { path: data.to_owned(), pid: holder(&mut file) });
        }
        Err(TryLockError::Error(source)) => return Err(failed("lock", &path, source)),
    }
    file.set_len(0)
        .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()))
        .map_err(|source| failed("write", &path, source))?;
    Ok(file)
}

/// The process id in the lock file. The holder writes it right after locking, so a few looks find it; 0 when it does
/// not even then.
fn holder(file: &mut File) -> u32 {
    for _ in 0..20 {
        let mut text = String::new();
        if file.rewind().and_then(|()| file.read_to_string(&mut text)).is_ok()
            && let Ok(pid) = text.trim().parse()
        {
            return pid;
        }
        thread::sleep(Duration::from_millis(5));
    }
    0
}

fn empty(directory: &Path) -> Result<(), StoreError> {
    let entries = fs::read_dir(directory).map_err(|source| failed("list", directory, source))?;
    for entry in entries {
        let path = entry.map_err(|source| failed("list", directory, source))?.path();
        let is_directory = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        let removed = if is_directory { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|source| failed("remove", &path, source))?;
    }
    Ok(())
}

/// Makes a directory and its parents. Others may pass through (a sandbox mounts what lies below by path) but not look
/// around: function code and logs are nobody else's.
pub(super) fn make_directory(path: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new().recursive(true).mode(0o711).create(path).map_err(|source| failed("make", path, source))
}

/// Writes a new file.
pub(super) fn write_new(path: &Path, content: &[u8]) -> Result<File, StoreError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        Ok(file)
    };
    write().map_err(|source: std::io::Error| failed("write", path, source))
}

/// Writes a new file and waits until it is on the disk.
pub(super) fn write_synced(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    write_new(path, content)?.sync_all().map_err(|source| failed("sync", path, source))
}

/// Waits until a file's content, or a directory's entries, are on the disk.
pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|source| failed("sync", path, source))
}

/// The error of an operation on a path.
pub(super) fn failed(
    verb: &str,
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::io(format!("{verb} {}", path.display()), source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opener_is_told_who_holds_it() {
        let data = tempfile::tempdir().unwrap();
        let first = DataDirectory::open(data.path()).unwrap();
        match DataDirectory::open(data.path()) {
            Err(StoreError::Locked { pid, .. }) => assert_eq!(pid, std::process::id()),
            other => panic!("{other:?}"),
        }
        drop(first);
        DataDirectory::open(data.path()).unwrap();
    }

    #[test]
    fn the_instance_stays_and_differs_between_directories() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = DataDirectory::open(one.path()).unwrap().instance().to_owned();
        assert_eq!(DataDirectory::open(one.path()).unwrap().instance(), first);
        assert_ne!(DataDirectory::open(two.path()).unwrap().instance(), first);
        assert_eq!(first.len(), INSTANCE_DIGITS);
    }

    #[test]
    fn an_edited_instance_is_refused() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("instance"), "../../x").unwrap();
        let text = DataDirectory::open(data.path()).unwrap_err().to_string();
        assert!(text.starts_with("use ") && text.ends_with("/instance"), "{text}");
    }

    #[test]
    fn a_start_removes_what_is_unfinished() {
        let data = tempfile::tempdir().unwrap();
        drop(DataDirectory::open(data.path()).unwrap());
        fs::create_dir_all(data.path().join("tmp/7/tree")).unwrap();
        fs::write(data.path().join("tmp/8"), "x").unwrap();
        let _directory = DataDirectory::open(data.path()).unwrap();
        assert_eq!(fs::read_dir(data.path().join("tmp")).unwrap().count(), 0);
    }
}
