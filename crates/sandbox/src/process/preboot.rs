//! A process that waits in a blank sandbox for what it is to become.
//!
//! Its outputs are there from its start; the word of what it is comes over a socket of the launcher's own, so that nobody
//! else in the sandbox sees it. It has never seen anything of a function's, and waits for one only.

use super::teardown::wait_for;
use crate::{ProcessSpec, SandboxError, StartedProcess};
use hearth_init::{Failure, Trying};
use rustix::event::PollFlags;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How long a process may take to get ready (ours: an interpreter takes a fiftieth of that on a busy machine).
const PATIENCE: Duration = Duration::from_secs(10);

/// Both ends of the socket of a launcher, the second for inside.
pub(crate) fn socket() -> Result<(OwnedFd, OwnedFd), Failure> {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .trying(|| "make the socket of a launcher".to_owned())
}

/// It waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    socket: File,
    started: StartedProcess,
}

impl Waiting {
    /// Once its launcher says so.
    pub(crate) fn until_ready(socket: OwnedFd, started: StartedProcess) -> Result<Self, SandboxError> {
        let what = || "wait for a launcher".to_owned();
        if !wait_for(socket.as_fd(), PollFlags::IN, PATIENCE).trying(what)? {
            return Err(SandboxError::System { what: what(), source: io::ErrorKind::TimedOut.into() });
        }
        let mut socket = File::from(socket);
        match socket.read(&mut [0]).trying(what)? {
            0 => Err(SandboxError::Gone("what was to wait")),
            _ => Ok(Self { socket, started }),
        }
    }

    /// Tells it what it is from now on.
    pub(crate) fn go_on(self, process: &ProcessSpec) -> Result<StartedProcess, Failure> {
        let what = || "tell what was prebooted what it is".to_owned();
        let word = serde_json::json!({ "arguments": process.arguments, "environment": process.environment });
        let mut socket = &self.socket;
        socket.write_all(word.to_string().as_bytes()).trying(what)?;
        shutdown(&self.socket, Shutdown::Write).trying(what)?;
        Ok(self.started)
    }
}
