//! Which operation a request to Lambda's REST API is for: by method, path and the queries that tell operations apart.
//!
//! The path is cut into segments before it is decoded, so that an encoded `/` or `:` stays inside its segment.

use super::shape::{Kind, Location};
use super::{Operation, Routed};
use crate::error::ApiError;
use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// One piece of an operation's path.
pub(super) enum Segment {
    /// Exactly this.
    Literal(&'static str),
    /// A member of this name.
    Label(&'static str),
}

/// See [`super::route_lambda`].
pub(super) fn route(
    operations: &'static [Operation],
    method: &Method,
    raw_path: &str,
    raw_query: Option<&str>,
) -> Result<Routed, ApiError> {
    // SDKs differ in whether `/functions/` ends in a slash; AWS takes both, but no empty segment anywhere else.
    let path = raw_path.strip_prefix('/').unwrap_or(raw_path);
    let segments = || path.strip_suffix('/').unwrap_or(path).split('/');
    let query: Vec<(String, String)> = raw_query.map(pairs).unwrap_or_default();
    let best = operations
        .iter()
        .filter(|operation| operation.method == method.as_str())
        .filter(|operation| fits(operation, segments(), &query))
        // An operation that also claims a literal of path or query is the more specific one.
        .max_by_key(|operation| (operation.literals(), operation.query.len()));
    match best {
        Some(operation) => Ok(Routed { operation, members: members(operation, segments(), query) }),
        // AWS's front does not say that a path is unknown: it does not know what to authorise.
        None => Err(ApiError::access_denied("Unable to determine service/operation name to be authorized")),
    }
}

impl Operation {
    fn literals(&self) -> usize {
        self.path.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count()
    }
}

fn fits<'a>(operation: &Operation, mut segments: impl Iterator<Item = &'a str>, query: &[(String, String)]) -> bool {
    let path_fits = operation.path.iter().all(|expected| match (expected, segments.next()) {
        (Segment::Literal(literal), Some(segment)) => *literal == segment,
        (Segment::Label(_), Some(segment)) => !segment.is_empty(),
        (_, None) => false,
    });
    let given = |(name, value): &(&str, &str)| query.iter().any(|(key, text)| key == name && text == value);
    path_fits && segments.next().is_none() && operation.query.iter().all(given)
}

/// What path and query say about members, still as text: [`Routed::decode`] gives them their types.
fn members<'a>(
    operation: &Operation,
    segments: impl Iterator<Item = &'a str>,
    query: Vec<(String, String)>,
) -> Map<String, Value> {
    let mut members = Map::new();
    let labels = operation.path.iter().zip(segments).filter_map(|(expected, segment)| match expected {
        Segment::Label(label) => Some((*label, decoded(segment))),
        Segment::Literal(_) => None,
    });
    let labels: Vec<(&str, String)> = labels.collect();
    for member in operation.input.members() {
        match member.location {
            Location::Label(name) => {
                if let Some((_, text)) = labels.iter().find(|(label, _)| *label == name) {
                    members.insert(member.name.to_owned(), Value::from(text.as_str()));
                }
            }
            Location::Query(name) => {
                let mut given = query.iter().filter(|(key, _)| key == name).map(|(_, text)| Value::from(text.as_str()));
                let value = match member.shape.kind {
                    Kind::List(_) => Some(Value::Array(given.collect())).filter(|list| list != &Value::Array(vec![])),
                    _ => given.next(),
                };
                members.extend(value.map(|value| (member.name.to_owned(), value)));
            }
            Location::Body | Location::Header(_) => {}
        }
    }
    members
}

fn pairs(raw_query: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let text = |part: &str| decoded(&part.replace('+', " "));
        (text(key), text(value))
    };
    raw_query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

/// What is no UTF-8 becomes U+FFFD, which no pattern of a name lets through; a broken escape stays as it is.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
