//! The log level of a connection and what it does with its session: `log`, `linger`,
//! `divert_events`. Replies are those of mod_event_socket.c, `parse_command`, word for word.

use super::permissions::Permissions;
use super::request::atoi;

const NO_SESSION: &str = "-ERR not controlling a session";

/// The greatest number that stands for a log level, one below `SWITCH_LOG_INVALID`.
const GREATEST_LEVEL: i64 = 63;

/// The log of one connection: off, or every line up to a level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSubscription {
    level: Option<i64>,
}

impl LogSubscription {
    /// `log [LEVEL]`; `argument` is what follows the word. No level is debug.
    pub fn log(&mut self, argument: &str, permissions: &Permissions) -> String {
        if !permissions.log() {
            return "-ERR permission denied".to_owned();
        }
        let word = argument
            .trim_start_matches(' ')
            .split(' ')
            .next()
            .unwrap_or_default();
        let Some(level) = parse_level(word) else {
            return "-ERR invalid log level".to_owned();
        };
        self.level = Some(level);
        format!("+OK log level {word} [{level}]")
    }

    /// `nolog`. The caller drops the lines that are queued, whatever the answer.
    pub fn nolog(&mut self) -> String {
        match self.level.take() {
            Some(_) => "+OK no longer logging".to_owned(),
            None => "-ERR not loging".to_owned(),
        }
    }

    /// A line of this level (0 is the most severe) is written.
    pub fn wants(&self, level: u8) -> bool {
        self.level.is_some_and(|most| most >= i64::from(level))
    }
}

/// A number, or a name in any case (switch_log.c, `switch_log_str2level`).
fn parse_level(word: &str) -> Option<i64> {
    const NAMES: [&str; 9] = [
        "DISABLE", "CONSOLE", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG",
    ];
    if word.is_empty() {
        return Some(7);
    }
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    if digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        let number = atoi(word.as_bytes());
        return Some(if number > 64 {
            GREATEST_LEVEL
        } else {
            number.max(0)
        });
    }
    let at = NAMES
        .iter()
        .position(|name| name.eq_ignore_ascii_case(word))?;
    Some(at as i64 - 1)
}

/// What `linger` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linger {
    /// `linger`: until the client leaves. On the wire it is -1.
    Forever,
    /// `linger N`: that many seconds after the hangup. Negative numbers but -1 are over at once.
    Seconds(i64),
}

impl Linger {
    /// The number that the notice carries as `Linger-Time`.
    pub fn as_seconds(self) -> i64 {
        match self {
            Self::Forever => -1,
            Self::Seconds(seconds) => seconds,
        }
    }

    /// `linger [SECONDS]`; `argument` is what follows the word. Gives the reply, and what to do if
    /// the connection controls a session.
    pub fn command(argument: &str, controls_a_session: bool) -> (String, Option<Self>) {
        if !controls_a_session {
            return (NO_SESSION.to_owned(), None);
        }
        let seconds = match argument.strip_prefix(' ') {
            Some(number) if !number.is_empty() => atoi(number.as_bytes()),
            _ => -1,
        };
        if seconds == -1 {
            return ("+OK will linger".to_owned(), Some(Self::Forever));
        }
        (
            format!("+OK will linger {seconds} seconds"),
            Some(Self::Seconds(seconds)),
        )
    }

    /// The reply to `nolinger`.
    pub fn nolinger(controls_a_session: bool) -> &'static str {
        if controls_a_session {
            "+OK will not linger"
        } else {
            NO_SESSION
        }
    }
}

/// `divert_events on|off`; `argument` is what follows the word. Gives the reply, and whether to
/// divert if something changes.
pub fn divert_events(argument: &str, controls_a_session: bool) -> (&'static str, Option<bool>) {
    if !controls_a_session {
        return ("-ERR not controlling a session.", None);
    }
    match argument.trim_start_matches(' ') {
        "" => ("-ERR missing value.", None),
        word if word.eq_ignore_ascii_case("on") => ("+OK events diverted", Some(true)),
        _ => ("+OK events not diverted", Some(false)),
    }
}

/// The switch takes `text` for "yes" (switch_utils.h, `switch_true`).
pub fn is_true(text: &str) -> bool {
    const YES: [&str; 7] = ["yes", "on", "true", "t", "enabled", "active", "allow"];
    YES.iter().any(|word| word.eq_ignore_ascii_case(text))
        || (!text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-')
            && atoi(text.as_bytes()) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_levels() {
        let all = Permissions::all();
        let mut log = LogSubscription::default();
        assert_eq!(log.nolog(), "-ERR not loging");
        assert_eq!(log.log(" 7", &all), "+OK log level 7 [7]");
        assert_eq!(log.log(" info", &all), "+OK log level info [6]");
        assert!(log.wants(6) && !log.wants(7));
        assert_eq!(log.log("", &all), "+OK log level  [7]");
        assert_eq!(log.log(" 900", &all), "+OK log level 900 [63]");
        assert_eq!(log.log("foo", &all), "-ERR invalid log level");
        assert_eq!(log.log(" disable", &all), "+OK log level disable [-1]");
        assert!(!log.wants(0));
        assert_eq!(log.nolog(), "+OK no longer logging");
        let nobody = Permissions::new(None, None, false);
        assert_eq!(log.log("", &nobody), "-ERR permission denied");
    }

    #[test]
    fn linger_and_divert() {
        assert_eq!(Linger::command(" 2", true).0, "+OK will linger 2 seconds");
        assert_eq!(
            Linger::command("", true),
            ("+OK will linger".into(), Some(Linger::Forever))
        );
        assert_eq!(
            Linger::command("", false).0,
            "-ERR not controlling a session"
        );
        assert_eq!(
            divert_events(" on", true),
            ("+OK events diverted", Some(true))
        );
        assert_eq!(divert_events("", true).0, "-ERR missing value.");
        assert_eq!(
            divert_events(" on", false).0,
            "-ERR not controlling a session."
        );
        assert!(is_true("TRUE") && is_true("1") && !is_true("0") && !is_true(""));
    }
}
