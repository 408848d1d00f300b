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
//! Pure: no I/O, no clock, no randomness. Time enters as an argument, effects leave as [`Action`]s. A driver owns one
//! [`ExecutionEnvironment`], feeds it [`Event`]s one at a time and carries out the actions in order. Whatever is not
//! listed is refused and changes nothing.
//!
//! Source: AWS Lambda developer guide, "Understanding the Lambda execution environment lifecycle"; RIE `rapid`.

use crate::error::ErrorType;
use crate::ids::RequestId;
use crate::limits::{INIT_MAX_MS, KILL_MAX_MS};

mod phase;
#[cfg(test)]
mod tests;

pub use phase::{Call, Phase, Stage};

/// A point in time: microseconds on the worker's monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Microseconds since `earlier`; 0 if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

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
    /// The runtime of this generation ended unasked, or could not be launched.
    RuntimeFailed {
        /// Which launch.
        generation: u32,
        /// Why.
        fault: ErrorType,
    },
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
    /// Launch the runtime at full speed. News of it must carry this generation.
    Launch {
        /// Which launch.
        generation: u32,
        /// Ahead of invocations or inside one.
        phase: InitPhase,
    },
    /// Hold the processes to the CPU share of their memory from here on.
    LimitCpu,
    /// Write the START line.
    LogStart(RequestId),
    /// Hand the event to the runtime (again, if it asks twice).
    Dispatch(RequestId),
    /// Answer the caller, or end the answer that has begun: exactly once for each invocation.
    Complete(RequestId, Outcome),
    /// Collect what was printed, then write END and REPORT: exactly once for each invocation that started.
    Report(InvocationReport),
    /// Write an INIT_REPORT line.
    ReportInit(InitReport),
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

/// What goes into INIT_REPORT.
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

/// An event the current phase does not allow. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not allowed in phase {}", phase.name())]
pub struct Rejected {
    /// Phase when the event came.
    pub phase: Phase,
}

/// The state machine.
#[derive(Clone, Debug)]
pub struct ExecutionEnvironment {
    phase: Phase,
    /// Counts launches, so that news from processes of an earlier one can be told apart.
    generation: u32,
    /// How long the Init phase took, until a REPORT has said it.
    init_us: Option<u64>,
    /// Whether it ends once no invocation needs it.
    retiring: bool,
}

impl ExecutionEnvironment {
    /// An environment in which nothing has started yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { phase: Phase::Cold, generation: 0, init_us: None, retiring: false }
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
                Phase::Cold | Phase::Idle | Phase::Init { waiting: None, .. } | Phase::Reset { next: None, .. }
            )
    }

    /// Applies one event at time `now` and appends its effects to `out`.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the phase does not allow the event; state and `out` are then untouched.
    pub fn handle(&mut self, now: Moment, event: Event, out: &mut Vec<Action>) -> Result<(), Rejected> {
        use {Action as A, Event as E, Phase as P};
        self.phase = match (self.phase, event) {
            // Late news: not an error, not ours any more.
            (phase, E::RuntimeFailed { generation, .. } | E::Emptied { generation })
                if generation != self.generation =>
            {
                phase
            }
            (phase, E::Deadline) if phase.deadline().is_none_or(|at| now < at) => phase,

            (P::Cold, E::Start) => {
                let deadline = now.plus_ms(INIT_MAX_MS);
                self.launch(InitPhase::Init, deadline, out);
                P::Init { deadline, started: now, reported: false, waiting: None }
            }
            (P::Cold, E::Invoke(call)) => self.launch_inside(now, call, out),

            (P::Init { deadline, started, reported, waiting: None }, E::Invoke(call)) => {
                P::Init { deadline, started, reported, waiting: Some(call) }
            }
            (P::Init { deadline, started, waiting, .. }, E::InitError) => {
                P::Init { deadline, started, reported: true, waiting }
            }
            (P::Init { started, waiting, reported: false, .. }, E::Next) => {
                self.init_us = Some(now.since(started));
                match waiting {
                    Some(call) => begin(now, call, None, out),
                    None => self.rest(out),
                }
            }
            (P::Init { started, reported, waiting, .. }, E::RuntimeFailed { fault, .. }) => {
                let status = if reported { Status::InitError } else { Status::Error(fault) };
                out.push(A::ReportInit(InitReport { phase: InitPhase::Init, duration_us: now.since(started), status }));
                reset(now, None, waiting, out)
            }
            (P::Init { started, waiting, .. }, E::Deadline) => {
                let (phase, status) = (InitPhase::Init, Status::Timeout);
                out.push(A::ReportInit(InitReport { phase, duration_us: now.since(started), status }));
                reset(now, None, waiting, out)
            }

            (P::Idle, E::Invoke(call)) => begin(now, call, Some(A::Thaw), out),
            // It may ask before the freezer has stopped it, and a second connection may ask as well.
            (P::Idle, E::Next) => P::Idle,
            (P::Idle, E::RuntimeFailed { .. }) => {
                out.push(A::Thaw);
                reset(now, None, None, out)
            }

            (P::Invoke { call, deadline, started, stage: Stage::Init { reported: false } }, E::Next) => {
                out.extend([A::LogStart(call.request_id), A::LimitCpu, A::Dispatch(call.request_id)]);
                P::Invoke { call, deadline, started, stage: Stage::Running }
            }
            (P::Invoke { call, deadline, started, stage: Stage::Init { reported } }, E::InitError) => {
                if !reported {
                    out.push(A::Complete(call.request_id, Outcome::InitError));
                }
                P::Invoke { call, deadline, started, stage: Stage::Init { reported: true } }
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
            (P::Invoke { call, started, stage: Stage::Answered { answer }, .. }, E::Next) => {
                let status = match answer {
                    Answer::Accepted => Status::Success,
                    Answer::Unusable(fault) => Status::Error(fault),
                };
                out.push(A::Report(self.report(call, now.since(started), status)));
                self.rest(out)
            }
            (P::Invoke { call, started, stage, .. }, E::RuntimeFailed { fault, .. }) => {
                let report = self.fail(call, now.since(started), stage, Status::Error(fault), out);
                reset(now, Some(report), None, out)
            }
            (P::Invoke { call, started, stage, .. }, E::Deadline) => {
                let report = self.fail(call, now.since(started), stage, Status::Timeout, out);
                reset(now, Some(report), None, out)
            }

            (P::Reset { deadline, report, next: None }, E::Invoke(call)) => {
                P::Reset { deadline, report, next: Some(call) }
            }
            (phase @ P::Reset { .. }, E::RuntimeFailed { .. }) => phase,
            (P::Reset { report, next, .. }, E::Emptied { .. }) => {
                out.extend(report.map(A::Report));
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

            (P::Cold | P::Idle | P::Init { waiting: None, .. }, E::Retire) => shutdown(None, out),
            (phase @ (P::Init { .. } | P::Invoke { .. } | P::Reset { .. }), E::Retire) => {
                self.retiring = true;
                phase
            }

            (P::Cold | P::Idle, E::Stop | E::Lost) => shutdown(None, out),
            (P::Init { waiting: call, .. } | P::Reset { next: call, report: None, .. }, E::Stop | E::Lost) => {
                out.extend(call.map(|call| A::Complete(call.request_id, Outcome::Failed(ErrorType::SandboxFailure))));
                shutdown(None, out)
            }
            (P::Reset { next, report, .. }, E::Stop | E::Lost) => {
                out.extend(next.map(|call| A::Complete(call.request_id, Outcome::Failed(ErrorType::SandboxFailure))));
                shutdown(report, out)
            }
            (P::Invoke { call, started, stage, .. }, E::Stop | E::Lost) => {
                let status = Status::Error(ErrorType::SandboxFailure);
                let report = self.fail(call, now.since(started), stage, status, out);
                shutdown(Some(report), out)
            }
            (
                phase @ P::Shutdown { .. },
                E::Stop | E::Lost | E::Retire | E::RuntimeFailed { .. } | E::Emptied { .. },
            ) => phase,
            (P::Shutdown { report }, E::Terminated) => {
                out.extend(report.map(A::Report));
                P::Gone
            }
            (P::Gone, E::Stop | E::Lost | E::Retire) => P::Gone,

            (phase, _) => return Err(Rejected { phase }),
        };
        Ok(())
    }

    fn launch(&mut self, phase: InitPhase, deadline: Moment, out: &mut Vec<Action>) {
        self.generation = self.generation.wrapping_add(1);
        out.extend([Action::Arm(deadline), Action::Launch { generation: self.generation, phase }]);
    }

    /// Init inside an invocation: it counts as Duration, not as Init Duration.
    fn launch_inside(&mut self, now: Moment, call: Call, out: &mut Vec<Action>) -> Phase {
        let deadline = now.plus_ms(call.timeout_ms);
        self.init_us = None;
        self.launch(InitPhase::Invoke, deadline, out);
        Phase::Invoke { call, deadline, started: now, stage: Stage::Init { reported: false } }
    }

    /// Nothing to do: frozen, unless it is to end.
    fn rest(&self, out: &mut Vec<Action>) -> Phase {
        if self.retiring {
            return shutdown(None, out);
        }
        out.extend([Action::Disarm, Action::Freeze]);
        Phase::Idle
    }

    /// Tells the caller, if nobody has yet, and prepares the report.
    fn fail(
        &mut self,
        call: Call,
        duration_us: u64,
        stage: Stage,
        status: Status,
        out: &mut Vec<Action>,
    ) -> InvocationReport {
        let outcome = match status {
            Status::Timeout => Outcome::Failed(ErrorType::SandboxTimedout),
            Status::Error(fault) => Outcome::Failed(fault),
            Status::Success | Status::InitError => Outcome::InitError,
        };
        let status = match stage {
            // The first fatal error wins.
            Stage::Init { reported: true } if status != Status::Timeout => Status::InitError,
            Stage::Init { .. } | Stage::Running | Stage::Responding | Stage::Answered { .. } => status,
        };
        if let Stage::Init { .. } = stage {
            out.push(Action::ReportInit(InitReport { phase: InitPhase::Invoke, duration_us, status }));
            out.push(Action::LogStart(call.request_id));
        }
        if let Stage::Init { reported: false } | Stage::Running | Stage::Responding = stage {
            out.push(Action::Complete(call.request_id, outcome));
        }
        self.report(call, duration_us, status)
    }

    fn report(&mut self, call: Call, duration_us: u64, status: Status) -> InvocationReport {
        let duration_us = duration_us.min(call.timeout_ms.saturating_mul(1_000));
        InvocationReport { request_id: call.request_id, duration_us, init_us: self.init_us.take(), status }
    }
}

impl Default for ExecutionEnvironment {
    fn default() -> Self {
        Self::new()
    }
}

/// Hands the event to a runtime that waits for it. START comes before the thaw: what unfinished work prints once it runs
/// again belongs to this invocation.
fn begin(now: Moment, call: Call, thaw: Option<Action>, out: &mut Vec<Action>) -> Phase {
    let deadline = now.plus_ms(call.timeout_ms);
    let id = call.request_id;
    out.extend([Action::Arm(deadline), Action::LogStart(id), Action::LimitCpu]);
    out.extend(thaw);
    out.push(Action::Dispatch(id));
    Phase::Invoke { call, deadline, started: now, stage: Stage::Running }
}

/// All processes end; sandbox, `/tmp` and listener stay.
fn reset(now: Moment, report: Option<InvocationReport>, next: Option<Call>, out: &mut Vec<Action>) -> Phase {
    let deadline = now.plus_ms(KILL_MAX_MS);
    out.extend([Action::Arm(deadline), Action::Kill]);
    Phase::Reset { deadline, report, next }
}

fn shutdown(report: Option<InvocationReport>, out: &mut Vec<Action>) -> Phase {
    out.extend([Action::Disarm, Action::Terminate]);
    Phase::Shutdown { report }
}
