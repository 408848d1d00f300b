//! Lifecycle of one execution environment: Init, Invoke, Reset, Shutdown.
//!
//! ```text
//!            Start                 Next                 Invoke
//!   Cold ───────────▶ Init ─────────────────▶ Idle ◀───────────────▶ Invoke
//!    ▲ │                │ exit, 10 s          (frozen)   Next           │ exit, timeout
//!    │ └─ Invoke: Init runs inside it         │                         │
//!    └────────────────── Reset ◀──────────────┴─────────────────────────┘
//!                          any phase: Stop, Lost ──▶ Shutdown ──▶ Gone
//! ```
//!
//! With SnapStart, Restore comes between Init and what follows it, and Shutdown instead of Reset ([`InitType::SnapStart`]).
//!
//! Where extensions have registered, they are parties to it: Init and Invoke end when they, too, ask for their next
//! event, and `Stopping`, in which everybody may end by himself, comes before Reset and Shutdown.
//!
//! Pure: no I/O, no clock, no randomness. Time enters as an argument, effects leave as [`Action`]s. A driver owns one
//! [`ExecutionEnvironment`], feeds it [`Event`]s one at a time and carries out the actions in order. Whatever is not
//! listed is refused and changes nothing.
//!
//! Source: AWS Lambda developer guide, "Understanding the Lambda execution environment lifecycle"; RIE `rapid`.

use crate::error::ErrorType;
use crate::extension::Extensions;

mod events;
#[cfg(test)]
mod extension_tests;
mod extensions;
mod outcome;
mod phase;
mod progress;
mod restore;
#[cfg(test)]
mod restore_tests;
mod stopping;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
pub mod timeline;

pub use events::{Action, Answer, Event, InitPhase, Rejected};
pub use outcome::{ColdStart, InitReport, InvocationReport, NotRestored, Outcome, RestoreReport, RuntimeDone, Status};
pub use phase::{Asked, Call, Ending, Moment, Phase, Reason, Stage, Step, Then, Turn};
pub use restore::InitType;

/// The state machine.
#[derive(Clone, Debug)]
pub struct ExecutionEnvironment {
    phase: Phase,
    /// Counts launches, so that news from processes of an earlier one can be told apart.
    generation: u32,
    init_type: InitType,
    /// How long an Init phase may take.
    init_max_ms: u64,
    /// How it came up, until a REPORT has said it.
    cold_start: Option<ColdStart>,
    /// Whether it ends once no invocation needs it.
    retiring: bool,
    extensions: Extensions,
    /// Whether the runtime has been launched and has not ended.
    runtime: bool,
    /// The fatal error that an extension has reported: it wins over the end that follows.
    fatal: Option<ErrorType>,
}

impl ExecutionEnvironment {
    /// An environment in which nothing has started yet, on demand and without extensions.
    #[must_use]
    pub fn new() -> Self {
        Self::of(InitType::OnDemand, 0, Extensions::default())
    }

    /// One that comes up so, of a function with this timeout, with extensions.
    #[must_use]
    pub const fn of(init_type: InitType, timeout_ms: u64, extensions: Extensions) -> Self {
        Self {
            phase: Phase::Cold,
            generation: 0,
            init_type,
            init_max_ms: init_type.init_max_ms(timeout_ms),
            cold_start: None,
            retiring: false,
            extensions,
            runtime: false,
            fatal: None,
        }
    }

    /// Current phase.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The latest launch.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether an invocation may be placed here now.
    #[must_use]
    pub const fn accepts_invocations(&self) -> bool {
        !self.retiring
            && matches!(
                self.phase,
                Phase::Cold
                    | Phase::Idle
                    | Phase::Init { waiting: None, .. }
                    | Phase::Restore { waiting: None, .. }
                    | Phase::Reset { next: None, .. }
            )
    }

    /// Applies one event at time `now` and appends its effects to `out`.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the phase does not allow the event; state and `out` are then untouched.
    pub fn handle(&mut self, now: Moment, event: Event, out: &mut Vec<Action>) -> Result<(), Rejected> {
        use stopping::shutdown;
        use {Action as A, Event as E, Phase as P};
        if let E::RuntimeFailed { generation, .. } = event {
            self.runtime &= generation != self.generation;
        }
        self.phase = match (self.phase, event) {
            // Late news: not an error, not ours any more.
            (
                phase,
                E::RuntimeFailed { generation, .. } | E::ExtensionFailed { generation, .. } | E::Emptied { generation },
            ) if generation != self.generation => phase,
            (phase, E::Deadline) if phase.deadline().is_none_or(|at| now < at) => phase,

            (P::Cold, E::Start) => self.launch_ahead(now, None, out),
            (P::Cold, E::Invoke(call)) if self.init_type == InitType::SnapStart => {
                self.launch_ahead(now, Some(call), out)
            }
            (P::Cold, E::Invoke(call)) => self.launch_inside(now, call, out),

            (P::Init { deadline, started, step, waiting: None }, E::Invoke(call)) => {
                P::Init { deadline, started, step, waiting: Some(call) }
            }
            (P::Init { deadline, started, step: Step::Registering, waiting }, E::Registered) => {
                P::Init { deadline, started, step: self.launch_runtime(out), waiting }
            }
            (P::Init { deadline, started, step: Step::Loading | Step::Reported, waiting }, E::InitError) => {
                P::Init { deadline, started, step: self.reported(), waiting }
            }
            (P::Init { deadline, started, step: Step::Loading, waiting }, E::Next) => {
                self.loaded(now, (deadline, started), Asked::Next, waiting, out)
            }
            (P::Init { deadline, started, step: Step::Loading, waiting }, E::RestoreNext)
                if self.init_type == InitType::SnapStart =>
            {
                self.loaded(now, (deadline, started), Asked::Restore, waiting, out)
            }
            (P::Init { started, step: Step::Waiting(asked), waiting, .. }, E::ExtensionsReady) => {
                self.initialised(now, started, asked, waiting, out)
            }
            (
                P::Init { started, step, waiting, .. },
                E::RuntimeFailed { fault, .. } | E::ExtensionFailed { fault, .. },
            ) => {
                let status = if step == Step::Reported { Status::InitError } else { Status::Error(self.first(fault)) };
                self.fail_init(InitPhase::Init, step, now.since(started), status, out);
                self.init_failed(now, status, waiting, out)
            }
            (P::Init { started, step, waiting, .. }, E::Deadline) => {
                self.fail_init(InitPhase::Init, step, now.since(started), Status::Timeout, out);
                self.init_failed(now, Status::Timeout, waiting, out)
            }

            (P::Restore { deadline, started, waiting: None }, E::Invoke(call)) => {
                P::Restore { deadline, started, waiting: Some(call) }
            }
            (P::Restore { started, waiting, .. }, E::Next) => self.restored(now, started, waiting, out),
            (P::Restore { started, waiting, .. }, E::RestoreError | E::InitError) => {
                let status = self.fatal.take().map_or(Status::InitError, Status::Error);
                self.fail_restore(now, started, status, waiting, out)
            }
            (
                P::Restore { started, waiting, .. },
                E::RuntimeFailed { fault, .. } | E::ExtensionFailed { fault, .. },
            ) => {
                let status = Status::Error(self.first(fault));
                self.fail_restore(now, started, status, waiting, out)
            }
            (P::Restore { started, waiting, .. }, E::Deadline) => {
                self.fail_restore(now, started, Status::Timeout, waiting, out)
            }

            (P::Idle, E::Invoke(call)) => self.begin(now, call, Some(A::Thaw), out),
            // It may ask before the freezer has stopped it, and a second connection may ask as well.
            (P::Idle, E::Next) => P::Idle,
            (P::Idle, E::RuntimeFailed { .. } | E::ExtensionFailed { .. }) => {
                out.push(A::Thaw);
                self.invoke_failed(now, Reason::Failure, None, out)
            }

            (P::Invoke { call, deadline, started, stage: Stage::Init { step: Step::Registering } }, E::Registered) => {
                P::Invoke { call, deadline, started, stage: Stage::Init { step: self.launch_runtime(out) } }
            }
            (P::Invoke { call, deadline, started, stage: Stage::Init { step: Step::Loading } }, E::Next) => {
                self.extensions.close();
                self.init_runtime_done(InitPhase::Invoke, now.since(started), Status::Success, out);
                let stage = if self.extensions.are_ready() {
                    self.started(now, started, call, out)
                } else {
                    Stage::Init { step: Step::Waiting(Asked::Next) }
                };
                P::Invoke { call, deadline, started, stage }
            }
            (
                P::Invoke { call, deadline, started, stage: Stage::Init { step: Step::Waiting(_) } },
                E::ExtensionsReady,
            ) => P::Invoke { call, deadline, started, stage: self.started(now, started, call, out) },
            (
                P::Invoke {
                    call,
                    deadline,
                    started,
                    stage: Stage::Init { step: step @ (Step::Loading | Step::Reported) },
                },
                E::InitError,
            ) => {
                let next = self.reported();
                if step != next {
                    out.push(A::Complete(call.request_id, Outcome::InitError));
                }
                P::Invoke { call, deadline, started, stage: Stage::Init { step: next } }
            }
            // Asked twice: the same event again.
            (phase @ P::Invoke { call, stage: Stage::Running, .. }, E::Next) => {
                out.push(A::Dispatch(call.request_id));
                phase
            }
            (P::Invoke { call, deadline, started, stage: Stage::Running }, E::Respond { request_id, answer })
                if request_id == call.request_id =>
            {
                out.push(A::Complete(request_id, Outcome::Answered));
                P::Invoke { call, deadline, started, stage: Stage::Answered { answer } }
            }
            (P::Invoke { call, deadline, started, stage: Stage::Running }, E::RespondBegin { request_id })
                if request_id == call.request_id =>
            {
                P::Invoke { call, deadline, started, stage: Stage::Responding }
            }
            (P::Invoke { call, deadline, started, stage: Stage::Responding }, E::RespondEnd { request_id, answer })
                if request_id == call.request_id =>
            {
                out.push(A::Complete(request_id, Outcome::Answered));
                P::Invoke { call, deadline, started, stage: Stage::Answered { answer } }
            }
            (P::Invoke { call, deadline, started, stage: Stage::Answered { answer } }, E::Next) => {
                out.push(A::RuntimeDone(RuntimeDone { request_id: call.request_id, status: answer.status() }));
                if self.extensions.have_finished() {
                    self.finished(now, call, started, answer, out)
                } else {
                    P::Invoke { call, deadline, started, stage: Stage::Extensions { answer } }
                }
            }
            (P::Invoke { call, started, stage: Stage::Extensions { answer }, .. }, E::ExtensionsReady) => {
                self.finished(now, call, started, answer, out)
            }
            // It waits already.
            (
                phase @ (P::Init { step: Step::Waiting(Asked::Next), .. }
                | P::Invoke { stage: Stage::Init { step: Step::Waiting(_) } | Stage::Extensions { .. }, .. }),
                E::Next,
            ) => phase,
            (
                P::Invoke { call, started, stage, .. },
                E::RuntimeFailed { fault, .. } | E::ExtensionFailed { fault, .. },
            ) => {
                let fault = self.first(fault);
                let report = self.fail(call, now.since(started), stage, Status::Error(fault), out);
                self.invoke_failed(now, Reason::Failure, Some(report), out)
            }
            (P::Invoke { call, started, stage, .. }, E::Deadline) => {
                let report = self.fail(call, now.since(started), stage, Status::Timeout, out);
                self.invoke_failed(now, Reason::Timeout, Some(report), out)
            }

            // As it was told to, or before it could be.
            (P::Stopping { over, turn: Turn::Thawed | Turn::Runtime, ending, .. }, E::RuntimeFailed { .. }) => {
                self.stop_extensions(now, over, ending, out)
            }
            (P::Stopping { over, turn: Turn::Thawed, ending, .. }, E::Deadline) => {
                self.stop_runtime(now, over, ending, out)
            }
            (P::Stopping { over, turn: Turn::Runtime, ending, .. }, E::Deadline) => {
                out.push(A::KillRuntime);
                self.stop_extensions(now, over, ending, out)
            }
            (P::Stopping { turn: Turn::Extensions, ending, .. }, E::Deadline | E::ExtensionsEnded) => {
                stopping::finish(now, ending, out)
            }
            (P::Stopping { deadline, over, turn, ending }, E::Stop) => {
                P::Stopping { deadline, over, turn, ending: stopping::never_again(ending, out) }
            }
            (P::Stopping { ending, .. }, E::Lost) => stopping::finish(now, stopping::never_again(ending, out), out),
            (phase @ P::Stopping { .. }, E::Next | E::RuntimeFailed { .. } | E::ExtensionFailed { .. }) => phase,

            (P::Reset { deadline, report, next: None }, E::Invoke(call)) => {
                P::Reset { deadline, report, next: Some(call) }
            }
            (phase @ P::Reset { .. }, E::RuntimeFailed { .. } | E::ExtensionFailed { .. }) => phase,
            (P::Reset { report, next, .. }, E::Emptied { .. }) => {
                out.extend(report.map(A::Report));
                self.extensions.clear();
                match next {
                    Some(call) => self.launch_inside(now, call, out),
                    None if self.retiring => shutdown(None, out),
                    None => {
                        out.push(A::Disarm);
                        P::Cold
                    }
                }
            }
            // The processes do not die in time: replace the whole sandbox.
            (P::Reset { report, next, .. }, E::Deadline) => {
                out.extend(next.map(|call| A::Complete(call.request_id, Outcome::Failed(ErrorType::SandboxFailure))));
                shutdown(report, out)
            }

            (
                phase @ (P::Cold | P::Idle | P::Init { waiting: None, .. } | P::Restore { waiting: None, .. }),
                E::Retire,
            ) => self.leave(now, phase, None, out),
            (
                phase @ (P::Init { .. } | P::Restore { .. } | P::Invoke { .. } | P::Stopping { .. } | P::Reset { .. }),
                E::Retire,
            ) => {
                self.retiring = true;
                phase
            }

            (phase @ (P::Cold | P::Idle), E::Stop) => self.leave(now, phase, None, out),
            (P::Cold | P::Idle, E::Lost) => shutdown(None, out),
            (phase @ (P::Init { waiting: call, .. } | P::Restore { waiting: call, .. }), E::Stop | E::Lost) => {
                out.extend(call.map(|call| A::Complete(call.request_id, Outcome::Failed(ErrorType::SandboxFailure))));
                if event == E::Stop { self.leave(now, phase, None, out) } else { shutdown(None, out) }
            }
            (P::Reset { next, report, .. }, E::Stop | E::Lost) => {
                out.extend(next.map(|call| A::Complete(call.request_id, Outcome::Failed(ErrorType::SandboxFailure))));
                shutdown(report, out)
            }
            (phase @ P::Invoke { call, started, stage, .. }, E::Stop | E::Lost) => {
                let status = Status::Error(ErrorType::SandboxFailure);
                let report = self.fail(call, now.since(started), stage, status, out);
                if event == E::Stop { self.leave(now, phase, Some(report), out) } else { shutdown(Some(report), out) }
            }
            (
                phase @ P::Shutdown { .. },
                E::Stop | E::Lost | E::Retire | E::RuntimeFailed { .. } | E::ExtensionFailed { .. } | E::Emptied { .. },
            ) => phase,
            (P::Shutdown { report }, E::Terminated) => {
                out.extend(report.map(A::Report));
                P::Gone
            }
            (P::Gone, E::Stop | E::Lost | E::Retire) => P::Gone,

            (phase, _) => return Err(Rejected { phase: phase.name() }),
        };
        Ok(())
    }
}

impl Default for ExecutionEnvironment {
    fn default() -> Self {
        Self::new()
    }
}
