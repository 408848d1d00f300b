//! How things look: colour only on a terminal, times and sizes in one format everywhere.
//!
//! What a function wrote never reaches a terminal as it is: control characters in it could move the cursor or retitle
//! the window. Into a file or pipe it goes untouched.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

/// Standard output: whether a person looks at it, and whether a program asked for JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// `--json`
    pub(crate) json: bool,
    terminal: bool,
    error_terminal: bool,
    colour: bool,
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// All is well.
    Good,
    /// Something is missing or failed.
    Bad,
    /// Of less interest than the rest.
    Faint,
    /// A heading.
    Strong,
    /// Nothing in particular.
    Plain,
}

impl Output {
    /// For this process's standard output.
    pub(crate) fn new(json: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        // https://no-color.org: set to anything but the empty text.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let error_terminal = io::stderr().is_terminal();
        Self { json, terminal, error_terminal, colour: terminal && !refused && !json }
    }

    #[cfg(test)]
    pub(crate) fn fixed(terminal: bool) -> Self {
        Self { json: false, terminal, error_terminal: terminal, colour: terminal }
    }

    /// `text` in the colour of its meaning, if colours are on.
    pub(crate) fn paint<'a>(&self, tone: Tone, text: &'a str) -> Cow<'a, str> {
        let code = match tone {
            Tone::Good if self.colour => 32,
            Tone::Bad if self.colour => 31,
            Tone::Faint if self.colour => 2,
            Tone::Strong if self.colour => 1,
            Tone::Good | Tone::Bad | Tone::Faint | Tone::Strong | Tone::Plain => return Cow::Borrowed(text),
        };
        Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m"))
    }

    /// Text of a function, safe to show: on a terminal control characters are escaped.
    pub(crate) fn foreign<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.terminal { printable(text) } else { Cow::Borrowed(text) }
    }

    /// As [`Output::foreign`], for text that goes to standard error.
    pub(crate) fn foreign_to_stderr<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.error_terminal { printable(text) } else { Cow::Borrowed(text) }
    }

    /// Whether a person looks at standard output.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// A log message in one line or more, safe to show, in the colour of its kind.
    pub(crate) fn log_message(&self, message: &str) -> String {
        let text = self.foreign(message.trim_end_matches('\n'));
        let platform = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START "];
        if platform.iter().any(|prefix| text.starts_with(prefix)) {
            return self.paint(Tone::Faint, &text).into_owned();
        }
        text.into_owned()
    }
}

/// Writes one line to standard output and flushes it, so that who reads a pipe sees it at once.
///
/// # Errors
///
/// As the system answers; `BrokenPipe` when the reader has gone, which `main` takes as a wish to stop.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Writes one JSON value as one line.
///
/// # Errors
///
/// As [`line`].
pub(crate) fn json_line(value: &impl serde::Serialize) -> io::Result<()> {
    line(&serde_json::to_string(value)?)
}

/// An instant as CloudWatch shows it, UTC with milliseconds.
pub(crate) fn timestamp(epoch_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(epoch_ms) {
        Ok(instant) => instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        // Beyond the year 9999: show what was sent rather than nothing.
        Err(_) => format!("{epoch_ms}ms"),
    }
}

/// The present, epoch milliseconds.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Bytes in MB (2^20 bytes, as Lambda counts), one decimal below 10.
pub(crate) fn megabytes(bytes: u64) -> String {
    const MB: u64 = 1 << 20;
    if bytes < 10 * MB { format!("{}.{}", bytes / MB, (bytes % MB) * 10 / MB) } else { format!("{}", bytes / MB) }
}

/// The size of a file: kB (2^10 bytes) below one MB.
pub(crate) fn size(bytes: u64) -> String {
    const KB: u64 = 1 << 10;
    if bytes < KB * KB { format!("{} kB", bytes.div_ceil(KB)) } else { format!("{} MB", megabytes(bytes)) }
}

/// A lone carriage return becomes a line break: clients that log many lines as one event put it between them.
fn printable(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\r' => shown.push('\n'),
            c if harmless(c) => shown.push(c),
            c => shown.extend(c.escape_default()),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_cannot_drive_the_terminal() {
        let hostile = "\x1b]0;title\x07ok\ttab\nnext\r\u{9b}31m";
        assert_eq!(Output::fixed(true).foreign(hostile), "\\u{1b}]0;title\\u{7}ok\ttab\nnext\n\\u{9b}31m");
        assert_eq!(Output::fixed(true).foreign("a\r\nb\rc"), "a\nb\nc", "nor overwrite a line");
        assert_eq!(Output::fixed(false).foreign(hostile), hostile, "a file gets it untouched");
    }

    #[test]
    fn colour_is_for_terminals() {
        assert_eq!(Output::fixed(false).paint(Tone::Good, "ok"), "ok");
        assert_eq!(Output::fixed(true).paint(Tone::Bad, "no"), "\x1b[31mno\x1b[0m");
    }

    #[test]
    fn platform_lines_step_back_and_lose_their_newline() {
        assert_eq!(Output::fixed(true).log_message("END RequestId: x\n"), "\x1b[2mEND RequestId: x\x1b[0m");
        assert_eq!(Output::fixed(true).log_message("hello\n"), "hello");
        assert_eq!(Output::fixed(false).log_message("END RequestId: x\n"), "END RequestId: x");
    }

    #[test]
    fn times_and_sizes_have_one_format() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(1_795_558_271_042), "2026-11-24T22:11:11.042Z");
        assert_eq!(timestamp(i64::MAX), format!("{}ms", i64::MAX));
        assert_eq!(megabytes(0), "0.0");
        assert_eq!(megabytes((1 << 20) * 3 / 2), "1.5");
        assert_eq!(megabytes(128 << 20), "128");
        assert_eq!((size(0), size(1_025), size(3 << 20)), ("0 kB".into(), "2 kB".into(), "3.0 MB".into()));
    }
}
