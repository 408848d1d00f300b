//! `docs/billing.md`: what each outcome of an invocation costs, by the lifecycle, the billing rules and the log lines
//! themselves. The times are chosen; everything that follows from them is computed.

use hearth_core::billing::{Rule, billed_ms};
use hearth_core::environment::{Action, Answer, Call, Event, ExecutionEnvironment, InitType, Moment};
use hearth_core::error::ErrorType;
use hearth_core::extension::{ExtensionId, Extensions};
use hearth_core::ids::RequestId;
use hearth_core::report;
use std::fmt::Write as _;

const TIMEOUT_MS: u64 = 3_000;
const MEMORY_MB: (u32, u64) = (128, 45);
const EXTENSION: ExtensionId = ExtensionId(1);
const REPORTED: &str = "Runtime.ImportModuleError";

const INTRODUCTION: &str = "\
# What is billed

A function of 128 MB with a timeout of 3 s. The times of the steps are chosen; REPORT and what is billed are computed from the
lifecycle by `crates/core/tests/billing.rs`.

- `hearth up` bills by the rule in force since 1 August 2025: Billed Duration = Init Duration + Duration, rounded up once to a
  whole millisecond.
- `hearth up --billing classic` is the rule before it: the Init phase is free.
- Under both, a suppressed init (one that runs inside an invocation, after a failure or an Init of more than 10 s) is part of
  Duration, and Duration ends when the runtime and every extension that got the event have asked for the next one. A timeout is billed
  as the timeout.
- With SnapStart, Billed Duration = Duration + Restore Duration, each rounded up, under both. Here, each environment
  initialises itself before it is restored; that Init is not billed. (AWS bills one when a version is published, and caching.)
- Shutdown phases, and Init phases that failed, are not billed.

Source: AWS Lambda pricing; the announcement of 2025-08-01 on billing of the Init phase; REPORT lines seen since.
";

/// One environment, driven by hand.
struct Story {
    machine: ExecutionEnvironment,
    now_us: u64,
    invocations: u128,
    lines: String,
    billed: Vec<(u64, u64)>,
}

impl Story {
    fn new() -> Self {
        Self::of(ExecutionEnvironment::new())
    }

    fn of(machine: ExecutionEnvironment) -> Self {
        Self { machine, now_us: 0, invocations: 0, lines: String::new(), billed: Vec::new() }
    }

    fn drive<T>(&mut self, tell: impl FnOnce(&mut ExecutionEnvironment, Moment, &mut Vec<Action>) -> T) -> T {
        let mut actions = Vec::new();
        let told = tell(&mut self.machine, Moment(self.now_us), &mut actions);
        actions.into_iter().for_each(|action| self.note(action));
        told
    }

    fn note(&mut self, action: Action) {
        match action {
            Action::Report(said) => {
                let [current, classic] =
                    [Rule::Current, Rule::Classic].map(|rule| billed_ms(rule, said.duration_us, said.cold_start));
                self.lines += &report::report(&said, current, MEMORY_MB, REPORTED);
                self.billed.push((current, classic));
            }
            Action::ReportInit(said) => self.lines.extend(report::init_report(&said, REPORTED)),
            Action::ReportRestore(said) => self.lines += &report::restore_report(&said, REPORTED),
            _ => {}
        }
    }

    /// After `us` microseconds, this happens.
    fn after(&mut self, us: u64, event: Event) -> &mut Self {
        self.now_us += us;
        self.drive(|machine, now, out| machine.handle(now, event, out)).expect("allowed");
        self
    }

    fn start(&mut self) -> &mut Self {
        self.after(0, Event::Start)
    }

    fn invoke(&mut self) -> &mut Self {
        self.invocations += 1;
        let call = Call { request_id: RequestId(self.invocations), timeout_ms: TIMEOUT_MS };
        self.after(0, Event::Invoke(call))
    }

    fn respond(&mut self, us: u64, answer: Answer) -> &mut Self {
        let request_id = RequestId(self.invocations);
        self.after(us, Event::Respond { request_id, answer })
    }

    /// The handler answers, and the runtime asks for the next event 200 µs later.
    fn answer(&mut self, us: u64) -> &mut Self {
        self.respond(us, Answer::Accepted).after(200, Event::Next)
    }

    /// The runtime ends by itself, and what is left of it is killed.
    fn crash(&mut self, us: u64) -> &mut Self {
        let (generation, fault) = (self.machine.generation(), ErrorType::RuntimeExitError);
        self.after(us, Event::RuntimeFailed { generation, fault }).emptied()
    }

    fn emptied(&mut self) -> &mut Self {
        let generation = self.machine.generation();
        self.after(500, Event::Emptied { generation })
    }

    fn extension_asks(&mut self, us: u64) -> &mut Self {
        self.now_us += us;
        self.drive(|machine, now, out| machine.extension_next(now, EXTENSION, out)).expect("registered");
        self
    }

    /// Forgets what came before: only what follows is shown.
    fn then(&mut self) -> &mut Self {
        self.lines.clear();
        self.billed.clear();
        self
    }
}

fn warm() -> Story {
    let mut story = Story::new();
    story.start().after(80_125, Event::Next).then();
    story.invoke().answer(9_000).then();
    story
}

fn with_an_extension() -> Story {
    let mut story =
        Story::of(ExecutionEnvironment::of(InitType::OnDemand, 0, Extensions::new(vec!["metrics".to_owned()])));
    story.start();
    story.now_us += 12_000;
    let events = ["INVOKE".to_owned()];
    story.drive(|machine, now, out| machine.register(now, "metrics", &events, EXTENSION, out)).expect("registers");
    story.extension_asks(1_000).after(80_125, Event::Next).then();
    story
}

fn outcomes() -> Vec<(&'static str, &'static str, Story)> {
    let mut outcomes = Vec::new();
    let mut tell = |name, what, mut story: Story, course: &dyn Fn(&mut Story)| {
        course(&mut story);
        outcomes.push((name, what, story));
    };
    tell("Cold start", "Init takes 80.125 ms, the handler 12.345 ms.", Story::new(), &|story| {
        story.start().invoke().after(80_125, Event::Next).answer(12_145);
    });
    tell("Warm", "The handler takes 12.345 ms.", warm(), &|story| {
        story.invoke().answer(12_145);
    });
    tell("Error of the handler", "The runtime reports it after 7.5 ms; the environment stays.", warm(), &|story| {
        story.invoke().answer(7_300);
    });
    tell("Crash", "The runtime exits after 7.5 ms.", warm(), &|story| {
        story.invoke().crash(7_500);
    });
    tell(
        "Crash after the answer",
        "The caller keeps its answer of 7.5 ms; the exit is 2 ms later.",
        warm(),
        &|story| {
            story.invoke().respond(7_500, Answer::Accepted).crash(2_000);
        },
    );
    tell("Timeout", "The handler does not end.", warm(), &|story| {
        story.invoke().after(TIMEOUT_MS * 1_000 + 1_178, Event::Deadline).emptied();
    });
    tell("Answer too large", "It is complete after 20 ms; the environment stays.", warm(), &|story| {
        let fault = Answer::Unusable(ErrorType::FunctionResponseSizeTooLarge);
        story.invoke().respond(20_000, fault).after(200, Event::Next);
    });
    tell(
        "Suppressed init",
        "The invocation after a crash or a timeout: Init of 80.125 ms inside of it, then the handler of 12.345 ms.",
        warm(),
        &|story| {
            story.invoke().crash(7_500).then();
            story.invoke().after(80_125, Event::Next).answer(12_145);
        },
    );
    tell(
        "Init fails, and again inside the invocation",
        "The runtime exits 50 ms after its start, twice.",
        Story::new(),
        &|story| {
            story.start().invoke().crash(50_000).crash(50_000);
        },
    );
    tell(
        "Init reports an error, twice",
        "The function cannot be imported: the runtime says so after 50 ms, and exits 1 ms later.",
        Story::new(),
        &|story| {
            story.start().invoke();
            story.after(50_000, Event::InitError).crash(1_000);
            story.after(50_000, Event::InitError).crash(1_000);
        },
    );
    tell(
        "Init of more than 10 s",
        "It begins anew inside the invocation, where it takes 2.5 s, then the handler of 12.345 ms.",
        Story::new(),
        &|story| {
            story.start().invoke().after(10_000_400, Event::Deadline).emptied();
            story.after(2_500_000, Event::Next).answer(12_145);
        },
    );
    tell(
        "Extension",
        "The caller has the answer after 12.145 ms, the runtime is done after 12.345 ms, the extension after 40 ms.",
        with_an_extension(),
        &|story| {
            story.invoke().answer(12_145).extension_asks(27_655);
        },
    );
    let snap_start = || Story::of(ExecutionEnvironment::of(InitType::SnapStart, TIMEOUT_MS, Extensions::default()));
    tell(
        "SnapStart: cold start",
        "Init takes 80.125 ms, hooks after the restore 162.64 ms, the handler 149.53 ms.",
        snap_start(),
        &|story| {
            story.start().invoke().after(80_125, Event::RestoreNext).after(162_640, Event::Next).answer(149_330);
        },
    );
    tell(
        "SnapStart: no hooks",
        "The runtime asks for its first event 80.125 ms after its start; the handler takes 12.345 ms.",
        snap_start(),
        &|story| {
            story.start().invoke().after(80_125, Event::Next).answer(12_145);
        },
    );
    outcomes
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (name, what, story) in outcomes() {
        let [(current, classic)] = story.billed[..] else { panic!("{name}: {:?}", story.billed) };
        let lines = story.lines.replace("\t\n", "\n").replace('\t', "  ");
        let difference = if current == classic { "the same".to_owned() } else { format!("{classic} ms") };
        write!(
            page,
            "\n## {name}\n\n{what} Billed: {current} ms (`--billing classic`: {difference}).\n\n```text\n{lines}```\n"
        )
        .expect("a String takes everything");
    }
    page
}

#[test]
fn the_examples_match_the_documentation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/billing.md");
    let page = page();
    if std::env::var_os("HEARTH_BLESS").is_some() {
        std::fs::write(path, &page).expect("docs can be written");
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page, "run with HEARTH_BLESS=1 to write it anew");
}
