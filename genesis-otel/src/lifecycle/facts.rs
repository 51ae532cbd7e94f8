//! What is read of every event, in one pass.

use std::borrow::Cow;

use genesis_proto::event::EventRef;
use genesis_proto::{Event, EventFormat};
use memchr::{memchr, memmem};

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
    pub(crate) direction: Option<Cow<'a, str>>,
    pub(crate) channel_state: Option<Cow<'a, str>>,
    pub(crate) answer_state: Option<Cow<'a, str>>,
    pub(crate) cause: Option<Cow<'a, str>>,
    pub(crate) channel_name: Option<Cow<'a, str>>,
    pub(crate) other_leg: Option<Cow<'a, str>>,
    pub(crate) other_type: Option<Cow<'a, str>>,
    pub(crate) core: Option<Cow<'a, str>>,
    /// Microseconds since 1970.
    pub(crate) timestamp: Option<u64>,
    pub(crate) sequence: Option<u64>,
}

impl<'a> Facts<'a> {
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
        headers.for_each(|header| facts.put(header.raw_name(), || header.value()));
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
            direction: None,
            channel_state: None,
            answer_state: None,
            cause: None,
            channel_name: None,
            other_leg: None,
            other_type: None,
            core: None,
            timestamp: None,
            sequence: None,
        }
    }

    /// Reads the lines of a plain event that are needed, without an index of all: the switch's own
    /// headers come first, and most lines are variables behind them.
    fn scan(&mut self, document: &'a [u8]) {
        self.variables = document;
        let mut rest = document;
        while let Some(first) = rest.first() {
            let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let line = &rest[..end];
            match first {
                b'A' | b'C' | b'E' | b'H' | b'O' | b'U' | b'a' | b'c' | b'e' | b'h' | b'o'
                | b'u' => self.take_line(line),
                // an event of a client may have them first: then this has not come yet
                b'v' if self.sequence.is_some() => {
                    self.variables = rest;
                    return;
                }
                b'\n' | b'\r' => return,
                _ => {}
            }
            rest = &rest[end..];
        }
    }

    /// Reads a line if it is asked for.
    fn take_line(&mut self, line: &'a [u8]) {
        let at_colon = |length: &usize| line.get(*length) == Some(&b':');
        let Some(length) = LENGTHS.into_iter().find(at_colon) else {
            return;
        };
        self.put(&line[..length], || value_of(line, length));
    }

    /// Keeps the value if the name is asked for.
    fn put(&mut self, name: &[u8], value: impl FnOnce() -> Cow<'a, str>) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        // the lengths are those of LENGTHS
        let target = match name.len() {
            9 if is("Unique-ID") => &mut self.uuid,
            9 if is("Core-UUID") => &mut self.core,
            10 if is("Event-Name") => {
                self.name = value();
                return;
            }
            10 if is("Other-Type") => &mut self.other_type,
            12 if is("Answer-State") => &mut self.answer_state,
            12 if is("Hangup-Cause") => &mut self.cause,
            12 if is("Channel-Name") => &mut self.channel_name,
            13 if is("Channel-State") => &mut self.channel_state,
            14 if is("Call-Direction") => &mut self.direction,
            14 if is("Event-Subclass") => &mut self.subclass,
            14 if is("Event-Sequence") => {
                self.sequence = value().parse().ok();
                return;
            }
            19 if is("Other-Leg-Unique-ID") => &mut self.other_leg,
            20 if is("Event-Date-Timestamp") => {
                self.timestamp = value().parse().ok();
                return;
            }
            _ => return,
        };
        *target = Some(value());
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
        self.variable("variable_sip_call_id")
    }

    pub(crate) fn has_call_id(&self) -> bool {
        let name = "variable_sip_call_id";
        match self.document {
            Some(_) => lines(self.variables, name).next().is_some(),
            None => self.get(name).is_some(),
        }
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
    let is_line = move |at: &usize| {
        let begins = *at == 0 || document[at - 1] == b'\n';
        begins && document.get(at + length) == Some(&b':')
    };
    let found = memmem::find_iter(document, name).filter(is_line);
    found.map(move |at| {
        let line = &document[at..];
        memchr(b'\n', line).map_or(line, |end| &line[..end])
    })
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
    fn shown(mut facts: Facts<'_>) -> String {
        facts.document = None;
        facts.variables = &[];
        format!("{facts:?}")
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
            assert_eq!(read.has_call_id(), indexed.call_id().is_some());
            assert_eq!(read.traceparent(), indexed.traceparent());
            assert_eq!(shown(read), shown(indexed), "{headers:?}");
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
