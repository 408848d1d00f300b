//! `TagResource`, `UntagResource`, `ListTags`. Tags hang on functions; nothing else that AWS tags is here.

use super::edit::edit;
use super::find;
use super::target::Target;
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::{Members, object, required, text};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_api::function::{FunctionVersion, Scope};
use hearth_core::limits::TAGS;
use hearth_store::FunctionRecord;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// `TagResource`: adds tags and replaces those of the same name.
pub(super) async fn tag(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let tags = of(members)?;
    if tags.is_empty() {
        return Err(ApiError::invalid_parameter("An error occurred and the request cannot be processed."));
    }
    change(door, call, members, |known| {
        known.extend(tags.clone());
        bounded(known)
    })
    .await
}

/// `UntagResource`: takes tags away, if they are there.
pub(super) async fn untag(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let names = members.get("TagKeys").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<&str> = names.filter_map(Value::as_str).collect();
    change(door, call, members, |known| {
        known.retain(|name, _| !names.contains(&name.as_str()));
        Ok(())
    })
    .await
}

/// `ListTags`
pub(super) async fn list(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = function(&call.scope, required(members, "Resource")?)?;
    let record = find(door, &target).await?;
    Ok(Answer::ok(json!({ "Tags": record.tags })))
}

/// The member `Tags` of a request, within the limit.
pub(super) fn of(members: &Members) -> Result<BTreeMap<String, String>, ApiError> {
    let Some(tags) = object(members, "Tags") else { return Ok(BTreeMap::new()) };
    let tags = tags.keys().filter_map(|name| Some((name.clone(), text(tags, name)?.to_owned()))).collect();
    bounded(&tags).map(|()| tags)
}

fn bounded(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let fits = tags.len() <= TAGS;
    fits.then_some(()).ok_or_else(|| ApiError::invalid_parameter("Number of tags exceeds resource tag limit."))
}

async fn change(
    door: &FrontDoor,
    call: &Call,
    members: &Members,
    change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), ApiError>,
) -> Result<Answer, ApiError> {
    let target = function(&call.scope, required(members, "Resource")?)?;
    let retagged = |record: &mut FunctionRecord| {
        change(&mut record.tags)?;
        // Recorded: tags are part of what `$LATEST`'s revision stands for.
        let latest = FunctionVersion { revision_id: Uuid::new_v4(), ..FunctionVersion::clone(&record.latest) };
        record.latest = Arc::new(latest);
        Ok(())
    };
    edit(door, &target.key, || target.not_found(), retagged).await?;
    Ok(Answer::no_content())
}

/// The function that an ARN names.
fn function(scope: &Scope, arn: &str) -> Result<Target, ApiError> {
    let kind = arn.split(':').nth(5).unwrap_or_default();
    let missing = match kind {
        "function" => None,
        "event-source-mapping" => Some(format!("Event source mapping not found: {arn}")),
        "code-signing-config" => Some(format!("The Lambda code signing configuration {arn} can not be found.")),
        "capacity-provider" => Some(format!("Capacity provider not found: {arn}")),
        _ => Some("The resource you requested does not exist.".to_owned()),
    };
    if let Some(message) = missing {
        return Err(ApiError::new(ErrorKind::ResourceNotFoundException, message));
    }
    let target = Target::parse(scope, arn, None)?;
    if target.qualifier.is_some() {
        return Err(ApiError::invalid_parameter(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        ));
    }
    Ok(target)
}
