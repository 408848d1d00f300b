//! `GetAccountSettings`: the limits of an account, and what it has used of them.

use super::{concurrency, internal};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use hearth_api::error::ApiError;
use hearth_core::limits::{ACCOUNT_CONCURRENCY, TOTAL_CODE_BYTES, UNZIPPED_BYTES, ZIPPED_BYTES};
use serde_json::json;

/// Answers it for the account and region of the request.
pub(super) async fn settings(door: &FrontDoor, call: &Call) -> Result<Answer, ApiError> {
    let reserved = concurrency::reserved(door, &call.scope, None).await?;
    let usage = door.stores.functions.usage(&call.scope).await.map_err(internal)?;
    let layers = door.stores.layers.layer_bytes(&call.scope).await.map_err(internal)?;
    Ok(Answer::ok(json!({
        "AccountLimit": {
            "TotalCodeSize": TOTAL_CODE_BYTES,
            "CodeSizeUnzipped": UNZIPPED_BYTES,
            "CodeSizeZipped": ZIPPED_BYTES,
            "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
            "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY.saturating_sub(reserved),
        },
        "AccountUsage": { "TotalCodeSize": usage.code_bytes + layers, "FunctionCount": usage.functions },
    })))
}
