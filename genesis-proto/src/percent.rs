//! The url-encoding of event headers, as FreeSWITCH writes it.
//!
//! Decoding follows `switch_url_decode`: `%` and two hex digits are one byte, anything else is
//! literal text (so `%`, `%4` and `%ZZ` stay). A `+` is a plus. Encoding escapes the characters
//! of `SWITCH_URL_UNSAFE` (switch_utils.h) and everything outside printable ASCII.

use std::borrow::Cow;

use memchr::memchr;

fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Appends the decoded form of `raw` to `out`.
pub(crate) fn decode_into(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = push_escape(&rest[at..], out);
    }
    out.extend_from_slice(rest);
}

/// Decodes the escape at the start of `rest` (which starts with `%`) and returns what follows.
#[inline]
pub(crate) fn push_escape<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    if let [_, high, low, ..] = rest
        && let (Some(high), Some(low)) = (hex(*high), hex(*low))
    {
        out.push(high << 4 | low);
        return &rest[3..];
    }
    out.push(b'%');
    &rest[1..]
}

/// Decodes to bytes; borrows when there is nothing to decode.
pub(crate) fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'%', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    decode_into(raw, &mut out);
    Cow::Owned(out)
}

/// Decodes to text, invalid UTF-8 replaced.
pub(crate) fn decode_text(raw: &[u8]) -> Cow<'_, str> {
    match decode(raw) {
        // the check alone is faster than the search for what to replace
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        },
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}

/// How a literal `%` is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Percent {
    /// Always escaped, so that decoding gives back what was encoded.
    Exact,
    /// As the switch does: not escaped in front of two of `0-9A-F` (`switch_url_encode` with
    /// `double_encode` off), so that `%41` reads back as `A`.
    AsTheSwitch,
}

/// Appends the url-encoded form of `value` to `out`.
pub(crate) fn encode_into(value: &[u8], percent: Percent, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let upper = |byte: Option<&u8>| matches!(byte, Some(b'0'..=b'9' | b'A'..=b'F'));
    for (i, &byte) in value.iter().enumerate() {
        let literal = match byte {
            b'%' => {
                percent == Percent::AsTheSwitch
                    && upper(value.get(i + 1))
                    && upper(value.get(i + 2))
            }
            b' ' | b'#' | b'&' | b'+' | b':' | b';' | b'<' | b'=' | b'>' | b'?' | b'@' | b'['
            | b'\\' | b']' | b'^' | b'`' | b'{' | b'|' | b'}' | b'"' => false,
            0x20..=0x7e => true,
            _ => false,
        };
        if literal {
            out.push(byte);
        } else {
            out.extend_from_slice(&[
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lesson_13_bad_percent_sequences_are_literal_text() {
        for text in ["%", "%4", "%ZZ", "a%", "100% and", "%%"] {
            assert_eq!(decode_text(text.as_bytes()), text);
        }
        assert_eq!(decode_text(b"%41%2b+%%41"), "A++%A");
    }

    #[test]
    fn lesson_12_invalid_utf8_is_replaced_and_does_not_fail() {
        assert_eq!(decode_text(b"caf%E9"), "caf\u{fffd}");
        assert_eq!(decode(b"caf%E9").as_ref(), b"caf\xe9");
    }

    #[test]
    fn the_switch_leaves_an_escape_look_alike_alone() {
        let mut out = Vec::new();
        encode_into(b"100% and %41", Percent::AsTheSwitch, &mut out);
        assert_eq!(out, b"100%25%20and%20%41");
    }

    proptest! {
        #[test]
        fn exact_encoding_round_trips(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut out = Vec::new();
            encode_into(&value, Percent::Exact, &mut out);
            prop_assert!(!out.contains(&b'\n') && !out.contains(&b':'));
            prop_assert_eq!(decode(&out).into_owned(), value);
        }
    }
}
