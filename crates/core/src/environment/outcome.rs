//! How things ended: what callers get, and what the log says of it.

use super::{Answer, InitPhase, InitType};
use crate::error::ErrorType;
use crate::ids::RequestId;

/// How an invocation ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The runtime answered.
    Answered,
    /// The runtime reported that Init failed: its words are the answer.
    InitError,
    /// Something ended the environment first.
    Failed(ErrorType),
    /// The environment could not be restored, or not initialised for it in time (SnapStart): no function has run.
    NotRestored(NotRestored),
}

/// Why an environment could not be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRestored {
    /// It took too long.
    Timeout,
    /// A hook failed, or the runtime or an extension ended.
    Error,
}

/// What goes into END and REPORT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvocationReport {
    /// Which invocation.
    pub request_id: RequestId,
    /// From START to the runtime's next request, microseconds; the function timeout at most.
    pub duration_us: u64,
    /// What came before it, on a cold start.
    pub cold_start: Option<ColdStart>,
    /// How it ended.
    pub status: Status,
}

/// The phase before the first invocation of an environment, and how long it took, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColdStart {
    /// Init.
    Init(u64),
    /// Restore (SnapStart): the Init before it was nobody's.
    Restore(u64),
}

impl ColdStart {
    /// Init Duration, where it is one.
    #[must_use]
    pub const fn init_us(self) -> Option<u64> {
        match self {
            Self::Init(us) => Some(us),
            Self::Restore(_) => None,
        }
    }

    /// Restore Duration, where it is one.
    #[must_use]
    pub const fn restore_us(self) -> Option<u64> {
        match self {
            Self::Init(_) => None,
            Self::Restore(us) => Some(us),
        }
    }
}

/// What is said when the runtime has asked for its next event, or will never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeDone {
    /// Which invocation it is done with.
    pub request_id: RequestId,
    /// How that ended.
    pub status: Status,
}

/// What is said of an Init.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitReport {
    /// How the environment comes up.
    pub init_type: InitType,
    /// Where Init ran.
    pub phase: InitPhase,
    /// How long, microseconds.
    pub duration_us: u64,
    /// How it ended.
    pub status: Status,
}

/// What is said of a Restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// How long, microseconds: from the word to the runtime until it asked for an event.
    pub duration_us: u64,
    /// How it ended.
    pub status: Status,
}

impl RestoreReport {
    /// The error type that the platform says, where it is not the runtime's own. (RIE; telemetry has it also of a timeout.)
    #[must_use]
    pub const fn error_type(&self) -> Option<ErrorType> {
        match self.status {
            Status::Timeout => Some(ErrorType::RuntimeRestoreHookUserTimeout),
            Status::Success | Status::Error(_) | Status::InitError => self.status.fault(),
        }
    }
}

/// How a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Well, or with an error of the handler's own.
    Success,
    /// Its time was over.
    Timeout,
    /// With a fatal error.
    Error(ErrorType),
    /// With the error that the runtime reported from Init or Restore: its own type counts.
    InitError,
}

impl Status {
    /// As events of the platform name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Timeout => "timeout",
            Self::Error(fault) if fault.as_str().starts_with("Sandbox.") => "failure",
            Self::Error(_) | Self::InitError => "error",
        }
    }

    /// What the caller of an invocation gets that ends so, unless it has been answered.
    pub(super) const fn outcome(self) -> Outcome {
        match self {
            Self::Timeout => Outcome::Failed(ErrorType::SandboxTimedout),
            Self::Error(fault) => Outcome::Failed(fault),
            Self::Success | Self::InitError => Outcome::InitError,
        }
    }

    /// The fatal error, where the platform says which it is.
    #[must_use]
    pub const fn fault(self) -> Option<ErrorType> {
        match self {
            Self::Error(fault) => Some(fault),
            Self::Success | Self::Timeout | Self::InitError => None,
        }
    }
}

impl Answer {
    /// How an invocation ends that is answered so.
    pub(super) const fn status(self) -> Status {
        match self {
            Self::Accepted => Status::Success,
            Self::Unusable(fault) => Status::Error(fault),
        }
    }
}
