//! What a worker stores in these tests: logs in memory, and packages that are directories, if anything.

use bytes::Bytes;
use hearth_api::environments::BoxFuture;
use hearth_api::function::{Code, Scope};
use hearth_store::{
    LogEvent, LogGroupInfo, LogPage, LogQuery, LogStream, LogStreamInfo, Logs, PackageError, Packages, StoreError,
};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// Every line that was written, after the name of its stream.
#[derive(Debug, Default)]
pub(crate) struct FakeStore(Mutex<Vec<(String, String)>>);

#[derive(Debug)]
struct FakeStream(Arc<FakeStore>, String);

impl LogStream for FakeStream {
    fn append(&self, events: &[LogEvent]) -> Result<(), StoreError> {
        self.0.0.lock().unwrap().extend(events.iter().map(|event| (self.1.clone(), event.message.clone())));
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct FakeLogs(pub(crate) Arc<FakeStore>);

impl FakeLogs {
    /// Every line, with the variable parts replaced.
    pub(crate) fn lines(&self) -> Vec<String> {
        let id = |word: &str| Uuid::try_parse(word).is_ok();
        let mask = |line: &str| {
            let words = line.trim_end().split('\t').next().unwrap().split(' ');
            words.map(|word| if id(word) { "ID" } else { word }).collect::<Vec<_>>().join(" ")
        };
        let all = self.0.0.lock().unwrap();
        all.iter().map(|(_, line)| mask(line)).collect()
    }

    /// Every line as it is.
    pub(crate) fn raw(&self) -> Vec<String> {
        self.0.0.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }

    pub(crate) fn last(&self, start: &str) -> String {
        self.0.0.lock().unwrap().iter().rev().find(|(_, line)| line.starts_with(start)).unwrap().1.clone()
    }

    /// The last one in which this stands.
    pub(crate) fn last_with(&self, text: &str) -> String {
        self.0.0.lock().unwrap().iter().rev().find(|(_, line)| line.contains(text)).unwrap().1.clone()
    }

    pub(crate) fn streams(&self) -> HashSet<String> {
        self.0.0.lock().unwrap().iter().map(|(stream, _)| stream.clone()).collect()
    }
}

impl Logs for FakeLogs {
    fn open(&self, _scope: &Scope, _group: &str, stream: &str) -> Result<Arc<dyn LogStream>, StoreError> {
        Ok(Arc::new(FakeStream(Arc::clone(&self.0), stream.to_owned())))
    }

    fn create_group(&self, _scope: &Scope, _group: &str) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn groups(&self, _scope: &Scope) -> Result<Vec<LogGroupInfo>, StoreError> {
        Ok(Vec::new())
    }

    fn streams(&self, _scope: &Scope, _group: &str) -> Result<Option<Vec<LogStreamInfo>>, StoreError> {
        Ok(None)
    }

    fn read(&self, _: &Scope, _: &str, _: &str, _: &LogQuery) -> Result<Option<LogPage>, StoreError> {
        Ok(None)
    }

    fn delete_group(&self, _scope: &Scope, _group: &str) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn set_retention(&self, _scope: &Scope, _group: &str, _days: Option<u32>) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn trim(&self, _now_ms: i64, _group_bytes: u64) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Nothing can be put here; what is there is a directory, and its digest its path.
#[derive(Debug)]
pub(crate) struct FakePackages;

impl Packages for FakePackages {
    fn put(&self, _zip: Bytes) -> BoxFuture<'_, Result<Code, PackageError>> {
        Box::pin(async { Err(PackageError::TooLarge) })
    }

    fn amend(&self, _base: &Code, _changes: Bytes) -> BoxFuture<'_, Result<Code, PackageError>> {
        Box::pin(async { Err(PackageError::TooLarge) })
    }

    fn directory(&self, code: &Code) -> PathBuf {
        Path::new("/nonexistent").join(&code.sha256)
    }

    fn unzipped_size(&self, _code: &Code) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async { Ok(0) })
    }

    fn zip(&self, _code: &Code) -> BoxFuture<'_, Result<Bytes, StoreError>> {
        Box::pin(async { Err(StoreError::NotFound(String::new())) })
    }

    fn sweep(&self, _used: &HashSet<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}
