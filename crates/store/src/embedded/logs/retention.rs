//! What bounds the logs: days, where a group has a retention policy, and bytes for every group. The oldest goes first:
//! files that nobody writes as a whole, and of those that somebody does, the records at their beginning.
//!
//! How old a file is says its time of change, which no event in it was stored after. A crash leaves at most what the next
//! trim removes.

use super::file;
use super::record::Head;
use super::window::{Direction, Window};
use super::{LogFiles, SUFFIX, group_head, list, stored};
use crate::StoreError;
use crate::embedded::directory::{failed, write_new};
use hearth_api::function::Scope;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// The file in a group's directory that says how many days it keeps. Encoded names have no dot.
const FILE: &str = "group.retention";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long a trim may be put off when little is written, milliseconds (ours).
const TRIM_EVERY_MS: i64 = 60 * 60 * 1_000;
/// Read at once to find where records begin.
const BLOCK_BYTES: u64 = 256 * 1_024;

/// One log file.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    bytes: u64,
    changed_ms: i64,
}

impl LogFiles {
    pub(in crate::embedded) fn set_retention(
        &self,
        scope: &Scope,
        group: &str,
        days: Option<u32>,
    ) -> Result<bool, StoreError> {
        let directory = self.group_path(scope, group)?;
        if !super::is_group(&directory)? {
            return Ok(false);
        }
        let path = directory.join(FILE);
        let done = match days {
            Some(days) => {
                let scratch = self.shared.data.scratch()?;
                let new = scratch.path().join(FILE);
                write_new(&new, days.to_string().as_bytes())?;
                fs::rename(&new, &path)
            }
            None => match fs::remove_file(&path) {
                Err(missing) if missing.kind() == ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
        };
        done.map(|()| true).map_err(|source| failed("change", &path, source))
    }

    /// Removes what is too old, and what is too much of a group; at once only if enough was written since the last time.
    pub(in crate::embedded) fn trim(&self, now_ms: i64, group_bytes: u64) -> Result<(), StoreError> {
        let late = now_ms.saturating_sub(self.trimmed_ms.load(Ordering::Relaxed)) >= TRIM_EVERY_MS;
        if !late && self.shared.appended.load(Ordering::Relaxed) < slack(group_bytes) {
            return Ok(());
        }
        self.trimmed_ms.store(now_ms, Ordering::Relaxed);
        self.shared.appended.store(0, Ordering::Relaxed);
        // A group that cannot be trimmed keeps no other from it.
        let mut done = Ok(());
        for account in list(&self.shared.data.logs())? {
            for region in list(&account)? {
                for group in list(&region)? {
                    if group_head(&group)?.is_some() {
                        done = done.and(self.trim_group(&group, now_ms, group_bytes));
                    }
                }
            }
        }
        done
    }

    fn trim_group(&self, directory: &Path, now_ms: i64, limit: u64) -> Result<(), StoreError> {
        let oldest_ms = of(directory)?.map(|days| now_ms.saturating_sub(i64::from(days) * DAY_MS));
        let segments = segments(directory)?;
        let mut total: u64 = segments.iter().map(|segment| segment.bytes).sum();
        // Once there is too much, more than that goes: not a little at every trim.
        let goal = if total > limit { limit - slack(limit) } else { u64::MAX };
        for segment in segments {
            let excess = total.saturating_sub(goal);
            let old = oldest_ms.is_some_and(|oldest| segment.changed_ms < oldest);
            if excess == 0 && oldest_ms.is_none() {
                break;
            }
            let dropped = if old || (1..=excess).contains(&segment.bytes) {
                self.remove(&segment, oldest_ms, excess)
            } else {
                // Written since, but perhaps begun long before; or more than has to go.
                self.shorten(&segment, oldest_ms, excess)
            };
            total -= dropped.map_err(|source| failed("shorten", &segment.path, source))?.min(segment.bytes);
        }
        Ok(())
    }

    /// Removes a file that nobody writes, else what is too old or too much of it; says how many bytes that were.
    fn remove(&self, segment: &Segment, oldest_ms: Option<i64>, excess: u64) -> io::Result<u64> {
        match self.shared.open.remove_closed(&segment.path)? {
            None => Ok(segment.bytes),
            Some(_writer) => self.shorten(segment, oldest_ms, excess),
        }
    }

    /// Drops records from the beginning of a file.
    fn shorten(&self, segment: &Segment, oldest_ms: Option<i64>, excess: u64) -> io::Result<u64> {
        let path = &segment.path;
        let file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(gone) if gone.kind() == ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let Some(head) = file::head(&file)? else { return Ok(0) };
        let end = self.shared.open.end_of(path, || file::settle(path, &file, &head))?;
        let first = first_kept(&file, &head, end, oldest_ms, excess)?;
        if first > head.first {
            // Also while it is written: that happens at its end.
            file::drop_before(&file, &head, first)?;
        }
        Ok(first - head.first)
    }
}

/// Where the first record is that is neither too old nor among the first `excess` bytes.
fn first_kept(file: &File, head: &Head, end: u64, oldest_ms: Option<i64>, excess: u64) -> io::Result<u64> {
    let mut window = Window::new(file, Direction::Forwards, BLOCK_BYTES);
    let mut first = head.first;
    while let Some((next, timestamp_ms)) = file::glance(&mut window, first, end)?
        && (first - head.first < excess || oldest_ms.is_some_and(|oldest| timestamp_ms < oldest))
    {
        first = next;
    }
    Ok(first)
}

/// The retention policy of a group, days.
pub(super) fn of(directory: &Path) -> Result<Option<u32>, StoreError> {
    let path = directory.join(FILE);
    match fs::read_to_string(&path) {
        Ok(days) => Ok(days.parse().ok()),
        Err(missing) if missing.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", &path, source)),
    }
}

/// How much more than necessary goes at once, bytes.
const fn slack(limit: u64) -> u64 {
    limit / 8
}

/// The files of a group, the oldest first.
fn segments(directory: &Path) -> Result<Vec<Segment>, StoreError> {
    let logs = list(directory)?.into_iter().filter(|path| path.extension() == Some(OsStr::new(SUFFIX)));
    let mut segments: Vec<Segment> = logs
        .filter_map(|path| {
            // One that vanishes meanwhile belongs to a group that is being deleted.
            let metadata = fs::metadata(&path).ok()?;
            let changed_ms = metadata.mtime() * 1_000 + metadata.mtime_nsec() / 1_000_000;
            Some(Segment { bytes: stored(&metadata), changed_ms, path })
        })
        .collect();
    segments.sort_by_key(|segment| segment.changed_ms);
    Ok(segments)
}
