//! Filter patterns of `FilterLogEvents`: terms, phrases, `-exclusions`, `?alternatives`, and JSON (`json_pattern`).
//!
//! A term matches as a whole word (`line -1` leaves out `line 1` and keeps `line 10`), a phrase in quotes anywhere; both
//! with regard to case. AWS speaks of words and of exact phrases and says no more.
//!
//! It refuses what it does not understand (space-delimited patterns in `[]`, regular expressions in `%%`) instead of
//! matching something else.

use super::invalid;
use super::json_pattern::JsonPattern;
use hearth_api::error::ApiError;

/// Most characters (documented).
const CHARACTERS: usize = 1_024;

/// A pattern, ready to be matched.
#[derive(Debug)]
pub(super) enum Pattern {
    /// Matches everything.
    Any,
    /// All of `all`, none of `none`; and one of `any`, if there are only such.
    Terms {
        /// Plain terms and phrases.
        all: Vec<Term>,
        /// Those with `-`.
        none: Vec<Term>,
        /// Those with `?`. Beside others they are ignored, as on AWS.
        any: Vec<Term>,
    },
    /// `{ $.member = value }`
    Json(JsonPattern),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// `InvalidParameterException`
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let text = text.trim();
        if text.chars().count() > CHARACTERS {
            return Err(invalid(format!("The filter pattern has more than {CHARACTERS} characters.")));
        }
        match text.chars().next() {
            None => Ok(Self::Any),
            Some('{') => JsonPattern::parse(text).map(Self::Json),
            Some('[') => Err(invalid("Space-delimited filter patterns are not supported by this version of Hearth.")),
            Some('%') => {
                Err(invalid("Regular expressions in filter patterns are not supported by this version of Hearth."))
            }
            Some(_) => terms(text),
        }
    }

    /// Whether a message matches.
    pub(super) fn matches(&self, message: &str) -> bool {
        let has = |term: &Term| term.is_in(message);
        match self {
            Self::Any => true,
            Self::Terms { all, none, any } if all.is_empty() && none.is_empty() => any.iter().any(has),
            Self::Terms { all, none, .. } => all.iter().all(has) && !none.iter().any(has),
            Self::Json(pattern) => pattern.matches(message),
        }
    }
}

/// What a message has to contain.
#[derive(Debug)]
pub(super) enum Term {
    /// As a word: with no letter, digit or underscore beside it.
    Word(String),
    /// Anywhere.
    Phrase(String),
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Phrase(phrase) => message.contains(phrase.as_str()),
            Self::Word(word) => message.match_indices(word.as_str()).any(|(at, word)| {
                let (before, rest) = message.split_at(at);
                let behind = rest.get(word.len()..).and_then(|behind| behind.chars().next());
                !before.chars().next_back().is_some_and(in_word) && !behind.is_some_and(in_word)
            }),
        }
    }
}

fn in_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn terms(mut text: &str) -> Result<Pattern, ApiError> {
    let (mut all, mut none, mut any) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        text = text.trim_start();
        let (list, rest) = match text.chars().next() {
            None => return Ok(Pattern::Terms { all, none, any }),
            Some('-') => (&mut none, text.get(1..).unwrap_or_default()),
            Some('?') => (&mut any, text.get(1..).unwrap_or_default()),
            Some(_) => (&mut all, text),
        };
        let (term, rest) = term(rest)?;
        list.push(term);
        text = rest;
    }
}

/// A phrase in quotes, in which `\` takes the next character as it is, or a word.
fn term(text: &str) -> Result<(Term, &str), ApiError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
        if word.is_empty() || !word.chars().all(|letter| in_word(letter) || ".-".contains(letter)) {
            return Err(invalid(format!("Invalid character(s) in term '{word}'")));
        }
        return Ok((Term::Word(word.to_owned()), rest));
    };
    let mut phrase = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((Term::Phrase(phrase), quoted.get(at + 1..).unwrap_or_default())),
            '\\' => phrase.extend(letters.next().map(|(_, letter)| letter)),
            other => phrase.push(other),
        }
    }
    Err(invalid("Unbalanced quotes in the filter pattern"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        Pattern::parse(pattern).expect("pattern").matches(message)
    }

    #[test]
    fn all_terms_have_to_be_there() {
        assert!(matches("", "anything"));
        assert!(matches("ERROR", "[ERROR] x"));
        assert!(!matches("error", "[ERROR] x"));
        assert!(matches("ERROR x", "[ERROR] x"));
        assert!(!matches("ERROR y", "[ERROR] x"));
        assert!(!matches("AUTHORIZED", "UNAUTHORIZED"));
        assert!(matches("AUTHORIZED", "UNAUTHORIZED or AUTHORIZED"));
        assert!(matches("line -1", "line 10") && !matches("line -1", "line 1"));
    }

    #[test]
    fn exclusions_and_alternatives() {
        assert!(!matches("ERROR -Exiting", "ERROR Exiting"));
        assert!(matches("-Exiting", "ERROR"));
        assert!(matches("?ERROR ?WARN", "WARN"));
        assert!(!matches("?ERROR ?WARN", "INFO"));
        assert!(matches("?ERROR INFO", "INFO"), "beside a plain term an alternative is ignored");
    }

    #[test]
    fn phrases_may_contain_anything() {
        assert!(matches(r#""a b: c""#, "x a b: c"));
        assert!(matches(r#"-"a b" "say \"x\"""#, r#"say "x""#));
        assert!(!matches(r#""a b""#, "a  b"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for pattern in ["[a, b]", "%x%", "a:b", "\"open", "-", "{ $.a"] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
