//! The task of one environment: everything that happens to it goes through here, one event at a time. `news` says what
//! happened, the lifecycle decides, `effects` carries out.

use super::extensions::Processes;
use super::launch::{self, Made};
use super::output::Output;
use super::spans::Spans;
use super::telemetry::Farewell;
use super::{Delivery, Environment, Job, Message, Reply, RuntimeResult, Verdict};
use crate::Node;
use crate::blanks::Starting;
use crate::inside::{Entrances, Inside};
use crate::logs::LogWriter;
use crate::pool::FunctionPool;
use crate::runtime_api::RuntimeApi;
use bytes::Bytes;
use hearth_api::environments::InvokeError;
use hearth_api::runtime_tree::RuntimeTree;
use hearth_core::environment::{Action, Ending, Event, ExecutionEnvironment, Moment, Phase, Rejected, Stage, Then};
use hearth_core::extension::Extensions;
use hearth_core::limits::INIT_MAX_MS;
use hearth_sandbox::{ExitStatus, ProcessId, ProcessSpec, Sandbox, SandboxEvent};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

/// How often memory in use is looked at during Init and Invoke, microseconds.
pub(super) const SAMPLE_EVERY_US: u64 = 100_000;

pub(super) struct Driver {
    pub(super) node: Arc<Node>,
    pub(super) pool: Arc<FunctionPool>,
    pub(super) me: Arc<Environment>,
    pub(super) machine: ExecutionEnvironment,
    pub(super) sandbox: Arc<dyn Sandbox>,
    /// Until the first Init is over.
    starting: Option<Starting>,
    pub(super) process: ProcessSpec,
    pub(super) tree: Arc<RuntimeTree>,
    pub(super) log: LogWriter,
    pub(super) log_stream: String,
    pub(super) api: RuntimeApi,
    pub(super) inside: Inside,
    /// Events that an effect caused: handled before anything else.
    pub(super) follow_up: VecDeque<Event>,
    /// Invocations placed here and not yet reported; at most the one that runs and the one that waits.
    pub(super) jobs: Vec<Job>,
    /// Requests for the next event that wait for one.
    pub(super) parked: Vec<oneshot::Sender<Result<Delivery, Verdict>>>,
    pub(super) runtime: Runtime,
    pub(super) extensions: Processes,
    pub(super) output: Output,
    /// The runtime's request to be restored, until it is.
    pub(super) restoring: Option<oneshot::Sender<Verdict>>,
    /// What the runtime answered, until the caller gets it.
    pub(super) result: Option<RuntimeResult>,
    /// Requests for the next event that came while an answer was still going to its caller in pieces: asked after it.
    pub(super) asked_early: Vec<Message>,
    /// Dropped to cut off an answer that goes to its caller in pieces.
    pub(super) answering: Option<oneshot::Sender<()>>,
    /// When what happened in the invocation that runs.
    pub(super) spans: Spans,
    /// The end that extensions are to be told of.
    pub(super) farewell: Option<Farewell>,
    /// What the runtime reported from the Init or Restore under way, or the last one: type and payload.
    pub(super) init_error: Option<InitError>,
    /// What it had reported from the Init before: still more telling than the bare end of a second one.
    pub(super) earlier_init_error: Option<InitError>,
    /// How the runtime ended, in words.
    pub(super) exit_text: String,
    /// What there was too little of when something was to be started.
    pub(super) short_of: Option<String>,
    pub(super) deadline: Option<Moment>,
    pub(super) cpu_limited: bool,
    pub(super) memory: Memory,
    idle_since: Moment,
    /// Whether it is to be frozen, but has not been.
    pub(super) freeze_due: bool,
    /// Whether the pool can hand us out (or has done so, and the invocation is on its way).
    pub(super) offered: bool,
}

/// What a runtime reported from its Init: type and payload.
pub(super) type InitError = (String, Bytes);

/// The runtime process of the current generation.
pub(super) enum Runtime {
    /// There is none.
    Absent,
    /// Being started, or the external extensions before it are.
    Launching(Early),
    /// To be killed, but only once it has been started: the order to kill must not overtake the order to start.
    Doomed,
    /// It runs.
    Running(ProcessId),
}

/// What came of processes before the word that they run.
#[derive(Default)]
pub(super) struct Early {
    pub(super) messages: Vec<Message>,
    pub(super) exits: Vec<(ProcessId, ExitStatus)>,
}

/// What REPORT says of memory.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) peak_bytes: u64,
    pub(super) oom_kills: u64,
    /// Those of earlier launches.
    pub(super) oom_kills_before: u64,
    pub(super) sampled: Moment,
}

/// Runs the environment to its end.
pub(super) async fn run(
    node: Arc<Node>,
    pool: Arc<FunctionPool>,
    me: Arc<Environment>,
    mut messages: UnboundedReceiver<Message>,
) {
    let made = {
        let (node, me) = (Arc::clone(&node), Arc::clone(&me));
        tokio::task::spawn_blocking(move || launch::make(&node, &me.function, &me.id)).await
    };
    let registered = Registered { pool: &pool, me: &me };
    let made = made.unwrap_or_else(|panic| Err(InvokeError::Sandbox(panic.to_string())));
    let ended = match made.and_then(|made| Driver::new(&node, &pool, &me, made)) {
        Ok((mut driver, mut events)) => {
            // What it is made for is on its way: an Init that fails at once must not be over before that is here.
            let first = messages.recv().await;
            driver.feed(Event::Start);
            first.into_iter().for_each(|message| driver.on_message(message));
            driver.live(&mut messages, &mut events).await;
            node.ended.keep(&me);
            None
        }
        Err(error) => Some(error),
    };
    drop(registered);
    answer_the_rest(&mut messages, ended.as_ref());
}

/// Leaves the pool at its end, even if the task panics: a drain would wait for it for ever.
struct Registered<'a> {
    pool: &'a FunctionPool,
    me: &'a Arc<Environment>,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.pool.remove(self.me);
    }
}

/// What was placed here and never ran: goes elsewhere, unless there is an error that would only repeat itself.
fn answer_the_rest(messages: &mut UnboundedReceiver<Message>, error: Option<&InvokeError>) {
    messages.close();
    while let Ok(message) = messages.try_recv() {
        if let Message::Invoke(Job { invocation, reply: Some(reply), .. }) = message {
            let answer = error.map_or(Reply::Elsewhere(invocation), |error| Reply::Done(Err(error.clone())));
            reply.send(answer).unwrap_or_default();
        }
    }
}

impl Driver {
    fn new(
        node: &Arc<Node>,
        pool: &Arc<FunctionPool>,
        me: &Arc<Environment>,
        made: Made,
    ) -> Result<(Self, UnboundedReceiver<SandboxEvent>), InvokeError> {
        let Made { sandbox, events, starting, sockets, log, log_stream, process, extensions, tree } = made;
        me.sandbox.set(Arc::clone(&sandbox)).unwrap_or_default();
        let (runtime_api, entrances) = Entrances::of(sockets);
        let served = RuntimeApi::serve(runtime_api, Arc::clone(me))
            .and_then(|api| Ok((api, Inside::serve(entrances, node, &me.function)?)));
        let (api, inside) = served.map_err(|error| {
            launch::terminate(node, me, &sandbox);
            launch::failed(&error)
        })?;
        me.observe(|snapshot| snapshot.without_extensions = extensions.is_none());
        let (names, programs) = extensions.into_iter().flatten().unzip();
        let function = &me.function;
        let timeout_ms = u64::from(function.timeout_s) * 1_000;
        let driver = Self {
            node: Arc::clone(node),
            pool: Arc::clone(pool),
            me: Arc::clone(me),
            machine: ExecutionEnvironment::of(function.init_type(), timeout_ms, Extensions::new(names)),
            sandbox,
            starting: Some(starting),
            process,
            tree,
            log,
            log_stream,
            api,
            inside,
            follow_up: VecDeque::new(),
            jobs: Vec::new(),
            parked: Vec::new(),
            asked_early: Vec::new(),
            runtime: Runtime::Absent,
            extensions: Processes::new(programs),
            output: Output::default(),
            restoring: None,
            result: None,
            answering: None,
            spans: Spans::default(),
            farewell: None,
            init_error: None,
            earlier_init_error: None,
            exit_text: String::new(),
            short_of: None,
            deadline: None,
            cpu_limited: false,
            memory: Memory::default(),
            idle_since: node.clock.now(),
            freeze_due: false,
            // Made for an invocation that is on its way.
            offered: true,
        };
        Ok((driver, events))
    }

    async fn live(&mut self, messages: &mut UnboundedReceiver<Message>, events: &mut UnboundedReceiver<SandboxEvent>) {
        let timer = tokio::time::sleep_until(tokio::time::Instant::now());
        tokio::pin!(timer);
        let mut armed = None;
        loop {
            self.settle();
            if self.machine.phase() == Phase::Gone {
                return;
            }
            let wake = self.wake_at();
            if wake != armed {
                armed = wake;
                if let Some(moment) = wake {
                    timer.as_mut().reset(self.node.clock.instant(moment).into());
                }
            }
            tokio::select! {
                Some(message) = messages.recv() => self.on_message(message),
                Some(event) = events.recv() => self.on_sandbox(event),
                () = &mut timer, if armed.is_some() => {
                    armed = None;
                    self.on_timer();
                }
                () = self.output.readable() => self.output.read_some(&mut self.log),
            }
        }
    }

    /// After each event: what others may see of us.
    fn settle(&mut self) {
        let runs = matches!(self.machine.phase(), Phase::Init { .. } | Phase::Restore { .. } | Phase::Invoke { .. });
        if runs {
            self.log.flush_unless_new()
        } else {
            self.log.flush()
        };
        self.send_telemetry();
        if self.machine.accepts_invocations() && !self.offered {
            self.offered = true;
            self.idle_since = self.node.clock.now();
            self.rest();
        } else {
            self.freeze_if_due();
        }
        let phase = self.machine.phase();
        let free = self.machine.accepts_invocations();
        let coming_up = matches!(
            phase,
            Phase::Init { .. } | Phase::Restore { .. } | Phase::Invoke { stage: Stage::Init { .. }, .. }
        );
        if !coming_up {
            self.starting = None;
        }
        if self.is_leaving() {
            // What is left of it to do is nobody's execution.
            self.pool.release(&self.me);
        }
        let idle_since = free.then_some(self.idle_since);
        self.me.observe(|snapshot| {
            (snapshot.phase, snapshot.idle_since, snapshot.coming_up) = (phase.name(), idle_since, coming_up);
        });
    }

    /// Free for an invocation. One that has waited for us is most often the next we hear of: neither frozen nor thawed for
    /// it. Whoever else finds us finds us frozen.
    fn rest(&mut self) {
        if self.pool.hand_over(&self.me) {
            return;
        }
        self.freeze_if_due();
        if self.machine.accepts_invocations() {
            self.pool.offer(&self.me);
        }
    }

    /// Whether it takes no invocation any more.
    pub(super) fn is_leaving(&self) -> bool {
        match self.machine.phase() {
            Phase::Stopping { ending: Ending { then, .. }, .. } => then == Then::Shutdown,
            Phase::Shutdown { .. } | Phase::Gone => true,
            Phase::Cold
            | Phase::Init { .. }
            | Phase::Restore { .. }
            | Phase::Idle
            | Phase::Invoke { .. }
            | Phase::Reset { .. } => false,
        }
    }

    /// The next moment at which something is due.
    fn wake_at(&self) -> Option<Moment> {
        let later = |moment: Moment, us: u64| Moment(moment.0.saturating_add(us));
        let idle_us = u64::try_from(self.node.config.idle_timeout.as_micros()).unwrap_or(u64::MAX);
        let idle = matches!(self.machine.phase(), Phase::Idle | Phase::Cold).then(|| later(self.idle_since, idle_us));
        let sample = matches!(self.machine.phase(), Phase::Init { .. } | Phase::Restore { .. } | Phase::Invoke { .. })
            .then(|| later(self.memory.sampled, SAMPLE_EVERY_US));
        [self.deadline, idle, sample, self.telemetry_wakes_at()].into_iter().flatten().min()
    }

    fn on_timer(&mut self) {
        let now = self.node.clock.now();
        let idle_us = u64::try_from(self.node.config.idle_timeout.as_micros()).unwrap_or(u64::MAX);
        match self.machine.phase() {
            Phase::Idle | Phase::Cold if now.since(self.idle_since) >= idle_us => {
                // Not if an invocation is on its way.
                if self.pool.withdraw(&self.me) {
                    self.feed(Event::Retire);
                } else {
                    self.idle_since = now;
                }
            }
            phase @ (Phase::Init { .. } | Phase::Restore { .. } | Phase::Invoke { .. }) => {
                if now.since(self.memory.sampled) >= SAMPLE_EVERY_US {
                    self.sample_memory();
                    self.log.flush();
                }
                if init_overruns(phase, now) {
                    self.limit_cpu(true);
                }
                self.feed(Event::Deadline);
            }
            Phase::Idle
            | Phase::Cold
            | Phase::Stopping { .. }
            | Phase::Reset { .. }
            | Phase::Shutdown { .. }
            | Phase::Gone => self.feed(Event::Deadline),
        }
    }

    pub(super) fn sample_memory(&mut self) {
        self.memory.sampled = self.node.clock.now();
        match self.sandbox.usage() {
            Ok(usage) => {
                self.memory.peak_bytes = self.memory.peak_bytes.max(usage.memory_bytes);
                self.memory.oom_kills = usage.oom_kills;
            }
            Err(error) => tracing::debug!(%error, "memory in use cannot be read"),
        }
    }

    /// An event that may come at any time: when the phase does not allow it, it means nothing.
    pub(super) fn feed(&mut self, event: Event) {
        if let Err(rejected) = self.try_feed(event) {
            tracing::debug!(?event, %rejected, environment = self.me.id, "ignored");
        }
    }

    pub(super) fn try_feed(&mut self, event: Event) -> Result<(), Rejected> {
        self.drive(|machine, now, out| machine.handle(now, event, out))
    }

    /// Tells the lifecycle something, and carries out what follows.
    pub(super) fn drive<T>(
        &mut self,
        tell: impl FnOnce(&mut ExecutionEnvironment, Moment, &mut Vec<Action>) -> T,
    ) -> T {
        let mut actions: Vec<Action> = Vec::new();
        let now = self.node.clock.now();
        let verdict = tell(&mut self.machine, now, &mut actions);
        self.me.record(now, &self.machine, &actions);
        actions.into_iter().for_each(|action| self.carry_out(action));
        self.follow();
        verdict
    }

    /// Handles what effects have caused.
    pub(super) fn follow(&mut self) {
        while let Some(event) = self.follow_up.pop_front() {
            self.feed(event);
        }
    }
}

/// Whether an Init inside an invocation, or one that may take minutes, has had full speed for as long as an Init phase
/// lasts: a module body that never ends must not have the machine for the whole of it.
fn init_overruns(phase: Phase, now: Moment) -> bool {
    let (Phase::Init { started, .. } | Phase::Invoke { started, stage: Stage::Init { .. }, .. }) = phase else {
        return false;
    };
    now.since(started) >= INIT_MAX_MS * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_core::environment::{Call, Step};
    use hearth_core::ids::RequestId;

    #[test]
    fn full_speed_in_a_long_init_ends_with_what_an_init_phase_may_take() {
        let call = Call { request_id: RequestId(1), timeout_ms: 900_000 };
        let phase = |stage| Phase::Invoke { call, deadline: Moment(u64::MAX), started: Moment(5), stage };
        let late = Moment(INIT_MAX_MS * 1_000 + 5);
        assert!(init_overruns(phase(Stage::Init { step: Step::Loading }), late));
        assert!(!init_overruns(phase(Stage::Init { step: Step::Loading }), Moment(late.0 - 1)));
        assert!(!init_overruns(phase(Stage::Running), late));
        let (deadline, started, waiting) = (Moment(u64::MAX), Moment(5), None);
        assert!(init_overruns(Phase::Init { deadline, started, step: Step::Loading, waiting }, late));
    }
}
