//! `PublishLayerVersion`: a package as a function's, under the next number of its layer.

use super::{shape, target};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::functions::{code, internal, last_modified};
use crate::lambda::Call;
use crate::members::{Members, owned};
use hearth_api::error::ApiError;
use hearth_api::layer::LayerVersion;
use serde_json::Value;

/// Publishes a version; a layer is what its first version makes.
pub(super) async fn run(door: &FrontDoor, call: &Call, mut members: Members) -> Result<Answer, ApiError> {
    let key = target::own(&call.scope, &members)?;
    let source = match members.remove("Content") {
        Some(Value::Object(source)) => source,
        Some(_) | None => Members::new(),
    };
    let code = code::store(door, source).await?;
    let version = LayerVersion {
        key,
        number: 0,
        code,
        description: owned(&members, "Description").unwrap_or_default(),
        license_info: owned(&members, "LicenseInfo").filter(|license| !license.is_empty()),
        compatible_runtimes: list(&members, "CompatibleRuntimes"),
        compatible_architectures: list(&members, "CompatibleArchitectures"),
        created: last_modified(),
        policy: None,
    };
    let published = door.stores.layers.publish(version).await.map_err(internal)?;
    Ok(Answer::created(shape::full(door, call, &published)))
}

fn list(members: &Members, name: &str) -> Option<Vec<String>> {
    let list = members.get(name)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
