//! One cgroup directory: small files with numbers in them.

use hearth_init::{Failure, Trying};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long killed processes may take to leave a directory (ours: 1,024 of them take some 50 ms).
const EMPTY_WITHIN: Duration = Duration::from_secs(10);
/// More than any file of counters has, bytes (`memory.stat`: some 2,000).
const COUNTERS_BYTES: usize = 8_192;
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(2);

pub(crate) fn create(directory: &Path) -> Result<(), Failure> {
    fs::create_dir(directory).trying(|| format!("create the cgroup {}", directory.display()))
}

pub(crate) fn write(directory: &Path, file: &str, value: &str) -> Result<(), Failure> {
    let path = directory.join(file);
    // Never created: the kernel has made it, or it is not there.
    OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|mut file| file.write_all(value.as_bytes()))
        .trying(|| format!("write {value:?} to {}", path.display()))
}

/// For files that exist only on some kernels.
pub(crate) fn write_if_there(directory: &Path, file: &str, value: &str) -> Result<(), Failure> {
    match write(directory, file, value) {
        Err(failure) if failure.source.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

pub(crate) fn read(directory: &Path, file: &str) -> Result<String, Failure> {
    let path = directory.join(file);
    fs::read_to_string(&path).trying(|| format!("read {}", path.display()))
}

/// A file of counters that is read again and again: opened when it is first read, and kept open.
#[derive(Debug)]
pub(crate) struct Counters {
    path: PathBuf,
    file: OnceLock<File>,
}

impl Counters {
    pub(crate) fn of(directory: &Path, file: &str) -> Self {
        Self { path: directory.join(file), file: OnceLock::new() }
    }

    pub(crate) fn read(&self) -> Result<String, Failure> {
        let read = || -> io::Result<String> {
            let file = match self.file.get() {
                Some(file) => file,
                None => {
                    let opened = File::open(&self.path)?;
                    self.file.get_or_init(|| opened)
                }
            };
            let (mut block, mut text) = ([0; COUNTERS_BYTES], Vec::new());
            loop {
                let length = file.read_at(&mut block, text.len() as u64)?;
                text.extend_from_slice(block.get(..length).unwrap_or_default());
                // The kernel writes such a file in one go: what leaves room in the block is all of it.
                if length < COUNTERS_BYTES {
                    return Ok(String::from_utf8_lossy(&text).into_owned());
                }
            }
        };
        read().trying(|| format!("read {}", self.path.display()))
    }
}

/// A file that is written to while somebody waits: opened before that, for the first time. So that needs no descriptor then,
/// which may be the last one.
#[derive(Debug)]
pub(crate) struct Prepared {
    path: PathBuf,
    first: Mutex<Option<File>>,
}

impl Prepared {
    pub(crate) fn open(directory: &Path, file: &str) -> Result<Self, Failure> {
        Ok(Self { path: directory.join(file), first: Mutex::new(Some(open(directory, file)?)) })
    }

    pub(crate) fn write(&self, value: &str) -> Result<(), Failure> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let file = first.map_or_else(|| OpenOptions::new().write(true).open(&self.path), Ok);
        file.and_then(|mut file| file.write_all(value.as_bytes()))
            .trying(|| format!("write {value:?} to {}", self.path.display()))
    }
}

/// The number after `key` in a file of lines `key number`; 0 where there is none.
pub(crate) fn number(text: &str, key: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// A file to write to later, or by somebody else.
pub(crate) fn open(directory: &Path, file: &str) -> Result<File, Failure> {
    let path = directory.join(file);
    OpenOptions::new().write(true).open(&path).trying(|| format!("open {}", path.display()))
}

/// The directory itself, to clone into.
pub(crate) fn handle(directory: &Path) -> Result<OwnedFd, Failure> {
    File::open(directory).map(OwnedFd::from).trying(|| format!("open the cgroup {}", directory.display()))
}

/// Removes one directory; a process that has just ended may still be on its way out of it.
pub(crate) fn remove(directory: &Path) -> Result<(), Failure> {
    let until = Instant::now() + EMPTY_WITHIN;
    loop {
        match fs::remove_dir(directory) {
            Err(cause) if cause.kind() == io::ErrorKind::ResourceBusy && Instant::now() < until => thread::sleep(PAUSE),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            done => return done.trying(|| format!("remove the cgroup {}", directory.display())),
        }
    }
}

/// Removes directories and all below them, together with the processes in them: whatever an earlier run that was
/// killed has left, frozen or not.
///
/// First everybody everywhere is killed and thawed: who is frozen in one hierarchy does not leave those of another.
pub(crate) fn sweep(parents: &[PathBuf]) -> Result<(), Failure> {
    let all: Vec<PathBuf> = parents.iter().flat_map(|parent| tree(parent)).collect();
    for directory in &all {
        kill_members(directory)?;
    }
    for directory in &all {
        empty(directory)?;
        remove(directory)?;
    }
    Ok(())
}

/// A directory and all below it, the deepest first; none if it is not there.
fn tree(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let below = entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    below.flat_map(|entry| tree(&entry.path())).chain([directory.to_owned()]).collect()
}

/// Kills, then thaws, so that nobody runs again. Says whether there was anybody.
fn kill_members(directory: &Path) -> Result<bool, Failure> {
    let members = read(directory, "cgroup.procs")?;
    for member in members.lines() {
        if let Some(pid) = member.parse().ok().and_then(Pid::from_raw) {
            // Gone already is as good.
            kill_process(pid, Signal::KILL).ok();
        }
    }
    // Only one of the two files exists, if any.
    write_if_there(directory, "cgroup.freeze", "0")?;
    write_if_there(directory, "freezer.state", "THAWED")?;
    Ok(!members.is_empty())
}

/// What is still there after a while keeps the directory from being removed, which is then reported.
fn empty(directory: &Path) -> Result<(), Failure> {
    let until = Instant::now() + EMPTY_WITHIN;
    while kill_members(directory)? && Instant::now() < until {
        thread::sleep(PAUSE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_whole_key() {
        let text = "rss 1\nrss_huge 2\nshmem 3\ntotal_rss 40\noom_kill 5\n";
        assert_eq!(number(text, "rss"), 1);
        assert_eq!(number(text, "total_rss"), 40);
        assert_eq!(number(text, "oom_kill"), 5);
        assert_eq!(number(text, "anon"), 0);
    }
}
