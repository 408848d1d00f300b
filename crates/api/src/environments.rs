//! The one place where the front door and a worker meet: called directly in one process, over h2 between nodes later.

use crate::function::{FunctionKey, FunctionVersion};
use crate::timeline::{EnvironmentTimeline, Wanted};
use bytes::Bytes;
use hearth_core::concurrency::Limit;
use hearth_core::environment::NotRestored;
use hearth_core::ids::RequestId;
use hearth_core::limits::STREAM_PIECES;
use serde::Serialize;
use std::fmt::Debug;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;
use uuid::Uuid;

/// A future that can be stored.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What runs functions: one node's worker, or later a set of them.
pub trait Environments: Send + Sync + Debug {
    /// Runs one invocation in an execution environment of its own and answers when the runtime has. What the runtime
    /// streams goes to [`Invocation::stream`] meanwhile, all of it before the future completes.
    ///
    /// # Errors
    ///
    /// [`InvokeError`] when no environment could run it. A function that fails is not an error here: see
    /// [`InvokeResponse::function_error`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the invocation, as a caller that hangs up does not on AWS.
    fn invoke(
        &self,
        function: Arc<FunctionVersion>,
        invocation: Invocation,
    ) -> BoxFuture<'static, Result<InvokeResponse, InvokeError>>;

    /// Ends the environments of these incarnations of a function, each after the invocation it runs. An incarnation that
    /// was retired does not come back: what is still on its way to it gets an environment for that one invocation.
    fn retire(&self, key: &FunctionKey, incarnations: &[Uuid]);

    /// Sets how many executions a function has for itself; `None`: it shares those of its account. What runs goes on.
    /// To be told at each start for each function that has a reservation.
    fn reserve(&self, key: &FunctionKey, reserved: Option<u32>);

    /// A function may be invoked soon for the first time: what it will need may be got ready.
    fn expect(&self, function: Arc<FunctionVersion>);

    /// The version of a runtime that functions run on here: the 64 hex digits that end its `RuntimeVersionArn`.
    ///
    /// # Errors
    ///
    /// One line for the person who called: what is missing and the command that adds it.
    fn runtime_version(&self, runtime: &str) -> Result<String, String>;

    /// Every environment there is now.
    fn list(&self) -> Vec<EnvironmentStatus>;

    /// The sandboxes that wait for cold starts.
    fn blanks(&self) -> BlanksStatus;

    /// What those of the environments that are wanted have done: the latest of those that there are and of
    /// those that have ended, by the time they were made.
    fn timelines(&self, wanted: &Wanted) -> Vec<EnvironmentTimeline>;
}

/// The front door as functions meet it. A worker is given one, so that functions can invoke functions.
pub trait FunctionDoor: Send + Sync + Debug {
    /// Serves Lambda's API on a listener inside an environment of this function, in the name of the function. Never
    /// completes by itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the listener and every connection; invocations that run go on.
    fn serve_function(self: Arc<Self>, listener: TcpListener, function: Arc<FunctionVersion>)
    -> BoxFuture<'static, ()>;
}

/// One event to handle.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its id, also the caller's `x-amzn-RequestId`.
    pub request_id: RequestId,
    /// The event, passed on untouched.
    pub payload: Bytes,
    /// The ARN with exactly the qualifier that the caller used (none if none).
    pub invoked_function_arn: String,
    /// Decoded `X-Amz-Client-Context`, JSON text.
    pub client_context: Option<String>,
    /// `X-Amzn-Trace-Id` of the caller.
    pub trace_id: Option<String>,
    /// Whether the answer must carry the end of the log (`LogType=Tail`): it then waits for REPORT.
    pub log_tail: bool,
    /// Where a streamed answer goes as it comes; `None`: the caller wants it whole. Whoever does not read from it holds up
    /// the runtime; whoever drops the other end holds up nothing.
    pub stream: Option<ResponseSink>,
}

/// Takes a streamed answer in pieces.
#[derive(Clone, Debug)]
pub struct ResponseSink {
    /// The pieces, in their order.
    pub pieces: mpsc::Sender<Bytes>,
    /// `Content-Type` of the runtime's answer: set before the first piece, if the runtime says one.
    pub content_type: Arc<OnceLock<String>>,
}

impl ResponseSink {
    /// A sink with room for [`STREAM_PIECES`], and its other end.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Bytes>) {
        let (pieces, receiver) = mpsc::channel(STREAM_PIECES);
        (Self { pieces, content_type: Arc::default() }, receiver)
    }
}

/// How an invocation ended.
#[derive(Clone, Debug)]
pub struct InvokeResponse {
    /// The runtime's answer, untouched, or the error payload. What went to [`Invocation::stream`] is not repeated here.
    pub payload: Bytes,
    /// Whether `X-Amz-Function-Error: Unhandled` is set.
    pub function_error: bool,
    /// The last 4 KB of this invocation's log, when they were asked for.
    pub log_tail: Option<Bytes>,
    /// The version that ran.
    pub executed_version: String,
}

/// Why an invocation could not run at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The runtime's tree is not on this machine (any more); the text says which command adds it.
    #[error("runtime is not available: {0}")]
    RuntimeMissing(String),
    /// A limit of concurrent executions is met. Nothing has run.
    #[error("no further execution is allowed: {0:?} concurrency")]
    Throttled(Limit),
    /// The environment could not be restored (SnapStart). The handler has not run.
    #[error("the environment could not be restored: {0:?}")]
    NotRestored(NotRestored),
    /// No further environment fits: AWS's throttle, not a failure.
    #[error("no further execution environment fits on this machine: {0}")]
    Capacity(String),
    /// The service is stopping.
    #[error("the service is shutting down")]
    Draining,
    /// The sandbox could not be made; logged with its cause.
    #[error("cannot make an execution environment: {0}")]
    Sandbox(String),
}

/// One line of `hearth ps`.
#[derive(Clone, Debug, Serialize)]
pub struct EnvironmentStatus {
    /// The environment's own id (32 hex digits, as in its log stream's name).
    pub id: String,
    /// Account, region and name.
    pub account: String,
    /// See `account`.
    pub region: String,
    /// The function's name.
    pub function: String,
    /// The version.
    pub version: String,
    /// `Init`, `Idle` (frozen), `Invoke`, `Reset`, `Shutdown`, …
    pub phase: String,
    /// Milliseconds since it was made.
    pub age_ms: u64,
    /// Milliseconds since the last invocation ended; `None` while one runs.
    pub idle_ms: Option<u64>,
    /// Memory in use now, bytes (anonymous and shared).
    pub memory_bytes: u64,
    /// Memory limit, MB.
    pub memory_limit_mb: u32,
    /// Invocations so far.
    pub invokes: u64,
    /// The sandbox's first process as the host sees it.
    pub pid: u32,
}

/// The sandboxes that wait for cold starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BlanksStatus {
    /// Memory they may take together, MB; 0: none are kept.
    pub budget_mb: u64,
    /// By kind.
    pub kinds: Vec<BlankStatus>,
    /// `/tmp`s for sandboxes that do not wait.
    pub tmps: TmpsStatus,
}

/// Images of `/tmp` that were made ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TmpsStatus {
    /// How many there are now.
    pub ready: usize,
    /// How many there are to be.
    pub wanted: usize,
}

/// Those of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlankStatus {
    /// The runtime they are for.
    pub runtime: String,
    /// Whether it has started in them.
    pub prebooted: bool,
    /// How many there are now.
    pub ready: usize,
    /// How many there are to be.
    pub wanted: usize,
}
