//! Aliases: names for versions, with an optional second version that takes a share of the requests.

use super::edit::edit;
use super::target::{LATEST, Target};
use super::{find, resolve};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::{Members, number, object, owned, page_token, parse_page_token, required, text};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_api::function::{AdditionalVersion, Alias, FunctionKey};
use hearth_store::FunctionRecord;
use serde_json::{Map, Value, json};
use std::ops::Bound;
use uuid::Uuid;

/// Most aliases on one page (documented for lists of functions: 50, also when the request asks for more).
const PAGE: usize = 50;

/// `CreateAlias`
pub(super) async fn create(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let (target, name) = named(call, members)?;
    let version = required(members, "FunctionVersion")?;
    // A function that is not there is missed as the version that the alias would point to.
    let pointed = Target { qualifier: Some(version.to_owned()), ..target.clone() };
    let alias = Alias {
        version: version.to_owned(),
        description: owned(members, "Description").unwrap_or_default(),
        additional: additional(members)?.flatten(),
        revision_id: Uuid::new_v4(),
    };
    let change = |record: &mut FunctionRecord| {
        check(&target, record, &alias)?;
        if record.aliases.contains_key(name) {
            let message = format!("Alias already exists: {}", target.arn());
            return Err(ApiError::new(ErrorKind::ResourceConflictException, message));
        }
        record.aliases.insert(name.to_owned(), alias.clone());
        Ok(())
    };
    edit(door, &target.key, || pointed.not_found(), change).await?;
    Ok(Answer::created(shape(&target.key, name, &alias)))
}

/// `GetAlias`
pub(super) async fn get(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let (target, name) = named(call, members)?;
    let record = find(door, &target).await?;
    let alias = record.aliases.get(name).ok_or_else(|| resolve::missing(&target))?;
    Ok(Answer::ok(shape(&target.key, name, alias)))
}

/// `UpdateAlias`. What is not given stays; the revision changes in any case.
pub(super) async fn update(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let (target, name) = named(call, members)?;
    let additional = additional(members)?;
    let change = |record: &mut FunctionRecord| {
        let mut alias = record.aliases.get(name).cloned().ok_or_else(|| {
            ApiError::new(ErrorKind::ResourceNotFoundException, format!("Alias not found: {}", target.arn()))
        })?;
        if text(members, "RevisionId").is_some_and(|revision| revision != alias.revision_id.to_string()) {
            return Err(ApiError::revision_mismatch());
        }
        alias.version = owned(members, "FunctionVersion").unwrap_or(alias.version);
        alias.description = owned(members, "Description").unwrap_or(alias.description);
        alias.additional = additional.clone().unwrap_or(alias.additional);
        alias.revision_id = Uuid::new_v4();
        check(&target, record, &alias)?;
        record.aliases.insert(name.to_owned(), alias.clone());
        Ok(alias)
    };
    let alias = edit(door, &target.key, || target.unqualified().not_found(), change).await?;
    Ok(Answer::ok(shape(&target.key, name, &alias)))
}

/// `DeleteAlias`. One that is not there is no error.
pub(super) async fn delete(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let (target, name) = named(call, members)?;
    let change = |record: &mut FunctionRecord| {
        record.aliases.remove(name);
        record.policies.remove(name);
        record.urls.remove(name);
        Ok(())
    };
    edit(door, &target.key, || target.unqualified().not_found(), change).await?;
    Ok(Answer::no_content())
}

/// `ListAliases`, by name, in pages; of one version only if the request names it.
pub(super) async fn list(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?.unqualified();
    let record = find(door, &target).await?;
    let limit = number(members, "MaxItems").unwrap_or(PAGE).clamp(1, PAGE);
    let marker = text(members, "Marker").filter(|marker| !marker.is_empty());
    let after = marker.map(|marker| parse_page_token(marker, ErrorKind::InvalidParameterValueException)).transpose()?;
    let from = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let wanted = text(members, "FunctionVersion");
    let mut found = record
        .aliases
        .range::<str, _>((from, Bound::Unbounded))
        .filter(|(_, alias)| wanted.is_none_or(|version| points_to(alias, version)));
    let page: Vec<_> = found.by_ref().take(limit).collect();
    let mut out = Map::new();
    if let Some((last, _)) = page.last().filter(|_| found.next().is_some()) {
        out.insert("NextMarker".to_owned(), Value::from(page_token(last)));
    }
    let entries = page.into_iter().map(|(name, alias)| shape(&target.key, name, alias));
    out.insert("Aliases".to_owned(), entries.collect());
    Ok(Answer::ok(Value::Object(out)))
}

/// The names of the aliases that send requests to a version.
pub(super) fn of_version<'a>(record: &'a FunctionRecord, version: &str) -> Vec<&'a str> {
    let pointing = record.aliases.iter().filter(|(_, alias)| points_to(alias, version));
    pointing.map(|(name, _)| name.as_str()).collect()
}

fn points_to(alias: &Alias, version: &str) -> bool {
    alias.version == version || alias.additional.as_ref().is_some_and(|additional| additional.version == version)
}

/// The function, with the alias as its qualifier; what else stands in the function's name means nothing.
fn named<'a>(call: &Call, members: &'a Members) -> Result<(Target, &'a str), ApiError> {
    let name = required(members, "Name")?;
    let target = Target { qualifier: Some(name.to_owned()), ..Target::of(&call.scope, members)? };
    Ok((target, name))
}

/// The second version of `RoutingConfig`; the outer `None` when the request has no such member, the inner one when it
/// says that there is none.
fn additional(members: &Members) -> Result<Option<Option<AdditionalVersion>>, ApiError> {
    let Some(routing) = object(members, "RoutingConfig") else { return Ok(None) };
    let Some(weights) = object(routing, "AdditionalVersionWeights") else { return Ok(Some(None)) };
    if weights.len() > 1 {
        let message = "Number of items in AdditionalVersionWeights cannot be greater than 1";
        return Err(ApiError::invalid_parameter(message));
    }
    let one = weights.iter().next();
    let second = one
        .and_then(|(version, weight)| Some(AdditionalVersion { version: version.clone(), weight: weight.as_f64()? }));
    Ok(Some(second))
}

/// Whether an alias can be as it would be.
fn check(target: &Target, record: &FunctionRecord, alias: &Alias) -> Result<(), ApiError> {
    let exists = |version: &str| {
        let found = version == LATEST || resolve::numbered(record, version).is_some();
        let missing = || Target { qualifier: Some(version.to_owned()), ..target.clone() }.not_found();
        found.then_some(()).ok_or_else(missing)
    };
    let Some(additional) = &alias.additional else { return exists(&alias.version) };
    let version = &alias.version;
    if version == LATEST {
        let message = "$LATEST is not supported for an alias pointing to more than 1 version";
        return Err(ApiError::invalid_parameter(message));
    }
    exists(version)?;
    if *version == additional.version {
        return Err(ApiError::invalid_parameter(format!(
            "Invalid function version {version}. \
             Function version {version} is already included in routing configuration."
        )));
    }
    exists(&additional.version)
}

fn shape(key: &FunctionKey, name: &str, alias: &Alias) -> Value {
    let mut out = json!({
        "AliasArn": format!("{}:{name}", key.arn()),
        "Name": name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    });
    if let (Some(additional), Some(out)) = (&alias.additional, out.as_object_mut()) {
        let weights = Map::from_iter([(additional.version.clone(), Value::from(additional.weight))]);
        out.insert("RoutingConfig".to_owned(), json!({ "AdditionalVersionWeights": weights }));
    }
    out
}
