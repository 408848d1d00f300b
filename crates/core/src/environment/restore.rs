//! SnapStart: what follows once an environment has initialised.
//!
//! On AWS, a snapshot is taken of an environment that has initialised, and others are restored from it. Here, each
//! environment initialises itself and is taken for restored at once: the runtime runs the same hooks in the same order,
//! and the log says the same. What is not of use is ended, not reset: Lambda would restore another.
//!
//! Source: AWS Lambda developer guide, "Improving startup performance with Lambda SnapStart"; RIE `rapid/handlers.go`.

use super::{
    Action, Asked, Call, ColdStart, ExecutionEnvironment, InvocationReport, Moment, NotRestored, Outcome, Phase,
    Reason, RestoreReport, Status,
};
use crate::limits::{INIT_MAX_MS, RESTORE_MAX_MS, SNAP_START_INIT_MS};

/// How the environments of a function version come up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitType {
    /// By Init.
    #[default]
    OnDemand,
    /// By Init, then Restore.
    SnapStart,
}

impl InitType {
    /// As runtimes and events of the platform name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::SnapStart => "snap-start",
        }
    }

    /// How long Init may take, milliseconds, of a function with this timeout.
    pub(super) const fn init_max_ms(self, timeout_ms: u64) -> u64 {
        match self {
            Self::OnDemand => INIT_MAX_MS,
            Self::SnapStart if timeout_ms > SNAP_START_INIT_MS => timeout_ms,
            Self::SnapStart => SNAP_START_INIT_MS,
        }
    }
}

impl ExecutionEnvironment {
    /// Init has gone well. A runtime that has asked for its first event at once has no hooks.
    pub(super) fn restore(&mut self, now: Moment, asked: Asked, waiting: Option<Call>, out: &mut Vec<Action>) -> Phase {
        out.push(Action::LogRestoreStart);
        match asked {
            Asked::Next => self.restored(now, now, waiting, out),
            Asked::Restore => {
                let deadline = now.plus_ms(RESTORE_MAX_MS);
                out.extend([Action::Arm(deadline), Action::Restore]);
                Phase::Restore { deadline, started: now, waiting }
            }
        }
    }

    /// The runtime has asked for its first event.
    pub(super) fn restored(
        &mut self,
        now: Moment,
        started: Moment,
        waiting: Option<Call>,
        out: &mut Vec<Action>,
    ) -> Phase {
        let duration_us = now.since(started);
        report(duration_us, Status::Success, out);
        self.ready(now, ColdStart::Restore(duration_us), waiting, out)
    }

    /// Restore is over before its time.
    pub(super) fn fail_restore(
        &mut self,
        now: Moment,
        started: Moment,
        status: Status,
        waiting: Option<Call>,
        out: &mut Vec<Action>,
    ) -> Phase {
        report(now.since(started), status, out);
        let (reason, why) = match status {
            Status::Timeout => (Reason::Timeout, NotRestored::Timeout),
            Status::Success | Status::Error(_) | Status::InitError => (Reason::Failure, NotRestored::Error),
        };
        out.extend(waiting.map(|call| Action::Complete(call.request_id, Outcome::NotRestored(why))));
        self.give_up(now, reason, None, out)
    }

    /// What ran has failed, in an invocation or between two: processes are new for the next one, or all of it is.
    pub(super) fn invoke_failed(
        &mut self,
        now: Moment,
        reason: Reason,
        report: Option<InvocationReport>,
        out: &mut Vec<Action>,
    ) -> Phase {
        match self.init_type {
            InitType::OnDemand => self.reset(now, reason, report, None, out),
            InitType::SnapStart => self.give_up(now, reason, report, out),
        }
    }

    /// Init has failed: it runs again inside the invocation that waits or comes next, unless it was for a snapshot.
    pub(super) fn init_failed(
        &mut self,
        now: Moment,
        status: Status,
        waiting: Option<Call>,
        out: &mut Vec<Action>,
    ) -> Phase {
        let reason = if status == Status::Timeout { Reason::Timeout } else { Reason::Failure };
        if self.init_type == InitType::OnDemand {
            return self.reset(now, reason, None, waiting, out);
        }
        let outcome = match status {
            // No function has run, let alone timed out.
            Status::Timeout => Outcome::NotRestored(NotRestored::Timeout),
            Status::Success | Status::Error(_) | Status::InitError => status.outcome(),
        };
        out.extend(waiting.map(|call| Action::Complete(call.request_id, outcome)));
        self.give_up(now, reason, None, out)
    }
}

fn report(duration_us: u64, status: Status, out: &mut Vec<Action>) {
    let report = RestoreReport { duration_us, status };
    out.extend([Action::RestoreRuntimeDone(report), Action::ReportRestore(report)]);
}
