//! The operations on layers: publish, read, list, delete, and who else may use them.
//!
//! A version never changes and its number is never used again. Functions hold on to the package of a version, not to the
//! version: they run on when it is deleted. Layers are not fetched from AWS: those of another account are ones that were
//! published here with a key of that account.

pub(crate) mod of_function;
mod policy;
mod publish;
mod read;
mod shape;
mod target;

use crate::FrontDoor;
use crate::answer::Answer;
use crate::functions::internal;
use crate::lambda::Call;
use crate::members::Members;
use hearth_api::error::{ApiError, ErrorKind};

/// Runs an operation on layers.
pub(crate) async fn run(
    door: &FrontDoor,
    call: &Call,
    operation: &'static str,
    members: Members,
) -> Result<Answer, ApiError> {
    match operation {
        "PublishLayerVersion" => publish::run(door, call, members).await,
        "GetLayerVersion" => read::version(door, call, &members).await,
        "GetLayerVersionByArn" => read::version_by_arn(door, call, &members).await,
        "ListLayers" => read::layers(door, call, &members).await,
        "ListLayerVersions" => read::versions(door, call, &members).await,
        "DeleteLayerVersion" => delete(door, call, &members).await,
        "AddLayerVersionPermission" => policy::add(door, call, &members).await,
        "RemoveLayerVersionPermission" => policy::remove(door, call, &members).await,
        "GetLayerVersionPolicy" => policy::get(door, call, &members).await,
        other => Err(ApiError::not_implemented(other)),
    }
}

/// 204 also for what is not there. The package stays as long as a function uses it.
async fn delete(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let key = target::own(&call.scope, members)?;
    let number = target::valid_number(members)?;
    door.stores.layers.delete_layer_version(&key, number).await.map_err(internal)?;
    Ok(Answer::no_content())
}

/// 404, as reads word it.
fn not_found() -> ApiError {
    ApiError::new(ErrorKind::ResourceNotFoundException, "The resource you requested does not exist.")
}
