//! One sandbox as the worker drives it.

use super::Shared;
use super::assignment::{self, Target};
use super::cgroups::{self, Entry, Group};
use super::news::{self, Events, NEWS_BYTES};
use super::spawner::{Order as Prepare, Prepared};
use super::teardown::{PATIENCE, Unfinished, take_down, wait_readable};
use crate::{Assignment, ProcessId, ProcessSpec, Sandbox, SandboxError, SandboxEvent, Sockets, StartedProcess, Usage};
use hearth_api::guest::{FRAME_BYTES, News, Order, Program, SeatNews};
use hearth_core::limits::{EPHEMERAL_STORAGE_MB, PROCESSES};
use hearth_init::channel::{Channel, Received};
use hearth_init::mount::Tree;
use hearth_init::pid1::{FUNCTION_GID, FUNCTION_UID};
use hearth_init::{Failure, Trying};
use rustix::pipe::{PipeFlags, pipe_with};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::fchown;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

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
    frozen: AtomicBool,
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
        let tree = root.to_str().ok_or(SandboxError::Misused("the path of a runtime tree must be UTF-8"))?;
        let number = shared.numbers.take().ok_or(SandboxError::Misused("there are no user ids left for a sandbox"))?;
        let first_uid = shared.numbers.first_uid(number);
        let group = match shared.layout.group(number, first_uid) {
            Ok(group) => group,
            Err(failure) => {
                shared.numbers.give_back(number);
                return Err(failure.into());
            }
        };
        let mut unfinished = Unfinished { shared, number, group: Some(group), pidfd: None };
        let birth = unfinished.group.as_ref().map_or(Ok(Entry::Nowhere), |group| group.birth())?;
        let (control, theirs) = Channel::pair()?;
        let utf8 = |path: &'_ Path| path.to_str().map(str::to_owned);
        let not_utf8 = SandboxError::Misused("the data path must be UTF-8");
        let (Some(devices), Some(resolver)) = (utf8(&shared.files.devices), utf8(&shared.files.resolver)) else {
            return Err(not_utf8);
        };
        let order = Prepare {
            tree,
            devices: &devices,
            resolver: &resolver,
            exposed: shared.network.exposed(),
            link: shared.network.link(number)?,
            first_uid,
            birth: &birth,
            control: theirs,
        };
        let prepared = shared.spawners.prepare(&order)?;
        drop(order); // the only other end is now PID 1's
        unfinished.pidfd = Some(prepared.pidfd.try_clone().trying(|| "keep the pidfd of PID 1".to_owned())?);
        let tmp = shared.tmp.make(number, EPHEMERAL_STORAGE_MB.2, first_uid)?;
        let sockets = wait_until_ready(&control, shared.network.exposed())?;
        let (control, events) = (Arc::new(control), Arc::new(Events::new(events)));
        news::forward(&executor, Arc::clone(&control), Arc::clone(&events))?;
        let group = RwLock::new(unfinished.group.take());
        let (assigned, frozen) = (AtomicBool::new(false), AtomicBool::new(false));
        let (shared, sockets, tmp) = (Arc::clone(shared), Mutex::new(Some(sockets)), Mutex::new(Some(tmp)));
        Ok(Self { shared, number, prepared, control, events, sockets, tmp, assigned, frozen, group })
    }

    /// Uses the groups, unless the sandbox is terminated.
    fn with_group<T>(&self, work: impl FnOnce(&dyn Group) -> Result<T, Failure>) -> Result<T, SandboxError> {
        let group = self.group.read().unwrap_or_else(PoisonError::into_inner);
        work(group.as_deref().ok_or(SandboxError::Gone("the sandbox"))?).map_err(SandboxError::from)
    }

    fn owner(&self) -> u32 {
        self.shared.numbers.first_uid(self.number)
    }

    fn take_tmp(&self) -> Option<Tree> {
        self.tmp.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set_frozen(&self, frozen: bool) -> Result<(), SandboxError> {
        self.with_group(|group| group.freeze(frozen))?;
        self.frozen.store(frozen, Ordering::Release);
        Ok(())
    }

    /// Who is frozen neither joins nor dies nor answers.
    fn thaw_if_frozen(&self) -> Result<(), SandboxError> {
        if self.frozen.load(Ordering::Acquire) { self.set_frozen(false) } else { Ok(()) }
    }

    fn order(&self, order: Order, descriptors: &[BorrowedFd<'_>]) -> Result<(), SandboxError> {
        match self.control.send_now(&order.encode(), descriptors) {
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

    /// Standard output or error of a process: both ends, the write end for inside.
    fn pipe(&self) -> Result<(OwnedFd, OwnedFd), Failure> {
        let what = || "make a pipe for output".to_owned();
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).trying(what)?;
        rustix::io::ioctl_fionbio(&read, true).trying(what)?;
        // Owned by the function's user, or it could not open /dev/stdout.
        let (user, group) = (self.owner() + FUNCTION_UID, self.owner() + FUNCTION_GID);
        fchown(&write, Some(user), Some(group)).trying(what)?;
        Ok((read, write))
    }

    fn execute(&self, seat: &Channel, frame: &[u8], process: &ProcessSpec) -> Result<(OwnedFd, OwnedFd), SandboxError> {
        let ((stdout, out), (stderr, err)) = (self.pipe()?, self.pipe()?);
        match seat.send(frame, &[out.as_fd(), err.as_fd()]) {
            Err(failure) if is_closed(&failure.source) => {} // killed meanwhile: its end is an event
            sent => sent?,
        }
        drop((out, err));
        match receive(seat)? {
            None => Ok((stdout, stderr)),
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

    fn assign(&self, assignment: &Assignment) -> Result<(), SandboxError> {
        self.with_group(|group| group.limit(assignment.memory_mb, PROCESSES))?;
        if self.assigned.swap(true, Ordering::AcqRel) {
            return Err(SandboxError::Misused("a sandbox can be assigned once"));
        }
        let target =
            Target { pidfd: self.prepared.pidfd.as_fd(), user_namespace: self.prepared.user_namespace.as_fd() };
        let tmp = match self.take_tmp() {
            Some(tmp) if assignment.ephemeral_storage_mb == EPHEMERAL_STORAGE_MB.2 => tmp,
            usual => {
                drop(usual); // its device is free for this one
                self.shared.tmp.make(self.number, assignment.ephemeral_storage_mb, self.owner())?
            }
        };
        assignment::mount(&self.shared.files, assignment, tmp, &target)
    }

    fn start(&self, process: &ProcessSpec) -> Result<StartedProcess, SandboxError> {
        let environment = process.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let program =
            Program { candidates: process.programs.clone(), arguments: process.arguments.clone(), environment };
        let frame = program.encode();
        if frame.len() > FRAME_BYTES {
            let what = format!("pass {} bytes of arguments and environment", frame.len());
            return Err(SandboxError::System { what, source: io::Error::from_raw_os_error(libc::E2BIG) });
        }
        let (seat, pid) = self.take_seat()?;
        match self.execute(&seat, &frame, process) {
            Ok((stdout, stderr)) => {
                self.events.started(pid);
                Ok(StartedProcess { process: ProcessId(pid), stdout, stderr })
            }
            Err(error) => {
                self.events.failed(pid);
                Err(error)
            }
        }
    }

    fn kill_processes(&self) -> Result<(), SandboxError> {
        self.thaw_if_frozen()?;
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
        self.with_group(|group| group.usage())
    }

    fn pid(&self) -> u32 {
        self.prepared.pid
    }

    fn terminate(&self) -> Result<(), SandboxError> {
        let group = self.group.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(group) = group else { return Ok(()) };
        drop(self.take_tmp());
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

fn wait_until_ready(control: &Channel, exposed: &[u16]) -> Result<Sockets, SandboxError> {
    let what = || "wait for PID 1".to_owned();
    if !wait_readable(control.as_fd(), PATIENCE).trying(what)? {
        return Err(SandboxError::System { what: what(), source: io::ErrorKind::TimedOut.into() });
    }
    let Received::Message(message) = control.receive(NEWS_BYTES)? else { return Err(SandboxError::Gone("PID 1")) };
    match News::decode(&message.frame) {
        Ok(News::Ready) => sockets(message.descriptors, exposed)
            .ok_or(SandboxError::Refused { order: "prepare", reason: "too few sockets".to_owned() }),
        Ok(News::Failed { reason }) => Err(SandboxError::Refused { order: "prepare", reason }),
        other => Err(SandboxError::Refused { order: "prepare", reason: format!("{other:?}") }),
    }
}

/// In the order in which PID 1 sends them.
fn sockets(descriptors: Vec<OwnedFd>, exposed: &[u16]) -> Option<Sockets> {
    let mut descriptors = descriptors.into_iter();
    Some(Sockets {
        runtime_api: descriptors.next()?.into(),
        dns: descriptors.next()?.into(),
        dns_over_tcp: descriptors.next()?.into(),
        lambda_api: descriptors.next()?.into(),
        exposed: exposed.iter().copied().zip(descriptors.map(TcpListener::from)).collect(),
    })
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
