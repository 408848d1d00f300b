//! `GetFunction` and `GetFunctionConfiguration`, of a function, a version or an alias.

use super::resolve;
use super::shape::{View, configuration as shape};
use super::target::Target;
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::Members;
use hearth_api::error::ApiError;
use hearth_api::function::FunctionVersion;
use hearth_store::FunctionRecord;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Configuration, where to download the code, tags, and what is reserved for the function.
pub(super) async fn function(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let (target, record, version) = find(door, call, members).await?;
    let mut out = Map::new();
    out.insert("Configuration".to_owned(), shape(&version, target.qualifier.as_deref(), View::Full));
    let location = door.links.location(&call.authority, &version.code);
    out.insert("Code".to_owned(), json!({ "RepositoryType": "S3", "Location": location }));
    if !record.tags.is_empty() {
        out.insert("Tags".to_owned(), json!(record.tags));
    }
    // AWS does not show it to who asks with a qualifier.
    if let Some(reserved) = record.reserved_concurrency.filter(|_| target.qualifier.is_none()) {
        out.insert("Concurrency".to_owned(), json!({ "ReservedConcurrentExecutions": reserved }));
    }
    Ok(Answer::ok(Value::Object(out)))
}

/// Configuration alone.
pub(super) async fn configuration(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let (target, _record, version) = find(door, call, members).await?;
    Ok(Answer::ok(shape(&version, target.qualifier.as_deref(), View::Full)))
}

/// What is meant: how it was named, its function, and the version to show.
async fn find(
    door: &FrontDoor,
    call: &Call,
    members: &Members,
) -> Result<(Target, Arc<FunctionRecord>, Arc<FunctionVersion>), ApiError> {
    let target = Target::of(&call.scope, members)?;
    let record = door.record(&target.key).await?.ok_or_else(|| target.not_found())?;
    let version = resolve::version(&record, target.qualifier.as_deref()).ok_or_else(|| target.not_found())?;
    let version = Arc::clone(version);
    Ok((target, record, version))
}
