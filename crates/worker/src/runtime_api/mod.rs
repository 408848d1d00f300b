//! The Runtime API 2018-06-01, the Extensions API 2020-01-01, the Telemetry API 2022-07-01 and the Logs API 2020-08-15 of
//! one environment, on the listener that its PID 1 made: whoever connects is inside that sandbox, so the environment is known from the listener and never from what the client says.
//!
//! The function is hostile: heads, bodies and the number of connections are bounded. Nothing here decides about the
//! lifecycle; every call becomes a message to the environment's task.

mod error_cause;
mod extensions;
mod handlers;
mod replies;
mod streaming;
mod telemetry;

pub(crate) use handlers::drain;

use crate::environment::Environment;
use handlers::Client;
use hearth_core::limits::{RUNTIME_API_CONNECTIONS, RUNTIME_API_HEAD_BYTES};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

/// The server; dropping it ends every connection.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    listener: Arc<tokio::net::TcpListener>,
    /// Which launch new connections belong to.
    generation: Arc<AtomicU32>,
    task: AbortHandle,
}

impl RuntimeApi {
    pub(crate) fn serve(listener: TcpListener, environment: Arc<Environment>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = Arc::new(tokio::net::TcpListener::from_std(listener)?);
        let generation = Arc::new(AtomicU32::new(0));
        let task = tokio::spawn(accept(Arc::clone(&listener), environment, Arc::clone(&generation))).abort_handle();
        Ok(Self { listener, generation, task })
    }

    /// Before a launch: connections from now on belong to it. Those that processes of the launch before have left
    /// waiting are dropped.
    pub(crate) fn set_generation(&self, generation: u32) {
        while rustix::net::accept_with(&self.listener, rustix::net::SocketFlags::CLOEXEC).is_ok() {}
        self.generation.store(generation, Ordering::Release);
    }

    /// Closes the listener and every connection.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn accept(listener: Arc<tokio::net::TcpListener>, environment: Arc<Environment>, generation: Arc<AtomicU32>) {
    let places = Arc::new(Semaphore::new(RUNTIME_API_CONNECTIONS));
    // One body at a time: what the worker holds for the function is one answer, whatever the function sends.
    let bodies = Arc::new(Semaphore::new(1));
    // Aborted with us.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, or a connection that ended at once: not our end, and no busy loop.
                tracing::warn!(%error, "a connection to the Runtime API was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        stream.set_nodelay(true).unwrap_or_default();
        let (environment, bodies) = (Arc::clone(&environment), Arc::clone(&bodies));
        let generation = generation.load(Ordering::Acquire);
        connections.spawn(async move {
            let client = Client { environment: &environment, generation, bodies: &bodies };
            let service = service_fn(|request| client.answer(request));
            let served = http1::Builder::new()
                .max_buf_size(RUNTIME_API_HEAD_BYTES)
                // As AWS writes them: there are clients that look for `Lambda-Extension-Identifier` by case.
                .title_case_headers(true)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::trace!(%error, "a connection to the Runtime API ended");
            }
            drop(place);
        });
    }
}
