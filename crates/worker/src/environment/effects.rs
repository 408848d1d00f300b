//! Carries out what the lifecycle decided. An effect never fails upwards: failure is an event.

use super::driver::{Driver, Runtime};
use super::output::Output;
use super::{Delivery, launch};
use crate::clock::wall_ms;
use hearth_core::environment::{Action, Event, InitPhase, InitReport, InvocationReport};
use hearth_core::ids::RequestId;
use hearth_core::report;
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
        self.output = Output::default();
        self.result = None;
        self.earlier_init_error = self.init_error.take().filter(|_| phase == InitPhase::Invoke);
        self.exit_text.clear();
        self.sample_memory();
        self.memory.oom_kills_before = self.memory.oom_kills;
        self.memory.peak_bytes = 0;
        if phase == InitPhase::Init {
            let region = &self.me.function.key.scope.region;
            let arn = format!("arn:aws:lambda:{region}::runtime:{}", self.tree.version_hash);
            self.log.platform(report::init_start(&self.tree.version, &arn));
        }
        self.limit_cpu(false);
        if self.extensions.programs.is_empty() {
            self.launch_runtime(generation);
        } else {
            self.launch_extensions(generation);
        }
    }

    fn launch_runtime(&mut self, generation: u32) {
        self.runtime = Runtime::Launching { early: Vec::new(), exits: Vec::new() };
        launch::start(&self.me, &self.sandbox, &self.process, generation);
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
        self.log.platform(report::start(id, &self.me.function.version));
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
        let left_us = self.deadline.map_or(0, |deadline| deadline.since(self.node.clock.now()));
        let deadline_ms = wall_ms().saturating_add(i64::try_from(left_us / 1_000).unwrap_or(i64::MAX));
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
        if matches!(self.runtime, Runtime::Launching { .. }) {
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
        self.log.platform(report::end(report.request_id));
        self.log.platform(report::report(report, rule, memory_mb, used_mb, self.init_error_type()));
        self.log.flush();
        self.finish(report.request_id);
    }

    fn report_init(&mut self, report: &InitReport) {
        self.drain();
        let line = report::init_report(report, self.init_error_type());
        self.log.platform(line);
    }

    fn init_error_type(&self) -> &str {
        let said = self.init_error.as_ref().or(self.earlier_init_error.as_ref());
        said.map_or("Runtime.Unknown", |(error_type, _)| error_type)
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
