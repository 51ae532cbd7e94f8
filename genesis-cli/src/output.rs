//! Results on stdout: pleasant on a terminal, stable for pipes, JSON when asked.

use std::fmt::Write as _;
use std::io::{self, BufWriter, IsTerminal as _, Write};

use serde::Serialize;
use time::{OffsetDateTime, UtcOffset};

use crate::exit::Failure;

/// The colours, by what they say.
pub(crate) mod style {
    use anstyle::{AnsiColor, Style};

    pub(crate) const NONE: Style = Style::new();
    pub(crate) const DIM: Style = Style::new().dimmed();
    pub(crate) const BOLD: Style = Style::new().bold();
    pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
    pub(crate) const BAD: Style = AnsiColor::Red.on_default();
    pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
    pub(crate) const NAME: Style = AnsiColor::Cyan.on_default();
    pub(crate) const OTHER: Style = AnsiColor::Magenta.on_default();
    pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
}

/// Whether to use colours on a stream, `terminal` or not: NO_COLOR and TERM=dumb forbid them.
pub(crate) fn colours(terminal: bool) -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    terminal && !forbidden && !is_dumb()
}

/// The terminal says that it understands no control sequences.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}

/// Stdout.
pub(crate) struct Output {
    out: BufWriter<Box<dyn Write>>,
    pub(crate) json: bool,
    pub(crate) terminal: bool,
    /// A terminal on which the cursor can be moved.
    pub(crate) screen: bool,
    colours: bool,
    offset: UtcOffset,
}

impl Output {
    /// To be called before any thread is started: only then the local time zone can be asked for.
    pub(crate) fn new(json: bool) -> Self {
        // not locked: the exporter of spans for development prints there too
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self {
            out: BufWriter::with_capacity(64 * 1024, Box::new(stdout)),
            json,
            terminal,
            screen: terminal && !is_dumb(),
            colours: colours(terminal),
            offset: UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC),
        }
    }

    /// An output that is no terminal, for tests; what is written can be read after a flush.
    #[cfg(test)]
    pub(crate) fn to_memory(json: bool) -> (Self, tests::Memory) {
        let memory = tests::Memory::default();
        let output = Self {
            out: BufWriter::new(Box::new(memory.clone())),
            json,
            terminal: false,
            screen: false,
            colours: false,
            offset: UtcOffset::UTC,
        };
        (output, memory)
    }

    /// The style if stdout shows colours, else none.
    pub(crate) fn style(&self, style: anstyle::Style) -> anstyle::Style {
        if self.colours { style } else { style::NONE }
    }

    /// The time of day here.
    pub(crate) fn clock(&self) -> String {
        let now = OffsetDateTime::now_utc().to_offset(self.offset);
        let (hour, minute, second) = now.to_hms();
        format!("{hour:02}:{minute:02}:{second:02}")
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out
            .write_all(bytes)
            .map_err(|error| Failure::output(&error))
    }

    /// Writes a JSON object as a line.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, value)
            .map_err(|error| Failure::output(&io::Error::from(error)))?;
        self.bytes(b"\n")
    }

    /// Writes what a command gave, and a line feed if it ends without one. A terminal is not
    /// given control characters: a caller's name must not move the cursor.
    pub(crate) fn text(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.terminal {
            self.bytes(printable(&String::from_utf8_lossy(bytes)).as_bytes())?;
        } else {
            self.bytes(bytes)?;
        }
        if bytes.is_empty() || bytes.ends_with(b"\n") {
            Ok(())
        } else {
            self.bytes(b"\n")
        }
    }

    /// Makes everything written visible.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::output(&error))
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("json", &self.json)
            .finish_non_exhaustive()
    }
}

/// Text for a terminal or a line-oriented file: control characters but line feed and tab escaped.
pub(crate) fn printable(text: &str) -> String {
    escape(text, |c| c.is_control() && c != '\n' && c != '\t')
}

/// Text as exactly one line: every control character escaped, no line feed at its end.
pub(crate) fn one_line(text: &str) -> String {
    escape(text.trim_end_matches(['\r', '\n']), char::is_control)
}

fn escape(text: &str, special: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // the separators that some viewers take for line ends
        if special(c) || matches!(c, '\u{2028}' | '\u{2029}') {
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// What was written.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Memory(Rc<RefCell<Vec<u8>>>);

    impl Memory {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }
    }

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn control_characters_do_not_get_through() {
        assert_eq!(
            one_line("a\u{1b}[31m\r\nb\u{7}\u{9b}ü\n"),
            "a\\u{1b}[31m\\r\\nb\\u{7}\\u{9b}ü"
        );
        assert_eq!(printable("a\n\tb\u{1b}c\r\n"), "a\n\tb\\u{1b}c\\r\n");
    }
}
