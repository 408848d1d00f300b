//! `DeleteFunction`, of a function or of one version. Running invocations finish; their environments end after them. Logs
//! stay, as on AWS.

use super::edit::edit;
use super::target::{LATEST, Target};
use super::{aliases, internal, resolve};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::Members;
use hearth_api::error::{ApiError, ErrorKind};
use hearth_store::{FunctionRecord, StoreError};

/// Deletes a function with its versions, or the version that the qualifier names.
pub(super) async fn run(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    match target.qualifier.as_deref() {
        None => whole(door, &target).await?,
        Some(LATEST) => {
            let message = "$LATEST version cannot be deleted without deleting the function.";
            return Err(ApiError::invalid_parameter(message));
        }
        Some(alias) if resolve::is_alias(alias) => {
            return Err(ApiError::invalid_parameter("Deletion of aliases is not currently supported."));
        }
        Some(number) => version(door, &target, number).await?,
    }
    Ok(Answer::no_content())
}

async fn whole(door: &FrontDoor, target: &Target) -> Result<(), ApiError> {
    // Its reservation goes with it.
    let _only_one = door.reserving.lock().await;
    let deleted = door.stores.functions.delete(&target.key).await.map_err(|error| match error {
        StoreError::NotFound(_) => target.not_found(),
        other => internal(other),
    })?;
    let versions = deleted.versions.values().chain(&deleted.previous).chain([&deleted.latest]);
    let incarnations: Vec<_> = versions.map(|version| version.incarnation).collect();
    door.environments.retire(&target.key, &incarnations);
    door.environments.reserve(&target.key, None);
    Ok(())
}

/// Deletes a version that no alias points to. Recorded: one that is not there is no error.
async fn version(door: &FrontDoor, target: &Target, number: &str) -> Result<(), ApiError> {
    let change = |record: &mut FunctionRecord| {
        let Some(version) = resolve::numbered(record, number).cloned() else { return Ok(None) };
        let pointing = aliases::of_version(record, number);
        if !pointing.is_empty() {
            let message = format!(
                "Unable to delete version because the following aliases reference it: [{}]",
                pointing.join(", ")
            );
            return Err(ApiError::new(ErrorKind::ResourceConflictException, message));
        }
        record.versions.retain(|_, other| other.version != version.version);
        record.policies.remove(number);
        Ok(Some(version.incarnation))
    };
    let incarnation = edit(door, &target.key, || target.unqualified().not_found(), change).await?;
    if let Some(incarnation) = incarnation {
        door.environments.retire(&target.key, &[incarnation]);
    }
    Ok(())
}
