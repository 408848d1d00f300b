//! What must hold for any order of events.

use super::*;
use crate::extension::{ExtensionId, Failure, Refusal, State};
use crate::ids::RequestId;
use proptest::prelude::*;
use std::collections::HashSet;

const ID: RequestId = RequestId(7);
const CALL: Call = Call { request_id: ID, timeout_ms: 3_000 };

fn any_event() -> impl Strategy<Value = Event> {
    let answer = || {
        let fault = ErrorType::FunctionResponseSizeTooLarge;
        prop_oneof![3 => Just(Answer::Accepted), 1 => Just(Answer::Unusable(fault))]
    };
    // The id is replaced by that of the invocation under way, or by another.
    let id = || any::<bool>().prop_map(|right| RequestId(u128::from(right)));
    prop_oneof![
        2 => Just(Event::Start),
        // The id is replaced by a fresh one: a worker never uses one twice.
        4 => (0u64..5_000).prop_map(|timeout_ms| Event::Invoke(Call { request_id: ID, timeout_ms })),
        6 => Just(Event::Next),
        4 => (id(), answer()).prop_map(|(request_id, answer)| Event::Respond { request_id, answer }),
        3 => id().prop_map(|request_id| Event::RespondBegin { request_id }),
        3 => (id(), answer()).prop_map(|(request_id, answer)| Event::RespondEnd { request_id, answer }),
        1 => Just(Event::InitError),
        4 => Just(Event::RestoreNext),
        1 => Just(Event::RestoreError),
        2 => (0u32..2).prop_map(|age| Event::RuntimeFailed { generation: age, fault: ErrorType::RuntimeExitError }),
        2 => Just(Event::Deadline),
        3 => (0u32..2).prop_map(|age| Event::Emptied { generation: age }),
        1 => Just(Event::Retire),
        1 => Just(Event::Stop),
        1 => Just(Event::Lost),
        1 => Just(Event::Terminated),
    ]
}

/// What happens next: an event, or something an extension does.
#[derive(Clone, Debug)]
pub(super) enum Doing {
    Event(Event),
    Register { who: usize, events: Vec<String> },
    Next { who: usize },
    Fail { who: usize, failure: Failure },
    Exit { who: usize, age: u32, well: bool },
    NotLaunched { who: usize, age: u32 },
}

/// Two external extensions at most; whoever else registers is internal.
pub(super) const NAMES: [&str; 3] = ["one", "two", "inside"];

pub(super) fn anything() -> impl Strategy<Value = Doing> {
    let events =
        prop::collection::vec(prop_oneof![4 => Just("INVOKE"), 2 => Just("SHUTDOWN"), 1 => Just("WAKE")], 0..3)
            .prop_map(|names| names.into_iter().map(str::to_owned).collect());
    let failure = prop_oneof![Just(Failure::Init), Just(Failure::Exit)];
    prop_oneof![
        12 => any_event().prop_map(Doing::Event),
        4 => (0..NAMES.len(), events).prop_map(|(who, events)| Doing::Register { who, events }),
        6 => (0..NAMES.len()).prop_map(|who| Doing::Next { who }),
        1 => (0..NAMES.len(), failure).prop_map(|(who, failure)| Doing::Fail { who, failure }),
        1 => (0..2usize, 0u32..2, any::<bool>()).prop_map(|(who, age, well)| Doing::Exit { who, age, well }),
        1 => (0..2usize, 0u32..2).prop_map(|(who, age)| Doing::NotLaunched { who, age }),
    ]
}

pub(super) fn any_init_type() -> impl Strategy<Value = InitType> {
    prop_oneof![Just(InitType::OnDemand), Just(InitType::SnapStart)]
}

/// How far a Restore is, by what was said of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Restore {
    #[default]
    No,
    Begun,
    Told,
    RuntimeDone,
    Over(Status),
}

/// What a driver and a caller would have seen so far.
#[derive(Default)]
struct Seen {
    open: HashSet<u128>,
    completed: HashSet<u128>,
    /// Answers that have begun to reach their caller.
    begun: HashSet<u128>,
    started: HashSet<u128>,
    /// What the runtime is done with.
    done: HashSet<u128>,
    launched: bool,
    init_done: bool,
    /// Whether a report has said how the latest launch came up.
    cold_told: bool,
    restore: Restore,
    reported: HashSet<u128>,
    frozen: bool,
    armed: Option<Moment>,
    processes: bool,
    runtime: bool,
    terminating: bool,
    /// Who has been told of the end.
    told: HashSet<u128>,
}

impl Seen {
    fn apply(
        &mut self,
        action: Action,
        timeouts: &[u64],
        extensions: &Extensions,
        init_type: InitType,
    ) -> Result<(), TestCaseError> {
        match action {
            Action::Launch { phase, .. } => {
                let again = std::mem::replace(&mut self.launched, true);
                prop_assert!(init_type == InitType::OnDemand || (!again && phase == InitPhase::Init), "launched once");
                prop_assert!(!self.processes, "nothing is launched beside living processes");
                self.processes = true;
                self.runtime = extensions.all().is_empty();
                self.told.clear();
                (self.init_done, self.cold_told) = (false, false);
            }
            Action::LaunchRuntime => {
                prop_assert!(!std::mem::replace(&mut self.runtime, true), "one runtime");
                prop_assert!(extensions.have_registered(), "the runtime comes after the external extensions");
            }
            Action::Notify(id) => {
                prop_assert!(self.started.contains(&id.0) && !self.frozen);
                prop_assert!(extensions.running().next().is_some(), "an event is for somebody");
            }
            Action::EndRuntime | Action::KillRuntime => {
                prop_assert!(self.runtime && !self.frozen, "who is to end can hear of it");
            }
            Action::NotifyShutdown { .. } => {
                prop_assert!(!self.frozen);
                self.told.extend(extensions.running().map(|id| id.0));
            }
            Action::LogStart(id) => {
                let restored = self.restore == Restore::Over(Status::Success);
                prop_assert_eq!(restored, init_type == InitType::SnapStart, "Restore comes before the first START");
                prop_assert!(self.started.insert(id.0), "one START");
            }
            Action::LogRestoreStart => {
                prop_assert_eq!((self.restore, init_type), (Restore::No, InitType::SnapStart), "once");
                prop_assert!(self.init_done, "Init is over");
                self.restore = Restore::Begun;
            }
            Action::Restore => {
                prop_assert_eq!(self.restore, Restore::Begun);
                self.restore = Restore::Told;
            }
            Action::RestoreRuntimeDone(_) => {
                prop_assert!(matches!(self.restore, Restore::Begun | Restore::Told));
                self.restore = Restore::RuntimeDone;
            }
            Action::ReportRestore(report) => {
                prop_assert_eq!(self.restore, Restore::RuntimeDone);
                self.restore = Restore::Over(report.status);
            }
            Action::Dispatch(id) => {
                prop_assert!(self.started.contains(&id.0), "START comes first");
                let answered = self.completed.contains(&id.0) || self.begun.contains(&id.0);
                prop_assert!(!answered, "what is answered is not handed out again");
                prop_assert!(!self.frozen, "a frozen runtime cannot take an event");
            }
            Action::Complete(id, _) => {
                prop_assert!(self.open.contains(&id.0) && self.completed.insert(id.0), "one answer");
            }
            Action::RuntimeDone(done) => {
                let id = done.request_id.0;
                prop_assert!(self.started.contains(&id) && self.done.insert(id), "done once, with what has begun");
            }
            Action::Report(report) => {
                let id = report.request_id.0;
                prop_assert!(self.done.contains(&id), "REPORT follows START and the runtime's end");
                prop_assert!(self.completed.contains(&id), "the caller does not wait for REPORT");
                prop_assert!(self.reported.insert(id), "one REPORT");
                let timeout_us = timeouts.get(usize::try_from(id).unwrap()).unwrap() * 1_000;
                prop_assert!(report.duration_us <= timeout_us);
                if let Some(cold_start) = report.cold_start {
                    let restored = cold_start.restore_us().is_some();
                    prop_assert_eq!(restored, init_type == InitType::SnapStart);
                    prop_assert!(!std::mem::replace(&mut self.cold_told, true), "said once for each launch");
                }
            }
            Action::Freeze => prop_assert!(!std::mem::replace(&mut self.frozen, true)),
            Action::Thaw => prop_assert!(std::mem::replace(&mut self.frozen, false)),
            Action::Arm(at) => self.armed = Some(at),
            Action::Disarm => self.armed = None,
            Action::Kill => prop_assert!(!self.frozen, "the dying need to run"),
            Action::Terminate => {
                prop_assert!(!std::mem::replace(&mut self.terminating, true), "terminated once");
                self.frozen = false;
            }
            Action::InitRuntimeDone(_) => prop_assert!(!std::mem::replace(&mut self.init_done, true)),
            Action::ReportInit(_) => prop_assert!(self.init_done, "the runtime's part is over first"),
            Action::LimitCpu | Action::LogExtensions => {}
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_for_any_order_of_events(
        externals in 0usize..3,
        init_type in any_init_type(),
        steps in prop::collection::vec((0u64..3_000_000, anything()), 0..160),
    ) {
        let names = NAMES.iter().take(externals).map(|name| (*name).to_owned()).collect();
        let mut environment = ExecutionEnvironment::of(init_type, 3_000, Extensions::new(names));
        let (mut ids, mut last_id) = ([ExtensionId(0); NAMES.len()], 0u128);
        let (mut now, mut seen, mut timeouts) = (Moment(0), Seen::default(), vec![0u64, 0]);
        for (gap, doing) in steps {
            now = Moment(now.0 + gap);
            let before = environment.clone();
            let current = |id: RequestId| {
                before.phase().invocation().filter(|_| id.0 == 1).unwrap_or(RequestId(u128::MAX))
            };
            let aged = |age: u32| before.generation().wrapping_sub(age);
            let mut out = Vec::new();
            let event = match doing {
                Doing::Event(event) => Some(event),
                Doing::Register { who, events } => {
                    last_id += 1;
                    let id = ExtensionId(last_id);
                    let done = environment.register(now, NAMES[who], &events, id, &mut out);
                    if done.is_ok() {
                        ids[who] = id;
                    }
                    refused_changes_nothing(done, &before, &environment, &out)?;
                    None
                }
                Doing::Next { who } => {
                    let done = environment.extension_next(now, ids[who], &mut out);
                    refused_changes_nothing(done, &before, &environment, &out)?;
                    None
                }
                Doing::Fail { who, failure } => {
                    let done = environment.extension_failed(ids[who], failure, "Extension.Why");
                    refused_changes_nothing(done, &before, &environment, &out)?;
                    None
                }
                Doing::Exit { who, age, well } if who < externals => {
                    environment.extension_exited(now, aged(age), who, well, &mut out);
                    None
                }
                Doing::NotLaunched { who, age } if who < externals => {
                    environment.extension_not_launched(now, aged(age), who, "PermissionDenied", &mut out);
                    None
                }
                Doing::Exit { .. } | Doing::NotLaunched { .. } => None,
            };
            let event = event.map(|event| match event {
                Event::Invoke(call) => {
                    let request_id = RequestId(timeouts.len() as u128);
                    timeouts.push(call.timeout_ms);
                    Event::Invoke(Call { request_id, ..call })
                }
                Event::Respond { request_id, answer } => Event::Respond { request_id: current(request_id), answer },
                Event::RespondBegin { request_id } => Event::RespondBegin { request_id: current(request_id) },
                Event::RespondEnd { request_id, answer } => {
                    Event::RespondEnd { request_id: current(request_id), answer }
                }
                Event::RuntimeFailed { generation, fault } => {
                    Event::RuntimeFailed { generation: before.generation().wrapping_sub(generation), fault }
                }
                Event::Emptied { generation } => Event::Emptied { generation: before.generation().wrapping_sub(generation) },
                other => other,
            });
            if let Some(event) = event && environment.handle(now, event, &mut out).is_err() {
                prop_assert_eq!(environment.phase(), before.phase(), "a refusal changes nothing");
                prop_assert!(out.is_empty());
                continue;
            }
            prop_assert!(before.phase() != Phase::Gone || environment.phase() == Phase::Gone, "Gone is terminal");
            if let Some(Event::Invoke(call)) = event {
                let free = matches!(
                    before.phase(),
                    Phase::Cold
                        | Phase::Idle
                        | Phase::Init { waiting: None, .. }
                        | Phase::Restore { waiting: None, .. }
                        | Phase::Reset { next: None, .. }
                );
                prop_assert!(free, "one invocation at a time");
                seen.open.insert(call.request_id.0);
            }
            match event {
                Some(Event::RespondBegin { request_id }) => prop_assert!(seen.begun.insert(request_id.0), "one beginning"),
                Some(Event::RespondEnd { request_id, .. }) => prop_assert!(seen.begun.contains(&request_id.0)),
                Some(Event::Respond { request_id, .. }) => prop_assert!(!seen.begun.contains(&request_id.0), "in one piece"),
                _ => {}
            }
            if matches!(event, Some(Event::Emptied { generation }) if generation == before.generation()) {
                (seen.processes, seen.runtime) = (false, false);
            }
            let successful = |action: &Action| matches!(action, Action::Report(report) if report.status == Status::Success);
            if out.iter().any(successful) {
                prop_assert!(environment.extensions().have_finished(), "REPORT waits for those who got the event");
            }
            let told_before = seen.told.clone();
            for action in out {
                seen.apply(action, &timeouts, environment.extensions(), init_type)?;
            }
            if let Some(Event::Next) = event && matches!(environment.phase(), Phase::Idle) && environment.phase() != before.phase() {
                prop_assert!(environment.extensions().have_finished());
            }
            let came_up = matches!(environment.phase(), Phase::Restore { .. } | Phase::Idle | Phase::Invoke { .. });
            if matches!(before.phase(), Phase::Init { .. }) && came_up {
                prop_assert!(
                    environment.extensions().all().iter().all(|one| matches!(one.state(), State::Ready | State::Running)),
                    "Init ends when everybody has asked for an event"
                );
            }
            prop_assert!(
                told_before.is_subset(&seen.told) || matches!(environment.phase(), Phase::Init { .. } | Phase::Invoke { .. }),
                "told once"
            );
            prop_assert_eq!(seen.armed, environment.phase().deadline(), "the armed timer is the deadline");
            prop_assert_eq!(seen.frozen, environment.phase() == Phase::Idle, "frozen means idle");
            let unanswered = seen.open.difference(&seen.completed).count();
            let waits = match environment.phase() {
                Phase::Init { waiting: call, .. }
                | Phase::Restore { waiting: call, .. }
                | Phase::Stopping { ending: Ending { next: call, .. }, .. }
                | Phase::Reset { next: call, .. } => usize::from(call.is_some()),
                Phase::Invoke { stage, .. } => usize::from(!stage.is_answered()),
                Phase::Cold | Phase::Idle | Phase::Shutdown { .. } | Phase::Gone => 0,
            };
            prop_assert_eq!(unanswered, waits, "an invocation is answered unless the phase holds it");
            if environment.phase() == Phase::Gone {
                prop_assert_eq!(&seen.started, &seen.reported, "what started has its report");
            }
        }
    }
}

fn refused_changes_nothing(
    done: Result<(), Refusal>,
    before: &ExecutionEnvironment,
    after: &ExecutionEnvironment,
    out: &[Action],
) -> Result<(), TestCaseError> {
    if done.is_err() {
        prop_assert_eq!(before.phase(), after.phase());
        prop_assert_eq!(before.extensions(), after.extensions());
        prop_assert!(out.is_empty());
    }
    Ok(())
}

fn run(environment: &mut ExecutionEnvironment, at_ms: u64, event: Event) -> Vec<Action> {
    let mut out = Vec::new();
    environment.handle(Moment(at_ms * 1_000), event, &mut out).unwrap();
    out
}

fn report(actions: &[Action]) -> InvocationReport {
    actions.iter().find_map(|action| if let Action::Report(report) = action { Some(*report) } else { None }).unwrap()
}

#[test]
fn a_cold_start_reports_its_init_once() {
    let mut environment = ExecutionEnvironment::new();
    run(&mut environment, 0, Event::Start);
    run(&mut environment, 0, Event::Invoke(CALL));
    let dispatched = run(&mut environment, 80, Event::Next);
    assert!(!dispatched.contains(&Action::Freeze), "no freeze between Init and the invocation that waits");
    assert!(dispatched.contains(&Action::Dispatch(ID)));
    run(&mut environment, 90, Event::Respond { request_id: ID, answer: Answer::Accepted });
    let first = report(&run(&mut environment, 91, Event::Next));
    let cold_start = Some(ColdStart::Init(80_000));
    assert_eq!((first.duration_us, first.cold_start, first.status), (11_000, cold_start, Status::Success));
    assert_eq!(environment.phase(), Phase::Idle);

    let warm = run(&mut environment, 100, Event::Invoke(CALL));
    let at = |wanted: Action| warm.iter().position(|action| *action == wanted).unwrap();
    assert!(at(Action::LogStart(ID)) < at(Action::Thaw), "what unfinished work prints belongs to this invocation");
    assert!(at(Action::Thaw) < at(Action::Dispatch(ID)));
    run(&mut environment, 105, Event::Respond { request_id: ID, answer: Answer::Accepted });
    assert_eq!(report(&run(&mut environment, 105, Event::Next)).cold_start, None);
}

#[test]
fn an_init_that_overruns_is_retried_inside_the_invocation() {
    let mut environment = ExecutionEnvironment::new();
    run(&mut environment, 0, Event::Start);
    run(&mut environment, 1, Event::Invoke(CALL));
    let overrun = run(&mut environment, 10_000, Event::Deadline);
    let init_type = InitType::OnDemand;
    let expected = InitReport { init_type, phase: InitPhase::Init, duration_us: 10_000_000, status: Status::Timeout };
    assert!(overrun.contains(&Action::ReportInit(expected)) && overrun.contains(&Action::Kill));
    let again = run(&mut environment, 10_005, Event::Emptied { generation: 1 });
    assert!(again.contains(&Action::Launch { generation: 2, phase: InitPhase::Invoke }));
    run(&mut environment, 11_000, Event::Next);
    run(&mut environment, 11_010, Event::Respond { request_id: ID, answer: Answer::Accepted });
    let done = report(&run(&mut environment, 11_010, Event::Next));
    // The suppressed init is part of the duration and is not called Init Duration.
    assert_eq!((done.duration_us, done.cold_start), (1_005_000, None));
}

#[test]
fn a_timeout_answers_at_once_and_reports_when_the_output_is_complete() {
    let mut environment = ExecutionEnvironment::new();
    run(&mut environment, 0, Event::Start);
    run(&mut environment, 10, Event::Next);
    run(&mut environment, 20, Event::Invoke(CALL));
    let over = run(&mut environment, 3_025, Event::Deadline);
    assert!(over.contains(&Action::Complete(ID, Outcome::Failed(ErrorType::SandboxTimedout))));
    assert!(!over.iter().any(|action| matches!(action, Action::Report(_))));
    let done = report(&run(&mut environment, 3_030, Event::Emptied { generation: 1 }));
    assert_eq!((done.duration_us, done.status), (3_000_000, Status::Timeout));
    assert_eq!(environment.phase(), Phase::Cold);
    let next = run(&mut environment, 4_000, Event::Invoke(CALL));
    assert!(next.contains(&Action::Launch { generation: 2, phase: InitPhase::Invoke }), "the next one pays the init");
}

#[test]
fn a_retired_environment_finishes_its_invocation() {
    let mut environment = ExecutionEnvironment::new();
    run(&mut environment, 0, Event::Start);
    run(&mut environment, 10, Event::Next);
    run(&mut environment, 20, Event::Invoke(CALL));
    assert!(run(&mut environment, 21, Event::Retire).is_empty());
    assert!(!environment.accepts_invocations());
    run(&mut environment, 30, Event::Respond { request_id: ID, answer: Answer::Accepted });
    let end = run(&mut environment, 31, Event::Next);
    assert!(end.contains(&Action::Terminate) && !end.contains(&Action::Freeze));
}

#[test]
fn an_answer_that_has_begun_ends_once_and_nothing_else_goes_in_between() {
    let mut environment = ExecutionEnvironment::new();
    run(&mut environment, 0, Event::Start);
    run(&mut environment, 10, Event::Next);
    run(&mut environment, 20, Event::Invoke(CALL));
    let (begin, whole) =
        (Event::RespondBegin { request_id: ID }, Event::Respond { request_id: ID, answer: Answer::Accepted });
    let end = Event::RespondEnd { request_id: ID, answer: Answer::Accepted };
    assert!(environment.handle(Moment(20_000), end, &mut Vec::new()).is_err(), "nothing has begun");
    assert!(run(&mut environment, 21, begin).is_empty());
    for refused in [begin, whole, Event::Next] {
        assert!(environment.handle(Moment(22_000), refused, &mut Vec::new()).is_err(), "{refused:?}");
    }
    let mut crashed = environment.clone();
    let fault = ErrorType::RuntimeExitError;
    let crash = run(&mut crashed, 23, Event::RuntimeFailed { generation: 1, fault });
    assert!(crash.contains(&Action::Complete(ID, Outcome::Failed(fault))), "the caller hears how it ended");
    assert_eq!(run(&mut environment, 24, end), [Action::Complete(ID, Outcome::Answered)]);
    assert_eq!(report(&run(&mut environment, 25, Event::Next)).duration_us, 5_000);
}

#[test]
fn an_init_error_answers_during_the_invocation_and_names_the_status() {
    let mut environment = ExecutionEnvironment::new();
    run(&mut environment, 0, Event::Invoke(CALL));
    assert_eq!(run(&mut environment, 5, Event::InitError), [Action::Complete(ID, Outcome::InitError)]);
    let fault = ErrorType::RuntimeExitError;
    let exit = run(&mut environment, 6, Event::RuntimeFailed { generation: 1, fault });
    let init_type = InitType::OnDemand;
    let expected = InitReport { init_type, phase: InitPhase::Invoke, duration_us: 6_000, status: Status::InitError };
    let [Action::InitRuntimeDone(done), Action::ReportInit(reported), start, ..] = exit[..] else { panic!("{exit:?}") };
    assert_eq!((done, reported), (expected, expected));
    assert_eq!(start, Action::LogStart(ID), "START comes after INIT_REPORT");
    assert_eq!(report(&run(&mut environment, 7, Event::Emptied { generation: 1 })).status, Status::InitError);
}
