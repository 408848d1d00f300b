//! From one step of the lifecycle to the next: launches, the event handed out, what a report says.

use super::{
    Action, Answer, Asked, Call, ColdStart, ExecutionEnvironment, InitPhase, InitType, InvocationReport, Moment, Phase,
    RuntimeDone, Stage, Status, Step,
};

impl ExecutionEnvironment {
    pub(super) fn launch(&mut self, phase: InitPhase, deadline: Moment, out: &mut Vec<Action>) -> Step {
        self.generation = self.generation.wrapping_add(1);
        self.fatal = None;
        self.extensions.launch();
        out.extend([Action::Arm(deadline), Action::Launch { generation: self.generation, phase }]);
        self.runtime = self.extensions.have_registered();
        if self.runtime { Step::Loading } else { Step::Registering }
    }

    /// Init inside an invocation: it counts as Duration, not as Init Duration.
    pub(super) fn launch_inside(&mut self, now: Moment, call: Call, out: &mut Vec<Action>) -> Phase {
        let deadline = now.plus_ms(call.timeout_ms);
        self.cold_start = None;
        let step = self.launch(InitPhase::Invoke, deadline, out);
        Phase::Invoke { call, deadline, started: now, stage: Stage::Init { step } }
    }

    /// Init in a phase of its own.
    pub(super) fn launch_ahead(&mut self, now: Moment, waiting: Option<Call>, out: &mut Vec<Action>) -> Phase {
        let deadline = now.plus_ms(self.init_max_ms);
        let step = self.launch(InitPhase::Init, deadline, out);
        Phase::Init { deadline, started: now, step, waiting }
    }

    /// The runtime has loaded the function.
    pub(super) fn loaded(
        &mut self,
        now: Moment,
        (deadline, started): (Moment, Moment),
        asked: Asked,
        waiting: Option<Call>,
        out: &mut Vec<Action>,
    ) -> Phase {
        self.extensions.close();
        self.init_runtime_done(InitPhase::Init, now.since(started), Status::Success, out);
        if self.extensions.are_ready() {
            self.initialised(now, started, asked, waiting, out)
        } else {
            Phase::Init { deadline, started, step: Step::Waiting(asked), waiting }
        }
    }

    /// Everybody has asked for the first event, or the runtime to be restored.
    pub(super) fn initialised(
        &mut self,
        now: Moment,
        started: Moment,
        asked: Asked,
        waiting: Option<Call>,
        out: &mut Vec<Action>,
    ) -> Phase {
        let duration_us = now.since(started);
        self.report_init(InitPhase::Init, duration_us, Status::Success, out);
        match self.init_type {
            InitType::OnDemand => self.ready(now, ColdStart::Init(duration_us), waiting, out),
            InitType::SnapStart => self.restore(now, asked, waiting, out),
        }
    }

    /// The environment has come up.
    pub(super) fn ready(
        &mut self,
        now: Moment,
        cold_start: ColdStart,
        waiting: Option<Call>,
        out: &mut Vec<Action>,
    ) -> Phase {
        self.cold_start = Some(cold_start);
        match waiting {
            Some(call) => self.begin(now, call, None, out),
            None => self.rest(now, out),
        }
    }

    /// Nothing to do: frozen, unless it is to end.
    pub(super) fn rest(&mut self, now: Moment, out: &mut Vec<Action>) -> Phase {
        if self.retiring {
            return self.leave(now, self.phase, None, out);
        }
        out.extend([Action::Disarm, Action::Freeze]);
        Phase::Idle
    }

    /// Hands the event to those who wait for it.
    pub(super) fn begin(&mut self, now: Moment, call: Call, thaw: Option<Action>, out: &mut Vec<Action>) -> Phase {
        let deadline = now.plus_ms(call.timeout_ms);
        out.push(Action::Arm(deadline));
        let stage = self.start(call, thaw, out);
        Phase::Invoke { call, deadline, started: now, stage }
    }

    /// Init inside an invocation is over: on with what it was for.
    pub(super) fn started(&mut self, now: Moment, started: Moment, call: Call, out: &mut Vec<Action>) -> Stage {
        self.report_init(InitPhase::Invoke, now.since(started), Status::Success, out);
        self.start(call, None, out)
    }

    /// START comes before the thaw: what unfinished work prints once it runs again belongs to this invocation.
    pub(super) fn start(&mut self, call: Call, thaw: Option<Action>, out: &mut Vec<Action>) -> Stage {
        let id = call.request_id;
        out.extend([Action::LogStart(id), Action::LimitCpu]);
        out.extend(thaw);
        if self.extensions.begin_invoke() {
            out.push(Action::Notify(id));
        }
        out.push(Action::Dispatch(id));
        Stage::Running
    }

    /// Everybody who got the event has asked for the next one.
    pub(super) fn finished(
        &mut self,
        now: Moment,
        call: Call,
        started: Moment,
        answer: Answer,
        out: &mut Vec<Action>,
    ) -> Phase {
        out.push(Action::Report(self.report(call, now.since(started), answer.status())));
        self.rest(now, out)
    }

    /// Tells the caller, if nobody has yet, and prepares the report.
    pub(super) fn fail(
        &mut self,
        call: Call,
        duration_us: u64,
        stage: Stage,
        status: Status,
        out: &mut Vec<Action>,
    ) -> InvocationReport {
        let outcome = status.outcome();
        let status = match stage {
            // The first fatal error wins.
            Stage::Init { step: Step::Reported } if status != Status::Timeout => Status::InitError,
            Stage::Init { .. }
            | Stage::Running
            | Stage::Responding
            | Stage::Answered { .. }
            | Stage::Extensions { .. } => status,
        };
        if let Stage::Init { step } = stage {
            self.fail_init(InitPhase::Invoke, step, duration_us, status, out);
            out.push(Action::LogStart(call.request_id));
        }
        if !stage.is_answered() {
            out.push(Action::Complete(call.request_id, outcome));
        }
        // Who is waited for after the runtime has said so.
        if !matches!(stage, Stage::Extensions { .. }) {
            out.push(Action::RuntimeDone(RuntimeDone { request_id: call.request_id, status }));
        }
        self.report(call, duration_us, status)
    }

    pub(super) fn report(&mut self, call: Call, duration_us: u64, status: Status) -> InvocationReport {
        let duration_us = duration_us.min(call.timeout_ms.saturating_mul(1_000));
        InvocationReport { request_id: call.request_id, duration_us, cold_start: self.cold_start.take(), status }
    }
}
