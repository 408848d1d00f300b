//! What survives: function metadata, code, queued events and logs. One trait per need; the `embedded` backend (SQLite
//! in WAL mode and files below one data directory) implements all of them.
//!
//! What was acknowledged survives a `kill -9` at any moment. Reads of the warm path touch neither disk nor a lock that
//! all functions share.

pub mod embedded;
mod error;
mod events;
mod functions;
mod layers;
mod logs;
mod packages;

pub use error::StoreError;
pub use events::{EventQueue, QueuedEvent};
pub use functions::{FunctionRecord, FunctionUsage, Functions, Published};
pub use layers::{LayerFilter, Layers};
pub use logs::{LogEvent, LogGroupInfo, LogPage, LogQuery, LogStream, LogStreamInfo, Logs};
pub use packages::{PackageError, Packages};
