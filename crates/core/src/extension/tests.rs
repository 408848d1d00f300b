//! Refusals, states and budgets of the registry.

use super::*;

const ONE: ExtensionId = ExtensionId(1);
const TWO: ExtensionId = ExtensionId(2);

fn launched(names: &[&str]) -> Extensions {
    let mut extensions = Extensions::new(names.iter().map(|name| (*name).to_owned()).collect());
    extensions.launch();
    extensions
}

fn events(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn refused(result: Result<(), Refusal>) -> (&'static str, String) {
    let refusal = result.unwrap_err();
    (refusal.error_type(), refusal.to_string())
}

#[test]
fn every_refusal_of_a_registration_is_worded_as_on_aws() {
    let mut extensions = launched(&["one"]);
    let both = events(&["INVOKE", "SHUTDOWN"]);
    assert_eq!(
        refused(extensions.register("", &both, ONE)),
        ("Extension.InvalidExtensionName", "Empty extension name".to_owned())
    );
    assert_eq!(
        refused(extensions.register("one", &events(&["WAKE"]), ONE)),
        ("Extension.InvalidEventType", "WAKE: ErrorInvalidEventType".to_owned())
    );
    assert_eq!(
        refused(extensions.register("inside", &both, ONE)),
        ("Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension".to_owned())
    );
    assert!(!extensions.have_registered());
    extensions.register("one", &both, ONE).unwrap();
    assert!(extensions.have_registered());
    let again = "State transition from Registered to Registered failed for extension one. \
                 Error: State transition is not allowed";
    assert_eq!(refused(extensions.register("one", &both, TWO)), ("Extension.InvalidExtensionState", again.to_owned()));
    extensions.register("inside", &[], TWO).unwrap();
    assert_eq!(
        refused(extensions.register("inside", &[], TWO)),
        ("Extension.InvalidExtensionState", "Extension with this name already registered".to_owned())
    );
    for number in 2..EXTENSIONS {
        extensions.register(&number.to_string(), &[], ExtensionId(number as u128 + 100)).unwrap();
    }
    assert_eq!(
        refused(extensions.register("eleven", &[], ExtensionId(11))),
        ("Extension.TooManyExtensions", "Extension limit (10) reached".to_owned())
    );
    extensions.close();
    assert_eq!(
        refused(extensions.register("late", &[], ExtensionId(12))),
        ("Extension.RegistrationClosed", "Extension registration closed already".to_owned())
    );
}

#[test]
fn who_waits_cannot_ask_again() {
    let mut extensions = launched(&["one"]);
    extensions.register("one", &events(&["INVOKE"]), ONE).unwrap();
    extensions.next(ONE).unwrap();
    let again = "State transition from Ready to Ready failed for extension one. Error: State transition is not allowed";
    assert_eq!(refused(extensions.next(ONE)), ("Extension.InvalidExtensionState", again.to_owned()));
    let unknown = "Unknown extension 00000000-0000-0000-0000-000000000002".to_owned();
    assert_eq!(refused(extensions.next(TWO)), ("Extension.UnknownExtensionIdentifier", unknown));
    assert!(extensions.begin_invoke() && !extensions.have_finished());
    extensions.next(ONE).unwrap();
    assert!(extensions.have_finished());
}

#[test]
fn a_failure_may_be_said_twice_and_ends_all_waiting() {
    let mut extensions = launched(&["one"]);
    extensions.register("one", &events(&["INVOKE"]), ONE).unwrap();
    extensions.failed(ONE, Failure::Init, "Extension.NoKey").unwrap();
    extensions.failed(ONE, Failure::Init, "Extension.Other").unwrap();
    assert_eq!(extensions.all()[0].error_type(), Some("Extension.NoKey"), "the first one counts");
    assert!(extensions.next(ONE).is_err() && extensions.failed(ONE, Failure::Exit, "x").is_err());
    assert!(!extensions.are_ready());
}

#[test]
fn the_budget_depends_on_who_has_registered() {
    let mut extensions = launched(&["one"]);
    assert_eq!(extensions.shutdown_budget_ms(), None, "launched is not registered");
    extensions.register("inside", &[], TWO).unwrap();
    assert_eq!(extensions.shutdown_budget_ms(), Some((500, 500)));
    extensions.register("one", &[], ONE).unwrap();
    assert_eq!(extensions.shutdown_budget_ms(), Some((600, 2_000)));
    assert!(!extensions.are_awaited(), "nobody asked to hear of the end");
}
