//! What the lifecycle is told, and what it has its driver do.

use super::{Call, InitReport, InvocationReport, Moment, Outcome, Reason, RestoreReport, RuntimeDone};
use crate::error::ErrorType;
use crate::ids::RequestId;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Begin Init, ahead of any invocation.
    Start,
    /// An invocation was placed here.
    Invoke(Call),
    /// The runtime asks for its next event.
    Next,
    /// The runtime answered in one piece, or reported that the handler failed.
    Respond {
        /// The invocation it answers.
        request_id: RequestId,
        /// What with.
        answer: Answer,
    },
    /// The runtime begins an answer that goes to the caller as it comes; [`Event::RespondEnd`] ends it.
    RespondBegin {
        /// The invocation it answers.
        request_id: RequestId,
    },
    /// The answer that had begun is over.
    RespondEnd {
        /// The invocation it answers.
        request_id: RequestId,
        /// How it ended.
        answer: Answer,
    },
    /// The runtime reported that Init failed; it will exit.
    InitError,
    /// The runtime is ready to be restored (SnapStart).
    RestoreNext,
    /// The runtime reported that Restore failed; it will exit.
    RestoreError,
    /// The runtime of this generation ended unasked, or could not be launched.
    RuntimeFailed {
        /// Which launch.
        generation: u32,
        /// Why.
        fault: ErrorType,
    },
    /// All external extensions have registered. (This and the next three follow from what
    /// [`ExecutionEnvironment::register`](super::ExecutionEnvironment::register) and its neighbours are told.)
    Registered,
    /// All extensions that the phase waits for have asked for their next event.
    ExtensionsReady,
    /// An extension of this generation ended unasked, or could not be launched.
    ExtensionFailed {
        /// Which launch.
        generation: u32,
        /// Why.
        fault: ErrorType,
    },
    /// All extensions that were told of the end have ended.
    ExtensionsEnded,
    /// A timer fired. Early or stale fires are harmless.
    Deadline,
    /// No process of this generation is left.
    Emptied {
        /// Which launch.
        generation: u32,
    },
    /// End as soon as no invocation needs this environment.
    Retire,
    /// End now; what runs fails.
    Stop,
    /// The sandbox itself is gone or does not obey.
    Lost,
    /// The sandbox is gone, as ordered.
    Terminated,
}

/// What the runtime answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The handler's result, or an error that the handler raised: the environment goes on.
    Accepted,
    /// Something the caller cannot be given (too large, truncated): the environment goes on, the report says so.
    Unusable(ErrorType),
}

/// What the driver must do, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Launch the external extensions, or the runtime where there are none, with the CPU that Init has. News of them must
    /// carry this generation.
    Launch {
        /// Which launch.
        generation: u32,
        /// Ahead of invocations or inside one.
        phase: InitPhase,
    },
    /// Launch the runtime: the external extensions have registered.
    LaunchRuntime,
    /// Write the EXTENSION lines.
    LogExtensions,
    /// Hand the INVOKE event to all extensions that run.
    Notify(RequestId),
    /// Ask the runtime to end.
    EndRuntime,
    /// Kill the runtime.
    KillRuntime,
    /// Hand the SHUTDOWN event to all extensions that run; kill the external ones that have not registered for it.
    NotifyShutdown {
        /// When they must have ended.
        deadline: Moment,
        /// Why.
        reason: Reason,
    },
    /// Hold the processes to the CPU share of their memory from here on.
    LimitCpu,
    /// Write the START line.
    LogStart(RequestId),
    /// Hand the event to the runtime (again, if it asks twice).
    Dispatch(RequestId),
    /// Answer the caller, or end the answer that has begun: exactly once for each invocation.
    Complete(RequestId, Outcome),
    /// Collect what was printed, then say that the runtime is done with the invocation: once for each that started, before
    /// its report. Extensions may be at work still.
    RuntimeDone(RuntimeDone),
    /// Collect what was printed, then write END and REPORT: exactly once for each invocation that started.
    Report(InvocationReport),
    /// Say that the runtime's part of Init is over: once for each launch whose Init has an end, before its report.
    InitRuntimeDone(InitReport),
    /// Say how Init went: exactly once for each launch whose Init has an end.
    ReportInit(InitReport),
    /// Say that Restore begins: once for each Init that has gone well (SnapStart).
    LogRestoreStart,
    /// Tell the runtime that it has been restored: it waits for that.
    Restore,
    /// Say that the runtime's part of Restore is over: once for each Restore, before its report.
    RestoreRuntimeDone(RestoreReport),
    /// Say how Restore went: once for each.
    ReportRestore(RestoreReport),
    /// Freeze the sandbox.
    Freeze,
    /// Thaw the sandbox.
    Thaw,
    /// Arm the one timer; replaces the previous one.
    Arm(Moment),
    /// Disarm the timer.
    Disarm,
    /// Kill all processes; [`Event::Emptied`] follows.
    Kill,
    /// End the sandbox; [`Event::Terminated`] follows.
    Terminate,
}

/// Where Init runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitPhase {
    /// In a phase of its own, up to ten seconds.
    Init,
    /// Inside an invocation, under the function timeout (suppressed init).
    Invoke,
}

/// An event the current phase does not allow. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not allowed in phase {phase}")]
pub struct Rejected {
    /// Name of the phase when the event came.
    pub phase: &'static str,
}
