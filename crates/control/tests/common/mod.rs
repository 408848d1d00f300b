//! A front door on a real store and a real socket, in front of environments that run nothing.

#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::indexing_slicing, reason = "an answer without the member that a test reads has to fail the test")]

use bytes::Bytes;
use hearth_api::environments::{
    BlanksStatus, BoxFuture, EnvironmentStatus, Environments, Invocation, InvokeError, InvokeResponse,
};
use hearth_api::function::{FunctionKey, FunctionVersion, Scope};
use hearth_api::timeline::{EnvironmentTimeline, Wanted};
use hearth_control::{Config, Credentials, FrontDoor, Stores};
use hearth_core::ids::{AccountId, Region};
use hearth_store::embedded::EmbeddedStore;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A zip with one file, `app.py`.
pub(crate) const ZIP: &str = "UEsDBBQAAAAAAAAAIVzxhmx6AwAAAAMAAAAGAAAAYXBwLnB5b25lUEsBAhQDFAAAAAAAAAAhXPGGbHoDAAAAAwAAAAYAAAAAAAAAAAAAAKQBAAAAAGFwcC5weVBLBQYAAAAAAQABADQAAAAnAAAAAAA=";
/// Another one.
pub(crate) const OTHER_ZIP: &str = "UEsDBBQAAAAAAAAAIVxmisoRAwAAAAMAAAAGAAAAYXBwLnB5dHdvUEsBAhQDFAAAAAAAAAAhXGaKyhEDAAAAAwAAAAYAAAAAAAAAAAAAAKQBAAAAAGFwcC5weVBLBQYAAAAAAQABADQAAAAnAAAAAAA=";
/// Only what hangs for ever runs into this.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers with the event it was given, or with what the test has put into `answers`.
#[derive(Debug, Default)]
pub(crate) struct FakeEnvironments {
    pub(crate) calls: Mutex<Vec<(Arc<FunctionVersion>, Invocation)>>,
    pub(crate) retired: Mutex<Vec<(FunctionKey, Vec<Uuid>)>>,
    pub(crate) reserved: Mutex<Vec<(FunctionKey, Option<u32>)>>,
    /// Whose timelines were asked for.
    pub(crate) wanted: Mutex<Vec<Wanted>>,
    pub(crate) answers: Mutex<VecDeque<Result<InvokeResponse, InvokeError>>>,
    /// What an invocation streams before it ends, if its caller wants that.
    pub(crate) pieces: Mutex<Vec<Bytes>>,
    pub(crate) changed: Notify,
    /// If there is one, invocations end when it lets them.
    pub(crate) gate: Mutex<Option<Arc<Semaphore>>>,
}

impl Environments for FakeEnvironments {
    fn invoke(
        &self,
        function: Arc<FunctionVersion>,
        invocation: Invocation,
    ) -> BoxFuture<'static, Result<InvokeResponse, InvokeError>> {
        let echo = InvokeResponse {
            payload: invocation.payload.clone(),
            function_error: false,
            log_tail: invocation.log_tail.then(|| Bytes::from_static(b"START\nEND\n")),
            executed_version: function.version.clone(),
        };
        let answer = self.answers.lock().expect("lock").pop_front().unwrap_or(Ok(echo));
        let (sink, pieces) = (invocation.stream.clone(), self.pieces.lock().expect("lock").clone());
        self.calls.lock().expect("lock").push((function, Invocation { stream: None, ..invocation }));
        self.changed.notify_waiters();
        let gate = self.gate.lock().expect("lock").clone();
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.acquire().await.expect("open").forget();
            }
            if let Some(sink) = sink {
                for piece in pieces {
                    sink.pieces.send(piece).await.expect("somebody reads");
                }
            }
            answer
        })
    }

    fn retire(&self, key: &FunctionKey, incarnations: &[Uuid]) {
        self.retired.lock().expect("lock").push((key.clone(), incarnations.to_vec()));
        self.changed.notify_waiters();
    }

    fn reserve(&self, key: &FunctionKey, reserved: Option<u32>) {
        self.reserved.lock().expect("lock").push((key.clone(), reserved));
    }

    fn runtime_version(&self, runtime: &str) -> Result<String, String> {
        let absent = || format!("{runtime} is not on this machine: add it with `hearth runtimes add {runtime}`");
        if runtime == "ruby3.3" { Err(absent()) } else { Ok("ab".repeat(32)) }
    }

    fn list(&self) -> Vec<EnvironmentStatus> {
        Vec::new()
    }

    fn expect(&self, _function: Arc<FunctionVersion>) {}

    fn blanks(&self) -> BlanksStatus {
        BlanksStatus::default()
    }

    fn timelines(&self, wanted: &Wanted) -> Vec<EnvironmentTimeline> {
        self.wanted.lock().expect("lock").push(wanted.clone());
        Vec::new()
    }
}

impl FakeEnvironments {
    /// Waits until something that is told here has happened.
    pub(crate) async fn until(&self, happened: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if happened(self) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("it happens");
    }
}

/// An answer of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    /// Status, code and message of an error.
    pub(crate) fn error(&self) -> (u16, String, String) {
        let body = self.json();
        let message = body["message"].as_str().or_else(|| body["Message"].as_str()).unwrap_or_default();
        (self.status.as_u16(), self.header("x-amzn-errortype").unwrap_or_default().to_owned(), message.to_owned())
    }
}

/// The store, which outlives a service.
pub(crate) struct Data {
    pub(crate) store: Arc<EmbeddedStore>,
    _directory: TempDir,
}

impl Data {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let store = Arc::new(EmbeddedStore::open(directory.path()).expect("store"));
        Self { store, _directory: directory }
    }
}

/// A running service.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) environments: Arc<FakeEnvironments>,
    pub(crate) door: Arc<FrontDoor>,
    client: Client<HttpConnector, Full<Bytes>>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Service {
    pub(crate) async fn start(data: &Data) -> Self {
        Self::start_with(data, Arc::default()).await
    }

    pub(crate) async fn start_with(data: &Data, environments: Arc<FakeEnvironments>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
        let address = listener.local_addr().expect("address");
        let store = &data.store;
        let stores = Stores {
            functions: store.clone(),
            layers: store.clone(),
            packages: store.clone(),
            events: store.clone(),
            logs: store.clone(),
        };
        let credentials = Credentials::well_known(scope().account);
        let config = Config { scope: scope(), hosts: Vec::new(), credentials, drain: Duration::from_secs(5) };
        let door = FrontDoor::new(config, stores, environments.clone());
        door.recover().await.expect("recovered");
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(Arc::clone(&door).serve(listener, async move { drop(stopped.await) }));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, environments, door, client, stop: Some(stop), served }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("request");
        let sent = tokio::time::timeout(PATIENCE, self.client.request(request)).await.expect("an answer in time");
        let (head, body) = sent.expect("an answer").into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[], body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, &[], body.to_string()).await
    }

    /// An operation of CloudWatch Logs.
    pub(crate) async fn logs(&self, operation: &str, members: &Value) -> Answer {
        let target = format!("Logs_20140328.{operation}");
        self.send(Method::POST, "/", &[("x-amz-target", target.as_str())], members.to_string()).await
    }

    pub(crate) async fn create(&self, name: &str) -> Answer {
        self.post(FUNCTIONS, &request(name)).await
    }

    /// Creates a function and waits until it is Active.
    pub(crate) async fn active(&self, name: &str) -> Value {
        let created = self.create(name).await;
        assert_eq!(created.status, StatusCode::CREATED, "{:?}", created.body);
        self.settled(name).await
    }

    /// The configuration once no change is under way.
    pub(crate) async fn settled(&self, name: &str) -> Value {
        let path = format!("{FUNCTIONS}/{name}/configuration");
        let wait = async {
            loop {
                let found = self.get(&path).await.json();
                if found["State"] == "Active" && found["LastUpdateStatus"] == "Successful" {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("it settles")
    }

    pub(crate) async fn invoke(&self, name: &str, headers: &[(&str, &str)], payload: impl Into<Bytes>) -> Answer {
        self.send(Method::POST, &format!("{FUNCTIONS}/{name}/invocations"), headers, payload).await
    }

    /// Tells the service to stop; it ends when its requests have been answered.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// What tells it to stop when it is dropped.
    pub(crate) fn stopper(&mut self) -> oneshot::Sender<()> {
        self.stop.take().expect("it runs")
    }

    pub(crate) async fn stopped(self) {
        tokio::time::timeout(PATIENCE, self.served).await.expect("it ends").expect("no panic");
    }
}

/// Where functions are.
pub(crate) const FUNCTIONS: &str = "/2015-03-31/functions";

/// The least that makes a function.
pub(crate) fn request(name: &str) -> Value {
    json!({
        "FunctionName": name,
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": "arn:aws:iam::000000000000:role/any",
        "Code": { "ZipFile": ZIP },
    })
}

/// The default account and region.
pub(crate) fn scope() -> Scope {
    let account = AccountId::parse("000000000000").expect("account");
    Scope { account, region: Region::parse("us-east-1").expect("region") }
}

/// The ARN of a function there.
pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")
}
