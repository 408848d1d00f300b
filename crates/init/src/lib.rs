//! PID 1 of every sandbox, as a library: the spawner's child becomes it without an exec.
//!
//! It starts with all of root's rights and fresh namespaces, gives the rights up one by one in the only order that
//! works ([`pid1`]), then forks, signals and reaps the function's processes on the worker's word. It refuses to know
//! anything about functions: no code path, no environment variable, no secret ever reaches it; those go from the
//! worker straight to a [`seat`].
#![expect(unsafe_code, reason = "fork, clone3, execve, mount_setattr and a few calls more have no safe wrapper")]

pub mod channel;
mod delivery;
pub mod filter;
pub mod mount;
pub mod netlink;
pub mod network;
pub mod pid1;
mod reaper;
mod root;
pub mod seat;
pub mod sys;

use rustix::io::Errno;
use std::io;

/// A system call that failed.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    /// What was tried, on what.
    pub what: String,
    /// The kernel's answer.
    pub source: io::Error,
}

impl Failure {
    /// The whole story in one line, for another process to print.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}: {}", self.what, self.source)
    }

    /// See [`is_shortage`].
    #[must_use]
    pub fn is_shortage(&self) -> bool {
        is_shortage(&self.source)
    }
}

/// Whether the kernel has too little of something, and may have enough of it later: descriptors, processes, namespaces,
/// users, memory, disk. (EAGAIN is what fork says at its limits.)
#[must_use]
pub fn is_shortage(error: &io::Error) -> bool {
    const SHORTAGES: [Errno; 8] = [
        Errno::AGAIN,
        Errno::DQUOT,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::NOSPC,
        Errno::USERS,
    ];
    Errno::from_io_error(error).is_some_and(|errno| SHORTAGES.contains(&errno))
}

/// Says what was tried when it fails.
pub trait Trying<T> {
    /// Adds what was tried, on what.
    ///
    /// # Errors
    ///
    /// The same failure, named.
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Trying<T> for Result<T, E> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|source| Failure { what: what(), source: source.into() })
    }
}
