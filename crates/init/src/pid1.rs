//! PID 1: from a copy of the spawner with all of the service's rights to the keeper of one sandbox.
//!
//! The order of the steps is not a matter of taste: mounts, pivot and id maps need the service's rights and come before the
//! user namespace; the death signal is cleared by a change of credentials and is asked for again; the filter comes
//! last and needs `no_new_privs`. Moving one of them was tried, and fails.

use crate::channel::Channel;
use crate::filter::Filters;
use crate::reaper::Reaper;
use crate::root::Files;
use crate::{Failure, Trying, network, root, sys};
use hearth_api::guest::News;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::thread::{CapabilitySet, set_no_new_privs};
use std::path::Path;

/// User of the function's processes, inside (documented by AWS as `sbx_user1051`; number observed).
pub const FUNCTION_UID: u32 = 993;
/// Group of the function's processes, inside (observed).
pub const FUNCTION_GID: u32 = 990;

/// Who is who inside; follows from how many ids the service has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// PID 1 is root, the function's processes are another user, whom no neighbour shares.
    TwoUsers,
    /// PID 1 and the function's processes are the same user, the only one there is: outside, who started the service.
    OneUser,
}

impl Identity {
    /// PID 1 becomes who it is inside, with the rights it still needs there: to become the function's user in a child,
    /// and to signal it.
    fn take_on(self) -> Result<(), Failure> {
        match self {
            Self::TwoUsers => {
                sys::become_user(0, 0)?; // until now our uid is the service's 0, which may not exist in here
                let needed = CapabilitySet::KILL | CapabilitySet::SETGID | CapabilitySet::SETUID;
                sys::keep_only_capabilities(needed)
            }
            // Nobody else to become, and signals pass between equals.
            Self::OneUser => sys::keep_only_capabilities(CapabilitySet::empty()),
        }
    }

    /// A child of PID 1 becomes the function's.
    pub(crate) fn become_function(self) -> Result<(), Failure> {
        match self {
            // From 0 to another uid: the kernel drops every capability.
            Self::TwoUsers => sys::become_user(FUNCTION_UID, FUNCTION_GID),
            // It is that user, and PID 1 had no capability to inherit.
            Self::OneUser => Ok(()),
        }
    }
}

/// What confines PID 1 and the function's processes.
#[derive(Clone, Copy, Debug)]
pub struct Confinement<'a> {
    /// Whom the maps of the user namespace know.
    pub identity: Identity,
    /// None where the kernel has no seccomp.
    pub filters: Option<&'a Filters>,
    /// Whether memory is watched and freezing is SIGSTOP, because control groups do not do it.
    pub watched: bool,
}

/// All PID 1 knows.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The runtime tree that becomes `/`.
    pub tree: &'a Path,
    /// The directory of device nodes that becomes `/dev`.
    pub devices: &'a Path,
    /// The file that becomes `/etc/resolv.conf` in trees that have one.
    pub resolver: &'a Path,
    /// What the network is to be.
    pub network: network::Plan,
    /// The user namespace of the sandbox, complete with its maps.
    pub user_namespace: OwnedFd,
    /// To the worker.
    pub control: Channel,
    /// What confines it.
    pub confinement: Confinement<'a>,
}

/// Becomes PID 1 of a sandbox; called in the child of the clone, first thing.
pub fn run(plan: Plan<'_>) -> ! {
    let Plan { tree, devices, resolver, network, user_namespace, control, confinement } = plan;
    let files = Files { tree, devices, resolver };
    let ended = enter(&files, network, &user_namespace, &control, confinement).and_then(|()| {
        drop(user_namespace);
        Reaper::new(&control, confinement)?.serve()
    });
    match ended {
        Ok(()) => sys::exit_now(0),
        Err(failure) => {
            let news = News::Failed { reason: failure.line(), shortage: failure.is_shortage() };
            // Nobody is left to tell if this fails too: the worker then sees the end of the channel.
            drop(control.send(&news.encode(), &[]));
            sys::exit_now(1)
        }
    }
}

fn enter(
    files: &Files<'_>,
    network: network::Plan,
    user_namespace: &OwnedFd,
    control: &Channel,
    confinement: Confinement<'_>,
) -> Result<(), Failure> {
    // Still root of where the service is, in namespaces of our own.
    sys::die_with_parent()?;
    // Inherited from the spawner, "ignored" would make our children vanish before we see how they ended.
    sys::default_action(libc::SIGCHLD);
    let mut kept = network.descriptors();
    kept.extend([control.as_raw_fd(), user_namespace.as_raw_fd()]);
    sys::close_all_but(&kept)?;
    // The operator's session, and its share of the processor, are not ours to change.
    rustix::process::setsid().trying(|| "start a session".to_owned())?;
    if confinement.watched {
        volunteer_for_the_oom_killer();
    }
    let sockets = network.carry_out()?; // takes the hold on the host's network along
    root::forget_host_name()?;
    let limits = root::build(files, user_namespace.as_fd())?;
    // The user namespace: no way back. From here on no mount and no right of the host.
    sys::enter_namespace(user_namespace.as_fd(), libc::CLONE_NEWUSER)?;
    limits.iter().for_each(root::limit_user_namespace);
    drop(limits); // it leads past what covers these files
    confinement.identity.take_on()?;
    sys::hide_from_equals()?; // most changes of credentials have done it, not all
    set_no_new_privs(true).trying(|| "set no_new_privs".to_owned())?;
    sys::die_with_parent()?; // becoming another user cleared it
    if let Some(filters) = confinement.filters {
        filters.everyone.install().trying(|| "install the system-call filter".to_owned())?;
    }
    let sockets: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
    control.send(&News::Ready.encode(), &sockets)
}

/// Should the host run out of memory after all, what is in a sandbox goes first. A function that takes this back is where
/// it was before. Here, because the file is not that of the function's user.
fn volunteer_for_the_oom_killer() {
    drop(std::fs::write("/proc/self/oom_score_adj", "1000"));
}
