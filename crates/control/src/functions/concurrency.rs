//! Reserved concurrency: `PutFunctionConcurrency`, `GetFunctionConcurrency`, `DeleteFunctionConcurrency`. The
//! environments enforce it; here it is kept, and kept within the account. Provisioned concurrency can be asked for but
//! not be had: nothing has any.

use super::edit::edit;
use super::target::{LATEST, Target};
use super::{find, internal, resolve};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::{Members, number};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_api::function::{FunctionKey, Scope};
use hearth_core::concurrency::may_reserve;
use hearth_core::limits::UNRESERVED_CONCURRENCY_MIN;
use serde_json::json;

/// Reserves executions for a function; 0 stops it.
pub(super) async fn put(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = whole(Target::of(&call.scope, members)?)?;
    // A number that does not fit is far beyond what can be reserved.
    let wanted = number(members, "ReservedConcurrentExecutions").unwrap_or(u32::MAX);
    let _only_one = door.reserving.lock().await;
    door.record(&target.key).await?.ok_or_else(|| target.not_found_by_invoke())?;
    if !may_reserve(reserved(door, &call.scope, Some(&target.key)).await?, wanted) {
        return Err(ApiError::invalid_parameter(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
             its minimum value of [{UNRESERVED_CONCURRENCY_MIN}]."
        )));
    }
    set(door, &target, Some(wanted)).await?;
    Ok(Answer::ok(json!({ "ReservedConcurrentExecutions": wanted })))
}

/// What is reserved; an empty answer if nothing is.
pub(super) async fn get(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = whole(Target::of(&call.scope, members)?)?;
    let record = find(door, &target).await?;
    Ok(Answer::ok(match record.reserved_concurrency {
        Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
        None => json!({}),
    }))
}

/// Lets a function share the account's executions again.
pub(super) async fn delete(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = whole(Target::of(&call.scope, members)?)?;
    let _only_one = door.reserving.lock().await;
    set(door, &target, None).await?;
    Ok(Answer::no_content())
}

/// Stores a reservation and tells the environments. Only under the lock of reservations: they have to hear of changes in
/// the order in which they were stored.
async fn set(door: &FrontDoor, target: &Target, reserved: Option<u32>) -> Result<(), ApiError> {
    let change = |record: &mut hearth_store::FunctionRecord| {
        record.reserved_concurrency = reserved;
        Ok(())
    };
    edit(door, &target.key, || target.not_found(), change).await?;
    door.environments.reserve(&target.key, reserved);
    Ok(())
}

/// What the functions of a scope have reserved together, `except` that one.
pub(super) async fn reserved(door: &FrontDoor, scope: &Scope, except: Option<&FunctionKey>) -> Result<u32, ApiError> {
    let all = door.stores.functions.reservations().await.map_err(internal)?;
    let others = all.into_iter().filter(|(key, _)| key.scope == *scope && Some(key) != except);
    Ok(others.fold(0, |sum: u32, (_, reserved)| sum.saturating_add(reserved)))
}

fn whole(target: Target) -> Result<Target, ApiError> {
    if target.qualifier.is_some() {
        return Err(ApiError::invalid_parameter(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
             Please specify either a function name or an unqualified function ARN.",
        ));
    }
    Ok(target)
}

/// `GetProvisionedConcurrencyConfig`
pub(super) async fn provisioned(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    provisionable(door, call, members).await?;
    let message = "No Provisioned Concurrency Config found for this function";
    Err(ApiError::new(ErrorKind::ProvisionedConcurrencyConfigNotFoundException, message))
}

/// `DeleteProvisionedConcurrencyConfig`: one that is not there is no error.
pub(super) async fn delete_provisioned(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    provisionable(door, call, members).await?;
    Ok(Answer::no_content())
}

/// `ListProvisionedConcurrencyConfigs`
pub(super) async fn list_provisioned(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    find(door, &Target::of(&call.scope, members)?).await?;
    Ok(Answer::ok(json!({ "ProvisionedConcurrencyConfigs": [] })))
}

async fn provisionable(door: &FrontDoor, call: &Call, members: &Members) -> Result<(), ApiError> {
    let target = Target::of(&call.scope, members)?;
    if target.qualifier.as_deref() == Some(LATEST) {
        let message = "The function resource provided must be an alias or a published version.";
        return Err(ApiError::invalid_parameter(message));
    }
    let record = door.record(&target.key).await?.ok_or_else(|| resolve::missing(&target))?;
    resolve::version(&record, target.qualifier.as_deref()).map(drop).ok_or_else(|| resolve::missing(&target))
}
