//! What clients do to connections: hang up, pipeline, speak HTTP/2, stay while the service stops.

mod common;

use common::{Data, FUNCTIONS, Service, request};
use http::StatusCode;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

fn called(service: &Service) -> usize {
    service.environments.calls.lock().expect("lock").len()
}

#[tokio::test]
async fn what_runs_is_answered_while_the_service_stops() {
    let data = Data::new();
    let mut service = Service::start(&data).await;
    service.active("f").await;
    let gate = Arc::new(Semaphore::new(0));
    *service.environments.gate.lock().expect("lock") = Some(Arc::clone(&gate));
    let (environments, address) = (Arc::clone(&service.environments), service.address);
    let stop = service.stopper();
    let stopping = async {
        environments.until(|it| !it.calls.lock().expect("lock").is_empty()).await;
        drop(stop);
        // The listener is closed before the last request is answered.
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(service.invoke("f", &[], "7"), stopping);
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"7"[..]));
    service.stopped().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_no_change_half_made() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let body = request("f").to_string();
    let mut stream = TcpStream::connect(service.address).await.expect("connection");
    let head = format!("POST {FUNCTIONS} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.expect("head");
    stream.write_all(body.as_bytes()).await.expect("body");
    // An answer to something else on the same service: the request above is being handled or has been.
    drop(stream);
    let found = service.get(&format!("{FUNCTIONS}/f/configuration")).await;
    if found.status == StatusCode::OK {
        service.settled("f").await;
    }
    // Whether it was made or not, it is either there or can be made.
    let again = service.create("f").await.status;
    assert!([StatusCode::CREATED, StatusCode::CONFLICT].contains(&again), "{again}");
    service.settled("f").await;
}

#[tokio::test]
async fn requests_can_follow_each_other_on_one_connection() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    let one = |payload: &str, end: &str| {
        let length = payload.len();
        format!(
            "POST {FUNCTIONS}/f/invocations HTTP/1.1\r\nhost: localhost\r\n{end}content-length: {length}\r\n\r\n{payload}"
        )
    };
    let mut stream = TcpStream::connect(service.address).await.expect("connection");
    let requests = one("\"first\"", "") + &one("{", "") + &one("\"last\"", "connection: close\r\n");
    stream.write_all(requests.as_bytes()).await.expect("requests");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.expect("answers");
    let statuses: Vec<&str> =
        answers.match_indices("HTTP/1.1 ").filter_map(|(at, _)| answers.get(at + 9..at + 12)).collect();
    assert_eq!(statuses, ["200", "400", "200"]);
    assert_eq!(called(&service), 2);
}

#[tokio::test]
async fn what_is_no_http_ends_the_connection_only() {
    let data = Data::new();
    let service = Service::start(&data).await;
    for garbage in [&b"\x16\x03\x01\x02\x00"[..], b"GET\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage garbage"] {
        let mut stream = TcpStream::connect(service.address).await.expect("connection");
        stream.write_all(garbage).await.expect("garbage");
        stream.shutdown().await.expect("end");
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
    }
    let many = "x: y\r\n".repeat(1_000);
    let mut stream = TcpStream::connect(service.address).await.expect("connection");
    drop(stream.write_all(format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many}\r\n").as_bytes()).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    assert!(answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(service.get("/_hearth/health").await.status, StatusCode::OK);
}

#[tokio::test]
async fn http_2_is_served_on_the_same_port() {
    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Full};
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let uri = format!("http://{}{FUNCTIONS}/f/invocations", service.address);
    let request = http::Request::post(uri).body(Full::new(Bytes::from_static(b"[2]"))).expect("request");
    let answer = client.request(request).await.expect("answer");
    assert_eq!((answer.version(), answer.status()), (http::Version::HTTP_2, StatusCode::OK));
    assert_eq!(answer.into_body().collect().await.expect("body").to_bytes(), "[2]");
}
