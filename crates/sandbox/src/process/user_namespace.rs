//! A user namespace made ahead of the process that will live in it.
#![expect(unsafe_code, reason = "a clone whose child only waits")]

use hearth_init::sys::{self, Cloned};
use hearth_init::{Failure, Trying};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};

/// User and group ids of one sandbox.
pub(crate) const IDS_EACH: u32 = 1_024;

/// Inside, ids 0 to 1,023; outside, a range nobody else has.
///
/// It exists before PID 1 does, because PID 1's root file system is mapped with it; and it is complete, because only
/// somebody outside may write a map of more than one id. Made by a child that does nothing and lives until we hold
/// the namespace.
pub(crate) fn create(first_uid: u32) -> Result<OwnedFd, Failure> {
    make(first_uid).map(|(namespace, _)| namespace)
}

/// The same, for a process that does not ignore SIGCHLD: takes the child's status, or it would stay as a zombie.
pub(crate) fn create_and_wait(first_uid: u32) -> Result<OwnedFd, Failure> {
    let (namespace, child) = make(first_uid)?;
    waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED)
        .trying(|| "wait for the maker of a user namespace".to_owned())?;
    Ok(namespace)
}

fn make(first_uid: u32) -> Result<(OwnedFd, OwnedFd), Failure> {
    // SAFETY: the child makes one async-signal-safe call.
    match unsafe { sys::clone_process(libc::CLONE_NEWUSER, None) }? {
        Cloned::Child => sys::pause_for_ever(),
        Cloned::Parent { pid, pidfd } => {
            let map = format!("0 {first_uid} {IDS_EACH}");
            let made = fs::write(format!("/proc/{pid}/uid_map"), &map)
                .and_then(|()| fs::write(format!("/proc/{pid}/gid_map"), &map))
                .and_then(|()| File::open(format!("/proc/{pid}/ns/user")))
                .trying(|| format!("map user ids {first_uid} and up"));
            pidfd_send_signal(&pidfd, Signal::KILL).trying(|| "end the maker of a user namespace".to_owned())?;
            made.map(|namespace| (namespace.into(), pidfd))
        }
    }
}
