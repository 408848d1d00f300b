//! The scan that decides whether a payload is JSON: never panics, and agrees with serde_json up to its nesting limit.
#![no_main]

use hearth_api::payload::check_json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let ours = check_json(payload);
    let theirs = serde_json::from_slice::<serde_json::Value>(payload);
    if theirs.is_ok() {
        assert!(ours.is_ok(), "serde_json accepts what we refuse: {ours:?}");
    }
});
