//! A sandbox in the making: namespaces, PID 1, its sockets and its `/tmp`, before anybody drives it.

use super::Shared;
use super::cgroups::Entry;
use super::news::NEWS_BYTES;
use super::room;
use super::spawner::{Order, Prepared};
use super::teardown::{PATIENCE, Unfinished, wait_for};
use crate::{SandboxError, Sockets};
use hearth_api::guest::News;
use hearth_core::limits::EPHEMERAL_STORAGE_MB;
use hearth_init::Trying;
use hearth_init::channel::{Channel, Received};
use hearth_init::mount::Tree;
use rustix::event::PollFlags;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A blank sandbox that nobody listens to yet. Dropped, it is taken down.
pub(super) struct Blank<'a> {
    pub(super) unfinished: Unfinished<'a>,
    pub(super) prepared: Prepared,
    pub(super) control: Channel,
    pub(super) sockets: Sockets,
    /// `/tmp` of the usual size.
    pub(super) tmp: Tree,
}

impl<'a> Blank<'a> {
    pub(super) fn make(shared: &'a Shared, root: &Path) -> Result<Self, SandboxError> {
        room::in_memory()?;
        let tree = root.to_str().ok_or(SandboxError::Misused("the path of a runtime tree must be UTF-8"))?;
        let number = shared.numbers.take().ok_or_else(|| {
            SandboxError::NoRoom(format!("there are {} already, as many as there can be", shared.numbers.most()))
        })?;
        let owner = shared.numbers.root(number);
        let group = match shared.layout.group(number, owner) {
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
        let order = Order {
            tree,
            devices: &devices,
            resolver: &resolver,
            exposed: shared.network.exposed(),
            link: shared.network.link(number)?,
            maps: shared.numbers.maps(number),
            watched: shared.watchdog.is_some(),
            birth: &birth,
            control: theirs,
        };
        let prepared = shared.spawners.prepare(&order)?;
        drop(order); // the only other end is now PID 1's
        unfinished.pidfd = Some(prepared.pidfd.try_clone().trying(|| "keep the pidfd of PID 1".to_owned())?);
        let tmp = shared.tmp.make(EPHEMERAL_STORAGE_MB.2, owner)?;
        let sockets = wait_until_ready(&control, shared.network.exposed())?;
        Ok(Self { unfinished, prepared, control, sockets, tmp })
    }
}

/// Makes a sandbox and takes it down again: what this host refuses is known before the first function needs one.
pub(super) fn try_one(shared: &Shared) -> Result<(), SandboxError> {
    match Blank::make(shared, &shared.files.trial) {
        Err(SandboxError::Gone(who)) => {
            let reason =
                format!("{who} was gone at once: kernels 6.18 and 7.2 kill at birth where cgroup.kill was used");
            Err(SandboxError::Refused { order: "prepare", reason })
        }
        made => made.map(drop),
    }
}

fn wait_until_ready(control: &Channel, exposed: &[u16]) -> Result<Sockets, SandboxError> {
    let what = || "wait for PID 1".to_owned();
    if !wait_for(control.as_fd(), PollFlags::IN, PATIENCE).trying(what)? {
        return Err(SandboxError::System { what: what(), source: io::ErrorKind::TimedOut.into() });
    }
    let Received::Message(message) = control.receive(NEWS_BYTES)? else { return Err(SandboxError::Gone("PID 1")) };
    match News::decode(&message.frame) {
        Ok(News::Ready) => sockets(message.descriptors, exposed)
            .ok_or(SandboxError::Refused { order: "prepare", reason: "too few sockets".to_owned() }),
        Ok(News::Failed { reason, shortage: true }) => Err(SandboxError::NoRoom(reason)),
        Ok(News::Failed { reason, shortage: false }) => Err(SandboxError::Refused { order: "prepare", reason }),
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
