//! Values of options: read, or refused with what is allowed.

use std::net::SocketAddr;
use std::time::Duration;

use genesis_channel::Pace;
use genesis_client::HeaderFilter;
use genesis_client::proto::dial::{Application, DialString, Leg};
use genesis_client::proto::name::LogLevel;
use genesis_client::proto::{HangupCause, Secret};

use crate::exit::Failure;

/// How many names are offered for one that does not exist.
const OFFERED: usize = 3;

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("write a number of seconds greater than 0".to_owned()),
    }
}

/// What a phone presses.
pub(super) fn digits(text: &str) -> Result<String, String> {
    match text
        .chars()
        .all(|c| matches!(c, '0'..='9' | 'a'..='d' | 'A'..='D' | '*' | '#'))
    {
        true => Ok(text.to_owned()),
        false => Err("write digits, `*` and `#`, as a phone has them".to_owned()),
    }
}

/// How long calls may ring, in seconds; as long as the library allows.
pub(super) fn ring_seconds(text: &str) -> Result<Duration, String> {
    let day = Duration::from_secs(24 * 60 * 60);
    match seconds(text) {
        Ok(time) if time <= day => Ok(time),
        _ => Err("write a number of seconds greater than 0 and at most 86400, a day".to_owned()),
    }
}

/// How many originates a second.
pub(super) fn pace(text: &str) -> Result<Pace, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(Pace::PerSecond(number)),
        Err(_) if text.eq_ignore_ascii_case("off") => Ok(Pace::Unlimited),
        _ => Err("write a whole number of originates a second, 1 or more, or `off`".to_owned()),
    }
}

/// The errors of regular expressions draw a picture of several lines; the last one says it.
pub(super) fn filter(text: &str) -> Result<HeaderFilter, String> {
    text.parse().map_err(|error: genesis_client::Error| {
        let message = error.to_string();
        match message.split_once("regex parse error") {
            Some((before, picture)) => {
                let said = picture.lines().last().unwrap_or_default().trim();
                format!("{before}{}", said.trim_start_matches("error: "))
            }
            None => message,
        }
    })
}

pub(super) fn log_level(text: &str) -> Result<LogLevel, String> {
    let named = LogLevel::ALL.iter().find(|level| {
        let name = level.as_str();
        text.eq_ignore_ascii_case(name) || (name == "ERR" && text.eq_ignore_ascii_case("ERROR"))
    });
    let numbered = || {
        text.parse()
            .ok()
            .filter(|number| *number < 8)
            .and_then(LogLevel::from_number)
    };
    named.copied().or_else(numbered).ok_or_else(|| {
        "write CONSOLE, ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG, or 0 to 7".to_owned()
    })
}

/// An address to listen on: a name, or an IP address, with a port.
pub(super) fn listen(text: &str) -> Result<String, String> {
    let by_name = |text: &str| {
        let (host, port) = text.rsplit_once(':')?;
        let name = !host.is_empty() && !host.contains([':', '/', '[', ']']);
        (name && !host.contains(char::is_whitespace)).then_some(())?;
        port.parse::<u16>().ok()
    };
    if text.parse::<SocketAddr>().is_ok() || by_name(text).is_some() {
        return Ok(text.to_owned());
    }
    Err(
        "write HOST:PORT, for example localhost:8021, 127.0.0.1:8021 or [::1]:8021; port 0 is any \
         free one"
            .to_owned(),
    )
}

/// A hangup cause by its name, in any case, or by its number.
pub(super) fn cause(text: &str) -> Result<HangupCause, String> {
    let cause = HangupCause::from(text.to_ascii_uppercase().as_str());
    if cause.is_known() {
        return Ok(cause);
    }
    Err(format!(
        "there is no such hangup cause; the nearest are {}",
        nearest_causes(text).join(", ")
    ))
}

fn nearest_causes(text: &str) -> Vec<&'static str> {
    let text = text.to_ascii_uppercase().replace(['-', ' '], "_");
    let distance = |name: &str| {
        let whole = strsim::osa_distance(&text, name);
        // `busy` is meant for USER_BUSY, however many letters are missing
        let part = name
            .split('_')
            .map(|word| strsim::osa_distance(&text, word) + 1);
        part.min().map_or(whole, |part| part.min(whole))
    };
    let mut names: Vec<(usize, &'static str)> = HangupCause::ALL_KNOWN
        .iter()
        .map(|cause| (distance(cause.as_str()), cause.as_str()))
        .collect();
    names.sort_by_key(|(distance, _)| *distance);
    let names = names.into_iter().map(|(_, name)| name);
    names.take(OFFERED).collect()
}

/// Reads values that may hold a password (a channel variable, a dial string). clap would show what
/// it refuses; the error here says what is wrong and not with what.
fn read_all<T>(
    what: &str,
    values: &[Secret],
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, Failure> {
    let mut all = Vec::with_capacity(values.len());
    for (place, value) in values.iter().enumerate() {
        all.push(read(value.expose()).map_err(|reason| {
            let which = match values.len() {
                1 => String::new(),
                _ => format!(" (number {})", place + 1),
            };
            Failure::usage(format!("invalid value for {what}{which}: {reason}"))
        })?);
    }
    Ok(all)
}

/// The channel variables of `--var`: names and values.
pub(crate) fn variables(values: &[Secret]) -> Result<Vec<(String, String)>, Failure> {
    read_all("--var", values, variable)
}

/// The dial strings that stand for `what`. `instead`: what to do with an application or extension
/// behind one.
pub(crate) fn dial_strings(
    what: &str,
    values: &[Secret],
    instead: &str,
) -> Result<Vec<DialString>, Failure> {
    read_all(what, values, |text| {
        let dial = DialString::parse(text).map_err(|error| error.to_string())?;
        match more_than_a_dial_string(&dial) {
            true => Err(format!(
                "there is more behind a blank than a dial string; {instead}"
            )),
            false => Ok(dial),
        }
    })
}

/// Somebody wrote all of `originate`'s arguments: `user/1000 &park`, `user/1000 9664`. An endpoint may
/// hold blanks (`loopback/app=playback:/a file.wav`), but not before an application, nor before a
/// last word without a slash.
fn more_than_a_dial_string(dial: &DialString) -> bool {
    dial.legs().any(|leg| {
        let endpoint = leg.leg().endpoint().as_str().trim();
        let behind = endpoint.split_once(char::is_whitespace);
        behind.is_some_and(|(_, rest)| rest.trim_start().starts_with('&') || !rest.contains('/'))
    })
}

/// The destinations of `--delay`, and when they ring.
pub(crate) fn delays(values: &[Secret]) -> Result<Vec<(String, Duration)>, Failure> {
    read_all("--delay", values, delay)
}

/// The destinations of `--weight`, and their weights.
pub(crate) fn weights(values: &[Secret]) -> Result<Vec<(String, u32)>, Failure> {
    read_all("--weight", values, weight)
}

/// A channel variable: its name and its value, which may be empty.
fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            let name = name.trim();
            // what cannot be sent is said before anything is, by the name of the variable
            let leg = Leg::new("null/any").and_then(|leg| leg.variable(name, value));
            leg.map_err(|error| error.to_string())?;
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Who seems to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallerId {
    pub(crate) name: String,
    pub(crate) number: String,
}

/// `NUMBER`, or `NAME <NUMBER>`. A number alone is the name too.
pub(super) fn caller_id(text: &str) -> Result<CallerId, String> {
    let text = text.trim();
    let (name, number) = match text
        .strip_suffix('>')
        .and_then(|text| text.rsplit_once('<'))
    {
        Some((name, number)) => (unquoted(name.trim()).trim(), number.trim()),
        None => (text, text),
    };
    if number.is_empty() || number.contains(['<', '>']) || text.contains(char::is_control) {
        return Err("write NUMBER, or NAME <NUMBER>".to_owned());
    }
    let name = if name.is_empty() { number } else { name };
    Ok(CallerId {
        name: name.to_owned(),
        number: number.to_owned(),
    })
}

/// Without the quotes around it, if it has both.
fn unquoted(name: &str) -> &str {
    let inner = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    inner.unwrap_or(name)
}

/// `playback file.wav`, and as `originate` writes it: `&playback(file.wav)`.
pub(super) fn application(text: &str) -> Result<Application, String> {
    let text = text.trim();
    let (name, argument) = match text.strip_prefix('&') {
        None => text.split_once(char::is_whitespace).unwrap_or((text, "")),
        Some(text) => match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
            Some(parts) => parts,
            None => (text, ""),
        },
    };
    let (name, argument) = (name.trim(), argument.trim());
    let no_name = |c: char| c.is_whitespace() || "()&".contains(c);
    if name.is_empty() || name.contains(no_name) || text.contains(char::is_control) {
        return Err(
            "write an application and its argument, for example 'playback FILE'".to_owned(),
        );
    }
    Ok(match argument {
        "" => Application::bare(name),
        argument => Application::new(name, argument),
    })
}

/// A destination and when it rings.
fn delay(text: &str) -> Result<(String, Duration), String> {
    of_destination(text, |value| match value.parse::<f64>() {
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => Some(Duration::from_secs_f64(seconds)),
        _ => None,
    })
    .ok_or_else(|| "write DESTINATION=SECONDS".to_owned())
}

/// A destination and its weight.
fn weight(text: &str) -> Result<(String, u32), String> {
    of_destination(text, |value| {
        value.parse().ok().filter(|weight| *weight > 0)
    })
    .ok_or_else(|| "write DESTINATION=WEIGHT, a whole number of at least 1".to_owned())
}

/// `DESTINATION=VALUE`; a dial string may hold `=` itself.
fn of_destination<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<(String, T)> {
    let (destination, value) = text.rsplit_once('=')?;
    let value = read(value.trim())?;
    (!destination.is_empty()).then(|| (destination.to_owned(), value))
}

/// A Unique-ID: any word. FreeSWITCH makes UUIDs, but `origination_uuid` need not be one.
pub(super) fn unique_id(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("a Unique-ID is one word; `genesis channels` shows them".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_by_name_and_by_number() {
        assert_eq!(log_level("warning"), Ok(LogLevel::Warning));
        assert_eq!(log_level("7"), Ok(LogLevel::Debug));
        assert_eq!(log_level("error"), Ok(LogLevel::Err));
        assert!(log_level("8").is_err() && log_level("loud").is_err());
    }

    #[test]
    fn a_timeout_is_a_positive_number() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["0", "-1", "NaN", "inf", "soon", "1e300"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn calls_ring_for_a_day_at_most() {
        assert_eq!(ring_seconds("86400"), Ok(Duration::from_secs(86_400)));
        for text in ["86401", "1e300", "0", "x"] {
            assert!(ring_seconds(text).unwrap_err().contains("86400"), "{text}");
        }
    }

    #[test]
    fn a_pace_is_a_number_or_off() {
        assert_eq!(pace("30"), Ok(Pace::PerSecond(30)));
        assert_eq!(pace("OFF"), Ok(Pace::Unlimited));
        for text in ["0", "-1", "1.5", "fast", ""] {
            assert!(pace(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_stands_behind_a_dial_string_is_noticed() {
        let more = |text| more_than_a_dial_string(&DialString::parse(text).unwrap());
        for text in [
            "user/1000 &park",
            "user/1000  &playback(/tmp/a.wav)",
            "user/1000 9664",
            "user/1000 9664 XML default",
            "user/1,user/2 &park",
            "{a='b c'}user/1000 9664",
        ] {
            assert!(more(text), "{text}");
        }
        for text in [
            "user/1000",
            "{a='b c'}[d='e f']user/1000|user/2",
            "loopback/app=playback:/tmp/a b/c.wav",
        ] {
            assert!(!more(text), "{text}");
        }
    }

    #[test]
    fn a_cause_that_is_nearly_right_names_the_right_one() {
        assert_eq!(cause("user_busy"), Ok(HangupCause::UserBusy));
        assert_eq!(cause("17"), Ok(HangupCause::UserBusy));
        for (text, meant) in [
            ("USER_BUZY", "USER_BUSY"),
            ("busy", "USER_BUSY"),
            ("no-answer", "NO_ANSWER"),
            ("NORMAL_CLEARNING", "NORMAL_CLEARING"),
            ("rejected", "CALL_REJECTED"),
        ] {
            let said = cause(text).unwrap_err();
            assert!(said.contains(meant), "{text}: {said}");
        }
        assert!(cause("999").is_err());
    }

    #[test]
    fn a_caller_id_has_a_number() {
        let read = |text: &str| caller_id(text).map(|id| (id.name, id.number));
        let id = |name: &str, number: &str| Ok((name.to_owned(), number.to_owned()));
        assert_eq!(read("1000"), id("1000", "1000"));
        assert_eq!(read("Front Desk <1000>"), id("Front Desk", "1000"));
        assert_eq!(read("\"Front Desk\" <+49 30>"), id("Front Desk", "+49 30"));
        assert_eq!(read("<1000>"), id("1000", "1000"));
        assert_eq!(read("\"\" <1000>"), id("1000", "1000"));
        // quotes that are no pair belong to the name
        for name in ["\"Al", "Al \"the Man\"", "\""] {
            let text = format!("{name} <1>");
            assert_eq!(read(&text), id(name, "1"));
        }
        for text in ["", " ", "Alice <>", "a > b <", "<<1>>"] {
            assert!(caller_id(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_application_is_written_in_either_way() {
        let read = |text| {
            let app = application(text).unwrap();
            (app.name().to_owned(), app.argument().map(str::to_owned))
        };
        let app = |name: &str, argument: &str| (name.to_owned(), Some(argument.to_owned()));
        assert_eq!(read("park"), ("park".to_owned(), None));
        assert_eq!(read("&park"), ("park".to_owned(), None));
        assert_eq!(read("&park()"), ("park".to_owned(), None));
        assert_eq!(read("playback a b(1).wav"), app("playback", "a b(1).wav"));
        assert_eq!(read("&playback(a(1).wav)"), app("playback", "a(1).wav"));
        for text in ["", "&", "(x)", "playback(x)"] {
            assert!(application(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_variable_has_a_name() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(variable("a=b=c"), pair("a", "b=c"));
        assert_eq!(variable("a="), pair("a", ""));
        assert!(variable("a").is_err() && variable("=b").is_err());
    }

    #[test]
    fn a_delay_and_a_weight_are_of_a_destination() {
        let read = |text| delay(text).map(|(destination, delay)| (destination, delay.as_millis()));
        assert_eq!(read("user/1=1.5"), Ok(("user/1".to_owned(), 1500)));
        assert_eq!(read("[a=b]user/1=0"), Ok(("[a=b]user/1".to_owned(), 0)));
        assert_eq!(weight("user/1=3"), Ok(("user/1".to_owned(), 3)));
        for text in [
            "user/1",
            "=1",
            "user/1=",
            "user/1=-1",
            "user/1=x",
            "user/1=NaN",
        ] {
            assert!(delay(text).is_err() && weight(text).is_err(), "{text}");
        }
        assert!(weight("user/1=0").is_err());
    }

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for text in [
            "localhost:8021",
            "127.0.0.1:0",
            "[::1]:8021",
            "pbx.example.com:8021",
        ] {
            assert_eq!(listen(text).as_deref(), Ok(text));
        }
        for text in [
            "",
            "localhost",
            ":8021",
            "::1:8021",
            "[::1]",
            "a:99999",
            "a b:1",
            "http://a:1",
        ] {
            assert!(listen(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_unique_id_is_one_word() {
        assert!(unique_id("leg-1").is_ok());
        for text in ["", "a b", "a\nb"] {
            assert!(unique_id(text).is_err(), "{text:?}");
        }
    }
}
