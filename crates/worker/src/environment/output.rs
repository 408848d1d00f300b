//! The pipes that the function's processes write to.

use crate::logs::{LogWriter, Source};
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::task::Poll;
use tokio::net::unix::pipe::Receiver;

const BLOCK: usize = 16 * 1024;

/// Standard output, standard error and frames of one generation of processes.
#[derive(Debug, Default)]
pub(super) struct Output {
    pipes: Vec<(Source, Receiver)>,
}

impl Output {
    /// Takes the read ends (non-blocking) of one process.
    pub(super) fn connect(&mut self, pipes: impl IntoIterator<Item = (Source, OwnedFd)>) -> io::Result<()> {
        for (source, pipe) in pipes {
            self.pipes.push((source, Receiver::from_owned_fd_unchecked(pipe)?));
        }
        Ok(())
    }

    /// Waits until something can be read; for ever when nobody writes any more.
    pub(super) async fn readable(&self) {
        // An error shows itself at the read that follows.
        poll_fn(|context| {
            // All of them: each has to know whom to wake.
            let ready = self.pipes.iter().filter(|(_, pipe)| pipe.poll_read_ready(context).is_ready()).count();
            if ready > 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Reads one block from each pipe: enough to be fair to other work.
    pub(super) fn read_some(&mut self, log: &mut LogWriter) {
        let mut buffer = [0; BLOCK];
        self.pipes.retain(|(source, pipe)| match pipe.try_read(&mut buffer) {
            Ok(length @ 1..) => {
                log.printed(*source, buffer.get(..length).unwrap_or_default());
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            // Nobody is left who could write.
            Ok(0) | Err(_) => false,
        });
    }

    /// Reads what was written up to now, and no more: somebody who writes without end does not hold us.
    pub(super) fn drain(&mut self, log: &mut LogWriter) {
        let mut buffer = [0; BLOCK];
        for (source, receiver) in &self.pipes {
            let mut left = rustix::io::ioctl_fionread(receiver).unwrap_or(0);
            while left > 0 {
                // Straight from the kernel: the receiver itself asks only once the executor has heard of new bytes.
                let Ok(length @ 1..) = rustix::io::read(receiver, &mut buffer) else { break };
                log.printed(*source, buffer.get(..length).unwrap_or_default());
                left = left.saturating_sub(length as u64);
            }
        }
    }
}
