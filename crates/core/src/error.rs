//! What can go wrong in an execution environment, as the customer sees it in payloads, logs and telemetry.

use std::fmt;

/// The type of a fatal error. The first one of an invocation wins.
///
/// Source: RIE `fatalerror`, and what callers of AWS see (`Sandbox.Timedout`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// The runtime process ended by itself.
    RuntimeExitError,
    /// The kernel killed a process because the function used all its memory.
    RuntimeOutOfMemory,
    /// No `bootstrap` could be started.
    RuntimeInvalidEntrypoint,
    /// The runtime reported a failed Init without a type of its own.
    RuntimeUnknown,
    /// The runtime closed the connection in the middle of its answer.
    RuntimeTruncatedResponse,
    /// The runtime named a response mode that does not exist.
    RuntimeInvalidResponseModeHeader,
    /// The answer is larger than a buffered answer may be.
    FunctionResponseSizeTooLarge,
    /// The runtime reported a failed handler without a type of its own.
    FunctionUnknown,
    /// An extension reported that its start failed.
    ExtensionInitError,
    /// An extension reported that it cannot go on.
    ExtensionExitError,
    /// The process of an extension ended unasked.
    ExtensionCrash,
    /// An extension could not be launched.
    ExtensionLaunchError,
    /// The function timeout passed.
    SandboxTimedout,
    /// The environment itself failed.
    SandboxFailure,
}

impl ErrorType {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RuntimeExitError => "Runtime.ExitError",
            Self::RuntimeOutOfMemory => "Runtime.OutOfMemory",
            Self::RuntimeInvalidEntrypoint => "Runtime.InvalidEntrypoint",
            Self::RuntimeUnknown => "Runtime.Unknown",
            Self::RuntimeTruncatedResponse => "Runtime.TruncatedResponse",
            Self::RuntimeInvalidResponseModeHeader => "Runtime.InvalidResponseModeHeader",
            Self::FunctionResponseSizeTooLarge => "Function.ResponseSizeTooLarge",
            Self::FunctionUnknown => "Function.Unknown",
            Self::ExtensionInitError => "Extension.InitError",
            Self::ExtensionExitError => "Extension.ExitError",
            Self::ExtensionCrash => "Extension.Crash",
            Self::ExtensionLaunchError => "Extension.LaunchError",
            Self::SandboxTimedout => "Sandbox.Timedout",
            Self::SandboxFailure => "Sandbox.Failure",
        }
    }
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
