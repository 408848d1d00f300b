//! Why something could not be stored or read. Answers that a caller can act on have a variant each; all failures of the
//! disk are one.

use std::path::PathBuf;

/// Why something could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The name is taken.
    #[error("{0} exists already")]
    Exists(String),
    /// There is no such thing.
    #[error("{0} does not exist")]
    NotFound(String),
    /// Somebody changed it meanwhile.
    #[error("{0} was changed by somebody else")]
    Conflict(String),
    /// Another process holds the data directory.
    #[error("the data directory {} is in use by process {pid}", path.display())]
    Locked {
        /// Which directory.
        path: PathBuf,
        /// Who holds it.
        pid: u32,
    },
    /// SQLite or the file system failed.
    #[error("{what}")]
    Io {
        /// What was tried, on what.
        what: String,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// A failure of the disk: `what` was tried, on what.
    pub(crate) fn io(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Io { what: what.into(), source: source.into() }
    }
}
