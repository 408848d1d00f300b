//! What control groups would do, where there are none. Memory: looked at every few milliseconds, and the largest processes
//! killed when it is too much, as the kernel would; what grows faster is bounded for each process by `RLIMIT_DATA`. The
//! freeze: SIGSTOP, sent again to whoever found a way to go on.
//!
//! It sees what processes have mapped; not what they keep in pipes, sockets, `/tmp` or mapped and let go of: only the
//! kernel counts those. Which of it can be had at all is bounded elsewhere: by the filter, and by the size of `/tmp`.

use super::processes::{Found, Processes};
use crate::{SandboxError, Usage};
use hearth_api::guest::Order;
use hearth_init::channel::Channel;
use hearth_init::{Failure, Trying};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// The memory of one sandbox.
#[derive(Debug)]
pub(crate) struct Meter {
    processes: Processes,
    /// `None`: the kernel limits it.
    limit_bytes: Option<u64>,
    kills: AtomicU64,
    /// Since when too much has been in use at every look.
    over: Mutex<Option<Instant>>,
    /// Held while an order to stop is sent.
    frozen: Mutex<bool>,
    /// Whether that is by SIGSTOP.
    stops: bool,
    /// Whether everybody is being killed: PID 1 reads no orders until they are gone.
    emptying: AtomicBool,
    control: Arc<Channel>,
}

impl Meter {
    /// Of the sandbox whose PID 1 is `pid`.
    pub(crate) fn of(
        pid: u32,
        limit_mb: Option<u32>,
        stops: bool,
        control: Arc<Channel>,
    ) -> Result<Self, SandboxError> {
        let processes = Processes::of(pid)?;
        let limit_bytes = limit_mb.map(|limit| u64::from(limit) << 20);
        let (kills, over, frozen) = (AtomicU64::new(0), Mutex::default(), Mutex::new(false));
        let emptying = AtomicBool::new(false);
        Ok(Self { processes, limit_bytes, kills, over, frozen, stops, emptying, control })
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

    /// While everybody is being killed there is nobody to look at, and orders would only pile up for those who come next.
    pub(crate) fn set_emptying(&self, emptying: bool) {
        self.emptying.store(emptying, Ordering::Release);
    }

    fn frozen(&self) -> MutexGuard<'_, bool> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As the kernel's counters would say it; what several processes share is counted for each.
    pub(crate) fn usage(&self) -> Result<Usage, Failure> {
        let measured = self.processes.look()?;
        let oom_kills = self.kills.load(Ordering::Acquire);
        Ok(Usage { memory_bytes: measured.bytes(), oom_kills })
    }

    /// CPU time of all of them, nanoseconds.
    pub(crate) fn cpu_ns(&self) -> Result<u64, Failure> {
        Ok(self.processes.look()?.cpu_ns)
    }

    fn enforce(&self, frozen_too: bool) {
        if self.emptying.load(Ordering::Acquire) || (*self.frozen() && !frozen_too) {
            return;
        }
        // PID 1 may be gone, or ending: then there is nothing to limit.
        let Ok(measured) = self.processes.look() else { return };
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
    fn enforce_memory(&self, measured: Found, limit: u64) {
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
