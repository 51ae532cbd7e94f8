//! Lua's patterns: the matcher of `lstrlib.c`, with a clock.
//!
//! Lua's own matcher looks at nothing while it backtracks, so that a pattern such as
//! `(.-)(.-)(.-)(.-)x` could hold a thread for hours. This one finds the same, and asks every few
//! thousand steps whether it may go on.

use mlua::Result;

/// As in `lstrlib.c`: `LUA_MAXCAPTURES` and `MAXCCALLS`.
const MAX_CAPTURES: usize = 32;
const MAX_DEPTH: u32 = 200;
/// How many steps pass between two looks at the clock: some ten microseconds.
const STEPS: usize = 4096;

/// So many bytes are compared at once.
const SAME: usize = 64;

/// How long a capture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Unfinished,
    Position,
    Bytes(usize),
}

#[derive(Clone, Copy, Debug)]
struct Capture {
    start: usize,
    length: Length,
}

/// What a capture gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Captured {
    /// `()`: the place, from 1.
    Position(usize),
    /// From here to there.
    Range(usize, usize),
}

/// One subject and one pattern.
pub(super) struct Matcher<'a, C> {
    subject: &'a [u8],
    pattern: &'a [u8],
    captures: [Capture; MAX_CAPTURES],
    level: usize,
    depth: u32,
    steps: usize,
    /// An error when the time is up.
    clock: C,
}

fn malformed<T>(text: &str) -> Result<T> {
    Err(mlua::Error::runtime(text))
}

impl<'a, C: Fn() -> Result<()>> Matcher<'a, C> {
    pub(super) fn new(subject: &'a [u8], pattern: &'a [u8], clock: C) -> Self {
        let none = Capture {
            start: 0,
            length: Length::Unfinished,
        };
        Self {
            subject,
            pattern,
            captures: [none; MAX_CAPTURES],
            level: 0,
            depth: 0,
            steps: 0,
            clock,
        }
    }

    /// Matches the pattern, from its byte `pattern`, at exactly this place; gives the end.
    pub(super) fn at(&mut self, place: usize, pattern: usize) -> Result<Option<usize>> {
        self.level = 0;
        self.depth = 0;
        self.match_here(place, pattern)
    }

    /// How many values the match that was found last has: its captures, or itself.
    pub(super) fn values(&self) -> usize {
        self.level.max(1)
    }

    /// How many captures it has.
    pub(super) fn levels(&self) -> usize {
        self.level
    }

    /// One of the values; `start` and `end` are those of the whole match.
    pub(super) fn value(&self, index: usize, start: usize, end: usize) -> Result<Captured> {
        if index >= self.level {
            if index != 0 {
                return malformed(&format!("invalid capture index %{}", index + 1));
            }
            return Ok(Captured::Range(start, end));
        }
        let capture = self.captures[index];
        match capture.length {
            Length::Unfinished => malformed("unfinished capture"),
            Length::Position => Ok(Captured::Position(capture.start + 1)),
            Length::Bytes(length) => Ok(Captured::Range(capture.start, capture.start + length)),
        }
    }

    /// So much has been done, in comparisons of a byte or so.
    pub(super) fn step(&mut self, cost: usize) -> Result<()> {
        self.steps = self.steps.saturating_add(cost);
        if self.steps >= STEPS {
            self.steps = 0;
            (self.clock)()?;
        }
        Ok(())
    }

    /// A byte of the pattern; 0 past its end, as C sees it.
    fn pattern_byte(&self, at: usize) -> u8 {
        self.pattern.get(at).copied().unwrap_or(0)
    }

    fn subject_byte(&self, at: usize) -> u8 {
        self.subject.get(at).copied().unwrap_or(0)
    }

    fn match_here(&mut self, place: usize, pattern: usize) -> Result<Option<usize>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return malformed("pattern too complex");
        }
        let found = self.match_inner(place, pattern);
        self.depth -= 1;
        found
    }

    fn match_inner(&mut self, mut s: usize, mut p: usize) -> Result<Option<usize>> {
        loop {
            self.step(1)?;
            if p >= self.pattern.len() {
                return Ok(Some(s));
            }
            match self.pattern[p] {
                b'(' if self.pattern_byte(p + 1) == b')' => {
                    return self.start_capture(s, p + 2, Length::Position);
                }
                b'(' => return self.start_capture(s, p + 1, Length::Unfinished),
                b')' => return self.end_capture(s, p + 1),
                b'$' if p + 1 == self.pattern.len() => {
                    return Ok((s == self.subject.len()).then_some(s));
                }
                b'%' => match self.pattern_byte(p + 1) {
                    b'b' => match self.balanced(s, p + 2)? {
                        Some(end) => (s, p) = (end, p + 4),
                        None => return Ok(None),
                    },
                    b'f' => {
                        p += 2;
                        if self.pattern_byte(p) != b'[' {
                            return malformed("missing '[' after '%f' in pattern");
                        }
                        let end = self.class_end(p)?;
                        self.step(end - p)?;
                        let before = match s {
                            0 => 0,
                            s => self.subject[s - 1],
                        };
                        let here = self.subject_byte(s);
                        if self.in_set(before, p, end - 1) || !self.in_set(here, p, end - 1) {
                            return Ok(None);
                        }
                        p = end;
                    }
                    digit @ b'0'..=b'9' => match self.same_as_capture(s, digit)? {
                        Some(end) => (s, p) = (end, p + 2),
                        None => return Ok(None),
                    },
                    _ => match self.single(s, p)? {
                        Next::Go(next_s, next_p) => (s, p) = (next_s, next_p),
                        Next::Done(found) => return Ok(found),
                    },
                },
                _ => match self.single(s, p)? {
                    Next::Go(next_s, next_p) => (s, p) = (next_s, next_p),
                    Next::Done(found) => return Ok(found),
                },
            }
        }
    }

    /// One character class and what follows it.
    fn single(&mut self, s: usize, p: usize) -> Result<Next> {
        let end = self.class_end(p)?;
        // a set is read to its end
        self.step(end - p)?;
        let suffix = self.pattern_byte(end);
        if !self.single_match(s, p, end) {
            return Ok(match suffix {
                b'*' | b'?' | b'-' => Next::Go(s, end + 1),
                _ => Next::Done(None),
            });
        }
        Ok(match suffix {
            b'?' => match self.match_here(s + 1, end + 1)? {
                Some(found) => Next::Done(Some(found)),
                None => Next::Go(s, end + 1),
            },
            b'+' => Next::Done(self.most(s + 1, p, end)?),
            b'*' => Next::Done(self.most(s, p, end)?),
            b'-' => Next::Done(self.least(s, p, end)?),
            _ => Next::Go(s + 1, end),
        })
    }

    fn most(&mut self, s: usize, p: usize, end: usize) -> Result<Option<usize>> {
        let mut count = 0;
        while self.single_match(s + count, p, end) {
            self.step(end - p)?;
            count += 1;
        }
        loop {
            if let Some(found) = self.match_here(s + count, end + 1)? {
                return Ok(Some(found));
            }
            if count == 0 {
                return Ok(None);
            }
            count -= 1;
        }
    }

    fn least(&mut self, mut s: usize, p: usize, end: usize) -> Result<Option<usize>> {
        loop {
            if let Some(found) = self.match_here(s, end + 1)? {
                return Ok(Some(found));
            }
            self.step(end - p)?;
            if !self.single_match(s, p, end) {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn start_capture(&mut self, s: usize, p: usize, length: Length) -> Result<Option<usize>> {
        if self.level >= MAX_CAPTURES {
            return malformed("too many captures");
        }
        self.captures[self.level] = Capture { start: s, length };
        self.level += 1;
        let found = self.match_here(s, p)?;
        if found.is_none() {
            self.level -= 1;
        }
        Ok(found)
    }

    fn end_capture(&mut self, s: usize, p: usize) -> Result<Option<usize>> {
        let open = (0..self.level)
            .rev()
            .find(|at| self.captures[*at].length == Length::Unfinished);
        let Some(open) = open else {
            return malformed("invalid pattern capture");
        };
        self.captures[open].length = Length::Bytes(s - self.captures[open].start);
        let found = self.match_here(s, p)?;
        if found.is_none() {
            self.captures[open].length = Length::Unfinished;
        }
        Ok(found)
    }

    fn same_as_capture(&mut self, s: usize, digit: u8) -> Result<Option<usize>> {
        let number = i32::from(digit) - i32::from(b'0');
        let index = usize::try_from(number - 1).ok();
        let capture = index
            .filter(|index| *index < self.level)
            .map(|index| self.captures[index]);
        match capture.map(|capture| (capture.start, capture.length)) {
            None | Some((_, Length::Unfinished)) => {
                malformed(&format!("invalid capture index %{number}"))
            }
            Some((_, Length::Position)) => Ok(None),
            Some((start, Length::Bytes(length))) => {
                self.step(length / SAME)?;
                let captured = &self.subject[start..start + length];
                let same = self.subject[s..].starts_with(captured);
                Ok(same.then_some(s + length))
            }
        }
    }

    fn balanced(&mut self, s: usize, p: usize) -> Result<Option<usize>> {
        if p + 1 >= self.pattern.len() {
            return malformed("malformed pattern (missing arguments to '%b')");
        }
        let (open, close) = (self.pattern[p], self.pattern[p + 1]);
        if self.subject_byte(s) != open {
            return Ok(None);
        }
        let mut depth = 1;
        let mut at = s + 1;
        while at < self.subject.len() {
            self.step(1)?;
            let byte = self.subject[at];
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at + 1));
                }
            } else if byte == open {
                depth += 1;
            }
            at += 1;
        }
        Ok(None)
    }

    /// Where the class that begins at `p` ends.
    fn class_end(&self, p: usize) -> Result<usize> {
        let mut at = p + 1;
        match self.pattern[p] {
            b'%' => {
                if at >= self.pattern.len() {
                    return malformed("malformed pattern (ends with '%')");
                }
                Ok(at + 1)
            }
            b'[' => {
                if self.pattern_byte(at) == b'^' {
                    at += 1;
                }
                loop {
                    if at >= self.pattern.len() {
                        return malformed("malformed pattern (missing ']')");
                    }
                    let byte = self.pattern[at];
                    at += 1;
                    if byte == b'%' && at < self.pattern.len() {
                        at += 1;
                    }
                    if self.pattern_byte(at) == b']' && at < self.pattern.len() {
                        return Ok(at + 1);
                    }
                }
            }
            _ => Ok(at),
        }
    }

    fn single_match(&self, s: usize, p: usize, end: usize) -> bool {
        let Some(byte) = self.subject.get(s).copied() else {
            return false;
        };
        match self.pattern[p] {
            b'.' => true,
            b'%' => in_class(byte, self.pattern[p + 1]),
            b'[' => self.in_set(byte, p, end - 1),
            other => other == byte,
        }
    }

    /// `p` is the `[`, `end` the `]`.
    fn in_set(&self, byte: u8, mut p: usize, end: usize) -> bool {
        let mut found = true;
        if self.pattern_byte(p + 1) == b'^' {
            found = false;
            p += 1;
        }
        loop {
            p += 1;
            if p >= end {
                return !found;
            }
            if self.pattern[p] == b'%' {
                p += 1;
                if in_class(byte, self.pattern_byte(p)) {
                    return found;
                }
            } else if self.pattern_byte(p + 1) == b'-' && p + 2 < end {
                p += 2;
                if self.pattern[p - 2] <= byte && byte <= self.pattern[p] {
                    return found;
                }
            } else if self.pattern[p] == byte {
                return found;
            }
        }
    }
}

/// How the matching of a class goes on.
enum Next {
    Go(usize, usize),
    Done(Option<usize>),
}

/// `%a` and its sisters, in the C locale.
fn in_class(byte: u8, class: u8) -> bool {
    let found = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'g' => byte.is_ascii_graphic(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        // the vertical tab is one of C's blanks and none of Rust's
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        // deprecated, and still there
        b'z' => byte == 0,
        _ => return class == byte,
    };
    found != class.is_ascii_uppercase()
}
