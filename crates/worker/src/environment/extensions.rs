//! The extensions of one environment as its task sees them: processes, requests that wait, and the events for them.

use super::driver::{Driver, Early, Runtime};
use super::launch;
use crate::clock::wall_ms;
use crate::logs::Source;
use crate::payload;
use hearth_api::platform_event::PlatformEvent;
use hearth_core::environment::{Event, Moment, Phase, Reason};
use hearth_core::extension::{ExtensionId, Failure, Refusal};
use hearth_core::ids::RequestId;
use hearth_core::telemetry::{Api, Subscription};
use hearth_sandbox::{ExitStatus, ProcessId, ProcessSpec, SandboxError, StartedProcess, is_shortage};
use std::collections::HashMap;
use tokio::sync::oneshot;
use uuid::Uuid;

/// The same numbers on every Linux.
pub(super) const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// An event of the Extensions API.
#[derive(Clone, Debug)]
pub(crate) enum Notice {
    Invoke {
        /// When it must be over, epoch milliseconds.
        deadline_ms: i64,
        request_id: RequestId,
        invoked_function_arn: String,
        trace_id: Option<String>,
    },
    Shutdown {
        /// When the process must have ended, epoch milliseconds.
        deadline_ms: i64,
        reason: Reason,
    },
}

/// Who waits for the answer to a call.
pub(crate) type ReplyTo<T> = oneshot::Sender<Result<T, Refusal>>;

/// A call of the Extensions API.
#[derive(Debug)]
pub(crate) enum Call {
    Register { name: String, events: Vec<String>, reply: ReplyTo<ExtensionId> },
    Next { id: ExtensionId, reply: ReplyTo<Notice> },
    MaySubscribe { id: ExtensionId, api: Api, reply: ReplyTo<()> },
    Subscribe { id: ExtensionId, subscription: Subscription, reply: ReplyTo<()> },
    Fail { id: ExtensionId, failure: Failure, error_type: String, reply: ReplyTo<()> },
}

/// What came of launching the external extensions, in their order; the first that fails is the last.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(super) started: Vec<StartedProcess>,
    pub(super) failed: Option<LaunchFailure>,
}

/// Why an external extension does not run.
#[derive(Debug)]
pub(super) enum LaunchFailure {
    /// There are more files than there may be extensions.
    TooMany,
    /// The sandbox has not started it.
    NotStarted(SandboxError),
}

impl LaunchFailure {
    /// The error type in the log and what the caller reads, if it is the extension's own fault.
    fn told(&self) -> Option<(&'static str, String)> {
        match self {
            Self::TooMany => Some(("TooManyExtensions", Refusal::TooMany.to_string())),
            Self::NotStarted(SandboxError::NoProgram { reason, .. }) => {
                // The path, then the kernel's answer, which AWS prints in Go's words: "permission denied".
                let (path, cause) = reason.rsplit_once(": ").unwrap_or(("", reason));
                let cause = cause.split(" (os error").next().unwrap_or_default().to_lowercase();
                let error_type = if cause == "permission denied" { "PermissionDenied" } else { "UnknownError" };
                Some((error_type, format!("fork/exec {path}: {cause}")))
            }
            Self::NotStarted(_) => None,
        }
    }

    /// What there is too little of, if that is why.
    fn shortage(&self) -> Option<String> {
        let Self::NotStarted(error) = self else { return None };
        is_shortage(error).then(|| launch::chain(error))
    }
}

/// External extensions to launch, and what is known of those that are.
#[derive(Debug, Default)]
pub(super) struct Processes {
    /// In the order of their launch.
    pub(super) programs: Vec<ProcessSpec>,
    /// In the same order; `None` once ended.
    running: Vec<Option<ProcessId>>,
    /// Requests for the next event.
    parked: HashMap<ExtensionId, ReplyTo<Notice>>,
}

impl Processes {
    pub(super) fn new(programs: Vec<ProcessSpec>) -> Self {
        Self { programs, ..Self::default() }
    }

    /// Nobody is left of the generation before.
    pub(super) fn renew(&mut self) {
        self.running.clear();
        self.parked.clear();
    }

    /// Whoever waits is going: the connection ends.
    pub(super) fn forget_requests(&mut self) {
        self.parked.clear();
    }

    fn place(&self, process: ProcessId) -> Option<usize> {
        self.running.iter().position(|running| *running == Some(process))
    }
}

impl Driver {
    pub(super) fn on_extension_call(&mut self, call: Call) {
        match call {
            Call::Register { name, events, reply } => {
                let id = ExtensionId(Uuid::new_v4().as_u128());
                let done = self.drive(|machine, now, out| machine.register(now, &name, &events, id, out));
                reply.send(done.map(|()| id)).unwrap_or_default();
            }
            Call::Next { id, reply } => self.on_extension_next(id, reply),
            Call::MaySubscribe { id, api, reply } => {
                reply.send(self.machine.subscriber(id, api).map(drop)).unwrap_or_default();
            }
            Call::Subscribe { id, subscription, reply } => {
                reply.send(self.on_subscribe(id, subscription)).unwrap_or_default();
            }
            Call::Fail { id, failure, error_type, reply } => {
                let done = self.drive(|machine, _, _| machine.extension_failed(id, failure, &error_type));
                reply.send(done).unwrap_or_default();
            }
        }
    }

    fn on_extension_next(&mut self, id: ExtensionId, reply: ReplyTo<Notice>) {
        // Parked first: what follows from it may be an event for it.
        let earlier = self.extensions.parked.insert(id, reply);
        let Err(refusal) = self.drive(|machine, now, out| machine.extension_next(now, id, out)) else { return };
        let refused = self.extensions.parked.remove(&id);
        refused.into_iter().for_each(|reply| reply.send(Err(refusal.clone())).unwrap_or_default());
        // One that waits already goes on waiting.
        self.extensions.parked.extend(earlier.map(|reply| (id, reply)));
    }

    pub(super) fn launch_extensions(&mut self, generation: u32) {
        self.runtime = Runtime::Launching(Early::default());
        launch::start_extensions(&self.node, &self.me, &self.sandbox, &self.extensions.programs, generation);
    }

    pub(super) fn on_extensions_launched(&mut self, generation: u32, launched: Launch) {
        let Some(waiting) = self.launched(generation) else { return };
        let Launch { started, failed } = launched;
        for (place, StartedProcess { process, stdout, stderr, .. }) in (0u8..).zip(started) {
            self.extensions.running.push(Some(process));
            let source = |error| Source::Extension { place, error };
            if let Err(error) = self.output.connect([(source(false), stdout), (source(true), stderr)]) {
                tracing::error!(%error, environment = self.me.id, "the output of an extension cannot be read");
                self.short_of = is_shortage(&error).then(|| error.to_string());
                return self.feed(Event::Lost);
            }
        }
        self.catch_up(waiting);
        if let Some(failure) = failed {
            self.on_extension_not_launched(generation, &failure);
        }
    }

    fn on_extension_not_launched(&mut self, generation: u32, failure: &LaunchFailure) {
        let place = self.extensions.running.len();
        let Some((error_type, text)) = failure.told() else {
            tracing::error!(?failure, environment = self.me.id, "an extension could not be started");
            self.short_of = failure.shortage();
            return self.feed(Event::Lost);
        };
        self.exit_text = text;
        self.drive(|machine, now, out| machine.extension_not_launched(now, generation, place, error_type, out));
    }

    /// Whether the process that ended was an extension's.
    pub(super) fn on_extension_exit(&mut self, process: ProcessId, status: ExitStatus) -> bool {
        let Some(place) = self.extensions.place(process) else { return false };
        if let Some(running) = self.extensions.running.get_mut(place) {
            *running = None;
        }
        if !matches!(self.machine.phase(), Phase::Stopping { .. } | Phase::Reset { .. }) {
            self.exit_text = payload::extension_exit_text(status);
        }
        let (generation, well) = (self.machine.generation(), status == ExitStatus::Code(0));
        self.drive(|machine, now, out| machine.extension_exited(now, generation, place, well, out));
        true
    }

    pub(super) fn log_extensions(&mut self) {
        self.drain();
        for extension in self.machine.extensions().all() {
            self.log.platform(&PlatformEvent::Extension(extension.clone()));
        }
    }

    /// The invocation, to those that run and wait.
    pub(super) fn notify(&mut self, id: RequestId) {
        let deadline_ms = self.deadline_ms();
        let Some(invocation) = self.job(id).map(|job| &job.invocation) else { return };
        let notice = Notice::Invoke {
            deadline_ms,
            request_id: id,
            invoked_function_arn: invocation.invoked_function_arn.clone(),
            trace_id: invocation.trace_id.clone(),
        };
        self.tell_extensions(&notice);
    }

    /// The end, to those that run and wait; who does not want to hear of it is killed.
    pub(super) fn notify_shutdown(&mut self, deadline: Moment, reason: Reason) {
        self.tell_extensions(&Notice::Shutdown { deadline_ms: self.epoch_ms(deadline), reason });
        let running = &self.extensions.running;
        let unheard = self.machine.extensions().without_shutdown();
        let unheard: Vec<_> = unheard.filter_map(|place| running.get(place).copied().flatten()).collect();
        for process in unheard {
            let killed = self.sandbox.signal(process, SIGKILL);
            self.or_lost("kill an extension", killed);
        }
    }

    fn tell_extensions(&mut self, notice: &Notice) {
        let parked = &mut self.extensions.parked;
        for reply in self.machine.extensions().running().filter_map(|id| parked.remove(&id)) {
            // Whose connection is gone has missed it.
            reply.send(Ok(notice.clone())).unwrap_or_default();
        }
    }

    pub(super) fn end_runtime(&mut self) {
        self.signal_runtime("end the runtime", SIGTERM);
    }

    pub(super) fn kill_runtime(&mut self) {
        self.signal_runtime("kill the runtime", SIGKILL);
    }

    fn signal_runtime(&mut self, what: &str, signal: i32) {
        if let Runtime::Running(process) = self.runtime {
            let signalled = self.sandbox.signal(process, signal);
            self.or_lost(what, signalled);
        }
    }

    /// When the phase must be over.
    pub(super) fn deadline_ms(&self) -> i64 {
        self.deadline.map_or_else(wall_ms, |deadline| self.epoch_ms(deadline))
    }

    fn epoch_ms(&self, moment: Moment) -> i64 {
        let left_us = moment.since(self.node.clock.now());
        wall_ms().saturating_add(i64::try_from(left_us / 1_000).unwrap_or(i64::MAX))
    }
}
