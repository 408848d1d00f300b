//! Functions that invoke functions: who they are, what they may do, what they can make the service hold.

mod common;

use common::{Data, FUNCTIONS, Service, arn};
use hearth_api::environments::FunctionDoor as _;
use hearth_api::function::FunctionVersion;
use http::{Method, StatusCode};
use serde_json::json;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

const FOREIGN: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=222222222222/20261124/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
);

/// A service with the functions `caller` and `callee`; requests go to it as `caller`'s do.
async fn inside(data: &Data) -> (Service, JoinHandle<()>) {
    let mut service = Service::start(data).await;
    service.active("callee").await;
    service.active("caller").await;
    service.invoke("caller", &[], "1").await;
    let called = service.environments.calls.lock().expect("lock").pop();
    let (caller, _): (Arc<FunctionVersion>, _) = called.expect("a call");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listener");
    service.address = listener.local_addr().expect("address");
    let served = tokio::spawn(Arc::clone(&service.door).serve_function(listener, caller));
    (service, served)
}

#[tokio::test]
async fn a_function_invokes_whatever_its_credentials_say() {
    let data = Data::new();
    let (service, _served) = inside(&data).await;
    let answer = service.invoke("callee", &[FOREIGN], "7").await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"7"[..]));
    let event = service.invoke("callee", &[("x-amz-invocation-type", "Event")], "8").await;
    assert_eq!(event.status, StatusCode::ACCEPTED);
    service.environments.until(|it| it.calls.lock().expect("lock").len() == 2).await;
    for (function, invocation) in service.environments.calls.lock().expect("lock").iter() {
        assert_eq!((function.key.name.as_str(), &invocation.invoked_function_arn), ("callee", &arn("callee")));
    }
}

#[tokio::test]
async fn a_function_may_not_read_or_change_functions() {
    let data = Data::new();
    let (service, _served) = inside(&data).await;
    let user = "arn:aws:sts::000000000000:assumed-role/any/caller";
    let denied = |action: &str| {
        let text = format!(
            "User: {user} is not authorized to perform: {action} on resource: * because no identity-based policy allows \
             the {action} action"
        );
        (403, "AccessDeniedException".to_owned(), text)
    };
    assert_eq!(service.get(&format!("{FUNCTIONS}/callee")).await.error(), denied("lambda:GetFunction"));
    let deleted = service.send(Method::DELETE, &format!("{FUNCTIONS}/callee"), &[FOREIGN], "").await;
    assert_eq!(deleted.error(), denied("lambda:DeleteFunction"));
    assert_eq!(service.create("third").await.error(), denied("lambda:CreateFunction"));
    let logs = service.logs("DescribeLogGroups", &json!({})).await;
    assert_eq!(
        (logs.status.as_u16(), logs.json()["message"].as_str()),
        (400, Some(denied("logs:DescribeLogGroups").2.as_str()))
    );
    for path in ["/_hearth/environments", "/_hearth/health", "/"] {
        assert_eq!(service.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let page = service.invoke("callee", &[("origin", "http://evil.example")], "1").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "a web page");
    assert!(service.environments.calls.lock().expect("lock").is_empty());
}

#[tokio::test]
async fn few_large_bodies_are_held_at_once_and_small_ones_pass_them() {
    let data = Data::new();
    let (service, _served) = inside(&data).await;
    let gate = Arc::new(Semaphore::new(0));
    *service.environments.gate.lock().expect("lock") = Some(Arc::clone(&gate));
    let called = || service.environments.calls.lock().expect("lock").len();
    let large = format!("\"{}\"", "x".repeat(100_000));
    let twelve = futures_util::future::join_all((0..12).map(|_| service.invoke("callee", &[], large.clone())));
    let watch = async {
        service.environments.until(|it| it.calls.lock().expect("lock").len() == 8).await;
        let small = service.invoke("callee", &[], "1");
        let opened = async {
            service.environments.until(|it| it.calls.lock().expect("lock").len() == 9).await;
            assert_eq!(called(), 9, "the other four wait");
            gate.add_permits(13);
        };
        tokio::join!(small, opened).0
    };
    let (answers, small) = tokio::join!(twelve, watch);
    assert_eq!(small.status, StatusCode::OK);
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK && answer.body.len() == large.len()));
}

#[tokio::test]
async fn connections_end_with_the_environment_and_invocations_go_on() {
    let data = Data::new();
    let (service, served) = inside(&data).await;
    let gate = Arc::new(Semaphore::new(0));
    *service.environments.gate.lock().expect("lock") = Some(Arc::clone(&gate));
    let mut stream = TcpStream::connect(service.address).await.expect("connection");
    let head = format!("POST {FUNCTIONS}/callee/invocations HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1\r\n\r\n7");
    stream.write_all(head.as_bytes()).await.expect("request");
    service.environments.until(|it| it.calls.lock().expect("lock").len() == 1).await;
    served.abort();
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest).await;
    assert!(read.is_err() || rest.is_empty(), "closed without an answer: {rest:?}");
    assert!(TcpStream::connect(service.address).await.is_err(), "nobody listens any more");
}
