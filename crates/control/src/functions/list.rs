//! `ListFunctions` and `ListVersionsByFunction`, in pages.

use super::shape::{View, configuration};
use super::target::Target;
use super::{find, internal};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::{Members, number, page_token, parse_page_token, text};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_api::function::{FunctionKey, FunctionVersion};
use hearth_store::FunctionRecord;
use serde_json::{Map, Value};
use std::ops::Bound;
use std::sync::Arc;

/// Most entries on one page (documented: 50, also when the request asks for more).
const PAGE: usize = 50;

/// Where a page begins: after that version of that function. Version 0 is `$LATEST`; `None`: after all of them.
struct Marker {
    name: String,
    version: Option<u32>,
}

/// The functions of account and region by name. `FunctionVersion=ALL` lists `$LATEST` and the versions of each.
pub(super) async fn functions(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let all = text(members, "FunctionVersion").is_some();
    let (limit, after) = (limit(members), marker(members)?);
    let mut entries: Vec<(Marker, Arc<FunctionVersion>)> = Vec::new();
    if let Some(Marker { name, version: Some(version) }) = &after {
        let key = FunctionKey { scope: call.scope.clone(), name: name.clone() };
        if let Some(record) = door.record(&key).await? {
            entries.extend(versions_after(&record, *version));
        }
    }
    // One more than fits tells whether there is another page.
    let after = after.map(|marker| marker.name);
    let found = door.stores.functions.list(&call.scope, after.as_deref(), limit + 1).await.map_err(internal)?;
    for record in found {
        let marker = Marker { name: record.latest.key.name.clone(), version: all.then_some(0) };
        entries.push((marker, Arc::clone(&record.latest)));
        if all {
            entries.extend(versions_after(&record, 0));
        }
    }
    Ok(page("Functions", entries, limit, all))
}

/// `$LATEST` and the published versions of one function.
pub(super) async fn versions(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let record = find(door, &Target::of(&call.scope, members)?).await?;
    let after = marker(members)?.and_then(|marker| marker.version);
    let name = record.latest.key.name.clone();
    let latest = after.is_none().then(|| (Marker { name, version: Some(0) }, Arc::clone(&record.latest)));
    let entries = latest.into_iter().chain(versions_after(&record, after.unwrap_or(0))).collect();
    Ok(page("Versions", entries, limit(members), true))
}

fn versions_after(record: &FunctionRecord, version: u32) -> impl Iterator<Item = (Marker, Arc<FunctionVersion>)> {
    let after = record.versions.range((Bound::Excluded(version), Bound::Unbounded));
    after.map(|(number, version)| {
        (Marker { name: version.key.name.clone(), version: Some(*number) }, Arc::clone(version))
    })
}

fn limit(members: &Members) -> usize {
    number(members, "MaxItems").unwrap_or(PAGE).clamp(1, PAGE)
}

fn page(name: &str, entries: Vec<(Marker, Arc<FunctionVersion>)>, limit: usize, qualified: bool) -> Answer {
    let more = entries.len() > limit;
    let entries: Vec<_> = entries.into_iter().take(limit).collect();
    let mut out = Map::new();
    if let Some((last, _)) = entries.last().filter(|_| more) {
        out.insert("NextMarker".to_owned(), Value::from(last.token()));
    }
    let shown = entries.iter().map(|(_, version)| {
        let qualifier = qualified.then_some(version.version.as_str());
        configuration(version, qualifier, View::Entry)
    });
    out.insert(name.to_owned(), shown.collect());
    Answer::ok(Value::Object(out))
}

fn marker(members: &Members) -> Result<Option<Marker>, ApiError> {
    let Some(token) = text(members, "Marker").filter(|token| !token.is_empty()) else { return Ok(None) };
    let text = parse_page_token(token, ErrorKind::InvalidParameterValueException)?;
    let (name, version) = text.split_once(':').map_or((text.as_str(), None), |(name, version)| (name, Some(version)));
    Ok(Some(Marker { name: name.to_owned(), version: version.and_then(|version| version.parse().ok()) }))
}

impl Marker {
    fn token(&self) -> String {
        match self.version {
            Some(version) => page_token(&format!("{}:{version}", self.name)),
            None => page_token(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::target::LATEST;
    use crate::testing::{record, version};
    use serde_json::json;

    fn with_versions(numbers: &[u32]) -> FunctionRecord {
        let mut record = record(version("f"));
        for number in numbers {
            let version = FunctionVersion { version: number.to_string(), ..version("f") };
            record.versions.insert(*number, Arc::new(version));
        }
        record
    }

    #[test]
    fn pages_go_on_where_the_last_one_ended() {
        let record = with_versions(&[1, 2, 10]);
        let all = || [(Marker { name: "f".to_owned(), version: Some(0) }, Arc::clone(&record.latest))];
        let first = page("Versions", all().into_iter().chain(versions_after(&record, 0)).collect(), 3, true);
        let first = first.body.expect("body");
        let shown = first["Versions"].as_array().expect("list").iter().map(|it| it["Version"].clone());
        assert_eq!(shown.collect::<Vec<_>>(), [LATEST, "1", "2"]);
        let members = json!({ "Marker": first["NextMarker"] });
        let after = marker(members.as_object().expect("object")).expect("ours").expect("given");
        let rest: Vec<_> = versions_after(&record, after.version.expect("a version")).collect();
        assert_eq!(rest.iter().map(|(_, version)| version.version.as_str()).collect::<Vec<_>>(), ["10"]);
        assert!(page("Versions", rest, 1, true).body.expect("body").get("NextMarker").is_none());
    }
}
