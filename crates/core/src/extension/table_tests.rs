//! What each call and event makes of an extension, in every state: `docs/extensions.md`, made by the registry itself. And
//! what holds for any order of them.

use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;

const ID: ExtensionId = ExtensionId(1);
const NAME: &str = "one";

const INTRODUCTION: &str = "\
# States of an extension

Generated from `crates/core/src/extension.rs` by its test: each cell names the state afterwards; `–` is refused (403) or means
nothing to it, and changes nothing. INVOKE and SHUTDOWN are handed to who has registered for them and waits.

Where Init and Invoke wait for extensions, and what their failures lead to, is in [lifecycle.md](lifecycle.md).
";

#[derive(Clone, Copy, Debug)]
enum Step {
    Register,
    Next,
    Fail(Failure),
    Invoke,
    Shutdown,
    EndTold(bool),
    NotLaunched,
}

/// Each step, its name, and whether it can come to an internal extension.
const STEPS: [(&str, bool, Step); 9] = [
    ("register", false, Step::Register),
    ("next", true, Step::Next),
    ("init/error", true, Step::Fail(Failure::Init)),
    ("exit/error", true, Step::Fail(Failure::Exit)),
    ("INVOKE", true, Step::Invoke),
    ("SHUTDOWN", false, Step::Shutdown),
    ("exit 0 when told of the end", false, Step::EndTold(true)),
    ("another end then", false, Step::EndTold(false)),
    ("cannot be launched", false, Step::NotLaunched),
];

/// Whether it was refused.
fn take(extensions: &mut Extensions, step: Step) -> Result<(), Refusal> {
    match step {
        Step::Register => extensions.register(NAME, &["INVOKE".to_owned(), "SHUTDOWN".to_owned()], ID),
        Step::Next => extensions.next(ID),
        Step::Fail(failure) => extensions.failed(ID, failure, "Extension.Own"),
        Step::Invoke => {
            extensions.begin_invoke();
            Ok(())
        }
        Step::Shutdown => {
            extensions.begin_shutdown();
            Ok(())
        }
        Step::EndTold(well) => {
            extensions.ended_in_shutdown(0, well);
            Ok(())
        }
        Step::NotLaunched => {
            extensions.not_launched(0, "PermissionDenied");
            Ok(())
        }
    }
}

fn state(extensions: &Extensions) -> State {
    extensions.all().first().map(Extension::state).expect("there is one")
}

/// One extension in a state it can be in, and how it got there.
fn at(kind: Kind, to: State) -> Extensions {
    let mut extensions = Extensions::new(if kind == Kind::External { vec![NAME.to_owned()] } else { Vec::new() });
    extensions.launch();
    if kind == Kind::Internal {
        extensions.register(NAME, &["INVOKE".to_owned()], ID).expect("it may");
    }
    let path: &[Step] = match (kind, to) {
        (_, State::Started) | (Kind::Internal, State::Registered) => &[],
        (Kind::External, State::Registered) => &[Step::Register],
        (Kind::External, State::Ready) => &[Step::Register, Step::Next],
        (Kind::Internal, State::Ready) => &[Step::Next],
        (Kind::External, State::Running) => &[Step::Register, Step::Next, Step::Invoke],
        (Kind::Internal, State::Running) => &[Step::Next, Step::Invoke],
        (Kind::External, State::InitError) => &[Step::Register, Step::Fail(Failure::Init)],
        (Kind::Internal, State::InitError) => &[Step::Fail(Failure::Init)],
        (Kind::External, State::ExitError) => &[Step::Register, Step::Fail(Failure::Exit)],
        (Kind::Internal, State::ExitError) => &[Step::Fail(Failure::Exit)],
        (_, State::LaunchError) => &[Step::NotLaunched],
        (_, State::Exited) => &[Step::Register, Step::Next, Step::Shutdown, Step::EndTold(true)],
        (_, State::ShutdownFailed) => &[Step::Register, Step::Next, Step::Shutdown, Step::EndTold(false)],
    };
    path.iter().for_each(|step| take(&mut extensions, *step).expect("the way there"));
    assert_eq!(state(&extensions), to);
    extensions
}

fn table(kind: Kind, states: &[State], page: &mut String) {
    let steps: Vec<_> = STEPS.iter().filter(|(_, internal, _)| kind == Kind::External || *internal).collect();
    let names: Vec<_> = steps.iter().map(|(name, ..)| *name).collect();
    writeln!(page, "| state | {} |\n|{}", names.join(" | "), " --- |".repeat(steps.len() + 1)).expect("a String");
    for from in states {
        write!(page, "| **{}** |", from.name()).expect("a String");
        for (_, _, step) in &steps {
            let mut extensions = at(kind, *from);
            let before = extensions.clone();
            let refused = take(&mut extensions, *step).is_err();
            assert!(!refused || extensions == before, "{from:?} {step:?}: refused, and changed");
            let after = state(&extensions);
            let cell =
                if refused || (extensions == before && !matches!(step, Step::Fail(_))) { "–" } else { after.name() };
            write!(page, " {cell} |").expect("a String");
        }
        page.push('\n');
    }
}

#[test]
fn the_extension_table_matches_the_documentation() {
    let mut page = INTRODUCTION.to_owned();
    let shared = [State::Registered, State::Ready, State::Running, State::InitError, State::ExitError];
    let ended = [State::LaunchError, State::Exited, State::ShutdownFailed];
    page.push_str("\n## External\n\n");
    table(Kind::External, &[&[State::Started], &shared[..], &ended[..]].concat(), &mut page);
    page.push_str("\n## Internal\n\nIt exists once it has registered, and ends with the runtime.\n\n");
    table(Kind::Internal, &shared, &mut page);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/extensions.md");
    if std::env::var_os("HEARTH_BLESS").is_some() {
        std::fs::write(path, &page).expect("docs can be written");
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page, "run with HEARTH_BLESS=1 to write it anew");
}

proptest! {
    #[test]
    fn any_order_of_calls_keeps_who_is_who(steps in prop::collection::vec(0..STEPS.len(), 0..60), kind: bool) {
        let kind = if kind { Kind::External } else { Kind::Internal };
        let mut extensions = at(kind, if kind == Kind::External { State::Started } else { State::Registered });
        for step in steps {
            let Some((_, internal, step)) = STEPS.get(step) else { continue };
            if kind == Kind::Internal && !internal {
                continue;
            }
            let before = state(&extensions);
            let was_ready = before == State::Ready;
            let refused = take(&mut extensions, *step).is_err();
            let after = state(&extensions);
            prop_assert!(!refused || before == after, "refused, and changed");
            prop_assert_eq!(extensions.all().len(), 1);
            // Only who waits is handed an event, and only who was handed one, or is new, may wait.
            prop_assert!(after != State::Running || before == State::Running || was_ready);
            prop_assert!(after != State::Ready || was_ready || matches!(before, State::Registered | State::Running));
            // What is over does not begin again.
            let ended = |state| matches!(state, State::LaunchError | State::Exited | State::ShutdownFailed);
            let over = |state| ended(state) || matches!(state, State::InitError | State::ExitError);
            prop_assert!(!over(before) || over(after), "{:?} became {:?}", before, after);
            prop_assert!(!ended(before) || before == after, "{:?} became {:?}", before, after);
            // Who runs is who an event went to.
            prop_assert_eq!(extensions.running().count(), usize::from(after == State::Running));
        }
    }
}
