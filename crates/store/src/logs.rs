//! The trait of log groups, streams and events. Calls block on the file system: from an async task, only `append` is
//! short enough to be called directly, and `open` where the group is there and nothing else is done meanwhile.

use crate::StoreError;
use hearth_api::function::Scope;
use std::fmt::Debug;
use std::sync::Arc;

/// Log groups, streams and events.
pub trait Logs: Send + Sync + Debug {
    /// Opens a stream for writing; makes group and stream when they are new.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn open(&self, scope: &Scope, group: &str, stream: &str) -> Result<Arc<dyn LogStream>, StoreError>;

    /// Makes an empty group; false if there is one of that name.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn create_group(&self, scope: &Scope, group: &str) -> Result<bool, StoreError>;

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

    /// Changes for how many days a group keeps its events; `None`: for ever. False if there is no such group.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn set_retention(&self, scope: &Scope, group: &str, days: Option<u32>) -> Result<bool, StoreError>;

    /// Removes events that are older at `now_ms` (epoch milliseconds) than their group keeps them, and the oldest of a
    /// group that has more than `group_bytes`. Cheap when little was written since the last time: to be called often.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn trim(&self, now_ms: i64, group_bytes: u64) -> Result<(), StoreError>;

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
    /// For how many days it keeps its events; `None`: for ever.
    pub retention_days: Option<u32>,
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
