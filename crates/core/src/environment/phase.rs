//! Where an environment stands. A phase holds only the data that is valid in it.

use super::{Answer, InvocationReport, Moment};
use crate::ids::RequestId;

/// An invocation as the lifecycle sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its id.
    pub request_id: RequestId,
    /// The function timeout, milliseconds.
    pub timeout_ms: u64,
}

/// Where the environment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The sandbox exists, no process runs: before the first Init, or after a Reset.
    Cold,
    /// The runtime starts and loads the function.
    Init {
        /// When it must be ready.
        deadline: Moment,
        /// When it was launched.
        started: Moment,
        /// Whether it has reported a failure of Init.
        reported: bool,
        /// The invocation that waits for it.
        waiting: Option<Call>,
    },
    /// Frozen, waiting for work.
    Idle,
    /// One invocation in flight.
    Invoke {
        /// Which.
        call: Call,
        /// When it must be over.
        deadline: Moment,
        /// When it began.
        started: Moment,
        /// How far it is.
        stage: Stage,
    },
    /// Processes are being killed after a failure; the sandbox is kept.
    Reset {
        /// When they must be gone.
        deadline: Moment,
        /// The report of the invocation that failed, to be written when all its output is there.
        report: Option<InvocationReport>,
        /// The invocation that comes next, with Init inside it.
        next: Option<Call>,
    },
    /// The sandbox is being ended.
    Shutdown {
        /// The report still to be written.
        report: Option<InvocationReport>,
    },
    /// Terminal.
    Gone,
}

/// How far an invocation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The runtime starts inside the invocation (suppressed init).
    Init {
        /// Whether it has reported a failure of Init, which has answered the caller.
        reported: bool,
    },
    /// The runtime has the event.
    Running,
    /// The runtime is sending an answer that goes to the caller as it comes.
    Responding,
    /// The runtime has answered and has not asked for the next event yet.
    Answered {
        /// What with.
        answer: Answer,
    },
}

impl Phase {
    /// When this phase must end; `None` for phases that may last for ever.
    #[must_use]
    pub const fn deadline(self) -> Option<Moment> {
        match self {
            Self::Init { deadline, .. } | Self::Invoke { deadline, .. } | Self::Reset { deadline, .. } => {
                Some(deadline)
            }
            Self::Cold | Self::Idle | Self::Shutdown { .. } | Self::Gone => None,
        }
    }

    /// The invocation that has begun, if any.
    #[must_use]
    pub const fn invocation(self) -> Option<RequestId> {
        match self {
            Self::Invoke { call, .. } => Some(call.request_id),
            Self::Cold | Self::Init { .. } | Self::Idle | Self::Reset { .. } | Self::Shutdown { .. } | Self::Gone => {
                None
            }
        }
    }

    /// The phase's name, as `hearth ps` and `docs/lifecycle.md` print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cold => "Cold",
            Self::Init { .. } => "Init",
            Self::Idle => "Idle",
            Self::Invoke { .. } => "Invoke",
            Self::Reset { .. } => "Reset",
            Self::Shutdown { .. } => "Shutdown",
            Self::Gone => "Gone",
        }
    }
}
