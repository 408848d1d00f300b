//! Keeps the logs of a running service within their bounds: asks the store again and again, which knows when there is
//! something to do.

use hearth_store::Logs as _;
use hearth_store::embedded::EmbeddedStore;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often (ours): what functions write meanwhile is what a group may have too much.
const EVERY: Duration = Duration::from_secs(10);

/// Asks until the store is gone. `group_bytes` is what a log group may have.
pub(crate) fn spawn(store: &Arc<EmbeddedStore>, group_bytes: u64) {
    let store = Arc::downgrade(store);
    tokio::spawn(async move {
        loop {
            let Some(store) = store.upgrade() else { return };
            let trimmed = tokio::task::spawn_blocking(move || store.trim(now_ms(), group_bytes)).await;
            match trimmed {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the logs are not kept within their bounds"
                    );
                }
                Err(panic) => tracing::error!(%panic, "trimming the logs ended in a panic"),
            }
            tokio::time::sleep(EVERY).await;
        }
    });
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
