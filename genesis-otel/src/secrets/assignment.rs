//! Where a secret begins and ends in a text that sets its name to it.
//!
//! The grammar is that of FreeSWITCH's dial strings, which JSON is near enough to. Not the parser
//! of dial strings: what is masked here is any text, and what that parser refuses must be hidden,
//! too. Where nobody can tell, more is hidden.

/// A bracket that is open.
#[derive(Clone, Copy)]
struct Open {
    close: u8,
    /// What ends an assignment. Nothing but the bracket does if `^^` sets what is no ASCII.
    delimiter: Option<u8>,
    /// Between two `'`.
    quoted: bool,
}

/// The brackets that are open at a place of a text.
pub(super) struct Brackets<'a> {
    text: &'a [u8],
    open: Vec<Open>,
    /// Where the last `}`, `]`, `>` and `'` stand: a bracket that nothing closes is none.
    last: [Option<usize>; 4],
}

const CLOSE: [u8; 4] = *b"}]>'";

impl<'a> Brackets<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        let last = CLOSE.map(|close| text.iter().rposition(|&byte| byte == close));
        Self {
            text,
            open: Vec::new(),
            last,
        }
    }

    /// Whether `byte` stands somewhere behind `at`.
    fn is_behind(&self, byte: u8, at: usize) -> bool {
        let mut known = CLOSE.iter().zip(self.last);
        known.any(|(&close, last)| close == byte && last.is_some_and(|last| last > at))
    }

    /// Reads the byte at `at`, which is none of a word, and says how many were read.
    pub(super) fn read(&mut self, at: usize) -> usize {
        let next = self.text.get(at + 1).copied();
        match self.text[at] {
            b'{' => self.opens(at, b'}'),
            b'[' => self.opens(at, b']'),
            // elsewhere it is less than
            b'<' if self.is_start(at) => self.opens(at, b'>'),
            close @ (b'}' | b']' | b'>') => {
                if let Some(of) = self.open.iter().rposition(|open| open.close == close) {
                    self.open.truncate(of);
                }
            }
            b'\'' => {
                let more = self.is_behind(b'\'', at);
                if let Some(open) = self.open.last_mut() {
                    open.quoted = !open.quoted && more;
                }
            }
            b'\\' if matches!(next, Some(b'\'' | b'\\')) => return 2,
            // no word begins with the digits of an encoded byte
            b'%' if encoded(self.text, at).is_some() => return 3,
            _ => {}
        }
        1
    }

    fn is_start(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map(|before| self.text[before]);
        let after = self.text.get(at + 1);
        before.is_none_or(|byte| !byte.is_ascii_alphanumeric())
            && after.is_some_and(|byte| !byte.is_ascii_whitespace())
    }

    fn opens(&mut self, at: usize, close: u8) {
        let delimiter = match self.text.get(at + 1..at + 4) {
            Some([b'^', b'^', own]) => own.is_ascii().then_some(*own),
            // what is within a list has to leave that list's delimiter alone
            _ => self.open.last().map_or(Some(b','), |outer| outer.delimiter),
        };
        self.open.push(Open {
            close,
            delimiter,
            quoted: false,
        });
    }

    /// Where the secret begins whose name ends before `at`, if the name is set to anything.
    pub(super) fn start(&mut self, at: usize) -> Option<Start> {
        let text = self.text;
        let mut gap = Gap { text, at };
        gap.take_while(usize::MAX, |byte| is_blank(byte) || is_quote(byte));
        // `db insert/REALM/password/X` is an assignment, too
        gap.take_while(2, |byte| matches!(byte, b'=' | b':' | b'/'));
        gap.take_while(usize::MAX, is_blank);
        let quote = gap.take_while(1, is_quote);
        if gap.at == at || gap.at >= text.len() {
            return None;
        }
        let mut read = at;
        while read < gap.at {
            read += self.read(read);
        }
        Some(Start { at: gap.at, quote })
    }

    /// Where the secret ends that begins there. Always a boundary of characters, for the ends are
    /// ASCII.
    pub(super) fn end(&self, start: Start) -> usize {
        let text = self.text;
        let Start { mut at, quote } = start;
        let open = self
            .open
            .iter()
            .rfind(|open| self.is_behind(open.close, at.saturating_sub(1)));
        let mut quote = quote.or_else(|| open.is_some_and(|open| open.quoted).then_some(b'\''));
        // brackets in the value: those of the kind that is open, and those that it begins with
        let (mut depth, mut first) = (0_usize, None);
        let kinds = text.get(at).and_then(|&byte| closing(byte));
        if let Some(close) = kinds.filter(|&close| open.is_some_and(|open| open.close != close)) {
            first = Some((text[at], close));
        }
        let mut within = 0_usize;
        while let Some(&byte) = text.get(at) {
            if byte == b'\\' {
                // a backslash takes the meaning from what follows it
                at += 2;
                continue;
            }
            if let Some(end) = quote {
                if byte == end && self.is_over(at + 1, open) {
                    return at;
                }
                at += 1;
                continue;
            }
            if let Some(open) = open {
                if depth == 0 && within == 0 {
                    let delimits = Some(byte) == open.delimiter && self.is_behind(open.close, at);
                    if byte == open.close || delimits {
                        return at;
                    }
                }
                if byte == open.close {
                    depth = depth.saturating_sub(1);
                } else if closing(byte) == Some(open.close) {
                    depth += 1;
                } else if first.is_some_and(|(opening, _)| opening == byte) {
                    within += 1;
                } else if first.is_some_and(|(_, close)| close == byte) {
                    within = within.saturating_sub(1);
                } else if byte == b'\'' && self.is_behind(b'\'', at) {
                    quote = Some(b'\'');
                }
            }
            at += 1;
        }
        text.len()
    }

    /// Whether an assignment is over at `at`, behind a quote.
    fn is_over(&self, at: usize, open: Option<&Open>) -> bool {
        let rest = self.text.get(at..).unwrap_or_default();
        let blanks = rest.iter().take_while(|&&byte| is_blank(byte)).count();
        let Some(&byte) = rest.get(blanks) else {
            return true;
        };
        match open {
            Some(open) => byte == open.close || Some(byte) == open.delimiter || byte == b'\n',
            None => blanks > 0 || b",;)}]>&\r\n".contains(&byte),
        }
    }
}

/// Where a secret begins.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) at: usize,
    /// The quote that it begins behind.
    quote: Option<u8>,
}

/// What stands between a name and what it is set to.
struct Gap<'a> {
    text: &'a [u8],
    at: usize,
}

impl Gap<'_> {
    /// Reads at most `limit` of what `wanted` wants, percent-encoded or not, and gives the last.
    fn take_while(&mut self, limit: usize, wanted: impl Fn(u8) -> bool) -> Option<u8> {
        let mut last = None;
        for _ in 0..limit {
            let Some(&byte) = self.text.get(self.at) else {
                break;
            };
            let (byte, length) = match byte {
                // quotes within quotes, as in JSON within JSON
                b'\\' => match self.text.get(self.at + 1) {
                    Some(&byte) if is_quote(byte) => (byte, 2),
                    _ => break,
                },
                _ => encoded(self.text, self.at).map_or((byte, 1), |byte| (byte, 3)),
            };
            if !wanted(byte) {
                break;
            }
            last = Some(byte);
            self.at += length;
        }
        last
    }
}

/// The byte that is percent-encoded at `at`.
fn encoded(text: &[u8], at: usize) -> Option<u8> {
    let [b'%', digits @ ..] = text.get(at..at + 3)? else {
        return None;
    };
    let digits = std::str::from_utf8(digits).ok()?;
    let byte = u8::from_str_radix(digits, 16).ok()?;
    (!digits.starts_with('+')).then_some(byte)
}

fn closing(open: u8) -> Option<u8> {
    match open {
        b'{' => Some(b'}'),
        b'[' => Some(b']'),
        b'<' => Some(b'>'),
        _ => None,
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

/// Whether something may be set to something in a text with this byte in it.
pub(super) fn may_assign(byte: u8) -> bool {
    is_blank(byte) || is_quote(byte) || matches!(byte, b'=' | b':' | b'/' | b'(' | b'%')
}
