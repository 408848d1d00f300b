//! Memory of sandboxes that no control group limits: looked at twenty times a second, and the largest process killed when
//! it is too much, as the kernel would. What grows faster is bounded for each process by `RLIMIT_DATA`.
//!
//! It sees what processes have mapped and what is in a `/tmp` of memory; not what they keep in pipes, sockets or memory
//! files that nobody maps: only the kernel counts those.

use crate::{SandboxError, Usage};
use hearth_api::guest::Order;
use hearth_init::channel::Channel;
use hearth_init::{Failure, Trying};
use rustix::fs::{Dir, Mode, OFlags, fstatfs, openat};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(50);
/// What one process may have for data beyond the function's memory (ours: runtimes reserve more than they use; the JVM
/// does not start with less).
pub(crate) const DATA_SLACK_MB: u32 = 256;
/// Longest file of a process, bytes; they are some 1,500.
const FACTS_BYTES: usize = 8 * 1024;
/// Of `times(2)`, in `/proc/PID/stat`: fixed for every architecture we know.
const TICK_NS: u64 = 10_000_000;

/// The memory of one sandbox.
#[derive(Debug)]
pub(crate) struct Meter {
    /// `/proc` as the sandbox sees it: its own processes.
    processes: OwnedFd,
    /// `/tmp`, where that is memory.
    tmp: Option<OwnedFd>,
    limit_bytes: u64,
    kills: AtomicU64,
    frozen: AtomicBool,
    control: Arc<Channel>,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Measured {
    bytes: u64,
    cpu_ns: u64,
    /// Who has most, and how much: no child of the kernel's is ever 0.
    largest: (u64, i32),
}

impl Meter {
    /// Of the sandbox whose PID 1 is `pid`.
    pub(crate) fn of(
        pid: u32,
        tmp: Option<OwnedFd>,
        memory_mb: u32,
        control: Arc<Channel>,
    ) -> Result<Self, SandboxError> {
        let path = format!("/proc/{pid}/root/proc");
        let processes = rustix::fs::open(&path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .trying(|| format!("open {path}"))?;
        let (kills, frozen) = (AtomicU64::new(0), AtomicBool::new(false));
        Ok(Self { processes, tmp, limit_bytes: u64::from(memory_mb) << 20, kills, frozen, control })
    }

    /// A frozen sandbox needs no looking at.
    pub(crate) fn set_frozen(&self, frozen: bool) {
        self.frozen.store(frozen, Ordering::Release);
    }

    /// As the kernel's counters would say it; what several processes share is counted for each.
    pub(crate) fn usage(&self) -> Result<Usage, Failure> {
        let Measured { bytes, cpu_ns, .. } = self.measure()?;
        Ok(Usage { memory_bytes: bytes, cpu_ns, oom_kills: self.kills.load(Ordering::Acquire) })
    }

    fn measure(&self) -> Result<Measured, Failure> {
        let what = || "list the processes of a sandbox".to_owned();
        let list = openat(&self.processes, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let list = list.and_then(Dir::new).trying(what)?;
        let (mut anonymous, mut shared, mut cpu_ns, mut largest) = (0, 0, 0, (0, 0));
        for entry in list {
            let name = entry.trying(what)?;
            let Some(process) = name.file_name().to_str().ok().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            // Who has ended is in the books of who waited for it; in the end that is PID 1.
            cpu_ns += read(self.processes.as_fd(), &format!("{process}/stat")).map_or(0, |stat| used_ns(&stat));
            if process == 1 {
                continue; // its memory is not the function's
            }
            // One that has just ended has no memory.
            let Some(status) = read(self.processes.as_fd(), &format!("{process}/status")) else { continue };
            let (own, with_others) = (kib(&status, "RssAnon:") << 10, kib(&status, "RssShmem:") << 10);
            anonymous += own;
            shared += with_others;
            largest = largest.max((own + with_others, process));
        }
        let files =
            self.tmp.as_ref().map_or(Ok(0), |tmp| bytes_in(tmp.as_fd())).trying(|| "measure /tmp".to_owned())?;
        // A file of /tmp that is mapped is in both: killed is who is over the limit for certain.
        Ok(Measured { bytes: anonymous + shared.max(files), cpu_ns, largest })
    }

    fn enforce(&self) {
        if self.frozen.load(Ordering::Acquire) {
            return;
        }
        // PID 1 may be gone, or ending: then there is nothing to limit.
        let Ok(measured) = self.measure() else { return };
        let (_, process) = measured.largest;
        if measured.bytes > self.limit_bytes
            && process > 1
            && self.control.send_now(&Order::Kill { process }.encode(), &[]).is_ok()
        {
            self.kills.fetch_add(1, Ordering::AcqRel);
        }
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
    loop {
        let next = if meters.is_empty() {
            new.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            new.recv_timeout(PERIOD)
        };
        match next {
            Ok(meter) => meters.push(meter),
            Err(RecvTimeoutError::Timeout) => meters.retain(|meter| meter.upgrade().map(|it| it.enforce()).is_some()),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// A small file whole; `None` when whoever it is about has ended.
fn read(directory: BorrowedFd<'_>, path: &str) -> Option<String> {
    let file = openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
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

/// The number behind a key at the start of a line. A process may have a line break in its name, but the kernel escapes it.
fn kib(status: &str, key: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(key));
    value.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// CPU time of a process and of its children that were waited for (`proc_pid_stat(5)`, fields 14 to 17), from behind the
/// name.
fn used_ns(stat: &str) -> u64 {
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * TICK_NS
}

fn bytes_in(tmp: BorrowedFd<'_>) -> Result<u64, Errno> {
    let facts = fstatfs(tmp)?;
    let block = u64::try_from(facts.f_bsize).unwrap_or(0);
    Ok(facts.f_blocks.saturating_sub(facts.f_bfree).saturating_mul(block))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_behind_their_keys() {
        let status = "Name:\tRssAnon:9\nRssAnon:\t  128 kB\nRssFile:\t 4 kB\nRssShmem:\t 16 kB\n";
        assert_eq!((kib(status, "RssAnon:"), kib(status, "RssShmem:"), kib(status, "VmSwap:")), (128, 16, 0));
        let stat = "1 (a ) name) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 70 30 20 0 1 0";
        assert_eq!(used_ns(stat), (5 + 6 + 70 + 30) * TICK_NS);
        assert_eq!(used_ns(""), 0);
    }

    #[test]
    fn our_own_processes_can_be_read_as_those_of_a_sandbox() {
        let processes = rustix::fs::open("/proc", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let (control, _theirs) = Channel::pair().unwrap();
        let meter = Meter {
            processes,
            tmp: None,
            limit_bytes: u64::MAX,
            kills: AtomicU64::new(0),
            frozen: AtomicBool::new(false),
            control: Arc::new(control),
        };
        let usage = meter.usage().unwrap();
        assert!(usage.memory_bytes > 0 && usage.cpu_ns > 0, "{usage:?}");
    }
}
