//! Decoding a whole block at once: one pass, one arena, UTF-8 checked once.

use std::fmt;

use super::lines::{Line, for_each_line};
use crate::percent;

/// Reusable memory for [`Headers::decode`](super::Headers::decode).
#[derive(Default)]
pub struct DecodeBuffer {
    /// What changed in decoding: the values that held a `%`.
    arena: Vec<u8>,
    spans: Vec<Span>,
}

#[derive(Clone, Copy)]
struct Span {
    line: Line,
    /// Where the decoded value lies in the arena; only for lines with a `%`.
    arena: (u32, u32),
}

impl DecodeBuffer {
    /// An empty buffer; it grows to the largest block it has seen and no further.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn decode_block(&mut self, block: &[u8], mut each: impl FnMut(&str, &str)) {
        self.arena.clear();
        self.spans.clear();
        let (arena, spans) = (&mut self.arena, &mut self.spans);
        for_each_line(block, |line| {
            let start = arena.len() as u32;
            if line.percent {
                percent::decode_into(line.value(block), arena);
            }
            spans.push(Span {
                line,
                arena: (start, arena.len() as u32),
            });
        });
        // Slicing checks character boundaries, so two halves of a character that met in the
        // arena, and blocks that are not UTF-8, fall back to the lossy path, value by value.
        let block_text = std::str::from_utf8(block).unwrap_or("");
        let arena_text = std::str::from_utf8(&self.arena).unwrap_or("");
        for span in &self.spans {
            let line = span.line;
            let name = slice(block_text, line.name);
            let value = if line.percent {
                slice(arena_text, span.arena)
            } else {
                slice(block_text, line.value)
            };
            match (name, value) {
                (Some(name), Some(value)) => each(name, value),
                _ => each(
                    &String::from_utf8_lossy(line.name(block)),
                    &percent::decode_text(line.value(block)),
                ),
            }
        }
    }
}

#[inline]
fn slice(text: &str, (start, end): (u32, u32)) -> Option<&str> {
    text.get(start as usize..end as usize)
}

impl fmt::Debug for DecodeBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeBuffer")
            .field("capacity", &self.arena.capacity())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Headers;

    fn both(block: &'static [u8]) {
        let headers = Headers::from_encoded(block);
        let expected: Vec<_> = headers
            .iter()
            .map(|h| (h.name().into_owned(), h.value().into_owned()))
            .collect();
        let mut got = Vec::new();
        DecodeBuffer::new().decode_block(block, |n, v| got.push((n.to_owned(), v.to_owned())));
        assert_eq!(got, expected);
    }

    #[test]
    fn agrees_with_value_by_value_decoding() {
        both(b"A: 1%202\nB: 3\nC: %41\n");
        // the second value starts with the continuation byte of the first
        both(b"A: x%C3\nB: %A9y\nC: z\n");
        // raw bytes that are no UTF-8, in a name and in a value
        both(b"A\xff: 1\nB: \xfe%20\nC: ok\n");
        both(b"");
    }
}
