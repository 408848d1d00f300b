//! What a function returns to its URL, whole and in pieces: never panics, and what is read can be sent.
#![no_main]

use bytes::Bytes;
use hearth_api::function_url::answer::answer;
use hearth_api::function_url::prelude::Reader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok((head, _)) = answer(&Bytes::copy_from_slice(input)) {
        assert!(head.status.as_u16() >= 200);
    }
    // The first byte says how large the pieces are.
    let Some((size, rest)) = input.split_first() else { return };
    let mut whole = Reader::default();
    let mut pieces = Reader::default();
    let expected = whole.push(rest).map(|found| found.map(|(head, _)| head));
    for piece in rest.chunks(usize::from(*size).max(1)) {
        match pieces.push(piece) {
            Ok(None) => {}
            found => return assert_eq!(found.map(|found| found.map(|(head, _)| head)), expected),
        }
    }
});
