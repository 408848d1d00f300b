//! `DeleteFunction`. Running invocations finish; their environments end after them. Logs stay, as on AWS.

use super::internal;
use super::target::{LATEST, Target};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::Members;
use hearth_api::error::ApiError;
use hearth_store::StoreError;

/// Deletes a function, or a version of it: as none can be published, deleting one finds nothing and answers 204.
pub(super) async fn run(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    let unqualified = Target { qualifier: None, ..target.clone() };
    match target.qualifier.as_deref() {
        None => {}
        Some(LATEST) => {
            let message = "$LATEST version cannot be deleted without deleting the function.";
            return Err(ApiError::invalid_parameter(message));
        }
        // What cannot be the name of an alias is taken for a version that is not there.
        Some(version) if version.bytes().all(|byte| byte.is_ascii_digit()) || version.contains('$') => {
            let found = door.record(&target.key).await?;
            return found.map(|_| Answer::no_content()).ok_or_else(|| unqualified.not_found());
        }
        Some(_alias) => return Err(ApiError::invalid_parameter("Deletion of aliases is not currently supported.")),
    }
    door.stores.functions.delete(&target.key).await.map_err(|error| match error {
        StoreError::NotFound(_) => unqualified.not_found(),
        other => internal(other),
    })?;
    door.environments.retire(&target.key, None);
    Ok(Answer::no_content())
}
