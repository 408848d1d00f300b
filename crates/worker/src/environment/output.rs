//! The pipes that the function's processes write to.

use crate::logs::{LogWriter, Source};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::unix::pipe::Receiver;

const BLOCK: usize = 16 * 1024;
/// What is read of one pipe before others are served: what a pipe holds that nobody has enlarged.
const AT_ONCE_BYTES: u64 = 64 * 1024;

/// Standard output, standard error and frames of one generation of processes.
#[derive(Debug, Default)]
pub(super) struct Output {
    pipes: Vec<(Source, Receiver)>,
    /// Whether all that was there has been read in this turn of the environment's task.
    looked: bool,
}

impl Output {
    /// Takes the read ends (non-blocking) of one process. Of what is there at the same time, the first pipe's goes first.
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

    /// Reads what is there, and forgets pipes that nobody is left to write to.
    pub(super) fn read_some(&mut self, log: &mut LogWriter) {
        let mut after = false;
        let found = self.look(|pipe| {
            // Of the receiver, who asks only once the executor has heard of new bytes: that way it learns when there are none.
            let mut buffer = [MaybeUninit::uninit(); BLOCK];
            let mut block = ReadBuf::uninit(&mut buffer);
            let read = Pin::new(&mut *pipe).poll_read(&mut Context::from_waker(Waker::noop()), &mut block);
            // It may not have heard yet of what was printed before something that it has.
            let left = if after || block.remaining() == 0 { length(pipe).min(AT_ONCE_BYTES) } else { 0 };
            let block = block.filled().to_vec();
            after |= !block.is_empty();
            let has_ended = match read {
                Poll::Ready(read) => read.is_err() || block.is_empty(),
                Poll::Pending => false,
            };
            Found { block, left, has_ended }
        });
        self.print(&found, log);
        let mut found = found.iter();
        self.pipes.retain(|_| found.next().is_none_or(|found| !found.has_ended));
    }

    /// A new turn: what is there may be new.
    pub(super) fn forget_look(&mut self) {
        self.looked = false;
    }

    /// Reads what was written up to now, and no more: somebody who writes without end does not hold us. Once in each turn: the
    /// end of an invocation asks for it three times, and what is printed between two of them comes after it.
    pub(super) fn drain(&mut self, log: &mut LogWriter) {
        if std::mem::replace(&mut self.looked, true) || self.is_empty() {
            return;
        }
        let found = self.look(|pipe| Found { block: Vec::new(), left: length(pipe), has_ended: false });
        self.print(&found, log);
    }

    /// Whether there is nothing to read, asked of all pipes with one call.
    fn is_empty(&self) -> bool {
        let mut pipes: Vec<_> = self.pipes.iter().map(|(_, pipe)| PollFd::new(pipe, PollFlags::IN)).collect();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let asked = poll(&mut pipes, Some(&now));
        asked.is_ok() && !pipes.iter().any(|pipe| pipe.revents().contains(PollFlags::IN))
    }

    /// What there is, in the order of the pipes. Looked at backwards: what was printed before a frame was written is seen
    /// with it.
    fn look(&mut self, mut look: impl FnMut(&mut Receiver) -> Found) -> Vec<Found> {
        let mut found: Vec<_> = self.pipes.iter_mut().rev().map(|(_, pipe)| look(pipe)).collect();
        found.reverse();
        found
    }

    fn print(&self, found: &[Found], log: &mut LogWriter) {
        let mut buffer = [MaybeUninit::uninit(); BLOCK];
        for ((source, pipe), Found { block, left, .. }) in self.pipes.iter().zip(found) {
            log.printed(*source, block);
            let mut left = usize::try_from(*left).unwrap_or(usize::MAX);
            while left > 0 {
                // Straight from the kernel.
                let Some(block) = buffer.get_mut(..left.min(BLOCK)) else { break };
                let Ok((read @ &mut [_, ..], _)) = rustix::io::read(pipe, block) else { break };
                log.printed(*source, read);
                left = left.saturating_sub(read.len());
            }
        }
    }
}

/// What is in a pipe.
struct Found {
    /// Read already.
    block: Vec<u8>,
    /// Still in it, bytes.
    left: u64,
    /// Nobody is left who could write.
    has_ended: bool,
}

fn length(pipe: &Receiver) -> u64 {
    rustix::io::ioctl_fionread(pipe).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::tests::writer;
    use rustix::pipe::{PipeFlags, pipe_with};
    use std::fs::File;
    use std::io::Write as _;

    fn pipe() -> (OwnedFd, File) {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        rustix::io::ioctl_fionbio(&read, true).unwrap();
        (read, File::from(write))
    }

    #[tokio::test]
    async fn what_is_printed_before_a_frame_stays_before_it() {
        let ((stdout, mut print), (frames, mut frame)) = (pipe(), pipe());
        let mut output = Output::default();
        output.connect([(Source::Stdout, stdout), (Source::Frames, frames)]).unwrap();
        let writing = std::thread::spawn(move || {
            for number in 0..5_000 {
                writeln!(print, "print {number}").unwrap();
                writeln!(frame, "frame {number}").unwrap();
            }
        });
        let (memory, mut log) = writer();
        while !output.pipes.is_empty() {
            output.readable().await;
            output.read_some(&mut log);
        }
        writing.join().unwrap();
        log.flush();
        let lines = memory.0.lock().unwrap();
        assert_eq!(lines.len(), 10_000);
        let mut printed = 0;
        for line in &*lines {
            match line.trim_end().split_once(' ').unwrap() {
                ("print", number) => {
                    assert_eq!(number, printed.to_string());
                    printed += 1;
                }
                (_, number) => assert!(number.parse::<u32>().unwrap() < printed, "{line} came too early"),
            }
        }
    }
}
