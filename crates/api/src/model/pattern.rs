//! The model's regular expressions, which are Java's: translated, anchored and compiled when first used.

use fancy_regex::Regex;
use std::sync::OnceLock;

/// A regular expression of the model; a value must match it from end to end.
#[derive(Debug)]
pub(super) struct Pattern {
    /// As the model writes it and as errors print it.
    pub(super) text: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    /// Whether the whole value matches. A pattern that does not compile matches nothing (a test compiles all), and so
    /// does a value on which backtracking gives up.
    pub(super) fn matches(&self, value: &str) -> bool {
        self.compiled().is_some_and(|regex| regex.is_match(value).unwrap_or(false))
    }

    fn compiled(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&translate(self.text)).ok()).as_ref()
    }

    #[cfg(test)]
    pub(super) fn compiles(&self) -> bool {
        self.compiled().is_some()
    }
}

/// Java's `\d`, `\s` and `\w` know ASCII only, and `matches` anchors both ends.
fn translate(java: &str) -> String {
    let mut rust = String::from(r"\A(?:");
    let mut in_class = false;
    let mut characters = java.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let escaped = characters.next();
                let ascii = match escaped {
                    Some('d') => "0-9",
                    Some('s') => r" \t\n\x0B\f\r",
                    Some('w') => "a-zA-Z0-9_",
                    other => {
                        rust.push('\\');
                        rust.extend(other);
                        continue;
                    }
                };
                rust.push_str(&if in_class { ascii.to_owned() } else { format!("[{ascii}]") });
            }
            '[' | ']' => {
                in_class = character == '[';
                rust.push(character);
            }
            _ => rust.push(character),
        }
    }
    rust.push_str(r")\z");
    rust
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ascii_inside_brackets_and_outside() {
        assert_eq!(translate(r"\d{12}[^\s]+\."), r"\A(?:[0-9]{12}[^ \t\n\x0B\f\r]+\.)\z");
        let digits = Pattern::new(r"\d+");
        assert!(digits.matches("12"));
        for wrong in ["", "1a", "a1", "١٢", "12\n"] {
            assert!(!digits.matches(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn both_sides_of_an_alternative_are_anchored() {
        let pattern = Pattern::new(r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+");
        for right in ["$LATEST", "$LATEST.PUBLISHED", "prod-1", "$x"] {
            assert!(pattern.matches(right), "{right}");
        }
        for wrong in ["invalid!", "a.b", "$LATEST.PUBLISHE"] {
            assert!(!pattern.matches(wrong), "{wrong}");
        }
    }

    #[test]
    fn looking_ahead_works() {
        let alias = Pattern::new("(?!^[0-9]+$)([a-zA-Z0-9-_]+)");
        assert!(alias.matches("2024-01-02"));
        assert!(!alias.matches("2024"));
    }

    #[test]
    fn hostile_values_end() {
        let alias = Pattern::new(r"((?!^\d+$)^[0-9a-zA-Z-_]+$)");
        assert!(!alias.matches(&"1".repeat(1 << 20)));
    }
}
