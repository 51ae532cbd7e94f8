//! The hand-written raw loop: what the bytes cost at least.
//!
//! It splits with memchr and url-decodes every value into one reused buffer. It checks nothing:
//! no UTF-8, no limits, no repeated names, and what it decoded is gone with the next header. No library can be this fast and be of use.

use memchr::{memchr, memmem};

/// How much of the stream comes at once.
pub const CHUNK: usize = 64 * 1024;

/// The memory of the loop, reused from event to event.
#[derive(Debug, Default)]
pub struct Raw {
    buffer: Vec<u8>,
    value: Vec<u8>,
}

impl Raw {
    /// Decodes every header of every event in `stream` and returns the number of events. The
    /// stream comes in pieces, which are copied into a receive buffer as a socket would.
    pub fn decode_all(&mut self, stream: &[u8], mut each: impl FnMut(&[u8], &[u8])) -> u64 {
        let mut value = std::mem::take(&mut self.value);
        let events = self.receive(stream, |document| decode(document, &mut value, &mut each));
        self.value = value;
        events
    }

    /// Calls `each` with the body of every frame and returns the number of frames.
    pub fn receive(&mut self, stream: &[u8], mut each: impl FnMut(&[u8])) -> u64 {
        let mut events = 0;
        for chunk in stream.chunks(CHUNK) {
            self.buffer.extend_from_slice(chunk);
            let mut rest = self.buffer.as_slice();
            while let Some((document, after)) = next_frame(rest) {
                each(document);
                events += 1;
                rest = after;
            }
            let used = self.buffer.len() - rest.len();
            self.buffer.drain(..used);
        }
        events
    }
}

/// The body of the frame at the start of `stream`, and what follows it.
#[inline]
pub fn next_frame(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memmem::find(stream, b"\n\n")?;
    let length = content_length(&stream[..end])?;
    stream[end + 2..].split_at_checked(length)
}

/// The number after `Content-Length: ` in a header block.
#[inline]
pub fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"Content-Length: ";
    let at = memmem::find(head, NAME)? + NAME.len();
    let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}

/// Decodes every header of one event.
#[inline]
pub fn decode(document: &[u8], value: &mut Vec<u8>, each: &mut impl FnMut(&[u8], &[u8])) {
    let mut rest = document;
    while let Some(end) = memchr(b'\n', rest) {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let Some(colon) = memchr(b':', line) else {
            break;
        };
        value.clear();
        url_decode(line.get(colon + 2..).unwrap_or(b""), value);
        each(&line[..colon], value);
    }
}

#[inline]
fn url_decode(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        let digits = rest
            .get(at + 1..at + 3)
            .and_then(|pair| Some((hex(pair[0])?, hex(pair[1])?)));
        match digits {
            Some((high, low)) => {
                out.push(high << 4 | low);
                rest = &rest[at + 3..];
            }
            None => {
                out.push(b'%');
                rest = &rest[at + 1..];
            }
        }
    }
    out.extend_from_slice(rest);
}

#[inline]
fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
