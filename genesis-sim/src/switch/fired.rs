//! What the switch tells: events and log lines.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use genesis_proto::Event;
use genesis_proto::event::{EventBuilder, Fidelity};
use genesis_proto::name::{EventFormat, EventName, LogLevel};

use super::bus::{Feed, Keyed};

/// An event of the simulated switch, written at most once per format however many connections
/// want it.
#[derive(Debug)]
pub struct SwitchEvent {
    /// All headers and the body.
    pub builder: EventBuilder,
    /// `Event-Name`.
    pub name: EventName,
    /// `Event-Subclass`.
    pub subclass: Option<String>,
    /// `Unique-ID`.
    pub unique_id: Option<String>,
    /// What filters see of it: the first `Unique-ID` and the first `Job-Owner-UUID`.
    first: [Option<String>; 2],
    plain: OnceLock<Bytes>,
    json: OnceLock<Bytes>,
    xml: OnceLock<Bytes>,
    event: OnceLock<Event>,
}

impl SwitchEvent {
    /// An event about a channel; no header before those of the channel is called `Unique-ID`.
    pub(crate) fn about(builder: EventBuilder, name: EventName, unique_id: String) -> Self {
        Self::new(builder, name, None, Some(unique_id), [None, None])
    }

    /// An event whose headers are those of `made`, and more that say nothing of where it belongs.
    pub(crate) fn of(builder: EventBuilder, name: EventName, made: &Event) -> Self {
        let last = |name: &str| made.get(name).map(Cow::into_owned);
        let first = ["Unique-ID", "Job-Owner-UUID"].map(|name| {
            let found = made.headers().iter().find(|header| header.is(name));
            found.map(|header| header.value().into_owned())
        });
        let (subclass, unique_id) = (last("Event-Subclass"), last("Unique-ID"));
        Self::new(builder, name, subclass, unique_id, first)
    }

    fn new(
        builder: EventBuilder,
        name: EventName,
        subclass: Option<String>,
        unique_id: Option<String>,
        first: [Option<String>; 2],
    ) -> Self {
        Self {
            builder,
            name,
            subclass,
            unique_id,
            first,
            plain: OnceLock::new(),
            json: OnceLock::new(),
            xml: OnceLock::new(),
            event: OnceLock::new(),
        }
    }

    /// The whole frame as the switch would write it to a connection that asked for `format`.
    pub fn frame(&self, format: EventFormat) -> Bytes {
        let place = match format {
            EventFormat::Json => &self.json,
            EventFormat::Xml => &self.xml,
            _ => &self.plain,
        };
        place
            .get_or_init(|| self.builder.to_frame(format, Fidelity::AsTheSwitch))
            .clone()
    }

    /// The value of a header, in any case of its name.
    pub fn header(&self, name: &str) -> Option<String> {
        self.event
            .get_or_init(|| self.builder.build())
            .get(name)
            .map(|value| value.into_owned())
    }

    /// The event as a client would read it.
    pub fn event(&self) -> &Event {
        self.event.get_or_init(|| self.builder.build())
    }
}

/// A line of the switch's log.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// How grave it is.
    pub level: LogLevel,
    /// The line, without its end.
    pub text: String,
    /// The source file that wrote it.
    pub file: String,
    /// The function that wrote it.
    pub function: String,
    /// The line of the source file.
    pub line: u32,
    /// The channel it is about.
    pub unique_id: Option<String>,
    /// Microseconds since 1970.
    pub timestamp: u64,
}

/// The events of the switch, from the moment of [`Switch::subscribe`](super::Switch::subscribe).
pub type EventFeed = Feed<Arc<SwitchEvent>>;

/// The log of the switch, from the moment of
/// [`Switch::subscribe_log`](super::Switch::subscribe_log).
pub type LogFeed = Feed<Arc<LogEntry>>;

impl Keyed for Arc<SwitchEvent> {
    fn keys(&self) -> impl Iterator<Item = &str> {
        let all = self.first.iter().chain([&self.unique_id]);
        all.filter_map(Option::as_deref)
    }
}

impl Keyed for Arc<LogEntry> {
    fn keys(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
}
