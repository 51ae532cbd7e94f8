//! Headers of a frame or an event.
//!
//! [`Headers`] is one shared buffer and an index that is built when a header is first asked for.
//! Look-up ignores case, as `switch_event_get_header` does; the spelling that came is kept. Values
//! are decoded when asked for; the raw bytes are always reachable.
//!
//! Repeated names keep their order. [`Headers::get`] gives the *last*: a PRIVATE_COMMAND event
//! carries `Event-Name` twice and the second is right, and whoever may `sendevent` can put a
//! forged one first. [`Headers::get_all`] gives every one.

#[cfg(any(feature = "json", feature = "xml"))]
mod arena;
mod array;
mod decode;
pub(crate) mod lines;
pub(crate) mod marks;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

#[cfg(any(feature = "json", feature = "xml"))]
pub(crate) use arena::Arena;
pub use array::Array;
pub use decode::DecodeBuffer;

use crate::percent;
use lines::{Line, for_each_line};

/// How the values of a block are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As they stand (envelopes, command replies): an array is not one.
    Raw,
    /// Decoded while the document was read (JSON, XML).
    #[cfg_attr(
        not(any(feature = "json", feature = "xml")),
        expect(dead_code, reason = "plain events are no documents")
    )]
    Document,
    /// Url-encoded (plain events, the outbound `connect` reply).
    Percent,
}

/// The headers of a frame or an event: shared bytes and a lazily built index.
///
/// Cheap to clone. See the [module](self) for the rules of look-up.
///
/// ```
/// use genesis_proto::Headers;
///
/// let headers = Headers::from_encoded("Unique-ID: 7f4d\nCaller-Name: J%C3%B8rn\nX: 1\nX: 2\n");
/// assert_eq!(headers.get("unique-id").as_deref(), Some("7f4d"));
/// assert_eq!(headers.get("Caller-Name").as_deref(), Some("Jørn"));
/// assert_eq!(headers.get_raw("Caller-Name"), Some(&b"J%C3%B8rn"[..]));
/// assert_eq!(headers.get("X").as_deref(), Some("2"));
/// assert_eq!(headers.get_all("X").collect::<Vec<_>>(), ["1", "2"]);
/// ```
#[derive(Clone)]
pub struct Headers {
    bytes: Bytes,
    block: (u32, u32),
    encoding: Encoding,
    index: OnceLock<Arc<[Line]>>,
}

impl Headers {
    pub(crate) fn new(bytes: Bytes, block: (u32, u32), encoding: Encoding) -> Self {
        Self {
            bytes,
            block,
            encoding,
            index: OnceLock::new(),
        }
    }

    /// Headers whose index is known already; `index` holds ranges into `bytes`.
    #[cfg(any(feature = "json", feature = "xml"))]
    pub(crate) fn with_index(bytes: Bytes, index: Vec<Line>) -> Self {
        let block = (0, bytes.len() as u32);
        Self {
            bytes,
            block,
            encoding: Encoding::Document,
            index: OnceLock::from(Arc::from(index)),
        }
    }

    /// Reads a header block whose values are url-encoded, as in a plain event.
    pub fn from_encoded(block: impl Into<Bytes>) -> Self {
        let bytes = block.into();
        let block = (0, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        Self::new(bytes, block, Encoding::Percent)
    }

    /// Reads a header block whose values stand as they are, as in a command.
    pub fn from_raw(block: impl Into<Bytes>) -> Self {
        let mut headers = Self::from_encoded(block);
        headers.encoding = Encoding::Raw;
        headers
    }

    pub(crate) fn block(&self) -> &[u8] {
        &self.bytes[self.block.0 as usize..self.block.1 as usize]
    }

    pub(crate) fn shared(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn index(&self) -> &[Line] {
        self.index.get_or_init(|| {
            let block = self.block();
            // an average header of a real event is 28 bytes long
            let mut index = Vec::with_capacity(block.len() / 24 + 4);
            for_each_line(block, |line| index.push(line));
            index.into()
        })
    }

    /// How many headers there are, repeated ones counted.
    pub fn len(&self) -> usize {
        self.index().len()
    }

    /// There are no headers.
    pub fn is_empty(&self) -> bool {
        self.index().is_empty()
    }

    /// Every header, in the order in which it came.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Header<'_>> + ExactSizeIterator {
        self.index().iter().map(|line| self.header(line))
    }

    fn header(&self, line: &Line) -> Header<'_> {
        let block = self.block();
        Header {
            name: line.name(block),
            value: line.value(block),
            encoding: self.encoding,
            percent: line.percent,
        }
    }

    /// The last header called `name`, whatever its case.
    pub fn find(&self, name: &str) -> Option<Header<'_>> {
        self.iter().rev().find(|header| header.is(name))
    }

    /// The decoded value of the last header called `name`.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.find(name).map(|header| header.value())
    }

    /// The bytes of the last header called `name` as they came over the wire.
    ///
    /// For JSON and XML events these are the bytes after reading the format.
    pub fn get_raw(&self, name: &str) -> Option<&[u8]> {
        self.find(name).map(|header| header.raw())
    }

    /// The decoded values of every header called `name`, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        self.iter()
            .filter(move |header| header.is(name))
            .map(|header| header.value())
    }

    /// There is a header called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The elements of the last header called `name` if it is an array
    /// (`ARRAY::first|:second`, in JSON a list), else `None`.
    pub fn array(&self, name: &str) -> Option<Array<'_>> {
        self.find(name).and_then(|header| header.array())
    }

    /// Calls `each` with the decoded name and value of every header, in order, and is the fastest
    /// way to read them all: one pass, no index, UTF-8 checked once, no allocation once `buffer`
    /// has grown to its working size.
    ///
    /// ```
    /// use genesis_proto::headers::{DecodeBuffer, Headers};
    ///
    /// let headers = Headers::from_encoded("A: 1%202\nB: 3\n");
    /// let mut buffer = DecodeBuffer::new();
    /// let mut all = Vec::new();
    /// headers.decode(&mut buffer, |name, value| all.push(format!("{name}={value}")));
    /// assert_eq!(all, ["A=1 2", "B=3"]);
    /// ```
    pub fn decode(&self, buffer: &mut DecodeBuffer, each: impl FnMut(&str, &str)) {
        let mut each = each;
        match self.encoding {
            Encoding::Percent => buffer.decode_block(self.block(), each),
            Encoding::Raw | Encoding::Document => {
                for header in self.iter() {
                    each(&header.name(), &header.value());
                }
            }
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|h| (h.name(), h.value())))
            .finish()
    }
}

impl PartialEq for Headers {
    /// Equal when the same names (to the letter) have the same decoded values in the same order.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .zip(other.iter())
                .all(|(a, b)| a.raw_name() == b.raw_name() && a.bytes() == b.bytes())
    }
}

impl Eq for Headers {}

/// One header: borrowed from its [`Headers`].
#[derive(Clone, Copy)]
pub struct Header<'a> {
    name: &'a [u8],
    value: &'a [u8],
    encoding: Encoding,
    percent: bool,
}

impl<'a> Header<'a> {
    /// The name as it was spelled; invalid UTF-8 is replaced.
    pub fn name(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.name)
    }

    /// The bytes of the name.
    pub fn raw_name(&self) -> &'a [u8] {
        self.name
    }

    /// The name is `name`, whatever its case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The decoded value; invalid UTF-8 is replaced.
    pub fn value(&self) -> Cow<'a, str> {
        if self.is_encoded() {
            percent::decode_text(self.value)
        } else {
            String::from_utf8_lossy(self.value)
        }
    }

    /// The decoded value as bytes.
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        if self.is_encoded() {
            percent::decode(self.value)
        } else {
            Cow::Borrowed(self.value)
        }
    }

    /// The bytes of the value as they came.
    pub fn raw(&self) -> &'a [u8] {
        self.value
    }

    /// The elements if the value is an array (`ARRAY::first|:second`). Only events have arrays:
    /// in the envelope of a frame such a value is text.
    pub fn array(&self) -> Option<Array<'a>> {
        (self.encoding != Encoding::Raw)
            .then(|| Array::parse(self.value()))
            .flatten()
    }

    fn is_encoded(&self) -> bool {
        self.percent && self.encoding == Encoding::Percent
    }
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.name(), self.value())
    }
}
