//! What the switch answered to a command.
//!
//! Replies come strictly in the order of the commands. Most commands are answered with a
//! `command/reply` whose `Reply-Text` begins with `+OK` or `-ERR`; `api` is answered with an
//! `api/response` whose body is free text, except that a refused `api` is answered with a
//! `command/reply`. So the kind of a reply is a check, never what it is matched by.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::combinator::{map, rest};
use nom::sequence::preceded;

use crate::frame::FrameKind;
use crate::{Error, Frame, Headers};

/// The answer to one command.
///
/// ```
/// use genesis_proto::{Framer, Reply, reply::Status};
///
/// let mut framer = Framer::new();
/// framer.feed(b"Content-Type: command/reply\nReply-Text: +OK Job-UUID: 7f\nJob-UUID: 7f\n\n")?;
/// let reply = Reply::from_frame(framer.next_frame()?.unwrap())?;
/// assert_eq!(reply.status(), Status::Ok);
/// assert_eq!(reply.job_uuid().as_deref(), Some("7f"));
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    frame: Frame,
}

/// How a reply begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// `+OK`.
    Ok,
    /// `-ERR` (or `-ERROR`, which some modules write): the switch refused or failed.
    Error,
    /// `-USAGE`: the arguments of an `api` were wrong.
    Usage,
    /// Anything else: the output of an `api`, a variable's value.
    Other,
}

impl Status {
    /// Reads the start of `text`, and only the start: `-ERR` further on is somebody's data.
    pub fn of(text: &str) -> (Self, &str) {
        let mut parser = map(
            alt((
                preceded(tag::<_, _, nom::error::Error<&str>>("+OK"), rest)
                    .map(|text| (Status::Ok, text)),
                preceded(alt((tag("-ERROR"), tag("-ERR"))), rest).map(|text| (Status::Error, text)),
                preceded(tag("-USAGE"), rest).map(|text| (Status::Usage, text)),
                rest.map(|text| (Status::Other, text)),
            )),
            |(status, text): (Status, &str)| match status {
                Status::Other => (status, text),
                _ => (
                    status,
                    text.trim_start_matches([':', ' '])
                        .trim_end_matches(['\n', '\r']),
                ),
            },
        );
        parser
            .parse(text)
            .map_or((Status::Other, text), |(_, found)| found)
    }

    /// The switch refused: `-ERR` or `-USAGE`.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Error | Self::Usage)
    }
}

impl Reply {
    /// Reads a reply.
    ///
    /// # Errors
    ///
    /// When the frame is neither `command/reply` nor `api/response`.
    pub fn from_frame(frame: Frame) -> Result<Self, Error> {
        if frame.kind().is_reply() {
            Ok(Self { frame })
        } else {
            Err(Error::malformed(
                format!(
                    "a frame of type {:?} answers no command",
                    frame.content_type()
                ),
                frame.offset(),
            ))
        }
    }

    /// The text of the answer: the body of an `api/response`, else `Reply-Text`.
    ///
    /// `Reply-Text` stands as it is (a value with `%41` is not touched), except in the outbound
    /// `connect` reply, which is a serialised event and is decoded.
    pub fn text(&self) -> Cow<'_, str> {
        match self.frame.body() {
            Some(body) if self.is_api() => String::from_utf8_lossy(body),
            _ => Cow::Owned(
                self.frame
                    .headers()
                    .get("Reply-Text")
                    .unwrap_or_default()
                    .into_owned(),
            ),
        }
    }

    /// How the text begins.
    pub fn status(&self) -> Status {
        Status::of(&self.text()).0
    }

    /// The text after `+OK`, `-ERR` or `-USAGE`; the whole text if it begins otherwise.
    pub fn detail(&self) -> String {
        Status::of(&self.text()).1.to_owned()
    }

    /// The switch refused the command: the text starts with `-ERR` or `-USAGE`.
    ///
    /// An `api` without output is answered with `-ERR no reply`, which is no refusal; see
    /// [`is_empty_output`](Self::is_empty_output).
    pub fn is_refused(&self) -> bool {
        self.status().is_refusal() && !self.is_empty_output()
    }

    /// The `api` gave no output (`-ERR no reply`, mod_event_socket.c `api_exec`). `hash select` of
    /// a missing key and `global_getvar` of an unset variable answer so.
    pub fn is_empty_output(&self) -> bool {
        self.is_api() && self.frame.body() == Some(b"-ERR no reply\n")
    }

    /// The answer came as `api/response`.
    pub fn is_api(&self) -> bool {
        self.frame.kind() == FrameKind::ApiResponse
    }

    /// The body of an `api/response`.
    pub fn body(&self) -> Option<&[u8]> {
        self.frame.body()
    }

    /// The body as shared bytes.
    pub fn body_bytes(&self) -> Option<Bytes> {
        self.frame.body_bytes()
    }

    /// `Job-UUID`, which the answer to `bgapi` has.
    pub fn job_uuid(&self) -> Option<String> {
        self.frame.headers().get("Job-UUID").map(Cow::into_owned)
    }

    /// The headers of the reply. Those of the outbound `connect` reply are channel data.
    pub fn headers(&self) -> Headers {
        self.frame.headers()
    }

    /// The frame it came in.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.text().chars().take(80).collect();
        f.debug_struct("Reply")
            .field("status", &self.status())
            .field("text", &text)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(bytes: &str) -> Reply {
        Reply::from_frame(Frame::from_bytes(bytes.to_owned()).unwrap()).unwrap()
    }

    fn api(body: &str) -> Reply {
        let len = body.len();
        reply(&format!(
            "Content-Type: api/response\nContent-Length: {len}\n\n{body}"
        ))
    }

    #[test]
    fn lesson_05_only_the_start_of_a_body_counts() {
        assert_eq!(api("UP 1 day\n-ERR in the middle").status(), Status::Other);
        assert!(api("-ERR nosuch Command not found!\n").is_refused());
        assert!(api("-USAGE: uuid_kill <uuid>\n").is_refused());
        assert!(api("-ERROR bad\n").is_refused());
        assert!(!api(" -ERR").is_refused());
        assert_eq!(api("-ERR NO_ANSWER\n").detail(), "NO_ANSWER");
        assert_eq!(api("-USAGE: <uuid>\n").detail(), "<uuid>");
    }

    #[test]
    fn lesson_06_reply_text_is_not_url_decoded() {
        let getvar = reply("Content-Type: command/reply\nReply-Text: %41 and %2B\n\n");
        assert_eq!(getvar.text(), "%41 and %2B");
        let connect = reply(
            "Event-Name: CHANNEL_DATA\nUnique-ID: 1\nContent-Type: command/reply\n\
             Reply-Text: %2BOK%0A\nSocket-Mode: async\nControl: full\n\n",
        );
        assert_eq!(connect.text(), "+OK\n");
        assert_eq!(connect.status(), Status::Ok);
    }

    #[test]
    fn an_api_without_output_is_no_refusal() {
        assert!(!api("-ERR no reply\n").is_refused());
        assert!(api("-ERR no reply\n").is_empty_output());
    }
}
