//! A plain event in place, and the scan that finds what routing needs.

use std::borrow::Cow;
use std::ops::ControlFlow;

use memchr::{memchr, memrchr};

use crate::headers::DecodeBuffer;
use crate::headers::lines::{find_last, for_each_line};
use crate::headers::marks::{blank_line, for_each_mark};
use crate::percent;

/// A plain event that borrows the document it was read from.
///
/// ```
/// use genesis_proto::event::EventRef;
///
/// let event = EventRef::parse(b"Event-Name: MESSAGE\nContent-Length: 2\n\nhi");
/// assert_eq!(event.get("event-name").as_deref(), Some("MESSAGE"));
/// assert_eq!(event.body(), Some(&b"hi"[..]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct EventRef<'a> {
    document: &'a [u8],
}

impl<'a> EventRef<'a> {
    /// Takes the document of a plain event: headers up to the first blank line, then the body if
    /// a `Content-Length` says that there is one.
    ///
    /// The body is what remains, so that a `content-length` which a `sendevent` client put among
    /// the headers cannot move its start. Nothing here can fail.
    pub fn parse(document: &'a [u8]) -> Self {
        Self { document }
    }

    /// The header lines, and the body if there is one.
    pub(crate) fn split(&self) -> (&'a [u8], Option<&'a [u8]>) {
        let (block, rest) = match blank_line(self.document) {
            Some(at) => (&self.document[..at], &self.document[at + 2..]),
            None => (self.document, &[][..]),
        };
        // the switch writes Content-Length last (switch_event.c, `switch_event_serialize`)
        let last = memrchr(b'\n', block).map_or(block, |at| &block[at + 1..]);
        let has_body = !rest.is_empty() || value_of(last, b"content-length").is_some();
        (block, has_body.then_some(rest))
    }

    /// The header lines.
    pub fn header_block(&self) -> &'a [u8] {
        self.split().0
    }

    /// The body, `None` if there is none.
    pub fn body(&self) -> Option<&'a [u8]> {
        self.split().1
    }

    /// The decoded value of the last header called `name`.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        find_last(self.header_block(), name.as_bytes()).map(percent::decode_text)
    }

    /// Every header in order: raw name and raw value, both as they stand on the wire.
    pub fn for_each(&self, mut each: impl FnMut(&'a [u8], &'a [u8])) {
        let block = self.header_block();
        for_each_line(block, |line| each(line.name(block), line.value(block)));
    }

    /// Calls `each` with the decoded name and value of every header, see
    /// [`Headers::decode`](crate::Headers::decode).
    pub fn decode(&self, buffer: &mut DecodeBuffer, each: impl FnMut(&str, &str)) {
        buffer.decode_block(self.header_block(), each);
    }

    /// What routing needs, found by one scan.
    pub fn route(&self) -> Route<'a> {
        Route::scan(self.document)
    }
}

/// The keys by which events find their readers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route<'a> {
    /// `Event-Name`, empty if there is none.
    pub name: Cow<'a, str>,
    /// `Unique-ID`: the channel.
    pub unique_id: Option<Cow<'a, str>>,
    /// `Event-Subclass` of a CUSTOM event.
    pub subclass: Option<Cow<'a, str>>,
    /// `Job-UUID` of a BACKGROUND_JOB.
    pub job_uuid: Option<Cow<'a, str>>,
    /// `Application-UUID` of CHANNEL_EXECUTE and CHANNEL_EXECUTE_COMPLETE.
    pub application_uuid: Option<Cow<'a, str>>,
}

impl<'a> Route<'a> {
    /// Reads the header lines of `document`, up to the blank line if there is one.
    pub(crate) fn scan(document: &'a [u8]) -> Self {
        let mut route = Self::default();
        route.read(document);
        // Line ends that are followed by the first letter of a name below, or by another line end.
        // Of each letter four bits are compared, which lets few others in: 0001 and 0101 are A, E
        // and U, 1010 is J and the line end.
        let is_mark = |byte: u8, next: u8| {
            let bits = next & 0b1011;
            (byte == b'\n') & ((bits == 0b0001) | (bits == 0b1010))
        };
        for_each_mark(document, is_mark, |at| {
            let line = &document[at + 1..];
            if line.first() == Some(&b'\n') {
                return ControlFlow::Break(());
            }
            route.read(line);
            ControlFlow::Continue(())
        });
        route
    }

    /// Reads the line at the start of `rest`. A repeated name replaces what was read before.
    #[inline]
    fn read(&mut self, rest: &'a [u8]) {
        // the place of the colon rules most lines out
        let (name, target): (&[u8], _) = match rest.first() {
            // the shorter name first: a value of it may have a colon where the longer name ends
            Some(b'E' | b'e') if is_name(rest, 10) => {
                if let Some(value) = value_of(rest, b"event-name") {
                    self.name = percent::decode_text(value);
                }
                return;
            }
            Some(b'E' | b'e') => (b"event-subclass", &mut self.subclass),
            Some(b'U' | b'u') => (b"unique-id", &mut self.unique_id),
            Some(b'J' | b'j') => (b"job-uuid", &mut self.job_uuid),
            Some(b'A' | b'a') => (b"application-uuid", &mut self.application_uuid),
            _ => return,
        };
        if let Some(value) = value_of(rest, name) {
            *target = Some(percent::decode_text(value));
        }
    }
}

#[inline]
fn is_name(line: &[u8], len: usize) -> bool {
    line.get(len) == Some(&b':')
}

/// The value of the line at the start of `rest` if its name is `name` (lower case).
#[inline]
fn value_of<'a>(rest: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if !is_name(rest, name.len()) || !rest[..name.len()].eq_ignore_ascii_case(name) {
        return None;
    }
    let value = &rest[name.len() + 1..];
    let value = memchr(b'\n', value).map_or(value, |end| &value[..end]);
    let value = value.strip_prefix(b" ").unwrap_or(value);
    Some(value.strip_suffix(b"\r").unwrap_or(value))
}
