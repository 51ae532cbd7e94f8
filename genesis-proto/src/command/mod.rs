//! Commands, and their encoding.
//!
//! A [`Command`] is built by a constructor that checks what it is given: a line feed, carriage
//! return or NUL in any value is refused, because it would end the line and start another
//! command. What exists can be sent as it is.
//!
//! The words and their meaning are those of mod_event_socket.c (`parse_command`).

mod argument;
mod check;
mod sendevent;
mod sendmsg;
mod subscribe;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

pub use argument::{argument, arguments};
pub use sendevent::SendEvent;
pub use sendmsg::{Execute, Loops, Message, Unicast};
pub use subscribe::EventSet;

use crate::Error;
use crate::name::{EventFormat, LogLevel};
use crate::secret::Secret;

/// One command, encoded and ready to be sent.
///
/// ```
/// use genesis_proto::Command;
///
/// let command = Command::api("uuid_kill 7f4d NORMAL_CLEARING")?;
/// assert_eq!(&command.to_bytes()[..], b"api uuid_kill 7f4d NORMAL_CLEARING\n\n");
/// assert_eq!(command.name(), "api uuid_kill");
///
/// let forged = Command::api("status\n\napi fsctl shutdown");
/// assert!(forged.unwrap_err().is_invalid_argument());
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    bytes: Bytes,
    verb: Verb,
}

/// The first word of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the word it is named after")]
pub enum Verb {
    Auth,
    Userauth,
    Api,
    Bgapi,
    Event,
    Nixevent,
    Noevents,
    Myevents,
    Filter,
    DivertEvents,
    Linger,
    Nolinger,
    Log,
    Nolog,
    Sendevent,
    Sendmsg,
    Connect,
    Resume,
    Getvar,
    Exit,
    /// A word that this crate does not know.
    Other,
}

impl Verb {
    const WORDS: [(&'static str, Self); 20] = [
        ("auth", Self::Auth),
        ("userauth", Self::Userauth),
        ("api", Self::Api),
        ("bgapi", Self::Bgapi),
        ("event", Self::Event),
        ("nixevent", Self::Nixevent),
        ("noevents", Self::Noevents),
        ("myevents", Self::Myevents),
        ("filter", Self::Filter),
        ("divert_events", Self::DivertEvents),
        ("linger", Self::Linger),
        ("nolinger", Self::Nolinger),
        ("log", Self::Log),
        ("nolog", Self::Nolog),
        ("sendevent", Self::Sendevent),
        ("sendmsg", Self::Sendmsg),
        ("connect", Self::Connect),
        ("resume", Self::Resume),
        ("getvar", Self::Getvar),
        ("exit", Self::Exit),
    ];

    /// The word; `other` for an unknown one.
    pub fn as_str(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, verb)| *verb == self)
            .map_or("other", |(word, _)| word)
    }

    fn of(line: &str) -> Self {
        let word = line.split(' ').next().unwrap_or("");
        if word == "events" {
            return Self::Event;
        }
        let known = Self::WORDS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(word));
        known.map_or(Self::Other, |(_, verb)| *verb)
    }
}

impl Command {
    fn from_line(line: &str) -> Self {
        let mut bytes = Vec::with_capacity(line.len() + 2);
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\n\n");
        Self {
            bytes: Bytes::from(bytes),
            verb: Verb::of(line),
        }
    }

    /// A command line with header lines and a body. Everything passed in must be checked.
    fn from_parts(line: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Self {
        let mut text = String::with_capacity(line.len() + headers.len() * 48 + 32);
        text.push_str(line);
        text.push('\n');
        for (name, value) in headers {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push('\n');
        }
        if let Some(body) = body {
            text.push_str(&format!("content-length: {}\n", body.len()));
        }
        text.push('\n');
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body.unwrap_or(b""));
        Self {
            bytes: Bytes::from(bytes),
            verb: Verb::of(line),
        }
    }

    /// Any command line, as typed. The way out for what has no constructor here.
    ///
    /// # Errors
    ///
    /// When `line` is empty, starts with a blank (the switch would not know the word) or holds
    /// CR, LF or NUL.
    pub fn raw(line: &str) -> Result<Self, Error> {
        check::line("the command", line)?;
        if line.is_empty() || line.starts_with(' ') {
            return Err(Error::invalid(
                "the command is empty or starts with a blank",
            ));
        }
        Ok(Self::from_line(line))
    }

    /// Any command line with header lines and a body.
    ///
    /// # Errors
    ///
    /// As [`raw`](Self::raw), and when a header cannot stand in a line or the body holds NUL.
    /// `content-length` is written for you and refused here.
    pub fn raw_with(
        line: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Self, Error> {
        Self::raw(line)?;
        for (name, value) in headers {
            check_header(name, value)?;
        }
        check::body(body.unwrap_or(b""))?;
        Ok(Self::from_parts(line, headers, body))
    }

    /// `auth PASSWORD`.
    ///
    /// # Errors
    ///
    /// When the password holds CR, LF or NUL.
    pub fn auth(password: &Secret) -> Result<Self, Error> {
        check::line("the password", password.expose())?;
        Ok(Self::from_line(&format!("auth {}", password.expose())))
    }

    /// `userauth USER@DOMAIN:PASSWORD`.
    ///
    /// # Errors
    ///
    /// When a part holds CR, LF or NUL, or `user` or `domain` a character that separates them.
    pub fn userauth(user: &str, domain: &str, password: &Secret) -> Result<Self, Error> {
        check::line("the password", password.expose())?;
        for (what, part) in [("the user", user), ("the domain", domain)] {
            check::word(what, part)?;
            if part.contains(['@', ':']) {
                return Err(Error::invalid(format!(
                    "{what} {part:?} holds an '@' or a ':'"
                )));
            }
        }
        Ok(Self::from_line(&format!(
            "userauth {user}@{domain}:{}",
            password.expose()
        )))
    }

    /// `api COMMAND ARGUMENTS…`: runs on the connection and holds its events back until it ends.
    ///
    /// # Errors
    ///
    /// When `text` is empty or holds CR, LF or NUL.
    pub fn api(text: &str) -> Result<Self, Error> {
        check::line("the api command", text)?;
        if text.trim().is_empty() {
            return Err(Error::invalid("the api command is empty"));
        }
        let mut bytes = Vec::with_capacity(text.len() + 6);
        for part in ["api ", text, "\n\n"] {
            bytes.extend_from_slice(part.as_bytes());
        }
        Ok(Self {
            bytes: Bytes::from(bytes),
            verb: Verb::Api,
        })
    }

    /// `bgapi COMMAND ARGUMENTS…` with a Job-UUID of your choice, so that the result can be
    /// awaited before the command leaves.
    ///
    /// # Errors
    ///
    /// As [`api`](Self::api); when `job_uuid` is no word or longer than the 255 characters that
    /// the switch keeps of it.
    pub fn bgapi(text: &str, job_uuid: &str) -> Result<Self, Error> {
        check::line("the bgapi command", text)?;
        check::word("the Job-UUID", job_uuid)?;
        if text.trim().is_empty() {
            return Err(Error::invalid("the bgapi command is empty"));
        }
        if job_uuid.len() > 255 {
            return Err(Error::invalid("the Job-UUID is longer than 255 characters"));
        }
        Ok(Self::from_parts(
            &format!("bgapi {text}"),
            &[("Job-UUID", job_uuid)],
            None,
        ))
    }

    /// `event FORMAT NAMES… CUSTOM SUBCLASSES…`; CUSTOM goes last, because the switch takes every
    /// word after it for a subclass.
    ///
    /// # Errors
    ///
    /// When `events` is empty.
    pub fn event(format: EventFormat, events: &EventSet) -> Result<Self, Error> {
        Ok(Self::from_line(&format!(
            "event {} {}",
            format.as_str(),
            events.words()?
        )))
    }

    /// `nixevent NAMES…`: takes names off the subscription.
    ///
    /// # Errors
    ///
    /// When `events` is empty.
    pub fn nixevent(events: &EventSet) -> Result<Self, Error> {
        Ok(Self::from_line(&format!("nixevent {}", events.words()?)))
    }

    /// `noevents`: no more events; those already queued are dropped too.
    #[must_use]
    pub fn noevents() -> Self {
        Self::from_line("noevents")
    }

    /// `myevents FORMAT` on an outbound socket: the events of its own channel.
    #[must_use]
    pub fn myevents(format: EventFormat) -> Self {
        Self::from_line(&format!("myevents {}", format.as_str()))
    }

    /// `myevents UUID` on an inbound connection, which from then on controls that channel and is
    /// closed when it ends. The format is that of an earlier `event` command: a format word after
    /// the UUID is ignored by the switch.
    ///
    /// # Errors
    ///
    /// When `uuid` is no word.
    pub fn myevents_of(uuid: &str) -> Result<Self, Error> {
        check::word("the UUID", uuid)?;
        Ok(Self::from_line(&format!("myevents {uuid}")))
    }

    /// `filter HEADER VALUE`: events pass only if a filter matches. `VALUE` starting with `/` is a
    /// regular expression, a `-` in front rejects.
    ///
    /// # Errors
    ///
    /// When `header` is no word, or `value` is empty or holds CR, LF or NUL.
    pub fn filter(header: &str, value: &str) -> Result<Self, Error> {
        check::word("the header of the filter", header)?;
        check::line("the value of the filter", value)?;
        if value.trim().is_empty() {
            return Err(Error::invalid("the value of the filter is empty"));
        }
        Ok(Self::from_line(&format!("filter {header} {value}")))
    }

    /// `filter delete HEADER [VALUE]`.
    ///
    /// # Errors
    ///
    /// As [`filter`](Self::filter).
    pub fn filter_delete(header: &str, value: Option<&str>) -> Result<Self, Error> {
        check::word("the header of the filter", header)?;
        match value {
            None => Ok(Self::from_line(&format!("filter delete {header}"))),
            Some(value) => {
                check::line("the value of the filter", value)?;
                Ok(Self::from_line(&format!("filter delete {header} {value}")))
            }
        }
    }

    /// `filter delete all`.
    #[must_use]
    pub fn filter_delete_all() -> Self {
        Self::from_line("filter delete all")
    }

    /// `divert_events on` or `off`: events of the session's own queue come over the socket.
    #[must_use]
    pub fn divert_events(on: bool) -> Self {
        Self::from_line(if on {
            "divert_events on"
        } else {
            "divert_events off"
        })
    }

    /// `linger`: the connection stays open after the channel hung up, for `time` (whole seconds,
    /// rounded up) or until the client leaves.
    #[must_use]
    pub fn linger(time: Option<Duration>) -> Self {
        match time {
            None => Self::from_line("linger"),
            Some(time) => {
                let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
                Self::from_line(&format!("linger {}", seconds.clamp(1, 86_400)))
            }
        }
    }

    /// `nolinger`.
    #[must_use]
    pub fn nolinger() -> Self {
        Self::from_line("nolinger")
    }

    /// `log LEVEL`: the switch's log lines of this level and above come over the connection.
    #[must_use]
    pub fn log(level: LogLevel) -> Self {
        Self::from_line(&format!("log {}", level.number()))
    }

    /// `nolog`.
    #[must_use]
    pub fn nolog() -> Self {
        Self::from_line("nolog")
    }

    /// `connect`: the first command on an outbound socket; answered with the channel's data.
    #[must_use]
    pub fn connect() -> Self {
        Self::from_line("connect")
    }

    /// `resume`: the dialplan goes on when the socket closes.
    #[must_use]
    pub fn resume() -> Self {
        Self::from_line("resume")
    }

    /// `getvar NAME` on a controlled session.
    ///
    /// The value comes raw in `Reply-Text`, cut at 511 bytes; a value with line feeds, or one that
    /// starts with `~`, can forge frames. Use `api uuid_getvar` for anything that a caller of
    /// the call could have set.
    ///
    /// # Errors
    ///
    /// When `name` is no word.
    pub fn getvar(name: &str) -> Result<Self, Error> {
        check::word("the variable's name", name)?;
        Ok(Self::from_line(&format!("getvar {name}")))
    }

    /// `exit`: the switch says goodbye and closes.
    #[must_use]
    pub fn exit() -> Self {
        Self::from_line("exit")
    }

    /// The first word.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// The command without its arguments, and so without secrets: the first word; for `api` and
    /// `bgapi` with the name of the api (`api originate`).
    pub fn name(&self) -> String {
        match self.verb {
            Verb::Api | Verb::Bgapi => {
                let line = self.bytes.split(|&b| b == b'\n').next().unwrap_or(b"");
                let mut words = line.split(|&b| b == b' ').filter(|word| !word.is_empty());
                let api = words.nth(1).unwrap_or(b"");
                [self.verb.as_str(), " ", &String::from_utf8_lossy(api)].concat()
            }
            verb => verb.as_str().to_owned(),
        }
    }

    /// What goes over the wire. Holds the password of an `auth`: do not print it.
    pub fn to_bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// The same without a reference count.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes go over the wire.
    #[expect(clippy::len_without_is_empty, reason = "a command is never empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

fn check_header(name: &str, value: &str) -> Result<(), Error> {
    check::header_name(name)?;
    check::line("the header's value", value)?;
    if name.eq_ignore_ascii_case("content-length") {
        return Err(Error::invalid(
            "the Content-Length is written for you; leave it out",
        ));
    }
    Ok(())
}

impl fmt::Debug for Command {
    /// The name only: arguments may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({:?}, {} bytes)", self.name(), self.bytes.len())
    }
}

#[cfg(test)]
mod tests;
