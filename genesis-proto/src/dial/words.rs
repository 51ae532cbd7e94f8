//! How the switch cuts a text at a delimiter, and how to write a text that survives it.
//!
//! Everything here follows `switch_separate_string` and `cleanup_separated_string`
//! (switch_utils.c). One pass takes off one layer: a backslash before a quote, another backslash,
//! the delimiter or one of `n r t s` goes; quotes `'` go; spaces at both ends go unless they were
//! quoted or escaped. A dial string goes through up to five such passes, each for another
//! delimiter, so a text is [`escape`]d once per pass, the last pass first.

use std::borrow::Cow;

use nom::branch::alt;
use nom::character::complete::{anychar, char, none_of};
use nom::combinator::{opt, recognize, value, verify};
use nom::multi::many0_count;
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

/// A backslash and whatever follows it.
fn escaped(input: &str) -> IResult<&str, ()> {
    value((), preceded(char('\\'), opt(anychar))).parse(input)
}

/// From a quote to the next, or to the end if there is none that closes.
fn quoted(input: &str) -> IResult<&str, ()> {
    let inside = many0_count(alt((escaped, value((), none_of("'\\")))));
    value((), (char('\''), inside, opt(char('\'')))).parse(input)
}

/// A quote that opens only if another follows anywhere: delimiters other than the space.
fn quoted_if_closed(input: &str) -> IResult<&str, ()> {
    let (inside, _) = char('\'').parse(input)?;
    let _ = verify(nom::combinator::rest, |rest: &str| rest.contains('\'')).parse(inside)?;
    quoted(input)
}

/// The raw text up to an unquoted delimiter.
fn piece(delimiter: char, input: &str) -> IResult<&str, &str> {
    let other = |input| value((), verify(anychar, |&c| c != delimiter)).parse(input);
    let unit = |input| match delimiter {
        ' ' => alt((escaped, quoted, other)).parse(input),
        _ => alt((escaped, quoted_if_closed, other)).parse(input),
    };
    recognize(many0_count(unit)).parse(input)
}

/// `^^:a:b` names its own delimiter.
fn own_delimiter(input: &str) -> IResult<&str, char> {
    let (rest, (_, delimiter)) = pair(nom::bytes::complete::tag("^^"), anychar).parse(input)?;
    Ok((rest, delimiter))
}

/// `switch_separate_string`: at most `max` words, the last of which takes all that is left.
pub(crate) fn split(input: &str, delimiter: char, max: usize) -> Vec<Cow<'_, str>> {
    let (mut rest, delimiter) = match own_delimiter(input) {
        Ok((rest, own)) if !rest.is_empty() => (rest, own),
        _ => (input, delimiter),
    };
    let removed = (delimiter != ' ').then_some(delimiter);
    let mut words = Vec::new();
    while !rest.is_empty() && words.len() < max {
        if words.len() + 1 == max {
            words.push(clean(rest, removed));
            break;
        }
        let start = if delimiter == ' ' {
            rest.trim_start_matches(' ')
        } else {
            rest
        };
        let Ok((after, word)) = piece(delimiter, start) else {
            break;
        };
        words.push(clean(word, removed));
        rest = after.strip_prefix(delimiter).unwrap_or(after);
        if delimiter == ' ' {
            rest = rest.trim_start_matches(' ');
        }
    }
    words
}

/// `cleanup_separated_string`: takes one layer off a word.
pub(super) fn clean(word: &str, delimiter: Option<char>) -> Cow<'_, str> {
    let word = word.trim_start_matches(' ');
    if !word.contains(['\\', '\'']) {
        return Cow::Borrowed(word.trim_end_matches(' '));
    }
    let mut out = String::with_capacity(word.len());
    let mut end = 0;
    let mut inside = false;
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            let next = chars.clone().next();
            if let Some(plain) = next.and_then(|next| unescaped(next, delimiter)) {
                chars.next();
                out.push(plain);
                end = out.len();
                continue;
            }
        }
        if c == '\'' && (inside || chars.as_str().contains('\'')) {
            inside = !inside;
            if inside {
                end = out.len();
            }
            continue;
        }
        out.push(c);
        if c != ' ' || inside {
            end = out.len();
        }
    }
    out.truncate(end);
    Cow::Owned(out)
}

/// What a backslash and this character stand for, if the switch takes the backslash away.
fn unescaped(next: char, delimiter: Option<char>) -> Option<char> {
    match next {
        '\'' | '"' | '\\' => Some(next),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        's' => Some(' '),
        _ => (Some(next) == delimiter).then_some(next),
    }
}

/// Which delimiter the coming pass removes escapes from, and whether it also cuts there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pass {
    /// Cuts at this delimiter: it is escaped.
    Cut(char),
    /// The delimiter does not cut here any more (the `=` in a value), but `\=` loses its backslash.
    Kept(char),
    /// The delimiter is no character that can occur.
    None,
}

/// Writes `text` so that one pass gives it back.
pub(super) fn escape(text: &str, pass: Pass) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    let delimiter = match pass {
        Pass::Cut(delimiter) | Pass::Kept(delimiter) => Some(delimiter),
        Pass::None => None,
    };
    let first = text.len() - text.trim_start_matches(' ').len();
    let last = text.trim_end_matches(' ').len();
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            ' ' if at < first || at >= last => out.push_str("\\s"),
            '\'' => out.push_str("\\'"),
            '\\' => {
                let next = chars.peek().map(|&(_, next)| next);
                // blanks may be written with a backslash, and the end may be followed by anything
                let blank = |next| matches!(next, ' ' | '\t');
                let ambiguous =
                    next.is_none_or(|next| blank(next) || unescaped(next, delimiter).is_some());
                out.push_str(if ambiguous { "\\\\" } else { "\\" });
            }
            _ => {
                if matches!(pass, Pass::Cut(delimiter) if delimiter == c) {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    out
}

/// Writes one word of an api command's arguments, which are cut at spaces.
pub(crate) fn escape_argument(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    let out = escape(text, Pass::None).replace('\t', "\\t");
    if !out.contains(' ') {
        return out;
    }
    if text.contains('\'') {
        out.replace(' ', "\\s")
    } else {
        format!("'{out}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `switch_separate_string` of FreeSWITCH 1.11.2 makes of these.
    #[test]
    fn splits_as_the_switch_does() {
        let cases: &[(&str, char, &[&str])] = &[
            ("a,b", ',', &["a", "b"]),
            ("a, b ,", ',', &["a", "b"]),
            ("a,,b", ',', &["a", "", "b"]),
            (r"a\,b,c", ',', &["a,b", "c"]),
            ("'a,b',c", ',', &["a,b", "c"]),
            ("it's,b", ',', &["it's", "b"]),
            ("it's,b's", ',', &["its,bs"]),
            (r"it's,b\'s", ',', &["its,b's"]),
            (r"a\nb", ',', &["a\nb"]),
            (r"a\db", ',', &[r"a\db"]),
            ("^^:a:b,c", ',', &["a", "b,c"]),
            ("^^a", ',', &["^^a"]),
            ("a  b 'c d' e", ' ', &["a", "b", "c d", "e"]),
            (r"a\sb c\ d", ' ', &["a b", r"c\ d"]),
            ("", ',', &[]),
        ];
        for (text, delimiter, words) in cases {
            assert_eq!(split(text, *delimiter, 128), *words, "{text:?}");
        }
        assert_eq!(split("a=b=c", '=', 2), ["a", "b=c"]);
    }

    #[test]
    fn one_pass_gives_an_escaped_text_back() {
        let texts = [
            "", " ", " a ", "a b", "it's", r"\", r"\\", r"a\ ", r"\'", r"\d\s\,", "a,b", "\"",
        ];
        for text in texts {
            for (pass, delimiter) in [
                (Pass::Cut(','), Some(',')),
                (Pass::Kept(','), Some(',')),
                (Pass::None, None),
            ] {
                let written = escape(text, pass);
                assert_eq!(clean(&written, delimiter), text, "{written:?}");
            }
            let written = escape(text, Pass::Cut(','));
            assert_eq!(split(&format!("x,{written},y"), ',', 9), ["x", text, "y"]);
            let written = escape_argument(text);
            assert_eq!(split(&format!("x {written} y"), ' ', 9), ["x", text, "y"]);
        }
    }
}
