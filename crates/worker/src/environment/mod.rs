//! One execution environment: a handle for everybody, and one task that alone touches it.

mod answers;
mod driver;
mod effects;
mod extensions;
mod launch;
mod news;
mod output;
mod record;
mod spans;
mod telemetry;

pub(crate) use extensions::{Call as ExtensionCall, Notice};
pub(crate) use launch::{chain, plan};
pub(crate) use record::{Ended, timelines};
pub(crate) use spans::Arrival;

use crate::Node;
use crate::pool::FunctionPool;
use crate::telemetry::Delivered;
use bytes::Bytes;
use hearth_api::environments::{EnvironmentStatus, Invocation, InvokeError, InvokeResponse, ResponseSink};
use hearth_api::function::FunctionVersion;
use hearth_core::concurrency::Share;
use hearth_core::environment::timeline::Timeline;
use hearth_core::environment::{Answer, Moment};
use hearth_core::ids::RequestId;
use hearth_sandbox::{Sandbox, SandboxError, StartedProcess};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// A handle, cheap to share. The task behind it ends when the environment is gone.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) id: String,
    function: Arc<FunctionVersion>,
    /// Unbounded, and bounded all the same: there are few connections, each waits for its answer before it may send
    /// again, a body is read only for the invocation that runs, and an environment takes one invocation at a time.
    mailbox: mpsc::UnboundedSender<Message>,
    created: Moment,
    snapshot: Mutex<Snapshot>,
    timeline: Mutex<Timeline>,
    sandbox: OnceLock<Arc<dyn Sandbox>>,
    retire_after_first: AtomicBool,
    /// Whether somebody waits for its end.
    awaited: AtomicBool,
}

/// What `hearth ps` shows; the task keeps it up to date.
#[derive(Clone, Copy, Debug, Default)]
struct Snapshot {
    phase: &'static str,
    /// When the last invocation ended; `None` while one runs.
    idle_since: Option<Moment>,
    invokes: u64,
    /// The invocation that the runtime may answer.
    expected: Option<RequestId>,
    /// Whether the runtime may report that Init or Restore failed.
    coming_up: bool,
    /// Whether a layer switches extensions off.
    without_extensions: bool,
}

/// What reaches the task.
#[derive(Debug)]
pub(crate) enum Message {
    /// An invocation was placed here.
    Invoke(Job),
    /// The runtime asks for its next event.
    Next { generation: u32, reply: oneshot::Sender<Result<Delivery, Verdict>> },
    /// The runtime answered.
    Respond {
        generation: u32,
        request_id: RequestId,
        answer: Answer,
        result: RuntimeResult,
        reply: oneshot::Sender<Verdict>,
    },
    /// The runtime begins an answer in pieces.
    RespondBegin { generation: u32, request_id: RequestId, reply: oneshot::Sender<Result<Begun, Verdict>> },
    /// An answer that goes to its caller in pieces is over; what is left of it is `result`.
    RespondEnd {
        generation: u32,
        request_id: RequestId,
        answer: Answer,
        result: RuntimeResult,
        reply: oneshot::Sender<Verdict>,
    },
    /// The runtime is ready to be restored; it hears when it has been.
    RestoreNext { generation: u32, reply: oneshot::Sender<Verdict> },
    /// The runtime says that it could not be made ready for events.
    Failed { generation: u32, during: During, error_type: String, payload: Bytes, reply: oneshot::Sender<Verdict> },
    /// An extension calls.
    Extension { generation: u32, call: ExtensionCall },
    /// The external extensions run, or one of them could not be started.
    ExtensionsLaunched { generation: u32, launched: extensions::Launch },
    /// The runtime process runs, or could not be started.
    Launched { generation: u32, result: Result<StartedProcess, SandboxError> },
    /// What came of an attempt to send telemetry.
    Telemetry(Delivered),
    /// End when free.
    Retire,
    /// End now.
    Stop,
    /// The sandbox has been ended.
    Terminated,
}

/// An invocation and who waits for it.
#[derive(Debug)]
pub(crate) struct Job {
    invocation: Invocation,
    reply: Option<oneshot::Sender<Reply>>,
    /// Whether START has been written: REPORT follows then.
    started: bool,
    /// The answer, while it waits for the log's tail.
    held: Option<InvokeResponse>,
}

/// What the worker hears back.
#[derive(Debug)]
pub(crate) enum Reply {
    /// It has run, or could not.
    Done(Result<InvokeResponse, InvokeError>),
    /// It has not been touched: another environment must take it.
    Elsewhere(Invocation),
}

/// An event handed to the runtime.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) invocation: Invocation,
    /// When it must be over, epoch milliseconds.
    pub(crate) deadline_ms: i64,
}

/// What the runtime posted.
#[derive(Debug)]
pub(crate) struct RuntimeResult {
    pub(crate) payload: Bytes,
    pub(crate) function_error: bool,
    /// How it came; `None` where the runtime has not answered, or with nothing that can be used.
    pub(crate) arrival: Option<Arrival>,
}

/// What becomes of an answer in pieces.
#[derive(Debug)]
pub(crate) enum Begun {
    /// The caller wants it whole.
    Whole,
    /// The caller takes it as it comes.
    Pieces(Pieces),
}

/// Where an answer in pieces goes, and how.
#[derive(Debug)]
pub(crate) struct Pieces {
    pub(crate) sink: ResponseSink,
    /// How fast after the first burst.
    pub(crate) bytes_per_s: Option<NonZeroU64>,
    /// Completes when the invocation has ended otherwise: nothing more is taken then.
    pub(crate) cut: oneshot::Receiver<()>,
}

/// What a runtime says has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum During {
    Init,
    Restore,
}

/// Whether a call of the Runtime API was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    InvalidRequestId,
    /// The state the runtime is in and the one it wanted, in RIE's names.
    InvalidTransition {
        from: &'static str,
        to: &'static str,
    },
}

impl Environment {
    /// A new environment of a function, in its pool and busy; the caller places the first invocation.
    pub(crate) fn create(
        node: &Arc<Node>,
        pool: &Arc<FunctionPool>,
        function: Arc<FunctionVersion>,
        share: Share,
    ) -> Arc<Self> {
        let (mailbox, messages) = mpsc::unbounded_channel();
        let created = node.clock.now();
        let environment = Arc::new(Self {
            id: Uuid::new_v4().simple().to_string(),
            function,
            mailbox,
            created,
            snapshot: Mutex::new(Snapshot::default()),
            timeline: Mutex::new(Timeline::new(created)),
            sandbox: OnceLock::new(),
            retire_after_first: AtomicBool::new(false),
            awaited: AtomicBool::new(false),
        });
        let late = pool.add(Arc::clone(&environment), share);
        tokio::spawn(driver::run(Arc::clone(node), Arc::clone(pool), Arc::clone(&environment), messages));
        if late {
            // Its code or configuration is history: it ends after the invocation it is made for.
            environment.retire_after_first.store(true, Ordering::Relaxed);
        }
        environment
    }

    pub(crate) fn incarnation(&self) -> Uuid {
        self.function.incarnation
    }

    /// Runs one invocation here, or gives it back untouched.
    pub(crate) async fn invoke(&self, invocation: Invocation) -> Reply {
        let (reply, answer) = oneshot::channel();
        let job = Job { invocation, reply: Some(reply), started: false, held: None };
        if let Err(mpsc::error::SendError(Message::Invoke(job))) = self.mailbox.send(Message::Invoke(job)) {
            return Reply::Elsewhere(job.invocation);
        }
        if self.retire_after_first.load(Ordering::Relaxed) {
            self.retire();
        }
        // The task answers every job before it ends; without an answer, it has panicked.
        let lost = || InvokeError::Sandbox("the environment's task has ended".to_owned());
        answer.await.unwrap_or_else(|_| Reply::Done(Err(lost())))
    }

    /// End as soon as no invocation needs it.
    pub(crate) fn retire(&self) {
        self.tell(Message::Retire);
    }

    /// End now.
    pub(crate) fn stop(&self) {
        self.tell(Message::Stop);
    }

    /// Ends it as soon as no invocation needs it, before others that end; returns when everything of it has been given back.
    pub(crate) async fn leave(&self) {
        self.awaited.store(true, Ordering::Relaxed);
        self.retire();
        self.mailbox.closed().await;
    }

    /// Whether somebody waits for its end.
    fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed)
    }

    /// Since when it has been idle, if it is; the latest moment there is if not.
    pub(crate) fn idle_since(&self) -> Moment {
        self.seen().idle_since.unwrap_or(Moment(u64::MAX))
    }

    /// A task that has ended needs to hear nothing more.
    pub(crate) fn tell(&self, message: Message) {
        self.mailbox.send(message).unwrap_or_default();
    }

    /// Whether the runtime may answer this invocation now: asked before its body is read.
    pub(crate) fn expects(&self, request_id: RequestId) -> bool {
        self.seen().expected == Some(request_id)
    }

    /// Whether the runtime may report a failure of Init or Restore now.
    pub(crate) fn is_coming_up(&self) -> bool {
        self.seen().coming_up
    }

    /// Whether extensions are switched off here.
    pub(crate) fn is_without_extensions(&self) -> bool {
        self.seen().without_extensions
    }

    /// What runs here.
    pub(crate) fn function(&self) -> &FunctionVersion {
        &self.function
    }

    fn seen(&self) -> Snapshot {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observe(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.snapshot.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// One line of `hearth ps`.
    pub(crate) fn status(&self, now: Moment) -> EnvironmentStatus {
        let snapshot = self.seen();
        let sandbox = self.sandbox.get();
        let key = &self.function.key;
        EnvironmentStatus {
            id: self.id.clone(),
            account: key.scope.account.to_string(),
            region: key.scope.region.to_string(),
            function: key.name.clone(),
            version: self.function.version.clone(),
            phase: snapshot.phase.to_owned(),
            age_ms: now.since(self.created) / 1_000,
            idle_ms: snapshot.idle_since.map(|since| now.since(since) / 1_000),
            memory_bytes: sandbox.and_then(|sandbox| sandbox.usage().ok()).map_or(0, |usage| usage.memory_bytes),
            memory_limit_mb: self.function.memory_mb,
            invokes: snapshot.invokes,
            pid: sandbox.map_or(0, |sandbox| sandbox.pid()),
        }
    }
}
