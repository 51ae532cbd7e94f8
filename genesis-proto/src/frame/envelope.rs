//! The envelope grammar: `frame = *header LF [body]`, as nom parsers over borrowed bytes.

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::take_while;
use nom::character::complete::digit1;
use nom::combinator::{all_consuming, map_opt};
use nom::sequence::delimited;

use super::FrameKind;
use crate::headers::lines::{find_last, split_lines};
use crate::headers::marks::blank_line;
use crate::{Error, ErrorKind};

/// Where the parts of a frame lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) kind: FrameKind,
    /// End of the header lines.
    pub(crate) head_end: usize,
    /// First byte after the blank line.
    pub(crate) body_start: usize,
    pub(crate) content_length: Option<usize>,
}

impl Shape {
    pub(crate) fn frame_len(&self) -> usize {
        self.body_start
            .saturating_add(self.content_length.unwrap_or(0))
    }

    /// Reads the header lines `block`; `body_start` is where the body would begin.
    ///
    /// Header order is not fixed (the outbound `connect` reply has its Content-Type last), so the
    /// whole block is read before anything is decided. Of a repeated `Content-Length` or
    /// `Content-Type` the first counts.
    pub(crate) fn read(block: &[u8], body_start: usize) -> Result<Self, Error> {
        let mut kind = None;
        let mut content_length = None;
        for line in split_lines(block) {
            if !matches!(line.first(), Some(b'C' | b'c')) {
                continue;
            }
            if let Some(value) = value_of(line, b"content-type") {
                kind.get_or_insert(FrameKind::from_content_type(value));
            } else if content_length.is_none()
                && let Some(value) = value_of(line, b"content-length")
            {
                content_length = Some(length(value).ok_or_else(|| bad_length(value))?);
            }
        }
        Ok(Self {
            kind: kind.unwrap_or(FrameKind::Untyped),
            head_end: block.len(),
            body_start,
            content_length,
        })
    }
}

/// The value of `line` if its name is `name` (lower case).
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = line.split_at_checked(name.len())?;
    let value = head
        .eq_ignore_ascii_case(name)
        .then_some(rest)?
        .strip_prefix(b":")?;
    let value = value.strip_prefix(b" ").unwrap_or(value);
    Some(value.strip_suffix(b"\r").unwrap_or(value))
}

/// A Content-Length: digits, blanks around them allowed.
pub(crate) fn length(value: &[u8]) -> Option<usize> {
    fn blank(input: &[u8]) -> IResult<&[u8], &[u8]> {
        take_while(|b: u8| b == b' ' || b == b'\t').parse(input)
    }
    let digits = map_opt(digit1, |digits: &[u8]| {
        digits.iter().try_fold(0usize, |number, digit| {
            number
                .checked_mul(10)?
                .checked_add(usize::from(digit - b'0'))
        })
    });
    all_consuming(delimited(blank, digits, blank))
        .parse(value)
        .ok()
        .map(|(_, n)| n)
}

fn bad_length(value: &[u8]) -> Error {
    let shown: String = String::from_utf8_lossy(value).chars().take(32).collect();
    Error::new(
        ErrorKind::Malformed,
        format!("Content-Length {shown:?} is not a number, so the frame's end is unknown"),
        None,
    )
}

/// Where the header block at the start of `bytes` ends: `(end of its lines, start of the body)`.
/// The search begins at `from`, so that a block that comes in pieces is scanned once.
pub(crate) fn block_end(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let from = from.saturating_sub(1);
    blank_line(&bytes[from..]).map(|at| (from + at + 1, from + at + 2))
}

/// A frame that borrows the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct FrameRef<'a> {
    bytes: &'a [u8],
    shape: Shape,
}

/// Reads the frame at the start of `input` in place.
///
/// `Ok(None)` when more bytes are needed; else the frame and the number of bytes it and the line
/// feeds before it take. No limits apply here, nothing is copied: for streams use
/// [`Framer`](super::Framer).
///
/// # Errors
///
/// When the `Content-Length` is not a number.
///
/// ```
/// use genesis_proto::frame;
///
/// let bytes = b"Content-Type: command/reply\nReply-Text: +OK bye\n\nContent-Ty";
/// let (frame, used) = frame::parse(bytes)?.unwrap();
/// assert_eq!(frame.header("reply-text"), Some(&b"+OK bye"[..]));
/// assert!(frame::parse(&bytes[used..])?.is_none());
/// # Ok::<(), genesis_proto::Error>(())
/// ```
pub fn parse(input: &[u8]) -> Result<Option<(FrameRef<'_>, usize)>, Error> {
    let skipped = input.iter().take_while(|&&b| b == b'\n').count();
    let bytes = &input[skipped..];
    let Some((head_end, body_start)) = block_end(bytes, 0) else {
        return Ok(None);
    };
    let shape = Shape::read(&bytes[..head_end], body_start)?;
    let len = shape.frame_len();
    if len > bytes.len() {
        return Ok(None);
    }
    Ok(Some((
        FrameRef {
            bytes: &bytes[..len],
            shape,
        },
        skipped + len,
    )))
}

impl<'a> FrameRef<'a> {
    pub(crate) fn from_parts(bytes: &'a [u8], shape: Shape) -> Self {
        Self { bytes, shape }
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// What the `Content-Type` says the frame is.
    pub fn kind(&self) -> FrameKind {
        self.shape.kind
    }

    /// The header lines, without the blank line.
    pub fn header_block(&self) -> &'a [u8] {
        &self.bytes[..self.shape.head_end]
    }

    /// The body, `None` without a `Content-Length`.
    pub fn body(&self) -> Option<&'a [u8]> {
        self.shape
            .content_length
            .map(|_| &self.bytes[self.shape.body_start..])
    }

    /// The raw value of the first header called `name`.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let name = name.to_ascii_lowercase();
        split_lines(self.header_block()).find_map(|line| value_of(line, name.as_bytes()))
    }

    pub(crate) fn content_type(&self) -> &'a [u8] {
        self.header("content-type").unwrap_or(b"")
    }

    /// The block is itself a serialised event: its values are url-encoded.
    pub(crate) fn is_event_block(&self) -> bool {
        // events put Event-Name near the top, but a relayed one may have it anywhere
        matches!(
            self.kind(),
            FrameKind::CommandReply | FrameKind::Untyped | FrameKind::Unknown
        ) && find_last(self.header_block(), b"Event-Name").is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lesson_14_an_unknown_content_type_is_framed_by_its_length() {
        let (frame, used) = parse(b"Content-Type: text/new\nContent-Length: 3\n\nabcX")
            .unwrap()
            .unwrap();
        assert_eq!(
            (frame.kind(), frame.body(), used),
            (FrameKind::Unknown, Some(&b"abc"[..]), 45)
        );
    }

    #[test]
    fn lesson_16_header_names_in_any_case() {
        let (frame, _) = parse(b"content-length: 2\ncontent-TYPE: api/response\n\nok")
            .unwrap()
            .unwrap();
        assert_eq!(
            (frame.kind(), frame.body()),
            (FrameKind::ApiResponse, Some(&b"ok"[..]))
        );
    }

    #[test]
    fn bad_lengths_are_refused_and_named() {
        for bad in ["-5", "abc", "", "1 2", "99999999999999999999999"] {
            let bytes = format!("Content-Length: {bad}\n\n");
            let error = parse(bytes.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("Content-Length"), "{error}");
        }
        assert_eq!(length(b" 12 "), Some(12));
    }

    #[test]
    fn a_block_in_pieces_finds_its_end_across_the_seam() {
        let bytes = b"A: 1\n\nrest";
        for from in 0..6 {
            assert_eq!(block_end(bytes, from), Some((5, 6)), "from {from}");
        }
        assert_eq!(block_end(b"A: 1\n", 5), None);
    }
}
