//! One sandbox as the worker drives it.

use super::Shared;
use super::assignment::{self, Laid};
use super::blank::Blank;
use super::cgroups::{self, Entry, Group};
use super::mounter::Mounter;
use super::news::{self, Events, NEWS_BYTES};
use super::preboot::{self, Waiting};
use super::spawner::Prepared;
use super::teardown::{take_down, wait_for};
use super::threads::socket_inside;
use super::watchdog::{DATA_SLACK_MB, Meter};
use crate::{
    Assignment, Preboot, ProcessId, ProcessSpec, Sandbox, SandboxError, SandboxEvent, Sockets, StartedProcess, Usage,
};
use hearth_api::guest::{FRAME_BYTES, Order, Program, SeatNews};
use hearth_core::limits::EPHEMERAL_STORAGE_MB;
use hearth_init::channel::{Channel, Received};
use hearth_init::mount::Tree;
use hearth_init::{Failure, Trying};
use rustix::event::PollFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::fchown;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

/// How long an order may wait for room (ours: PID 1 has nothing else to do).
const ORDER_PATIENCE: Duration = Duration::from_secs(1);

/// A sandbox of namespaces, control groups and a system-call filter.
#[derive(Debug)]
pub(crate) struct ProcessSandbox {
    shared: Arc<Shared>,
    number: u32,
    prepared: Prepared,
    control: Arc<Channel>,
    events: Arc<Events>,
    sockets: Mutex<Option<Sockets>>,
    /// `/tmp` of the usual size, made while PID 1 was setting itself up.
    tmp: Mutex<Option<Tree>>,
    assigned: AtomicBool,
    /// Who mounts, what it has mounted before there was an assignment, and the process that waits since.
    mounter: Mutex<Option<Mounter>>,
    laid: Mutex<Laid>,
    waiting: Mutex<Option<Waiting>>,
    /// A seat that was taken ahead of time: its channel and pid.
    seat: Mutex<Option<(Channel, i32)>>,
    frozen: AtomicBool,
    /// Where control groups do not do everything, once assigned; and until terminated.
    meter: Mutex<Option<Arc<Meter>>>,
    /// What each process may have for data, where the kernel does not limit all of them together.
    data_mb: OnceLock<u32>,
    /// `None` once terminated.
    group: RwLock<Option<Box<dyn Group>>>,
}

impl ProcessSandbox {
    /// Prepares a blank sandbox; nothing is left of an attempt that fails.
    pub(crate) fn prepare(
        shared: &Arc<Shared>,
        root: &Path,
        events: UnboundedSender<SandboxEvent>,
    ) -> Result<Self, SandboxError> {
        let executor = Handle::try_current().map_err(|_| SandboxError::Misused("prepare needs a tokio runtime"))?;
        let Blank { mut unfinished, prepared, control, sockets, tmp } = Blank::make(shared, root)?;
        let number = unfinished.number;
        let (control, events) = (Arc::new(control), Arc::new(Events::new(events)));
        news::forward(&executor, Arc::clone(&control), Arc::clone(&events))?;
        let group = RwLock::new(unfinished.group.take());
        let (assigned, frozen) = (AtomicBool::new(false), AtomicBool::new(false));
        let (shared, sockets, tmp) = (Arc::clone(shared), Mutex::new(Some(sockets)), Mutex::new(Some(tmp)));
        let (meter, data_mb) = (Mutex::default(), OnceLock::new());
        let (laid, waiting, seat, mounter) = (Mutex::default(), Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self {
            shared,
            number,
            prepared,
            control,
            events,
            sockets,
            tmp,
            assigned,
            mounter,
            laid,
            waiting,
            seat,
            frozen,
            meter,
            data_mb,
            group,
        })
    }

    /// Uses the groups, unless the sandbox is terminated.
    fn with_group<T>(&self, work: impl FnOnce(&dyn Group) -> Result<T, Failure>) -> Result<T, SandboxError> {
        let group = self.group.read().unwrap_or_else(PoisonError::into_inner);
        work(group.as_deref().ok_or(SandboxError::Gone("the sandbox"))?).map_err(SandboxError::from)
    }

    fn meter(&self) -> Option<Arc<Meter>> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on the watchdog sees to what the kernel does not.
    fn watch(&self, memory_mb: u32) -> Result<(), SandboxError> {
        let (memory, freeze) = self.with_group(|group| Ok((group.limits_memory(), group.has_freezer())))?;
        let limit_mb = (!memory).then_some(memory_mb);
        let meter = Arc::new(Meter::of(self.prepared.pid, limit_mb, !freeze, Arc::clone(&self.control))?);
        self.shared.watchdog.iter().for_each(|watchdog| watchdog.watch(&meter));
        *self.meter.lock().unwrap_or_else(PoisonError::into_inner) = Some(meter);
        if !memory {
            self.data_mb.get_or_init(|| memory_mb.saturating_add(DATA_SLACK_MB));
        }
        Ok(())
    }

    /// Who mounts, for as long as there may be more to mount.
    fn take_mounter(&self) -> Result<Mounter, SandboxError> {
        let ready = self.mounter.lock().unwrap_or_else(PoisonError::into_inner).take();
        let pidfd = || self.prepared.pidfd.try_clone().trying(|| "keep the pidfd of PID 1".to_owned());
        ready.map_or_else(|| Mounter::enter(pidfd()?), Ok)
    }

    /// Does something with who mounts and what there is, and keeps both.
    fn lay(&self, work: impl FnOnce(Laid, &Mounter) -> Result<Laid, SandboxError>) -> Result<(), SandboxError> {
        let mut laid = self.laid.lock().unwrap_or_else(PoisonError::into_inner);
        let mounter = self.take_mounter()?;
        *laid = work(*laid, &mounter)?;
        *self.mounter.lock().unwrap_or_else(PoisonError::into_inner) = Some(mounter);
        Ok(())
    }

    /// Attaches the usual `/tmp`, which most functions want: there is less to do when they come.
    fn lay_tmp(&self) -> Result<(), SandboxError> {
        let Some(tmp) = self.take_tmp() else { return Ok(()) };
        self.lay(|laid, mounter| assignment::mount_tmp(tmp, laid, mounter))
    }

    fn take_waiting(&self) -> Option<Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Starts a process in a seat of its own. `launcher` is the socket of one that is to wait.
    fn launch(&self, process: &ProcessSpec, launcher: Option<OwnedFd>) -> Result<StartedProcess, SandboxError> {
        let environment = process.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let socket = launcher.iter().map(|_| Preboot::ASSIGNMENT.to_owned());
        let program = Program {
            candidates: process.programs.clone(),
            arguments: process.arguments.clone(),
            environment,
            data_mb: self.data_mb.get().copied(),
            descriptor_variables: process.log_variable.iter().cloned().chain(socket).collect(),
        };
        let frame = program.encode();
        if frame.len() > FRAME_BYTES {
            let what = format!("pass {} bytes of arguments and environment", frame.len());
            return Err(SandboxError::System { what, source: io::Error::from_raw_os_error(libc::E2BIG) });
        }
        let (seat, pid) = self.seat_taken_ahead().map_or_else(|| self.take_seat(), Ok)?;
        match self.execute((&seat, pid), &frame, process, launcher) {
            Ok(started) => {
                self.meter().iter().for_each(|meter| meter.set_emptying(false));
                self.events.started(pid);
                Ok(started)
            }
            Err(error) => {
                self.events.failed(pid);
                Err(error)
            }
        }
    }

    /// The seat that was taken ahead, unless it has ended since.
    fn seat_taken_ahead(&self) -> Option<(Channel, i32)> {
        let (channel, pid) = self.seat.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        // It says nothing until it is told something: whatever there is to read is its end.
        if matches!(wait_for(channel.as_fd(), PollFlags::IN, Duration::ZERO), Ok(false)) {
            return Some((channel, pid));
        }
        self.events.failed(pid);
        None
    }

    /// Leaves the seat that was taken ahead: it ends by itself.
    fn give_up_seat(&self) {
        let seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner).take();
        seat.iter().for_each(|(_, pid)| self.events.failed(*pid));
    }

    fn take_tmp(&self) -> Option<Tree> {
        self.tmp.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set_frozen(&self, frozen: bool) -> Result<(), SandboxError> {
        let by_kernel = self.with_group(|group| group.freeze(frozen).map(|()| group.has_freezer()))?;
        let meter = self.meter();
        if !frozen {
            // Before the order: the watchdog would take who goes on for somebody to stop again.
            meter.iter().for_each(|meter| meter.set_frozen(false));
        }
        if !by_kernel {
            self.order(if frozen { Order::Freeze } else { Order::Thaw }, &[])?;
        }
        if frozen {
            meter.iter().for_each(|meter| meter.set_frozen(true));
        }
        self.frozen.store(frozen, Ordering::Release);
        Ok(())
    }

    /// Who is frozen neither joins nor dies nor answers.
    fn thaw_if_frozen(&self) -> Result<(), SandboxError> {
        if self.frozen.load(Ordering::Acquire) { self.set_frozen(false) } else { Ok(()) }
    }

    fn order(&self, order: Order, descriptors: &[BorrowedFd<'_>]) -> Result<(), SandboxError> {
        let frame = order.encode();
        let sent = match self.control.send_now(&frame, descriptors) {
            // PID 1 has not been scheduled for hundreds of orders: one that it does not get is worse than waiting.
            Err(failure) if failure.source.kind() == io::ErrorKind::WouldBlock => {
                wait_for(self.control.as_fd(), PollFlags::OUT, ORDER_PATIENCE)
                    .trying(|| "wait for PID 1".to_owned())?;
                self.control.send_now(&frame, descriptors)
            }
            sent => sent,
        };
        match sent {
            Err(failure) if is_closed(&failure.source) => Err(SandboxError::Gone("PID 1")),
            sent => sent.map_err(SandboxError::from),
        }
    }

    /// Has PID 1 fork a seat; gives the channel to it and its pid.
    fn take_seat(&self) -> Result<(Channel, i32), SandboxError> {
        self.thaw_if_frozen()?;
        let (cgroup, doors) = self.with_group(|group| group.seat())?;
        let (seat, theirs) = Channel::pair()?;
        seat.make_room(FRAME_BYTES)?;
        let mut descriptors = vec![theirs.as_fd()];
        if let Entry::Birth(cgroup) = &cgroup {
            descriptors.push(cgroup.as_fd());
        }
        descriptors.extend(doors.iter().map(AsFd::as_fd));
        self.order(Order::Seat { born_inside: matches!(cgroup, Entry::Birth(_)) }, &descriptors)?;
        drop(theirs); // PID 1's copy is the last one: its end shows here
        match receive(&seat)? {
            Some(SeatNews::Seated { process }) => Ok((seat, process)),
            Some(SeatNews::Failed { reason } | SeatNews::NoProgram { reason }) => {
                Err(SandboxError::Refused { order: "start", reason })
            }
            None => Err(SandboxError::Gone("PID 1")),
        }
    }

    /// A pipe that a process writes to: both ends, the write end for inside.
    fn pipe(&self) -> Result<(OwnedFd, OwnedFd), Failure> {
        let what = || "make a pipe for output".to_owned();
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).trying(what)?;
        rustix::io::ioctl_fionbio(&read, true).trying(what)?;
        // Owned by the function's user, or it could not open /dev/stdout.
        let (user, group) = self.shared.numbers.function(self.number);
        fchown(&write, Some(user), Some(group)).trying(what)?;
        Ok((read, write))
    }

    fn execute(
        &self,
        (seat, pid): (&Channel, i32),
        frame: &[u8],
        process: &ProcessSpec,
        more: Option<OwnedFd>,
    ) -> Result<StartedProcess, SandboxError> {
        let ((stdout, out), (stderr, err)) = (self.pipe()?, self.pipe()?);
        let (log, log_end) = process.log_variable.as_ref().map(|_| self.pipe()).transpose()?.unzip();
        let theirs: Vec<_> = [&out, &err].into_iter().chain(&log_end).chain(&more).map(AsFd::as_fd).collect();
        match seat.send(frame, &theirs) {
            Err(failure) if is_closed(&failure.source) => {} // killed meanwhile: its end is an event
            sent => sent?,
        }
        drop((out, err, log_end, more));
        match receive(seat)? {
            None => Ok(StartedProcess { process: ProcessId(pid), stdout, stderr, log }),
            Some(SeatNews::NoProgram { reason }) => {
                Err(SandboxError::NoProgram { tried: process.programs.clone(), reason })
            }
            Some(SeatNews::Failed { reason }) => Err(SandboxError::Refused { order: "start", reason }),
            Some(SeatNews::Seated { .. }) => Err(SandboxError::Misused("a seat cannot be taken twice")),
        }
    }
}

impl Sandbox for ProcessSandbox {
    fn take_sockets(&self) -> Result<Sockets, SandboxError> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.take().ok_or(SandboxError::Misused("the sockets of a sandbox can be taken once"))
    }

    fn socket(&self) -> Result<OwnedFd, SandboxError> {
        socket_inside(self.prepared.pidfd.as_fd())
    }

    fn preboot(&self, preboot: &Preboot) -> Result<(), SandboxError> {
        let Preboot { launcher, process, memory_mb } = preboot;
        let user_namespace = self.prepared.user_namespace.as_fd();
        self.lay(|_, mounter| {
            assignment::mount_launcher(&self.shared.files, *launcher, *memory_mb, user_namespace, mounter)
        })?;
        let (socket, theirs) = preboot::socket()?;
        let started = self.launch(process, Some(theirs))?;
        let waiting = Waiting::until_ready(socket, started)?;
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting);
        // What is at /tmp has been read.
        self.lay_tmp()
    }

    fn start_ahead(&self) -> Result<(), SandboxError> {
        let seat = self.take_seat()?;
        self.give_up_seat();
        *self.seat.lock().unwrap_or_else(PoisonError::into_inner) = Some(seat);
        self.lay_tmp()
    }

    fn assign(&self, assignment: &Assignment) -> Result<(), SandboxError> {
        self.with_group(|group| group.limit(assignment.memory_mb))?;
        if self.assigned.swap(true, Ordering::AcqRel) {
            return Err(SandboxError::Misused("a sandbox can be assigned once"));
        }
        let usual = self.take_tmp();
        let tmp = if assignment.ephemeral_storage_mb == EPHEMERAL_STORAGE_MB.2 {
            usual // if it is not there yet
        } else {
            drop(usual); // its device is free for this one
            let owner = self.shared.numbers.root(self.number);
            Some(self.shared.tmp.make(assignment.ephemeral_storage_mb, owner)?)
        };
        let laid = *self.laid.lock().unwrap_or_else(PoisonError::into_inner);
        let (mounter, user_namespace) = (self.take_mounter()?, self.prepared.user_namespace.as_fd());
        assignment::mount(&self.shared.files, assignment, tmp, laid, user_namespace, &mounter)?;
        if self.shared.watchdog.is_none() {
            return Ok(());
        }
        self.watch(assignment.memory_mb)
    }

    fn start(&self, process: &ProcessSpec) -> Result<StartedProcess, SandboxError> {
        self.launch(process, None)
    }

    fn start_waiting(&self, process: &ProcessSpec) -> Option<StartedProcess> {
        let gone_on = self.take_waiting()?.go_on(process);
        gone_on.inspect_err(|failure| tracing::debug!(reason = failure.line(), "what was prebooted waits no more")).ok()
    }

    fn kill_processes(&self) -> Result<(), SandboxError> {
        drop(self.take_waiting());
        self.give_up_seat();
        self.thaw_if_frozen()?;
        self.meter().iter().for_each(|meter| meter.set_emptying(true));
        self.order(Order::KillAll, &[])
    }

    fn signal(&self, process: ProcessId, signal: i32) -> Result<(), SandboxError> {
        self.order(Order::Signal { process: process.0, signal }, &[])
    }

    fn limit_cpu(&self, memory_mb: Option<u32>) -> Result<(), SandboxError> {
        let quota = memory_mb.map(|memory_mb| cgroups::quota_us(memory_mb, self.shared.processors));
        self.with_group(|group| group.limit_cpu(quota))
    }

    fn freeze(&self) -> Result<(), SandboxError> {
        self.set_frozen(true)
    }

    fn thaw(&self) -> Result<(), SandboxError> {
        self.set_frozen(false)
    }

    fn usage(&self) -> Result<Usage, SandboxError> {
        match self.meter().filter(|meter| meter.limits_memory()) {
            Some(meter) => Ok(meter.usage()?),
            None => self.with_group(|group| group.usage()),
        }
    }

    fn cpu_ns(&self) -> Result<u64, SandboxError> {
        let counted = self.with_group(|group| group.cpu_ns())?;
        match self.meter().filter(|_| counted == 0) {
            Some(meter) => Ok(meter.cpu_ns()?),
            None => Ok(counted),
        }
    }

    fn charged(&self) -> Option<u64> {
        self.with_group(|group| Ok(group.charged())).ok().flatten()
    }

    fn pid(&self) -> u32 {
        self.prepared.pid
    }

    fn terminate(&self) -> Result<(), SandboxError> {
        let group = self.group.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(group) = group else { return Ok(()) };
        drop(self.take_tmp());
        drop(self.take_waiting());
        drop(self.mounter.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.give_up_seat();
        drop(self.meter.lock().unwrap_or_else(PoisonError::into_inner).take());
        let frozen = self.frozen.load(Ordering::Acquire);
        take_down(&self.shared, self.number, Some(self.prepared.pidfd.as_fd()), group.as_ref(), frozen)
    }
}

impl Drop for ProcessSandbox {
    fn drop(&mut self) {
        if let Err(error) = self.terminate() {
            tracing::warn!("terminate a sandbox that was dropped: {error}");
        }
    }
}

/// The next word of a seat; `None` at its end.
fn receive(seat: &Channel) -> Result<Option<SeatNews>, SandboxError> {
    match seat.receive(NEWS_BYTES)? {
        Received::Closed | Received::Nothing => Ok(None),
        Received::Message(message) => {
            let news = SeatNews::decode(&message.frame).map_err(io::Error::other);
            Ok(Some(news.trying(|| "read the word of a seat".to_owned())?))
        }
    }
}

fn is_closed(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected)
}
