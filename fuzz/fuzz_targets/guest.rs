//! Frames between worker, PID 1 and seat: any bytes decode or are refused.
#![no_main]

use hearth_api::guest::{News, Order, Program, SeatNews};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|frame: &[u8]| {
    let _ = (News::decode(frame), Order::decode(frame), Program::decode(frame), SeatNews::decode(frame));
});
