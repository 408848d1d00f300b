//! What can be attached to a function on AWS and not here yet: reads answer as AWS does for a function that has none, so
//! that tools which look (Terraform, SAM, the console's SDKs) find nothing to repair. Attaching something is refused.

use super::target::{LATEST, Target};
use super::{find, resolve};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::{Members, required};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_store::FunctionRecord;
use serde_json::{Value, json};

/// Setting of `PutFunctionRecursionConfig`.
const RECURSIVE_LOOP: &str = "RecursiveLoop";

/// `GetFunctionCodeSigningConfig`: recorded, an empty answer.
pub(super) async fn code_signing(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    find(door, &Target::of(&call.scope, members)?).await?;
    Ok(Answer::ok(json!({})))
}

/// `DeleteFunctionCodeSigningConfig`: nothing to delete is no error.
pub(super) async fn delete_code_signing(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    find(door, &Target::of(&call.scope, members)?).await?;
    Ok(Answer::no_content())
}

/// `GetRuntimeManagementConfig`: a function runs on the version of its runtime that was there when it was last changed,
/// and a change brings it to the one that is there then, which is what nobody had to ask for: `Auto`.
pub(super) async fn runtime_management(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    let record = door.record(&target.key).await?.ok_or_else(|| target.not_found())?;
    resolve::version(&record, target.qualifier.as_deref()).ok_or_else(|| target.not_found())?;
    Ok(Answer::ok(json!({ "UpdateRuntimeOn": "Auto", "FunctionArn": target.arn() })))
}

/// `GetFunctionRecursionConfig`
pub(super) async fn recursion(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let record = find(door, &Target::of(&call.scope, members)?).await?;
    let said = record.passive.get(RECURSIVE_LOOP).cloned().unwrap_or_else(|| Value::from("Terminate"));
    Ok(Answer::ok(json!({ RECURSIVE_LOOP: said })))
}

/// `PutFunctionRecursionConfig`: kept and shown. Lambda breaks loops that go through its event sources; here is none.
pub(super) async fn set_recursion(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    let said = required(members, RECURSIVE_LOOP)?;
    let change = |record: &mut FunctionRecord| {
        record.passive.insert(RECURSIVE_LOOP.to_owned(), Value::from(said));
        Ok(())
    };
    super::edit::edit(door, &target.key, || target.not_found(), change).await?;
    Ok(Answer::ok(json!({ RECURSIVE_LOOP: said })))
}

/// `GetFunctionEventInvokeConfig` and `DeleteFunctionEventInvokeConfig`: the same 404, whatever else is missing.
pub(super) fn event_invoke(call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    let qualifier = target.qualifier.as_deref().unwrap_or(LATEST);
    let message = format!("The function {}:{qualifier} doesn't have an EventInvokeConfig", target.key.arn());
    Err(ApiError::new(ErrorKind::ResourceNotFoundException, message))
}

/// `ListFunctionEventInvokeConfigs`
pub(super) async fn event_invokes(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    exists(door, &target, "The function doesn't exist.").await?;
    Ok(Answer::ok(json!({ "FunctionEventInvokeConfigs": [] })))
}

async fn exists(door: &FrontDoor, target: &Target, missing: &str) -> Result<(), ApiError> {
    let found = door.record(&target.key).await?;
    found.map(drop).ok_or_else(|| ApiError::new(ErrorKind::ResourceNotFoundException, missing))
}
