//! `CreateFunction`: the package is unpacked in the request, so that its errors are the caller's; what comes after goes
//! on by itself while the function is Pending.

use super::publish::publish;
use super::shape::{View, configuration};
use super::target::{LATEST, Target};
use super::{code, internal, last_modified, settings, settle, tags, unsupported};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::layers::of_function;
use crate::members::{Members, flag, text};
use hearth_api::error::ApiError;
use hearth_api::function::{Code, FunctionKey, FunctionVersion, LogFormat, SnapStart, State, UpdateStatus};
use hearth_core::limits::{EPHEMERAL_STORAGE_MB, MEMORY_MB, TIMEOUT_S};
use hearth_store::{FunctionRecord, StoreError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Creates a function; answers 201 while it is Pending.
pub(super) async fn run(door: &Arc<FrontDoor>, call: &Call, mut members: Members) -> Result<Answer, ApiError> {
    let Target { key, .. } = Target::of(&call.scope, &members)?;
    unsupported::check(&members)?;
    let source = match members.remove("Code") {
        Some(Value::Object(source)) => source,
        Some(_) | None => Members::new(),
    };
    if text(&members, "Runtime").is_none() || text(&members, "Handler").is_none() {
        let message = "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
        return Err(ApiError::invalid_parameter(message));
    }
    let mut latest = blank(key.clone());
    settings::apply(&members, &mut latest)?;
    let tags = tags::of(&members)?;
    let version = door.environments.runtime_version(&latest.runtime);
    latest.runtime_version = version.map_err(ApiError::invalid_parameter)?;
    if door.record(&key).await?.is_some() {
        return Err(ApiError::function_exists(&key.name));
    }
    latest.layers = of_function::resolve(door, &call.scope, &members).await?.unwrap_or_default();
    latest.code = code::store(door, source).await?;
    of_function::check_size(door, &latest.code, &latest.layers).await?;
    let mut record = FunctionRecord { tags, ..FunctionRecord::new(latest) };
    let published = flag(&members, "Publish").then(|| publish(&mut record, None, State::Pending));
    let record = door.stores.functions.create(record).await.map_err(|error| match error {
        StoreError::Exists(_) => ApiError::function_exists(&key.name),
        other => internal(other),
    })?;
    settle::spawn(door, key);
    // Recorded: the version that was published, but the function's own ARN.
    let shown = published.as_ref().unwrap_or(&record.latest);
    Ok(Answer::created(configuration(shown, None, View::Full)))
}

/// A function with AWS's defaults and nothing of its own.
fn blank(key: FunctionKey) -> FunctionVersion {
    FunctionVersion {
        log_group: format!("/aws/lambda/{}", key.name),
        log_format: LogFormat::Text,
        snap_start: SnapStart::None,
        key,
        version: LATEST.to_owned(),
        incarnation: Uuid::new_v4(),
        runtime: String::new(),
        runtime_version: String::new(),
        handler: String::new(),
        role: String::new(),
        description: String::new(),
        memory_mb: MEMORY_MB.2,
        timeout_s: TIMEOUT_S.2,
        ephemeral_storage_mb: EPHEMERAL_STORAGE_MB.2,
        environment: None,
        code: Code { sha256: String::new(), size: 0 },
        layers: Vec::new(),
        passive: BTreeMap::new(),
        last_modified: last_modified(),
        revision_id: Uuid::new_v4(),
        state: State::Pending,
        last_update: UpdateStatus::Successful,
    }
}
