//! The pipes that the function's processes write to.

use crate::logs::{LogWriter, Source};
use std::io;
use std::os::fd::OwnedFd;
use tokio::net::unix::pipe::Receiver;

const BLOCK: usize = 64 * 1024;
/// A pipe holds 64 KB, 1 MB at most (`pipe-max-size`): what was written before a moment fits in this, and somebody who
/// writes without end does not hold us.
const DRAIN_MAX: usize = (1 << 20) + BLOCK;

/// Standard output and standard error of one generation of processes.
#[derive(Debug, Default)]
pub(super) struct Output {
    stdout: Option<Receiver>,
    stderr: Option<Receiver>,
    buffer: Vec<u8>,
}

impl Output {
    /// Takes the read ends (non-blocking).
    pub(super) fn new(stdout: OwnedFd, stderr: OwnedFd) -> io::Result<Self> {
        let (stdout, stderr) = (Receiver::from_owned_fd_unchecked(stdout)?, Receiver::from_owned_fd_unchecked(stderr)?);
        Ok(Self { stdout: Some(stdout), stderr: Some(stderr), buffer: vec![0; BLOCK] })
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
            read_block(pipe, &mut self.buffer, source, log);
        }
    }

    /// Reads what was written up to now.
    pub(super) fn drain(&mut self, log: &mut LogWriter) {
        for (pipe, source) in [(&mut self.stdout, Source::Stdout), (&mut self.stderr, Source::Stderr)] {
            let mut left = DRAIN_MAX;
            while let (Some(receiver), 1..) = (pipe.as_ref(), left) {
                // Straight from the kernel: the receiver itself asks only once the executor has heard of new bytes.
                let Ok(length @ 1..) = rustix::io::read(receiver, &mut *self.buffer) else { break };
                log.printed(source, self.buffer.get(..length).unwrap_or_default());
                left = left.saturating_sub(length);
            }
        }
    }
}

fn read_block(pipe: &mut Option<Receiver>, buffer: &mut [u8], source: Source, log: &mut LogWriter) {
    let Some(receiver) = pipe.as_ref() else { return };
    match receiver.try_read(buffer) {
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
