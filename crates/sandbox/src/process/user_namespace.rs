//! A user namespace made ahead of the process that will live in it.
#![expect(unsafe_code, reason = "a clone whose child makes a few system calls and waits")]

use super::ids::Maps;
use hearth_init::sys::{self, Cloned};
use hearth_init::{Failure, Trying};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use std::fs::{self, File};
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};

/// The one that `maps` describes.
///
/// It exists before PID 1 does, because PID 1's root file system is mapped with it; and it is complete, because only
/// somebody outside may write a map of more than one id. Made by a child that does nothing else and lives until we hold
/// the namespace.
///
/// It belongs to an id of its own where there is one, not to root: what the kernel limits by user (inotify instances,
/// pending signals, timers, message queues, locked memory) it charges to the owners of all namespaces around, too. Owned
/// by root, one function could use up what root and every neighbour have together.
pub(crate) fn create(maps: &Maps) -> Result<OwnedFd, Failure> {
    make(maps).map(|(namespace, _)| namespace)
}

/// The same, for a process that does not ignore SIGCHLD: takes the child's status, or it would stay as a zombie.
pub(crate) fn create_and_wait(maps: &Maps) -> Result<OwnedFd, Failure> {
    let (namespace, child) = make(maps)?;
    waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED)
        .trying(|| "wait for the maker of a user namespace".to_owned())?;
    Ok(namespace)
}

fn make(maps: &Maps) -> Result<(OwnedFd, OwnedFd), Failure> {
    let (mut told, tell) = io::pipe().trying(|| "make a pipe".to_owned())?;
    // SAFETY: the child makes async-signal-safe calls only.
    match unsafe { sys::clone_process(0, None) }? {
        Cloned::Child => {
            let errno = sys::own_user_namespace(maps.owner).err().and_then(|cause| cause.raw_os_error()).unwrap_or(0);
            if rustix::io::write(&tell, &errno.to_ne_bytes()).is_err() {
                sys::exit_now(1)
            }
            sys::pause_for_ever()
        }
        Cloned::Parent { pid, pidfd } => {
            drop(tell);
            let made = hear(&mut told).trying(|| format!("make a user namespace of user {}", maps.owner));
            let made = made.and_then(|()| {
                fs::write(format!("/proc/{pid}/uid_map"), &maps.uids)
                    .and_then(|()| fs::write(format!("/proc/{pid}/gid_map"), &maps.gids))
                    .and_then(|()| File::open(format!("/proc/{pid}/ns/user")))
                    .trying(|| format!("map the ids {:?}", maps.uids))
            });
            pidfd_send_signal(&pidfd, Signal::KILL).trying(|| "end the maker of a user namespace".to_owned())?;
            made.map(|namespace| (namespace.into(), pidfd))
        }
    }
}

/// What became of the child: the errno it says, or its end.
fn hear(told: &mut PipeReader) -> io::Result<()> {
    let mut errno = [0; 4];
    told.read_exact(&mut errno)?;
    match i32::from_ne_bytes(errno) {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}
