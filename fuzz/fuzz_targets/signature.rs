//! The signature of a request: whatever stands in its URL and headers, it is refused and nothing panics.
#![no_main]

use hearth_api::signature::{Audience, Credential, claim};
use hearth_core::ids::AccountId;
use http::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, &[u8])| {
    let (uri, authorization, date, body) = input;
    let request = Request::post(uri).header("host", "x").header("authorization", authorization).header("x-amz-date", date);
    let Ok(request) = request.body(()) else { return };
    let (mut head, ()) = request.into_parts();
    let audience = Audience { service: "lambda", region: "us-east-1" };
    // Every key is known, so that all of a request is looked at.
    let known = |_: &str| {
        let account = AccountId::parse("123456789012")?;
        Some(Credential { secret: "secret".to_owned(), token: None, account })
    };
    let verify = |head: &_| claim(head, audience, Default::default(), known)?.prove(head, body);
    assert!(verify(&head).is_err());
    head.headers.remove("authorization");
    assert!(verify(&head).is_err());
});
