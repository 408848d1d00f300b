//! Carries out what the lifecycle decided. An effect never fails upwards: failure is an event.

use super::driver::{COUNTED_FOR_US, Driver, Early, Runtime, SAMPLE_EVERY_US};
use super::output::Output;
use super::{Delivery, Verdict, launch};
use hearth_api::platform_event::{Instance, PlatformEvent, Trace, traced};
use hearth_core::billing;
use hearth_core::environment::{
    Action, Event, InitPhase, InitReport, InvocationReport, Moment, Phase, RuntimeDone, Status,
};
use hearth_core::error::ErrorType;
use hearth_core::ids::RequestId;
use hearth_sandbox::SandboxError;

/// How long after the first START memory is looked at, microseconds (ours: short functions are looked at in the end only).
const SAMPLE_SOON_US: u64 = 5_000;

impl Driver {
    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Launch { generation, phase } => self.launch(generation, phase),
            Action::LaunchRuntime => self.launch_runtime(self.machine.generation()),
            Action::InitRuntimeDone(report) => self.init_runtime_done(&report),
            Action::RuntimeDone(done) => self.runtime_done(done),
            Action::LogExtensions => self.log_extensions(),
            Action::Notify(id) => self.notify(id),
            Action::EndRuntime => {
                self.log.telemetry().hurry();
                self.end_runtime();
            }
            Action::KillRuntime => self.kill_runtime(),
            Action::NotifyShutdown { deadline, reason } => self.on_notify_shutdown(deadline, reason),
            Action::LimitCpu => self.limit_cpu(true),
            Action::LogStart(id) => self.log_start(id),
            Action::Dispatch(id) => self.dispatch(id),
            Action::Complete(id, outcome) => self.complete(id, outcome),
            Action::Report(report) => self.report(&report),
            Action::ReportInit(report) => self.report_init(&report),
            Action::LogRestoreStart => {
                // What was printed up to here belongs to Init.
                self.drain();
                self.log.platform(&PlatformEvent::RestoreStart(self.instance()));
            }
            Action::Restore => {
                let waiting = self.restoring.take();
                waiting.into_iter().for_each(|reply| reply.send(Verdict::Accepted).unwrap_or_default());
            }
            Action::RestoreRuntimeDone(report) => {
                self.drain_pipes();
                self.log.platform(&PlatformEvent::RestoreRuntimeDone(report, self.reported_error(report.status)));
            }
            Action::ReportRestore(report) => {
                self.drain();
                self.log.platform(&PlatformEvent::RestoreReport(report, self.reported_error(report.status)));
            }
            Action::Freeze => {
                self.drain();
                self.freeze_due = true;
            }
            // Not frozen yet, and now it will not be.
            Action::Thaw if self.freeze_due => self.freeze_due = false,
            Action::Thaw => {
                self.is_frozen = false;
                let thawed = self.sandbox.thaw();
                self.or_lost("thaw", thawed);
                self.log.telemetry().thaw();
            }
            Action::Arm(at) => self.deadline = Some(at),
            Action::Disarm => self.deadline = None,
            Action::Kill => self.kill(),
            Action::Terminate => {
                self.end_requests();
                self.log.telemetry().end();
                self.api.stop();
                self.inside.stop();
                let in_turn = self.is_frozen && self.jobs.is_empty() && !self.me.is_awaited();
                launch::terminate(&self.node, &self.me, &self.sandbox, in_turn);
            }
        }
    }

    /// What [`Action::Freeze`] has asked for, if it still is to be.
    pub(super) fn freeze_if_due(&mut self) {
        if std::mem::take(&mut self.freeze_due) && self.machine.phase() == Phase::Idle {
            self.log.telemetry().freeze();
            let frozen = self.sandbox.freeze();
            self.is_frozen = frozen.is_ok();
            self.or_lost("freeze", frozen);
            self.follow();
        }
    }

    fn launch(&mut self, generation: u32, phase: InitPhase) {
        self.api.set_generation(generation);
        self.end_requests();
        self.extensions.renew();
        // What is left of the processes before.
        self.drain();
        self.log.renew();
        self.output = Output::default();
        self.result = None;
        self.earlier_init_error = self.init_error.take().filter(|_| phase == InitPhase::Invoke);
        self.exit_text.clear();
        // Both open what is read later: where descriptors are short, that must show before the runtime starts.
        self.sandbox.charged();
        self.sample_memory();
        self.memory.oom_kills_before = self.memory.oom_kills;
        (self.memory.peak_bytes, self.memory.counted) = (0, None);
        self.log.telemetry().open();
        let start = PlatformEvent::InitStart(self.me.function.init_type(), phase, self.instance());
        self.log.platform(&start);
        // Before the runtime can report that it failed.
        self.me.observe(|snapshot| snapshot.coming_up = true);
        self.limit_cpu(!self.node.config.init_at_full_speed);
        if self.extensions.programs.is_empty() {
            self.launch_runtime(generation);
        } else {
            self.launch_extensions(generation);
        }
    }

    fn launch_runtime(&mut self, generation: u32) {
        self.runtime = Runtime::Launching(Early::default());
        launch::start(&self.node, &self.me, &self.sandbox, &self.process, generation);
    }

    fn instance(&self) -> Instance {
        let function = &self.me.function;
        let arn = format!("arn:aws:lambda:{}::runtime:{}", function.key.scope.region, self.tree.version_hash);
        Instance {
            runtime_version: self.tree.version.clone(),
            runtime_version_arn: arn,
            function_name: function.key.name.clone(),
            function_version: function.version.clone(),
            log_stream: self.log_stream.clone(),
            memory_mb: function.memory_mb,
        }
    }

    pub(super) fn limit_cpu(&mut self, limited: bool) {
        if self.cpu_limited != limited {
            self.cpu_limited = limited;
            let done = self.sandbox.limit_cpu(limited.then_some(self.me.function.memory_mb));
            self.or_lost("limit the CPU", done);
        }
    }

    fn log_start(&mut self, id: RequestId) {
        // What was printed up to here belongs to Init, or to the invocation before.
        self.drain();
        self.log.begin();
        let now = self.node.clock.now();
        // At the end of Init: a moment later, because there a caller waits.
        let ago_us = if self.memory.peak_bytes == 0 { SAMPLE_EVERY_US - SAMPLE_SOON_US } else { 0 };
        self.memory.sampled = Moment(now.0.saturating_sub(ago_us));
        let version = self.me.function.version.clone();
        let trace = self.trace(id);
        self.log.platform(&PlatformEvent::Start { request_id: id, version, trace });
        if let Some(job) = self.job(id) {
            job.started = true;
        }
    }

    /// To a connection that still waits, the latest first; if there is none, the runtime's next request gets it.
    fn dispatch(&mut self, id: RequestId) {
        let deadline_ms = self.deadline_ms();
        let Some(invocation) = self.job(id).map(|job| job.invocation.clone()) else { return };
        // Before the runtime can answer.
        self.me.observe(|snapshot| snapshot.expected = Some(id));
        self.spans.dispatched(self.node.clock.now());
        let mut delivery = Ok(Delivery { invocation, deadline_ms });
        while let Some(waiting) = self.parked.pop() {
            match waiting.send(delivery) {
                Ok(()) => {
                    self.dispatched = true;
                    return;
                }
                Err(back) => delivery = back,
            }
        }
    }

    pub(super) fn kill(&mut self) {
        self.end_requests();
        // The dying need CPU time to die.
        self.limit_cpu(false);
        self.log.telemetry().reset();
        if matches!(self.runtime, Runtime::Launching(_)) {
            self.runtime = Runtime::Doomed;
            return;
        }
        self.runtime = Runtime::Absent;
        let killed = self.sandbox.kill_processes();
        self.or_lost("kill the processes", killed);
    }

    /// Who still waits for an event hears that there will be none.
    fn end_requests(&mut self) {
        self.parked.clear();
        self.restoring = None;
        self.asked_early.clear();
        self.extensions.forget_requests();
    }

    /// The runtime is done with an invocation, whatever its extensions do.
    fn runtime_done(&mut self, done: RuntimeDone) {
        self.drain_pipes();
        let (duration_us, produced_bytes, spans) = self.spans.done(self.node.clock.now());
        let (reported, trace) = (self.reported_error(done.status), self.trace(done.request_id));
        self.log.platform(&PlatformEvent::RuntimeDone { done, reported, duration_us, produced_bytes, spans, trace });
        if let Status::Error(fault) = done.status
            && !self.exit_text.is_empty()
        {
            let (request_id, text, error_type) = (done.request_id, self.exit_text.clone(), fault.as_str());
            self.log.platform(&PlatformEvent::Fault { request_id, text, error_type });
        }
    }

    fn report(&mut self, report: &InvocationReport) {
        self.drain();
        if matches!(self.runtime, Runtime::Running(_)) {
            self.sample_memory_if_moved(COUNTED_FOR_US);
        }
        let memory_mb = self.me.function.memory_mb;
        let used_mb = self.memory.peak_bytes.div_ceil(1 << 20).clamp(1, u64::from(memory_mb));
        let id = report.request_id;
        self.log.platform(&PlatformEvent::End(id));
        let with_extensions = !self.machine.extensions().all().is_empty();
        self.log.platform(&PlatformEvent::Report {
            report: *report,
            reported: self.reported_error(report.status),
            billed_ms: billing::billed_ms(self.node.config.billing, report.duration_us, report.cold_start),
            memory_mb: (memory_mb, used_mb),
            spans: self.spans.over(self.node.clock.now(), with_extensions),
            trace: self.trace(id),
        });
        self.finish(id);
    }

    fn init_runtime_done(&mut self, report: &InitReport) {
        self.drain_pipes();
        self.log.platform(&PlatformEvent::InitRuntimeDone(*report, self.reported_error(report.status)));
    }

    fn report_init(&mut self, report: &InitReport) {
        self.drain();
        self.log.platform(&PlatformEvent::InitReport(*report, self.reported_error(report.status)));
        self.log.telemetry().close();
    }

    fn trace(&self, id: RequestId) -> Trace {
        let job = self.jobs.iter().find(|job| job.invocation.request_id == id)?;
        traced(job.invocation.trace_id.as_deref())
    }

    /// The type of what the runtime has reported from its Init or Restore, if that is how it ended.
    fn reported_error(&self, status: Status) -> Option<String> {
        if status != Status::InitError {
            return None;
        }
        let said = self.init_error.as_ref().or(self.earlier_init_error.as_ref());
        Some(said.map_or(ErrorType::RuntimeUnknown.as_str(), |(error_type, _)| error_type).to_owned())
    }

    /// What the processes have printed up to now becomes log events.
    pub(super) fn drain(&mut self) {
        self.drain_pipes();
        self.log.end_lines();
    }

    /// The same, and what has no end yet may go on.
    fn drain_pipes(&mut self) {
        self.output.drain(&mut self.log);
    }

    pub(super) fn or_lost(&mut self, what: &str, done: Result<(), SandboxError>) {
        if let Err(error) = done {
            tracing::error!(error = launch::chain(&error), environment = self.me.id, what, "the sandbox does not obey");
            self.follow_up.push_back(Event::Lost);
        }
    }
}
