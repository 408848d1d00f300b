//! Configurations of function URLs: one for the function, one for each alias. What a request to one becomes is in
//! [`crate::url`].

use super::edit::edit;
use super::target::Target;
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::{Members, number, page_token, parse_page_token, text};
use crate::url::Address;
use hearth_api::error::{ApiError, ErrorKind};
use hearth_api::function_url::cors::Cors;
use hearth_api::function_url::{AuthType, FunctionUrl, InvokeMode};
use hearth_store::FunctionRecord;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::ops::Bound;
use uuid::Uuid;

/// Most entries on one page (the model's bound).
const PAGE: usize = 50;

/// `CreateFunctionUrlConfig`
pub(super) async fn create(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    let now = Timestamp::now().to_string();
    let url = FunctionUrl {
        // 122 random bits in the form that AWS's have: whoever is not told it does not find it.
        id: Uuid::new_v4().simple().to_string(),
        auth: auth(members).unwrap_or(AuthType::Iam),
        invoke_mode: invoke_mode(members).unwrap_or_default(),
        cors: cors(members)?.flatten(),
        created: now.clone(),
        modified: now,
    };
    let change = |record: &mut FunctionRecord| {
        has(record, &target)?;
        if record.urls.contains_key(key(&target)) {
            return Err(ApiError::new(
                ErrorKind::ResourceConflictException,
                format!(
                    "Failed to create function url config for [functionArn = {}]. \
                     Error message:  FunctionUrlConfig exists for this Lambda function",
                    target.arn()
                ),
            ));
        }
        record.urls.insert(key(&target).to_owned(), url.clone());
        Ok(())
    };
    edit(door, &target.key, no_function, change).await?;
    let mut shown = shape(door, call, &target, &url);
    // Recorded: the answer to this one says neither.
    shown.remove("LastModifiedTime");
    if invoke_mode(members).is_none() {
        shown.remove("InvokeMode");
    }
    Ok(Answer::created(Value::Object(shown)))
}

/// `GetFunctionUrlConfig`
pub(super) async fn get(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    let record = door.record(&target.key).await?.ok_or_else(missing)?;
    let url = record.urls.get(key(&target)).ok_or_else(missing)?;
    Ok(Answer::ok(Value::Object(shape(door, call, &target, url))))
}

/// `UpdateFunctionUrlConfig`. What is not given stays.
pub(super) async fn update(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    let cors = cors(members)?;
    let change = |record: &mut FunctionRecord| {
        has(record, &target)?;
        let url = record.urls.get_mut(key(&target)).ok_or_else(missing)?;
        url.auth = auth(members).unwrap_or(url.auth);
        url.invoke_mode = invoke_mode(members).unwrap_or(url.invoke_mode);
        if let Some(cors) = &cors {
            url.cors.clone_from(cors);
        }
        url.modified = Timestamp::now().to_string();
        Ok(url.clone())
    };
    let url = edit(door, &target.key, no_function, change).await?;
    Ok(Answer::ok(Value::Object(shape(door, call, &target, &url))))
}

/// `DeleteFunctionUrlConfig`
pub(super) async fn delete(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    let change = |record: &mut FunctionRecord| record.urls.remove(key(&target)).map(drop).ok_or_else(missing);
    edit(door, &target.key, missing, change).await?;
    Ok(Answer::no_content())
}

/// `ListFunctionUrlConfigs`: the function's first, then those of its aliases by name.
pub(super) async fn list(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?.unqualified();
    let record = door.record(&target.key).await?.ok_or_else(no_function)?;
    let limit = number(members, "MaxItems").unwrap_or(PAGE).clamp(1, PAGE);
    let marker = text(members, "Marker").filter(|marker| !marker.is_empty());
    let first = marker.map(|marker| parse_page_token(marker, ErrorKind::InvalidParameterValueException)).transpose()?;
    let from = first.as_deref().map_or(Bound::Unbounded, Bound::Included);
    let mut rest = record.urls.range::<str, _>((from, Bound::Unbounded));
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let mut out = Map::new();
    // The name of the next, not of the last: the function's own has none.
    if let Some((next, _)) = rest.next() {
        out.insert("NextMarker".to_owned(), Value::from(page_token(next)));
    }
    let shown = page.into_iter().map(|(qualifier, url)| {
        let qualifier = Some(qualifier.clone()).filter(|qualifier| !qualifier.is_empty());
        Value::Object(shape(door, call, &Target { qualifier, ..target.clone() }, url))
    });
    out.insert("FunctionUrlConfigs".to_owned(), shown.collect());
    Ok(Answer::ok(Value::Object(out)))
}

/// Under which name a URL is kept.
fn key(target: &Target) -> &str {
    target.qualifier.as_deref().unwrap_or_default()
}

/// An alias has to be there, as the function has (recorded: only what changes a URL says so).
fn has(record: &FunctionRecord, target: &Target) -> Result<(), ApiError> {
    let found = target.qualifier.as_ref().is_none_or(|alias| record.aliases.contains_key(alias));
    if found { Ok(()) } else { Err(no_function()) }
}

fn missing() -> ApiError {
    ApiError::new(ErrorKind::ResourceNotFoundException, "The resource you requested does not exist.")
}

fn no_function() -> ApiError {
    ApiError::new(ErrorKind::ResourceNotFoundException, "Function does not exist")
}

fn auth(members: &Members) -> Option<AuthType> {
    text(members, "AuthType").map(|auth| if auth == "NONE" { AuthType::None } else { AuthType::Iam })
}

fn invoke_mode(members: &Members) -> Option<InvokeMode> {
    let mode = text(members, "InvokeMode")?;
    Some(if mode == "RESPONSE_STREAM" { InvokeMode::ResponseStream } else { InvokeMode::Buffered })
}

/// The outer `None` when the request has no such member, the inner one when it is empty: no CORS then.
fn cors(members: &Members) -> Result<Option<Option<Cors>>, ApiError> {
    let Some(given) = members.get("Cors") else { return Ok(None) };
    let cors: Cors = serde_json::from_value(given.clone())
        .map_err(|error| ApiError::invalid_parameter(format!("Cors cannot be read: {error}")))?;
    Ok(Some(Some(cors).filter(|cors| *cors != Cors::default())))
}

fn shape(door: &FrontDoor, call: &Call, target: &Target, url: &FunctionUrl) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    put("FunctionUrl", json!(Address::link(&url.id, &target.key.scope.region, &call.authority, &door.config.hosts)));
    put("FunctionArn", json!(target.arn()));
    put("AuthType", json!(url.auth.as_str()));
    if let Some(cors) = &url.cors {
        put("Cors", json!(cors));
    }
    put("CreationTime", json!(url.created));
    put("LastModifiedTime", json!(url.modified));
    put("InvokeMode", json!(url.invoke_mode.as_str()));
    out
}
