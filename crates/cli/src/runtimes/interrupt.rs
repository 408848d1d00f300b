//! Ctrl-C and SIGTERM while a runtime is made: the running tool is killed, and the caller returns through its guards
//! so that nothing half-made stays. Refuses to know what is being made.

use anyhow::Context as _;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::signal::unix::{SignalKind, signal};

/// Watches the signals from its making until it is dropped. Afterwards they are swallowed until somebody listens again:
/// the executor never gives a signal back to the system.
#[derive(Debug)]
pub(super) struct Interrupt {
    state: Arc<Mutex<State>>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    interrupted: bool,
    running: Option<Child>,
}

/// The user, or the system, wants this to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; nothing half-made is left")]
pub(super) struct Interrupted;

impl Interrupt {
    /// Starts to watch.
    pub(super) fn watch() -> anyhow::Result<Self> {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let executor = executor.context("start to watch for signals")?;
        let (mut interrupt, mut terminate) = {
            let _inside = executor.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let state = Arc::<Mutex<State>>::default();
        let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
        let watched = Arc::clone(&state);
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            executor.block_on(async {
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                        _ = &mut stopped => return,
                    }
                    lock(&watched).interrupt();
                }
            });
        })?;
        Ok(Self { state, _stop: stop })
    }

    /// Fails once a signal came.
    ///
    /// # Errors
    ///
    /// [`Interrupted`]
    pub(super) fn check(&self) -> Result<(), Interrupted> {
        if lock(&self.state).interrupted { Err(Interrupted) } else { Ok(()) }
    }

    /// Makes `child` the one that a signal kills. There is one at a time.
    pub(super) fn guard(&self, child: Child) {
        let mut state = lock(&self.state);
        state.running = Some(child);
        // The signal may have come between the start of the child and now.
        if state.interrupted {
            state.interrupt();
        }
    }

    /// Takes the child back, to be waited for.
    pub(super) fn release(&self) -> Option<Child> {
        lock(&self.state).running.take()
    }
}

impl State {
    fn interrupt(&mut self) {
        self.interrupted = true;
        if let Some(child) = &mut self.running {
            // Fails only when it has ended already.
            child.kill().ok();
        }
    }
}

/// A panic elsewhere leaves nothing inconsistent in here.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
