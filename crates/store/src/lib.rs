//! What survives: function metadata, code, queued events and logs. One trait per need; the `embedded` backend (SQLite
//! in WAL mode and files below one data directory) implements all of them.
//!
//! What was acknowledged survives a `kill -9` at any moment. Reads of the warm path touch neither disk nor a lock that
//! all functions share.

use hearth_api::environments::BoxFuture;
use hearth_api::function::{FunctionKey, FunctionVersion, Scope};
use hearth_core::ids::RequestId;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

/// A function: `$LATEST` and what else hangs on its name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FunctionRecord {
    /// What the control plane shows for `$LATEST`.
    pub latest: Arc<FunctionVersion>,
    /// What invokes still run while an update is in progress; `None` otherwise.
    pub previous: Option<Arc<FunctionVersion>>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Counts the changes of this record: the token of compare-and-swap. 0 before it is stored.
    pub revision: u64,
}

impl FunctionRecord {
    /// What an invocation of `$LATEST` runs now.
    #[must_use]
    pub fn serving(&self) -> &Arc<FunctionVersion> {
        self.previous.as_ref().unwrap_or(&self.latest)
    }
}

/// Function metadata.
pub trait Functions: Send + Sync + Debug {
    /// Stores a new function (`revision` is set to 1).
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] when the name is taken in that scope.
    fn create(&self, record: FunctionRecord) -> BoxFuture<'_, Result<Arc<FunctionRecord>, StoreError>>;

    /// Reads one function. Never blocks on a write; from memory when it was read before.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn get(&self, key: &FunctionKey) -> BoxFuture<'_, Result<Option<Arc<FunctionRecord>>, StoreError>>;

    /// The warm path's read: memory only. `None`: not known here, ask [`Functions::get`].
    fn cached(&self, key: &FunctionKey) -> Option<Arc<FunctionRecord>>;

    /// Replaces the record if its stored revision still is `record.revision`; stores `revision + 1`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when somebody was faster, [`StoreError::NotFound`] when it is gone.
    fn update(&self, record: FunctionRecord) -> BoxFuture<'_, Result<Arc<FunctionRecord>, StoreError>>;

    /// Removes a function.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]
    fn delete(&self, key: &FunctionKey) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Functions of a scope by name, those after `after`, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn list(&self, scope: &Scope, after: Option<&str>, limit: usize) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>>;

    /// Functions of all scopes whose creation or update was under way (Pending, InProgress) when the service ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>>;
}

/// Deployment packages, by digest.
pub trait Packages: Send + Sync + Debug {
    /// Checks and unpacks a zip once, durably, keyed by its SHA-256; a second call with the same bytes costs a hash.
    ///
    /// # Errors
    ///
    /// [`PackageError`]: nothing is kept of a refused package.
    fn put(&self, zip: bytes::Bytes) -> BoxFuture<'_, Result<hearth_api::function::Code, PackageError>>;

    /// The directory with the unpacked files (owned by root, readable by all), to be mounted read-only.
    fn directory(&self, code: &hearth_api::function::Code) -> PathBuf;

    /// The zip as it was uploaded, for `Code.Location`.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]
    fn zip(&self, code: &hearth_api::function::Code) -> BoxFuture<'_, Result<bytes::Bytes, StoreError>>;

    /// Removes packages that no function refers to. `used` are the digests in use.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn sweep(&self, used: &std::collections::HashSet<String>) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Why a package was refused.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Not a zip, damaged, or with names that leave the package: the text is for our log, AWS's message is fixed.
    #[error("not a usable zip: {0}")]
    Invalid(String),
    /// More than [`hearth_core::limits::UNZIPPED_BYTES`] unzipped, or too many entries.
    #[error("the package is too large unzipped")]
    TooLarge,
    /// The disk failed.
    #[error("store the package")]
    Store(#[from] StoreError),
}

/// Events of asynchronous invokes: stored before the caller's 202, removed when they have been handled.
pub trait EventQueue: Send + Sync + Debug {
    /// Stores one event durably.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn push(&self, event: QueuedEvent) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Removes one that has been handled.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn done(&self, request_id: RequestId) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Everything that was not handled when the service ended, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn pending(&self) -> BoxFuture<'_, Result<Vec<QueuedEvent>, StoreError>>;
}

/// One event of an asynchronous invoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedEvent {
    /// Its id; the same at every attempt.
    pub request_id: RequestId,
    /// Which function.
    pub key: FunctionKey,
    /// The qualifier of the call, if any.
    pub qualifier: Option<String>,
    /// Decoded client context, if any.
    pub client_context: Option<String>,
    /// The event.
    pub payload: bytes::Bytes,
    /// When it was accepted, epoch milliseconds.
    pub accepted_ms: i64,
}

/// Log groups, streams and events.
pub trait Logs: Send + Sync + Debug {
    /// Opens a stream for writing; makes group and stream when they are new.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn open(&self, scope: &Scope, group: &str, stream: &str) -> Result<Arc<dyn LogStream>, StoreError>;

    /// Groups of a scope by name.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn groups(&self, scope: &Scope) -> Result<Vec<LogGroupInfo>, StoreError>;

    /// Streams of a group by name; `None`: no such group.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn streams(&self, scope: &Scope, group: &str) -> Result<Option<Vec<LogStreamInfo>>, StoreError>;

    /// Events of one stream with `start <= timestamp < end` (epoch milliseconds), in the order of writing, at most
    /// `limit` of them from `position` on, and the position after them. Positions are opaque, grow with the stream and
    /// stay valid. `None`: no such stream.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn read(&self, scope: &Scope, group: &str, stream: &str, query: &LogQuery) -> Result<Option<LogPage>, StoreError>;

    /// Removes a group with everything in it; false if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn delete_group(&self, scope: &Scope, group: &str) -> Result<bool, StoreError>;
}

/// A stream open for writing. Appending is one `write(2)`, no fsync, no lock shared with other streams.
pub trait LogStream: Send + Sync + Debug {
    /// Appends events; readers see them at once.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn append(&self, events: &[LogEvent]) -> Result<(), StoreError>;
}

/// One log event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When it happened, epoch milliseconds.
    pub timestamp_ms: i64,
    /// When it was stored, epoch milliseconds.
    pub ingestion_ms: i64,
    /// Its text. A final newline is kept, as CloudWatch keeps it.
    pub message: String,
}

/// Which events of a stream to read.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// First timestamp wanted, epoch milliseconds.
    pub start_ms: Option<i64>,
    /// First timestamp not wanted.
    pub end_ms: Option<i64>,
    /// Where to begin; 0 is the start of the stream.
    pub position: u64,
    /// Most events wanted.
    pub limit: usize,
    /// Read the last `limit` events *before* `position` (still in order of writing) instead of the first after it.
    pub backwards: bool,
}

/// Some events and where they were.
#[derive(Clone, Debug, Default)]
pub struct LogPage {
    /// The events, each with its own position (which makes a unique `eventId`).
    pub events: Vec<(u64, LogEvent)>,
    /// Position of the first one.
    pub start: u64,
    /// Position after the last one: where to go on.
    pub end: u64,
}

/// A log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroupInfo {
    /// Its name.
    pub name: String,
    /// When it was made, epoch milliseconds.
    pub created_ms: i64,
    /// Bytes stored.
    pub stored_bytes: u64,
}

/// A log stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStreamInfo {
    /// Its name.
    pub name: String,
    /// When it was made, epoch milliseconds.
    pub created_ms: i64,
    /// Timestamp of its first event.
    pub first_event_ms: Option<i64>,
    /// Timestamp of its last event.
    pub last_event_ms: Option<i64>,
    /// When its last event was stored.
    pub last_ingestion_ms: Option<i64>,
    /// Bytes stored.
    pub stored_bytes: u64,
}

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
