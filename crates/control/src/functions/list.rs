//! `ListFunctions` and `ListVersionsByFunction`, in pages.

use super::get::find;
use super::internal;
use super::shape::{View, configuration};
use super::target::LATEST;
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::{Members, number, page_token, parse_page_token, text};
use hearth_api::error::{ApiError, ErrorKind};
use serde_json::{Map, Value, json};

/// Most functions on one page (documented: 50, also when the request asks for more).
const PAGE: usize = 50;

/// The functions of account and region by name. `FunctionVersion=ALL` lists their versions too: `$LATEST` of each.
pub(super) async fn functions(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let limit = number(members, "MaxItems").unwrap_or(PAGE).clamp(1, PAGE);
    let marker = text(members, "Marker").filter(|marker| !marker.is_empty());
    let after = marker.map(|marker| parse_page_token(marker, ErrorKind::InvalidParameterValueException)).transpose()?;
    let qualifier = text(members, "FunctionVersion").map(|_all| LATEST);
    // One more than fits tells whether there is another page.
    let found = door.stores.functions.list(&call.scope, after.as_deref(), limit + 1).await.map_err(internal)?;
    let page: Vec<_> = found.iter().take(limit).collect();
    let entries: Vec<Value> = page.iter().map(|record| configuration(&record.latest, qualifier, View::Entry)).collect();
    let mut out = Map::new();
    if let Some(last) = page.last().filter(|_| found.len() > limit) {
        out.insert("NextMarker".to_owned(), Value::from(page_token(&last.latest.key.name)));
    }
    out.insert("Functions".to_owned(), Value::from(entries));
    Ok(Answer::ok(Value::Object(out)))
}

/// The versions of one function. There is one as long as none can be published.
pub(super) async fn versions(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let (_target, record) = find(door, call, members).await?;
    Ok(Answer::ok(json!({ "Versions": [configuration(&record.latest, Some(LATEST), View::Entry)] })))
}
