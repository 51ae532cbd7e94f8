//! A plain event in place, and the scan that finds what routing needs.

use std::borrow::Cow;

use memchr::{memchr, memmem};

use crate::headers::lines::{find_last, for_each_line, split_lines};
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
    block: &'a [u8],
    body: Option<&'a [u8]>,
}

impl<'a> EventRef<'a> {
    /// Reads the document of a plain event: headers up to the first blank line, then the body if
    /// a `Content-Length` says that there is one.
    ///
    /// The body is what remains, so that a `content-length` which a `sendevent` client put among
    /// the headers cannot move its start. Nothing here can fail.
    pub fn parse(document: &'a [u8]) -> Self {
        let (block, rest) = match memmem::find(document, b"\n\n") {
            Some(at) => (&document[..at], &document[at + 2..]),
            None => (document, &document[document.len()..]),
        };
        let body =
            (!rest.is_empty() || find_last(block, b"Content-Length").is_some()).then_some(rest);
        Self { block, body }
    }

    /// The header lines.
    pub fn header_block(&self) -> &'a [u8] {
        self.block
    }

    /// The body, `None` if there is none.
    pub fn body(&self) -> Option<&'a [u8]> {
        self.body
    }

    /// The decoded value of the last header called `name`.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        find_last(self.block, name.as_bytes()).map(percent::decode_text)
    }

    /// Every header in order: raw name and raw value, both as they stand on the wire.
    pub fn for_each(&self, mut each: impl FnMut(&'a [u8], &'a [u8])) {
        let block = self.block;
        for_each_line(block, |line| each(line.name(block), line.value(block)));
    }

    /// What routing needs, found by one scan.
    pub fn route(&self) -> Route<'a> {
        Route::scan(self.block)
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
    pub(crate) fn scan(block: &'a [u8]) -> Self {
        let mut route = Self::default();
        for line in split_lines(block) {
            // most lines start with C or v and are done with after one look
            let (expected, target): (&[u8], _) = match line.first() {
                Some(b'E' | b'e') if is_name(line, 10) => {
                    if let Some(value) = value_of(line, b"event-name") {
                        route.name = percent::decode_text(value);
                    }
                    continue;
                }
                Some(b'E' | b'e') => (b"event-subclass", &mut route.subclass),
                Some(b'U' | b'u') => (b"unique-id", &mut route.unique_id),
                Some(b'J' | b'j') => (b"job-uuid", &mut route.job_uuid),
                Some(b'A' | b'a') => (b"application-uuid", &mut route.application_uuid),
                _ => continue,
            };
            if let Some(value) = value_of(line, expected) {
                *target = Some(percent::decode_text(value));
            }
        }
        route
    }
}

#[inline]
fn is_name(line: &[u8], len: usize) -> bool {
    line.get(len) == Some(&b':')
}

#[inline]
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if !is_name(line, name.len()) || !line[..name.len()].eq_ignore_ascii_case(name) {
        return None;
    }
    let value = &line[name.len() + 1..];
    let value = value.strip_prefix(b" ").unwrap_or(value);
    debug_assert!(memchr(b'\n', value).is_none());
    Some(value.strip_suffix(b"\r").unwrap_or(value))
}
