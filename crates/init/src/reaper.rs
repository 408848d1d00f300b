//! What PID 1 does once the sandbox stands: orders in, children reaped, news out.
//!
//! It reports only the ends of seats, of which there are as many as the worker asked for: a function that makes
//! orphans by the thousand cannot fill the control socket, nor keep an order from being read.

use crate::channel::{Channel, Message, Received};
use crate::pid1::Confinement;
use crate::{Failure, Trying, delivery, seat, sys};
use hearth_api::guest::{End, News, Order};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::io;

/// Largest order, bytes.
const ORDER_BYTES: usize = 256;
/// Children reaped before orders are looked at again.
const REAPED_AT_ONCE: usize = 256;

/// PID 1's working state.
pub(crate) struct Reaper<'a> {
    control: &'a Channel,
    confinement: Confinement<'a>,
    /// SIGCHLD as a descriptor.
    children: OwnedFd,
    /// Processes started as seats that have not been reaped.
    seats: BTreeSet<i32>,
    /// Everybody was killed, and somebody may still be there.
    emptying: bool,
}

/// Whether there may be more ended children than were reaped.
#[derive(PartialEq)]
enum Reaped {
    All,
    Some,
}

impl<'a> Reaper<'a> {
    pub(crate) fn new(control: &'a Channel, confinement: Confinement<'a>) -> Result<Self, Failure> {
        let children = sys::signal_descriptor(libc::SIGCHLD)?;
        Ok(Self { control, confinement, children, seats: BTreeSet::new(), emptying: false })
    }

    /// Works until the worker is gone. (getppid() could not tell: the spawner is outside of our pid namespace.)
    pub(crate) fn serve(mut self) -> Result<(), Failure> {
        let mut reaped = Reaped::All;
        loop {
            // While emptying, an order for a new process has to wait; its end must not.
            let wanted = if self.emptying { PollFlags::empty() } else { PollFlags::IN };
            let mut watched = [PollFd::new(self.control, wanted), PollFd::new(&self.children, PollFlags::IN)];
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let timeout = (reaped == Reaped::Some).then_some(&at_once);
            match poll(&mut watched, timeout) {
                Ok(_) | Err(Errno::INTR) => {}
                failed => drop(failed.trying(|| "wait for orders and children".to_owned())?),
            }
            let [control, _] = watched;
            let control = control.revents();
            reaped = self.reap()?;
            if control.contains(PollFlags::HUP) && !control.contains(PollFlags::IN) {
                return Ok(());
            }
            if control.contains(PollFlags::IN) && !self.emptying {
                match self.control.receive_now(ORDER_BYTES)? {
                    Received::Message(message) => {
                        self.carry_out(&message)?;
                        if self.emptying {
                            // Without waiting: perhaps nobody is left who would make himself heard.
                            reaped = Reaped::Some;
                        }
                    }
                    Received::Nothing => {}
                    Received::Closed => return Ok(()),
                }
            }
        }
    }

    fn carry_out(&mut self, message: &Message) -> Result<(), Failure> {
        match Order::decode(&message.frame).map_err(io::Error::other).trying(|| "read an order".to_owned())? {
            Order::Seat { born_inside } => {
                // Seats answer on their own channel, also when they cannot be made.
                if let Some(pid) = seat::take(&message.descriptors, born_inside, self.confinement) {
                    self.seats.insert(pid);
                }
            }
            Order::Signal { process, signal } if self.seats.contains(&process) => delivery::to_group(process, signal),
            Order::Signal { .. } => {} // gone: its pid may be somebody else's by now
            Order::KillAll => {
                sys::signal_everyone(libc::SIGKILL);
                self.emptying = true;
            }
            Order::Kill { process } => sys::signal_process(process, libc::SIGKILL),
            Order::Freeze => sys::signal_everyone(libc::SIGSTOP),
            Order::Thaw => sys::signal_everyone(libc::SIGCONT),
        }
        Ok(())
    }

    fn reap(&mut self) -> Result<Reaped, Failure> {
        let mut ignored = [0; 128];
        // Only to make it quiet: one signal may stand for many children, so they are all asked for anyway.
        match rustix::io::read(self.children.as_fd(), &mut ignored) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            failed => drop(failed.trying(|| "read the signal of a child".to_owned())?),
        }
        for _ in 0..REAPED_AT_ONCE {
            match sys::reap() {
                Ok(None) => return Ok(Reaped::All),
                Ok(Some((process, status))) if self.seats.remove(&process) => {
                    self.control.send(&News::Exited { process, end: end(status) }.encode(), &[])?;
                }
                Ok(Some(_)) => {}
                Err(cause) if cause.raw_os_error() == Some(libc::ECHILD) => {
                    // Orphans become our children before their parent can be waited for: no child, nobody left.
                    if std::mem::take(&mut self.emptying) {
                        self.control.send(&News::Empty.encode(), &[])?;
                    }
                    return Ok(Reaped::All);
                }
                Err(cause) => return Err(cause).trying(|| "reap a child".to_owned()),
            }
        }
        Ok(Reaped::Some)
    }
}

fn end(status: i32) -> End {
    if libc::WIFSIGNALED(status) { End::Signal(libc::WTERMSIG(status)) } else { End::Code(libc::WEXITSTATUS(status)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_status_is_an_exit_code_or_a_signal() {
        assert_eq!(end(3 << 8), End::Code(3));
        assert_eq!(end(libc::SIGKILL), End::Signal(libc::SIGKILL));
        assert_eq!(end(libc::SIGSEGV | 0x80), End::Signal(libc::SIGSEGV)); // dumped core
    }
}
