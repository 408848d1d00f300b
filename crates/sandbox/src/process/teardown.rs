//! The end of a sandbox, complete or half made.
//!
//! Killing PID 1 kills everything in its namespaces, and those and the mounts go with the last process: only the
//! control groups have to be removed by hand.

use super::Shared;
use super::cgroups::Group;
use crate::SandboxError;
use hearth_init::Trying;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long PID 1 may take to set itself up, and to end (ours: milliseconds, and a slow machine must not fail).
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What there is of a sandbox that is being made: given back if it does not come to be.
pub(super) struct Unfinished<'a> {
    pub(super) shared: &'a Shared,
    pub(super) number: u32,
    pub(super) group: Option<Box<dyn Group>>,
    pub(super) pidfd: Option<OwnedFd>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let Some(group) = self.group.take() else { return };
        let pidfd = self.pidfd.as_ref().map(AsFd::as_fd);
        if let Err(error) = take_down(self.shared, self.number, pidfd, group.as_ref(), false) {
            tracing::warn!("take down a sandbox that could not be prepared: {error}");
        }
    }
}

/// Kills PID 1, and with it everything; then removes the groups. The user ids are used again only if all went well.
pub(super) fn take_down(
    shared: &Shared,
    number: u32,
    pidfd: Option<BorrowedFd<'_>>,
    group: &dyn Group,
    frozen: bool,
) -> Result<(), SandboxError> {
    if let Some(pidfd) = pidfd {
        match pidfd_send_signal(pidfd, Signal::KILL) {
            Err(Errno::SRCH) => {}
            sent => sent.trying(|| "kill PID 1".to_owned())?,
        }
        if frozen && !group.dies_frozen() {
            group.freeze(false)?; // after the kill: nothing of the function runs again
        }
        let ended = wait_for(pidfd, PollFlags::IN, PATIENCE).trying(|| "wait for the end of PID 1".to_owned())?;
        if !ended {
            let what = "wait for the end of PID 1".to_owned();
            return Err(SandboxError::System { what, source: io::ErrorKind::TimedOut.into() });
        }
    }
    shared.network.unlink(number)?;
    group.remove()?;
    shared.numbers.give_back(number);
    Ok(())
}

/// Whether a descriptor becomes ready in time.
pub(super) fn wait_for(descriptor: BorrowedFd<'_>, wanted: PollFlags, patience: Duration) -> io::Result<bool> {
    let until = Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::from_borrowed_fd(descriptor, wanted)], Some(&timeout)) {
            Err(Errno::INTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}
