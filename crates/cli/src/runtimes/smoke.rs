//! One invocation in the finished tree: in a real sandbox, through the runtime's own client. The proof that the tree is
//! complete.
//!
//! The Runtime API here knows one event; the service's own, with all that can go wrong, is the worker's.

use super::build::{Build, write};
use super::recipe::Smoke;
use super::tools::last_lines;
use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use hearth_api::runtime_tree::HANDLER;
use hearth_sandbox::process::{NetworkConfig, ProcessConfig, ProcessSandboxes};
use hearth_sandbox::{Assignment, ProcessSpec, SandboxEvent, Sandboxes as _};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;
use std::fs::{File, Permissions};
use std::io::Read as _;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

/// A client that says nothing for so long is broken, however slow the machine (ours).
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a wish to stop is looked for (ours).
const LOOK: Duration = Duration::from_millis(100);
/// Enough for any client and `hello` (ours).
const MEMORY_MB: u32 = 512;

/// What the runtime does, as far as it matters here.
#[derive(Debug)]
enum Heard {
    Response(Bytes),
    Failure(Bytes),
    Ended(SandboxEvent),
}

/// Sends one event to a function in the tree and checks its answer.
pub(super) fn invoke(build: &mut Build<'_>) -> anyhow::Result<()> {
    let Some(Smoke { file, content, handler }) = build.recipe.smoke else { return Ok(()) };
    let code = build.work.join("task");
    write(&code.join(file), content)?;
    for path in [&code, &code.join(file)] {
        std::fs::set_permissions(path, Permissions::from_mode(0o755))
            .with_context(|| format!("set the mode of {}", path.display()))?;
    }
    let filled = |texts: &[String]| texts.iter().map(|text| text.replace(HANDLER, handler)).collect();
    let process = ProcessSpec {
        programs: filled(&build.recipe.programs),
        arguments: filled(&build.recipe.arguments),
        environment: build.environment(handler).into_iter().collect(),
        log_variable: None,
    };
    // In a thread of its own: the caller may itself be part of an executor, which must not be entered twice.
    let build = &*build;
    let thread = std::thread::scope(|scope| scope.spawn(|| in_sandbox(build, code, &process)).join());
    thread.map_err(|_| anyhow!("invoke a function"))?
}

fn in_sandbox(build: &Build<'_>, code: std::path::PathBuf, process: &ProcessSpec) -> anyhow::Result<()> {
    let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let _inside = executor.enter();
    let data = build.cache.join("sandbox");
    let config = ProcessConfig { instance: instance(&data), data, network: NetworkConfig::default(), tmp_images: 0 };
    // Dropped in any case, and with it whatever was made.
    let sandboxes = ProcessSandboxes::start(config).context("start the sandboxes")?;
    let (happens, happened) = unbounded_channel();
    let sandbox = sandboxes.prepare(&build.tree, happens).context("prepare a sandbox")?;
    let listener = sandbox.take_sockets().context("listen in the sandbox")?.runtime_api;
    let assignment = Assignment { code, layers: Vec::new(), memory_mb: MEMORY_MB, ephemeral_storage_mb: MEMORY_MB };
    sandbox.assign(&assignment).context("assign the sandbox")?;

    let (request, said) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    let expected = json!({ "echo": said, "request": request });
    let (hear, heard) = unbounded_channel();
    let api = Api { request, event: json!({ "say": said }), hear, handed_out: AtomicBool::new(false) };
    let started = sandbox.start(process).context("start the runtime")?;
    let first = executor.block_on(listen(build, listener, Arc::new(api), heard, happened));
    let said = last_lines(&read(started.stderr), &read(started.stdout));
    sandbox.terminate().context("end the sandbox")?;
    sandboxes.stop().context("stop the sandboxes")?;
    match first? {
        Heard::Response(body) if serde_json::from_slice(&body).ok() == Some(expected) => Ok(()),
        Heard::Response(body) => bail!("the function answered {}: {said}", String::from_utf8_lossy(&body)),
        Heard::Failure(body) => bail!("the function failed with {}: {said}", String::from_utf8_lossy(&body)),
        Heard::Ended(how) => bail!("the runtime ended without an answer ({how:?}): {said}"),
    }
}

/// Serves the Runtime API until something decisive is heard.
async fn listen(
    build: &Build<'_>,
    listener: TcpListener,
    api: Arc<Api>,
    mut heard: UnboundedReceiver<Heard>,
    mut happened: UnboundedReceiver<SandboxEvent>,
) -> anyhow::Result<Heard> {
    listener.set_nonblocking(true).context("listen in the sandbox")?;
    let listener = tokio::net::TcpListener::from_std(listener).context("listen in the sandbox")?;
    let accept = async {
        loop {
            let (stream, _) = listener.accept().await.context("accept the runtime's connection")?;
            let api = Arc::clone(&api);
            let service = hyper::service::service_fn(move |request| Arc::clone(&api).answer(request));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    };
    let stop = async {
        loop {
            tokio::time::sleep(LOOK).await;
            build.tools.check()?;
        }
    };
    tokio::select! {
        // The answer first: the runtime may end right after it.
        biased;
        first = heard.recv() => first.context("serve the Runtime API"),
        event = happened.recv() => event.map(Heard::Ended).context("watch the sandbox"),
        refused = accept => refused,
        interrupted = stop => interrupted,
        () = tokio::time::sleep(PATIENCE) => bail!("the runtime did not answer within {} s", PATIENCE.as_secs()),
    }
}

/// Names the control groups: always the same for one folder, so that what a `kill -9` left is found the next time, and
/// never that of another folder, where somebody else may be at work.
fn instance(data: &Path) -> String {
    let digest = hex::encode(Sha256::digest(data.as_os_str().as_bytes()));
    format!("runtimes-{}", digest.get(..12).unwrap_or_default())
}

/// What a pipe holds; it never blocks.
fn read(pipe: OwnedFd) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Ends with `WouldBlock` where the runtime still lives.
    File::from(pipe).read_to_end(&mut bytes).ok();
    bytes
}

#[derive(Debug)]
struct Api {
    request: String,
    event: serde_json::Value,
    hear: UnboundedSender<Heard>,
    handed_out: AtomicBool,
}

impl Api {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let last = head.uri.path().rsplit('/').next();
        let heard = match (&head.method, last) {
            (&Method::GET, Some("next")) if self.handed_out.swap(true, Ordering::Relaxed) => {
                // There is no second event: this request ends when the runtime is killed.
                std::future::pending().await
            }
            (&Method::GET, Some("next")) => return Ok(self.event()),
            (&Method::POST, Some("response")) => Heard::Response(body),
            (&Method::POST, Some("error")) => Heard::Failure(body),
            _ => return Ok(empty(StatusCode::NOT_FOUND)),
        };
        // Only the first thing heard matters.
        self.hear.send(heard).ok();
        Ok(empty(StatusCode::ACCEPTED))
    }

    fn event(&self) -> Response<Full<Bytes>> {
        Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", &self.request)
            .header("lambda-runtime-deadline-ms", i64::MAX / 1_000_000)
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:smoke")
            .body(Full::from(self.event.to_string()))
            .unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
