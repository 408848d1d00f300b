//! The wish to stop, as a person (Ctrl-C), an init system (SIGTERM) or a closing terminal (SIGHUP) sends it.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from its making on: nothing that comes later is lost, also before [`Stop::asked`] is awaited.
#[derive(Debug)]
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Stop {
    /// Takes the three signals over from the system's default of killing the process.
    ///
    /// # Errors
    ///
    /// As the system answers.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    ///
    /// # Cancel safety
    ///
    /// Safe: a signal that was not yet answered is answered next time.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
