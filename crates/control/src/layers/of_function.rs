//! The `Layers` of a function: which versions a request means, and whether they and the code fit together.

use super::read::usable;
use crate::FrontDoor;
use crate::functions::internal;
use crate::members::Members;
use hearth_api::arn::{LayerReference, parse_layer_reference};
use hearth_api::error::ApiError;
use hearth_api::function::{Code, Layer, Scope};
use hearth_api::layer::LayerKey;
use hearth_core::ids::AccountId;
use hearth_core::limits::{LAYERS, UNZIPPED_BYTES};
use hearth_core::package::{TooLarge, fits};
use serde_json::Value;

/// The layers that a request names, in its order; `None` when it names no list at all.
///
/// # Errors
///
/// AWS's, for too many, for two versions of one layer, and for what is not there or not the caller's to use.
pub(crate) async fn resolve(
    door: &FrontDoor,
    scope: &Scope,
    members: &Members,
) -> Result<Option<Vec<Layer>>, ApiError> {
    let Some(Value::Array(named)) = members.get("Layers") else { return Ok(None) };
    if named.len() > LAYERS {
        return Err(ApiError::invalid_parameter(format!("Cannot reference more than {LAYERS} layers.")));
    }
    let mut seen: Vec<(LayerKey, &str)> = Vec::new();
    let mut layers = Vec::new();
    for arn in named.iter().filter_map(Value::as_str) {
        let (key, layer) = one(door, scope, arn).await?;
        if let Some((_, other)) = seen.iter().find(|(known, _)| *known == key) {
            return Err(ApiError::invalid_parameter(format!(
                "Two different versions of the same layer are not allowed to be referenced in the same function. \
                 {other} and {arn} are versions of the same layer."
            )));
        }
        seen.push((key, arn));
        layers.push(layer);
    }
    Ok(Some(layers))
}

async fn one(door: &FrontDoor, scope: &Scope, arn: &str) -> Result<(LayerKey, Layer), ApiError> {
    let absent = || ApiError::invalid_parameter(format!("Layer version {arn} does not exist."));
    let LayerReference { region, account, name, version } = parse_layer_reference(arn);
    let account = account.and_then(AccountId::parse).ok_or_else(absent)?;
    if region != Some(scope.region.as_str()) {
        return Err(ApiError::invalid_parameter(format!(
            "Layers are not in the same region as the function. Layers are expected to be in region {}.",
            scope.region
        )));
    }
    let number = version.and_then(|number| number.parse().ok()).ok_or_else(absent)?;
    let key = LayerKey { scope: Scope { account, region: scope.region.clone() }, name: name.to_owned() };
    let found = usable(door, scope, &key, number).await?.ok_or_else(absent)?;
    let layer = Layer { arn: found.arn(), code: found.code };
    Ok((key, layer))
}

/// Whether code and layers fit together.
///
/// # Errors
///
/// AWS's.
pub(crate) async fn check_size(door: &FrontDoor, code: &Code, layers: &[Layer]) -> Result<(), ApiError> {
    if layers.is_empty() {
        // The code alone was measured when it was unpacked.
        return Ok(());
    }
    let size = async |code: &Code| door.stores.packages.unzipped_size(code).await.map_err(internal);
    let mut sizes = Vec::new();
    for layer in layers {
        sizes.push(size(&layer.code).await?);
    }
    fits(size(code).await?, sizes).map_err(|too_large| {
        ApiError::invalid_parameter(match too_large {
            TooLarge::Layers => format!("Layers consume more than the available size of {UNZIPPED_BYTES} bytes"),
            TooLarge::Together { bytes } => format!(
                "Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_BYTES} bytes. \
                 The actual size is {bytes} bytes."
            ),
        })
    })
}
