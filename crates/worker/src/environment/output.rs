//! The pipes that the function's processes write to.

use crate::logs::{LogWriter, Source};
use std::io;
use std::os::fd::OwnedFd;
use tokio::net::unix::pipe::Receiver;

const BLOCK: usize = 16 * 1024;

/// Standard output and standard error of one generation of processes.
#[derive(Debug, Default)]
pub(super) struct Output {
    stdout: Option<Receiver>,
    stderr: Option<Receiver>,
}

impl Output {
    /// Takes the read ends (non-blocking).
    pub(super) fn new(stdout: OwnedFd, stderr: OwnedFd) -> io::Result<Self> {
        let (stdout, stderr) = (Receiver::from_owned_fd_unchecked(stdout)?, Receiver::from_owned_fd_unchecked(stderr)?);
        Ok(Self { stdout: Some(stdout), stderr: Some(stderr) })
    }

    /// Waits until something can be read; for ever when nobody writes any more.
    pub(super) async fn readable(&self) {
        tokio::select! {
            () = ready(self.stdout.as_ref()) => {}
            () = ready(self.stderr.as_ref()) => {}
        }
    }

    /// Reads one block from each pipe: enough to be fair to other work.
    pub(super) fn read_some(&mut self, log: &mut LogWriter) {
        for (pipe, source) in [(&mut self.stdout, Source::Stdout), (&mut self.stderr, Source::Stderr)] {
            read_block(pipe, source, log);
        }
    }

    /// Reads what was written up to now, and no more: somebody who writes without end does not hold us.
    pub(super) fn drain(&mut self, log: &mut LogWriter) {
        let mut buffer = [0; BLOCK];
        for (pipe, source) in [(&self.stdout, Source::Stdout), (&self.stderr, Source::Stderr)] {
            let Some(receiver) = pipe else { continue };
            let mut left = rustix::io::ioctl_fionread(receiver).unwrap_or(0);
            while left > 0 {
                // Straight from the kernel: the receiver itself asks only once the executor has heard of new bytes.
                let Ok(length @ 1..) = rustix::io::read(receiver, &mut buffer) else { break };
                log.printed(source, buffer.get(..length).unwrap_or_default());
                left = left.saturating_sub(length as u64);
            }
        }
    }
}

fn read_block(pipe: &mut Option<Receiver>, source: Source, log: &mut LogWriter) {
    let Some(receiver) = pipe.as_ref() else { return };
    let mut buffer = [0; BLOCK];
    match receiver.try_read(&mut buffer) {
        Ok(length @ 1..) => log.printed(source, buffer.get(..length).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        // Nobody is left who could write.
        Ok(0) | Err(_) => *pipe = None,
    }
}

async fn ready(pipe: Option<&Receiver>) {
    match pipe {
        // An error shows itself at the read that follows.
        Some(pipe) => pipe.readable().await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}
