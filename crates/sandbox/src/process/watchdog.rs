//! What control groups would do, where there are none. Memory: looked at every few milliseconds, and the largest processes
//! killed when it is too much, as the kernel would; what grows faster is bounded for each process by `RLIMIT_DATA`. The
//! freeze: SIGSTOP, sent again to whoever found a way to go on.
//!
//! It sees what processes have mapped; not what they keep in pipes, sockets, `/tmp` or mapped and let go of: only the
//! kernel counts those. Which of it can be had at all is bounded elsewhere: by the filter, and by the size of `/tmp`.

use crate::{SandboxError, Usage};
use hearth_api::guest::Order;
use hearth_init::channel::Channel;
use hearth_init::{Failure, Trying};
use rustix::fs::{Dir, Mode, OFlags, openat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two looks, at least and at most.
const PERIOD: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));
/// How much longer a pause is than the look before it (ours: a twentieth of a core, unless so many sandboxes run that a
/// look takes longer than the longest pause allows for).
const PAUSE_PER_LOOK: u32 = 20;
/// What one process may have for data beyond the function's memory (ours: runtimes reserve more than they use; Node.js 24
/// some 570 MB, and the JVM does not start with less than 200).
pub(crate) const DATA_SLACK_MB: u32 = 1_024;
/// How long who was killed may take to be gone (ours: a large one takes some ten milliseconds).
const PATIENCE: Duration = Duration::from_millis(100);
/// Between two looks at the frozen.
const PERIOD_FROZEN: Duration = Duration::from_secs(1);
/// Longest file of a process, bytes; they are some 1,500.
const FACTS_BYTES: usize = 8 * 1024;
/// Of `times(2)`, in `/proc/PID/stat`: fixed for every architecture we know.
const TICK_NS: u64 = 10_000_000;

/// The memory of one sandbox.
#[derive(Debug)]
pub(crate) struct Meter {
    /// `/proc` as the sandbox sees it: its own processes.
    processes: OwnedFd,
    /// `None`: the kernel limits it.
    limit_bytes: Option<u64>,
    kills: AtomicU64,
    /// Since when too much has been in use at every look.
    over: Mutex<Option<Instant>>,
    /// Held while an order to stop is sent.
    frozen: Mutex<bool>,
    /// Whether that is by SIGSTOP.
    stops: bool,
    control: Arc<Channel>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Measured {
    /// Who has how much, bytes.
    processes: Vec<(u64, i32)>,
    cpu_ns: u64,
    /// Whether all of them are stopped, or have ended.
    stopped: bool,
}

impl Measured {
    fn bytes(&self) -> u64 {
        self.processes.iter().map(|(bytes, _)| bytes).sum()
    }
}

impl Meter {
    /// Of the sandbox whose PID 1 is `pid`.
    pub(crate) fn of(
        pid: u32,
        limit_mb: Option<u32>,
        stops: bool,
        control: Arc<Channel>,
    ) -> Result<Self, SandboxError> {
        let path = format!("/proc/{pid}/root/proc");
        let processes = rustix::fs::open(&path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .trying(|| format!("open {path}"))?;
        let limit_bytes = limit_mb.map(|limit| u64::from(limit) << 20);
        let (kills, over, frozen) = (AtomicU64::new(0), Mutex::default(), Mutex::new(false));
        Ok(Self { processes, limit_bytes, kills, over, frozen, stops, control })
    }

    /// Whether memory is its business.
    pub(crate) fn limits_memory(&self) -> bool {
        self.limit_bytes.is_some()
    }

    /// A frozen sandbox is looked at less often. One that is not any more is not stopped again: whatever was to stop it has
    /// been sent when this returns, so that an order to go on is the last word.
    pub(crate) fn set_frozen(&self, frozen: bool) {
        *self.frozen() = frozen;
    }

    fn frozen(&self) -> MutexGuard<'_, bool> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As the kernel's counters would say it; what several processes share is counted for each.
    pub(crate) fn usage(&self) -> Result<Usage, Failure> {
        let measured = self.measure()?;
        let oom_kills = self.kills.load(Ordering::Acquire);
        Ok(Usage { memory_bytes: measured.bytes(), cpu_ns: measured.cpu_ns, oom_kills })
    }

    fn measure(&self) -> Result<Measured, Failure> {
        let what = || "list the processes of a sandbox".to_owned();
        let list = self.list(".").trying(what)?;
        let mut measured = Measured { stopped: true, ..Measured::default() };
        for entry in list {
            let name = entry.trying(what)?;
            let Some(process) = name.file_name().to_str().ok().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            // One that has just ended has nothing.
            let Some(stat) = self.read(&format!("{process}/stat")) else { continue };
            // Who has ended is in the books of who waited for it; in the end that is PID 1.
            measured.cpu_ns += used_ns(&stat);
            if process == 1 {
                continue; // its memory is not the function's
            }
            measured.stopped &= self.is_stopped(process, &stat);
            measured.processes.push((self.memory_of(process), process));
        }
        Ok(measured)
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

    fn enforce(&self, frozen_too: bool) {
        if *self.frozen() && !frozen_too {
            return;
        }
        // PID 1 may be gone, or ending: then there is nothing to limit.
        let Ok(measured) = self.measure() else { return };
        if self.stops && !measured.stopped {
            let frozen = self.frozen();
            if *frozen {
                self.order(Order::Freeze);
            }
        }
        if let Some(limit) = self.limit_bytes {
            self.enforce_memory(measured, limit);
        }
    }

    /// The largest first, until the rest is within the limit. Where that does not help for a while, new ones are made
    /// faster than that: then everybody.
    fn enforce_memory(&self, measured: Measured, limit: u64) {
        let mut left = measured.bytes();
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        if left <= limit {
            *over = None;
            return;
        }
        let everybody = over.get_or_insert_with(Instant::now).elapsed() > PATIENCE;
        let mut processes = measured.processes;
        processes.sort_unstable();
        while let Some((bytes, process)) = processes.pop().filter(|_| left > limit || everybody) {
            left = left.saturating_sub(bytes);
            // Before the order: whoever hears of the end asks why.
            self.kills.fetch_add(1, Ordering::AcqRel);
            if !self.order(Order::Kill { process }) {
                self.kills.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    /// Whether PID 1 will get it. If not, the next look is soon.
    fn order(&self, order: Order) -> bool {
        self.control.send_now(&order.encode(), &[]).is_ok()
    }

    fn list(&self, path: &str) -> Result<Dir, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.processes, path, flags, Mode::empty()).and_then(Dir::new)
    }

    /// A small file whole; `None` when whoever it is about has ended.
    fn read(&self, path: &str) -> Option<String> {
        let file = openat(&self.processes, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
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

/// Looks at all meters there are, on a thread of its own. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Watchdog {
    meters: Mutex<Option<mpsc::Sender<Weak<Meter>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    pub(crate) fn start() -> Result<Self, Failure> {
        let (meters, new) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("hearth-watchdog".to_owned())
            .spawn(move || watch(&new))
            .trying(|| "start the thread that watches memory".to_owned())?;
        Ok(Self { meters: Mutex::new(Some(meters)), thread: Some(thread) })
    }

    /// Watches a sandbox as long as its meter lives.
    pub(crate) fn watch(&self, meter: &Arc<Meter>) {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        // The thread lives as long as we do.
        meters.iter().for_each(|meters| drop(meters.send(Arc::downgrade(meter))));
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.meters.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked: nothing in it does.
            drop(thread.join());
        }
    }
}

fn watch(new: &mpsc::Receiver<Weak<Meter>>) {
    let mut meters: Vec<Weak<Meter>> = Vec::new();
    let (least, most) = PERIOD;
    let (mut pause, mut looked_at_frozen) = (least, Instant::now());
    loop {
        let next = if meters.is_empty() {
            new.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            new.recv_timeout(pause)
        };
        match next {
            Ok(meter) => meters.push(meter),
            Err(RecvTimeoutError::Timeout) => {
                let begin = Instant::now();
                let frozen_too = begin.duration_since(looked_at_frozen) >= PERIOD_FROZEN;
                if frozen_too {
                    looked_at_frozen = begin;
                }
                meters.retain(|meter| meter.upgrade().map(|it| it.enforce(frozen_too)).is_some());
                pause = (begin.elapsed() * PAUSE_PER_LOOK).clamp(least, most);
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
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
        let processes = rustix::fs::open("/proc", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let (control, _theirs) = Channel::pair().unwrap();
        let meter = Meter {
            processes,
            limit_bytes: None,
            kills: AtomicU64::new(0),
            over: Mutex::default(),
            stops: true,
            frozen: Mutex::new(false),
            control: Arc::new(control),
        };
        let usage = meter.usage().unwrap();
        assert!(usage.memory_bytes > 0 && usage.cpu_ns > 0, "{usage:?}");
    }
}
