//! Work of the worker's own that has to be done inside of a sandbox's namespaces: by a thread that ends at once.

use crate::SandboxError;
use hearth_init::{Failure, Trying, sys};
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;

/// Runs something that leaves its thread in a state nobody else may inherit.
pub(crate) fn on_its_own_thread<T: Send>(
    name: &str,
    work: impl FnOnce() -> Result<T, Failure> + Send,
) -> Result<T, SandboxError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn_scoped(scope, work)
            .trying(|| format!("start the thread {name}"))?;
        match thread.join() {
            Ok(done) => done.map_err(SandboxError::from),
            Err(_) => Err(SandboxError::Gone("a thread of the worker")),
        }
    })
}

/// Puts the calling thread, for good, into the mount namespace of this process, and into nothing else of it.
pub(crate) fn in_namespace(pidfd: OwnedFd) -> Result<(), Failure> {
    sys::unshare(libc::CLONE_FS)?;
    sys::enter_namespace(pidfd.as_fd(), libc::CLONE_NEWNS)
}

/// A TCP socket in the network of this process: it belongs there for ever, wherever it is used.
pub(crate) fn socket_inside(pidfd: BorrowedFd<'_>) -> Result<OwnedFd, SandboxError> {
    on_its_own_thread("hearth-dialer", || {
        sys::enter_namespace(pidfd, libc::CLONE_NEWNET)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socket_with(AddressFamily::INET, SocketType::STREAM, flags, Some(ipproto::TCP))
            .trying(|| "make a socket in a sandbox".to_owned())
    })
}
