//! Invoke over HTTP: what reaches an environment, what reaches the caller, and events.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes};
use common::{Data, Service, arn};
use hearth_api::environments::{InvokeError, InvokeResponse};
use hearth_core::environment::NotRestored;
use hearth_store::EventQueue as _;
use http::{Method, StatusCode};
use std::sync::Arc;

fn calls(service: &Service) -> Vec<hearth_api::environments::Invocation> {
    service.environments.calls.lock().expect("lock").iter().map(|(_, call)| call.clone()).collect()
}

#[tokio::test]
async fn the_payload_passes_untouched() {
    let data = Data::new();
    let service = Service::start(&data).await;
    // Pending or not: Invoke waits for it.
    service.create("f").await;
    let payload = "{ \"a\" : 1.50,\n\"a\":\"\\u00e9\" }";
    let answer = service.invoke("f", &[], payload).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, payload.as_bytes()));
    assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!((answer.header("x-amz-function-error"), answer.header("x-amz-log-result")), (None, None));
    let call = calls(&service).remove(0);
    assert_eq!(answer.header("x-amzn-requestid"), Some(call.request_id.to_string().as_str()));
    assert_eq!(answer.header("x-amzn-trace-id"), call.trace_id.as_deref());
    assert!(call.trace_id.expect("trace").starts_with("Root=1-"));
    assert_eq!(call.invoked_function_arn, arn("f"));
    let large = format!("\"{}\"", "x".repeat(6_291_454));
    assert_eq!(service.invoke("f", &[], large.clone()).await.body, large);
}

#[tokio::test]
async fn no_payload_is_an_empty_object() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    assert_eq!(service.invoke("f", &[], "").await.body, "{}");
}

#[tokio::test]
async fn a_function_can_be_named_in_many_ways() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    let (plain, latest) = (arn("f"), format!("{}:$LATEST", arn("f")));
    let names = [("f", &plain), ("function:f", &plain), ("000000000000:function:f", &plain), (&plain, &plain)];
    for (name, seen) in names.into_iter().chain([("f:$LATEST", &latest), (latest.as_str(), &latest)]) {
        assert_eq!(service.invoke(name, &[], "1").await.status, StatusCode::OK, "{name}");
        assert_eq!(&calls(&service).pop().expect("call").invoked_function_arn, seen, "{name}");
    }
    let missing = |arn: String| (404, "ResourceNotFoundException".to_owned(), format!("Function not found: {arn}"));
    assert_eq!(service.invoke("g", &[], "1").await.error(), missing(format!("{}:$LATEST", arn("g"))));
    assert_eq!(service.invoke("f:7", &[], "1").await.error(), missing(format!("{}:7", arn("f"))));
    assert_eq!(service.invoke(&arn("f").replace("000000000000", "111111111111"), &[], "1").await.status, 403);
}

#[tokio::test]
async fn headers_reach_the_environment() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    let context = STANDARD.encode(r#"{"custom":{"k":"v"}}"#);
    let headers =
        [("x-amz-client-context", context.as_str()), ("x-amzn-trace-id", "Root=1-a-b"), ("x-amz-log-type", "Tail")];
    let answer = service.invoke("f", &headers, "1").await;
    assert_eq!(answer.header("x-amz-log-result"), Some(STANDARD.encode("START\nEND\n").as_str()));
    let call = calls(&service).remove(0);
    assert_eq!(call.client_context.as_deref(), Some(r#"{"custom":{"k":"v"}}"#));
    assert_eq!(call.trace_id.as_deref(), Some("Root=1-a-b"));
    for wrong in ["%%%", &STANDARD.encode("{"), &"A".repeat(3_584)] {
        let refused = service.invoke("f", &[("x-amz-client-context", wrong)], "1").await;
        assert_eq!(refused.error().1, "InvalidRequestContentException", "{wrong}");
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    let failed = InvokeResponse {
        payload: Bytes::from_static(b"{\"errorType\":\"X\"}"),
        function_error: true,
        log_tail: None,
        executed_version: "$LATEST".to_owned(),
    };
    service.environments.answers.lock().expect("lock").extend([
        Ok(failed),
        Err(InvokeError::Capacity("memory".to_owned())),
        Err(InvokeError::RuntimeMissing("hearth runtimes add python3.11".to_owned())),
        Err(InvokeError::Sandbox("a secret of the host".to_owned())),
    ]);
    let answer = service.invoke("f", &[], "1").await;
    assert_eq!((answer.status, answer.header("x-amz-function-error")), (StatusCode::OK, Some("Unhandled")));
    let throttled = service.invoke("f", &[], "1").await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(throttled.json()["Reason"], "ConcurrentInvocationLimitExceeded");
    assert!(service.invoke("f", &[], "1").await.error().2.contains("hearth runtimes add"));
    let internal = service.invoke("f", &[], "1").await;
    assert_eq!(internal.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!String::from_utf8_lossy(&internal.body).contains("secret"));
}

#[tokio::test]
async fn bad_payloads_reach_nobody() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    for payload in [&b"{"[..], b"nope", b"[1,]", b"{} {}", b"\"\xff\""] {
        let (status, code, message) = service.invoke("f", &[], Bytes::copy_from_slice(payload)).await.error();
        assert_eq!((status, code.as_str()), (400, "InvalidRequestContentException"));
        assert!(message.starts_with("Could not parse request body into json: "), "{message}");
    }
    let large = service.invoke("f", &[], vec![b' '; 6_291_457]).await.error();
    let text = "Request must be smaller than 6291456 bytes for the InvokeFunction operation";
    assert_eq!((large.0, large.2.as_str()), (413, text));
    let event = [("x-amz-invocation-type", "Event")];
    let large = service.invoke("f", &event, vec![b' '; 1_048_577]).await.error();
    let text = "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)";
    assert_eq!((large.0, large.2.as_str()), (413, text));
    assert!(calls(&service).is_empty());
}

/// Event type and payload of each event of a stream.
fn events(mut body: Bytes) -> Vec<(String, Bytes)> {
    let mut found = Vec::new();
    while body.has_remaining() {
        let (total, headers) = (body.get_u32() as usize, body.get_u32() as usize);
        body.advance(4);
        let headers = body.split_to(headers);
        let payload = body.split_to(total - headers.len() - 16);
        body.advance(4);
        let is_chunk = String::from_utf8_lossy(&headers).contains("PayloadChunk");
        found.push((if is_chunk { "PayloadChunk" } else { "InvokeComplete" }.to_owned(), payload));
    }
    found
}

const STREAMS: &str = "/2021-11-15/functions/f/response-streaming-invocations";

#[tokio::test]
async fn pieces_become_events_and_the_end_says_how() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    *service.environments.pieces.lock().expect("lock") = vec![Bytes::from_static(b"a"), Bytes::from_static(b"bc")];
    let ended = |payload: &'static str, function_error| InvokeResponse {
        payload: Bytes::from_static(payload.as_bytes()),
        function_error,
        log_tail: Some(Bytes::from_static(b"END\n")),
        executed_version: "$LATEST".to_owned(),
    };
    service.environments.answers.lock().expect("lock").extend([
        Ok(ended("", false)),
        Ok(ended("{\"errorType\":\"X\"}", true)),
        Err(InvokeError::Draining),
    ]);
    let chunk = |text: &'static str| ("PayloadChunk".to_owned(), Bytes::from_static(text.as_bytes()));
    let mut complete = Vec::new();
    for _ in 0..3 {
        let answer = service.send(Method::POST, STREAMS, &[("x-amz-log-type", "Tail")], "1").await;
        assert_eq!((answer.status, answer.header("x-amz-executed-version")), (StatusCode::OK, Some("$LATEST")));
        assert_eq!(answer.header("content-type"), Some("application/vnd.amazon.eventstream"));
        let mut events = events(answer.body.clone());
        complete.push(serde_json::from_slice::<serde_json::Value>(&events.pop().expect("an end").1).expect("JSON"));
        assert_eq!(events, [chunk("a"), chunk("bc")]);
    }
    let tail = STANDARD.encode("END\n");
    let expected = [
        serde_json::json!({ "LogResult": tail }),
        serde_json::json!({ "ErrorCode": "Unhandled", "ErrorDetails": "{\"errorType\":\"X\"}", "LogResult": tail }),
        serde_json::json!({ "ErrorCode": "ServiceException", "ErrorDetails": "The service is shutting down." }),
    ];
    assert_eq!(complete, expected);
}

#[tokio::test]
async fn what_cannot_run_is_an_error_and_no_stream() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    service.environments.answers.lock().expect("lock").push_back(Err(InvokeError::Capacity("memory".to_owned())));
    let throttled = service.send(Method::POST, STREAMS, &[], "1").await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(throttled.json()["Reason"], "ConcurrentInvocationLimitExceeded");
    let whole = service.send(Method::POST, STREAMS, &[], "7").await;
    assert_eq!(
        events(whole.body),
        [
            ("PayloadChunk".to_owned(), Bytes::from_static(b"7")),
            ("InvokeComplete".to_owned(), Bytes::from_static(b"{}"))
        ]
    );
    let event = service.send(Method::POST, STREAMS, &[("x-amz-invocation-type", "Event")], "1").await;
    assert_eq!(event.error().1, "ValidationException");
    let dry = service.send(Method::POST, STREAMS, &[("x-amz-invocation-type", "DryRun")], "1").await;
    assert_eq!((dry.status, dry.body.len()), (StatusCode::NO_CONTENT, 0));
    let large = service.send(Method::POST, STREAMS, &[], vec![b' '; 6_291_457]).await.error();
    assert!(large.2.ends_with("for the InvokeWithResponseStream operation"), "{large:?}");
}

#[tokio::test]
async fn a_dry_run_runs_nothing() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    let answer = service.invoke("f", &[("x-amz-invocation-type", "DryRun")], "{}").await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    assert!(calls(&service).is_empty());
}

#[tokio::test]
async fn an_event_is_answered_at_once_and_runs() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    let answer = service.invoke("f", &[("x-amz-invocation-type", "Event")], "7").await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::ACCEPTED, 0));
    assert_eq!(answer.header("x-amz-executed-version"), None);
    service.environments.until(|it| !it.calls.lock().expect("lock").is_empty()).await;
    let call = calls(&service).remove(0);
    assert_eq!(answer.header("x-amzn-requestid"), Some(call.request_id.to_string().as_str()));
    assert_eq!((call.payload, call.invoked_function_arn), (Bytes::from_static(b"7"), arn("f")));
    emptied(&data).await;
}

#[tokio::test]
async fn an_event_whose_hooks_fail_is_given_up_and_one_that_is_not_restored_in_time_runs_later() {
    for (why, calls_in_all) in [(NotRestored::Error, 1), (NotRestored::Timeout, 2)] {
        let data = Data::new();
        let service = Service::start(&data).await;
        service.active("f").await;
        service.environments.answers.lock().expect("lock").push_back(Err(InvokeError::NotRestored(why)));
        let answer = service.invoke("f", &[("x-amz-invocation-type", "Event")], "7").await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        service.environments.until(|it| !it.calls.lock().expect("lock").is_empty()).await;
        emptied(&data).await;
        assert_eq!(calls(&service).len(), calls_in_all, "{why:?}");
    }
}

#[tokio::test]
async fn an_event_that_was_not_handled_runs_at_the_next_start() {
    let data = Data::new();
    let first = Service::start(&data).await;
    first.active("f").await;
    first.environments.answers.lock().expect("lock").push_back(Err(InvokeError::Draining));
    let answer = first.invoke("f:$LATEST", &[("x-amz-invocation-type", "Event")], "7").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    first.environments.until(|it| !it.calls.lock().expect("lock").is_empty()).await;
    assert_eq!(data.store.pending().await.expect("queue").len(), 1);

    let environments = Arc::default();
    let second = Service::start_with(&data, Arc::clone(&environments)).await;
    environments.until(|it| !it.calls.lock().expect("lock").is_empty()).await;
    let call = calls(&second).remove(0);
    assert_eq!(answer.header("x-amzn-requestid"), Some(call.request_id.to_string().as_str()));
    assert_eq!(call.invoked_function_arn, format!("{}:$LATEST", arn("f")));
    emptied(&data).await;
}

/// Waits until no event is queued.
async fn emptied(data: &Data) {
    let wait = async {
        while !data.store.pending().await.expect("queue").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), wait).await.expect("the queue empties");
}
