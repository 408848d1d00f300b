//! AWS's own published examples, and everything that makes a signature invalid.

use super::*;
use http::Request;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z
const NOW: i64 = 1_440_938_160;

/// The request `get-vanilla` of AWS's Signature Version 4 test suite.
fn vanilla() -> http::request::Builder {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                         SignedHeaders=host;x-amz-date, \
                         Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    Request::get("/")
        .header("host", "example.amazonaws.com")
        .header("x-amz-date", "20150830T123600Z")
        .header("authorization", authorization)
}

fn known(key: &str) -> Option<Credential> {
    let account = AccountId::parse("123456789012").expect("account");
    (key == KEY).then(|| Credential { secret: SECRET.to_owned(), token: None, account })
}

fn at(request: http::request::Builder, body: &[u8], now: i64) -> Result<Caller, ApiError> {
    let (head, ()) = request.body(()).expect("request").into_parts();
    let audience = Audience { service: "service", region: "us-east-1" };
    claim(&head, audience, Timestamp::from_second(now).expect("a time"), known)?.prove(&head, body)
}

fn changed_headers(order: &str) -> http::request::Builder {
    let mut request = vanilla();
    let headers = request.headers_mut().expect("valid");
    let text = headers.get(AUTHORIZATION).expect("there").to_str().expect("text").replace("host;x-amz-date", order);
    headers.insert(AUTHORIZATION, text.parse().expect("a value"));
    request
}

/// What is found before there is a body.
fn claim_of(request: http::request::Builder) -> Result<(), ApiError> {
    let (head, ()) = request.body(()).expect("request").into_parts();
    let audience = Audience { service: "service", region: "us-east-1" };
    claim(&head, audience, Timestamp::from_second(NOW).expect("a time"), known).map(drop)
}

fn refused(result: Result<Caller, ApiError>) -> String {
    result.expect_err("refused").message
}

#[test]
fn the_published_example_is_valid() {
    let caller = at(vanilla(), b"", NOW).expect("valid");
    assert_eq!((caller.access_key.as_str(), caller.account.as_str()), (KEY, "123456789012"));
}

#[test]
fn another_request_is_not() {
    let mismatch = ApiError::signature_mismatch().message;
    for other in [vanilla().method("POST"), vanilla().uri("/x"), vanilla().uri("/?a=b")] {
        assert_eq!(refused(at(other, b"", NOW)), mismatch);
    }
    assert_eq!(refused(at(vanilla(), b"x", NOW)), mismatch, "another body");
    assert_eq!(refused(at(vanilla().header("x-amz-content-sha256", "00"), b"", NOW)), mismatch);
    assert_eq!(refused(at(vanilla().header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), b"", NOW)), mismatch);
}

#[test]
fn its_time_must_be_near() {
    assert!(at(vanilla(), b"", NOW + SKEW_S).is_ok());
    assert!(at(vanilla(), b"", NOW - SKEW_S).is_ok());
    let late = refused(at(vanilla(), b"", NOW + SKEW_S + 1));
    assert!(late.starts_with("Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z"), "{late}");
    let early = refused(at(vanilla(), b"", NOW - SKEW_S - 1));
    assert!(early.starts_with("Signature not yet current: 20150830T123600Z"), "{early}");
}

#[test]
fn who_is_not_known_is_refused() {
    let changed = |from: &str, to: &str| {
        let mut request = vanilla();
        let headers = request.headers_mut().expect("valid");
        let text = headers.get(AUTHORIZATION).expect("there").to_str().expect("text").replace(from, to);
        headers.insert(AUTHORIZATION, text.parse().expect("a value"));
        at(request, b"", NOW)
    };
    assert_eq!(changed("AKIDEXAMPLE", "OTHER"), Err(ApiError::unknown_token()));
    assert_eq!(at(vanilla().header("x-amz-security-token", "x"), b"", NOW), Err(ApiError::unknown_token()));
    assert_eq!(refused(changed("us-east-1", "eu-west-1")), "Credential should be scoped to a valid region.");
    assert_eq!(refused(changed("/service/", "/s3/")), "Credential should be scoped to correct service: 'service'.");
    assert!(refused(changed("20150830", "20150831")).starts_with("Date in Credential scope does not match"));
    assert!(refused(changed("host;", "")).contains("'Host' must be a 'SignedHeader'"));
    assert_eq!(changed("5fa0", "5fa1"), Err(ApiError::signature_mismatch()));
    assert_eq!(changed("5fa0", ""), Err(ApiError::signature_mismatch()));
    for missing in ["Credential", "SignedHeaders", "Signature", "AWS4-HMAC-SHA256"] {
        assert!(refused(changed(missing, "x")).starts_with("Authorization header requires"), "{missing}");
    }
    assert!(refused(changed("AKIDEXAMPLE/", "")).contains("5 slash-delimited"));
    for order in ["x-amz-date;host", "host;host;x-amz-date", "host;x-amz-date;host"] {
        assert!(claim_of(changed_headers(order)).is_err(), "{order}: before the body is asked for");
    }
}

#[test]
fn a_presigned_url_is_valid_as_long_as_it_says() {
    // Signed by botocore's SigV4QueryAuth, with the body of a GET.
    let uri = PRESIGNED;
    let presigned = |uri: &str| Request::get(uri.to_owned()).header("host", "example.amazonaws.com");
    assert!(at(presigned(uri), b"", NOW).is_ok());
    assert!(at(presigned(uri), b"", NOW + 60).is_ok());
    assert!(refused(at(presigned(uri), b"", NOW + 61)).starts_with("Signature expired"));
    let longer = uri.replace("X-Amz-Expires=60", "X-Amz-Expires=600");
    assert_eq!(at(presigned(&longer), b"", NOW), Err(ApiError::signature_mismatch()));
    let endless = uri.replace("X-Amz-Expires=60", "X-Amz-Expires=604801");
    assert!(refused(at(presigned(&endless), b"", NOW)).starts_with("X-Amz-Expires"));
    let unsaid = uri.replace("X-Amz-Expires=60&", "");
    assert_eq!(refused(at(presigned(&unsaid), b"", NOW)), "AWS query-string parameters must include 'X-Amz-Expires'.");
}

const PRESIGNED: &str = "/a%20b/?x=1&y=%2F&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=eb4a71026ae6b9167431ad8b1adf655dd27c1d283e65284b5bd23e83535cd69e";
