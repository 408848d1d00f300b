//! `UpdateFunctionCode` and `UpdateFunctionConfiguration`. Until the update is settled, invokes run what was there
//! before; a second update meanwhile is refused, as on AWS.

use super::publish::publish;
use super::shape::{View, configuration as shape};
use super::target::Target;
use super::{code, internal, last_modified, settings, settle, unsupported};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::layers::of_function;
use crate::members::{Members, flag, text};
use hearth_api::error::ApiError;
use hearth_api::function::{Code, FunctionVersion, State, UpdateStatus};
use hearth_store::{FunctionRecord, StoreError};
use std::sync::Arc;
use uuid::Uuid;

/// Replaces the package. `DryRun` checks everything and changes nothing.
pub(super) async fn code(door: &Arc<FrontDoor>, call: &Call, mut members: Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, &members)?;
    let record = door.record(&target.key).await?.filter(|_| target.is_latest()).ok_or_else(|| target.not_found())?;
    changeable(&record, &members)?;
    unsupported::check(&members)?;
    if text(&members, "ImageUri").is_some() {
        let message = "Please don't provide ImageUri when updating a function with packageType Zip.";
        return Err(ApiError::invalid_parameter(message));
    }
    // The package is what is large about this request: it goes its own way, uncopied.
    let source = ["ZipFile", "S3Bucket", "S3Key"].into_iter().filter_map(|name| members.remove_entry(name)).collect();
    // Unpacked even for a DryRun, which is how it is checked; what no function refers to goes at the next start.
    let changes_of = call.changes_of.as_deref();
    amendable(&record, changes_of)?;
    let code = match changes_of {
        None => code::store(door, source).await?,
        Some(_) => code::amend(door, &record.latest.code, source).await?,
    };
    if flag(&members, "DryRun") {
        let mut planned = FunctionVersion::clone(&record.latest);
        settings::apply(&members, &mut planned)?;
        planned.code = code;
        of_function::check_size(door, &planned.code, &planned.layers).await?;
        return Ok(Answer::ok(shape(&planned, target.qualifier.as_deref(), View::Full)));
    }
    change(door, &target, &members, Some(NewCode { code, changes_of })).await
}

/// A package, and of which one it was made by its changes.
struct NewCode<'a> {
    code: Code,
    changes_of: Option<&'a str>,
}

/// Changes the settings that the request names.
pub(super) async fn configuration(door: &Arc<FrontDoor>, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    unsupported::check(members)?;
    change(door, &target, members, None).await
}

/// Stores the changed version beside the one that serves, and lets it settle. Somebody else's change in between is not
/// overwritten: the checks run again on what they stored.
async fn change(
    door: &Arc<FrontDoor>,
    target: &Target,
    members: &Members,
    code: Option<NewCode<'_>>,
) -> Result<Answer, ApiError> {
    let layers = of_function::resolve(door, &target.key.scope, members).await?;
    loop {
        let found = door.record(&target.key).await?.filter(|_| target.is_latest());
        let record = found.ok_or_else(|| target.not_found())?;
        changeable(&record, members)?;
        let mut latest = FunctionVersion::clone(&record.latest);
        settings::apply(members, &mut latest)?;
        let version = door.environments.runtime_version(&latest.runtime);
        latest.runtime_version = version.map_err(ApiError::invalid_parameter)?;
        if let Some(new) = &code {
            amendable(&record, new.changes_of)?;
            latest.code = new.code.clone();
        }
        if let Some(layers) = &layers {
            latest.layers.clone_from(layers);
        }
        of_function::check_size(door, &latest.code, &latest.layers).await?;
        latest.incarnation = Uuid::new_v4();
        latest.revision_id = Uuid::new_v4();
        latest.last_modified = last_modified();
        latest.last_update = UpdateStatus::InProgress;
        let mut changed = FunctionRecord {
            latest: Arc::new(latest),
            previous: Some(Arc::clone(&record.latest)),
            ..FunctionRecord::clone(&record)
        };
        let published = flag(members, "Publish").then(|| publish(&mut changed, None, State::Pending));
        match door.stores.functions.update(changed).await {
            Ok(stored) => {
                settle::spawn(door, target.key.clone());
                let shown = published.as_ref().map(|version| (version, Some(version.version.as_str())));
                let (shown, qualifier) = shown.unwrap_or((&stored.latest, target.qualifier.as_deref()));
                return Ok(Answer::ok(shape(shown, qualifier, View::Full)));
            }
            Err(StoreError::Conflict(_)) => {}
            Err(StoreError::NotFound(_)) => return Err(target.not_found()),
            Err(other) => return Err(internal(other)),
        }
    }
}

/// Whether a function may be changed or published now, by somebody who saw the revision they name.
pub(super) fn changeable(record: &FunctionRecord, members: &Members) -> Result<(), ApiError> {
    let latest = &record.latest;
    if text(members, "RevisionId").is_some_and(|revision| revision != latest.revision_id.to_string()) {
        return Err(ApiError::revision_mismatch());
    }
    if latest.state == State::Pending {
        return Err(ApiError::wrong_state("Pending"));
    }
    match latest.last_update {
        UpdateStatus::InProgress => Err(ApiError::update_in_progress(&latest.key.arn())),
        UpdateStatus::Successful | UpdateStatus::Failed { .. } => Ok(()),
    }
}

/// Whether changes are of the package that the function has now: of no other, since who knows a digest has no right to
/// what it is of.
fn amendable(record: &FunctionRecord, changes_of: Option<&str>) -> Result<(), ApiError> {
    let fits = changes_of.is_none_or(|sha256| sha256 == record.latest.code.sha256);
    if fits { Ok(()) } else { Err(ApiError::code_mismatch()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{record, version};
    use serde_json::json;

    fn refused(latest: FunctionVersion, members: serde_json::Value) -> ApiError {
        changeable(&record(latest), members.as_object().expect("object")).expect_err("refused")
    }

    #[test]
    fn one_change_at_a_time() {
        let updating = FunctionVersion { last_update: UpdateStatus::InProgress, ..version("f") };
        assert_eq!(refused(updating.clone(), json!({})), ApiError::update_in_progress(&updating.key.arn()));
        let pending = FunctionVersion { state: State::Pending, ..version("f") };
        assert_eq!(refused(pending, json!({})), ApiError::wrong_state("Pending"));
        let wrong = json!({ "RevisionId": Uuid::from_u128(7).to_string() });
        assert_eq!(refused(version("f"), wrong), ApiError::revision_mismatch());
        assert_eq!(changeable(&record(version("f")), &Members::new()), Ok(()));
    }
}
