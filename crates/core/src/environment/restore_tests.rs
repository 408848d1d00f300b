//! SnapStart: what is said of Init and Restore, in which order, and how either fails.

use super::*;
use crate::extension::{ExtensionId, Failure};
use crate::ids::RequestId;
use crate::limits::{RESTORE_MAX_MS, SNAP_START_INIT_MS};

const ID: RequestId = RequestId(7);
const CALL: Call = Call { request_id: ID, timeout_ms: 3_000 };

/// An environment that comes up by Restore.
struct Stage(ExecutionEnvironment);

impl Stage {
    /// Launched for an invocation.
    fn launched() -> Self {
        let mut stage = Self(ExecutionEnvironment::of(InitType::SnapStart, CALL.timeout_ms, Extensions::default()));
        stage.event(0, Event::Start);
        stage.event(0, Event::Invoke(CALL));
        stage
    }

    /// Told to run its hooks, at 80 ms.
    fn restoring() -> Self {
        let mut stage = Self::launched();
        stage.event(80, Event::RestoreNext);
        stage
    }

    fn event(&mut self, at_ms: u64, event: Event) -> Vec<Action> {
        let mut out = Vec::new();
        self.0.handle(Moment(at_ms * 1_000), event, &mut out).unwrap();
        out
    }

    fn refuses(&mut self, event: Event) -> bool {
        self.0.handle(Moment(1), event, &mut Vec::new()).is_err()
    }
}

fn init_report(duration_us: u64, status: Status) -> InitReport {
    InitReport { init_type: InitType::SnapStart, phase: InitPhase::Init, duration_us, status }
}

fn report(out: &[Action]) -> InvocationReport {
    out.iter().find_map(|action| if let Action::Report(report) = action { Some(*report) } else { None }).unwrap()
}

fn ends(out: &[Action]) -> bool {
    out.contains(&Action::Terminate) && !out.contains(&Action::Kill)
}

#[test]
fn a_restore_comes_between_init_and_the_first_start_and_is_in_the_first_report() {
    let mut stage = Stage::launched();
    let init = init_report(80_000, Status::Success);
    let told = [
        Action::InitRuntimeDone(init),
        Action::ReportInit(init),
        Action::LogRestoreStart,
        Action::Arm(Moment(80_000 + RESTORE_MAX_MS * 1_000)),
        Action::Restore,
    ];
    assert_eq!(stage.event(80, Event::RestoreNext), told);
    let restore = RestoreReport { duration_us: 30_000, status: Status::Success };
    let out = stage.event(110, Event::Next);
    assert_eq!(out[..2], [Action::RestoreRuntimeDone(restore), Action::ReportRestore(restore)]);
    assert!(out[2..].contains(&Action::LogStart(ID)) && out.contains(&Action::Dispatch(ID)));
    let answer = Event::Respond { request_id: ID, answer: Answer::Accepted };
    stage.event(120, answer);
    let first = report(&stage.event(121, Event::Next));
    assert_eq!((first.duration_us, first.cold_start), (11_000, Some(ColdStart::Restore(30_000))));
    stage.event(200, Event::Invoke(CALL));
    stage.event(210, answer);
    assert_eq!(report(&stage.event(211, Event::Next)).cold_start, None);
}

#[test]
fn a_runtime_without_hooks_is_restored_at_once() {
    let mut stage = Stage::launched();
    let out = stage.event(80, Event::Next);
    let restore = RestoreReport { duration_us: 0, status: Status::Success };
    assert!(out.contains(&Action::LogRestoreStart) && out.contains(&Action::ReportRestore(restore)));
    assert!(!out.contains(&Action::Restore) && out.contains(&Action::Dispatch(ID)));
}

/// With an extension that has registered.
fn with_extension() -> (Stage, ExtensionId) {
    let machine = ExecutionEnvironment::of(InitType::SnapStart, 3_000, Extensions::new(vec!["one".to_owned()]));
    let (mut stage, id) = (Stage(machine), ExtensionId(1));
    stage.event(0, Event::Start);
    stage.0.register(Moment(1_000), "one", &["INVOKE".to_owned()], id, &mut Vec::new()).unwrap();
    (stage, id)
}

#[test]
fn restore_waits_for_the_extensions() {
    let ((mut stage, id), mut out) = (with_extension(), Vec::new());
    let runtime_done = Action::InitRuntimeDone(init_report(80_000, Status::Success));
    assert_eq!(stage.event(80, Event::RestoreNext), [runtime_done]);
    assert!(stage.refuses(Event::Next) && stage.refuses(Event::RestoreNext), "it waits to be restored");
    stage.0.extension_next(Moment(90_000), id, &mut out).unwrap();
    assert!(out.contains(&Action::ReportInit(init_report(90_000, Status::Success))) && out.contains(&Action::Restore));
    assert!(stage.event(95, Event::Next).contains(&Action::Freeze), "nobody waits for it");
}

#[test]
fn hooks_have_ten_seconds_and_the_caller_hears_that_they_took_longer() {
    let mut stage = Stage::restoring();
    let out = stage.event(80 + RESTORE_MAX_MS, Event::Deadline);
    let restore = RestoreReport { duration_us: RESTORE_MAX_MS * 1_000, status: Status::Timeout };
    assert!(out.contains(&Action::ReportRestore(restore)) && ends(&out));
    assert!(out.contains(&Action::Complete(ID, Outcome::NotRestored(NotRestored::Timeout))));
    assert!(!out.contains(&Action::LogStart(ID)), "nothing has begun");
}

#[test]
fn a_hook_that_fails_ends_the_environment() {
    let fault = ErrorType::RuntimeExitError;
    let exit = Event::RuntimeFailed { generation: 1, fault };
    let reported = Status::InitError;
    for (event, status) in [(Event::RestoreError, reported), (Event::InitError, reported), (exit, Status::Error(fault))]
    {
        let mut stage = Stage::restoring();
        let out = stage.event(100, event);
        let restore = RestoreReport { duration_us: 20_000, status };
        assert_eq!(out[..2], [Action::RestoreRuntimeDone(restore), Action::ReportRestore(restore)]);
        assert!(out.contains(&Action::Complete(ID, Outcome::NotRestored(NotRestored::Error))) && ends(&out));
    }
}

#[test]
fn what_an_extension_has_said_before_goes_before_what_the_runtime_says() {
    let (mut stage, id) = with_extension();
    stage.0.extension_next(Moment(50_000), id, &mut Vec::new()).unwrap();
    stage.event(80, Event::RestoreNext);
    stage.0.extension_failed(id, Failure::Exit, "Extension.Why").unwrap();
    let restore = RestoreReport { duration_us: 20_000, status: Status::Error(ErrorType::ExtensionExitError) };
    let out = stage.event(100, Event::RestoreError);
    assert!(out.contains(&Action::ReportRestore(restore)));
    assert!(out.contains(&Action::EndRuntime), "there is an extension that may end by itself");
    let Phase::Stopping { ending, .. } = stage.0.phase() else { panic!("{out:?}") };
    assert_eq!((ending.reason, ending.then), (Reason::Failure, Then::Shutdown));
}

#[test]
fn an_init_that_fails_is_not_retried() {
    let mut stage = Stage::launched();
    stage.event(50, Event::InitError);
    let fault = ErrorType::RuntimeExitError;
    let out = stage.event(51, Event::RuntimeFailed { generation: 1, fault });
    assert!(out.contains(&Action::ReportInit(init_report(51_000, Status::InitError))) && ends(&out));
    assert!(out.contains(&Action::Complete(ID, Outcome::InitError)));
}

#[test]
fn init_has_130_seconds_or_the_function_timeout() {
    for (timeout_ms, longest_ms) in [(3_000, SNAP_START_INIT_MS), (900_000, 900_000)] {
        let machine = ExecutionEnvironment::of(InitType::SnapStart, timeout_ms, Extensions::default());
        let mut stage = Stage(machine);
        stage.event(0, Event::Start);
        stage.event(0, Event::Invoke(Call { timeout_ms, ..CALL }));
        assert_eq!(stage.0.phase().deadline(), Some(Moment(longest_ms * 1_000)));
        let out = stage.event(longest_ms, Event::Deadline);
        assert!(out.contains(&Action::Complete(ID, Outcome::NotRestored(NotRestored::Timeout))) && ends(&out));
    }
}

#[test]
fn a_crash_ends_the_environment_and_a_timeout_does() {
    let fault = ErrorType::RuntimeExitError;
    for (at_ms, event, status) in [
        (90, Event::RuntimeFailed { generation: 1, fault }, Status::Error(fault)),
        (3_080, Event::Deadline, Status::Timeout),
    ] {
        let mut stage = Stage::launched();
        stage.event(80, Event::Next);
        let out = stage.event(at_ms, event);
        assert!(ends(&out), "{out:?}");
        assert_eq!(report(&stage.event(at_ms + 5, Event::Terminated)).status, status);
    }
}

#[test]
fn on_demand_knows_no_restore() {
    let mut stage = Stage(ExecutionEnvironment::new());
    stage.event(0, Event::Start);
    assert!(stage.refuses(Event::RestoreNext) && stage.refuses(Event::RestoreError));
}
