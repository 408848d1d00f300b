//! Functions that invoke functions: Lambda's API on a listener inside an execution environment.
//!
//! Who calls is known from the listener: account and region are the function's, whatever its credentials say. It may do
//! what a function's role is usually for, invoke. All else answers as AWS does without a policy that allows it, because
//! the code of a function is hostile until somebody says otherwise, and roles are not evaluated.

use crate::FrontDoor;
use crate::answer::{HttpResponse, refuse};
use crate::body::Places;
use crate::guard::Hosts;
use crate::lambda::{self, Call};
use crate::server::{ACCEPT_PAUSE, HEAD_BYTES, HEAD_PATIENCE, HEADERS};
use bytes::Bytes;
use hearth_api::environments::{BoxFuture, FunctionDoor};
use hearth_api::error::{ApiError, Protocol};
use hearth_api::function::FunctionVersion;
use hearth_api::model::route_lambda;
use hearth_core::ids::RequestId;
use hearth_core::limits::FUNCTION_API_CONNECTIONS;
use hearth_core::network::HOST_NAME;
use http::Request;
use http_body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

/// What a function may do here.
const ALLOWED: [&str; 3] = ["Invoke", "InvokeAsync", "InvokeWithResponseStream"];
/// Requests with a large body that one environment may have under way (ours): what the service holds for a function must
/// stay in proportion to what the function holds itself.
const LARGE_AT_ONCE: usize = 8;

impl FunctionDoor for FrontDoor {
    fn serve_function(
        self: Arc<Self>,
        listener: net::TcpListener,
        function: Arc<FunctionVersion>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Err(error) = serve(self, listener, function).await {
                tracing::error!(%error, "Lambda's API cannot be served inside an environment");
            }
        })
    }
}

/// What all connections of one environment share.
struct Entrance {
    door: Arc<FrontDoor>,
    hosts: Hosts,
    function: Arc<FunctionVersion>,
    large: Places,
}

/// Accepts for ever. Connections end with it.
async fn serve(door: Arc<FrontDoor>, listener: net::TcpListener, function: Arc<FunctionVersion>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let hosts = Hosts::new(listener.local_addr()?, &[HOST_NAME.to_owned()]);
    let listener = TcpListener::from_std(listener)?;
    let entrance = Arc::new(Entrance { door, hosts, function, large: Places::new(LARGE_AT_ONCE) });
    let places = Arc::new(Semaphore::new(FUNCTION_API_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        match listener.accept().await {
            Ok((stream, _)) => {
                let entrance = Arc::clone(&entrance);
                connections.spawn(async move {
                    entrance.converse(stream).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a function's connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Entrance {
    async fn converse(&self, stream: TcpStream) {
        stream.set_nodelay(true).unwrap_or_default();
        let service = service_fn(|request| async { Ok::<_, Infallible>(self.answer(request).await) });
        // One request at a time on a connection: their number is bounded by that of connections.
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES * 4)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a function's connection ended with an error");
        }
    }

    async fn answer<B: Body<Data = Bytes>>(&self, request: Request<B>) -> HttpResponse {
        // Also while the rest of a body that is too large is thrown away: only this environment's own requests wait for it.
        let _place = self.large.place_for(request.body()).await;
        let request_id = RequestId(Uuid::new_v4().as_u128());
        let (head, body) = request.into_parts();
        let authority = match self.hosts.admit(&head) {
            Ok(authority) => authority,
            Err(error) => return refuse(&error, Protocol::RestJson, request_id),
        };
        if let Some(target) = head.headers.get("x-amz-target") {
            let operation = target.to_str().unwrap_or_default().rsplit('.').next().unwrap_or_default();
            return refuse(&self.denied(&format!("logs:{operation}")), Protocol::Json11, request_id);
        }
        match route_lambda(&head.method, head.uri.path(), head.uri.query()) {
            Ok(routed) if ALLOWED.contains(&routed.operation.name) => {
                let call = Call { scope: self.function.key.scope.clone(), authority, request_id, changes_of: None };
                lambda::serve(&self.door, call, head, body).await
            }
            Ok(routed) => {
                let denied = self.denied(&format!("lambda:{}", routed.operation.name));
                refuse(&denied, Protocol::RestJson, request_id)
            }
            Err(error) => refuse(&error, Protocol::RestJson, request_id),
        }
    }

    fn denied(&self, action: &str) -> ApiError {
        let FunctionVersion { key, role, .. } = self.function.as_ref();
        let role = role.rsplit('/').next().unwrap_or(role);
        let user = format!("arn:aws:sts::{}:assumed-role/{role}/{}", key.scope.account, key.name);
        ApiError::not_authorized(&user, action)
    }
}
