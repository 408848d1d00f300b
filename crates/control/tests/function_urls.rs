//! Function URLs over HTTP, in front of environments whose answers the test chooses.

mod common;

use bytes::Bytes;
use common::{Answer, Data, FUNCTIONS, Service};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hearth_api::environments::{InvokeError, InvokeResponse};
use hearth_core::environment::NotRestored;
use hearth_core::limits::REQUEST_PAYLOAD_BYTES;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Makes a public URL of function `f`; returns its host.
async fn public(service: &Service, members: Value) -> String {
    service.active("f").await;
    let created = service.post("/2021-10-31/functions/f/url", &members).await;
    assert_eq!(created.status, StatusCode::CREATED, "{:?}", created.body);
    let via = json!({ "StatementId": "b", "Principal": "*", "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": true });
    let url = json!({
        "StatementId": "a", "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE",
    });
    for statement in [url, via] {
        assert_eq!(service.post(&format!("{FUNCTIONS}/f/policy"), &statement).await.status, StatusCode::CREATED);
    }
    host_of(&created)
}

fn host_of(created: &Answer) -> String {
    let created = created.json();
    let link = created.get("FunctionUrl").and_then(Value::as_str).expect("a link");
    link.trim_start_matches("http://").trim_end_matches('/').to_owned()
}

async fn get(service: &Service, host: &str, path: &str) -> Answer {
    service.send(Method::GET, path, &[("host", host)], "").await
}

fn next(service: &Service, answer: Result<InvokeResponse, InvokeError>) {
    service.environments.answers.lock().expect("lock").push_back(answer);
}

fn returned(payload: &'static str, function_error: bool) -> Result<InvokeResponse, InvokeError> {
    let payload = Bytes::from_static(payload.as_bytes());
    Ok(InvokeResponse { payload, function_error, log_tail: None, executed_version: "$LATEST".to_owned() })
}

#[tokio::test]
async fn a_request_becomes_an_event_and_a_result_an_answer() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let host = public(&service, json!({ "AuthType": "NONE" })).await;
    assert!(host.ends_with(&format!(".lambda-url.us-east-1.localhost:{}", service.address.port())), "{host}");
    next(&service, returned(r#"{"statusCode": 418, "body": "short", "headers": {"x-a": "b"}}"#, false));
    let answer = get(&service, &host, "/x?y=z").await;
    assert_eq!((answer.status, answer.body.as_ref()), (StatusCode::IM_A_TEAPOT, &b"short"[..]));
    assert_eq!(answer.header("x-a"), Some("b"));
    let calls = service.environments.calls.lock().expect("lock").clone();
    let (_, invocation) = calls.last().expect("an invocation");
    let event: Value = serde_json::from_slice(&invocation.payload).expect("JSON");
    assert_eq!((&event["rawPath"], &event["rawQueryString"]), (&json!("/x"), &json!("y=z")));
    assert_eq!(answer.header("x-amzn-requestid"), Some(invocation.request_id.to_string().as_str()));
    assert_eq!(answer.header("x-amzn-trace-id"), invocation.trace_id.as_deref());
    assert_eq!(event["headers"]["x-amzn-trace-id"].as_str(), invocation.trace_id.as_deref());
}

#[tokio::test]
async fn failures_are_those_of_a_gateway() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let host = public(&service, json!({ "AuthType": "NONE" })).await;
    for failed in [
        returned(r#"{"errorMessage": "secret"}"#, true),
        returned(r#"{"statusCode": 1}"#, false),
        Err(InvokeError::NotRestored(NotRestored::Error)),
    ] {
        next(&service, failed);
        let answer = get(&service, &host, "/").await;
        assert_eq!((answer.status, answer.body.as_ref()), (StatusCode::BAD_GATEWAY, &b"Internal Server Error"[..]));
    }
    next(&service, Err(InvokeError::Capacity("no memory".to_owned())));
    assert_eq!(get(&service, &host, "/").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_stream_without_a_prelude_is_passed_on() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let host = public(&service, json!({ "AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM" })).await;
    *service.environments.pieces.lock().expect("lock") =
        vec![Bytes::from_static(b"{\"a\""), Bytes::from_static(b":1}")];
    next(&service, returned("", false));
    let answer = get(&service, &host, "/").await;
    assert_eq!((answer.status, answer.body.as_ref()), (StatusCode::OK, &br#"{"a":1}"#[..]));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
}

#[tokio::test]
async fn large_bodies_wait_for_a_place_and_small_ones_pass_them() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let host = public(&service, json!({ "AuthType": "NONE" })).await;
    // More of them than there are places, and none of them comes to its end.
    let slow = FuturesUnordered::new();
    for _ in 0..80 {
        let mut stream = TcpStream::connect(service.address).await.expect("connection");
        let expect = "expect: 100-continue\r\ncontent-length: 100000";
        stream
            .write_all(format!("POST / HTTP/1.1\r\nhost: {host}\r\n{expect}\r\n\r\n").as_bytes())
            .await
            .expect("head");
        slow.push(async move {
            // Who has a place is told to go on.
            let mut told = [0; 25];
            stream.read_exact(&mut told).await.expect("an answer");
            assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
            stream
        });
    }
    let mut slow = slow.ready_chunks(1);
    let mut placed = Vec::new();
    while placed.len() < 64 {
        placed.extend(slow.next().await.expect("there are more"));
    }
    let large = "x".repeat(100_000);
    let headers = [("host", host.as_str())];
    let waits = service.send(Method::POST, "/large", &headers, large);
    let watch = async {
        let small = service.send(Method::POST, "/small", &headers, "x").await;
        assert_eq!(small.status, StatusCode::OK);
        assert_eq!(service.environments.calls.lock().expect("lock").len(), 1, "the large one waits");
        drop((placed, slow));
    };
    let (large, ()) = tokio::join!(waits, watch);
    assert_eq!(large.status, StatusCode::OK);
}

#[tokio::test]
async fn bodies_that_are_thrown_away_hold_no_place() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let host = public(&service, json!({ "AuthType": "NONE" })).await;
    let headers = [("host", host.as_str())];
    // As many of each kind as there are places, and all of them are still sending when the others come: what is announced as
    // too large, and what turns out to be.
    let mut sending = Vec::new();
    let over = REQUEST_PAYLOAD_BYTES + 1;
    let piece = [format!("{over:x}\r\n").as_bytes(), "x".repeat(over).as_bytes()].concat();
    for _ in 0..64 {
        for (length, body) in [("content-length: 300000000", &b"x"[..]), ("transfer-encoding: chunked", &piece[..])] {
            let mut stream = TcpStream::connect(service.address).await.expect("connection");
            let head = format!("POST / HTTP/1.1\r\nhost: {host}\r\n{length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.expect("head");
            stream.write_all(body).await.expect("body");
            sending.push(stream);
        }
    }
    let answer = service.send(Method::POST, "/large", &headers, "x".repeat(100_000)).await;
    assert_eq!(answer.status, StatusCode::OK);
    for stream in sending {
        let answered = stream.try_read(&mut [0; 64]);
        assert!(answered.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it is still read");
    }
}

#[tokio::test]
async fn a_url_goes_with_its_alias_and_its_function() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let host = public(&service, json!({ "AuthType": "NONE" })).await;
    service.post(&format!("{FUNCTIONS}/f/aliases"), &json!({ "Name": "prod", "FunctionVersion": "$LATEST" })).await;
    let path = "/2021-10-31/functions/f/url?Qualifier=prod";
    let made = service.post(path, &json!({ "AuthType": "NONE" })).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let aliased = host_of(&made);
    let refused = get(&service, &aliased, "/").await;
    assert!(refused.error().2.starts_with("Forbidden. "), "it is there, and closed");
    service.send(Method::DELETE, &format!("{FUNCTIONS}/f/aliases/prod"), &[], "").await;
    assert_eq!(service.get(path).await.status, StatusCode::NOT_FOUND);
    let gone = get(&service, &aliased, "/").await;
    assert_eq!((gone.status, gone.body.as_ref()), (StatusCode::FORBIDDEN, &br#"{"Message":null}"#[..]), "nobody's");
    assert_eq!(get(&service, &host, "/").await.status, StatusCode::OK);
    service.send(Method::DELETE, &format!("{FUNCTIONS}/f"), &[], "").await;
    let gone = get(&service, &host, "/").await;
    assert_eq!((gone.status, gone.body.as_ref()), (StatusCode::FORBIDDEN, &br#"{"Message":null}"#[..]));
}
