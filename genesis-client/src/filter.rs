//! Header filters, applied on this side of the wire.

use std::fmt;
use std::str::FromStr;

use genesis_proto::Event;
use regex::Regex;

use crate::error::{Error, ErrorKind, Result};

/// A condition on a header of an event.
///
/// Parses from text: `Header` (present), `Header=value` (equal), `Header~regex` (matches).
///
/// ```
/// use genesis_client::HeaderFilter;
/// use genesis_proto::{Event, EventName};
///
/// let event = Event::builder(EventName::ChannelAnswer).header("Caller-ANI", "1001")?.build();
/// assert!(HeaderFilter::present("caller-ani").matches(&event));
/// assert!(HeaderFilter::equal("Caller-ANI", "1001").matches(&event));
/// assert!("Caller-ANI~^10".parse::<HeaderFilter>()?.matches(&event));
/// assert!(!HeaderFilter::equal("Caller-ANI", "1002").matches(&event));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HeaderFilter {
    header: String,
    test: Test,
}

#[derive(Clone)]
enum Test {
    Present,
    Equal(String),
    Matches(Regex),
}

impl HeaderFilter {
    /// The header is there.
    pub fn present(header: impl Into<String>) -> Self {
        Self {
            header: header.into(),
            test: Test::Present,
        }
    }

    /// The header's last value is exactly this.
    pub fn equal(header: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            header: header.into(),
            test: Test::Equal(value.into()),
        }
    }

    /// The header's last value matches a regular expression (anywhere, unless it is anchored).
    ///
    /// # Errors
    ///
    /// When the expression cannot be compiled. Expressions run in time linear in the value.
    pub fn matching(header: impl Into<String>, regex: &str) -> Result<Self> {
        let regex = Regex::new(regex).map_err(|error| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("the regular expression {regex:?} cannot be used: {error}"),
            )
            .with_source(error)
        })?;
        Ok(Self {
            header: header.into(),
            test: Test::Matches(regex),
        })
    }

    /// The header and its value, if equality is what is asked for.
    pub(crate) fn as_equal(&self) -> Option<(&str, &str)> {
        match &self.test {
            Test::Equal(value) => Some((&self.header, value)),
            _ => None,
        }
    }

    /// The filter matches this event.
    pub fn matches(&self, event: &Event) -> bool {
        let Some(value) = event.get(&self.header) else {
            return false;
        };
        match &self.test {
            Test::Present => true,
            Test::Equal(expected) => value == expected.as_str(),
            Test::Matches(regex) => regex.is_match(&value),
        }
    }
}

impl FromStr for HeaderFilter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let end = text.find(['=', '~']).unwrap_or(text.len());
        let (header, rest) = text.split_at(end);
        if header.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("the filter {text:?} names no header; write Header=value or Header~regex"),
            ));
        }
        match rest.as_bytes().first() {
            None => Ok(Self::present(header)),
            Some(b'=') => Ok(Self::equal(header, &rest[1..])),
            Some(_) => Self::matching(header, &rest[1..]),
        }
    }
}

impl fmt::Debug for HeaderFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.test {
            Test::Present => write!(f, "{}", self.header),
            Test::Equal(value) => write!(f, "{}={value}", self.header),
            Test::Matches(regex) => write!(f, "{}~{regex}", self.header),
        }
    }
}
