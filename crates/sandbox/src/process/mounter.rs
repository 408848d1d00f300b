//! A thread of the worker in the mount namespace of one sandbox, and in nothing else of it: it attaches there what was made
//! outside. PID 1 has long lost the right to mount.

use super::threads::in_namespace;
use crate::SandboxError;
use hearth_init::{Failure, Trying};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;

/// What it needs: some calls, no data of its own (ours).
const STACK_BYTES: usize = 256 * 1024;

type Work = Box<dyn FnOnce() -> Result<(), Failure> + Send>;

/// The thread; dropped, it ends. It keeps the namespace, and so all that is mounted there, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Mounter {
    works: Sender<Work>,
    done: Receiver<Result<(), Failure>>,
}

impl Mounter {
    /// Enters the namespace of this process.
    pub(crate) fn enter(pidfd: OwnedFd) -> Result<Self, SandboxError> {
        let (works, ordered) = channel::<Work>();
        let (tell, done) = sync_channel(1);
        let serve = move || {
            let entered = in_namespace(pidfd);
            let mut go_on = entered.is_ok();
            // Nobody who hears it any more: there is no work either.
            drop(tell.send(entered));
            while let Some(work) = go_on.then(|| ordered.recv().ok()).flatten() {
                go_on = tell.send(work()).is_ok();
            }
        };
        thread::Builder::new()
            .name("hearth-mounter".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(serve)
            .trying(|| "start the thread hearth-mounter".to_owned())?;
        let mounter = Self { works, done };
        mounter.wait()?;
        Ok(mounter)
    }

    /// Does this there, and says how it went.
    pub(crate) fn run(&self, work: impl FnOnce() -> Result<(), Failure> + Send + 'static) -> Result<(), SandboxError> {
        self.works.send(Box::new(work)).map_err(|_| SandboxError::Gone("a thread of the worker"))?;
        self.wait()
    }

    fn wait(&self) -> Result<(), SandboxError> {
        Ok(self.done.recv().map_err(|_| SandboxError::Gone("a thread of the worker"))??)
    }
}
