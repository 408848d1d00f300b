//! `GetFunction` and `GetFunctionConfiguration`.

use super::shape::{View, configuration as shape, shown};
use super::target::Target;
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::Members;
use hearth_api::error::ApiError;
use hearth_store::FunctionRecord;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Configuration, where to download the code, and tags.
pub(super) async fn function(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let (target, record) = find(door, call, members).await?;
    let mut out = Map::new();
    let latest = &record.latest;
    out.insert("Configuration".to_owned(), shape(latest, shown(target.qualifier.as_deref()), View::Full));
    let location = door.links.location(&call.authority, &latest.code);
    out.insert("Code".to_owned(), json!({ "RepositoryType": "S3", "Location": location }));
    if !record.tags.is_empty() {
        out.insert("Tags".to_owned(), json!(record.tags));
    }
    Ok(Answer::ok(Value::Object(out)))
}

/// Configuration alone.
pub(super) async fn configuration(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let (target, record) = find(door, call, members).await?;
    Ok(Answer::ok(shape(&record.latest, shown(target.qualifier.as_deref()), View::Full)))
}

/// The function that is meant, and how it was named.
pub(super) async fn find(
    door: &FrontDoor,
    call: &Call,
    members: &Members,
) -> Result<(Target, Arc<FunctionRecord>), ApiError> {
    let target = Target::of(&call.scope, members)?;
    match door.record(&target.key).await? {
        Some(record) if target.is_latest() => Ok((target, record)),
        Some(_) | None => Err(target.not_found()),
    }
}
