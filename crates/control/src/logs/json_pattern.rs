//! JSON filter patterns: `{ ($.level = "ERROR" || $.code >= 500) && $.user.name != "test*" }`.
//!
//! Understood: selectors of members and of places in arrays, `=` and `!=` with strings (in which `*` stands for
//! anything) and numbers, `<`, `<=`, `>`, `>=` with numbers, `IS NULL`, `IS TRUE`, `IS FALSE`, `NOT EXISTS`, `&&`, `||`,
//! parentheses. A comparison with a member that is not there is false, also `!=`.

use super::invalid;
use hearth_api::error::ApiError;
use serde_json::Value;

/// Deepest nesting of parentheses (ours): the parser and the matcher recurse.
const DEPTH: usize = 32;

/// A condition on an event that is a JSON object; other events never match.
#[derive(Debug)]
pub(super) struct JsonPattern(Condition);

#[derive(Debug)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Test(Vec<Step>, Test),
}

#[derive(Debug)]
enum Step {
    Member(String),
    Place(usize),
}

#[derive(Debug)]
enum Test {
    Text { equal: bool, wanted: String },
    Number(Order, f64),
    Is(Value),
    NotExists,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPattern {
    /// Reads a pattern with its braces.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let mut parser = Parser { rest: inner.ok_or_else(|| invalid("Unbalanced braces in the filter pattern"))? };
        let condition = parser.any(0)?;
        parser.space();
        if parser.rest.is_empty() { Ok(Self(condition)) } else { Err(parser.unexpected()) }
    }

    /// Whether a message is JSON that fulfils the condition.
    pub(super) fn matches(&self, message: &str) -> bool {
        serde_json::from_str::<Value>(message).is_ok_and(|event| event.is_object() && self.0.holds(&event))
    }
}

impl Condition {
    fn holds(&self, event: &Value) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(event)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(event)),
            Self::Test(steps, test) => test.holds(steps.iter().try_fold(event, |value, step| match step {
                Step::Member(name) => value.get(name),
                Step::Place(place) => value.get(place),
            })),
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::NotExists, value) => value.is_none(),
            (_, None) => false,
            (Self::Text { equal, wanted }, Some(value)) => {
                let matches = match value {
                    Value::String(text) => wildcard(wanted, text),
                    Value::Number(_) | Value::Bool(_) => wildcard(wanted, &value.to_string()),
                    Value::Null | Value::Array(_) | Value::Object(_) => return false,
                };
                matches == *equal
            }
            (Self::Number(order, wanted), Some(value)) => {
                value.as_f64().is_some_and(|value| order.holds(value, *wanted))
            }
            (Self::Is(wanted), Some(value)) => value == wanted,
        }
    }
}

impl Order {
    #[expect(clippy::float_cmp, reason = "the pattern asks for equality of what is written")]
    fn holds(self, value: f64, wanted: f64) -> bool {
        match self {
            Self::Equal => value == wanted,
            Self::NotEqual => value != wanted,
            Self::Less => value < wanted,
            Self::LessOrEqual => value <= wanted,
            Self::Greater => value > wanted,
            Self::GreaterOrEqual => value >= wanted,
        }
    }
}

/// `*` stands for anything, also nothing.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn any(&mut self, depth: usize) -> Result<Condition, ApiError> {
        self.list(depth, "||", Self::all, Condition::Any)
    }

    fn all(&mut self, depth: usize) -> Result<Condition, ApiError> {
        self.list(depth, "&&", Self::one, Condition::All)
    }

    fn list(
        &mut self,
        depth: usize,
        between: &str,
        element: fn(&mut Self, usize) -> Result<Condition, ApiError>,
        joined: fn(Vec<Condition>) -> Condition,
    ) -> Result<Condition, ApiError> {
        let mut conditions = vec![element(self, depth)?];
        while self.eat(between) {
            conditions.push(element(self, depth)?);
        }
        Ok(joined(conditions))
    }

    fn one(&mut self, depth: usize) -> Result<Condition, ApiError> {
        if depth > DEPTH {
            return Err(invalid("The filter pattern is nested too deeply"));
        }
        if self.eat("(") {
            let inner = self.any(depth + 1)?;
            return if self.eat(")") { Ok(inner) } else { Err(self.unexpected()) };
        }
        Ok(Condition::Test(self.selector()?, self.test()?))
    }

    /// `$.member[3]['other member']`
    fn selector(&mut self) -> Result<Vec<Step>, ApiError> {
        if !self.eat("$") {
            return Err(self.unexpected());
        }
        let mut steps = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                let name = self.word(|letter| letter.is_alphanumeric() || "_-@#".contains(letter));
                if name.is_empty() {
                    return Err(self.unexpected());
                }
                steps.push(Step::Member(name));
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                self.rest = rest;
                let inner = self.word(|letter| letter != ']');
                self.rest = self.rest.strip_prefix(']').ok_or_else(|| self.unexpected())?;
                let quoted = inner.trim().trim_matches(['\'', '"']);
                steps.push(match quoted.parse() {
                    Ok(place) if quoted.len() == inner.trim().len() => Step::Place(place),
                    _ => Step::Member(quoted.to_owned()),
                });
            } else {
                return Ok(steps);
            }
        }
    }

    fn test(&mut self) -> Result<Test, ApiError> {
        for (words, wanted) in [("NULL", Value::Null), ("TRUE", Value::Bool(true)), ("FALSE", Value::Bool(false))] {
            let before = self.rest;
            if self.eat("IS") && self.eat(words) {
                return Ok(Test::Is(wanted));
            }
            self.rest = before;
        }
        if self.eat("NOT") {
            return if self.eat("EXISTS") { Ok(Test::NotExists) } else { Err(self.unexpected()) };
        }
        let orders = [
            ("!=", Order::NotEqual),
            ("<=", Order::LessOrEqual),
            (">=", Order::GreaterOrEqual),
            ("=", Order::Equal),
            ("<", Order::Less),
            (">", Order::Greater),
        ];
        let order = orders.into_iter().find(|(sign, _)| self.eat(sign)).map(|(_, order)| order);
        let order = order.ok_or_else(|| self.unexpected())?;
        self.value(order)
    }

    /// A number, or text with or without quotes; text knows equality only.
    fn value(&mut self, order: Order) -> Result<Test, ApiError> {
        self.space();
        let wanted = if let Some(quoted) = self.rest.strip_prefix('"') {
            let (text, rest) = quoted.split_once('"').ok_or_else(|| self.unexpected())?;
            self.rest = rest;
            text.to_owned()
        } else {
            let word = self.word(|letter| !letter.is_whitespace() && !"&|()".contains(letter));
            if let Ok(number) = word.parse() {
                return Ok(Test::Number(order, number));
            }
            word
        };
        match order {
            Order::Equal if !wanted.is_empty() => Ok(Test::Text { equal: true, wanted }),
            Order::NotEqual if !wanted.is_empty() => Ok(Test::Text { equal: false, wanted }),
            Order::Equal
            | Order::NotEqual
            | Order::Less
            | Order::LessOrEqual
            | Order::Greater
            | Order::GreaterOrEqual => Err(self.unexpected()),
        }
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|letter| !belongs(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, text: &str) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn unexpected(&self) -> ApiError {
        let near: String = self.rest.chars().take(20).collect();
        invalid(format!("Invalid filter pattern near '{near}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str) -> bool {
        let event = r#"{"level":"ERROR","code":503,"ok":true,"none":null,"user":{"name":"tester"},"list":[{"x":"y"}]}"#;
        JsonPattern::parse(pattern).expect(pattern).matches(event)
    }

    #[test]
    fn comparisons() {
        for yes in [
            r#"{ $.level = "ERROR" }"#,
            "{$.level=ERROR}",
            r#"{ $.level != "INFO" }"#,
            "{ $.code = 503 }",
            "{ $.code >= 500 && $.code < 600 }",
            "{ $.code = 5* }",
            r#"{ $.user.name = "te*er" }"#,
            r#"{ $.list[0].x = "y" }"#,
            r#"{ $["level"] = "ERROR" }"#,
            "{ $.none IS NULL && $.ok IS TRUE }",
            "{ $.missing NOT EXISTS }",
            r#"{ ($.level = "INFO" || $.code > 1) && $.ok IS TRUE }"#,
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            r#"{ $.level = "ERR" }"#,
            r#"{ $.missing != "x" }"#,
            "{ $.code > 503 }",
            "{ $.ok IS FALSE }",
            r#"{ $.level = "INFO" || $.code < 1 && $.ok IS TRUE }"#,
        ] {
            assert!(!matches(no), "{no}");
        }
    }

    #[test]
    fn what_is_not_json_never_matches() {
        assert!(!JsonPattern::parse("{ $.a NOT EXISTS }").expect("pattern").matches("plain text"));
    }

    #[test]
    fn nonsense_is_refused_and_depth_is_bounded() {
        let deep = format!("{{ {}$.a = 1{} }}", "(".repeat(1000), ")".repeat(1000));
        for pattern in ["{}", "{ $.a }", "{ $.a = }", "{ a = 1 }", "{ $.a = 1", "{ $.a = 1 & }", "{ $. = 1 }", &deep] {
            assert!(JsonPattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
