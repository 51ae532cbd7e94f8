//! Lines about errors of scripts name a file and a line, which must be readable whatever the folders
//! are called.

use std::borrow::Cow;

use super::Secrets;

impl Secrets {
    /// A line about an error with its secrets masked. The first `/PATH:LINE` in it stays, for `/` sets
    /// what is named as a secret to nothing there: `/srv/change_pin/main.lua:7: no`.
    pub(crate) fn masked_line<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let masked = self.masked(line);
        // most lines have no secret in them
        if matches!(masked, Cow::Borrowed(_)) {
            return masked;
        }
        match split(line) {
            Some((before, place, after)) if !self.are_named_in(before.as_bytes()) => {
                Cow::Owned(format!("{before}{place}{}", self.masked(after)))
            }
            _ => masked,
        }
    }
}

/// What is before the place, the place, and what is after it.
fn split(line: &str) -> Option<(&str, &str, &str)> {
    let path = |at: usize| {
        line[..at]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace)
    };
    let start = line
        .match_indices('/')
        .map(|(at, _)| at)
        .find(|at| path(*at))?;
    let colon = start + line[start..].find(':')?;
    let digits = line[colon + 1..]
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count();
    let end = colon + 1 + digits;
    let ends = line[end..].starts_with(':') || end == line.len();
    let clean =
        !line[start..colon].contains(|c: char| c.is_whitespace() || "=@,{}[]<>'\"".contains(c));
    (digits > 0 && ends && clean).then(|| (&line[..start], &line[start..end], &line[end..]))
}
