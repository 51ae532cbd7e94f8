//! Headers that were decoded while their format was read (JSON, XML).

use bytes::Bytes;

use super::Headers;
use super::lines::Line;

/// Collects decoded names and values into one buffer with a ready index.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
    index: Vec<Line>,
}

impl Arena {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            index: Vec::with_capacity(bytes / 32),
        }
    }

    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(name.as_bytes());
        let middle = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        let end = self.bytes.len() as u32;
        self.index.push(Line {
            name: (start, middle),
            value: (middle, end),
            percent: false,
        });
    }

    /// Adds an array header in the form that plain events have, `ARRAY::first|:second`.
    pub(crate) fn push_array<V: AsRef<[u8]>>(&mut self, name: &str, values: &[V]) {
        let mut joined = b"ARRAY::".to_vec();
        for (i, value) in values.iter().enumerate() {
            if i > 0 {
                joined.extend_from_slice(b"|:");
            }
            joined.extend_from_slice(value.as_ref());
        }
        self.push(name, &joined);
    }

    pub(crate) fn finish(mut self) -> Headers {
        self.bytes.shrink_to_fit();
        Headers::with_index(Bytes::from(self.bytes), self.index)
    }
}
