//! The operations on functions: create, read, list, update, delete, and the state machine between them.
//!
//! ```text
//! create ─▶ Pending ─▶ Active            each arrow: a new RevisionId
//! update ─▶ InProgress ─▶ Successful     until then invokes run what was there before
//! ```
//!
//! Versions and aliases have no operations here yet: what asks for them is refused, never ignored.

pub(crate) mod code;
mod create;
mod delete;
mod get;
mod list;
mod settings;
pub(crate) mod settle;
mod shape;
pub(crate) mod target;
mod unsupported;
mod update;

use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::Members;
use hearth_api::error::ApiError;
use hearth_store::StoreError;
use jiff::Timestamp;
use std::sync::Arc;

/// Runs an operation of the control plane.
pub(crate) async fn run(
    door: &Arc<FrontDoor>,
    call: &Call,
    operation: &'static str,
    members: Members,
) -> Result<Answer, ApiError> {
    match operation {
        "CreateFunction" => create::run(door, call, members).await,
        "GetFunction" => get::function(door, call, &members).await,
        "GetFunctionConfiguration" => get::configuration(door, call, &members).await,
        "ListFunctions" => list::functions(door, call, &members).await,
        "ListVersionsByFunction" => list::versions(door, call, &members).await,
        "UpdateFunctionCode" => update::code(door, call, members).await,
        "UpdateFunctionConfiguration" => update::configuration(door, call, &members).await,
        "DeleteFunction" => delete::run(door, call, &members).await,
        other => Err(ApiError::not_implemented(other)),
    }
}

/// A failure of the store that is not the caller's doing.
pub(crate) fn internal(error: StoreError) -> ApiError {
    tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
    ApiError::internal()
}

/// Now, as `LastModified` and `CreatedDate` print it.
pub(crate) fn last_modified() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn last_modified_has_milliseconds_and_the_zone_of_aws() {
        let text = super::last_modified();
        assert_eq!(text.len(), "2026-11-24T22:00:00.000+0000".len(), "{text}");
        assert!(text.ends_with("+0000") && text.as_bytes()[19] == b'.', "{text}");
    }
}
