//! What a timeline shows of any order of events, and of the usual ones.

use super::super::tests::{Doing, NAMES, any_init_type, anything};
use super::super::{Answer, Call, ColdStart, Event, InitType, Phase, Status};
use super::*;
use crate::extension::ExtensionId;
use proptest::prelude::*;

/// A machine, its timeline, and the STARTs and REPORTs there were.
struct Stage {
    machine: ExecutionEnvironment,
    timeline: Timeline,
    now: Moment,
    ids: [ExtensionId; NAMES.len()],
    registrations: u128,
    invocations: u128,
    started: Vec<RequestId>,
    reports: Vec<InvocationReport>,
}

impl Stage {
    fn new(externals: usize) -> Self {
        Self::of(InitType::OnDemand, externals)
    }

    fn of(init_type: InitType, externals: usize) -> Self {
        let names = NAMES.iter().take(externals).map(|name| (*name).to_owned()).collect();
        Self {
            machine: ExecutionEnvironment::of(init_type, CALL.timeout_ms, Extensions::new(names)),
            timeline: Timeline::new(Moment(0)),
            now: Moment(0),
            ids: [ExtensionId(0); NAMES.len()],
            registrations: 0,
            invocations: 0,
            started: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// After `gap_us`; what is refused changes nothing.
    fn play(&mut self, gap_us: u64, doing: Doing) {
        self.now = Moment(self.now.0 + gap_us);
        let (now, machine, mut out) = (self.now, &mut self.machine, Vec::new());
        let aged = |age: u32| machine.generation().wrapping_sub(age);
        match doing {
            Doing::Event(event) => {
                let current = machine.phase().invocation().unwrap_or(RequestId(u128::MAX));
                let event = match event {
                    Event::Invoke(call) => {
                        self.invocations += 1;
                        Event::Invoke(Call { request_id: RequestId(self.invocations), ..call })
                    }
                    Event::Respond { answer, .. } => Event::Respond { request_id: current, answer },
                    Event::RespondBegin { .. } => Event::RespondBegin { request_id: current },
                    Event::RespondEnd { answer, .. } => Event::RespondEnd { request_id: current, answer },
                    Event::RuntimeFailed { generation, fault } => {
                        Event::RuntimeFailed { generation: aged(generation), fault }
                    }
                    Event::Emptied { generation } => Event::Emptied { generation: aged(generation) },
                    other => other,
                };
                machine.handle(now, event, &mut out).unwrap_or_default();
            }
            Doing::Register { who, events } => {
                self.registrations += 1;
                let id = ExtensionId(self.registrations);
                if machine.register(now, NAMES[who], &events, id, &mut out).is_ok() {
                    self.ids[who] = id;
                }
            }
            Doing::Next { who } => machine.extension_next(now, self.ids[who], &mut out).unwrap_or_default(),
            Doing::Fail { who, failure } => {
                machine.extension_failed(self.ids[who], failure, "Extension.Why").unwrap_or_default();
            }
            Doing::Exit { who, age, well } => machine.extension_exited(now, aged(age), who, well, &mut out),
            Doing::NotLaunched { who, age } => {
                machine.extension_not_launched(now, aged(age), who, "PermissionDenied", &mut out);
            }
        }
        for action in &out {
            match action {
                Action::LogStart(id) => self.started.push(*id),
                Action::Report(report) => self.reports.push(*report),
                _ => {}
            }
        }
        self.timeline.observe(now, &self.machine, &out);
    }

    fn event(&mut self, gap_ms: u64, event: Event) {
        self.play(gap_ms * 1_000, Doing::Event(event));
    }

    fn spans(&self) -> Vec<Span> {
        self.timeline.ended().chain(self.timeline.under_way(self.now)).collect()
    }

    fn spans_of(&self, lane: Lane) -> Vec<(Activity, u64, u64)> {
        let mut spans: Vec<_> = self.spans().into_iter().filter(|span| span.lane == lane).collect();
        spans.sort_by_key(|span| span.start);
        spans.iter().map(|span| (span.activity, span.start.0 / 1_000, span.end.0 / 1_000)).collect()
    }

    /// One invocation that takes `ms`, and the freeze after it.
    fn invoke(&mut self, ms: u64) {
        self.event(1, Event::Invoke(CALL));
        self.event(ms, Event::Respond { request_id: CALL.request_id, answer: Answer::Accepted });
        self.event(0, Event::Next);
    }
}

const CALL: Call = Call { request_id: RequestId(0), timeout_ms: 3_000 };

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn spans_of_any_order_of_events_nest(
        externals in 0usize..3,
        init_type in any_init_type(),
        steps in prop::collection::vec((0u64..3_000_000, anything()), 0..160),
    ) {
        let mut stage = Stage::of(init_type, externals);
        for (gap_us, doing) in steps {
            stage.play(gap_us, doing);
        }
        let spans = stage.spans();
        prop_assert!(spans.iter().all(|span| span.start <= span.end && span.end <= stage.now));
        for (at, one) in spans.iter().enumerate() {
            for other in spans.iter().skip(at + 1).filter(|other| other.lane == one.lane) {
                prop_assert!(one.end <= other.start || other.end <= one.start, "{one:?} overlaps {other:?}");
            }
        }
        let phases: Vec<_> = spans.iter().filter(|span| span.lane == Lane::Environment).collect();
        prop_assert!(phases.windows(2).all(|pair| pair[0].end == pair[1].start), "phases leave no gap: {phases:?}");
        for span in spans.iter().filter(|span| span.lane != Lane::Environment) {
            // One without length, where two phases meet, may be of either.
            let owns = |phase: &Span| {
                phase.activity != Activity::Frozen && phase.start <= span.start && span.end <= phase.end
            };
            prop_assert!(phases.iter().any(|phase| owns(phase)), "{span:?} belongs to a phase");
        }
        let invokes = phases.iter().filter(|span| matches!(span.activity, Activity::Invoke(_))).count();
        let waits = usize::from(stage.machine.phase().invocation().is_some_and(|id| !stage.started.contains(&id)));
        prop_assert_eq!(invokes, stage.started.len() + waits, "one span for each START");
        for report in &stage.reports {
            let mut of_id = stage.timeline.invocations().filter(|one| one.request_id == report.request_id);
            let invocation = of_id.next().expect("recorded");
            prop_assert!(of_id.next().is_none());
            prop_assert_eq!(invocation.report, Some(*report));
            let span = phases.iter().find(|span| span.activity == Activity::Invoke(invocation.number)).expect("its span");
            prop_assert!(span.end.since(span.start) >= report.duration_us, "as long as REPORT says, or over its timeout");
        }
        prop_assert_eq!(stage.timeline.under_way(stage.now).count() == 0, stage.machine.phase() == Phase::Gone);
    }

    #[test]
    fn memory_is_bounded_and_the_newest_is_kept(count in 0u32..400, name in "\\PC{0,300}") {
        let mut stage = Stage::new(0);
        stage.event(0, Event::Start);
        let events = ["INVOKE".to_owned()];
        stage.machine.register(stage.now, &name, &events, ExtensionId(9), &mut Vec::new()).unwrap_or_default();
        stage.event(80, Event::Next);
        if !name.is_empty() {
            stage.machine.extension_next(stage.now, ExtensionId(9), &mut Vec::new()).unwrap();
            stage.event(0, Event::ExtensionsReady);
        }
        for _ in 0..count {
            stage.event(1, Event::Invoke(CALL));
            stage.machine.extension_next(stage.now, ExtensionId(9), &mut Vec::new()).unwrap_or_default();
            stage.event(1, Event::Respond { request_id: CALL.request_id, answer: Answer::Accepted });
            stage.event(0, Event::Next);
        }
        let timeline = &stage.timeline;
        let kept = timeline.invocations().count();
        prop_assert!(timeline.ended().count() <= SPANS_KEPT + 10);
        prop_assert_eq!(u32::try_from(kept).unwrap() + timeline.forgotten(), count);
        prop_assert_eq!(timeline.invocations().last().map_or(0, |invocation| invocation.number), count);
        prop_assert!(timeline.ended().any(|span| span.activity == Activity::Init), "the first Init stays");
        prop_assert!(timeline.extensions().iter().all(|lane| name.starts_with(lane.as_str()) && lane.len() <= NAME_MAX));
    }
}

#[test]
fn a_cold_start_and_a_warm_one() {
    let mut stage = Stage::new(0);
    stage.event(10, Event::Start);
    stage.event(0, Event::Invoke(CALL));
    stage.event(80, Event::Next);
    stage.event(5, Event::RespondBegin { request_id: CALL.request_id });
    stage.event(7, Event::RespondEnd { request_id: CALL.request_id, answer: Answer::Accepted });
    stage.event(1, Event::Next);
    stage.event(600_000, Event::Invoke(CALL));
    use Activity as A;
    assert_eq!(
        stage.spans_of(Lane::Environment),
        [
            (A::Create, 0, 10),
            (A::Init, 10, 90),
            (A::Invoke(1), 90, 103),
            (A::Frozen, 103, 600_103),
            (A::Invoke(2), 600_103, 600_103),
        ]
    );
    assert_eq!(
        stage.spans_of(Lane::Runtime),
        [
            (A::Init, 10, 90),
            (A::ResponseLatency, 90, 95),
            (A::ResponseDuration, 95, 102),
            (A::RuntimeOverhead, 102, 103),
            (A::ResponseLatency, 600_103, 600_103),
        ]
    );
    let first = stage.timeline.invocations().next().unwrap();
    assert_eq!(first.answered, Some(Moment(102_000)));
    assert_eq!(first.report.unwrap().duration_us, 13_000);
    assert_eq!(stage.timeline.init().unwrap().duration_us, 80_000);
}

#[test]
fn a_restore_is_a_phase_of_its_own() {
    use Activity as A;
    let mut stage = Stage::of(InitType::SnapStart, 0);
    stage.event(10, Event::Start);
    stage.event(0, Event::Invoke(CALL));
    stage.event(80, Event::RestoreNext);
    stage.event(30, Event::Next);
    stage.event(5, Event::Respond { request_id: CALL.request_id, answer: Answer::Accepted });
    stage.event(0, Event::Next);
    let phases = stage.spans_of(Lane::Environment);
    assert_eq!(phases[1..4], [(A::Init, 10, 90), (A::Restore, 90, 120), (A::Invoke(1), 120, 125)]);
    let of_the_runtime = stage.spans_of(Lane::Runtime);
    assert_eq!(of_the_runtime[..3], [(A::Init, 10, 90), (A::Restore, 90, 120), (A::ResponseLatency, 120, 125)]);
    let report = stage.timeline.invocations().next().unwrap().report.unwrap();
    assert_eq!(report.cold_start, Some(ColdStart::Restore(30_000)));
}

#[test]
fn extensions_have_lanes_of_their_own_across_a_reset() {
    use Activity as A;
    let register = |who| Doing::Register { who, events: vec!["INVOKE".to_owned(), "SHUTDOWN".to_owned()] };
    let mut stage = Stage::new(1);
    stage.event(0, Event::Start);
    stage.play(10_000, register(0));
    stage.play(5_000, Doing::Next { who: 0 });
    stage.event(30, Event::Next);
    stage.event(1, Event::Invoke(CALL));
    stage.event(2, Event::Respond { request_id: CALL.request_id, answer: Answer::Accepted });
    stage.event(1, Event::Next);
    stage.play(20_000, Doing::Next { who: 0 });
    stage.event(1, Event::Invoke(CALL));
    stage.event(3_000, Event::Deadline);
    stage.event(600, Event::Deadline);
    stage.play(100_000, Doing::Next { who: 0 });
    stage.play(50_000, Doing::Exit { who: 0, age: 0, well: true });
    stage.event(5, Event::Emptied { generation: 0 });
    assert_eq!(stage.timeline.extensions(), ["one"]);
    assert_eq!(
        stage.spans_of(Lane::Extension(0)),
        [
            (A::Register, 0, 10),
            (A::Init, 10, 15),
            (A::Event, 46, 49),
            (A::ExtensionOverhead, 49, 69),
            (A::Event, 70, 3_070),
            (A::Event, 3_070, 3_670),
            (A::Shutdown, 3_670, 3_820),
        ]
    );
    assert_eq!(stage.spans_of(Lane::Environment).last(), Some(&(A::Cold, 3_825, 3_825)));
    let last = stage.timeline.invocations().last().unwrap();
    assert_eq!(last.report.unwrap().status, Status::Timeout);

    stage.event(1, Event::Invoke(CALL));
    stage.play(1_000, register(0));
    assert_eq!(stage.timeline.extensions(), ["one"], "the same lane");
}

#[test]
fn a_flood_of_names_ends_at_the_last_lane() {
    let mut stage = Stage::new(0);
    stage.event(0, Event::Start);
    for generation in 0..9 {
        for name in 0..3 {
            let id = ExtensionId(generation * 3 + name);
            let name = format!("{generation}-{name}");
            stage.machine.register(stage.now, &name, &[], id, &mut Vec::new()).unwrap();
        }
        stage.event(1, Event::RuntimeFailed { generation: 0, fault: crate::error::ErrorType::RuntimeExitError });
        stage.event(1, Event::Deadline);
        stage.event(500, Event::Deadline);
        stage.event(1, Event::Emptied { generation: 0 });
        stage.event(1, Event::Invoke(CALL));
    }
    assert_eq!(stage.timeline.extensions().len(), EXTENSION_LANES);
    stage.invoke(1);
}
