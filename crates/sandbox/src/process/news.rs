//! What PID 1 reports, passed on as events.
//!
//! Two things are put right on the way: ends of seats that never became a process are dropped, and nothing is ever
//! sent after [`SandboxEvent::Gone`].
#![expect(unsafe_code, reason = "tokio's registration of a foreign descriptor")]

use crate::{ExitStatus, ProcessId, SandboxError, SandboxEvent};
use hearth_api::guest::{End, News};
use hearth_init::Trying;
use hearth_init::channel::{Channel, Received};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

/// Largest news, bytes.
pub(crate) const NEWS_BYTES: usize = 4_096;

/// Where events go, and which seats are processes.
#[derive(Debug)]
pub(crate) struct Events {
    sender: UnboundedSender<SandboxEvent>,
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    /// Started, not ended.
    running: BTreeSet<i32>,
    /// Never became a process, not ended.
    failed: BTreeSet<i32>,
    /// Ended before it was known which of the two they are.
    early: BTreeMap<i32, ExitStatus>,
    gone: bool,
}

impl Events {
    pub(crate) fn new(sender: UnboundedSender<SandboxEvent>) -> Self {
        Self { sender, seats: Mutex::default() }
    }

    /// A seat has become a process. Its end, if it has come already, is sent now.
    pub(crate) fn started(&self, process: i32) {
        let mut seats = self.seats();
        match seats.early.remove(&process) {
            Some(status) => self.send(&seats, exited(process, status)),
            None => drop(seats.running.insert(process)),
        }
    }

    /// A seat will not become a process.
    pub(crate) fn failed(&self, process: i32) {
        let mut seats = self.seats();
        if seats.early.remove(&process).is_none() {
            seats.failed.insert(process);
        }
    }

    fn ended(&self, process: i32, status: ExitStatus) {
        let mut seats = self.seats();
        if seats.running.remove(&process) {
            self.send(&seats, exited(process, status));
        } else if !seats.failed.remove(&process) {
            seats.early.insert(process, status);
        }
    }

    fn empty(&self) {
        self.send(&self.seats(), SandboxEvent::Empty);
    }

    fn gone(&self) {
        let mut seats = self.seats();
        self.send(&seats, SandboxEvent::Gone);
        seats.gone = true;
    }

    fn send(&self, seats: &MutexGuard<'_, Seats>, event: SandboxEvent) {
        if !seats.gone {
            // Whoever listened may have lost interest.
            self.sender.send(event).ok();
        }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn exited(process: i32, status: ExitStatus) -> SandboxEvent {
    SandboxEvent::Exited { process: ProcessId(process), status }
}

/// Reads the control channel until PID 1 is gone, as a task of the executor.
pub(crate) fn forward(executor: &Handle, control: Arc<Channel>, events: Arc<Events>) -> Result<(), SandboxError> {
    let _inside = executor.enter();
    // SAFETY: the channel owns its socket, gives it to nobody, and the `Arc` lives in the `AsyncFd`.
    let control = unsafe { AsyncFd::register_with_interest(control, Interest::READABLE) }
        .trying(|| "watch the control channel".to_owned())?;
    executor.spawn(async move {
        while let Ok(mut ready) = control.readable().await {
            match control.get_ref().receive_now(NEWS_BYTES) {
                Ok(Received::Nothing) => ready.clear_ready(),
                Ok(Received::Message(message)) => tell(&events, &message.frame),
                Ok(Received::Closed) => break,
                Err(failure) => {
                    tracing::warn!("listen to PID 1: {}", failure.line());
                    break;
                }
            }
        }
        events.gone();
    });
    Ok(())
}

fn tell(events: &Events, frame: &[u8]) {
    match News::decode(frame) {
        Ok(News::Exited { process, end: End::Code(code) }) => events.ended(process, ExitStatus::Code(code)),
        Ok(News::Exited { process, end: End::Signal(signal) }) => events.ended(process, ExitStatus::Signal(signal)),
        Ok(News::Empty) => events.empty(),
        Ok(News::Failed { reason, .. }) => tracing::warn!("PID 1 ends: {reason}"),
        Ok(News::Ready) => {} // said once, before this
        Err(cause) => tracing::warn!("news from PID 1: {cause}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    fn all(receiver: &mut UnboundedReceiver<SandboxEvent>) -> Vec<SandboxEvent> {
        std::iter::from_fn(|| receiver.try_recv().ok()).collect()
    }

    #[test]
    fn an_end_that_comes_before_the_start_is_known_waits_for_it() {
        let (sender, mut receiver) = unbounded_channel();
        let events = Events::new(sender);
        events.ended(2, ExitStatus::Code(0));
        assert_eq!(all(&mut receiver), []);
        events.started(2);
        assert_eq!(all(&mut receiver), [exited(2, ExitStatus::Code(0))]);
    }

    #[test]
    fn ends_of_seats_that_failed_are_nobodys_business() {
        let (sender, mut receiver) = unbounded_channel();
        let events = Events::new(sender);
        events.failed(2);
        events.ended(2, ExitStatus::Code(127));
        events.ended(3, ExitStatus::Code(127));
        events.failed(3);
        assert_eq!(all(&mut receiver), []);
        events.started(2); // the number again, another process
        events.ended(2, ExitStatus::Signal(9));
        assert_eq!(all(&mut receiver), [exited(2, ExitStatus::Signal(9))]);
    }

    #[test]
    fn nothing_follows_gone() {
        let (sender, mut receiver) = unbounded_channel();
        let events = Events::new(sender);
        events.started(2);
        events.gone();
        events.ended(2, ExitStatus::Code(0));
        events.empty();
        assert_eq!(all(&mut receiver), [SandboxEvent::Gone]);
    }
}
