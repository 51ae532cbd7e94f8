//! A header block cut into lines: the borrowed layer under [`Headers`](super::Headers).

use std::ops::ControlFlow;

use memchr::memchr;

use super::marks::for_each_mark;

/// One header of a block as ranges into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: (u32, u32),
    pub(crate) value: (u32, u32),
    /// The value holds a `%`, so decoding it may change it.
    pub(crate) percent: bool,
}

impl Line {
    #[inline]
    pub(crate) fn name<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        &block[self.name.0 as usize..self.name.1 as usize]
    }

    #[inline]
    pub(crate) fn value<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        &block[self.value.0 as usize..self.value.1 as usize]
    }
}

/// Calls `found` for every header line of `block`, in order, in one pass.
///
/// * A line ends at LF; a CR before it belongs to the line end.
/// * Exactly one space after the colon is the separator: values are never trimmed.
/// * A line without a colon continues the value before it (only a `getvar` reply does that: its
///   value is not encoded, so a multi-line variable spills over lines).
#[inline]
pub(crate) fn for_each_line(block: &[u8], mut found: impl FnMut(Line)) {
    let mut pending: Option<Line> = None;
    let mut start = 0usize;
    let mut colon: Option<usize> = None;
    let mut percent = false;
    let mut end_line = |start: usize, end: usize, colon: Option<usize>, percent: bool| {
        let end = if end > start && block[end - 1] == b'\r' {
            end - 1
        } else {
            end
        };
        if end == start {
            return;
        }
        match colon {
            Some(colon) => {
                if let Some(line) = pending.take() {
                    found(line);
                }
                let mut from = colon + 1;
                if from < end && block[from] == b' ' {
                    from += 1;
                }
                let from = from.min(end);
                pending = Some(Line {
                    name: (start as u32, colon as u32),
                    value: (from as u32, end as u32),
                    percent,
                });
            }
            None => {
                if let Some(line) = &mut pending {
                    line.value.1 = end as u32;
                    line.percent |= percent;
                }
            }
        }
    };
    let is_mark = |byte: u8, _| (byte == b'\n') | (byte == b':') | (byte == b'%');
    for_each_mark(block, is_mark, |at| {
        match block[at] {
            b'\n' => {
                end_line(start, at, colon, percent);
                start = at + 1;
                colon = None;
                percent = false;
            }
            b':' => {
                if colon.is_none() {
                    colon = Some(at);
                }
            }
            _ => percent = true,
        }
        ControlFlow::Continue(())
    });
    end_line(start, block.len(), colon, percent);
    if let Some(line) = pending {
        found(line);
    }
}

/// The raw value of the last header called `name`, found by a scan without building an index.
pub(crate) fn find_last<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut last = None;
    for_each_line(block, |line| {
        if line.name(block).eq_ignore_ascii_case(name) {
            last = Some(line);
        }
    });
    last.map(|line| line.value(block))
}

/// The lines of a block by their ends only, for scans that look at few of them.
pub(crate) fn split_lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = match memchr(b'\n', rest) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(block: &[u8]) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for_each_line(block, |line| {
            all.push((
                String::from_utf8_lossy(line.name(block)).into_owned(),
                String::from_utf8_lossy(line.value(block)).into_owned(),
            ));
        });
        all
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn lesson_17_only_one_space_is_the_separator() {
        assert_eq!(
            lines(b"A: x\nB:  y \nC:z\nD:\nE: \n"),
            [
                pair("A", "x"),
                pair("B", " y "),
                pair("C", "z"),
                pair("D", ""),
                pair("E", "")
            ]
        );
    }

    #[test]
    fn a_line_without_a_colon_continues_the_value() {
        assert_eq!(
            lines(b"noise\nReply-Text: line one\nline two\nX: 1"),
            [pair("Reply-Text", "line one\nline two"), pair("X", "1")]
        );
    }

    #[test]
    fn carriage_returns_belong_to_the_line_end() {
        assert_eq!(
            lines(b"A: x\r\nB: y\r\n\r\n"),
            [pair("A", "x"), pair("B", "y")]
        );
    }

    #[test]
    fn colons_in_values_stay() {
        assert_eq!(
            lines(b"Reply-Text: +OK a:b: c\n"),
            [pair("Reply-Text", "+OK a:b: c")]
        );
    }

    #[test]
    fn find_last_takes_the_last_of_a_repeated_header() {
        let block = b"Event-Name: COMMAND\nX: 1\nevent-name: PRIVATE_COMMAND\n";
        assert_eq!(
            find_last(block, b"Event-Name"),
            Some(&b"PRIVATE_COMMAND"[..])
        );
    }
}
