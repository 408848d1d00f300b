//! What `/proc` says of the processes of a sandbox, read from outside: memory, CPU time, who is stopped.

use hearth_init::{Failure, Trying};
use rustix::fs::{Dir, Mode, OFlags, openat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// Longest file of a process, bytes; they are some 1,500.
const FACTS_BYTES: usize = 8 * 1024;
/// Of `times(2)`, in `/proc/PID/stat`: fixed for every architecture we know.
const TICK_NS: u64 = 10_000_000;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Who has how much, bytes.
    pub(crate) processes: Vec<(u64, i32)>,
    pub(crate) cpu_ns: u64,
    /// Whether all of them are stopped, or have ended.
    pub(crate) stopped: bool,
}

impl Found {
    pub(crate) fn bytes(&self) -> u64 {
        self.processes.iter().map(|(bytes, _)| bytes).sum()
    }
}

/// `/proc` as a sandbox sees it: its own processes.
#[derive(Debug)]
pub(crate) struct Processes(OwnedFd);

impl Processes {
    /// Of the sandbox whose PID 1 is `pid`.
    pub(crate) fn of(pid: u32) -> Result<Self, Failure> {
        let path = format!("/proc/{pid}/root/proc");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&path, flags, Mode::empty()).map(Self).trying(|| format!("open {path}"))
    }

    /// Looks at all of them; what several share is counted for each.
    pub(crate) fn look(&self) -> Result<Found, Failure> {
        let what = || "list the processes of a sandbox".to_owned();
        let list = self.list(".").trying(what)?;
        let mut found = Found { stopped: true, ..Found::default() };
        for entry in list {
            let name = entry.trying(what)?;
            let Some(process) = name.file_name().to_str().ok().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            // One that has just ended has nothing.
            let Some(stat) = self.read(&format!("{process}/stat")) else { continue };
            // Who has ended is in the books of who waited for it; in the end that is PID 1.
            found.cpu_ns += used_ns(&stat);
            if process == 1 {
                continue; // its memory is not the function's
            }
            found.stopped &= self.is_stopped(process, &stat);
            found.processes.push((self.memory_of(process), process));
        }
        Ok(found)
    }

    fn is_stopped(&self, process: i32, stat: &str) -> bool {
        // Who has ended may be its first thread alone.
        let threads = || self.of_threads(process, "stat").all(|stat| matches!(state(&stat), Some('T' | 'Z' | 'X')));
        matches!(state(stat), Some('T' | 'X')) || (state(stat) == Some('Z') && threads())
    }

    /// What a file of each thread of a process says.
    fn of_threads(&self, process: i32, file: &str) -> impl Iterator<Item = String> {
        let threads = self.list(&format!("{process}/task")).into_iter().flatten().filter_map(Result::ok);
        threads.filter_map(move |thread| {
            self.read(&format!("{process}/task/{}/{file}", thread.file_name().to_str().ok()?))
        })
    }

    /// What is a process's own, page tables included, and what it has in common with others.
    fn memory_of(&self, process: i32) -> u64 {
        let of = |status: &str| {
            let all = ["RssAnon:", "RssShmem:", "VmPTE:"].map(|key| kib(status, key));
            all.into_iter().flatten().map(|kib| kib << 10).reduce(|sum, bytes| sum + bytes)
        };
        let own = self.read(&format!("{process}/status"));
        own.as_deref().and_then(of).unwrap_or_else(|| {
            // Its first thread has ended, and the memory is where the others are.
            self.of_threads(process, "status").find_map(|status| of(&status)).unwrap_or(0)
        })
    }

    fn list(&self, path: &str) -> Result<Dir, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.0, path, flags, Mode::empty()).and_then(Dir::new)
    }

    /// A small file whole; `None` when whoever it is about has ended.
    fn read(&self, path: &str) -> Option<String> {
        let file = openat(&self.0, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let (mut bytes, mut filled) = (vec![0; FACTS_BYTES], 0);
        while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
            match rustix::io::read(&file, room) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        bytes.truncate(filled);
        // A process may call itself anything.
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The number behind a key at the start of a line; a name cannot have a line break in it that the kernel does not escape.
fn kib(status: &str, key: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

/// What is behind the name in `/proc/PID/stat` (`proc_pid_stat(5)`): fields 3 and up.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace()
}

fn state(stat: &str) -> Option<char> {
    fields(stat).next()?.chars().next()
}

/// CPU time of a process and of its children that were waited for: fields 14 to 17.
fn used_ns(stat: &str) -> u64 {
    fields(stat).skip(11).take(4).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * TICK_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_behind_their_keys() {
        let status = "Name:\tRssAnon:9\nRssAnon:\t  128 kB\nRssFile:\t 4 kB\nRssShmem:\t 16 kB\n";
        let found = ["RssAnon:", "RssShmem:", "VmSwap:"].map(|key| kib(status, key));
        assert_eq!(found, [Some(128), Some(16), None]);
        let stat = "1 (a ) name) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 70 30 20 0 1 0";
        assert_eq!(used_ns(stat), (5 + 6 + 70 + 30) * TICK_NS);
        assert_eq!((used_ns(""), state(stat), state("")), (0, Some('S'), None));
    }

    #[test]
    fn our_own_processes_can_be_read_as_those_of_a_sandbox() {
        let processes = rustix::fs::open("/proc", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).map(Processes);
        let found = processes.unwrap().look().unwrap();
        assert!(found.bytes() > 0 && found.cpu_ns > 0, "{found:?}");
    }
}
