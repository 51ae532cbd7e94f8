//! Errors of scripts name a file and a line, which must be readable whatever the folders are called.

use std::borrow::Cow;

use crate::config::Telemetry;

/// A line about an error as it may be shown: secrets masked, cut at the limit.
pub(super) fn shown<'a>(telemetry: &Telemetry, line: &'a str) -> Cow<'a, str> {
    match telemetry.shared().secrets.masked_line(line) {
        Cow::Borrowed(text) => Cow::Borrowed(telemetry.cut(text)),
        Cow::Owned(text) => Cow::Owned(telemetry.cut(&text).to_owned()),
    }
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
