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
use hearth_core::limits::{INIT_MAX_MS, RUNTIME_API_CONNECTIONS};
use hearth_sandbox::{ExitStatus, ProcessId, ProcessSpec, Sandbox, SandboxEvent};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

/// How often memory in use is looked at during Init and Invoke, microseconds.
pub(super) const SAMPLE_EVERY_US: u64 = 100_000;
/// How far what the kernel charges may move before memory in use is counted anew, bytes (ours): the kernel itself counts in
/// batches of 64 pages for each processor, and REPORT in whole megabytes.
const CHARGED_TOLERANCE: u64 = 256 << 10;
/// How long a count is good for if that does not move, microseconds: what is given up and what is taken can be alike.
pub(super) const COUNTED_FOR_US: u64 = SAMPLE_EVERY_US;
/// The same while nobody waits for REPORT: with a thousand running, counting is what the machine would do most.
const COUNTED_MEANWHILE_FOR_US: u64 = 10 * SAMPLE_EVERY_US;
/// So near to its limit a function's memory takes the place of its caches, and what is charged stays as it is, bytes (ours).
const FULL_WITHIN: u64 = 8 << 20;

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
    /// A caller and the outcome of its invocation, which it is yet to be told.
    pub(super) answered: Option<(oneshot::Sender<Reply>, Reply)>,
    /// Whether an event has just gone to the runtime.
    pub(super) dispatched: bool,
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
    /// Whether nothing runs in it.
    pub(super) is_frozen: bool,
    /// Whether the pool can hand us out (or has done so, and the invocation is on its way).
    pub(super) offered: bool,
    /// Whether an invocation that has waited for us is on its way.
    pub(super) handed_over: bool,
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
    /// What the kernel charged when it was counted in full, and when that was.
    pub(super) counted: Option<(u64, Moment)>,
}

impl Memory {
    /// Whether the latest count is that of now, as far as `charged` can say, if a count is good for so long; of memory within
    /// this limit, bytes.
    fn is_known(&self, charged: Option<u64>, limit: u64, now: Moment, for_us: u64) -> bool {
        let is_full = |charged: u64| charged.saturating_add(FULL_WITHIN) >= limit;
        let good_for = |charged| if is_full(charged) { for_us.min(COUNTED_FOR_US) } else { for_us };
        self.counted.zip(charged).is_some_and(|((before, at), charged)| {
            before.abs_diff(charged) <= CHARGED_TOLERANCE && now.since(at) < good_for(charged)
        })
    }
}

/// Runs the environment to its end.
pub(super) async fn run(
    node: Arc<Node>,
    pool: Arc<FunctionPool>,
    me: Arc<Environment>,
    mut messages: UnboundedReceiver<Message>,
) {
    let registered = Registered { pool: &pool, me: &me };
    let made = launch::make(&node, &me).await;
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
            launch::terminate(node, me, &sandbox, false);
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
            answered: None,
            dispatched: false,
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
            is_frozen: false,
            // Made for an invocation that is on its way.
            offered: true,
            handed_over: false,
        };
        Ok((driver, events))
    }

    async fn live(&mut self, messages: &mut UnboundedReceiver<Message>, events: &mut UnboundedReceiver<SandboxEvent>) {
        let timer = tokio::time::sleep_until(tokio::time::Instant::now());
        tokio::pin!(timer);
        let mut armed = None;
        let mut in_a_row = 0;
        loop {
            // Whoever has waited for us goes on first: what is left to be done is nobody's wait.
            if self.give_answer() | std::mem::take(&mut self.dispatched) {
                tokio::task::yield_now().await;
            }
            if self.settle(messages.is_empty()) {
                // Who has waited for us is about to say what for.
                tokio::task::yield_now().await;
                continue;
            }
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
                biased;
                // Before all else: messages without end do not put off a deadline.
                () = &mut timer, if armed.is_some() => {
                    armed = None;
                    // It may have been said in time.
                    messages.try_recv().into_iter().for_each(|message| self.on_message(message));
                    self.on_timer();
                }
                // Before the news of an end: what was said before it counts, but not what is said without end.
                Some(message) = messages.recv(), if in_a_row < RUNTIME_API_CONNECTIONS || events.is_empty() => {
                    in_a_row += 1;
                    self.on_message(message);
                }
                Some(event) = events.recv() => {
                    in_a_row = 0;
                    self.on_sandbox(event);
                }
                () = self.output.readable() => {
                    // Most often printed just before an answer, which may be here in a moment: its caller waits, a log does not.
                    tokio::task::yield_now().await;
                    match messages.try_recv() {
                        Ok(message) => self.on_message(message),
                        Err(_) => self.output.read_some(&mut self.log),
                    }
                }
            }
        }
    }

    /// The caller of an invocation hears its outcome. After the runtime, which hears that it was taken: who is woken last goes
    /// first.
    fn give_answer(&mut self) -> bool {
        let Some((caller, answer)) = self.answered.take() else { return false };
        caller.send(answer).unwrap_or_default();
        true
    }

    /// After each event: what others may see of us. Whether somebody who has waited has us from now on: then the log waits for
    /// what he has to say, and the end of one invocation and the start of the next are one write, behind the start.
    fn settle(&mut self, is_all_handled: bool) -> bool {
        self.output.forget_look();
        let is_free = self.machine.accepts_invocations() && !self.offered;
        if is_free {
            self.offered = true;
            self.idle_since = self.node.clock.now();
        }
        // One that has waited for us is most often the next we hear of: neither frozen nor thawed for it. Whoever else finds
        // us finds us frozen.
        let is_handed_over = is_free && self.pool.hand_over(&self.me);
        self.handed_over |= is_handed_over;
        let more_to_write_soon = self.handed_over && (is_handed_over || !is_all_handled);
        if !more_to_write_soon {
            let runs =
                matches!(self.machine.phase(), Phase::Init { .. } | Phase::Restore { .. } | Phase::Invoke { .. });
            if runs {
                self.log.flush_unless_new();
            } else {
                self.log.flush();
            }
        }
        self.send_telemetry();
        if !self.handed_over {
            self.freeze_if_due();
            if is_free && self.machine.accepts_invocations() {
                self.pool.offer(&self.me);
            }
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
        is_handed_over
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
                    self.memory.sampled = now;
                    self.sample_memory_if_moved(COUNTED_MEANWHILE_FOR_US);
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

    /// As [`Driver::sample_memory`], but where nothing has changed it costs one number that is read: counting takes longer than
    /// many invocations.
    pub(super) fn sample_memory_if_moved(&mut self, for_us: u64) {
        let charged = self.sandbox.charged();
        let limit = u64::from(self.me.function.memory_mb) << 20;
        if !self.memory.is_known(charged, limit, self.node.clock.now(), for_us) {
            let is_counted = self.sample_memory();
            self.memory.counted = charged.filter(|_| is_counted).map(|charged| (charged, self.memory.sampled));
        }
    }

    /// Whether it could be read.
    pub(super) fn sample_memory(&mut self) -> bool {
        self.memory.sampled = self.node.clock.now();
        match self.sandbox.usage() {
            Ok(usage) => {
                self.memory.peak_bytes = self.memory.peak_bytes.max(usage.memory_bytes);
                self.memory.oom_kills = usage.oom_kills;
                true
            }
            Err(error) => {
                tracing::debug!(%error, "memory in use cannot be read");
                false
            }
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

    #[test]
    fn memory_is_counted_anew_when_it_may_have_changed() {
        const LIMIT: u64 = 128 << 20;
        let mut memory = Memory::default();
        assert!(!memory.is_known(Some(5), LIMIT, Moment(0), COUNTED_FOR_US), "never counted");
        memory.counted = Some((CHARGED_TOLERANCE, Moment(10)));
        for (charged, at, is_known) in [
            (Some(0), 10, true),
            (Some(2 * CHARGED_TOLERANCE), 11, true),
            (Some(2 * CHARGED_TOLERANCE + 1), 11, false),
            (Some(CHARGED_TOLERANCE), 9 + COUNTED_FOR_US, true),
            (Some(CHARGED_TOLERANCE), 10 + COUNTED_FOR_US, false),
            (None, 10, false),
        ] {
            assert_eq!(memory.is_known(charged, LIMIT, Moment(at), COUNTED_FOR_US), is_known, "{charged:?} at {at}");
        }
        // Until a second later while it runs, but not where memory can only take the place of caches.
        let late = Moment(10 + COUNTED_FOR_US);
        for (charged, is_known) in [(LIMIT / 2, true), (LIMIT - FULL_WITHIN - 1, true), (LIMIT - FULL_WITHIN, false)] {
            memory.counted = Some((charged, Moment(10)));
            assert_eq!(memory.is_known(Some(charged), LIMIT, late, COUNTED_MEANWHILE_FOR_US), is_known, "{charged}");
            assert!(memory.is_known(Some(charged), LIMIT, Moment(11), COUNTED_MEANWHILE_FOR_US), "{charged}");
        }
    }
}
