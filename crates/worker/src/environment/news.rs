//! What reaches the environment's task, turned into events of the lifecycle: messages from the pool and the Runtime API,
//! news of the sandbox.

use super::driver::{Driver, Early, Runtime};
use super::extensions::SIGKILL;
use super::{Begun, During, Job, Message, Pieces, Reply, RuntimeResult, Verdict, launch};
use crate::logs::Source;
use crate::payload;
use bytes::Bytes;
use hearth_core::environment::{Asked, Call, Event, Phase, Stage, Step};
use hearth_core::error::ErrorType;
use hearth_core::ids::RequestId;
use hearth_sandbox::{ExitStatus, ProcessId, SandboxError, SandboxEvent, StartedProcess, is_shortage};
use tokio::sync::oneshot;

impl Driver {
    pub(super) fn on_message(&mut self, message: Message) {
        let responding = matches!(self.machine.phase(), Phase::Invoke { stage: Stage::Responding, .. });
        let message = match (&mut self.runtime, message) {
            // A fast runtime asks for its event before we have heard that it runs: its output is not connected yet.
            (
                Runtime::Launching(early),
                message @ (Message::Next { .. }
                | Message::RestoreNext { .. }
                | Message::Failed { .. }
                | Message::Extension { .. }),
            ) => return early.messages.push(message),
            // Its answer has broken off, and we have not heard whether it lives: RIE refuses, but for an instant only.
            (_, message @ Message::Next { .. }) if responding => return self.asked_early.push(message),
            (_, message) => message,
        };
        match message {
            Message::Invoke(job) => self.on_invoke(job),
            Message::Next { generation, reply } if generation == self.machine.generation() => {
                self.parked.retain(|waiting| !waiting.is_closed());
                self.parked.push(reply);
                if self.try_feed(Event::Next).is_err() {
                    let verdict = Verdict::InvalidTransition { from: self.runtime_state(), to: "Ready" };
                    if let Some(reply) = self.parked.pop() {
                        reply.send(Err(verdict)).unwrap_or_default();
                    }
                }
            }
            Message::RestoreNext { generation, reply } if generation == self.machine.generation() => {
                self.on_restore_next(reply);
            }
            // A connection of a generation that is gone: it ends with its answer.
            Message::Next { .. } | Message::RestoreNext { .. } => {}
            Message::Respond { generation, request_id, answer, result, reply } => {
                let respond = Event::Respond { request_id, answer };
                reply.send(self.on_respond(generation, request_id, respond, result)).unwrap_or_default();
            }
            Message::RespondBegin { generation, request_id, reply } => {
                // Nobody there any more: there will be no end either, the invocation waits for its deadline.
                reply.send(self.on_respond_begin(generation, request_id)).unwrap_or_default();
            }
            Message::RespondEnd { generation, request_id, answer, result, reply } => {
                let end = Event::RespondEnd { request_id, answer };
                reply.send(self.on_respond(generation, request_id, end, result)).unwrap_or_default();
                std::mem::take(&mut self.asked_early).into_iter().for_each(|message| self.on_message(message));
            }
            Message::Failed { generation, during, error_type, payload, reply } => {
                let verdict = self.on_failed(generation, during, error_type, payload);
                reply.send(verdict).unwrap_or_default();
            }
            Message::Extension { generation, call } if generation == self.machine.generation() => {
                self.on_extension_call(call);
            }
            Message::Extension { .. } => {}
            Message::ExtensionsLaunched { generation, launched } => self.on_extensions_launched(generation, launched),
            Message::Telemetry(delivered) => self.log.telemetry().on_delivered(delivered),
            Message::Launched { generation, result } => self.on_launched(generation, result),
            Message::Retire => self.retire(),
            Message::Stop => self.feed(Event::Stop),
            Message::Terminated => {
                self.drain();
                self.feed(Event::Terminated);
            }
        }
    }

    fn retire(&mut self) {
        // If it was idle; if not, an invocation is on its way and will be sent elsewhere.
        self.pool.withdraw(&self.me);
        self.feed(Event::Retire);
    }

    fn on_invoke(&mut self, mut job: Job) {
        (self.offered, self.handed_over) = (false, false);
        let timeout_ms = u64::from(self.me.function.timeout_s) * 1_000;
        let call = Call { request_id: job.invocation.request_id, timeout_ms };
        // Known before it is fed: its effects need it.
        let reply = job.reply.take();
        let id = call.request_id;
        self.jobs.push(Job { reply, ..job });
        if self.try_feed(Event::Invoke(call)).is_err() {
            let at = self.jobs.iter().position(|job| job.invocation.request_id == id);
            if let Some(Job { invocation, reply: Some(reply), .. }) = at.map(|at| self.jobs.swap_remove(at)) {
                reply.send(Reply::Elsewhere(invocation)).unwrap_or_default();
            }
            return;
        }
        self.me.observe(|snapshot| snapshot.invokes += 1);
    }

    fn on_respond_begin(&mut self, generation: u32, request_id: RequestId) -> Result<Begun, Verdict> {
        if generation != self.machine.generation() || self.machine.phase().invocation() != Some(request_id) {
            return Err(Verdict::InvalidRequestId);
        }
        let Some(sink) = self.job(request_id).and_then(|job| job.invocation.stream.clone()) else {
            return Ok(Begun::Whole);
        };
        if self.try_feed(Event::RespondBegin { request_id }).is_err() {
            return Err(self.refused_response());
        }
        let (answering, cut) = oneshot::channel();
        self.answering = Some(answering);
        Ok(Begun::Pieces(Pieces { sink, bytes_per_s: self.node.config.stream_bytes_per_s, cut }))
    }

    /// `event` is an answer to `request_id`, or the end of one.
    fn on_respond(&mut self, generation: u32, request_id: RequestId, event: Event, result: RuntimeResult) -> Verdict {
        if generation != self.machine.generation() || self.machine.phase().invocation() != Some(request_id) {
            return Verdict::InvalidRequestId;
        }
        self.result = Some(result);
        match self.try_feed(event) {
            Ok(()) => Verdict::Accepted,
            Err(_) => {
                self.result = None;
                self.refused_response()
            }
        }
    }

    /// It hears of it at the end of Init, or that it may not ask.
    fn on_restore_next(&mut self, reply: oneshot::Sender<Verdict>) {
        let waits = matches!(self.machine.phase(), Phase::Init { step: Step::Waiting(Asked::Restore), .. });
        if waits && self.restoring.as_ref().is_some_and(oneshot::Sender::is_closed) {
            // The connection has died that it asked on before.
            self.restoring = Some(reply);
            return;
        }
        // Another that waits already goes on waiting.
        let earlier = self.restoring.replace(reply);
        if self.try_feed(Event::RestoreNext).is_err() {
            let verdict = Verdict::InvalidTransition { from: self.runtime_state(), to: "Ready" };
            let refused = std::mem::replace(&mut self.restoring, earlier);
            refused.into_iter().for_each(|reply| reply.send(verdict).unwrap_or_default());
        }
    }

    fn on_failed(&mut self, generation: u32, during: During, error_type: String, payload: Bytes) -> Verdict {
        let (event, to) = match during {
            During::Init => (Event::InitError, "InitError"),
            During::Restore => (Event::RestoreError, "RuntimeRestoreErrorState"),
        };
        if generation != self.machine.generation() {
            return Verdict::InvalidTransition { from: to, to };
        }
        let before = self.init_error.take();
        self.init_error = Some(before.clone().unwrap_or((error_type, payload)));
        match self.try_feed(event) {
            Ok(()) => Verdict::Accepted,
            Err(_) => {
                self.init_error = before;
                Verdict::InvalidTransition { from: self.runtime_state(), to }
            }
        }
    }

    /// A launch has come to its end: what came before the word of it. `None` if the processes were to be killed meanwhile.
    pub(super) fn launched(&mut self, generation: u32) -> Option<Early> {
        if generation != self.machine.generation() {
            return None;
        }
        match std::mem::replace(&mut self.runtime, Runtime::Absent) {
            Runtime::Launching(early) => Some(early),
            Runtime::Doomed => {
                self.kill();
                None
            }
            Runtime::Absent | Runtime::Running(_) => Some(Early::default()),
        }
    }

    pub(super) fn catch_up(&mut self, early: Early) {
        early.messages.into_iter().for_each(|message| self.on_message(message));
        early.exits.into_iter().for_each(|(process, status)| self.on_exit(process, status));
    }

    fn on_launched(&mut self, generation: u32, result: Result<StartedProcess, SandboxError>) {
        let Some(waiting) = self.launched(generation) else { return };
        let started = result.map_err(|error| match error {
            SandboxError::NoProgram { tried, reason } => {
                tracing::info!(reason, "no program of the runtime can be executed");
                (
                    ErrorType::RuntimeInvalidEntrypoint,
                    format!("Couldn't find valid bootstrap(s): [{}]", tried.join(" ")),
                )
            }
            other => {
                let text = launch::chain(&other);
                self.short_of = is_shortage(&other).then(|| text.clone());
                (ErrorType::SandboxFailure, text)
            }
        });
        let connected = started.and_then(|StartedProcess { process, stdout, stderr, log }| {
            let frames = log.map(|log| (Source::Frames, log));
            // An error comes as a frame, and what was printed on the way to it stands before it.
            let pipes = [(Source::Stdout, stdout), (Source::Stderr, stderr)].into_iter().chain(frames);
            let connected = self.output.connect(pipes);
            connected.map_err(|error| {
                self.short_of = is_shortage(&error).then(|| error.to_string());
                (ErrorType::SandboxFailure, error.to_string())
            })?;
            Ok(process)
        });
        match connected {
            Ok(process) => {
                self.runtime = Runtime::Running(process);
                self.catch_up(waiting);
            }
            Err((ErrorType::SandboxFailure, text)) => {
                // A function can break its own sandbox; another launch in it would not do better.
                tracing::error!(error = text, environment = self.me.id, "the runtime could not be started");
                self.exit_text = text;
                self.feed(Event::Lost);
            }
            Err((fault, text)) => {
                self.exit_text = text;
                self.feed(Event::RuntimeFailed { generation, fault });
            }
        }
    }

    pub(super) fn on_sandbox(&mut self, event: SandboxEvent) {
        match event {
            SandboxEvent::Exited { process, status } => self.on_exit(process, status),
            SandboxEvent::Empty => self.feed(Event::Emptied { generation: self.machine.generation() }),
            SandboxEvent::Gone => self.feed(Event::Lost),
        }
    }

    pub(super) fn on_exit(&mut self, process: ProcessId, status: ExitStatus) {
        if self.on_extension_exit(process, status) {
            return;
        }
        match &mut self.runtime {
            Runtime::Running(running) if *running == process => {}
            Runtime::Launching(early) => return early.exits.push((process, status)),
            Runtime::Running(_) | Runtime::Absent | Runtime::Doomed => return,
        }
        self.runtime = Runtime::Absent;
        if !matches!(self.machine.phase(), Phase::Stopping { .. }) {
            self.exit_text = payload::exit_text(status);
        }
        let oom = status == ExitStatus::Signal(SIGKILL) && self.killed_for_memory();
        if oom {
            self.memory.peak_bytes = u64::from(self.me.function.memory_mb) << 20;
        }
        let fault = if oom { ErrorType::RuntimeOutOfMemory } else { ErrorType::RuntimeExitError };
        self.feed(Event::RuntimeFailed { generation: self.machine.generation(), fault });
        if oom && self.node.tmp_is_memory {
            // A reset keeps /tmp, which may be what fills it: the next invocation would only be killed as well.
            self.retire();
        }
    }

    fn refused_response(&self) -> Verdict {
        Verdict::InvalidTransition { from: self.runtime_state(), to: "InvocationResponse" }
    }

    /// A refusal has changed nothing.
    fn runtime_state(&self) -> &'static str {
        name_of_state(self.machine.phase())
    }

    /// Whether the kernel has killed for want of memory since the launch. (Samples in between may have seen it first.)
    fn killed_for_memory(&mut self) -> bool {
        self.sample_memory();
        self.memory.oom_kills > self.memory.oom_kills_before
    }
}

/// The runtime's state in the words of the Runtime API's errors (RIE `core/states.go`).
fn name_of_state(phase: Phase) -> &'static str {
    match phase {
        Phase::Cold => "Started",
        Phase::Init { step, .. } | Phase::Invoke { stage: Stage::Init { step }, .. } => match step {
            Step::Registering | Step::Loading => "Started",
            Step::Reported => "InitError",
            Step::Waiting(Asked::Restore) => "RestoreReady",
            Step::Waiting(Asked::Next) => "Ready",
        },
        Phase::Restore { .. } => "Restoring",
        Phase::Idle | Phase::Invoke { stage: Stage::Extensions { .. }, .. } => "Ready",
        Phase::Invoke { stage: Stage::Running, .. } => "Running",
        Phase::Invoke { stage: Stage::Responding, .. } => "InvocationResponse",
        Phase::Invoke { stage: Stage::Answered { .. }, .. } => "RuntimeResponseSentState",
        Phase::Stopping { .. } | Phase::Reset { .. } | Phase::Shutdown { .. } | Phase::Gone => "Exited",
    }
}
