//! Decoding a whole block at once: one pass, one scratch buffer, UTF-8 of the block checked once.

use std::fmt;

use super::lines::for_each_line;
use crate::percent;

/// Reusable memory for [`Headers::decode`](super::Headers::decode).
#[derive(Default)]
pub struct DecodeBuffer {
    /// The decoded form of the value at hand, if it held a `%`.
    value: Vec<u8>,
}

impl DecodeBuffer {
    /// An empty buffer; it grows to the longest value it has seen and no further.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn decode_block(&mut self, block: &[u8], mut each: impl FnMut(&str, &str)) {
        // A block that is not UTF-8 (the switch escapes what is not ASCII in values, not in names)
        // takes the lossy path, line by line.
        let text = std::str::from_utf8(block).ok();
        for_each_line(block, |line| {
            let name = text.and_then(|text| slice(text, line.name));
            let value = if line.percent {
                self.value.clear();
                percent::decode_into(line.value(block), &mut self.value);
                std::str::from_utf8(&self.value).ok()
            } else {
                text.and_then(|text| slice(text, line.value))
            };
            match (name, value) {
                (Some(name), Some(value)) => each(name, value),
                _ => each(
                    &String::from_utf8_lossy(line.name(block)),
                    &percent::decode_text(line.value(block)),
                ),
            }
        });
    }
}

#[inline]
fn slice(text: &str, (start, end): (u32, u32)) -> Option<&str> {
    text.get(start as usize..end as usize)
}

impl fmt::Debug for DecodeBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeBuffer")
            .field("capacity", &self.value.capacity())
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
