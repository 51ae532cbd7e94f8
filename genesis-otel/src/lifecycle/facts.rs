//! What is read of every event, in one pass.

use std::borrow::Cow;

use genesis_proto::event::EventRef;
use genesis_proto::{Event, EventFormat};
use memchr::memmem::{self, Finder};
use memchr::{memchr, memchr_iter};

/// The variable that holds the Call-ID.
pub(super) const CALL_ID: &str = "variable_sip_call_id";
/// What ends the envelope of a frame.
const BLANK_LINE: &[u8] = b"\n\n";
/// How long the names are that are asked for.
const LENGTHS: [usize; 7] = [9, 10, 12, 13, 14, 19, 20];

/// The headers that routing an event to its metrics and its channel needs. Of a repeated header
/// the last counts: the switch writes its own after those that a client may have forged.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) event: &'a Event,
    /// Its lines, if they can be read without an index.
    document: Option<&'a [u8]>,
    /// The lines from the first variable on, if the switch's own come before: else all.
    variables: &'a [u8],
    pub(crate) name: Cow<'a, str>,
    pub(crate) subclass: Option<Cow<'a, str>>,
    pub(crate) uuid: Option<Cow<'a, str>>,
    direction: Text<'a>,
    channel_state: Text<'a>,
    answer_state: Text<'a>,
    cause: Text<'a>,
    channel_name: Text<'a>,
    other_leg: Text<'a>,
    other_type: Text<'a>,
    core: Text<'a>,
    timestamp: Text<'a>,
    pub(crate) sequence: Option<u64>,
}

/// A text that is decoded when it is asked for: most are not, as long as nobody records.
#[derive(Clone, Debug, Default)]
enum Text<'a> {
    #[default]
    None,
    /// A line, and how long its name is.
    Line(&'a [u8], usize),
    Read(Cow<'a, str>),
}

impl<'a> Text<'a> {
    fn get(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::None => None,
            Self::Line(line, name) => Some(value_of(line, *name)),
            Self::Read(value) => Some(value.clone()),
        }
    }

    fn into_value(self) -> Cow<'a, str> {
        self.get().unwrap_or_default()
    }
}

macro_rules! texts {
    ($($text:ident)+) => {
        $(pub(crate) fn $text(&self) -> Option<Cow<'a, str>> {
            self.$text.get()
        })+
    };
}

impl<'a> Facts<'a> {
    texts! { direction channel_state answer_state cause channel_name other_leg other_type core }

    /// Microseconds since 1970.
    pub(crate) fn timestamp(&self) -> Option<u64> {
        self.timestamp.get()?.parse().ok()
    }

    pub(crate) fn read(event: &'a Event) -> Self {
        let mut facts = Self::new(event);
        facts.document = document(event);
        if let Some(document) = facts.document {
            facts.scan(document);
        }
        if facts.name.is_empty() {
            facts = Self::indexed(event);
        }
        facts
    }

    /// Reads all headers.
    fn indexed(event: &'a Event) -> Self {
        let mut facts = Self::new(event);
        let headers = event.headers().iter();
        headers.for_each(|header| facts.put(header.raw_name(), Text::Read(header.value())));
        facts
    }

    fn new(event: &'a Event) -> Self {
        Self {
            event,
            document: None,
            variables: &[],
            name: Cow::Borrowed(""),
            subclass: None,
            uuid: None,
            direction: Text::None,
            channel_state: Text::None,
            answer_state: Text::None,
            cause: Text::None,
            channel_name: Text::None,
            other_leg: Text::None,
            other_type: Text::None,
            core: Text::None,
            timestamp: Text::None,
            sequence: None,
        }
    }

    /// Reads the lines of a plain event that are needed, without an index of all: the switch's own
    /// headers come first, and most lines are variables behind them.
    fn scan(&mut self, document: &'a [u8]) {
        self.variables = document;
        let mut start = 0;
        let ends = memchr_iter(b'\n', document).map(|at| at + 1);
        for end in ends.chain([document.len()]) {
            let line = &document[start..end];
            match line.first() {
                Some(
                    b'A' | b'C' | b'E' | b'H' | b'O' | b'U' | b'a' | b'c' | b'e' | b'h' | b'o'
                    | b'u',
                ) => self.take_line(line),
                // an event of a client may have them first: then this has not come yet
                Some(b'v') if self.sequence.is_some() => {
                    self.variables = &document[start..];
                    return;
                }
                Some(b'\n' | b'\r') => return,
                _ => {}
            }
            start = end;
        }
    }

    /// Reads a line if it is asked for.
    fn take_line(&mut self, line: &'a [u8]) {
        let at_colon = |length: &usize| line.get(*length) == Some(&b':');
        let Some(length) = LENGTHS.into_iter().find(at_colon) else {
            return;
        };
        self.put(&line[..length], Text::Line(line, length));
    }

    /// Keeps the value if the name is asked for.
    fn put(&mut self, name: &[u8], value: Text<'a>) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        // the lengths are those of LENGTHS
        let target = match name.len() {
            9 if is("Unique-ID") => {
                self.uuid = value.get();
                return;
            }
            9 if is("Core-UUID") => &mut self.core,
            10 if is("Event-Name") => {
                self.name = value.into_value();
                return;
            }
            10 if is("Other-Type") => &mut self.other_type,
            12 if is("Answer-State") => &mut self.answer_state,
            12 if is("Hangup-Cause") => &mut self.cause,
            12 if is("Channel-Name") => &mut self.channel_name,
            13 if is("Channel-State") => &mut self.channel_state,
            14 if is("Call-Direction") => &mut self.direction,
            14 if is("Event-Subclass") => {
                self.subclass = value.get();
                return;
            }
            14 if is("Event-Sequence") => {
                self.sequence = value.into_value().parse().ok();
                return;
            }
            19 if is("Other-Leg-Unique-ID") => &mut self.other_leg,
            20 if is("Event-Date-Timestamp") => &mut self.timestamp,
            _ => return,
        };
        *target = value;
    }

    /// As [`get`](Self::get) without an index, for a single header.
    pub(crate) fn find(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.document {
            Some(document) => {
                let line = lines(document, name).last()?;
                Some(value_of(line, name.len()))
            }
            None => self.get(name),
        }
    }

    /// A header that not every event is asked for.
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.event.get(name)
    }

    pub(crate) fn call_id(&self) -> Option<Cow<'a, str>> {
        self.variable(CALL_ID)
    }

    /// `finder` looks for [`CALL_ID`].
    pub(crate) fn has_call_id(&self, finder: &Finder<'_>) -> bool {
        let Some(document) = self.document.map(|_| self.variables) else {
            return self.get(CALL_ID).is_some();
        };
        let mut found = finder.find_iter(document);
        found.any(|at| is_line(document, at, CALL_ID.len()))
    }

    pub(crate) fn traceparent(&self) -> Option<Cow<'a, str>> {
        self.variable("variable_traceparent")
    }

    fn variable(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.document {
            Some(_) => Some(value_of(lines(self.variables, name).last()?, name.len())),
            None => self.get(name),
        }
    }

    /// What the event is called in tables: its subclass if it is a CUSTOM one.
    pub(crate) fn kind(&self) -> &str {
        match &self.subclass {
            Some(subclass) if self.name == "CUSTOM" => subclass,
            _ => &self.name,
        }
    }

    /// A time of the switch in microseconds; 0 is none.
    pub(crate) fn time(&self, name: &str) -> Option<u64> {
        self.find(name)?.parse().ok().filter(|&micros| micros > 0)
    }
}

/// The headers of a plain event as they came.
fn document(event: &Event) -> Option<&[u8]> {
    if event.format() != EventFormat::Plain {
        return None;
    }
    let raw: &[u8] = event.raw();
    let envelope = memmem::find(raw, BLANK_LINE)? + BLANK_LINE.len();
    let body = event.body().map_or(0, <[u8]>::len);
    raw.get(envelope..raw.len() - body)
}

/// The lines of this name, spelled as the switch does.
fn lines<'a>(document: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    let length = name.len();
    let found = memmem::find_iter(document, name).filter(move |&at| is_line(document, at, length));
    found.map(move |at| {
        let line = &document[at..];
        memchr(b'\n', line).map_or(line, |end| &line[..end])
    })
}

/// Whether a line begins here, with a name that is so long.
fn is_line(document: &[u8], at: usize, name: usize) -> bool {
    let begins = at == 0 || document[at - 1] == b'\n';
    begins && document.get(at + name) == Some(&b':')
}

/// The value of a line whose name is so long.
fn value_of(line: &[u8], name: usize) -> Cow<'_, str> {
    let value = line.get(name + 1..).unwrap_or_default();
    let value = value.strip_prefix(b" ").unwrap_or(value);
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    match std::str::from_utf8(value) {
        Ok(value) if !value.contains('%') => Cow::Borrowed(value),
        // decoded as all headers are
        _ => {
            let name = String::from_utf8_lossy(&line[..name]);
            EventRef::parse(line).get(&name).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use genesis_proto::EventName;

    use super::*;

    /// What was read, whichever way.
    fn shown(facts: &Facts<'_>) -> String {
        let of_channel = [
            facts.uuid.clone(),
            facts.subclass.clone(),
            facts.direction(),
            facts.channel_state(),
            facts.answer_state(),
            facts.cause(),
            facts.channel_name(),
            facts.other_leg(),
            facts.other_type(),
            facts.core(),
        ];
        let numbers = (facts.timestamp(), facts.sequence);
        format!("{} {of_channel:?} {numbers:?}", facts.name)
    }

    fn event(headers: &[(&str, &str)]) -> Event {
        let mut builder = Event::builder(EventName::Custom);
        for (name, value) in headers {
            builder.push(name, value).unwrap();
        }
        builder.build()
    }

    #[test]
    fn the_lines_say_what_the_index_says() {
        let own = [
            ("Core-UUID", "c"),
            ("Event-Date-Timestamp", "1700000000000000"),
            ("Event-Sequence", "77"),
            ("Event-Subclass", "sofia::register"),
            ("Channel-Name", "sofia/x/1000%40h 1"),
            ("Unique-ID", "a"),
            ("unique-id", "b"),
            ("Hangup-Cause", "USER_BUSY"),
            ("Other-Type", "originator"),
            ("Other-Leg-Unique-ID", "o"),
        ];
        let of_client = [
            ("variable_a", "Unique-ID: x"),
            ("variable_sip_call_id", "1%2@h"),
            ("xvariable_sip_call_id", "no"),
            ("variable_traceparent", "00-1"),
            ("variable_sip_call_id", "2 : ü@h"),
        ];
        let first = [&own[..], &of_client].concat();
        let last = [&of_client[..], &own].concat();
        for headers in [&first[..], &last, &own, &of_client, &[]] {
            let event = event(headers);
            let read = Facts::read(&event);
            assert!(read.document.is_some());
            let indexed = Facts::indexed(&event);
            assert_eq!(read.call_id(), indexed.call_id());
            let finder = Finder::new(CALL_ID);
            assert_eq!(read.has_call_id(&finder), indexed.call_id().is_some());
            assert_eq!(read.traceparent(), indexed.traceparent());
            assert_eq!(shown(&read), shown(&indexed), "{headers:?}");
        }
        let event = event(&first);
        let facts = Facts::read(&event);
        assert_eq!(facts.uuid.as_deref(), Some("b"));
        assert_eq!(facts.call_id().as_deref(), Some("2 : ü@h"));
        for name in ["variable_a", "Event-Name", "Other-Type", "Type", "None"] {
            assert_eq!(facts.find(name), facts.get(name), "{name}");
        }
    }

    #[test]
    fn a_body_is_no_header() {
        let mut builder = Event::builder(EventName::Custom);
        builder.push("Event-Sequence", "1").unwrap();
        let event = builder
            .body("variable_sip_call_id: x\nUnique-ID: y\n")
            .build();
        let facts = Facts::read(&event);
        assert_eq!(
            (facts.call_id().as_deref(), facts.uuid.as_deref()),
            (None, None)
        );
        assert_eq!(facts.find("variable_sip_call_id"), None);
    }
}
