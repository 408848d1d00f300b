//! The lifecycle with extensions: who is waited for, who hears of the end, and whose failure counts.

use super::*;
use crate::extension::{ExtensionId, Failure};
use crate::ids::RequestId;

const ID: RequestId = RequestId(7);
const CALL: Call = Call { request_id: ID, timeout_ms: 3_000 };
const ONE: ExtensionId = ExtensionId(1);

fn init_report(status: Status) -> InitReport {
    InitReport { init_type: InitType::OnDemand, phase: InitPhase::Init, duration_us: 10_000, status }
}

/// An external extension, and when things happen to it.
struct Stage(ExecutionEnvironment);

impl Stage {
    /// Launched, and registered for both events.
    fn registered() -> Self {
        let mut stage = Self(ExecutionEnvironment::of(InitType::OnDemand, 0, Extensions::new(vec!["one".to_owned()])));
        assert!(!stage.event(0, Event::Start).contains(&Action::LaunchRuntime));
        let both = ["INVOKE", "SHUTDOWN"].map(str::to_owned);
        let mut out = Vec::new();
        stage.0.register(Moment(1_000), "one", &both, ONE, &mut out).unwrap();
        assert_eq!(out, [Action::LaunchRuntime]);
        stage
    }

    fn event(&mut self, at_ms: u64, event: Event) -> Vec<Action> {
        let mut out = Vec::new();
        self.0.handle(Moment(at_ms * 1_000), event, &mut out).unwrap();
        out
    }

    fn next(&mut self, at_ms: u64) -> Vec<Action> {
        let mut out = Vec::new();
        self.0.extension_next(Moment(at_ms * 1_000), ONE, &mut out).unwrap();
        out
    }

    fn exit(&mut self, at_ms: u64) -> Vec<Action> {
        let mut out = Vec::new();
        self.0.extension_exited(Moment(at_ms * 1_000), 1, 0, true, &mut out);
        out
    }

    fn report(out: &[Action]) -> Option<InvocationReport> {
        out.iter().find_map(|action| if let Action::Report(report) = action { Some(*report) } else { None })
    }
}

#[test]
fn work_after_the_answer_counts_and_the_end_goes_step_by_step() {
    let mut stage = Stage::registered();
    let done = init_report(Status::Success);
    assert_eq!(stage.event(10, Event::Next), [Action::InitRuntimeDone(done)], "Init waits for the extension");
    assert!(stage.next(40).contains(&Action::Freeze));
    let out = stage.event(100, Event::Invoke(CALL));
    let at = |wanted| out.iter().position(|action| *action == wanted).unwrap();
    assert!(at(Action::Thaw) < at(Action::Notify(ID)) && at(Action::Notify(ID)) < at(Action::Dispatch(ID)));
    let answer = Event::Respond { request_id: ID, answer: Answer::Accepted };
    assert_eq!(stage.event(110, answer), [Action::Complete(ID, Outcome::Answered)]);
    let done = RuntimeDone { request_id: ID, status: Status::Success };
    assert_eq!(stage.event(111, Event::Next), [Action::RuntimeDone(done)], "the report waits");
    let report = Stage::report(&stage.next(150)).unwrap();
    assert_eq!((report.duration_us, report.cold_start), (50_000, Some(ColdStart::Init(40_000))));

    let first = stage.event(1_000, Event::Retire);
    assert_eq!(first, [Action::Thaw, Action::Arm(Moment(1_020_000))], "it runs on to where it waits");
    let second = stage.event(1_020, Event::Deadline);
    assert_eq!(second, [Action::Arm(Moment(1_600_000)), Action::EndRuntime], "at the end of its share of the time");
    let deadline = Moment(3_000_000);
    let told = Action::NotifyShutdown { deadline, reason: Reason::Spindown };
    assert_eq!(stage.event(1_600, Event::Deadline), [Action::KillRuntime, Action::Arm(deadline), told]);
    assert_eq!(stage.exit(1_700), [Action::Disarm, Action::Terminate]);
}

#[test]
fn who_is_busy_when_it_ends_hears_of_it_with_its_next_request() {
    let mut stage = Stage::registered();
    stage.event(10, Event::Next);
    stage.next(10);
    stage.event(20, Event::Invoke(CALL));
    stage.event(3_020, Event::Deadline);
    let fault = ErrorType::RuntimeExitError;
    stage.event(3_100, Event::RuntimeFailed { generation: 1, fault });
    let told = Action::NotifyShutdown { deadline: Moment(5_020_000), reason: Reason::Timeout };
    assert_eq!(stage.next(3_200), [told]);
    assert!(stage.exit(3_300).contains(&Action::Kill), "then the sandbox is reset");
    let report = Stage::report(&stage.event(3_301, Event::Emptied { generation: 1 })).unwrap();
    assert_eq!(report.status, Status::Timeout);
}

#[test]
fn the_first_fatal_error_wins() {
    let mut stage = Stage::registered();
    stage.event(5, Event::Invoke(CALL));
    stage.0.extension_failed(ONE, Failure::Init, "Extension.Why").unwrap();
    let out = stage.exit(10);
    let status = Status::Error(ErrorType::ExtensionInitError);
    assert!(out.contains(&Action::ReportInit(init_report(status))));
}
