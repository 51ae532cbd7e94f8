//! `sendmsg`: commands to a channel.

use super::{Command, check, check_header};
use crate::Error;
use crate::name::HangupCause;

/// How often an executed application runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loops {
    /// This many times. The switch ends a loop at once if the application took less than half a
    /// second (`switch_ivr_parse_event`, switch_ivr.c).
    Times(u32),
    /// Until something stops it.
    Forever,
}

/// `sendmsg` with `call-command: execute`: runs an application on a channel.
///
/// `+OK` means that it is queued. Set [`event_uuid`](Self::event_uuid) to find it again: it comes
/// back as `Application-UUID` in CHANNEL_EXECUTE and CHANNEL_EXECUTE_COMPLETE. An application that
/// the switch does not know hangs the call up.
///
/// ```
/// use genesis_proto::command::Execute;
///
/// let command = Execute::new("playback")?
///     .arg("tone_stream://%(1000,0,440)")?
///     .event_uuid("7f4d")?
///     .event_lock()
///     .build(Some("channel-uuid"))?;
/// assert!(command.to_bytes().starts_with(b"sendmsg channel-uuid\ncall-command: execute\n"));
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Execute {
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Execute {
    /// Runs `application`.
    ///
    /// # Errors
    ///
    /// When the name is no word.
    pub fn new(application: &str) -> Result<Self, Error> {
        check::word("the application's name", application)?;
        let headers = vec![
            ("call-command".to_owned(), "execute".to_owned()),
            ("execute-app-name".to_owned(), application.to_owned()),
        ];
        Ok(Self {
            headers,
            body: None,
        })
    }

    /// The application's argument, one line.
    ///
    /// # Errors
    ///
    /// When it holds CR, LF or NUL; see [`text_arg`](Self::text_arg).
    pub fn arg(self, arg: &str) -> Result<Self, Error> {
        self.with("execute-app-arg", arg)
    }

    /// The application's argument as the body of the message: it may have several lines and be
    /// very long. Replaces [`arg`](Self::arg).
    ///
    /// # Errors
    ///
    /// When it holds NUL or is longer than 16 MiB.
    pub fn text_arg(mut self, arg: &str) -> Result<Self, Error> {
        check::body(arg.as_bytes())?;
        self.headers
            .retain(|(name, _)| name != "execute-app-arg" && name != "content-type");
        self.headers
            .push(("content-type".to_owned(), "text/plain".to_owned()));
        self.body = Some(arg.to_owned());
        Ok(self)
    }

    /// The id that comes back as `Application-UUID`.
    ///
    /// # Errors
    ///
    /// When it is no word.
    pub fn event_uuid(self, uuid: &str) -> Result<Self, Error> {
        check::word("the Event-UUID", uuid)?;
        self.with("Event-UUID", uuid)
    }

    /// The name of the application.
    pub fn application(&self) -> &str {
        self.headers
            .iter()
            .find(|(name, _)| name == "execute-app-name")
            .map_or("", |(_, value)| value)
    }

    /// The id set by [`event_uuid`](Self::event_uuid).
    pub fn chosen_event_uuid(&self) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("Event-UUID"));
        found.map(|(_, value)| value.as_str())
    }

    /// Runs it more than once.
    #[must_use]
    pub fn loops(self, loops: Loops) -> Self {
        let count = match loops {
            Loops::Times(count) => count.to_string(),
            Loops::Forever => "-1".to_owned(),
        };
        self.set("loops", &count)
    }

    /// No other queued command starts while this one runs. Without it later ones run nested
    /// inside an application that reads media, and complete first.
    #[must_use]
    pub fn event_lock(self) -> Self {
        self.set("event-lock", "true")
    }

    /// Puts the far leg on hold while the application runs.
    #[must_use]
    pub fn hold_bleg(self) -> Self {
        self.set("hold-bleg", "true")
    }

    /// On a sync outbound socket: queue instead of running at once.
    #[must_use]
    pub fn queue_on_sync(self) -> Self {
        self.set("async", "true")
    }

    /// Any other header of the message.
    ///
    /// # Errors
    ///
    /// When name or value cannot stand in a line.
    pub fn with(self, name: &str, value: &str) -> Result<Self, Error> {
        check_header(name, value)?;
        Ok(self.set(name, value))
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.headers
            .retain(|(old, _)| !old.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command, for the channel `uuid`, or for the controlled session of the connection.
    ///
    /// # Errors
    ///
    /// When `uuid` is no word.
    pub fn build(&self, uuid: Option<&str>) -> Result<Command, Error> {
        let line = sendmsg(uuid)?;
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        Ok(Command::from_parts(
            &line,
            &headers,
            self.body.as_deref().map(str::as_bytes),
        ))
    }
}

fn sendmsg(uuid: Option<&str>) -> Result<String, Error> {
    match uuid {
        None => Ok("sendmsg".to_owned()),
        Some(uuid) => {
            check::word("the channel's UUID", uuid)?;
            Ok(format!("sendmsg {uuid}"))
        }
    }
}

/// Where `unicast` sends the media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unicast {
    /// The local address and port.
    pub local: (String, u16),
    /// The remote address and port.
    pub remote: (String, u16),
    /// TCP instead of UDP.
    pub tcp: bool,
    /// Send native frames instead of raw audio.
    pub native: bool,
}

/// The other messages to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// `hangup` with a cause.
    Hangup(HangupCause),
    /// `unicast`: sends the channel's media to a socket.
    Unicast(Unicast),
    /// `nomedia`: takes the switch out of the media path, or back in; the argument is the UUID.
    Nomedia(String),
    /// `xferext`: transfers into an extension built of these applications and arguments.
    Xferext(Vec<(String, String)>),
}

impl Message {
    /// The command, for the channel `uuid`, or for the controlled session of the connection.
    ///
    /// # Errors
    ///
    /// When a value cannot stand in a line.
    pub fn build(&self, uuid: Option<&str>) -> Result<Command, Error> {
        let line = sendmsg(uuid)?;
        let mut headers: Vec<(&str, String)> = Vec::new();
        match self {
            Self::Hangup(cause) => {
                headers.push(("call-command", "hangup".into()));
                headers.push(("hangup-cause", cause.as_str().into()));
            }
            Self::Unicast(unicast) => {
                headers.push(("call-command", "unicast".into()));
                headers.push(("local-ip", unicast.local.0.clone()));
                headers.push(("local-port", unicast.local.1.to_string()));
                headers.push(("remote-ip", unicast.remote.0.clone()));
                headers.push(("remote-port", unicast.remote.1.to_string()));
                headers.push(("transport", if unicast.tcp { "tcp" } else { "udp" }.into()));
                if unicast.native {
                    headers.push(("flags", "native".into()));
                }
            }
            Self::Nomedia(uuid) => {
                headers.push(("call-command", "nomedia".into()));
                headers.push(("nomedia-uuid", uuid.clone()));
            }
            Self::Xferext(applications) => {
                headers.push(("call-command", "xferext".into()));
                for (application, arg) in applications {
                    check::word("the application's name", application)?;
                    headers.push(("application", format!("{application} {arg}")));
                }
            }
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        for (name, value) in &headers {
            check_header(name, value)?;
        }
        Ok(Command::from_parts(&line, &headers, None))
    }
}
