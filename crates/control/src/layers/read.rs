//! `GetLayerVersion`, `GetLayerVersionByArn`, and the lists, in pages.

use super::{not_found, shape, target};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::functions::internal;
use crate::lambda::Call;
use crate::members::{Members, number, owned, page_token, parse_page_token, required, text};
use hearth_api::arn::parse_layer_reference;
use hearth_api::error::{ApiError, ErrorKind};
use hearth_api::function::Scope;
use hearth_api::layer::{LayerKey, LayerVersion};
use hearth_store::LayerFilter;
use serde_json::{Map, Value, json};

/// Most entries of one page (the model's; also what AWS gives unasked).
const PAGE: usize = 50;

/// A version by layer and number.
pub(super) async fn version(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let number = target::valid_number(members)?;
    let key = target::named(&call.scope, &parse_layer_reference(required(members, "LayerName")?))?;
    answer(door, call, &key, number).await
}

/// The same by its ARN. The pattern of that also has a form that only AWS's own layers have.
pub(super) async fn version_by_arn(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let reference = parse_layer_reference(required(members, "Arn")?);
    let number = reference.version.and_then(|number| number.parse().ok()).ok_or_else(not_found)?;
    answer(door, call, &target::named(&call.scope, &reference)?, number).await
}

async fn answer(door: &FrontDoor, call: &Call, key: &LayerKey, number: i64) -> Result<Answer, ApiError> {
    let found = usable(door, &call.scope, key, number).await?.ok_or_else(not_found)?;
    Ok(Answer::ok(shape::full(door, call, &found)))
}

/// A version that the caller may use; `None` when it is the caller's and not there.
///
/// # Errors
///
/// 403 for another account's that is not open to the caller or not there: which of the two, AWS does not say either.
pub(super) async fn usable(
    door: &FrontDoor,
    scope: &Scope,
    key: &LayerKey,
    number: i64,
) -> Result<Option<LayerVersion>, ApiError> {
    let found = door.stores.layers.layer_version(key, number).await.map_err(internal)?;
    let open = found.filter(|version| version.is_open_to(scope.account.as_str()));
    if open.is_none() && key.scope.account != scope.account {
        return Err(denied(scope, key, number));
    }
    Ok(open)
}

/// AWS's text, and what Hearth's users need to know beyond it.
fn denied(scope: &Scope, key: &LayerKey, number: i64) -> ApiError {
    ApiError::access_denied(format!(
        "User: arn:aws:iam::{}:root is not authorized to perform: lambda:GetLayerVersion on resource: {} because no \
         resource-based policy allows the lambda:GetLayerVersion action. (Hearth does not fetch layers from AWS: download \
         the layer's zip there and publish it here.)",
        scope.account,
        key.version_arn(number)
    ))
}

/// The layers of account and region by name, each with the newest version that fits the filter.
pub(super) async fn layers(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let limit = limit(members);
    let after = marker(members)?;
    // One more than fits tells whether there is another page.
    let found = door.stores.layers.list_layers(&call.scope, &filter(members), after.as_deref(), limit + 1).await;
    let (page, more) = page(found.map_err(internal)?, limit);
    let next = page.last().filter(|_| more).map(|last| last.key.name.clone());
    let rows = page.iter().map(|version| {
        json!({
            "LayerName": version.key.name,
            "LayerArn": version.key.arn(),
            "LatestMatchingVersion": shape::entry(version),
        })
    });
    Ok(listed("Layers", rows.collect(), next))
}

/// The versions of one layer that fit the filter, newest first; none of a layer that is not there.
pub(super) async fn versions(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let key = target::own(&call.scope, members)?;
    let limit = limit(members);
    let before = marker(members)?.map(|number| number.parse().map_err(|_| not_a_marker())).transpose()?;
    let found = door.stores.layers.list_layer_versions(&key, &filter(members), before, limit + 1).await;
    let (page, more) = page(found.map_err(internal)?, limit);
    let next = page.last().filter(|_| more).map(|last| last.number.to_string());
    Ok(listed("LayerVersions", page.iter().map(shape::entry).collect(), next))
}

fn listed(name: &str, rows: Vec<Value>, next: Option<String>) -> Answer {
    let mut out = Map::new();
    if let Some(next) = next {
        out.insert("NextMarker".to_owned(), Value::from(page_token(&next)));
    }
    out.insert(name.to_owned(), Value::from(rows));
    Answer::ok(Value::Object(out))
}

/// What fits on the page, and whether there is more.
fn page(mut found: Vec<LayerVersion>, limit: usize) -> (Vec<LayerVersion>, bool) {
    let more = found.len() > limit;
    found.truncate(limit);
    (found, more)
}

fn limit(members: &Members) -> usize {
    number(members, "MaxItems").unwrap_or(PAGE).clamp(1, PAGE)
}

fn marker(members: &Members) -> Result<Option<String>, ApiError> {
    let marker = text(members, "Marker").filter(|marker| !marker.is_empty());
    marker.map(|marker| parse_page_token(marker, ErrorKind::InvalidParameterValueException)).transpose()
}

/// As the one of [`parse_page_token`], for one of another list.
fn not_a_marker() -> ApiError {
    ApiError::invalid_parameter("The specified token is not valid: use the one of the page before, unchanged.")
}

fn filter(members: &Members) -> LayerFilter {
    LayerFilter { runtime: owned(members, "CompatibleRuntime"), architecture: owned(members, "CompatibleArchitecture") }
}
