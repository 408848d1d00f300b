//! The operations on functions: create, read, list, update, delete, and the state machine between them.
//!
//! ```text
//! create ─▶ Pending ─▶ Active            each arrow: a new RevisionId
//! update ─▶ InProgress ─▶ Successful     until then invokes run what was there before
//! ```
//!
//! Every change goes through a compare-and-swap of the whole record (`edit`), which the store keeps small: published
//! versions are rows of their own. A version has environments of its own, and keeps them while `$LATEST` changes.

mod account;
mod aliases;
pub(crate) mod code;
mod concurrency;
mod create;
mod delete;
mod edit;
mod get;
mod list;
mod policy;
mod publish;
pub(crate) mod resolve;
mod settings;
pub(crate) mod settle;
mod shape;
mod snap_start;
mod tags;
pub(crate) mod target;
mod unconfigured;
mod unsupported;
mod update;
mod urls;

use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::Members;
use hearth_api::error::ApiError;
use hearth_store::{FunctionRecord, StoreError};
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
        "PublishVersion" => publish::run(door, call, &members).await,
        "CreateAlias" => aliases::create(door, call, &members).await,
        "GetAlias" => aliases::get(door, call, &members).await,
        "UpdateAlias" => aliases::update(door, call, &members).await,
        "DeleteAlias" => aliases::delete(door, call, &members).await,
        "ListAliases" => aliases::list(door, call, &members).await,
        "TagResource" => tags::tag(door, call, &members).await,
        "UntagResource" => tags::untag(door, call, &members).await,
        "ListTags" => tags::list(door, call, &members).await,
        "AddPermission" => policy::add(door, call, &members).await,
        "RemovePermission" => policy::remove(door, call, &members).await,
        "GetPolicy" => policy::get(door, call, &members).await,
        "GetAccountSettings" => account::settings(door, call).await,
        "PutFunctionConcurrency" => concurrency::put(door, call, &members).await,
        "GetFunctionConcurrency" => concurrency::get(door, call, &members).await,
        "DeleteFunctionConcurrency" => concurrency::delete(door, call, &members).await,
        "GetProvisionedConcurrencyConfig" => concurrency::provisioned(door, call, &members).await,
        "DeleteProvisionedConcurrencyConfig" => concurrency::delete_provisioned(door, call, &members).await,
        "ListProvisionedConcurrencyConfigs" => concurrency::list_provisioned(door, call, &members).await,
        "GetFunctionCodeSigningConfig" => unconfigured::code_signing(door, call, &members).await,
        "DeleteFunctionCodeSigningConfig" => unconfigured::delete_code_signing(door, call, &members).await,
        "GetFunctionRecursionConfig" => unconfigured::recursion(door, call, &members).await,
        "PutFunctionRecursionConfig" => unconfigured::set_recursion(door, call, &members).await,
        "GetRuntimeManagementConfig" => unconfigured::runtime_management(door, call, &members).await,
        "GetFunctionEventInvokeConfig" | "DeleteFunctionEventInvokeConfig" => {
            unconfigured::event_invoke(call, &members)
        }
        "ListFunctionEventInvokeConfigs" => unconfigured::event_invokes(door, call, &members).await,
        "CreateFunctionUrlConfig" => urls::create(door, call, &members).await,
        "GetFunctionUrlConfig" => urls::get(door, call, &members).await,
        "UpdateFunctionUrlConfig" => urls::update(door, call, &members).await,
        "DeleteFunctionUrlConfig" => urls::delete(door, call, &members).await,
        "ListFunctionUrlConfigs" => urls::list(door, call, &members).await,
        other => Err(ApiError::not_implemented(other)),
    }
}

/// The function that is meant, whatever the qualifier.
async fn find(door: &FrontDoor, target: &target::Target) -> Result<Arc<FunctionRecord>, ApiError> {
    door.record(&target.key).await?.ok_or_else(|| target.unqualified().not_found())
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
