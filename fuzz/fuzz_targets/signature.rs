//! The signature of a request: whatever stands in its URL and headers, it is refused and nothing panics.
#![no_main]

use hearth_api::signature::{Audience, verify};
use http::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, &[u8])| {
    let (uri, authorization, date, body) = input;
    let request = Request::post(uri).header("host", "x").header("authorization", authorization).header("x-amz-date", date);
    let Ok(request) = request.body(()) else { return };
    let (mut head, ()) = request.into_parts();
    let audience = Audience { service: "lambda", region: "us-east-1" };
    assert!(verify(&head, body, audience, Default::default(), |_| None).is_err());
    head.headers.remove("authorization");
    assert!(verify(&head, body, audience, Default::default(), |_| None).is_err());
});
