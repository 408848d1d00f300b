//! Is a payload JSON? Answered by looking at every byte once, without building or allocating anything, because payloads
//! go from socket to sandbox untouched. What is not JSON is refused in the words of AWS's parser (Jackson).
//!
//! Source: answers recorded from AWS; Jackson's nesting limit. Refused though Jackson would read it: anything behind the
//! value, and UTF-16 or a byte order mark, which no runtime's JSON parser takes either.

mod malformed;

use malformed::{Malformed, Position, VALUES, character};

/// Deepest nesting of a payload (observed: Jackson's default).
const DEPTH_MAX: usize = 1_000;

/// Checks that the payload of an invoke is JSON.
///
/// # Errors
///
/// The message of AWS's `InvalidRequestContentException`.
pub fn check_json(payload: &[u8]) -> Result<(), String> {
    let prefix = "Could not parse request body into json: Could not parse payload into json: ";
    scan(payload).map_err(|malformed| format!("{prefix}{malformed}"))
}

/// Checks that bytes are one JSON value.
pub(crate) fn scan(bytes: &[u8]) -> Result<(), Malformed> {
    let text_end = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let mut scanner = Scanner { bytes, text_end, at: 0, starts: [0; DEPTH_MAX], depth: 0 };
    scanner.skip_space();
    if scanner.peek().is_none() && bytes.len() == scanner.at {
        return Err(scanner.fail("No content to map due to end-of-input", Position::Next));
    }
    scanner.document()
}

struct Scanner<'a> {
    bytes: &'a [u8],
    /// Where valid UTF-8 ends.
    text_end: usize,
    at: usize,
    /// Where the open objects and arrays start.
    starts: [usize; DEPTH_MAX],
    depth: usize,
}

/// What comes next.
#[derive(Clone, Copy)]
enum Next {
    /// A value, or the end of the array that has just begun.
    ValueOrEnd,
    Value,
    /// A name, or the end of the object that has just begun.
    NameOrEnd,
    Name,
    /// A comma, or the end of what is open.
    More,
}

impl Scanner<'_> {
    fn document(&mut self) -> Result<(), Malformed> {
        let mut next = Next::Value;
        loop {
            self.skip_space();
            let byte = match (self.peek(), next) {
                (Some(byte), _) => byte,
                (None, Next::More) if self.depth == 0 => return Ok(()),
                (None, _) => return Err(self.end_of_input(next)),
            };
            next = match (next, byte) {
                (Next::ValueOrEnd, b']') | (Next::NameOrEnd, b'}') => self.close(byte)?,
                (Next::More, _) if self.depth == 0 => {
                    return Err(self.unexpected("expected end of input after the value"));
                }
                (Next::More, b']' | b'}') => self.close(byte)?,
                (Next::More, b',') => {
                    self.at += 1;
                    if self.in_object() { Next::Name } else { Next::Value }
                }
                (Next::More, _) => {
                    let what = if self.in_object() { "Object" } else { "Array" };
                    return Err(self.unexpected(&format!("was expecting comma to separate {what} entries")));
                }
                (Next::Name | Next::NameOrEnd, b'"') => self.name()?,
                (Next::NameOrEnd, b']') => self.close(byte)?,
                (Next::Name | Next::NameOrEnd, _) => {
                    return Err(self.unexpected("was expecting double-quote to start field name"));
                }
                (Next::ValueOrEnd, b'}') => self.close(byte)?,
                (Next::Value | Next::ValueOrEnd, _) => self.value(byte)?,
            };
        }
    }

    fn value(&mut self, byte: u8) -> Result<Next, Malformed> {
        match byte {
            b'{' => self.open(Next::NameOrEnd),
            b'[' => self.open(Next::ValueOrEnd),
            b'"' => self.string("").map(|()| Next::More),
            b'-' | b'0'..=b'9' => self.number().map(|()| Next::More),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'N' if self.rest().starts_with(b"NaN") => Err(self.nonstandard("NaN")),
            b'I' if self.rest().starts_with(b"Infinity") => Err(self.nonstandard("Infinity")),
            b'}' | b']' if self.depth == 0 => self.close(byte),
            b',' | b'}' | b']' => Err(self.unexpected("expected a value")),
            _ if is_identifier_start(byte) => Err(self.unrecognized()),
            _ => Err(self.unexpected(&format!("expected a valid value {VALUES}"))),
        }
    }

    fn open(&mut self, next: Next) -> Result<Next, Malformed> {
        let at = self.at;
        self.at += 1;
        match self.starts.get_mut(self.depth) {
            Some(start) => *start = at,
            None => {
                let depth = DEPTH_MAX + 1;
                let problem = format!(
                    "Document nesting depth ({depth}) exceeds the maximum allowed ({DEPTH_MAX}, from \
                     `StreamReadConstraints.getMaxNestingDepth()`)"
                );
                return Err(self.fail(problem, Position::Next));
            }
        }
        self.depth += 1;
        Ok(next)
    }

    fn close(&mut self, byte: u8) -> Result<Next, Malformed> {
        let opener = if byte == b'}' { b'{' } else { b'[' };
        if self.opener() == Some(opener) {
            self.at += 1;
            self.depth -= 1;
            return Ok(Next::More);
        }
        let (what, expected) = match self.opener() {
            Some(b'{') => ("Object", '}'),
            Some(_) => ("Array", ']'),
            None => ("root", if byte == b'}' { ']' } else { '}' }),
        };
        let start = self.start().map_or_else(malformed::root, |start| self.place(start).to_string());
        let problem = format!(
            "Unexpected close marker '{}': expected '{expected}' (for {what} starting at {start})",
            byte as char
        );
        Err(self.fail(problem, Position::AfterThis))
    }

    fn name(&mut self) -> Result<Next, Malformed> {
        self.string(" in field name")?;
        self.skip_space();
        match self.peek() {
            Some(b':') => {
                self.at += 1;
                Ok(Next::Value)
            }
            Some(_) => Err(self.unexpected("was expecting a colon to separate field name and value")),
            None => Err(self.end_of_input(Next::Value)),
        }
    }

    /// A string, from its opening quote on.
    fn string(&mut self, place: &str) -> Result<(), Malformed> {
        self.at += 1;
        loop {
            let text = self.bytes.get(self.at..self.text_end).unwrap_or_default();
            let Some(length) = plain(text) else {
                self.at = self.at.max(self.text_end);
                return Err(match self.peek() {
                    Some(_) => self.invalid_utf8(),
                    None if place.is_empty() => self.fail(
                        "Unexpected end-of-input: was expecting closing quote for a string value",
                        Position::Next,
                    ),
                    None => self.fail(format!("Unexpected end-of-input{place}"), Position::Next),
                });
            };
            self.at += length;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                other => {
                    let what = if place.is_empty() { "string value" } else { "name" };
                    let problem = format!(
                        "Illegal unquoted character ({}): has to be escaped using backslash to be included in {what}",
                        character(other.unwrap_or_default().into())
                    );
                    return Err(self.fail(problem, Position::AfterThis));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    match self.peek() {
                        Some(byte) if byte.is_ascii_hexdigit() => self.at += 1,
                        Some(_) => {
                            return Err(self.unexpected("expected a hex-digit for character escape sequence"));
                        }
                        None => {
                            let problem = "Unexpected end-of-input in character escape sequence";
                            return Err(self.fail(problem, Position::Next));
                        }
                    }
                }
            }
            Some(byte) => {
                let problem = format!("Unrecognized character escape {}", character(byte.into()));
                return Err(self.fail(problem, Position::AfterThis));
            }
            None => {
                return Err(self.fail("Unexpected end-of-input in character escape sequence", Position::Next));
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Malformed> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => {
                self.at += 1;
                if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                    return Err(self.fail("Invalid numeric value: Leading zeroes not allowed", Position::Next));
                }
            }
            _ => self.digits("expected digit (0-9) to follow minus sign, for valid numeric value")?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("Decimal point not followed by a digit")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("Exponent indicator not followed by a digit")?;
        }
        match self.peek() {
            Some(byte) if self.depth == 0 && !is_space(byte) => {
                Err(self.unexpected("Expected space separating root-level values"))
            }
            _ => Ok(()),
        }
    }

    fn digits(&mut self, missing: &str) -> Result<(), Malformed> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        match self.peek() {
            _ if self.at > start => Ok(()),
            Some(byte) => {
                let problem = format!("Unexpected character ({}) in numeric value: {missing}", character(byte.into()));
                Err(self.fail(problem, Position::This))
            }
            None => Err(self.fail("Unexpected end-of-input in numeric value", Position::Next)),
        }
    }

    fn literal(&mut self, literal: &str) -> Result<Next, Malformed> {
        let after = self.rest().get(literal.len());
        let ends = !after.is_some_and(|byte| is_identifier_start(*byte) || byte.is_ascii_digit());
        if self.rest().starts_with(literal.as_bytes()) && ends {
            self.at += literal.len();
            return Ok(Next::More);
        }
        Err(self.unrecognized())
    }

    #[inline]
    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Where the innermost open object or array starts.
    fn start(&self) -> Option<usize> {
        self.starts.get(self.depth.checked_sub(1)?).copied()
    }

    fn opener(&self) -> Option<u8> {
        self.bytes.get(self.start()?).copied()
    }

    fn in_object(&self) -> bool {
        self.opener() == Some(b'{')
    }
}

/// How far a string goes on as it is: up to a quote, a backslash or a control character, if there is one. Eight bytes are
/// looked at together, as payloads are mostly strings.
fn plain(text: &[u8]) -> Option<usize> {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    // Its top bits tell which bytes are less than `bound` (at most 0x80). A borrow reaches only bytes behind one that is.
    let less = |word: u64, bound: u64| word.wrapping_sub(EACH * bound) & !word & (EACH << 7);
    let (words, rest) = text.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let ends =
            less(word, 0x20) | less(word ^ (EACH * u64::from(b'"')), 1) | less(word ^ (EACH * u64::from(b'\\')), 1);
        if ends != 0 {
            return Some(place * 8 + ends.trailing_zeros() as usize / 8);
        }
    }
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    Some(words.len() * 8 + end)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Java's `isJavaIdentifierStart` of one byte, read as Latin-1 as Jackson does.
fn is_identifier_start(byte: u8) -> bool {
    char::from(byte).is_alphabetic() || matches!(byte, b'$' | b'_' | 0xA2..=0xA5)
}

#[cfg(test)]
mod tests;
