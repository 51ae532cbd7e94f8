//! `sendevent NAME`.

use super::{Command, check, check_header};
use crate::Error;
use crate::name::EventName;

/// An event to fire on the switch. The answer is `+OK` and the event's UUID.
///
/// Header values go over the wire as they are, not url-encoded, so they cannot hold line feeds;
/// the body can.
///
/// ```
/// use genesis_proto::{EventName, command::SendEvent};
///
/// let command = SendEvent::new(EventName::Custom)
///     .header("Event-Subclass", "my::news")?
///     .body("two\nlines")?
///     .build();
/// assert!(command.to_bytes().starts_with(b"sendevent CUSTOM\nEvent-Subclass: my::news\n"));
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SendEvent {
    name: EventName,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl SendEvent {
    /// An event of this name. A name that the switch does not know is fired as CUSTOM without a
    /// subclass.
    pub fn new(name: EventName) -> Self {
        Self {
            name,
            headers: Vec::new(),
            body: None,
        }
    }

    /// Adds a header.
    ///
    /// # Errors
    ///
    /// When name or value cannot stand in a line.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        check_header(name, value)?;
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Sets the body.
    ///
    /// # Errors
    ///
    /// When it holds NUL or is longer than 16 MiB.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Result<Self, Error> {
        let body = body.into();
        check::body(&body)?;
        self.body = Some(body);
        Ok(self)
    }

    /// The command. A name that is no word is sent as CUSTOM, which is what the switch makes of it.
    #[must_use]
    pub fn build(&self) -> Command {
        let name = match check::word("the event name", self.name.as_str()) {
            Ok(()) => self.name.as_str(),
            Err(_) => EventName::Custom.as_str(),
        };
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        Command::from_parts(&format!("sendevent {name}"), &headers, self.body.as_deref())
    }
}
