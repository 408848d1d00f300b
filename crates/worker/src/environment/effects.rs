//! Carries out what the lifecycle decided. An effect never fails upwards: failure is an event.

use super::driver::{Driver, Early, InitError, Runtime};
use super::output::Output;
use super::{Delivery, launch};
use hearth_api::platform_event::{Instance, PlatformEvent};
use hearth_core::billing;
use hearth_core::environment::{Action, Event, InitPhase, InitReport, InvocationReport};
use hearth_core::error::ErrorType;
use hearth_core::ids::RequestId;
use hearth_sandbox::SandboxError;

impl Driver {
    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Launch { generation, phase } => self.launch(generation, phase),
            Action::LaunchRuntime => self.launch_runtime(self.machine.generation()),
            Action::LogExtensions => self.log_extensions(),
            Action::Notify(id) => self.notify(id),
            Action::EndRuntime => self.end_runtime(),
            Action::KillRuntime => self.kill_runtime(),
            Action::NotifyShutdown { deadline, reason } => self.notify_shutdown(deadline, reason),
            Action::LimitCpu => self.limit_cpu(true),
            Action::LogStart(id) => self.log_start(id),
            Action::Dispatch(id) => self.dispatch(id),
            Action::Complete(id, outcome) => self.complete(id, outcome),
            Action::Report(report) => self.report(&report),
            Action::ReportInit(report) => self.report_init(&report),
            Action::Freeze => {
                self.drain();
                let frozen = self.sandbox.freeze();
                self.or_lost("freeze", frozen);
            }
            Action::Thaw => {
                let thawed = self.sandbox.thaw();
                self.or_lost("thaw", thawed);
            }
            Action::Arm(at) => self.deadline = Some(at),
            Action::Disarm => self.deadline = None,
            Action::Kill => self.kill(),
            Action::Terminate => {
                self.end_requests();
                self.api.stop();
                self.inside.stop();
                launch::terminate(&self.me, &self.sandbox);
            }
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
        self.sample_memory();
        self.memory.oom_kills_before = self.memory.oom_kills;
        self.memory.peak_bytes = 0;
        if phase == InitPhase::Init {
            self.log_init_start();
        }
        self.limit_cpu(false);
        if self.extensions.programs.is_empty() {
            self.launch_runtime(generation);
        } else {
            self.launch_extensions(generation);
        }
    }

    fn launch_runtime(&mut self, generation: u32) {
        self.runtime = Runtime::Launching(Early::default());
        launch::start(&self.me, &self.sandbox, &self.process, generation);
    }

    fn log_init_start(&mut self) {
        let function = &self.me.function;
        let arn = format!("arn:aws:lambda:{}::runtime:{}", function.key.scope.region, self.tree.version_hash);
        self.log.platform(&PlatformEvent::init_start(Instance {
            runtime_version: &self.tree.version,
            runtime_version_arn: &arn,
            function_name: &function.key.name,
            function_version: &function.version,
            log_stream: &self.log_stream,
            memory_mb: function.memory_mb,
        }));
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
        self.memory.sampled = self.node.clock.now();
        let version = &self.me.function.version;
        self.log.platform(&PlatformEvent::Start { request_id: id, version });
        if let Some(job) = self.job(id) {
            job.started = true;
        }
        // At the end of Init; later starts are in the caller's path.
        if self.memory.peak_bytes == 0 {
            self.sample_memory();
        }
    }

    /// To a connection that still waits, the latest first; if there is none, the runtime's next request gets it.
    fn dispatch(&mut self, id: RequestId) {
        let deadline_ms = self.deadline_ms();
        let Some(invocation) = self.job(id).map(|job| job.invocation.clone()) else { return };
        // Before the runtime can answer.
        self.me.observe(|snapshot| snapshot.expected = Some(id));
        let mut delivery = Ok(Delivery { invocation, deadline_ms });
        while let Some(waiting) = self.parked.pop() {
            match waiting.send(delivery) {
                Ok(()) => return,
                Err(back) => delivery = back,
            }
        }
    }

    pub(super) fn kill(&mut self) {
        self.end_requests();
        // The dying need CPU time to die.
        self.limit_cpu(false);
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
        self.asked_early.clear();
        self.extensions.forget_requests();
    }

    fn report(&mut self, report: &InvocationReport) {
        self.drain();
        if matches!(self.runtime, Runtime::Running(_)) {
            self.sample_memory();
        }
        let rule = self.node.config.billing;
        let memory_mb = self.me.function.memory_mb;
        let used_mb = self.memory.peak_bytes.div_ceil(1 << 20).clamp(1, u64::from(memory_mb));
        let id = report.request_id;
        let produced_bytes = self.produced_bytes.take();
        let init_error = error_type(self.init_error.as_ref().or(self.earlier_init_error.as_ref()));
        self.log.platform(&PlatformEvent::runtime_done(report, produced_bytes, init_error));
        let billed_ms = billing::billed_ms(rule, report.duration_us, report.init_us);
        self.log.platform(&PlatformEvent::report(report, billed_ms, memory_mb, used_mb, init_error));
        self.log.flush();
        self.finish(id);
    }

    fn report_init(&mut self, report: &InitReport) {
        self.drain();
        let init_error = error_type(self.init_error.as_ref().or(self.earlier_init_error.as_ref()));
        self.log.platform(&PlatformEvent::init_runtime_done(report, init_error));
        self.log.platform(&PlatformEvent::init_report(report, init_error));
    }

    /// What the processes have printed up to now becomes log events.
    pub(super) fn drain(&mut self) {
        self.output.drain(&mut self.log);
        self.log.end_lines();
    }

    pub(super) fn or_lost(&mut self, what: &str, done: Result<(), SandboxError>) {
        if let Err(error) = done {
            tracing::error!(error = launch::chain(&error), environment = self.me.id, what, "the sandbox does not obey");
            self.follow_up.push_back(Event::Lost);
        }
    }
}

/// The type of what a runtime reported from its Init.
fn error_type(said: Option<&InitError>) -> &str {
    said.map_or(ErrorType::RuntimeUnknown.as_str(), |(error_type, _)| error_type)
}
