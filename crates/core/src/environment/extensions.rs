//! What extensions do to the lifecycle: their calls, once the registry has allowed them, and the ends of their processes.

use super::{Action, Event, ExecutionEnvironment, InitPhase, InitReport, Moment, Phase, Stage, Status, Step, Turn};
use crate::error::ErrorType;
use crate::extension::{ExtensionId, Extensions, Failure, Refusal};
use crate::telemetry::Api;

impl ExecutionEnvironment {
    /// Who has registered, and where they stand.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// An extension registers under an identifier of its own, which nobody else has had.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; nothing has changed.
    pub fn register(
        &mut self,
        now: Moment,
        name: &str,
        events: &[String],
        id: ExtensionId,
        out: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        self.extensions.register(name, events, id)?;
        if self.extensions.have_registered() {
            self.follow(now, Event::Registered, out);
        }
        Ok(())
    }

    /// An extension wants to subscribe: possible until Init is over. Gives its name.
    ///
    /// # Errors
    ///
    /// [`Refusal`]
    pub fn subscriber(&self, id: ExtensionId, api: Api) -> Result<&str, Refusal> {
        let extension = self.extensions.of(id)?;
        match self.phase {
            Phase::Init { .. } | Phase::Invoke { stage: Stage::Init { .. }, .. } => Ok(extension.name()),
            Phase::Cold
            | Phase::Restore { .. }
            | Phase::Idle
            | Phase::Invoke { .. }
            | Phase::Stopping { .. }
            | Phase::Reset { .. }
            | Phase::Shutdown { .. }
            | Phase::Gone => Err(Refusal::SubscriptionClosed(api)),
        }
    }

    /// An extension asks for its next event.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; nothing has changed.
    pub fn extension_next(&mut self, now: Moment, id: ExtensionId, out: &mut Vec<Action>) -> Result<(), Refusal> {
        self.extensions.next(id)?;
        match self.phase {
            Phase::Init { .. } | Phase::Invoke { stage: Stage::Init { .. }, .. } if self.extensions.are_ready() => {
                self.follow(now, Event::ExtensionsReady, out);
            }
            Phase::Invoke { stage: Stage::Extensions { .. }, .. } if self.extensions.have_finished() => {
                self.follow(now, Event::ExtensionsReady, out);
            }
            // It was busy when the others were told.
            Phase::Stopping { over, turn: Turn::Extensions, ending, .. } if self.extensions.begin_shutdown() => {
                out.push(Action::NotifyShutdown { deadline: over, reason: ending.reason });
            }
            Phase::Cold
            | Phase::Init { .. }
            | Phase::Restore { .. }
            | Phase::Idle
            | Phase::Invoke { .. }
            | Phase::Stopping { .. }
            | Phase::Reset { .. }
            | Phase::Shutdown { .. }
            | Phase::Gone => {}
        }
        Ok(())
    }

    /// An extension reports that it has failed. What that leads to, its end does.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; nothing has changed.
    pub fn extension_failed(&mut self, id: ExtensionId, failure: Failure, error_type: &str) -> Result<(), Refusal> {
        self.extensions.failed(id, failure, error_type)?;
        let runtime_first = matches!(
            self.phase,
            Phase::Init { step: Step::Reported, .. }
                | Phase::Invoke { stage: Stage::Init { step: Step::Reported }, .. }
                | Phase::Stopping { .. }
        );
        if !runtime_first {
            self.fatal.get_or_insert(match failure {
                Failure::Init => ErrorType::ExtensionInitError,
                Failure::Exit => ErrorType::ExtensionExitError,
            });
        }
        Ok(())
    }

    /// The external extension at this place of the launch order could not be launched.
    pub fn extension_not_launched(
        &mut self,
        now: Moment,
        generation: u32,
        index: usize,
        error_type: &str,
        out: &mut Vec<Action>,
    ) {
        if generation == self.generation {
            self.extensions.not_launched(index, error_type);
            self.follow(now, Event::ExtensionFailed { generation, fault: ErrorType::ExtensionLaunchError }, out);
        }
    }

    /// The process of the external extension at this place of the launch order has ended, with exit code 0 or not.
    pub fn extension_exited(&mut self, now: Moment, generation: u32, index: usize, well: bool, out: &mut Vec<Action>) {
        if generation != self.generation {
            return;
        }
        if let Phase::Stopping { turn, .. } = self.phase {
            self.extensions.ended_in_shutdown(index, well);
            if turn == Turn::Extensions && !self.extensions.are_awaited() {
                self.follow(now, Event::ExtensionsEnded, out);
            }
            return;
        }
        self.extensions.ended(index);
        self.follow(now, Event::ExtensionFailed { generation, fault: ErrorType::ExtensionCrash }, out);
    }

    /// Where the phase does not allow what follows, nothing does.
    fn follow(&mut self, now: Moment, event: Event, out: &mut Vec<Action>) {
        self.handle(now, event, out).unwrap_or_default();
    }

    /// The first fatal error wins.
    pub(super) fn first(&mut self, fault: ErrorType) -> ErrorType {
        self.fatal.take().unwrap_or(fault)
    }

    pub(super) fn launch_runtime(&mut self, out: &mut Vec<Action>) -> Step {
        self.runtime = true;
        out.push(Action::LaunchRuntime);
        Step::Loading
    }

    /// The runtime says that Init failed: what an extension has said before goes first.
    pub(super) const fn reported(&self) -> Step {
        if self.fatal.is_some() { Step::Loading } else { Step::Reported }
    }

    pub(super) fn log_extensions(&self, out: &mut Vec<Action>) {
        if !self.extensions.all().is_empty() {
            out.push(Action::LogExtensions);
        }
    }

    /// The runtime's part of Init is over.
    pub(super) fn init_runtime_done(&self, phase: InitPhase, duration_us: u64, status: Status, out: &mut Vec<Action>) {
        out.push(Action::InitRuntimeDone(InitReport { init_type: self.init_type, phase, duration_us, status }));
    }

    /// Init is over before its time, in this step of it.
    pub(super) fn fail_init(
        &self,
        phase: InitPhase,
        step: Step,
        duration_us: u64,
        status: Status,
        out: &mut Vec<Action>,
    ) {
        // Who waits has been done, and well.
        if !matches!(step, Step::Waiting(_)) {
            self.init_runtime_done(phase, duration_us, status, out);
        }
        self.report_init(phase, duration_us, status, out);
    }

    pub(super) fn report_init(&self, phase: InitPhase, duration_us: u64, status: Status, out: &mut Vec<Action>) {
        self.log_extensions(out);
        out.push(Action::ReportInit(InitReport { init_type: self.init_type, phase, duration_us, status }));
    }
}
