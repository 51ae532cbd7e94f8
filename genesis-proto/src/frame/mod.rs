//! Frames: a header block and, if it has a `Content-Length`, a body.
//!
//! [`Framer`] takes bytes in any chunking and gives [`Frame`]s. It works on bytes, never on
//! characters, scans each byte once, and knows no more of a frame than where it ends: unknown
//! content types are framed like any other.

mod envelope;
mod framer;
mod kind;
mod remainder;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::headers::Encoding;
use crate::name::EventFormat;
use crate::{Error, Headers};
pub use envelope::{FrameRef, parse};
pub use framer::{CutReply, Framer};
pub use kind::FrameKind;
pub use remainder::{Notice, Remainder};

/// One frame as the switch sent it: its own bytes, cheap to clone, pinning nothing else.
///
/// ```
/// use genesis_proto::{Framer, frame::FrameKind};
///
/// let mut framer = Framer::new();
/// framer.feed(b"Content-Type: api/response\nContent-Length: 4\n\n+OK\n")?;
/// let frame = framer.next_frame()?.unwrap();
/// assert_eq!(frame.kind(), FrameKind::ApiResponse);
/// assert_eq!(frame.body(), Some(&b"+OK\n"[..]));
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone)]
pub struct Frame {
    bytes: Bytes,
    kind: FrameKind,
    /// End of the header lines, blank line not included.
    head_end: u32,
    /// Start of the body; `None` without a Content-Length.
    body: Option<u32>,
    offset: u64,
}

impl Frame {
    pub(crate) fn new(bytes: Bytes, shape: envelope::Shape, offset: u64) -> Self {
        Self {
            bytes,
            kind: shape.kind,
            head_end: shape.head_end as u32,
            body: shape.content_length.map(|_| shape.body_start as u32),
            offset,
        }
    }

    /// Reads exactly one frame from `bytes`.
    ///
    /// # Errors
    ///
    /// When `bytes` is not one whole frame and nothing else.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self, Error> {
        let bytes = bytes.into();
        match parse(&bytes)? {
            Some((frame, used)) if used == bytes.len() => {
                let shape = frame.shape();
                Ok(Self::new(bytes, shape, 0))
            }
            Some((_, used)) => Err(Error::parse(
                "there are bytes after the end of the frame",
                used,
            )),
            None => Err(Error::parse("the frame is not complete", bytes.len())),
        }
    }

    /// The frame that the switch would send an event document in.
    pub(crate) fn wrap_event(format: EventFormat, document: &[u8]) -> Self {
        let mut bytes = format!(
            "Content-Length: {}\nContent-Type: text/event-{}\n\n",
            document.len(),
            format.as_str()
        )
        .into_bytes();
        let shape = envelope::Shape {
            kind: FrameKind::Event(format),
            head_end: bytes.len() - 2,
            body_start: bytes.len(),
            content_length: Some(document.len()),
        };
        bytes.extend_from_slice(document);
        Self::new(Bytes::from(bytes), shape, 0)
    }

    /// What the `Content-Type` says the frame is.
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The `Content-Type` as it came, empty if there was none.
    pub fn content_type(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_ref().content_type())
    }

    /// The headers of the envelope.
    ///
    /// They stand as they are, except that a frame which is itself a serialised event (it has an
    /// `Event-Name`: the outbound `connect` reply) has url-encoded values.
    pub fn headers(&self) -> Headers {
        let encoding = if self.as_ref().is_event_block() {
            Encoding::Percent
        } else {
            Encoding::Raw
        };
        Headers::new(self.bytes.clone(), (0, self.head_end), encoding)
    }

    /// The raw value of the first header called `name` in the envelope, without building an index.
    ///
    /// The first, because it is the `Content-Length` that comes first which frames the body.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.as_ref().header(name)
    }

    /// The body, `None` if the frame has no `Content-Length`.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.map(|start| &self.bytes[start as usize..])
    }

    /// The body as shared bytes.
    pub fn body_bytes(&self) -> Option<Bytes> {
        self.body.map(|start| self.bytes.slice(start as usize..))
    }

    /// The body as text, invalid UTF-8 replaced.
    pub fn body_text(&self) -> Option<Cow<'_, str>> {
        self.body().map(String::from_utf8_lossy)
    }

    /// Every byte of the frame as it came.
    pub fn raw(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn into_raw(self) -> Bytes {
        self.bytes
    }

    /// Where in the stream the frame began, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The borrowed form.
    pub fn as_ref(&self) -> FrameRef<'_> {
        FrameRef::from_parts(
            &self.bytes,
            envelope::Shape {
                kind: self.kind,
                head_end: self.head_end as usize,
                body_start: self.body.map_or(self.bytes.len(), |b| b as usize),
                content_length: self.body.map(|b| self.bytes.len() - b as usize),
            },
        )
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("kind", &self.kind)
            .field("headers", &self.headers())
            .field("body_len", &self.body().map(<[u8]>::len))
            .finish()
    }
}

impl PartialEq for Frame {
    /// Equal when every byte is.
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Frame {}
