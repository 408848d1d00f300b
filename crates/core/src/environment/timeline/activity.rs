//! What environment, runtime and extensions do in a state of the machine: a function of that state, without a memory.
//!
//! The names of an invocation's parts are those of the spans in `platform.runtimeDone` and `platform.report` (Telemetry
//! API schema): `responseLatency`, `responseDuration`, `runtimeOverhead`, `extensionOverhead`.

use super::super::{Phase, Stage, Step, Then, Turn};
use crate::extension::{Extension, State};

/// What is done during a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// The environment: its sandbox is being made.
    Create,
    /// The environment: no process runs.
    Cold,
    /// The environment: its Init phase. The runtime: it starts, loads the function and asks for its first event; the two
    /// cannot be told apart from outside. An extension: from its registration to that request.
    Init,
    /// Environment and runtime: Restore.
    Restore,
    /// The environment: an invocation, by its number.
    Invoke(u32),
    /// The environment: frozen.
    Frozen,
    /// The environment: processes end after a failure, the sandbox stays.
    Reset,
    /// The environment: it ends. The runtime: it was asked to. An extension: it was told of the end.
    Shutdown,
    /// The runtime: from the event to the first byte of its answer, or all of an answer in one piece.
    ResponseLatency,
    /// The runtime: an answer that goes to the caller in pieces, from its first byte to its last.
    ResponseDuration,
    /// The runtime: from the answer to its request for the next event.
    RuntimeOverhead,
    /// An extension: from its launch to its registration.
    Register,
    /// An extension: it has the invocation, while the runtime has it as well.
    Event,
    /// An extension: it has the invocation, and the runtime has asked for the next one.
    ExtensionOverhead,
    /// An extension: it has reported that it failed, and still runs.
    Failed,
}

/// `before` and `number`: the phase that is being recorded and the number of the last invocation.
pub(super) fn of_environment(phase: Phase, before: Option<Activity>, number: u32) -> Option<Activity> {
    Some(match phase {
        Phase::Cold if before == Some(Activity::Create) => Activity::Create,
        Phase::Cold => Activity::Cold,
        Phase::Init { .. } => Activity::Init,
        Phase::Restore { .. } => Activity::Restore,
        Phase::Idle => Activity::Frozen,
        // One invocation never follows another without a phase between them.
        Phase::Invoke { .. } if before == Some(Activity::Invoke(number)) => Activity::Invoke(number),
        Phase::Invoke { .. } => Activity::Invoke(number.saturating_add(1)),
        Phase::Stopping { ending, .. } if ending.then == Then::Reset => Activity::Reset,
        Phase::Reset { .. } => Activity::Reset,
        Phase::Stopping { .. } | Phase::Shutdown { .. } => Activity::Shutdown,
        Phase::Gone => return None,
    })
}

pub(super) fn of_runtime(phase: Phase) -> Option<Activity> {
    match phase {
        Phase::Init { step, .. } | Phase::Invoke { stage: Stage::Init { step }, .. } => match step {
            Step::Loading | Step::Reported => Some(Activity::Init),
            Step::Registering | Step::Waiting(_) => None,
        },
        Phase::Restore { .. } => Some(Activity::Restore),
        Phase::Invoke { stage, .. } => match stage {
            Stage::Running => Some(Activity::ResponseLatency),
            Stage::Responding => Some(Activity::ResponseDuration),
            Stage::Answered { .. } => Some(Activity::RuntimeOverhead),
            Stage::Init { .. } | Stage::Extensions { .. } => None,
        },
        Phase::Stopping { turn: Turn::Thawed | Turn::Runtime, .. } => Some(Activity::Shutdown),
        Phase::Stopping { turn: Turn::Extensions, .. }
        | Phase::Cold
        | Phase::Idle
        | Phase::Reset { .. }
        | Phase::Shutdown { .. }
        | Phase::Gone => None,
    }
}

pub(super) fn of_extension(phase: Phase, extension: &Extension) -> Option<Activity> {
    if extension.has_ended() {
        return None;
    }
    let starts = matches!(phase, Phase::Init { .. } | Phase::Invoke { stage: Stage::Init { .. }, .. });
    match (extension.state(), phase) {
        (
            _,
            Phase::Cold
            | Phase::Restore { .. }
            | Phase::Idle
            | Phase::Reset { .. }
            | Phase::Shutdown { .. }
            | Phase::Gone,
        ) => None,
        (State::Started, _) => starts.then_some(Activity::Register),
        (State::Registered, _) => starts.then_some(Activity::Init),
        (State::Running, Phase::Stopping { turn: Turn::Extensions, .. }) => Some(Activity::Shutdown),
        (State::Running, Phase::Invoke { stage: Stage::Extensions { .. }, .. }) => Some(Activity::ExtensionOverhead),
        (State::Running, _) => Some(Activity::Event),
        (State::InitError | State::ExitError, _) => Some(Activity::Failed),
        (State::Ready | State::LaunchError | State::Exited | State::ShutdownFailed, _) => None,
    }
}
