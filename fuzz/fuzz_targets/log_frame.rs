//! What a function writes to its log descriptor: any bytes are frames or handed on, none is lost or waited for.
#![no_main]

use hearth_api::log_frame::{Decoder, Part};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let (mut decoder, mut seen) = (Decoder::default(), 0);
    for mut piece in bytes.chunks(usize::from(cut).max(1)) {
        while let Some(part) = decoder.next(&mut piece) {
            seen += match part {
                Part::Message { bytes, .. } => bytes.len(),
                Part::Loose(bytes) => bytes.len(),
            };
        }
        assert!(piece.is_empty());
    }
    assert!(seen <= bytes.len());
});
