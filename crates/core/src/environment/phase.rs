//! Where an environment stands. A phase holds only the data that is valid in it.

use super::{Answer, InvocationReport};
use crate::ids::RequestId;

/// A point in time: microseconds on the worker's monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// So many milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Microseconds since `earlier`; 0 if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

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
        /// How far it is.
        step: Step,
        /// The invocation that waits for it.
        waiting: Option<Call>,
    },
    /// The runtime runs its hooks after what stands for a restored snapshot (SnapStart).
    Restore {
        /// When it must have asked for its first event.
        deadline: Moment,
        /// When it was told.
        started: Moment,
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
    /// Runtime and extensions have been told that it is over, and may end by themselves.
    Stopping {
        /// When it is over for those whose turn it is.
        deadline: Moment,
        /// When it is over for all.
        over: Moment,
        /// Whose turn it is.
        turn: Turn,
        /// What comes then.
        ending: Ending,
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
    /// Init, inside the invocation (suppressed init).
    Init {
        /// How far it is. A failure that the runtime reported has answered the caller.
        step: Step,
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
    /// The runtime has asked for the next event; extensions still work on this one.
    Extensions {
        /// What the runtime answered with.
        answer: Answer,
    },
}

impl Stage {
    /// Whether the caller has an answer.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        match self {
            Self::Init { step: Step::Reported } | Self::Answered { .. } | Self::Extensions { .. } => true,
            Self::Init { step: Step::Registering | Step::Loading | Step::Waiting(_) }
            | Self::Running
            | Self::Responding => false,
        }
    }
}

/// How far Init is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The external extensions start; the runtime does once all of them have registered.
    Registering,
    /// The runtime starts and loads the function.
    Loading,
    /// The runtime has reported that it failed, and will exit.
    Reported,
    /// The runtime has loaded the function; some extension has not asked for an event.
    Waiting(Asked),
}

/// What a runtime that has loaded the function has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Its first event.
    Next,
    /// To be restored (SnapStart): it has hooks to run.
    Restore,
}

/// Why processes are told that it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The environment is not needed any more.
    Spindown,
    /// A phase took too long.
    Timeout,
    /// Runtime or extension failed.
    Failure,
}

impl Reason {
    /// As the SHUTDOWN event names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spindown => "spindown",
            Self::Timeout => "timeout",
            Self::Failure => "failure",
        }
    }
}

/// Whose turn to end it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nobody's yet: who has just been thawed runs on to where it waits. The freezer may have stopped it between its last look
    /// for signals and that wait, and a signal that comes there is noticed only after it.
    Thawed,
    /// The runtime's, asked by a signal.
    Runtime,
    /// That of the external extensions that have registered for it, told by an event.
    Extensions,
}

/// How an environment, or one generation of its processes, ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Why.
    pub reason: Reason,
    /// The report still to be written.
    pub report: Option<InvocationReport>,
    /// The invocation that comes next, with Init inside it.
    pub next: Option<Call>,
    /// What comes then.
    pub then: Then,
}

/// What follows when processes have had their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The sandbox is kept.
    Reset,
    /// It is not.
    Shutdown,
}

impl Phase {
    /// When this phase must end; `None` for phases that may last for ever.
    #[must_use]
    pub const fn deadline(self) -> Option<Moment> {
        match self {
            Self::Init { deadline, .. }
            | Self::Restore { deadline, .. }
            | Self::Invoke { deadline, .. }
            | Self::Stopping { deadline, .. }
            | Self::Reset { deadline, .. } => Some(deadline),
            Self::Cold | Self::Idle | Self::Shutdown { .. } | Self::Gone => None,
        }
    }

    /// The invocation that has begun, if any.
    #[must_use]
    pub const fn invocation(self) -> Option<RequestId> {
        match self {
            Self::Invoke { call, .. } => Some(call.request_id),
            Self::Cold
            | Self::Init { .. }
            | Self::Restore { .. }
            | Self::Idle
            | Self::Stopping { .. }
            | Self::Reset { .. }
            | Self::Shutdown { .. }
            | Self::Gone => None,
        }
    }

    /// The phase's name, as `hearth ps` and `docs/lifecycle.md` print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cold => "Cold",
            Self::Init { .. } => "Init",
            Self::Restore { .. } => "Restore",
            Self::Idle => "Idle",
            Self::Invoke { .. } => "Invoke",
            Self::Stopping { .. } => "Stopping",
            Self::Reset { .. } => "Reset",
            Self::Shutdown { .. } => "Shutdown",
            Self::Gone => "Gone",
        }
    }
}
