//! Log groups, streams and events as files: `logs/ACCOUNT/REGION/GROUP/STREAM.log`.
//!
//! Only appended to, without syncing: after a `kill -9` everything appended is there, after a power failure the last
//! seconds may be missing, and what is there is whole. SQLite would make every line wait for the others' lines.

mod file;
mod names;
mod read;
mod record;
mod retention;
mod stream;
mod window;

use super::directory::{DataDirectory, failed, make_directory, write_new};
use crate::{LogGroupInfo, LogPage, LogQuery, LogStream, LogStreamInfo, StoreError};
use hearth_api::function::Scope;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::{SystemTime, UNIX_EPOCH};
use stream::{OpenStreams, Stream};

/// The file that makes a directory a log group: a head with its name and no record. Encoded names have no dot.
const GROUP_FILE: &str = "group.head";
const SUFFIX: &str = "log";

/// The log files of a data directory.
#[derive(Debug)]
pub(super) struct LogFiles {
    shared: Arc<Shared>,
    /// When the last trim was, epoch milliseconds.
    trimmed_ms: AtomicI64,
}

/// What open streams need of it.
#[derive(Debug)]
struct Shared {
    data: Arc<DataDirectory>,
    open: OpenStreams,
    /// Bytes written since the last trim.
    appended: AtomicU64,
}

impl LogFiles {
    pub(super) fn new(data: Arc<DataDirectory>) -> Self {
        let shared = Shared { data, open: OpenStreams::default(), appended: AtomicU64::new(0) };
        Self { shared: Arc::new(shared), trimmed_ms: AtomicI64::new(0) }
    }

    pub(super) fn open(&self, scope: &Scope, group: &str, stream: &str) -> Result<Arc<dyn LogStream>, StoreError> {
        let directory = self.group_path(scope, group)?;
        let path = stream_path(&directory, stream)?;
        Ok(Stream::open(
            &self.shared,
            stream::Place { directory, group: group.to_owned(), path, stream: stream.to_owned() },
        )?)
    }

    pub(super) fn create_group(&self, scope: &Scope, group: &str) -> Result<bool, StoreError> {
        let directory = self.group_path(scope, group)?;
        if self.shared.open.knows_group(&directory) {
            return Ok(false);
        }
        self.shared.make_group(&directory, group)
    }

    pub(super) fn groups(&self, scope: &Scope) -> Result<Vec<LogGroupInfo>, StoreError> {
        let mut groups = Vec::new();
        for directory in list(&self.scope_path(scope))? {
            if let Some(info) = describe_group(&directory)? {
                groups.push(info);
            }
        }
        groups.sort_by(|one: &LogGroupInfo, two| one.name.cmp(&two.name));
        Ok(groups)
    }

    pub(super) fn streams(&self, scope: &Scope, group: &str) -> Result<Option<Vec<LogStreamInfo>>, StoreError> {
        let directory = self.group_path(scope, group)?;
        if !is_group(&directory)? {
            return Ok(None);
        }
        let mut streams = Vec::new();
        for path in list(&directory)?.into_iter().filter(|path| path.extension() == Some(OsStr::new(SUFFIX))) {
            if let Some(info) = self.with_file(&path, file::describe)? {
                streams.push(info);
            }
        }
        streams.sort_by(|one, two| one.name.cmp(&two.name));
        Ok(Some(streams))
    }

    pub(super) fn read(
        &self,
        scope: &Scope,
        group: &str,
        stream: &str,
        query: &LogQuery,
    ) -> Result<Option<LogPage>, StoreError> {
        let path = stream_path(&self.group_path(scope, group)?, stream)?;
        self.with_file(&path, |file, head, end| read::page(file, &head, end, query))
    }

    pub(super) fn delete_group(&self, scope: &Scope, group: &str) -> Result<bool, StoreError> {
        let directory = self.group_path(scope, group)?;
        if !is_group(&directory)? {
            return Ok(false);
        }
        // Moved away under the lock, so that no stream is made in it meanwhile; removed without it.
        let grave = self.shared.data.scratch_path();
        let moved = self.shared.open.retire_group(&directory, || fs::rename(&directory, &grave));
        match moved {
            Ok(()) => {}
            Err(gone) if gone.kind() == ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(failed("remove", &directory, source)),
        }
        fs::remove_dir_all(&grave).map_err(|source| failed("remove", &grave, source))?;
        Ok(true)
    }

    /// Runs `work` on a stream's file with its head and the end of its records; `None` when there is no such stream.
    fn with_file<T>(
        &self,
        path: &Path,
        work: impl FnOnce(&File, record::Head, u64) -> io::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let attempt = || {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(missing) if missing.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            let Some(head) = file::head(&file)? else { return Ok(None) };
            let end = self.shared.open.end_of(path, || file::settle(path, &file, &head))?;
            work(&file, head, end).map(Some)
        };
        attempt().map_err(|source| failed("read", path, source))
    }

    fn scope_path(&self, scope: &Scope) -> PathBuf {
        self.shared.data.logs().join(scope.account.as_str()).join(scope.region.as_str())
    }

    fn group_path(&self, scope: &Scope, group: &str) -> Result<PathBuf, StoreError> {
        Ok(self.scope_path(scope).join(names::encode(group)?))
    }
}

impl Shared {
    /// Makes a group's directory, with its head or not at all; false if it is there already.
    ///
    /// Not synced: a cold start must not wait for the disk. What a power failure makes of the head is mended here.
    fn make_group(&self, directory: &Path, group: &str) -> Result<bool, StoreError> {
        if group_head(directory)?.is_some() {
            return Ok(false);
        }
        let scratch = self.data.scratch()?;
        let head = scratch.path().join(GROUP_FILE);
        write_new(&head, &record::encode_head(now_ms(), group))?;
        if let Some(parent) = directory.parent() {
            make_directory(parent)?;
        }
        if fs::rename(scratch.path(), directory).is_ok() {
            return Ok(true);
        }
        // There is a directory: somebody was faster, or its head is damaged.
        if group_head(directory)?.is_some() {
            return Ok(false);
        }
        fs::rename(&head, directory.join(GROUP_FILE)).map_err(|source| failed("make", directory, source))?;
        Ok(true)
    }
}

fn stream_path(directory: &Path, stream: &str) -> Result<PathBuf, StoreError> {
    Ok(directory.join(format!("{}.{SUFFIX}", names::encode(stream)?)))
}

fn is_group(directory: &Path) -> Result<bool, StoreError> {
    directory.join(GROUP_FILE).try_exists().map_err(|source| failed("look for", directory, source))
}

fn describe_group(directory: &Path) -> Result<Option<LogGroupInfo>, StoreError> {
    let Some(head) = group_head(directory)? else { return Ok(None) };
    let mut stored_bytes = 0;
    for file in list(directory)? {
        // One that vanishes meanwhile belongs to a group that is being deleted.
        stored_bytes += fs::metadata(&file).map_or(0, |metadata| stored(&metadata));
    }
    let retention_days = retention::of(directory)?;
    Ok(Some(LogGroupInfo { name: head.name, created_ms: head.created_ms, retention_days, stored_bytes }))
}

/// Bytes of a file that are kept: what has been dropped from its beginning has no blocks any more.
fn stored(metadata: &fs::Metadata) -> u64 {
    metadata.len().min(metadata.blocks() * 512)
}

/// The head of a group; `None` when there is no such group, or its head is damaged.
fn group_head(directory: &Path) -> Result<Option<record::Head>, StoreError> {
    let path = directory.join(GROUP_FILE);
    match File::open(&path).and_then(|file| file::head(&file)) {
        Ok(head) => Ok(head),
        Err(gone) if matches!(gone.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(failed("read", &path, source)),
    }
}

/// Paths in a directory; none if there is no such directory.
fn list(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(missing) if missing.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed("list", directory, source)),
    };
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(|source| failed("list", directory, source))).collect()
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_core::ids::{AccountId, Region};

    #[test]
    fn a_group_whose_head_was_lost_is_mended_with_its_streams() {
        let data = tempfile::tempdir().unwrap();
        let scope =
            Scope { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("us-east-1").unwrap() };
        let open = || LogFiles::new(Arc::new(DataDirectory::open(data.path()).unwrap()));
        open().open(&scope, "g", "s").unwrap();
        let head = data.path().join("logs/000000000000/us-east-1/g").join(GROUP_FILE);
        fs::write(&head, "").unwrap();
        let logs = open();
        assert!(logs.groups(&scope).unwrap().is_empty());
        logs.open(&scope, "g", "t").unwrap();
        assert_eq!(logs.groups(&scope).unwrap()[0].name, "g");
        assert_eq!(logs.streams(&scope, "g").unwrap().unwrap().len(), 2);
    }
}
