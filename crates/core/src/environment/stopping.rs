//! How processes end: killed at once where no extension has registered, else told so, the runtime first, and given time.
//!
//! Source: AWS Lambda developer guide, "Shutdown phase"; RIE `rapid/shutdown.go` (the runtime's share of the time).

use super::{Action, ExecutionEnvironment, InvocationReport, Moment, Outcome};
use super::{Call, Ending, Phase, Reason, Then, Turn};
use crate::error::ErrorType;
use crate::limits::{KILL_MAX_MS, THAWED_MS};

impl ExecutionEnvironment {
    /// All processes end, and the environment with them: it is of no use.
    pub(super) fn give_up(
        &mut self,
        now: Moment,
        reason: Reason,
        report: Option<InvocationReport>,
        out: &mut Vec<Action>,
    ) -> Phase {
        self.stop(now, Ending { reason, report, next: None, then: Then::Shutdown }, out)
    }

    /// All processes end; sandbox, `/tmp` and listener stay.
    pub(super) fn reset(
        &mut self,
        now: Moment,
        reason: Reason,
        report: Option<InvocationReport>,
        next: Option<Call>,
        out: &mut Vec<Action>,
    ) -> Phase {
        self.stop(now, Ending { reason, report, next, then: Then::Reset }, out)
    }

    /// The environment ends, which is in `phase`. Those who are frozen could not hear of it.
    pub(super) fn leave(
        &mut self,
        now: Moment,
        phase: Phase,
        report: Option<InvocationReport>,
        out: &mut Vec<Action>,
    ) -> Phase {
        let ending = Ending { reason: Reason::Spindown, report, next: None, then: Then::Shutdown };
        if phase != Phase::Idle {
            return self.stop(now, ending, out);
        }
        let Some((_, all_ms)) = self.extensions.shutdown_budget_ms() else { return self.stop(now, ending, out) };
        self.extensions.close();
        let deadline = now.plus_ms(THAWED_MS);
        out.extend([Action::Thaw, Action::Arm(deadline)]);
        Phase::Stopping { deadline, over: now.plus_ms(all_ms), turn: Turn::Thawed, ending }
    }

    fn stop(&mut self, now: Moment, ending: Ending, out: &mut Vec<Action>) -> Phase {
        self.extensions.close();
        match self.extensions.shutdown_budget_ms() {
            Some((_, all_ms)) => self.stop_runtime(now, now.plus_ms(all_ms), ending, out),
            None => finish(now, ending, out),
        }
    }

    /// Everybody hears of it who can, and all are to have ended at `over`.
    pub(super) fn stop_runtime(&mut self, now: Moment, over: Moment, ending: Ending, out: &mut Vec<Action>) -> Phase {
        let Some((runtime_ms, all_ms)) = self.extensions.shutdown_budget_ms().filter(|_| self.runtime) else {
            return self.stop_extensions(now, over, ending, out);
        };
        let deadline = Moment(over.0.saturating_sub((all_ms - runtime_ms) * 1_000));
        out.extend([Action::Arm(deadline), Action::EndRuntime]);
        Phase::Stopping { deadline, over, turn: Turn::Runtime, ending }
    }

    /// The runtime has had its time.
    pub(super) fn stop_extensions(
        &mut self,
        now: Moment,
        over: Moment,
        ending: Ending,
        out: &mut Vec<Action>,
    ) -> Phase {
        if !self.extensions.are_awaited() {
            return finish(now, ending, out);
        }
        self.extensions.begin_shutdown();
        out.extend([Action::Arm(over), Action::NotifyShutdown { deadline: over, reason: ending.reason }]);
        Phase::Stopping { deadline: over, over, turn: Turn::Extensions, ending }
    }
}

/// Everybody has had his time.
pub(super) fn finish(now: Moment, ending: Ending, out: &mut Vec<Action>) -> Phase {
    let Ending { report, next, then, .. } = ending;
    match then {
        Then::Shutdown => shutdown(report, out),
        Then::Reset => {
            let deadline = now.plus_ms(KILL_MAX_MS);
            out.extend([Action::Arm(deadline), Action::Kill]);
            Phase::Reset { deadline, report, next }
        }
    }
}

/// Nobody is waited for.
pub(super) fn shutdown(report: Option<InvocationReport>, out: &mut Vec<Action>) -> Phase {
    out.extend([Action::Disarm, Action::Terminate]);
    Phase::Shutdown { report }
}

/// There will be no other launch: whoever waits for it fails.
pub(super) fn never_again(ending: Ending, out: &mut Vec<Action>) -> Ending {
    let failed = |call: Call| Action::Complete(call.request_id, Outcome::Failed(ErrorType::SandboxFailure));
    out.extend(ending.next.map(failed));
    Ending { next: None, then: Then::Shutdown, ..ending }
}
