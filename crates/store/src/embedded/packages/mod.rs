//! Deployment packages on disk: `packages/SHA256/{zip,tree,size}`, made once in `tmp/` and moved into place.
//!
//! A zip is the customer's and hostile. It is read twice: `tree` decides from its table of contents where everything
//! goes, with nothing on disk yet, and `unpack` then writes exactly that.

mod names;
mod tree;
mod unpack;

use super::blocking::blocking;
use super::directory::{DataDirectory, failed, make_directory, sync, write_synced};
use crate::{PackageError, StoreError};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hearth_api::function::Code;
use hearth_core::limits::ZIPPED_BYTES;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        let path = self.home(&code.sha256).join("zip");
        let read = move || match fs::read(&path) {
            Ok(zip) => Ok(Bytes::from(zip)),
            Err(missing) if missing.kind() == ErrorKind::NotFound => {
                Err(StoreError::NotFound(format!("package {}", code.sha256)))
            }
            Err(source) => Err(failed("read", &path, source)),
        };
        blocking(|| "read a package".to_owned(), read).await
    }

    pub(super) async fn sweep(&self, used: HashSet<String>) -> Result<(), StoreError> {
        let packages = self.clone();
        blocking(|| "remove unused packages".to_owned(), move || packages.sweep_blocking(&used)).await
    }

    fn put_blocking(&self, zip: &[u8]) -> Result<Code, PackageError> {
        let size = zip.len() as u64;
        if size > ZIPPED_BYTES {
            return Err(PackageError::ZippedTooLarge);
        }
        let code = Code { sha256: BASE64_STANDARD.encode(Sha256::digest(zip)), size };
        let home = self.home(&code.sha256);
        if !exists(&home)? {
            self.make(zip, &home)?;
        }
        // Also when somebody else has just made it: they may not have come to this yet.
        sync(&self.data.packages())?;
        Ok(code)
    }

    fn make(&self, zip: &[u8], home: &Path) -> Result<(), PackageError> {
        let mut package = unpack::Package::read(zip)?;
        let scratch = self.data.scratch()?;
        let tree = scratch.path().join("tree");
        make_directory(&tree)?;
        let unzipped = package.unpack(&tree)?;
        write_synced(&scratch.path().join("zip"), zip)?;
        write_synced(&scratch.path().join("size"), unzipped.to_string().as_bytes())?;
        sync(scratch.path())?;
        match fs::rename(scratch.path(), home) {
            Ok(()) => Ok(()),
            // Somebody put the same bytes at the same time and was faster.
            Err(_) if exists(home)? => Ok(()),
            Err(source) => Err(failed("make", home, source).into()),
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
