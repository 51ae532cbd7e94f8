//! Events: plain, JSON and XML behind the same accessors.
//!
//! An [`Event`] is the bytes of its frame and a lazily built index. It is `'static`, cheap to
//! clone, and pins nothing but itself. [`EventRef`] is the borrowed form of a plain event for
//! code that parses in place.

mod borrowed;
mod build;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "serde")]
mod serialize;
#[cfg(feature = "xml")]
mod xml;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

pub use borrowed::{EventRef, Route};
pub use build::{EventBuilder, Fidelity};

use crate::frame::FrameKind;
#[cfg(any(feature = "json", feature = "xml"))]
use crate::headers::Arena;
use crate::headers::{DecodeBuffer, Encoding};
use crate::name::{
    AnswerState, CallDirection, CallState, ChannelState, EventFormat, EventName, HangupCause,
};
use crate::{Error, Frame, Headers};

/// An event of the switch.
///
/// ```
/// use genesis_proto::{Event, EventName};
///
/// let event = Event::builder(EventName::ChannelAnswer)
///     .header("Unique-ID", "7f4d")?
///     .header("Answer-State", "answered")?
///     .build();
/// assert_eq!(event.name(), EventName::ChannelAnswer);
/// assert_eq!(event.unique_id().as_deref(), Some("7f4d"));
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone)]
pub struct Event {
    format: EventFormat,
    /// Of a plain event these share the bytes of the frame.
    headers: Headers,
    body: Body,
    /// The frame of a JSON or XML event, whose headers were read out of it.
    document: Option<Frame>,
    offset: u64,
}

#[derive(Clone)]
enum Body {
    None,
    /// A range of the frame.
    Range(u32, u32),
    /// Read out of JSON or XML.
    Owned(Bytes),
}

/// What reading a JSON or XML document gives.
struct Document {
    headers: Headers,
    body: Option<Vec<u8>>,
}

impl Event {
    /// Reads the event that `frame` carries; [`TryFrom<Frame>`](#impl-TryFrom<Frame>-for-Event)
    /// does the same and saves a reference count. A plain event is not copied and not yet
    /// indexed; a JSON or XML document is read at once.
    ///
    /// The outbound `connect` reply, which is itself a serialised event, is read as one.
    ///
    /// # Errors
    ///
    /// When the frame carries no event, or its document cannot be read (the switch itself writes
    /// malformed XML for header names that XML does not allow). The frame is not lost: the caller
    /// still has it.
    pub fn from_frame(frame: &Frame) -> Result<Self, Error> {
        Self::try_from(frame.clone()).map_err(|unreadable| unreadable.error)
    }

    fn plain(frame: Frame, start: u32) -> Self {
        let offset = frame.offset();
        let bytes = frame.into_raw();
        let (block, body) = EventRef::parse(&bytes[start as usize..]).split();
        let head_end = start + block.len() as u32;
        let body = match body {
            Some(body) => Body::Range((bytes.len() - body.len()) as u32, bytes.len() as u32),
            None => Body::None,
        };
        let headers = Headers::new(bytes, (start, head_end), Encoding::Percent);
        Self {
            format: EventFormat::Plain,
            headers,
            body,
            document: None,
            offset,
        }
    }

    fn from_document(frame: Frame, format: EventFormat, document: Document) -> Self {
        let body = match document.body {
            Some(body) => Body::Owned(Bytes::from(body)),
            None => Body::None,
        };
        let offset = frame.offset();
        Self {
            format,
            headers: document.headers,
            body,
            document: Some(frame),
            offset,
        }
    }

    /// Reads an event from a JSON document that came by another way than as an event, such as the
    /// output of `uuid_dump UUID json`.
    ///
    /// # Errors
    ///
    /// When the document is no JSON object.
    pub fn from_json(document: &[u8]) -> Result<Self, Error> {
        let mut bytes = format!(
            "Content-Length: {}\nContent-Type: text/event-json\n\n",
            document.len()
        )
        .into_bytes();
        bytes.extend_from_slice(document);
        let mut framer = crate::Framer::new();
        framer.feed(&bytes)?;
        match framer.next_frame()? {
            Some(frame) => Self::from_frame(&frame),
            None => Err(Error::malformed("the document is cut short", 0)),
        }
    }

    /// Builds an event, for `sendevent` or to play the switch.
    pub fn builder(name: EventName) -> EventBuilder {
        EventBuilder::new(name)
    }

    /// The name; unknown ones are kept, an event without one has an empty name.
    pub fn name(&self) -> EventName {
        match self.format {
            EventFormat::Plain => match self.headers.find("Event-Name") {
                Some(header) => EventName::from(header.value().as_ref()),
                None => EventName::from(""),
            },
            _ => EventName::from(self.get("Event-Name").unwrap_or_default().as_ref()),
        }
    }

    /// `Event-Subclass`, which CUSTOM events have.
    pub fn subclass(&self) -> Option<Cow<'_, str>> {
        self.get("Event-Subclass")
    }

    /// The decoded value of the last header called `name`.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers.get(name)
    }

    /// A channel variable, `variable_NAME`.
    pub fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        let header = self.headers.iter().rev().find(|header| {
            header
                .raw_name()
                .split_at_checked(9)
                .is_some_and(|(prefix, rest)| {
                    prefix.eq_ignore_ascii_case(b"variable_")
                        && rest.eq_ignore_ascii_case(name.as_bytes())
                })
        })?;
        Some(header.value())
    }

    /// All headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Reads every header, decoded: the fastest way to see all of them, see [`Headers::decode`].
    pub fn decode(&self, buffer: &mut DecodeBuffer, each: impl FnMut(&str, &str)) {
        self.headers.decode(buffer, each);
    }

    /// The body (of a BACKGROUND_JOB, a MESSAGE, a `sendevent`), `None` if there is none.
    pub fn body(&self) -> Option<&[u8]> {
        match &self.body {
            Body::None => None,
            Body::Range(start, end) => Some(&self.headers.shared()[*start as usize..*end as usize]),
            Body::Owned(bytes) => Some(bytes),
        }
    }

    /// The body as text, invalid UTF-8 replaced.
    pub fn body_text(&self) -> Option<Cow<'_, str>> {
        self.body().map(String::from_utf8_lossy)
    }

    /// The format in which it came.
    pub fn format(&self) -> EventFormat {
        self.format
    }

    /// Every byte of the frame it came in.
    pub fn raw(&self) -> &Bytes {
        match &self.document {
            Some(frame) => frame.raw(),
            None => self.headers.shared(),
        }
    }

    /// Where in the stream its frame began, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What routing needs, found by one scan without an index for plain events.
    pub fn route(&self) -> Route<'_> {
        if self.headers.encoding() == Encoding::Percent {
            return Route::scan(self.headers.block());
        }
        Route {
            name: self.get("Event-Name").unwrap_or_default(),
            unique_id: self.get("Unique-ID"),
            subclass: self.get("Event-Subclass"),
            job_uuid: self.get("Job-UUID"),
            application_uuid: self.get("Application-UUID"),
        }
    }

    /// `Unique-ID`: the channel that the event is about.
    pub fn unique_id(&self) -> Option<Cow<'_, str>> {
        self.get("Unique-ID")
    }

    /// `Job-UUID` of a BACKGROUND_JOB.
    pub fn job_uuid(&self) -> Option<Cow<'_, str>> {
        self.get("Job-UUID")
    }

    /// `Application-UUID` of an executed application.
    pub fn application_uuid(&self) -> Option<Cow<'_, str>> {
        self.get("Application-UUID")
    }

    /// `Channel-State`.
    pub fn channel_state(&self) -> Option<ChannelState> {
        self.get("Channel-State")
            .map(|value| ChannelState::from(value.as_ref()))
    }

    /// `Channel-Call-State`.
    pub fn call_state(&self) -> Option<CallState> {
        self.get("Channel-Call-State")
            .map(|value| CallState::from(value.as_ref()))
    }

    /// `Answer-State`.
    pub fn answer_state(&self) -> Option<AnswerState> {
        self.get("Answer-State")
            .map(|value| AnswerState::from(value.as_ref()))
    }

    /// `Call-Direction`.
    pub fn call_direction(&self) -> Option<CallDirection> {
        self.get("Call-Direction")
            .map(|value| CallDirection::from(value.as_ref()))
    }

    /// `Hangup-Cause`.
    pub fn hangup_cause(&self) -> Option<HangupCause> {
        self.get("Hangup-Cause")
            .map(|value| HangupCause::from(value.as_ref()))
    }

    /// `Event-Date-Timestamp`: when the switch created the event, in microseconds since 1970.
    ///
    /// Compared with the clock it tells how far behind a listener is. `Event-Sequence` tells
    /// nothing of loss: it has holes and inversions in normal operation.
    pub fn timestamp_micros(&self) -> Option<u64> {
        self.get("Event-Date-Timestamp")?.parse().ok()
    }
}

/// A frame that could not be read as an event.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// The frame, whole.
    pub frame: Frame,
    /// What is wrong with it.
    pub error: Error,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Unreadable {}

impl TryFrom<Frame> for Event {
    type Error = Unreadable;

    fn try_from(frame: Frame) -> Result<Self, Unreadable> {
        let body = frame.body().unwrap_or(b"");
        let read = match frame.kind() {
            FrameKind::Event(EventFormat::Plain) => {
                let start = (frame.raw().len() - body.len()) as u32;
                return Ok(Self::plain(frame, start));
            }
            FrameKind::Event(EventFormat::Json) => (EventFormat::Json, read_json(body)),
            FrameKind::Event(EventFormat::Xml) => (EventFormat::Xml, read_xml(body)),
            _ => {
                let headers = frame.headers();
                if headers.encoding() == Encoding::Percent {
                    return Ok(Self {
                        format: EventFormat::Plain,
                        headers,
                        body: Body::None,
                        document: None,
                        offset: frame.offset(),
                    });
                }
                let text = format!("a frame of type {:?} is no event", frame.content_type());
                let error = Error::malformed(text, frame.offset());
                return Err(Unreadable { frame, error });
            }
        };
        match read {
            (format, Ok(document)) => Ok(Self::from_document(frame, format, document)),
            (_, Err(error)) => {
                let error = error.placed_at(frame.offset());
                Err(Unreadable { frame, error })
            }
        }
    }
}

#[cfg(feature = "json")]
fn read_json(body: &[u8]) -> Result<Document, Error> {
    json::read(body)
}

#[cfg(not(feature = "json"))]
fn read_json(_: &[u8]) -> Result<Document, Error> {
    Err(Error::parse(
        "this build cannot read JSON events: switch the feature `json` on",
        0,
    ))
}

#[cfg(feature = "xml")]
fn read_xml(body: &[u8]) -> Result<Document, Error> {
    xml::read(body)
}

#[cfg(not(feature = "xml"))]
fn read_xml(_: &[u8]) -> Result<Document, Error> {
    Err(Error::parse(
        "this build cannot read XML events: switch the feature `xml` on",
        0,
    ))
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name())
            .field("unique_id", &self.unique_id())
            .field("headers", &self.headers.len())
            .field("body_len", &self.body().map(<[u8]>::len))
            .finish()
    }
}

impl PartialEq for Event {
    /// Equal when headers and body are, whatever the format they came in.
    fn eq(&self, other: &Self) -> bool {
        self.headers == other.headers && self.body() == other.body()
    }
}

impl Eq for Event {}

#[cfg(test)]
mod tests;
