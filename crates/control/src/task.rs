//! Waits for work that runs in a task or on a thread of its own.

use hearth_api::error::ApiError;
use tokio::task::JoinHandle;

/// The outcome of the work; `what` says for our log what panicked, which is a failure of ours.
///
/// # Cancel safety
///
/// Dropping the future does not stop the work.
pub(crate) async fn outcome<T>(work: JoinHandle<Result<T, ApiError>>, what: &'static str) -> Result<T, ApiError> {
    work.await.unwrap_or_else(|error| {
        tracing::error!(%error, what, "ended without an outcome");
        Err(ApiError::internal())
    })
}
