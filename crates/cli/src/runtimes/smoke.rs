//! One invocation in the finished tree, through the runtime's own client: the proof that the tree is complete.
//!
//! A Runtime API for one event; the service's own, with all that can go wrong, is the worker's.

use super::build::{Build, write};
use super::tools::{Inside, Network, Tool};
use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::convert::Infallible;
use std::fs::Permissions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

/// A client that says nothing for so long is broken, however slow the machine (ours).
const PATIENCE: Duration = Duration::from_secs(120);

/// What the runtime does, as far as it matters here.
#[derive(Debug)]
enum Heard {
    Response(Bytes),
    Failure(Bytes),
    Ended,
}

/// Sends one event to a function in the tree and checks its answer.
pub(super) fn invoke(build: &mut Build<'_>) -> anyhow::Result<()> {
    let (file, text, handler) = build.recipe.smoke;
    let task = build.work.join("task");
    write(&task.join(file), text)?;
    std::fs::set_permissions(task.join(file), Permissions::from_mode(0o755))?;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen on the loopback address")?;
    let address = listener.local_addr()?.to_string();
    let (hear, heard) = unbounded_channel();
    let environment = build.environment(&address, handler);
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let program = program(build, handler)?;
    let program: Vec<&str> = program.iter().map(String::as_str).collect();
    let tool = Tool::inside(&build.tree, Inside::ReadOnly(Some(&task)), Network::Host, &environment, &program);

    let request = Uuid::new_v4().to_string();
    let said = Uuid::new_v4().to_string();
    let event = json!({ "say": said });
    let expected = json!({ "echo": said, "request": request });
    let api = Arc::new(Api { request, event, hear: hear.clone(), handed_out: AtomicBool::new(false) });
    let ended = move || {
        // Nobody listens any more when the answer has come.
        hear.send(Heard::Ended).ok();
    };
    let running = build.tools.start(tool, ended)?;
    let first = listen(listener, api, heard);
    let said = running.stop();
    build.tools.check()?;
    match first? {
        Heard::Response(body) if serde_json::from_slice(&body).ok() == Some(expected) => Ok(()),
        Heard::Response(body) => bail!("the function answered {}: {said}", String::from_utf8_lossy(&body)),
        Heard::Failure(body) => bail!("the function failed with {}: {said}", String::from_utf8_lossy(&body)),
        Heard::Ended => bail!("the runtime ended without an answer: {said}"),
    }
}

/// The first candidate that exists, and its arguments.
fn program(build: &Build<'_>, handler: &str) -> anyhow::Result<Vec<String>> {
    let recipe = build.recipe;
    let there = |path: &&&str| {
        let inside = path.trim_start_matches('/');
        // /var/task is only mounted later.
        inside == "var/task/bootstrap" || build.tree.join(inside).symlink_metadata().is_ok()
    };
    let program = recipe.programs.iter().find(there);
    let program = program.with_context(|| format!("none of {:?} is in the tree", recipe.programs))?;
    let arguments = recipe.arguments.iter().map(|text| text.replace(hearth_api::runtime_tree::HANDLER, handler));
    Ok(std::iter::once((*program).to_owned()).chain(arguments).collect())
}

/// Serves the Runtime API until something decisive is heard.
fn listen(listener: TcpListener, api: Arc<Api>, mut heard: UnboundedReceiver<Heard>) -> anyhow::Result<Heard> {
    listener.set_nonblocking(true)?;
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let accept = async {
            loop {
                let (stream, _) = listener.accept().await?;
                let api = Arc::clone(&api);
                let service = hyper::service::service_fn(move |request| Arc::clone(&api).answer(request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        };
        tokio::select! {
            refused = accept => refused,
            first = heard.recv() => first.ok_or_else(|| anyhow!("the Runtime API ended by itself")),
            () = tokio::time::sleep(PATIENCE) => bail!("the runtime did not answer within {} s", PATIENCE.as_secs()),
        }
    };
    // In a thread of its own: the caller may itself be part of an executor, which must not be entered twice.
    let thread = std::thread::scope(|scope| scope.spawn(|| executor.block_on(serve)).join());
    thread.map_err(|_| anyhow!("serve the Runtime API"))?
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
