//! Gives the members of a request their types: what is missing or unknown is left out, what has the wrong type is AWS's
//! `SerializationException`. Constraints are not looked at here.
//!
//! Values are moved, never copied: a deployment package is one string of 70 MB.

use super::Operation;
use super::shape::{Kind, Location, Payload, Shape};
use crate::payload;
use http::HeaderMap;
use serde_json::{Map, Number, Value};

/// The text of a `SerializationException`.
type Unreadable = String;

/// Members of a REST request: `members` of path and query, still as text, and those of headers and body.
pub(super) fn rest(
    operation: &Operation,
    mut members: Map<String, Value>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Map<String, Value>, Unreadable> {
    let in_body = |location: &Location| matches!(location, Location::Body);
    let has_body = operation.input.members().iter().any(|member| in_body(&member.location));
    let mut body = match operation.payload {
        Payload::Members if has_body => parse(body)?,
        Payload::Member(name) if !body.is_empty() => Map::from_iter([(name.to_owned(), any(body)?)]),
        Payload::Members | Payload::Member(_) | Payload::Opaque => Map::new(),
    };
    let mut result = Map::new();
    for member in operation.input.members() {
        let value = match member.location {
            Location::Body => body.remove(member.name).map(|value| typed(member.shape, value)),
            Location::Label(_) | Location::Query(_) => {
                members.remove(member.name).map(|value| from_text(member.shape, value))
            }
            Location::Header(name) => headers.get(name).map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                from_text(member.shape, Value::String(text))
            }),
        };
        insert(&mut result, member.name, value.transpose()?);
    }
    Ok(result)
}

/// Members of a JSON 1.1 request.
pub(super) fn json(operation: &Operation, body: &[u8]) -> Result<Map<String, Value>, Unreadable> {
    structure(operation.input, parse(body)?)
}

/// The object that a body is; none at all is an empty one.
fn parse(body: &[u8]) -> Result<Map<String, Value>, Unreadable> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match any(body)? {
        Value::Object(members) => Ok(members),
        other => Err(misplaced(&other)),
    }
}

fn any(body: &[u8]) -> Result<Value, Unreadable> {
    serde_json::from_slice(body).map_err(|error| {
        let reason = payload::scan(body).err().map_or_else(|| error.to_string(), |error| error.to_string());
        format!("Could not parse request body into json: {reason}")
    })
}

fn insert(members: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value.filter(|value| !value.is_null()) {
        members.insert(name.to_owned(), value);
    }
}

fn structure(shape: &Shape, mut given: Map<String, Value>) -> Result<Map<String, Value>, Unreadable> {
    let mut result = Map::new();
    for member in shape.members() {
        let value = given.remove(member.name).map(|value| typed(member.shape, value));
        insert(&mut result, member.name, value.transpose()?);
    }
    Ok(result)
}

/// A value of the body. `null` stays: what it means depends on where it stands.
fn typed(shape: &Shape, value: Value) -> Result<Value, Unreadable> {
    match (&shape.kind, value) {
        (_, Value::Null) => Ok(Value::Null),
        (Kind::Structure(_), Value::Object(given)) => Ok(Value::Object(structure(shape, given)?)),
        (Kind::List(element), Value::Array(given)) => given.into_iter().map(|value| typed(element, value)).collect(),
        (Kind::Map(_, element), Value::Object(given)) => {
            let pairs = given.into_iter().map(|(key, value)| Ok((key, typed(element, value)?)));
            Ok(Value::Object(pairs.collect::<Result<_, Unreadable>>()?))
        }
        (Kind::Text(_) | Kind::Blob, value @ Value::String(_))
        | (Kind::Boolean, value @ Value::Bool(_))
        | (Kind::Double | Kind::Timestamp, value @ Value::Number(_)) => Ok(value),
        (Kind::Integer | Kind::Long, Value::Number(number)) => Ok(Value::Number(whole(number))),
        (Kind::Structure(_) | Kind::List(_) | Kind::Map(..), value) => Err(misplaced(&value)),
        (_, value @ (Value::Array(_) | Value::Object(_))) => Err(misplaced(&value)),
        (kind, value) => Err(format!("{} can not be converted to {}", token(&value), name(kind))),
    }
}

/// A value of path, query or header, which are text.
fn from_text(shape: &Shape, value: Value) -> Result<Value, Unreadable> {
    let text = match (&shape.kind, value) {
        (Kind::List(element), Value::Array(given)) => {
            return given.into_iter().map(|value| from_text(element, value)).collect();
        }
        (_, Value::String(text)) => text,
        (_, value) => return Err(misplaced(&value)),
    };
    let value = match shape.kind {
        Kind::Integer | Kind::Long => text.parse::<i64>().ok().map(Value::from),
        Kind::Double => text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number),
        Kind::Boolean => text.to_ascii_lowercase().parse::<bool>().ok().map(Value::Bool),
        Kind::Structure(_) | Kind::List(_) | Kind::Map(..) => None,
        Kind::Text(_) | Kind::Timestamp | Kind::Blob => Some(Value::String(text)),
    };
    value.ok_or_else(|| format!("STRING_VALUE can not be converted to {}", name(&shape.kind)))
}

/// Fractions are cut off, as AWS does; what no `i64` holds is brought to its end and fails on its range.
fn whole(number: Number) -> Number {
    if number.is_i64() {
        return number;
    }
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is what is meant")]
    let truncated = number.as_f64().unwrap_or_default() as i64;
    Number::from(truncated)
}

/// A value where its kind cannot stand.
fn misplaced(value: &Value) -> Unreadable {
    match value {
        Value::Array(_) => "Start of list found where not expected".to_owned(),
        Value::Object(_) => "Start of structure or map found where not expected.".to_owned(),
        _ => "Unexpected value type in payload".to_owned(),
    }
}

/// AWS's name of a JSON value.
fn token(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "ARRAY_VALUE",
        Value::Object(_) => "OBJECT_VALUE",
    }
}

/// AWS's name of a scalar kind, with its article.
fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text(_) => "a String",
        Kind::Integer => "an Integer",
        Kind::Long => "a Long",
        Kind::Double => "a Double",
        Kind::Boolean => "a Boolean",
        Kind::Timestamp => "a Timestamp",
        Kind::Blob => "a Blob",
        Kind::Structure(_) => "a Structure",
        Kind::List(_) => "a List",
        Kind::Map(..) => "a Map",
    }
}
