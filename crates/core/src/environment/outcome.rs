//! How things ended: what callers get, and what the log says of it.

use super::{Answer, InitPhase};
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
}

/// What goes into END and REPORT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvocationReport {
    /// Which invocation.
    pub request_id: RequestId,
    /// From START to the runtime's next request, microseconds; the function timeout at most.
    pub duration_us: u64,
    /// The Init phase before this invocation, microseconds: on a cold start only.
    pub init_us: Option<u64>,
    /// How it ended.
    pub status: Status,
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
    /// Where Init ran.
    pub phase: InitPhase,
    /// How long, microseconds.
    pub duration_us: u64,
    /// How it ended.
    pub status: Status,
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
    /// With the error that the runtime reported from Init: its own type counts.
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
