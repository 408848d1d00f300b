//! The embedded backend: one process, one data directory.
//!
//! ```text
//! lock         held (flock) while a process uses the directory; its text is that process's id
//! instance     a random id that marks what this directory's service leaves on the machine
//! hearth.db    functions, layers and queued events (SQLite, WAL)
//! packages/    one directory per SHA-256: the zip (or its two parts), the unpacked tree and its size
//! logs/        one file per log stream
//! tmp/         everything unfinished; emptied at every start
//! ```
//!
//! Whatever is made of several files is made in `tmp/`, synced, and renamed into its place, so that a crash leaves all
//! of it or nothing. Refuses to share a directory with another process and to open one of a newer layout.

mod blocking;
mod database;
mod directory;
mod events;
mod functions;
mod layers;
mod logs;
mod packages;
mod urls;
mod versions;
mod writer;

use crate::{EventQueue, Functions, Layers, Logs, Packages, StoreError};
use crate::{
    FunctionRecord, FunctionUsage, LayerFilter, LogGroupInfo, LogPage, LogQuery, LogStream, LogStreamInfo,
    PackageError, QueuedEvent,
};
use bytes::Bytes;
use directory::DataDirectory;
use hearth_api::environments::BoxFuture;
use hearth_api::function::{Code, FunctionKey, Scope};
use hearth_api::layer::{LayerKey, LayerPolicy, LayerVersion};
use hearth_core::ids::RequestId;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// All of the store in one data directory. Dropping it writes what is still queued and releases the directory.
#[derive(Debug)]
pub struct EmbeddedStore {
    functions: functions::FunctionTable,
    events: events::EventTable,
    layers: layers::LayerTable,
    packages: packages::PackageFiles,
    logs: logs::LogFiles,
    // Last, so that the lock outlives the writer that the tables share.
    directory: Arc<DataDirectory>,
}

impl EmbeddedStore {
    /// Opens `data`, makes it when it is new, and removes what a crash left half-made.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] when another process (or this one, a second time) has it open; [`StoreError::Io`] when it
    /// cannot be used, also because a newer version of Hearth made it.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        let directory = Arc::new(DataDirectory::open(data)?);
        let path = directory.database();
        let connection = database::open(&path)?;
        let reader = Arc::new(database::Reader::open(&path)?);
        let writer = Arc::new(writer::Writer::start(connection)?);
        Ok(Self {
            functions: functions::FunctionTable::new(Arc::clone(&writer), Arc::clone(&reader)),
            events: events::EventTable::new(Arc::clone(&writer), Arc::clone(&reader)),
            layers: layers::LayerTable::new(writer, reader),
            packages: packages::PackageFiles::new(Arc::clone(&directory)),
            logs: logs::LogFiles::new(Arc::clone(&directory)),
            directory,
        })
    }

    /// The id of this data directory, hexadecimal digits, the same at every start: it marks what a service leaves on the
    /// machine (cgroups, network namespaces), so that the next start removes its own leftovers and nothing else.
    #[must_use]
    pub fn instance(&self) -> &str {
        self.directory.instance()
    }
}

impl Functions for EmbeddedStore {
    fn create(&self, record: FunctionRecord) -> BoxFuture<'_, Result<Arc<FunctionRecord>, StoreError>> {
        Box::pin(self.functions.create(record))
    }

    fn get(&self, key: &FunctionKey) -> BoxFuture<'_, Result<Option<Arc<FunctionRecord>>, StoreError>> {
        Box::pin(self.functions.get(key.clone()))
    }

    fn cached(&self, key: &FunctionKey) -> Option<Arc<FunctionRecord>> {
        self.functions.cached(key)
    }

    fn update(&self, record: FunctionRecord) -> BoxFuture<'_, Result<Arc<FunctionRecord>, StoreError>> {
        Box::pin(self.functions.update(record))
    }

    fn delete(&self, key: &FunctionKey) -> BoxFuture<'_, Result<Arc<FunctionRecord>, StoreError>> {
        Box::pin(self.functions.delete(key.clone()))
    }

    fn list(
        &self,
        scope: &Scope,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>> {
        Box::pin(self.functions.list(scope.clone(), after.unwrap_or_default().to_owned(), limit))
    }

    fn reservations(&self) -> BoxFuture<'_, Result<Vec<(FunctionKey, u32)>, StoreError>> {
        Box::pin(self.functions.reservations())
    }

    fn function_of_url(&self, id: &str) -> BoxFuture<'_, Result<Option<FunctionKey>, StoreError>> {
        Box::pin(self.functions.of_url(id.to_owned()))
    }

    fn usage(&self, scope: &Scope) -> BoxFuture<'_, Result<FunctionUsage, StoreError>> {
        Box::pin(self.functions.usage(scope.clone()))
    }

    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>> {
        Box::pin(self.functions.unfinished())
    }

    fn latest(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>> {
        Box::pin(self.functions.latest(limit))
    }

    fn packages_in_use(&self) -> BoxFuture<'_, Result<HashSet<String>, StoreError>> {
        Box::pin(self.functions.packages_in_use())
    }
}

impl Packages for EmbeddedStore {
    fn put(&self, zip: Bytes) -> BoxFuture<'_, Result<Code, PackageError>> {
        Box::pin(self.packages.put(zip))
    }

    fn amend(&self, base: &Code, changes: Bytes) -> BoxFuture<'_, Result<Code, PackageError>> {
        Box::pin(self.packages.amend(base.clone(), changes))
    }

    fn directory(&self, code: &Code) -> PathBuf {
        self.packages.directory(code)
    }

    fn unzipped_size(&self, code: &Code) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.packages.unzipped_size(code.clone()))
    }

    fn zip(&self, code: &Code) -> BoxFuture<'_, Result<Bytes, StoreError>> {
        Box::pin(self.packages.zip(code.clone()))
    }

    fn sweep(&self, used: &HashSet<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.packages.sweep(used.clone()))
    }
}

impl Layers for EmbeddedStore {
    fn publish(&self, version: LayerVersion) -> BoxFuture<'_, Result<LayerVersion, StoreError>> {
        Box::pin(self.layers.publish(version))
    }

    fn layer_version(&self, key: &LayerKey, number: i64) -> BoxFuture<'_, Result<Option<LayerVersion>, StoreError>> {
        Box::pin(self.layers.version(key.clone(), number))
    }

    fn set_layer_policy(
        &self,
        key: &LayerKey,
        number: i64,
        expected: Option<Uuid>,
        policy: Option<LayerPolicy>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.layers.set_policy(key.clone(), number, expected, policy))
    }

    fn delete_layer_version(&self, key: &LayerKey, number: i64) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.layers.delete(key.clone(), number))
    }

    fn list_layers(
        &self,
        scope: &Scope,
        filter: &LayerFilter,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LayerVersion>, StoreError>> {
        let after = after.unwrap_or_default().to_owned();
        Box::pin(self.layers.newest(scope.clone(), filter.clone(), after, limit))
    }

    fn list_layer_versions(
        &self,
        key: &LayerKey,
        filter: &LayerFilter,
        before: Option<i64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LayerVersion>, StoreError>> {
        Box::pin(self.layers.versions(key.clone(), filter.clone(), before.unwrap_or(i64::MAX), limit))
    }

    fn layer_packages(&self) -> BoxFuture<'_, Result<HashSet<String>, StoreError>> {
        Box::pin(self.layers.packages())
    }

    fn layer_bytes(&self, scope: &Scope) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.layers.bytes(scope.clone()))
    }
}

impl EventQueue for EmbeddedStore {
    fn push(&self, event: QueuedEvent) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.events.push(event))
    }

    fn done(&self, request_id: RequestId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.events.done(request_id))
    }

    fn pending(&self) -> BoxFuture<'_, Result<Vec<QueuedEvent>, StoreError>> {
        Box::pin(self.events.pending())
    }
}

impl Logs for EmbeddedStore {
    fn open(&self, scope: &Scope, group: &str, stream: &str) -> Result<Arc<dyn LogStream>, StoreError> {
        self.logs.open(scope, group, stream)
    }

    fn create_group(&self, scope: &Scope, group: &str) -> Result<bool, StoreError> {
        self.logs.create_group(scope, group)
    }

    fn groups(&self, scope: &Scope) -> Result<Vec<LogGroupInfo>, StoreError> {
        self.logs.groups(scope)
    }

    fn streams(&self, scope: &Scope, group: &str) -> Result<Option<Vec<LogStreamInfo>>, StoreError> {
        self.logs.streams(scope, group)
    }

    fn read(&self, scope: &Scope, group: &str, stream: &str, query: &LogQuery) -> Result<Option<LogPage>, StoreError> {
        self.logs.read(scope, group, stream, query)
    }

    fn set_retention(&self, scope: &Scope, group: &str, days: Option<u32>) -> Result<bool, StoreError> {
        self.logs.set_retention(scope, group, days)
    }

    fn trim(&self, now_ms: i64, group_bytes: u64) -> Result<(), StoreError> {
        self.logs.trim(now_ms, group_bytes)
    }

    fn delete_group(&self, scope: &Scope, group: &str) -> Result<bool, StoreError> {
        self.logs.delete_group(scope, group)
    }
}
