//! An event in one line: what a person wants to see of it.

use std::borrow::Cow;
use std::fmt::Write as _;

use genesis_client::proto::{Event, EventName, HangupCause};

use crate::output::{Output, one_line, style};

/// Longest value that is shown whole, in characters.
const LONGEST: usize = 60;

/// What tells most, by kind of event: the label, and the headers of which the first that is there
/// is shown.
type Details = &'static [(&'static str, &'static [&'static str])];

const CHANNEL: Details = &[
    (
        "caller",
        &["Caller-Caller-ID-Number", "Caller-Caller-ID-Name"],
    ),
    ("destination", &["Caller-Destination-Number"]),
    ("direction", &["Call-Direction"]),
    ("callstate", &["Channel-Call-State"]),
];
const CUSTOM: Details = &[
    ("action", &["Action", "CC-Action"]),
    ("conference", &["Conference-Name"]),
    ("member", &["Member-ID"]),
    ("queue", &["CC-Queue"]),
    ("agent", &["CC-Agent"]),
    ("lot", &["Valet-Lot-Name"]),
    ("extension", &["Valet-Extension"]),
    ("gateway", &["Gateway"]),
    ("state", &["State"]),
    ("user", &["from-user", "user", "to-user"]),
    ("host", &["from-host", "host", "to-host"]),
    ("status", &["status", "Status", "CC-Agent-Status"]),
];

fn details(name: &EventName) -> Details {
    match name {
        EventName::ChannelState => &[
            (
                "caller",
                &["Caller-Caller-ID-Number", "Caller-Caller-ID-Name"],
            ),
            ("destination", &["Caller-Destination-Number"]),
            ("state", &["Channel-State"]),
        ],
        EventName::ChannelHangup | EventName::ChannelHangupComplete | EventName::ChannelDestroy => {
            &[
                (
                    "caller",
                    &["Caller-Caller-ID-Number", "Caller-Caller-ID-Name"],
                ),
                ("destination", &["Caller-Destination-Number"]),
                ("cause", &["Hangup-Cause"]),
                ("billsec", &["variable_billsec"]),
            ]
        }
        EventName::ChannelExecute => &[
            ("application", &["Application"]),
            ("data", &["Application-Data"]),
        ],
        EventName::ChannelExecuteComplete => &[
            ("application", &["Application"]),
            ("data", &["Application-Data"]),
            ("response", &["Application-Response"]),
        ],
        EventName::ChannelBridge | EventName::ChannelUnbridge => &[
            (
                "caller",
                &["Caller-Caller-ID-Number", "Caller-Caller-ID-Name"],
            ),
            ("destination", &["Caller-Destination-Number"]),
            ("a", &["Bridge-A-Unique-ID"]),
            ("b", &["Bridge-B-Unique-ID"]),
        ],
        EventName::ChannelUuid => &[("old", &["Old-Unique-ID"])],
        EventName::Dtmf => &[("digit", &["DTMF-Digit"]), ("ms", &["DTMF-Duration"])],
        EventName::PlaybackStart | EventName::PlaybackStop => &[
            ("file", &["Playback-File-Path"]),
            ("status", &["Playback-Status"]),
        ],
        EventName::RecordStart | EventName::RecordStop => &[
            ("file", &["Record-File-Path"]),
            ("completion", &["Record-Completion-Cause"]),
        ],
        EventName::Codec => &[
            ("read", &["channel-read-codec-name"]),
            ("write", &["channel-write-codec-name"]),
        ],
        EventName::BackgroundJob => &[
            ("job", &["Job-UUID"]),
            ("command", &["Job-Command"]),
            ("argument", &["Job-Command-Arg"]),
        ],
        EventName::Api => &[
            ("command", &["API-Command"]),
            ("argument", &["API-Command-Argument"]),
        ],
        EventName::Heartbeat => &[
            ("sessions", &["Session-Count"]),
            ("per_second", &["Session-Per-Sec-Last", "Session-Per-Sec"]),
            ("idle_cpu", &["Idle-CPU"]),
            ("up", &["Up-Time"]),
        ],
        EventName::PresenceIn => &[
            ("from", &["from"]),
            ("status", &["status"]),
            ("rpid", &["rpid"]),
        ],
        EventName::Message => &[("from", &["from"]), ("to", &["to"])],
        EventName::ReSchedule | EventName::AddSchedule | EventName::DelSchedule => {
            &[("task", &["Task-Desc"]), ("group", &["Task-Group"])]
        }
        EventName::ModuleLoad | EventName::ModuleUnload => &[
            ("module", &["key"]),
            ("type", &["type"]),
            ("name", &["name"]),
        ],
        EventName::Custom => CUSTOM,
        _ => CHANNEL,
    }
}

/// Puts events into words, with colours or without.
#[derive(Debug)]
pub(super) struct Describer {
    dim: anstyle::Style,
    name: anstyle::Style,
    good: anstyle::Style,
    bad: anstyle::Style,
    other: anstyle::Style,
}

impl Describer {
    pub(super) fn new(output: &Output) -> Self {
        Self {
            dim: output.style(style::DIM),
            name: output.style(style::NAME),
            good: output.style(style::GOOD),
            bad: output.style(style::BAD),
            other: output.style(style::OTHER),
        }
    }

    /// `TIME  NAME  UNIQUE-ID  label=value …`, always exactly one line.
    pub(super) fn describe(&self, event: &Event) -> String {
        let dim = self.dim;
        let name = event.name();
        let shown = match event.subclass() {
            Some(subclass) => format!("{} {}", name.as_str(), one_line(&subclass)),
            None => one_line(name.as_str()),
        };
        let colour = self.colour(&name, event);
        let unique_id = event
            .unique_id()
            .map_or_else(|| "-".to_owned(), |id| short(&id));
        let mut line = format!(
            "{dim}{}{dim:#}  {colour}{shown:<24}{colour:#}  {unique_id:<8}",
            clock(event)
        );
        for (label, headers) in details(&name) {
            let Some(value) = headers
                .iter()
                .find_map(|header| event.get(header).filter(|value| !value.is_empty()))
            else {
                continue;
            };
            let value = match *label {
                "a" | "b" | "old" => short(&value),
                _ => quoted(&value),
            };
            let _ = write!(line, "  {dim}{label}={dim:#}{value}");
        }
        if name == EventName::BackgroundJob
            && let Some(body) = event.body_text()
        {
            let first = body.lines().next().unwrap_or_default();
            let _ = write!(line, "  {dim}result={dim:#}{}", quoted(first));
        }
        line
    }

    fn colour(&self, name: &EventName, event: &Event) -> anstyle::Style {
        match name {
            EventName::ChannelAnswer | EventName::ChannelBridge => self.good,
            EventName::ChannelHangup | EventName::ChannelHangupComplete => {
                match event.hangup_cause() {
                    Some(HangupCause::NormalClearing) | None => self.name,
                    Some(_) => self.bad,
                }
            }
            EventName::Custom => self.other,
            name if name.is_channel_event() => self.name,
            _ => self.dim,
        }
    }
}

/// The time of day by the switch's clock and its time zone, with milliseconds.
pub(super) fn clock(event: &Event) -> String {
    let local = event.get("Event-Date-Local");
    let time = local.as_deref().and_then(|date| date.split(' ').nth(1));
    let is_clock =
        |time: &&str| time.len() == 8 && time.bytes().all(|b| b.is_ascii_digit() || b == b':');
    match (time.filter(is_clock), event.timestamp_micros()) {
        (Some(time), Some(micros)) => format!("{time}.{:03}", micros / 1000 % 1000),
        (Some(time), None) => format!("{time}    "),
        (None, _) => "--:--:--.---".to_owned(),
    }
}

/// The first eight characters of a UUID tell it apart on a screen.
pub(super) fn short(uuid: &str) -> String {
    one_line(&uuid.chars().take(8).collect::<String>())
}

/// A value that ends where it seems to: with quotes if it has blanks, and not too long.
pub(super) fn quoted(value: &str) -> String {
    let mut value: Cow<'_, str> = one_line(value).into();
    if value.chars().count() > LONGEST {
        value = format!("{}…", value.chars().take(LONGEST - 1).collect::<String>()).into();
    }
    if value.contains([' ', '"', '=']) {
        return format!("\"{}\"", value.replace('"', "\\\""));
    }
    value.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Describer = Describer {
        dim: style::NONE,
        name: style::NONE,
        good: style::NONE,
        bad: style::NONE,
        other: style::NONE,
    };

    fn event(name: EventName, headers: &[(&str, &str)]) -> Event {
        let mut builder = Event::builder(name);
        for (name, value) in headers {
            builder = builder.header(name, value).unwrap();
        }
        builder.build()
    }

    #[test]
    fn a_hangup_shows_who_and_why() {
        let event = event(
            EventName::ChannelHangupComplete,
            &[
                ("Event-Date-Local", "2026-11-21 10:34:43"),
                ("Event-Date-Timestamp", "1795222483123456"),
                ("Unique-ID", "6423c44e-0c5d-4692-a5dd-498c22000000"),
                ("Caller-Caller-ID-Number", "1001"),
                ("Caller-Destination-Number", "9664"),
                ("Hangup-Cause", "USER_BUSY"),
            ],
        );
        assert_eq!(
            PLAIN.describe(&event),
            "10:34:43.123  CHANNEL_HANGUP_COMPLETE   6423c44e  caller=1001  destination=9664  \
             cause=USER_BUSY"
        );
    }

    #[test]
    fn hostile_values_stay_in_their_line() {
        let event = event(
            EventName::Custom,
            &[
                ("Event-Subclass", "a::b"),
                ("from-user", "x\u{1b}[2J\ny z"),
                ("Unique-ID", "\u{7}"),
            ],
        );
        let line = PLAIN.describe(&event);
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(
            line.contains("CUSTOM a::b") && line.contains("user=\"x\\u{1b}[2J\\ny z\""),
            "{line}"
        );
    }
}
