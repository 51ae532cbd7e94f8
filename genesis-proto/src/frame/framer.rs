//! Bytes in, frames out.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

use super::envelope::{Shape, block_end};
use super::{Frame, Remainder};
use crate::{Error, Limits};

/// Below this an empty buffer is kept for the next bytes; above it its memory is given back.
const KEEP: usize = 2 * 1024;

/// What the switch wrote of a reply that it cut: 511 characters (`reply[512]` in
/// mod_event_socket.c, `listener_run`).
const REPLY_TEXT_MAX: usize = 511;
const REPLY_PREFIX: &[u8] = b"Content-Type: command/reply\n";

/// How the switch may break the framing of the reply that comes next.
///
/// The client session sets it, because only who knows what was sent can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CutReply {
    /// Replies frame themselves.
    #[default]
    Never,
    /// The answer to `userauth`: a raw header block that is cut after 510 bytes, blank line lost.
    Userauth,
    /// The answer to `getvar`: a value that starts with `~` is written as a raw block without its
    /// blank line, so that the next frame's `Content-Type` is glued to it.
    Getvar,
}

/// Cuts a stream into [`Frame`]s.
///
/// Call [`feed`](Self::feed) with what was read, then [`next_frame`](Self::next_frame) until it
/// gives `None`; at the end of the stream [`finish`](Self::finish) tells what was left over.
/// Frames own exactly their bytes, so a kept frame does not pin a read buffer; when everything is
/// consumed the buffer shrinks back.
///
/// After an error the stream has no known frame boundary: every later call gives the same error.
pub struct Framer {
    buffer: BytesMut,
    /// How much of the buffer was searched for the end of a header block.
    scanned: usize,
    /// The shape of the frame under way, once its header block is complete.
    shape: Option<Shape>,
    /// The stream offset of the buffer's first byte.
    offset: u64,
    limits: Limits,
    cut: CutReply,
    failed: Option<Error>,
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer {
    /// A framer with the default [`Limits`].
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A framer with limits of your own.
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            buffer: BytesMut::new(),
            scanned: 0,
            shape: None,
            offset: 0,
            limits,
            cut: CutReply::Never,
            failed: None,
        }
    }

    /// Adds bytes of the stream.
    ///
    /// # Errors
    ///
    /// The error that made an earlier call fail.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The buffer itself, to read a socket into it without a copy. Only append to it.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// How many bytes wait for the rest of their frame.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// How many more bytes the frame under way needs, if its header block is complete.
    pub fn missing(&self) -> Option<usize> {
        self.shape
            .map(|shape| shape.frame_len().saturating_sub(self.buffer.len()))
    }

    /// Says how the next `command/reply` may be cut; see [`CutReply`].
    pub fn expect_cut(&mut self, cut: CutReply) {
        self.cut = cut;
    }

    /// The next complete frame, or `None` if more bytes are needed.
    ///
    /// # Errors
    ///
    /// A [`Limits`] bound was exceeded, or a `Content-Length` cannot be read. The error says where.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.advance() {
            Ok(frame) => Ok(frame),
            Err(error) => {
                let error = error.placed_at(self.offset);
                self.failed = Some(error.clone());
                self.buffer = BytesMut::new();
                Err(error)
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Frame>, Error> {
        if self.shape.is_none() {
            let line_feeds = self.buffer.iter().take_while(|&&b| b == b'\n').count();
            if self.scanned == 0 && line_feeds > 0 {
                self.consume(line_feeds);
            }
            self.shape = self.read_block()?;
        }
        let Some(shape) = self.shape else {
            self.release_memory();
            return Ok(None);
        };
        let len = shape.frame_len();
        if self.buffer.len() < len {
            return Ok(None);
        }
        let bytes = Bytes::from(self.buffer[..len].to_vec());
        let frame = Frame::new(bytes, shape, self.offset);
        self.consume(len);
        self.shape = None;
        Ok(Some(frame))
    }

    /// Looks for the end of the header block and reads what it says.
    fn read_block(&mut self) -> Result<Option<Shape>, Error> {
        let end = block_end(&self.buffer, self.scanned);
        let (head_end, body_start) = match self.cut_at(end) {
            Some(at) => (at, at),
            None => match end {
                Some(end) => end,
                None => {
                    self.scanned = self.buffer.len();
                    return self.check_block(self.buffer.len()).map(|()| None);
                }
            },
        };
        self.check_block(head_end)?;
        let shape = Shape::read(&self.buffer[..head_end], body_start)?;
        let body = shape.content_length.unwrap_or(0);
        let limits = &self.limits;
        if body > limits.body {
            return Err(self.over("body", body, limits.body));
        }
        // lengths in a frame are kept as u32
        let frame_limit = limits.frame.min(u32::MAX as usize);
        if shape.frame_len() > frame_limit {
            return Err(self.over("frame", shape.frame_len(), frame_limit));
        }
        if shape.kind.is_reply() {
            self.cut = CutReply::Never;
        }
        Ok(Some(shape))
    }

    fn check_block(&self, len: usize) -> Result<(), Error> {
        if len > self.limits.header_block {
            return Err(self.over("header_block", len, self.limits.header_block));
        }
        Ok(())
    }

    fn over(&self, limit: &str, size: usize, bound: usize) -> Error {
        Error::limit(
            format!(
                "the limit `{limit}` of {bound} bytes is exceeded by a frame with {size}; \
                 raise Limits::{limit} if such frames are legitimate"
            ),
            self.offset,
        )
    }

    /// Where the reply at the start of the buffer ends if the switch cut it.
    fn cut_at(&self, end: Option<(usize, usize)>) -> Option<usize> {
        if self.cut == CutReply::Never || !self.buffer.starts_with(REPLY_PREFIX) {
            return None;
        }
        let block_len = end.map_or(self.buffer.len(), |(head_end, _)| head_end);
        match self.cut {
            CutReply::Never => None,
            // the reply starts with a `~`, which is not sent, so 510 characters are
            CutReply::Userauth => {
                let at = REPLY_PREFIX.len() + REPLY_TEXT_MAX - 1;
                let whole = end.is_some_and(|(_, body_start)| body_start <= at);
                (!whole && self.buffer.len() >= at).then_some(at)
            }
            CutReply::Getvar => {
                let from = REPLY_PREFIX.len();
                let glued = memmem::find(&self.buffer[from..block_len], b"Content-")? + from;
                let rest = &self.buffer[glued..];
                let frame_follows =
                    rest.starts_with(b"Content-Type: ") || rest.starts_with(b"Content-Length: ");
                (frame_follows && self.buffer[glued - 1] != b'\n').then_some(glued)
            }
        }
    }

    fn consume(&mut self, len: usize) {
        self.buffer.advance(len);
        self.offset += len as u64;
        self.scanned = 0;
    }

    /// Gives the memory of an empty buffer back, so that an idle connection holds little.
    pub fn release_memory(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP {
            self.buffer = BytesMut::new();
        }
    }

    /// The stream has ended: what is left in the buffer, `None` if it ended between two frames.
    pub fn finish(&mut self) -> Option<Remainder> {
        let rest = std::mem::take(&mut self.buffer).freeze();
        self.shape = None;
        self.scanned = 0;
        (!rest.iter().all(|&b| b == b'\n')).then(|| Remainder::new(rest, self.offset))
    }
}

impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("offset", &self.offset)
            .field("buffered", &self.buffer.len())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
