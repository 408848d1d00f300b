//! Checks the members of a request against the model's constraints and says what is wrong in AWS's words.
//!
//! Every failure is found, in the order of the model. A value that is wrong in two ways makes two failures; a list or map
//! of scalars makes one, which names all constraints of its elements.

use super::pattern::Pattern;
use super::shape::{Kind, Shape};
use serde_json::{Map, Value};

/// Most failures that are told, and most characters of a value in one (ours: an answer must stay small whatever the
/// request holds).
const FAILURES_MAX: usize = 64;
const VALUE_MAX: usize = 16_384;

/// What is wrong with a request, each as `Value 'x' at 'y' failed to satisfy constraint: …`.
pub(super) fn failures(input: &Shape, members: &Map<String, Value>) -> Vec<String> {
    let mut found = Found { failures: Vec::new() };
    found.structure(input, members, "");
    found.failures
}

struct Found {
    failures: Vec<String>,
}

impl Found {
    fn structure(&mut self, shape: &Shape, given: &Map<String, Value>, path: &str) {
        for member in shape.members() {
            let path = if path.is_empty() { lower(member.name) } else { format!("{path}.{}", lower(member.name)) };
            match given.get(member.name) {
                Some(value) => self.value(member.shape, value, &path),
                None if member.required => {
                    self.failures.push(format!("Value null at '{path}' {FAILED}: {NOT_NULL}"));
                }
                None => {}
            }
        }
    }

    fn value(&mut self, shape: &Shape, value: &Value, path: &str) {
        for constraint in constraints(shape) {
            if !constraint.holds(value) {
                self.failed(shape, value, path, &constraint.text());
            }
        }
        match (&shape.kind, value) {
            (Kind::Structure(_), Value::Object(given)) => self.structure(shape, given, path),
            (Kind::List(element), Value::Array(given)) if is_scalar(element) => {
                let rules = constraints(element);
                let text = match shape.bare {
                    true => texts(&rules).join(", "),
                    false => format!("Member must satisfy constraint: [{}]", element_text(element, &rules)),
                };
                self.all(given.iter().all(|value| all_hold(&rules, value)), shape, value, path, &text);
            }
            (Kind::List(element), Value::Array(given)) => {
                for (position, value) in (1..).zip(given) {
                    self.element(element, value, &format!("{path}.{position}.member"));
                }
            }
            (Kind::Map(key, element), Value::Object(given)) => {
                let rules = constraints(key);
                let text = format!("Map keys must satisfy constraint: [{}]", element_text(key, &rules));
                let hold = given.keys().all(|name| rules.iter().all(|rule| rule.holds_for(name)));
                self.all(hold, shape, value, path, &text);
                if is_scalar(element) {
                    let rules = constraints(element);
                    let text = format!("Map value must satisfy constraint: [{}]", element_text(element, &rules));
                    self.all(given.values().all(|value| all_hold(&rules, value)), shape, value, path, &text);
                } else {
                    for (name, value) in given {
                        self.element(element, value, &format!("{path}.{name}.member"));
                    }
                }
            }
            _ => {}
        }
    }

    /// An element that is no scalar.
    fn element(&mut self, shape: &Shape, value: &Value, path: &str) {
        if self.failures.len() >= FAILURES_MAX {
            return;
        }
        if value.is_null() {
            self.failures.push(format!("Value null at '{path}' {FAILED}: {NOT_NULL}"));
        } else {
            self.value(shape, value, path);
        }
    }

    /// One failure for all the elements together, unless they hold.
    fn all(&mut self, hold: bool, shape: &Shape, value: &Value, path: &str, constraint: &str) {
        if !hold {
            self.failed(shape, value, path, constraint);
        }
    }

    fn failed(&mut self, shape: &Shape, value: &Value, path: &str, constraint: &str) {
        let mut failure = String::from("Value ");
        if !is_sensitive(shape) {
            failure.push('\'');
            print(shape, value, &mut failure);
            failure.push_str("' ");
        }
        failure.push_str("at '");
        failure.push_str(path);
        failure.push_str("' ");
        failure.push_str(FAILED);
        failure.push_str(": ");
        failure.push_str(constraint);
        self.failures.push(failure);
    }
}

const FAILED: &str = "failed to satisfy constraint";
const NOT_NULL: &str = "Member must not be null";

/// One thing that must hold for a value, in the order in which AWS prints them.
enum Constraint {
    LengthAtMost(i64),
    LengthAtLeast(i64),
    ValueAtMost(i64, Print),
    ValueAtLeast(i64, Print),
    Matches(&'static Pattern),
    OneOf(&'static [&'static str]),
}

/// How a number is printed.
#[derive(Clone, Copy)]
enum Print {
    Whole,
    Fraction,
}

fn constraints(shape: &Shape) -> Vec<Constraint> {
    let mut all = Vec::new();
    match shape.kind {
        Kind::Integer | Kind::Long | Kind::Double => {
            let print = if matches!(shape.kind, Kind::Double) { Print::Fraction } else { Print::Whole };
            // An integer of the model is a Java int: beyond that the range is at fault, even if the model names none.
            let (least, most) = match shape.kind {
                Kind::Integer => (shape.min, shape.max.or(Some(i64::from(i32::MAX)))),
                _ => (shape.min, shape.max),
            };
            all.extend(most.map(|most| Constraint::ValueAtMost(most, print)));
            all.extend(least.map(|least| Constraint::ValueAtLeast(least, print)));
        }
        _ => {
            all.extend(shape.max.map(Constraint::LengthAtMost));
            all.extend(shape.min.map(Constraint::LengthAtLeast));
        }
    }
    all.extend(shape.pattern.map(Constraint::Matches));
    if let Kind::Text(values @ [_, ..]) = shape.kind {
        all.push(Constraint::OneOf(values));
    }
    all
}

impl Constraint {
    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::String(text)) => self.holds_for(text),
            (Self::LengthAtMost(most), Value::Array(list)) => length(list.len()) <= *most,
            (Self::LengthAtLeast(least), Value::Array(list)) => length(list.len()) >= *least,
            (Self::LengthAtMost(most), Value::Object(map)) => length(map.len()) <= *most,
            (Self::LengthAtLeast(least), Value::Object(map)) => length(map.len()) >= *least,
            (Self::ValueAtMost(most, _), Value::Number(number)) => match number.as_i64() {
                Some(number) => number <= *most,
                None => number.as_f64().is_some_and(|number| number <= as_f64(*most)),
            },
            (Self::ValueAtLeast(least, _), Value::Number(number)) => match number.as_i64() {
                Some(number) => number >= *least,
                None => number.as_f64().is_some_and(|number| number >= as_f64(*least)),
            },
            // Types have been checked before.
            _ => true,
        }
    }

    fn holds_for(&self, text: &str) -> bool {
        match self {
            // Java counts UTF-16 units.
            Self::LengthAtMost(most) => length(text.encode_utf16().count()) <= *most,
            Self::LengthAtLeast(least) => length(text.encode_utf16().count()) >= *least,
            Self::Matches(pattern) => pattern.matches(text),
            Self::OneOf(values) => values.contains(&text),
            Self::ValueAtMost(..) | Self::ValueAtLeast(..) => true,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::LengthAtMost(most) => format!("Member must have length less than or equal to {most}"),
            Self::LengthAtLeast(least) => format!("Member must have length greater than or equal to {least}"),
            Self::ValueAtMost(most, Print::Whole) => format!("Member must have value less than or equal to {most}"),
            Self::ValueAtMost(most, Print::Fraction) => {
                format!("Member must have value less than or equal to {most}.0")
            }
            Self::ValueAtLeast(least, Print::Whole) => {
                format!("Member must have value greater than or equal to {least}")
            }
            Self::ValueAtLeast(least, Print::Fraction) => {
                format!("Member must have value greater than or equal to {least}.0")
            }
            Self::Matches(pattern) => format!("Member must satisfy regular expression pattern: {}", pattern.text),
            Self::OneOf(values) => format!("Member must satisfy enum value set: [{}]", values.join(", ")),
        }
    }
}

fn all_hold(rules: &[Constraint], value: &Value) -> bool {
    !value.is_null() && rules.iter().all(|rule| rule.holds(value))
}

fn texts(rules: &[Constraint]) -> Vec<String> {
    rules.iter().map(Constraint::text).collect()
}

/// All constraints of an element, as AWS lists them when one is broken.
fn element_text(element: &Shape, rules: &[Constraint]) -> String {
    let mut texts = texts(rules);
    if element.not_null || texts.is_empty() {
        texts.push(NOT_NULL.to_owned());
    }
    texts.join(", ")
}

fn is_scalar(shape: &Shape) -> bool {
    !matches!(shape.kind, Kind::Structure(_) | Kind::List(_) | Kind::Map(..))
}

fn is_sensitive(shape: &Shape) -> bool {
    let part = match shape.kind {
        Kind::List(element) => element.sensitive,
        Kind::Map(key, element) => key.sensitive || element.sensitive,
        _ => false,
    };
    shape.sensitive || part
}

/// Java's `toString` of a value.
fn print(shape: &Shape, value: &Value, out: &mut String) {
    if out.len() > VALUE_MAX {
        return;
    }
    match (&shape.kind, value) {
        (_, Value::String(text)) => match text.char_indices().nth(VALUE_MAX) {
            Some((end, _)) => out.extend(text.get(..end).into_iter().chain(["..."])),
            None => out.push_str(text),
        },
        (Kind::List(element), Value::Array(list)) => {
            surrounded(out, ['[', ']'], list.iter(), |value, out| print(element, value, out));
        }
        (Kind::Map(_, element), Value::Object(map)) => {
            surrounded(out, ['{', '}'], map.iter(), |(key, value), out| {
                out.push_str(key);
                out.push('=');
                print(element, value, out);
            });
        }
        (Kind::Double, Value::Number(number)) if number.is_i64() => out.push_str(&format!("{number}.0")),
        (_, value) => out.push_str(&value.to_string()),
    }
}

fn surrounded<T>(
    out: &mut String,
    ends: [char; 2],
    items: impl Iterator<Item = T>,
    mut one: impl FnMut(T, &mut String),
) {
    let [open, close] = ends;
    out.push(open);
    for (position, item) in items.enumerate() {
        if out.len() > VALUE_MAX {
            out.push_str(", ...");
            break;
        }
        if position > 0 {
            out.push_str(", ");
        }
        one(item, out);
    }
    out.push(close);
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "bounds of the model are small whole numbers")]
fn as_f64(bound: i64) -> f64 {
    bound as f64
}

/// AWS names members as Java fields: with a small first letter.
fn lower(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(characters).collect()
}
