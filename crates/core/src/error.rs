//! What can go wrong in an execution environment, as the customer sees it in payloads, logs and telemetry. What each of
//! them looks like is in `docs/errors.md`, made by a test of the worker.

use std::fmt;

/// Each type once, with its name: what is made from the list can forget none.
macro_rules! error_types {
    ($($(#[$about:meta])* $variant:ident = $name:literal,)*) => {
        /// The type of a fatal error. The first one of an invocation wins.
        ///
        /// Source: RIE `fatalerror`, and what callers of AWS see (`Sandbox.Timedout`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorType {
            $($(#[$about])* $variant,)*
        }

        impl ErrorType {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

error_types! {
    /// The runtime process ended by itself.
    RuntimeExitError = "Runtime.ExitError",
    /// The kernel killed a process because the function used all its memory.
    RuntimeOutOfMemory = "Runtime.OutOfMemory",
    /// No `bootstrap` could be started.
    RuntimeInvalidEntrypoint = "Runtime.InvalidEntrypoint",
    /// The runtime reported a failed Init without a type of its own.
    RuntimeUnknown = "Runtime.Unknown",
    /// The runtime closed the connection in the middle of its answer.
    RuntimeTruncatedResponse = "Runtime.TruncatedResponse",
    /// The runtime named a response mode that does not exist.
    RuntimeInvalidResponseModeHeader = "Runtime.InvalidResponseModeHeader",
    /// Hooks after a Restore took too long: said in the records of that Restore only.
    RuntimeRestoreHookUserTimeout = "Runtime.RestoreHookUserTimeout",
    /// The answer is larger than a buffered answer may be.
    FunctionResponseSizeTooLarge = "Function.ResponseSizeTooLarge",
    /// The runtime reported a failed Init with a type of `Function.` that is none.
    FunctionUnknown = "Function.Unknown",
    /// An extension reported that its start failed.
    ExtensionInitError = "Extension.InitError",
    /// An extension reported that it cannot go on.
    ExtensionExitError = "Extension.ExitError",
    /// The process of an extension ended unasked.
    ExtensionCrash = "Extension.Crash",
    /// An extension could not be launched.
    ExtensionLaunchError = "Extension.LaunchError",
    /// The function timeout passed.
    SandboxTimedout = "Sandbox.Timedout",
    /// The environment itself failed.
    SandboxFailure = "Sandbox.Failure",
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
