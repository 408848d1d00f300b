//! The trait of deployment packages: zip files, checked and unpacked once. A package never changes after it was stored.

use crate::StoreError;
use bytes::Bytes;
use hearth_api::environments::BoxFuture;
use hearth_api::function::Code;
use std::collections::HashSet;
use std::fmt::Debug;
use std::path::PathBuf;

/// Deployment packages, by digest.
pub trait Packages: Send + Sync + Debug {
    /// Checks and unpacks a zip once, durably, keyed by its SHA-256; a second call with the same bytes costs a hash.
    ///
    /// # Errors
    ///
    /// [`PackageError`]: nothing is kept of a refused package.
    fn put(&self, zip: Bytes) -> BoxFuture<'_, Result<Code, PackageError>>;

    /// The package `base` with what has changed: every entry of the zip `changes` takes the place of the one with its path,
    /// or is new. All of it is checked as in [`Packages::put`], and durable; only what has changed is written. The same
    /// two give the same package, and of one that was packed in order of the paths it is the one that packing anew gives.
    ///
    /// # Errors
    ///
    /// [`PackageError`], with [`StoreError::NotFound`] in it when there is no such base: nothing is kept.
    fn amend(&self, base: &Code, changes: Bytes) -> BoxFuture<'_, Result<Code, PackageError>>;

    /// The directory with the unpacked files (executables 0755, other files 0644), to be mounted read-only.
    fn directory(&self, code: &Code) -> PathBuf;

    /// Bytes of all files of the package together.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]
    fn unzipped_size(&self, code: &Code) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// The zip as it was uploaded, for `Code.Location`.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]
    fn zip(&self, code: &Code) -> BoxFuture<'_, Result<Bytes, StoreError>>;

    /// Removes packages that no function refers to. `used` are the digests in use, as [`Code::sha256`].
    ///
    /// Only for a start, before anything runs: it would empty `/var/task` of an environment that still runs a removed
    /// package, and remove one that was put but whose function is not stored yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn sweep(&self, used: &HashSet<String>) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Why a package was refused.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Not a zip, damaged, or with names that leave the package: the text is for our log, AWS's message is fixed.
    #[error("not a usable zip: {0}")]
    Invalid(String),
    /// No bytes, or no entry.
    #[error("an empty zip")]
    Empty,
    /// The zip itself is larger than [`hearth_core::limits::ZIPPED_BYTES`].
    #[error("the zip is too large")]
    ZippedTooLarge,
    /// More than [`hearth_core::limits::UNZIPPED_BYTES`] unzipped, or too many entries.
    #[error("the package is too large unzipped")]
    TooLarge,
    /// The disk failed.
    #[error("store the package")]
    Store(#[from] StoreError),
}
