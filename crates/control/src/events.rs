//! Asynchronous invokes: an event is on disk before its caller gets 202, runs in the background, and leaves the disk once
//! its handler has ended, well or not. What was not handled at a stop or a `kill -9` runs (again) at the next start.
//!
//! An event that finds no environment, or none that is restored in time, or is throttled, waits and is tried again until it
//! is too old. One for a function with a reservation of 0 is dropped at once, as AWS does (which sends it to a dead-letter
//! queue, where there is one). One whose handler failed is done: retries of the handler, destinations and dead letters are not here.

use crate::FrontDoor;
use crate::functions::internal;
use crate::invoke::{invoked_arn, new_trace_id, target_of};
use hearth_api::environments::{Invocation, InvokeError, InvokeResponse};
use hearth_api::error::{ApiError, ThrottleReason};
use hearth_core::environment::NotRestored;
use hearth_store::{QueuedEvent, StoreError};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Events that run at once (ours).
const RUNNING: usize = 64;
/// Memory for the payloads of events that wait or run, KiB (ours). What does not fit is throttled.
const WAITING_KIB: usize = 256 * 1024;
/// What an event costs besides its payload, bytes (ours).
const OVERHEAD_BYTES: usize = 2_048;
/// Age at which an event that could not be run is given up, milliseconds (documented default: 6 hours).
const AGE_MAX_MS: i64 = 6 * 3_600 * 1_000;
/// First and longest pause before an event that found no environment is tried again, seconds (documented).
const PAUSE_S: (u64, u64) = (1, 300);

/// Bounds what runs and waits.
#[derive(Debug)]
pub(crate) struct Runner {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Runner {
    /// Nothing runs yet.
    pub(crate) fn new() -> Self {
        Self { running: Arc::new(Semaphore::new(RUNNING)), waiting: Arc::new(Semaphore::new(WAITING_KIB)) }
    }
}

/// Stores an event and starts it.
///
/// # Errors
///
/// A throttle when too much waits, and failures of the store: the event will not run then.
pub(crate) async fn accept(door: &Arc<FrontDoor>, event: QueuedEvent) -> Result<(), ApiError> {
    let room = Arc::clone(&door.runner.waiting).try_acquire_many_owned(kib(&event));
    let room = room.map_err(|_| ApiError::too_many_requests(ThrottleReason::CallerRateLimitExceeded))?;
    door.stores.events.push(event.clone()).await.map_err(internal)?;
    spawn(door, event, Some(room));
    Ok(())
}

/// Starts everything that was accepted and not handled.
pub(crate) async fn recover(door: &Arc<FrontDoor>) -> Result<(), StoreError> {
    for event in door.stores.events.pending().await? {
        // These are in memory already: there is nothing left to refuse.
        let room = Arc::clone(&door.runner.waiting).try_acquire_many_owned(kib(&event)).ok();
        spawn(door, event, room);
    }
    Ok(())
}

fn kib(event: &QueuedEvent) -> u32 {
    u32::try_from((event.payload.len() + OVERHEAD_BYTES).div_ceil(1024)).unwrap_or(u32::MAX)
}

fn spawn(door: &Arc<FrontDoor>, event: QueuedEvent, room: Option<OwnedSemaphorePermit>) {
    let door = Arc::clone(door);
    tokio::spawn(async move {
        let id = event.request_id;
        if run(&door, event).await == Outcome::Kept {
            return;
        }
        if let Err(error) = door.stores.events.done(id).await {
            tracing::error!(%id, error = &error as &dyn std::error::Error, "a handled event will run again");
        }
        drop(room);
    });
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It leaves the queue.
    Done,
    /// It stays for the next start.
    Kept,
}

/// Runs an event to its end.
async fn run(door: &FrontDoor, event: QueuedEvent) -> Outcome {
    let mut pause = PAUSE_S.0;
    loop {
        match attempt(door, &event).await {
            Attempt::Ended => return Outcome::Done,
            Attempt::Stopping => return Outcome::Kept,
            Attempt::NoRoom => {
                let age = Timestamp::now().as_millisecond() - event.accepted_ms;
                let next = i64::try_from(pause * 1_000).unwrap_or(i64::MAX);
                if age.saturating_add(next) > AGE_MAX_MS {
                    tracing::warn!(id = %event.request_id, function = %event.key, "an event became too old and was dropped");
                    return Outcome::Done;
                }
                tokio::time::sleep(Duration::from_secs(pause)).await;
                pause = (pause * 2).min(PAUSE_S.1);
            }
        }
    }
}

/// How one attempt ended.
#[derive(Clone, Copy, Debug)]
enum Attempt {
    Ended,
    Stopping,
    NoRoom,
}

/// Invokes the function as it is now: queued events run on new code.
async fn attempt(door: &FrontDoor, event: &QueuedEvent) -> Attempt {
    let Ok(_running) = Arc::clone(&door.runner.running).acquire_owned().await else { return Attempt::Stopping };
    match door.record(&event.key).await {
        Ok(Some(record)) if record.reserved_concurrency == Some(0) => {
            tracing::warn!(id = %event.request_id, function = %event.key, "an event was dropped: no concurrency is reserved");
            return Attempt::Ended;
        }
        Ok(_) => {}
        Err(error) => return unavailable(&error),
    }
    let function = match door.invocable(&target_of(event), event.request_id).await {
        Ok(function) => function,
        Err(error) => return unavailable(&error),
    };
    let invocation = Invocation {
        request_id: event.request_id,
        payload: event.payload.clone(),
        invoked_function_arn: invoked_arn(event),
        client_context: event.client_context.clone(),
        trace_id: Some(new_trace_id(event.request_id)),
        log_tail: false,
        stream: None,
    };
    match door.environments.invoke(function, invocation).await {
        // Hooks of the function have failed: it would fail again.
        Ok(InvokeResponse { .. }) | Err(InvokeError::NotRestored(NotRestored::Error)) => Attempt::Ended,
        Err(InvokeError::Draining) => Attempt::Stopping,
        Err(
            error @ (InvokeError::Throttled(_)
            | InvokeError::Capacity(_)
            | InvokeError::NotRestored(NotRestored::Timeout)
            | InvokeError::RuntimeMissing(_)
            | InvokeError::Sandbox(_)),
        ) => {
            tracing::info!(id = %event.request_id, %error, "an event could not run yet");
            Attempt::NoRoom
        }
    }
}

/// The function is gone, or cannot be invoked: only what may pass is waited for.
fn unavailable(error: &ApiError) -> Attempt {
    use hearth_api::error::ErrorKind::ResourceNotFoundException;
    if error.kind == ResourceNotFoundException { Attempt::Ended } else { Attempt::NoRoom }
}
