//! Runs what blocks on the disk on a thread that may block.

use crate::StoreError;

/// Awaits `work` on the executor's blocking threads; `what` says what it does, for the error.
///
/// # Cancel safety
///
/// Dropping the future does not stop the work.
pub(super) async fn blocking<T, E>(
    what: impl FnOnce() -> String,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(source) => Err(StoreError::io(what(), source).into()),
    }
}
