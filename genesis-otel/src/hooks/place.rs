//! Errors of scripts name a file and a line, which must be readable whatever the folders are called.

use std::borrow::Cow;

use crate::config::Telemetry;

/// A line about an error as it may be shown: secrets masked, cut at the limit. The first
/// `/PATH:LINE` in it stays, for `/` sets what is named as a secret to nothing there:
/// `/srv/change_pin/main.lua:7: no`.
pub(super) fn shown<'a>(telemetry: &Telemetry, line: &'a str) -> Cow<'a, str> {
    let masked = telemetry.shown(line);
    // most lines have no secret in them
    if matches!(masked, Cow::Borrowed(_)) {
        return masked;
    }
    let secrets = &telemetry.shared().secrets;
    match split(line) {
        Some((before, place, after)) if !secrets.are_named_in(before.as_bytes()) => {
            let whole = format!("{before}{place}{}", secrets.masked(after));
            Cow::Owned(telemetry.cut(&whole).to_owned())
        }
        _ => masked,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lesson_42_the_place_of_an_error_is_readable_and_secrets_are_not() {
        let telemetry = Telemetry::builder().build();
        for (line, expected) in [
            (
                "/srv/change_pin/main.lua:7: no",
                "/srv/change_pin/main.lua:7: no",
            ),
            (
                "the handler failed: /srv/reset-password/a.lua:7: pin=1234",
                "the handler failed: /srv/reset-password/a.lua:7: pin=***",
            ),
            (
                "\t/srv/pin/a.lua:12: in function 'f'",
                "\t/srv/pin/a.lua:12: in function 'f'",
            ),
            ("/srv/pin/a.lua:12", "/srv/pin/a.lua:12"),
            // no places
            (
                "db insert/REALM/password/hunter2",
                "db insert/REALM/password/***",
            ),
            ("password /hunter2:5: no", "password /***"),
            ("pin=/1234:5: no", "pin=/***"),
            ("/a password=x:5: no", "/a password=***"),
            ("/pin/1234", "/pin/***"),
            ("/pin/1234:", "/pin/***"),
            ("/pin/a=b:5: no", "/pin/***"),
        ] {
            assert_eq!(shown(&telemetry, line), expected, "{line}");
        }
        let long = format!("/srv/pin/{}.lua:7: no", "x".repeat(300));
        assert_eq!(shown(&telemetry, &long).len(), 256);
    }
}
