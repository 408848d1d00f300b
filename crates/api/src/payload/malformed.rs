//! Jackson's words for what is wrong with a JSON text, and where. Lines are counted only once something is wrong.

use super::{Next, Scanner};
use std::fmt;

/// Jackson's list of what a value may be.
pub(super) const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
/// Most characters of an unknown word that are printed.
const WORD_MAX: usize = 256;

/// Why a text is not JSON; prints as Jackson does.
#[derive(Debug)]
pub(crate) struct Malformed {
    problem: String,
    place: Place,
}

/// A line and a column, both from 1; columns are bytes.
#[derive(Debug)]
pub(super) struct Place {
    line: usize,
    column: usize,
}

/// Where Jackson stands when it complains.
pub(super) enum Position {
    /// On the byte at hand.
    This,
    /// It has read the byte at hand.
    AfterThis,
    /// Wherever the scanner stands.
    Next,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n at {}", self.problem, self.place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)";
        write!(f, "[Source: {source}; line: {}, column: {}]", self.line, self.column)
    }
}

/// Where Jackson says that a text itself starts.
pub(super) fn root() -> String {
    Place { line: 1, column: 0 }.to_string()
}

impl Scanner<'_> {
    pub(super) fn fail(&self, problem: impl Into<String>, position: Position) -> Malformed {
        let at = match position {
            Position::This | Position::Next => self.at,
            Position::AfterThis => self.at + 1,
        };
        Malformed { problem: problem.into(), place: self.place(at) }
    }

    pub(super) fn place(&self, at: usize) -> Place {
        let before = self.bytes.get(..at.min(self.bytes.len())).unwrap_or_default();
        let mut line = 1;
        let mut line_start = 0;
        for (position, byte) in before.iter().enumerate() {
            // A line ends in CR, LF or both.
            if *byte == b'\n' || (*byte == b'\r' && before.get(position + 1) != Some(&b'\n')) {
                line += 1;
                line_start = position + 1;
            }
        }
        Place { line, column: at - line_start + 1 }
    }

    /// The byte at hand cannot stand here.
    pub(super) fn unexpected(&self, expected: &str) -> Malformed {
        let byte = self.peek().unwrap_or_default();
        let problem = if byte < 0x20 {
            let byte = character(byte.into());
            format!("Illegal character ({byte}): only regular white space (\\r, \\n, \\t) is allowed between tokens")
        } else {
            format!("Unexpected character ({}): {expected}", character(byte.into()))
        };
        self.fail(problem, Position::This)
    }

    /// A word that is none of JSON's starts here.
    pub(super) fn unrecognized(&mut self) -> Malformed {
        let start = self.at;
        let text = self.bytes.get(start..self.text_end).unwrap_or_default();
        let text = std::str::from_utf8(text).unwrap_or_default();
        let word_end = text.find(|character| !is_identifier_part(character)).unwrap_or(text.len());
        let word = text.get(..word_end).unwrap_or_default();
        // Jackson has also read the character behind the word, or stumbled over it.
        self.at = start + word_end;
        match text.get(word_end..).and_then(|rest| rest.chars().next()) {
            Some(character) => self.at += character.len_utf8(),
            None if self.at < self.bytes.len() => return self.invalid_utf8(),
            None => {}
        }
        let mut shown: String = word.chars().take(WORD_MAX).collect();
        if shown.len() < word.len() {
            shown.push_str("...");
        }
        self.fail(format!("Unrecognized token '{shown}': was expecting {VALUES}"), Position::Next)
    }

    pub(super) fn nonstandard(&mut self, token: &str) -> Malformed {
        self.at += token.len();
        let problem =
            format!("Non-standard token '{token}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow");
        self.fail(problem, Position::Next)
    }

    /// The byte at hand starts no UTF-8 sequence, or one that goes wrong behind it.
    pub(super) fn invalid_utf8(&mut self) -> Malformed {
        let first = self.peek().unwrap_or_default();
        let length = match first {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF7 => 4,
            _ => return self.fail(format!("Invalid UTF-8 start byte 0x{first:x}"), Position::AfterThis),
        };
        for _ in 1..length {
            self.at += 1;
            match self.peek() {
                Some(0x80..=0xBF) => {}
                Some(byte) => return self.fail(format!("Invalid UTF-8 middle byte 0x{byte:x}"), Position::AfterThis),
                None => return self.fail("Unexpected end-of-input in a UTF-8 character", Position::Next),
            }
        }
        // Too long a form, a surrogate, or beyond Unicode.
        self.fail(format!("Invalid UTF-8 start byte 0x{first:x}"), Position::AfterThis)
    }

    pub(super) fn end_of_input(&self, next: Next) -> Malformed {
        let what = if self.in_object() { "Object" } else { "Array" };
        let problem = match (self.start(), next) {
            (None, _) => "Unexpected end-of-input".to_owned(),
            (Some(_), Next::Value | Next::Name) => format!("Unexpected end-of-input within/between {what} entries"),
            (Some(start), Next::ValueOrEnd | Next::NameOrEnd | Next::More) => {
                let start = self.place(start);
                format!("Unexpected end-of-input: expected close marker for {what} (start marker at {start})")
            }
        };
        self.fail(problem, Position::Next)
    }
}

/// Jackson's description of a character.
pub(super) fn character(character: char) -> String {
    let code = u32::from(character);
    if character.is_control() { format!("(CTRL-CHAR, code {code})") } else { format!("'{character}' (code {code})") }
}

fn is_identifier_part(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}
