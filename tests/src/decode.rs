//! Bytes to the JSON lines of the reference, through the public API.

use genesis_proto::frame::Frame;
use genesis_proto::{Error, Framer};

/// How a stream is handed to the framer.
#[derive(Clone, Copy, Debug)]
pub enum Chunking {
    /// In one piece.
    Whole,
    /// One byte at a time.
    Bytes,
    /// Pieces of 1 to 3000 bytes, many of them short; the seed decides.
    Random(u64),
}

impl Chunking {
    /// Cuts `bytes`.
    pub fn cut(self, bytes: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::Whole => vec![bytes],
            Self::Bytes => bytes.chunks(1).collect(),
            Self::Random(seed) => {
                let mut random = fastrand::Rng::with_seed(seed);
                let mut rest = bytes;
                let mut chunks = Vec::new();
                while !rest.is_empty() {
                    let longest = [3, 40, 600, 3000][random.usize(..4)];
                    let (chunk, after) = rest.split_at(random.usize(1..=longest).min(rest.len()));
                    chunks.push(chunk);
                    rest = after;
                }
                chunks
            }
        }
    }
}

/// What became of a stream.
#[derive(Debug)]
pub struct Decoded {
    /// The whole frames, in order.
    pub frames: Vec<Frame>,
    /// Where the unfinished frame stands: its header block, or its body if the block is whole.
    pub truncated: Option<u64>,
}

impl Decoded {
    /// One JSON line per frame, as the reference writes them.
    pub fn lines(&self) -> Vec<String> {
        let frame = |frame: &Frame| serde_json::to_string(frame).unwrap_or_else(|e| e.to_string());
        let mut lines: Vec<String> = self.frames.iter().map(frame).collect();
        if let Some(offset) = self.truncated {
            lines.push(format!(r#"{{"error":"truncated","offset":{offset}}}"#));
        }
        lines
    }
}

/// Reads a stream that comes in `chunks`.
///
/// # Errors
///
/// What the framer refused.
pub fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Decoded, Error> {
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        framer.feed(chunk)?;
        while let Some(frame) = framer.next_frame()? {
            frames.push(frame);
        }
    }
    let truncated = framer.finish().map(|rest| {
        let block = rest.bytes().windows(2).position(|pair| pair == b"\n\n");
        rest.offset() + block.map_or(0, |at| at as u64 + 2)
    });
    Ok(Decoded { frames, truncated })
}

/// Reads a stream in one piece to the JSON lines of the reference.
///
/// # Errors
///
/// What the framer refused.
pub fn decode(bytes: &[u8]) -> Result<Vec<String>, Error> {
    Ok(frames([bytes])?.lines())
}
