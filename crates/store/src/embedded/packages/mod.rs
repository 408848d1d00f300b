//! Deployment packages on disk: `packages/SHA256/{zip,tree,size}`, made once in `tmp/` and moved into place. One that was
//! made of another by its changes has `base` and `changes` for `zip`, two zips that are spliced when somebody asks; `base`
//! and the unchanged files of `tree` are hard links, so that neither needs the other package any more.
//!
//! A zip is the customer's and hostile. It is read twice: `tree` decides from its table of contents where everything
//! goes, with nothing on disk yet, and `unpack` then writes exactly that.

mod kept;
mod names;
mod splice;
mod tree;
mod unpack;

use super::blocking::blocking;
use super::directory::{DataDirectory, Scratch, failed, make_directory, sync, write_synced};
use crate::{PackageError, StoreError};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hearth_api::function::Code;
use hearth_core::limits::ZIPPED_BYTES;
use kept::Kept;
use sha2::{Digest, Sha256};
use splice::Splice;
use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// The packages of a data directory.
#[derive(Clone, Debug)]
pub(super) struct PackageFiles {
    data: Arc<DataDirectory>,
}

impl PackageFiles {
    pub(super) fn new(data: Arc<DataDirectory>) -> Self {
        Self { data }
    }

    pub(super) async fn put(&self, zip: Bytes) -> Result<Code, PackageError> {
        let packages = self.clone();
        blocking(|| "store a package".to_owned(), move || packages.put_blocking(&zip)).await
    }

    pub(super) async fn amend(&self, base: Code, changes: Bytes) -> Result<Code, PackageError> {
        let packages = self.clone();
        blocking(|| "amend a package".to_owned(), move || packages.amend_blocking(&base, &changes)).await
    }

    pub(super) fn directory(&self, code: &Code) -> PathBuf {
        self.home(&code.sha256).join("tree")
    }

    pub(super) async fn unzipped_size(&self, code: Code) -> Result<u64, StoreError> {
        let home = self.home(&code.sha256);
        let read = move || {
            if !exists(&home)? {
                return Err(StoreError::NotFound(format!("package {}", code.sha256)));
            }
            let path = home.join("size");
            match fs::read_to_string(&path) {
                Ok(text) => text.parse().map_err(|source| failed("understand", &path, source)),
                // Unpacked before sizes were kept.
                Err(missing) if missing.kind() == ErrorKind::NotFound => bytes_below(&home.join("tree")),
                Err(source) => Err(failed("read", &path, source)),
            }
        };
        blocking(|| "read the size of a package".to_owned(), read).await
    }

    pub(super) async fn zip(&self, code: Code) -> Result<Bytes, StoreError> {
        let home = self.home(&code.sha256);
        blocking(|| "read a package".to_owned(), move || Parts::read(&home, &code)?.zip(&code).map(Bytes::from)).await
    }

    pub(super) async fn sweep(&self, used: HashSet<String>) -> Result<(), StoreError> {
        let packages = self.clone();
        blocking(|| "remove unused packages".to_owned(), move || packages.sweep_blocking(&used)).await
    }

    fn put_blocking(&self, zip: &[u8]) -> Result<Code, PackageError> {
        let code = identified(Sha256::new_with_prefix(zip), zip.len() as u64)?;
        if !exists(&self.home(&code.sha256))? {
            let scratch = self.unpack(unpack::Package::read(zip)?, None)?;
            write_synced(&scratch.path().join("zip"), zip)?;
            self.place(&scratch, &code)?;
        }
        // Also when somebody else has just made it: they may not have come to this yet.
        sync(&self.data.packages())?;
        Ok(code)
    }

    fn amend_blocking(&self, base: &Code, changes: &[u8]) -> Result<Code, PackageError> {
        let home = self.home(&base.sha256);
        let before = Parts::read(&home, base)?;
        let kept = Kept::but(home.join("tree"), changes)?;
        // Of the whole zip that was once uploaded: however often it is amended, there are two to splice.
        let changes = match &before.changes {
            Some(earlier) => &Splice::new(earlier, changes)?.zip()?,
            None => changes,
        };
        let splice = Splice::new(&before.whole, changes)?;
        let package = unpack::Package::spliced(splice.clone())?;
        // Both take their time with a large package, and neither needs the other.
        let (scratch, digest) = thread::scope(|scope| {
            let digest = scope.spawn(|| splice.digest());
            (self.unpack(package, Some(&kept)), digest.join())
        });
        let (scratch, digest) = (scratch?, digest.map_err(|_| failed("read", &before.path, "the thread ended early"))?);
        let (digest, size) = digest?;
        let code = identified(digest, size)?;
        write_synced(&scratch.path().join("changes"), changes)?;
        let whole = scratch.path().join("base");
        fs::hard_link(&before.path, &whole).map_err(|source| failed("make", &whole, source))?;
        self.place(&scratch, &code)?;
        sync(&self.data.packages())?;
        Ok(code)
    }

    /// The tree of a package and its size; its zip is still to be written.
    fn unpack(&self, mut package: unpack::Package<'_>, kept: Option<&Kept>) -> Result<Scratch, PackageError> {
        let scratch = self.data.scratch()?;
        let tree = scratch.path().join("tree");
        make_directory(&tree)?;
        let unzipped = package.unpack(&tree, kept)?;
        write_synced(&scratch.path().join("size"), unzipped.to_string().as_bytes())?;
        Ok(scratch)
    }

    /// Moves what is complete to where it belongs.
    fn place(&self, scratch: &Scratch, code: &Code) -> Result<(), StoreError> {
        let home = self.home(&code.sha256);
        sync(scratch.path())?;
        match fs::rename(scratch.path(), &home) {
            Ok(()) => Ok(()),
            // It was there before, or somebody made the same at the same time and was faster.
            Err(_) if exists(&home)? => Ok(()),
            Err(source) => Err(failed("make", &home, source)),
        }
    }

    fn sweep_blocking(&self, used: &HashSet<String>) -> Result<(), StoreError> {
        let used: HashSet<PathBuf> = used.iter().map(|sha256| self.home(sha256)).collect();
        let packages = self.data.packages();
        let entries = fs::read_dir(&packages).map_err(|source| failed("list", &packages, source))?;
        for entry in entries {
            let path = entry.map_err(|source| failed("list", &packages, source))?.path();
            if !used.contains(&path) {
                self.data.remove(&path)?;
                tracing::debug!(path = %path.display(), "removed a package that no function uses");
            }
        }
        Ok(())
    }

    /// Where the package of a digest is. The name is hexadecimal whatever the text is, so it leads nowhere else.
    fn home(&self, sha256: &str) -> PathBuf {
        let digest = BASE64_STANDARD.decode(sha256).unwrap_or_else(|_foreign| sha256.as_bytes().to_vec());
        self.data.packages().join(hex::encode(digest))
    }
}

/// What a package's zip is kept as.
struct Parts {
    /// Where `whole` is.
    path: PathBuf,
    /// All of it, or what `changes` are spliced into.
    whole: Vec<u8>,
    changes: Option<Vec<u8>>,
}

impl Parts {
    fn read(home: &Path, code: &Code) -> Result<Self, StoreError> {
        let read = |name: &str| {
            let path = home.join(name);
            match fs::read(&path) {
                Ok(content) => Ok(Some((path, content))),
                Err(missing) if missing.kind() == ErrorKind::NotFound => Ok(None),
                Err(source) => Err(failed("read", &path, source)),
            }
        };
        if let Some((path, whole)) = read("zip")? {
            return Ok(Self { path, whole, changes: None });
        }
        match (read("base")?, read("changes")?) {
            (Some((path, whole)), Some((_, changes))) => Ok(Self { path, whole, changes: Some(changes) }),
            _ => Err(StoreError::NotFound(format!("package {}", code.sha256))),
        }
    }

    /// As one zip, which is known by its digest.
    fn zip(self, code: &Code) -> Result<Vec<u8>, StoreError> {
        let Some(changes) = self.changes else { return Ok(self.whole) };
        let zip = Splice::new(&self.whole, &changes).and_then(Splice::zip);
        let zip = zip.map_err(|source| failed("splice", &self.path, source))?;
        if BASE64_STANDARD.encode(Sha256::digest(&zip)) == code.sha256 {
            Ok(zip)
        } else {
            Err(failed("splice", &self.path, "it is not the package that it was"))
        }
    }
}

/// What a zip is known by, if it is not too large.
fn identified(digest: Sha256, size: u64) -> Result<Code, PackageError> {
    let sha256 = BASE64_STANDARD.encode(digest.finalize());
    if size > ZIPPED_BYTES { Err(PackageError::ZippedTooLarge) } else { Ok(Code { sha256, size }) }
}

/// Bytes of all files below a directory.
fn bytes_below(root: &Path) -> Result<u64, StoreError> {
    let mut bytes = 0;
    let mut ahead = vec![root.to_owned()];
    while let Some(directory) = ahead.pop() {
        let reading = |source| failed("measure", &directory, source);
        for entry in fs::read_dir(&directory).map_err(reading)? {
            let entry = entry.map_err(reading)?;
            let metadata = entry.metadata().map_err(reading)?;
            if metadata.is_dir() {
                ahead.push(entry.path());
            } else if metadata.is_file() {
                bytes += metadata.len();
            }
        }
    }
    Ok(bytes)
}

fn exists(home: &Path) -> Result<bool, StoreError> {
    home.try_exists().map_err(|source| failed("look for", home, source))
}
