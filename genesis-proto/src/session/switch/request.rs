//! A command as the switch reads it.
//!
//! The rules are those of mod_event_socket.c, `read_packet`, peculiar ones included: a simulated
//! switch that forgives more, or less, than the real one hides mistakes.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use nom::bytes::complete::{take_till, take_while};
use nom::sequence::terminated;
use nom::{IResult, Parser};

/// At this length a block of header lines counts as complete (`max_len`), in bytes: 10 MiB.
pub(super) const MAX_BLOCK: usize = 10 * 1024 * 1024;

/// The longest body (`MAX_CONTENT_LENGTH`), in bytes: 16 MiB.
pub(super) const MAX_BODY: usize = 16 * 1024 * 1024;

/// Why the switch ends a connection without answering the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRequest {
    /// The `Content-Length` is negative or greater than 16 MiB.
    ContentLength,
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentLength => {
                f.write_str("the command's Content-Length is negative or greater than 16 MiB")
            }
        }
    }
}

impl std::error::Error for BadRequest {}

/// What a command asks for, as the switch tells commands apart: by a *prefix*, in any case, in the
/// order of mod_event_socket.c, `parse_command`. So `exitfoo` is `exit` and `logfoo` is `log`,
/// while `auth`, `api`, `bgapi`, `filter` count only with the space behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// `exit` or `...`.
    Exit,
    /// `auth PASSWORD`.
    Auth,
    /// `userauth USER@DOMAIN:PASSWORD`.
    Userauth,
    /// `filter ...`.
    Filter,
    /// `resume`; only on a connection that controls a session.
    Resume,
    /// `connect`; only on a connection that controls a session.
    Connect,
    /// `getvar NAME`; only on a connection that controls a session.
    Getvar,
    /// `myevents`; without an argument only on a connection that controls a session.
    Myevents,
    /// `divert_events on|off`.
    DivertEvents,
    /// `sendmsg [UUID]`.
    Sendmsg,
    /// `sendevent NAME`.
    Sendevent,
    /// `api COMMAND`.
    Api,
    /// `bgapi COMMAND`.
    Bgapi,
    /// `log [LEVEL]`.
    Log,
    /// `linger [SECONDS]`.
    Linger,
    /// `nolinger`.
    Nolinger,
    /// `nolog`.
    Nolog,
    /// `event [FORMAT] NAMES`.
    Event,
    /// `nixevent NAMES`.
    Nixevent,
    /// `noevents`.
    Noevents,
    /// None of them: `-ERR command not found`.
    Unknown,
}

const VERBS: &[(&str, Verb)] = &[
    ("exit", Verb::Exit),
    ("...", Verb::Exit),
    ("auth ", Verb::Auth),
    ("userauth ", Verb::Userauth),
    ("filter ", Verb::Filter),
    ("resume", Verb::Resume),
    ("connect", Verb::Connect),
    ("getvar", Verb::Getvar),
    ("myevents", Verb::Myevents),
    ("divert_events", Verb::DivertEvents),
    ("sendmsg", Verb::Sendmsg),
    ("sendevent", Verb::Sendevent),
    ("api ", Verb::Api),
    ("bgapi ", Verb::Bgapi),
    ("log", Verb::Log),
    ("linger", Verb::Linger),
    ("nolinger", Verb::Nolinger),
    ("nolog", Verb::Nolog),
    ("event", Verb::Event),
    ("nixevent", Verb::Nixevent),
    ("noevents", Verb::Noevents),
];

/// One command in the bytes that a client sent. [`Request`] is the owned form.
///
/// ```
/// use genesis_proto::session::switch::{RequestRef, Verb};
///
/// let (request, rest) = RequestRef::parse(b"api status\n\nexit\n\n").unwrap().unwrap();
/// assert_eq!((request.verb(), request.argument()), (Verb::Api, &b"status"[..]));
/// assert_eq!(rest, b"exit\n\n");
/// ```
#[derive(Clone, Copy)]
pub struct RequestRef<'a> {
    text: &'a [u8],
    body: Option<&'a [u8]>,
}

impl<'a> RequestRef<'a> {
    /// Reads the first command of `input` and gives what follows it; `None` when it is not
    /// complete yet.
    ///
    /// # Errors
    ///
    /// When the switch would end the connection instead of answering.
    pub fn parse(input: &'a [u8]) -> Result<Option<(Self, &'a [u8])>, BadRequest> {
        let Ok((input, _)) = line_ends(input) else {
            return Ok(None);
        };
        let mut end = BlockEnd::default();
        let Some(length) = end.find(input) else {
            return Ok(None);
        };
        Self::with_block(input, length)
    }

    /// The command whose block of lines is the first `length` bytes of `input`.
    pub(super) fn with_block(
        input: &'a [u8],
        length: usize,
    ) -> Result<Option<(Self, &'a [u8])>, BadRequest> {
        let (block, mut rest) = input.split_at(length);
        let text = c_string(block);
        let mut body = None;
        for wanted in body_lengths(text)? {
            let Some((bytes, after)) = rest.split_at_checked(wanted) else {
                return Ok(None);
            };
            body = Some(c_string(bytes)).filter(|bytes| !bytes.is_empty());
            rest = after;
        }
        Ok(Some((Self { text, body }, rest)))
    }

    /// The whole block of lines, up to a NUL.
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The first line.
    pub fn line(&self) -> &'a [u8] {
        cut_line(self.text)
    }

    /// The header lines, in order, as they stand.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        header_lines(self.text)
    }

    /// The body, up to a NUL.
    pub fn body(&self) -> Option<&'a [u8]> {
        self.body
    }

    /// What it asks for.
    pub fn verb(&self) -> Verb {
        split_verb(self.line()).0
    }

    /// The first line after the word that [`verb`](Self::verb) matched, spaces included.
    pub fn argument(&self) -> &'a [u8] {
        split_verb(self.line()).1
    }

    /// The owned form.
    pub fn to_owned(&self) -> Request {
        let mut headers: Vec<(String, Bytes)> = Vec::new();
        for (name, value) in self.headers() {
            let name = String::from_utf8_lossy(name).into_owned();
            if value.is_empty() {
                // setting a header to nothing deletes it (switch_event.c)
                headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
            } else {
                headers.push((name, Bytes::copy_from_slice(value)));
            }
        }
        Request {
            text: Bytes::copy_from_slice(self.text),
            headers,
            body: self.body.map(Bytes::copy_from_slice),
        }
    }
}

impl fmt::Debug for RequestRef<'_> {
    /// Without the text: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestRef")
            .field("verb", &self.verb())
            .finish_non_exhaustive()
    }
}

/// One command of a client, owned.
///
/// Header names are matched in any case. A header that was set to nothing is not there, as the
/// switch keeps none.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    text: Bytes,
    headers: Vec<(String, Bytes)>,
    body: Option<Bytes>,
}

impl Request {
    /// The first line, invalid UTF-8 replaced.
    pub fn line(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(cut_line(&self.text))
    }

    /// The whole block of lines: what the switch holds as header `Command` until it cuts it to the
    /// first line.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }

    /// What it asks for.
    pub fn verb(&self) -> Verb {
        split_verb(cut_line(&self.text)).0
    }

    /// The first line after the word that [`verb`](Self::verb) matched, spaces included.
    pub fn argument(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(split_verb(cut_line(&self.text)).1)
    }

    /// The command began with a NUL or has no text: `-ERR command parse error.` and the end.
    pub fn is_unreadable(&self) -> bool {
        self.text.is_empty()
    }

    /// The first header called `name`, in any case (`switch_event_get_header`).
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(value))
    }

    /// The headers in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_ref()))
    }

    /// The body.
    pub fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }
}

impl fmt::Debug for Request {
    /// Without the text: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("verb", &self.verb())
            .field("headers", &self.headers.len())
            .field("body_len", &self.body.as_ref().map(Bytes::len))
            .finish()
    }
}

/// The search for the end of a block, continued as bytes arrive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BlockEnd {
    scanned: usize,
    line_feeds: u8,
}

impl BlockEnd {
    /// The length of the block at the start of `input`, which begins with no line end. What was
    /// scanned by an earlier call is not looked at again.
    pub(super) fn find(&mut self, input: &[u8]) -> Option<usize> {
        for (at, &byte) in input.iter().enumerate().skip(self.scanned) {
            match byte {
                b'\n' => self.line_feeds += 1,
                b'\r' => {}
                _ => self.line_feeds = 0,
            }
            if self.line_feeds == 2 || at + 1 >= MAX_BLOCK {
                *self = Self::default();
                return Some(at + 1);
            }
        }
        self.scanned = input.len();
        None
    }
}

/// How many CR and LF `input` begins with: they are skipped before a command.
pub(super) fn leading_line_ends(input: &[u8]) -> usize {
    input.iter().take_while(|byte| is_line_end(**byte)).count()
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn line_ends(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while(is_line_end)(input)
}

/// A line up to the first CR, or to the first LF if there is no CR *anywhere* behind: with mixed
/// line ends the switch so loses the lines in between.
fn raw_line(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let end = if input.contains(&b'\r') { b'\r' } else { b'\n' };
    terminated(take_till(move |byte| byte == end), line_ends).parse(input)
}

/// `Name: value`; spaces in front of the value are skipped, and only those.
fn header_line(line: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let (value, name) = take_till(|byte| byte == b':')(line)?;
    let (value, _) = nom::bytes::complete::tag(":")(value)?;
    let (value, _) = take_while(|byte| byte == b' ')(value)?;
    Ok((&[], (name, value)))
}

fn header_lines(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = raw_line(text).map_or(&[][..], |(rest, _)| rest);
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (after, line) = raw_line(rest).ok()?;
            rest = after;
            if let Ok((_, header)) = header_line(cut_line(line)) {
                return Some(header);
            }
        }
        None
    })
}

/// The lengths of the bodies, in the order of the headers that ask for them. Each is read in turn
/// and the last is the one that counts. Together they may not pass the limit of one: that much is
/// more than any client sends, and bounds what is kept.
fn body_lengths(text: &[u8]) -> Result<Vec<usize>, BadRequest> {
    let mut lengths = Vec::new();
    let mut total = 0;
    for (name, value) in header_lines(text) {
        if name.eq_ignore_ascii_case(b"Content-Length") {
            let length = usize::try_from(atoi(value)).map_err(|_| BadRequest::ContentLength)?;
            total += length;
            if total > MAX_BODY {
                return Err(BadRequest::ContentLength);
            }
            if length > 0 {
                lengths.push(length);
            }
        }
    }
    Ok(lengths)
}

/// C's `atoi`: a number at the start, 0 if there is none.
pub(super) fn atoi(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let value = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0_i64, |sum, byte| {
            sum.saturating_mul(10)
                .saturating_add(i64::from(byte - b'0'))
        });
    if negative { -value } else { value }
}

/// The text up to a NUL.
fn c_string(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())]
}

/// The text up to the first CR or LF (`strip_cr`).
fn cut_line(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len())]
}

fn split_verb(line: &[u8]) -> (Verb, &[u8]) {
    for (word, verb) in VERBS {
        if let Some((start, rest)) = line.split_at_checked(word.len())
            && start.eq_ignore_ascii_case(word.as_bytes())
        {
            return (*verb, rest);
        }
    }
    (Verb::Unknown, line)
}

#[cfg(test)]
mod tests;
