//! The worker's side of the spawners: small processes that fork PID 1 of each sandbox, because a program with threads
//! cannot.

mod child;
mod protocol;

pub(crate) use child::seccomp_is_there;
pub use child::{is_spawner, spawner_main};

use super::cgroups::{Entry, Layout};
use super::ids::Maps;
use super::network::LinkOrder;
use crate::SandboxError;
use hearth_init::channel::{Channel, Received};
use hearth_init::{Failure, Trying};
use protocol::{Reply, Request};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

/// What a spawner is told about one sandbox.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    /// The runtime tree that becomes `/`.
    pub(crate) tree: &'a str,
    /// The directory of device nodes.
    pub(crate) devices: &'a str,
    /// The file that becomes `/etc/resolv.conf`.
    pub(crate) resolver: &'a str,
    /// Ports to listen on inside.
    pub(crate) exposed: &'a [u16],
    /// The way out.
    pub(crate) link: Option<LinkOrder>,
    /// Its user namespace.
    pub(crate) maps: Maps,
    /// Whether control groups leave something to a watchdog.
    pub(crate) watched: bool,
    /// Where PID 1 is born.
    pub(crate) birth: &'a Entry,
    /// PID 1's end of its channel to the worker.
    pub(crate) control: Channel,
}

/// A sandbox as the spawner hands it over.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// PID 1, as the host sees it.
    pub(crate) pid: u32,
    pub(crate) pidfd: OwnedFd,
    pub(crate) user_namespace: OwnedFd,
}

/// All spawners: one per core, because making a network namespace sometimes takes milliseconds.
#[derive(Debug)]
pub(crate) struct Spawners {
    layout: Arc<dyn Layout>,
    /// The cgroup namespace of all sandboxes.
    namespace: File,
    list: Vec<Mutex<Option<Spawner>>>,
    next: AtomicUsize,
}

/// One spawner; dropped, it ends.
#[derive(Debug)]
struct Spawner {
    /// `None` while it is being ended.
    channel: Option<Channel>,
    pid: u32,
    keeper: Option<JoinHandle<()>>,
}

impl Spawners {
    /// Starts them. The first one makes the cgroup namespace that all sandboxes live in.
    pub(crate) fn start(layout: Arc<dyn Layout>, count: usize) -> Result<Self, SandboxError> {
        let first = Spawner::start()?;
        layout.adopt(first.pid)?;
        first.ask(&Request::Settle { joins: false }, &[])?;
        let path = format!("/proc/{}/ns/cgroup", first.pid);
        let namespace = File::open(&path).trying(|| format!("open {path}"))?;
        layout.settle(first.pid)?;
        let mut spawners = Self { layout, namespace, list: vec![Mutex::new(Some(first))], next: AtomicUsize::new(0) };
        for _ in 1..count {
            let further = spawners.further()?;
            spawners.list.push(Mutex::new(Some(further)));
        }
        Ok(spawners)
    }

    fn further(&self) -> Result<Spawner, SandboxError> {
        let spawner = Spawner::start()?;
        self.layout.settle(spawner.pid)?;
        spawner.ask(&Request::Settle { joins: true }, &[self.namespace.as_fd()])?;
        Ok(spawner)
    }

    /// Makes one sandbox. A spawner that has died is replaced.
    pub(crate) fn prepare(&self, order: &Order<'_>) -> Result<Prepared, SandboxError> {
        let mut place = self.idle()?;
        let request = Request::Prepare {
            tree: order.tree.to_owned(),
            devices: order.devices.to_owned(),
            resolver: order.resolver.to_owned(),
            maps: order.maps.clone(),
            watched: order.watched,
            exposed: order.exposed.to_vec(),
            link: order.link.clone(),
        };
        let mut descriptors = vec![order.control.as_fd()];
        if let Entry::Birth(cgroup) = order.birth {
            descriptors.push(cgroup.as_fd());
        }
        let spawner = match place.take() {
            Some(spawner) => spawner,
            None => self.further()?,
        };
        let spawner = match spawner.ask(&request, &descriptors) {
            Err(SandboxError::Gone(_)) => {
                drop(spawner);
                tracing::warn!("a spawner was killed: starting another");
                let spawner = self.further()?;
                let prepared = spawner.ask(&request, &descriptors).and_then(prepared);
                *place = Some(spawner);
                return prepared;
            }
            answer => {
                *place = Some(spawner);
                answer
            }
        };
        spawner.and_then(prepared)
    }

    /// Ends all of them, and with them every sandbox there still is.
    pub(crate) fn stop(&self) {
        for place in &self.list {
            drop(place.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    /// One that has nothing to do, or else the one whose turn it is.
    fn idle(&self) -> Result<MutexGuard<'_, Option<Spawner>>, SandboxError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(free) = (0..self.list.len()).find_map(|step| self.place(turn + step)?.try_lock().ok()) {
            return Ok(free);
        }
        let place = self.place(turn).ok_or(SandboxError::Gone("the spawner"))?;
        Ok(place.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn place(&self, turn: usize) -> Option<&Mutex<Option<Spawner>>> {
        self.list.get(turn.checked_rem(self.list.len())?)
    }
}

fn prepared((reply, descriptors): (Reply, Vec<OwnedFd>)) -> Result<Prepared, SandboxError> {
    match (reply, <[OwnedFd; 2]>::try_from(descriptors)) {
        (Reply::Prepared { pid }, Ok([pidfd, user_namespace])) => Ok(Prepared { pid, pidfd, user_namespace }),
        (reply, _) => Err(SandboxError::Refused { order: "prepare", reason: format!("{reply:?}") }),
    }
}

impl Spawner {
    fn start() -> Result<Self, SandboxError> {
        let (channel, theirs) = Channel::pair()?;
        let (tell, told) = mpsc::sync_channel(1);
        // The kernel kills a spawner when the *thread* that started it ends, and threads of an executor come and go:
        // this one lives as long as the spawner.
        let keep = move || {
            let started = Command::new("/proc/self/exe")
                .arg0(child::NAME)
                .env_clear() // it may hold secrets of the operator, and PID 1 starts as a copy of it
                .stdin(Stdio::from(theirs.into_socket()))
                .stdout(Stdio::null())
                .spawn();
            match started {
                Ok(mut process) => {
                    // If nobody listens any more, the end of the channel ends it.
                    drop(tell.send(Ok(process.id())));
                    if let Err(cause) = process.wait() {
                        tracing::warn!("wait for the spawner: {cause}");
                    }
                }
                Err(cause) => drop(tell.send(Err(cause))),
            }
        };
        let keeper = thread::Builder::new()
            .name("hearth-keeper".to_owned())
            .spawn(keep)
            .trying(|| "start the thread of a spawner".to_owned())?;
        let pid = told.recv().map_err(|_| SandboxError::Gone("the spawner's thread"))?;
        let pid = pid.trying(|| "re-execute this program as a spawner".to_owned())?;
        Ok(Self { channel: Some(channel), pid, keeper: Some(keeper) })
    }

    fn ask(&self, request: &Request, descriptors: &[BorrowedFd<'_>]) -> Result<(Reply, Vec<OwnedFd>), SandboxError> {
        let gone = SandboxError::Gone("the spawner");
        let Some(channel) = &self.channel else { return Err(gone) };
        match channel.send(&request.encode(), descriptors) {
            Err(failure) if failure.source.kind() == io::ErrorKind::BrokenPipe => return Err(gone),
            sent => sent?,
        }
        let Received::Message(message) = channel.receive(protocol::FRAME_BYTES)? else { return Err(gone) };
        let reply = Reply::decode(&message.frame).map_err(io::Error::other);
        match reply.trying(|| "read the answer of the spawner".to_owned())? {
            Reply::Failed { reason, shortage: true } => Err(SandboxError::NoRoom(reason)),
            Reply::Failed { reason, shortage: false } => Err(SandboxError::Refused { order: request.name(), reason }),
            reply => Ok((reply, message.descriptors)),
        }
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        drop(self.channel.take()); // it sees the end and ends
        if let Some(keeper) = self.keeper.take() {
            // It cannot have panicked: nothing in it does.
            drop(keeper.join());
        }
    }
}

impl From<Failure> for SandboxError {
    fn from(failure: Failure) -> Self {
        Self::System { what: failure.what, source: failure.source }
    }
}
