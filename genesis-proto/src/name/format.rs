//! Event formats and log levels.

use std::fmt;

use crate::Error;

/// The format of events on a connection: the word of the `event` command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EventFormat {
    /// `plain`: header lines, values url-encoded.
    #[default]
    Plain,
    /// `json`.
    Json,
    /// `xml`.
    Xml,
}

impl EventFormat {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Json => "json",
            Self::Xml => "xml",
        }
    }
}

impl std::str::FromStr for EventFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Plain, Self::Json, Self::Xml]
            .into_iter()
            .find(|format| format.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| Error::invalid(format!("{text:?} is none of plain, json, xml")))
    }
}

impl fmt::Display for EventFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

super::serialize_as_str!(EventFormat);

/// A level of the switch's log (switch_types.h, `switch_log_level_t`); smaller is more severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the level it is named after")]
pub enum LogLevel {
    Console,
    Alert,
    Crit,
    Err,
    Warning,
    Notice,
    Info,
    Debug,
}

impl LogLevel {
    /// Every level, most severe first.
    pub const ALL: [Self; 8] = [
        Self::Console,
        Self::Alert,
        Self::Crit,
        Self::Err,
        Self::Warning,
        Self::Notice,
        Self::Info,
        Self::Debug,
    ];

    /// The number of the level, 0 to 7.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The level with this number. The switch takes greater numbers for `DEBUG`'s finer grades.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(
            Self::ALL
                .get(usize::from(number))
                .copied()
                .unwrap_or(Self::Debug),
        )
    }

    /// The name as FreeSWITCH spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Console => "CONSOLE",
            Self::Alert => "ALERT",
            Self::Crit => "CRIT",
            Self::Err => "ERR",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
        }
    }
}

impl std::str::FromStr for LogLevel {
    type Err = Error;

    /// A name in any case, or a number.
    fn from_str(text: &str) -> Result<Self, Error> {
        let by_name = Self::ALL
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(text));
        let by_number = || text.parse::<u8>().ok().and_then(Self::from_number);
        by_name.or_else(by_number).ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} is no log level; there are console, alert, crit, err, warning, notice, \
                 info, debug and 0 to 7"
            ))
        })
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

super::serialize_as_str!(LogLevel);
