//! Streams open for writing: each has one file, one lock of its own, and one writer however often it is opened.
//!
//! The table of open streams is locked only to open, close, read and delete, never to append.

use super::file::Appender;
use super::{Shared, now_ms};
use crate::embedded::directory::failed;
use crate::{LogEvent, LogStream, StoreError};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Where a stream is.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) group: String,
    pub(super) path: PathBuf,
    pub(super) stream: String,
}

/// A stream open for writing.
#[derive(Debug)]
pub(super) struct Stream {
    shared: Arc<Shared>,
    place: Place,
    /// Where the records end, for readers.
    end: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    appender: Appender,
    /// Set when the group has been deleted: the file is gone, and the next append makes it anew, as Lambda does.
    gone: Arc<AtomicBool>,
}

/// Streams that are open, and the groups they are in, by path.
#[derive(Debug, Default)]
pub(super) struct OpenStreams {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    streams: HashMap<PathBuf, Weak<Stream>>,
    groups: HashMap<PathBuf, Arc<AtomicBool>>,
}

impl OpenStreams {
    // Nothing panics while the table is locked.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a stream in this group has been opened, and the group is there.
    pub(super) fn knows_group(&self, directory: &Path) -> bool {
        self.lock().groups.contains_key(directory)
    }

    /// Where the records of a file end: what its writer says, else what `look` finds while nobody can begin to write.
    pub(super) fn end_of(&self, path: &Path, look: impl FnOnce() -> io::Result<u64>) -> io::Result<u64> {
        let table = self.lock();
        let live = table.streams.get(path).and_then(Weak::upgrade);
        let end = match &live {
            Some(stream) => Ok(stream.end.load(Ordering::Acquire)),
            None => look(),
        };
        // In this order: the stream may be the last of its kind, and takes the lock when it is dropped.
        drop(table);
        drop(live);
        end
    }

    /// Removes the file of a stream that nobody writes; the stream, if somebody does.
    pub(super) fn remove_closed(&self, path: &Path) -> io::Result<Option<Arc<Stream>>> {
        let table = self.lock();
        let live = table.streams.get(path).and_then(Weak::upgrade);
        // Not outside the lock: it could be opened meanwhile.
        let removed = if live.is_none() { fs::remove_file(path) } else { Ok(()) };
        drop(table);
        match removed {
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(None),
            removed => removed.map(|()| live),
        }
    }

    /// Tells the streams of a group that it is gone once `remove` has removed it.
    pub(super) fn retire_group(&self, directory: &Path, remove: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut table = self.lock();
        remove()?;
        if let Some(gone) = table.groups.remove(directory) {
            gone.store(true, Ordering::Release);
        }
        Ok(())
    }
}

impl Stream {
    pub(super) fn open(shared: &Arc<Shared>, place: Place) -> Result<Arc<Self>, StoreError> {
        let mut table = shared.open.lock();
        if let Some(live) = table.streams.get(&place.path).and_then(Weak::upgrade) {
            drop(table);
            live.revive(&mut live.state())?;
            return Ok(live);
        }
        let state = make(shared, &mut table, &place)?;
        let end = AtomicU64::new(state.appender.end());
        let path = place.path.clone();
        let stream = Arc::new(Self { shared: Arc::clone(shared), place, end, state: Mutex::new(state) });
        table.streams.insert(path, Arc::downgrade(&stream));
        Ok(stream)
    }

    // An append that panicked could at worst have left bytes beyond the end, which the next one overwrites.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes group and file again if they have been deleted.
    fn revive(&self, state: &mut State) -> Result<(), StoreError> {
        if state.gone.load(Ordering::Acquire) {
            let mut table = self.shared.open.lock();
            *state = make(&self.shared, &mut table, &self.place)?;
            self.end.store(state.appender.end(), Ordering::Release);
        }
        Ok(())
    }
}

/// Opens a stream's file; the table is locked so that its group is not deleted meanwhile.
fn make(shared: &Shared, table: &mut Table, place: &Place) -> Result<State, StoreError> {
    let gone = match table.groups.get(&place.directory) {
        Some(known) => Arc::clone(known),
        None => {
            shared.make_group(&place.directory, &place.group)?;
            let gone = Arc::new(AtomicBool::new(false));
            table.groups.insert(place.directory.clone(), Arc::clone(&gone));
            gone
        }
    };
    let appender =
        Appender::open(&place.path, &place.stream, now_ms()).map_err(|source| failed("open", &place.path, source))?;
    Ok(State { appender, gone })
}

impl LogStream for Stream {
    fn append(&self, events: &[LogEvent]) -> Result<(), StoreError> {
        let mut state = self.state();
        self.revive(&mut state)?;
        let before = state.appender.end();
        let outcome = state.appender.append(events);
        let end = state.appender.end();
        self.end.store(end, Ordering::Release);
        self.shared.appended.fetch_add(end.saturating_sub(before), Ordering::Relaxed);
        outcome.map_err(|source| failed("append to", &self.place.path, source))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut table = self.shared.open.lock();
        // It may have been opened anew already.
        if table.streams.get(&self.place.path).is_some_and(|stream| stream.strong_count() == 0) {
            table.streams.remove(&self.place.path);
        }
    }
}
