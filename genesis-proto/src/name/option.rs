//! What a client chooses: the format of events and the level of log lines.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The format in which the switch sends events. One connection has one format: the last
/// `event` command decides.
///
/// ```
/// use genesis_proto::EventFormat;
///
/// assert_eq!("json".parse::<EventFormat>()?, EventFormat::Json);
/// assert_eq!(EventFormat::Plain.content_type(), "text/event-plain");
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventFormat {
    /// Header lines with percent-encoded values.
    #[default]
    Plain,
    /// One JSON object.
    Json,
    /// One XML document.
    Xml,
}

impl EventFormat {
    /// The word that the `event` command takes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Json => "json",
            Self::Xml => "xml",
        }
    }

    /// The `Content-Type` of such events.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/event-plain",
            Self::Json => "text/event-json",
            Self::Xml => "text/event-xml",
        }
    }
}

impl fmt::Display for EventFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for EventFormat {
    type Err = Error;

    /// Ignores case.
    ///
    /// # Errors
    /// If the text is none of `plain`, `json`, `xml`.
    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Plain, Self::Json, Self::Xml]
            .into_iter()
            .find(|format| format.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                Error::invalid(format!(
                    "{text:?} is not an event format: use \"plain\", \"json\" or \"xml\""
                ))
            })
    }
}

/// The importance of a line of the switch's log; a smaller number is more important.
///
/// ```
/// use genesis_proto::name::LogLevel;
///
/// assert_eq!(LogLevel::from_number(4), Some(LogLevel::Warning));
/// assert_eq!("debug".parse::<LogLevel>()?.number(), 7);
/// assert!(LogLevel::Err < LogLevel::Info);
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// `CONSOLE` (0)
    Console,
    /// `ALERT` (1)
    Alert,
    /// `CRIT` (2)
    Crit,
    /// `ERR` (3)
    Err,
    /// `WARNING` (4)
    Warning,
    /// `NOTICE` (5)
    Notice,
    /// `INFO` (6)
    Info,
    /// `DEBUG` (7)
    Debug,
}

impl LogLevel {
    /// All levels, the most important first.
    pub const ALL: &[Self] = &[
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
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The level with this number. The switch's finer debug levels (101 to 110, `DEBUG1` to
    /// `DEBUG10`) are [`Debug`](LogLevel::Debug).
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            101..=110 => Some(Self::Debug),
            _ => Self::ALL.get(usize::from(number)).copied(),
        }
    }

    /// The name of the level, as the switch writes it (switch_log.c, `LEVELS`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
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

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LogLevel {
    type Err = Error;

    /// A name, in any case, or a number.
    ///
    /// # Errors
    /// If there is no such level.
    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(number) = text.parse::<u8>() {
            return Self::from_number(number).ok_or_else(|| Self::refused(text));
        }
        Self::ALL
            .iter()
            .copied()
            .find(|level| level.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| Self::refused(text))
    }
}

impl LogLevel {
    fn refused(text: &str) -> Error {
        Error::invalid(format!(
            "{text:?} is not a log level: use 0 to 7 or one of CONSOLE, ALERT, CRIT, ERR, \
             WARNING, NOTICE, INFO, DEBUG"
        ))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for EventFormat {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for LogLevel {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_read_back() {
        for format in [EventFormat::Plain, EventFormat::Json, EventFormat::Xml] {
            assert_eq!(format.as_str().parse::<EventFormat>().unwrap(), format);
            assert_eq!(
                format
                    .to_string()
                    .to_uppercase()
                    .parse::<EventFormat>()
                    .unwrap(),
                format
            );
            assert_eq!(format.content_type(), format!("text/event-{format}"));
        }
        let refused = "yaml".parse::<EventFormat>().unwrap_err();
        assert!(refused.to_string().contains("yaml"), "{refused}");
    }

    #[test]
    fn levels_read_back() {
        for (number, level) in (0u8..).zip(LogLevel::ALL) {
            assert_eq!(level.number(), number);
            assert_eq!(LogLevel::from_number(number), Some(*level));
            assert_eq!(
                level.as_str().to_lowercase().parse::<LogLevel>().unwrap(),
                *level
            );
            assert_eq!(number.to_string().parse::<LogLevel>().unwrap(), *level);
        }
        assert_eq!(LogLevel::ALL.len(), 8);
        assert_eq!(LogLevel::from_number(103), Some(LogLevel::Debug));
        for bad in ["8", "100", "111", "", "loud", "-1"] {
            assert!(bad.parse::<LogLevel>().is_err(), "{bad:?}");
        }
    }
}
