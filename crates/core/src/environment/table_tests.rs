//! The transition table of `docs/lifecycle.md`, made by the machine itself.

use super::*;
use crate::ids::RequestId;
use std::fmt::Write as _;

const ID: RequestId = RequestId(7);
const CALL: Call = Call { request_id: ID, timeout_ms: 3_000 };

#[test]
fn the_transition_table_matches_the_documentation() {
    let table = transition_table();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lifecycle.md");
    if std::env::var_os("HEARTH_BLESS").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), table, "run with HEARTH_BLESS=1 to write it anew");
}

fn transition_table() -> String {
    let (deadline, started) = (Moment(0), Moment(0));
    let invoke = |stage| Phase::Invoke { call: CALL, deadline, started, stage };
    let init = |step, waiting| Phase::Init { deadline, started, step, waiting };
    let ending = Ending { reason: Reason::Spindown, report: None, next: None, then: Then::Shutdown };
    let stopping = |turn| Phase::Stopping { deadline, over: deadline, turn, ending };
    let reset = |next| Phase::Reset { deadline, report: None, next };
    let phases = [
        ("Cold", Phase::Cold),
        ("Init, external extensions register", init(Step::Registering, None)),
        ("Init", init(Step::Loading, None)),
        ("Init, invocation waits", init(Step::Loading, Some(CALL))),
        ("Init, extensions not ready", init(Step::Waiting(Asked::Next), None)),
        ("Idle (frozen)", Phase::Idle),
        ("Invoke, Init inside: external extensions register", invoke(Stage::Init { step: Step::Registering })),
        ("Invoke, Init inside", invoke(Stage::Init { step: Step::Loading })),
        ("Invoke, Init failed", invoke(Stage::Init { step: Step::Reported })),
        ("Invoke, Init inside: extensions not ready", invoke(Stage::Init { step: Step::Waiting(Asked::Next) })),
        ("Invoke, running", invoke(Stage::Running)),
        ("Invoke, responding", invoke(Stage::Responding)),
        ("Invoke, answered", invoke(Stage::Answered { answer: Answer::Accepted })),
        ("Invoke, extensions not ready", invoke(Stage::Extensions { answer: Answer::Accepted })),
        ("Stopping, just thawed", stopping(Turn::Thawed)),
        ("Stopping, runtime", stopping(Turn::Runtime)),
        ("Stopping, extensions", stopping(Turn::Extensions)),
        ("Reset", reset(None)),
        ("Reset, invocation waits", reset(Some(CALL))),
        ("Shutdown", Phase::Shutdown { report: None }),
        ("Gone", Phase::Gone),
    ];
    let restore = |waiting| Phase::Restore { deadline, started, waiting };
    let of_snap_start = [
        ("SnapStart: Init", init(Step::Loading, None)),
        ("SnapStart: Init, extensions not ready", init(Step::Waiting(Asked::Restore), None)),
        ("SnapStart: Restore", restore(None)),
        ("SnapStart: Restore, invocation waits", restore(Some(CALL))),
        ("SnapStart: Idle (frozen)", Phase::Idle),
        ("SnapStart: Invoke, running", invoke(Stage::Running)),
    ];
    let on_demand = phases.map(|(name, phase)| (name, InitType::OnDemand, phase));
    let of_snap_start = of_snap_start.map(|(name, phase)| (name, InitType::SnapStart, phase));
    let phases = on_demand.into_iter().chain(of_snap_start);
    let fault = ErrorType::RuntimeExitError;
    let events = [
        ("Start", Event::Start),
        ("Invoke", Event::Invoke(CALL)),
        ("Next", Event::Next),
        ("Respond", Event::Respond { request_id: ID, answer: Answer::Accepted }),
        ("RespondBegin", Event::RespondBegin { request_id: ID }),
        ("RespondEnd", Event::RespondEnd { request_id: ID, answer: Answer::Accepted }),
        ("InitError", Event::InitError),
        ("RestoreNext", Event::RestoreNext),
        ("RestoreError", Event::RestoreError),
        ("RuntimeFailed", Event::RuntimeFailed { generation: 1, fault }),
        ("Registered", Event::Registered),
        ("ExtensionsReady", Event::ExtensionsReady),
        ("ExtensionFailed", Event::ExtensionFailed { generation: 1, fault }),
        ("ExtensionsEnded", Event::ExtensionsEnded),
        ("Deadline", Event::Deadline),
        ("Emptied", Event::Emptied { generation: 1 }),
        ("Retire", Event::Retire),
        ("Stop", Event::Stop),
        ("Lost", Event::Lost),
        ("Terminated", Event::Terminated),
    ];
    let mut table = String::from(
        "# Lifecycle of an execution environment\n\nGenerated from `crates/core/src/environment.rs` by its test: each cell names the phase after the event, and what\n\
         the driver must do. `–` is refused and changes nothing.\n\n\
         As it is without extensions. Where some have registered, a Next that would end Init or Invoke waits for them\n\
         (extensions not ready), `Notify` comes before Dispatch, and what leads to Reset or Shutdown leads to Stopping first:\n\
         the runtime gets SIGTERM (500 ms with internal extensions only, else 600), then those external extensions that have\n\
         registered for it the SHUTDOWN event (2,000 ms for all), then follow Kill or Terminate.\n\n\
         The rows of SnapStart are those in which an environment of it differs: each initialises itself (130 s, or the function\n\
         timeout if that is longer) and is taken for restored at once (10 s); there is no Reset, it ends, and the next invocation\n\
         gets another.\n\n| phase |",
    );
    for (name, _) in events {
        write!(table, " {name} |").unwrap();
    }
    writeln!(table, "\n|{}", " --- |".repeat(events.len() + 1)).unwrap();
    for (name, init_type, phase) in phases {
        write!(table, "| **{name}** |").unwrap();
        for (_, event) in events {
            let blank = ExecutionEnvironment::of(init_type, CALL.timeout_ms, Extensions::default());
            let mut environment = ExecutionEnvironment { phase, generation: 1, ..blank };
            let mut out = Vec::new();
            let cell = match environment.handle(Moment(0), event, &mut out) {
                Err(_) => "–".to_owned(),
                Ok(()) => {
                    let name = if environment.phase == phase { "stays" } else { environment.phase.name() };
                    let actions: Vec<_> = out.iter().map(action_name).collect();
                    if actions.is_empty() { name.to_owned() } else { format!("{name}: {}", actions.join(", ")) }
                }
            };
            write!(table, " {cell} |").unwrap();
        }
        table.push('\n');
    }
    table
}

fn action_name(action: &Action) -> String {
    let text = format!("{action:?}");
    text.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}
