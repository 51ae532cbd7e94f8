//! What is read of an event: what its routing has found, and the rest when it is asked for.

use std::borrow::Cow;
use std::cell::OnceCell;

use genesis_proto::event::{EventRef, Route};
use genesis_proto::{Event, EventFormat};
use memchr::arch::all::packedpair::HeuristicFrequencyRank;
use memchr::memmem::{self, Finder, FinderBuilder};
use memchr::{memchr, memchr_iter};

use crate::vocabulary::values::{Closed, Slot};

/// The variable that holds the Call-ID.
const CALL_ID: &str = "variable_sip_call_id";
/// What ends the envelope of a frame.
const BLANK_LINE: &[u8] = b"\n\n";
/// The first of the headers that the switch begins every event with.
const NAME: &[u8] = b"Event-Name: ";
/// The last of the headers that the switch begins every event with.
const SEQUENCE: &[u8] = b"Event-Sequence: ";
/// One of those.
const TIMESTAMP: &[u8] = b"Event-Date-Timestamp: ";

/// The headers that routing an event to its metrics and its channel needs. Of a repeated header
/// the last counts: the switch writes its own after those that a client may have forged.
///
/// Most events are asked for little, so each part is read when it is needed.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) event: &'a Event,
    pub(crate) name: Cow<'a, str>,
    pub(crate) subclass: Option<Cow<'a, str>>,
    pub(crate) uuid: Option<Cow<'a, str>>,
    lines: OnceCell<Option<Lines<'a>>>,
    states: OnceCell<States<'a>>,
}

/// The lines of a plain event, which can be read without an index.
#[derive(Clone, Copy, Debug)]
struct Lines<'a> {
    all: &'a [u8],
    /// Nothing if other lines come before, as in the event of a client.
    own: Option<Own>,
}

/// The lines that the switch begins an event with: the number of the event is the last of them.
#[derive(Clone, Copy, Debug)]
struct Own {
    end: usize,
    sequence: Option<u64>,
}

/// What the switch says of a channel before anything else of it.
#[derive(Debug, Default)]
struct States<'a> {
    direction: Text<'a>,
    channel_state: Text<'a>,
    answer_state: Text<'a>,
    cause: Text<'a>,
}

/// A text that is decoded when it is asked for.
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

    /// As a label.
    fn slot(&self, set: &Closed) -> Slot {
        match self {
            Self::None => Slot::ABSENT,
            // what is in a set is the same encoded
            Self::Line(line, name) => set
                .find(raw_value(line, *name))
                .unwrap_or_else(|| set.slot(&value_of(line, *name))),
            Self::Read(value) => set.slot(value),
        }
    }
}

macro_rules! states {
    ($($text:ident $slot:ident)+) => {
        $(
            pub(crate) fn $text(&self) -> Option<Cow<'a, str>> {
                self.states().$text.get()
            }

            pub(super) fn $slot(&self, set: &Closed) -> Slot {
                self.states().$text.slot(set)
            }
        )+
    };
}

impl<'a> Facts<'a> {
    states! {
        direction direction_in
        channel_state channel_state_in
        answer_state answer_state_in
        cause cause_in
    }

    /// `route` is the event's.
    pub(crate) fn new(event: &'a Event, route: &'a Route<'_>) -> Self {
        Self {
            event,
            name: Cow::Borrowed(&*route.name),
            subclass: route.subclass.as_deref().map(Cow::Borrowed),
            uuid: route.unique_id.as_deref().map(Cow::Borrowed),
            lines: OnceCell::new(),
            states: OnceCell::new(),
        }
    }

    fn lines(&self) -> Option<Lines<'a>> {
        *self.lines.get_or_init(|| Lines::of(self.event, &self.name))
    }

    fn states(&self) -> &States<'a> {
        self.states.get_or_init(|| match self.lines() {
            Some(lines) => lines.states(self.uuid.as_deref()),
            None => States::indexed(self.event),
        })
    }

    /// The number of the event.
    pub(crate) fn sequence(&self) -> Option<u64> {
        match self.lines() {
            Some(Lines { own: Some(own), .. }) => own.sequence,
            _ => self.find("Event-Sequence")?.parse().ok(),
        }
    }

    /// Microseconds since 1970.
    pub(crate) fn timestamp(&self) -> Option<u64> {
        if let Some(Lines { all, own: Some(own) }) = self.lines()
            // the capital T
            && let Some(at) = line_with(&all[..own.end], TIMESTAMP, 11)
        {
            return number(&all[at + TIMESTAMP.len()..]).0;
        }
        self.find("Event-Date-Timestamp")?.parse().ok()
    }

    pub(crate) fn core(&self) -> Option<Cow<'a, str>> {
        self.find("Core-UUID")
    }

    pub(crate) fn channel_name(&self) -> Option<Cow<'a, str>> {
        self.find("Channel-Name")
    }

    pub(crate) fn other_leg(&self) -> Option<Cow<'a, str>> {
        self.find("Other-Leg-Unique-ID")
    }

    pub(crate) fn other_type(&self) -> Option<Cow<'a, str>> {
        self.find("Other-Type")
    }

    /// As [`get`](Self::get) without an index, for a single header.
    pub(crate) fn find(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.lines() {
            Some(lines) => {
                let line = last_named(lines.all, name)?;
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
        let Some(lines) = self.lines() else {
            return self.get(CALL_ID).is_some();
        };
        let document = lines.after_own();
        let mut found = finder.find_iter(document);
        found.any(|at| is_line(document, at, CALL_ID.len()))
    }

    pub(crate) fn traceparent(&self) -> Option<Cow<'a, str>> {
        self.variable("variable_traceparent")
    }

    fn variable(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.lines() {
            Some(lines) => Some(value_of(last_named(lines.after_own(), name)?, name.len())),
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

impl<'a> Lines<'a> {
    fn of(event: &'a Event, name: &str) -> Option<Self> {
        let all = document(event, name)?;
        let own = own_headers(all, name.as_bytes());
        Some(Self { all, own })
    }

    /// The lines that follow what every event begins with.
    fn after_own(&self) -> &'a [u8] {
        &self.all[self.own.map_or(0, |own| own.end)..]
    }

    /// In an event of the switch they come right after its number, the codecs and the caller behind
    /// them. In that of a client they can be anywhere.
    fn states(&self, uuid: Option<&str>) -> States<'a> {
        let mut states = States::default();
        let Some(own) = self.own else {
            let lines = self.all.split_inclusive(|byte| *byte == b'\n');
            lines.for_each(|line| states.take_line(line));
            return states;
        };
        let mut start = own.end;
        while let Some(line) = self.line_at(start) {
            start += line.len();
            match line {
                [b'H', ..] if line.starts_with(b"Hangup-Cause: ") => {
                    states.cause = Text::Line(line, 12);
                }
                [b'C', ..] if line.starts_with(b"Channel-State: ") => {
                    states.channel_state = Text::Line(line, 13);
                    // what comes up to its UUID is not asked for
                    let uuid = uuid.and_then(|uuid| self.end_of(uuid));
                    start = start.max(uuid.unwrap_or_default());
                }
                [b'C', ..] if line.starts_with(b"Call-Direction: ") => {
                    states.direction = Text::Line(line, 14);
                    // few lines have a w
                    let answer = line_with(&self.all[start..], b"Answer-State: ", 3);
                    start += answer.unwrap_or_default();
                }
                [b'A', ..] if line.starts_with(b"Answer-State: ") => {
                    states.answer_state = Text::Line(line, 12);
                }
                [b'C' | b'v', ..] if is_behind(line) => break,
                // as events about presence have them
                [b'a' | b'c' | b'h', ..] => states.take_line(line),
                _ => {}
            }
        }
        states
    }

    /// Where the line ends whose value this is.
    fn end_of(&self, value: &str) -> Option<usize> {
        let place = (value.as_ptr() as usize).checked_sub(self.all.as_ptr() as usize)?;
        let end = place.checked_add(value.len())?;
        (self.all.get(end) == Some(&b'\n')).then_some(end + 1)
    }

    /// The line that begins there, and what ends it.
    fn line_at(&self, start: usize) -> Option<&'a [u8]> {
        let rest = self.all.get(start..).filter(|rest| !rest.is_empty())?;
        Some(memchr(b'\n', rest).map_or(rest, |end| &rest[..=end]))
    }
}

/// Whether what the switch says of the state of a channel is over with this line.
fn is_behind(line: &[u8]) -> bool {
    let next: [&[u8]; 3] = [b"Channel-Read-Codec", b"Caller-", b"variable_"];
    next.iter().any(|name| line.starts_with(name))
}

impl<'a> States<'a> {
    /// Reads all headers.
    fn indexed(event: &'a Event) -> Self {
        let mut states = Self::default();
        let headers = event.headers().iter();
        headers.for_each(|header| states.put(header.raw_name(), Text::Read(header.value())));
        states
    }

    /// Reads a line if it is asked for.
    fn take_line(&mut self, line: &'a [u8]) {
        let is_named = |length: usize| line.get(length) == Some(&b':');
        if let Some(length) = [12, 13, 14].into_iter().find(|length| is_named(*length)) {
            self.put(&line[..length], Text::Line(line, length));
        }
    }

    /// Keeps the value if the name is asked for.
    fn put(&mut self, name: &[u8], value: Text<'a>) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        let target = match name.len() {
            12 if is("Answer-State") => &mut self.answer_state,
            12 if is("Hangup-Cause") => &mut self.cause,
            13 if is("Channel-State") => &mut self.channel_state,
            14 if is("Call-Direction") => &mut self.direction,
            _ => return,
        };
        *target = value;
    }
}

/// The headers of a plain event as they came. `name` is its own.
fn document<'a>(event: &'a Event, name: &str) -> Option<&'a [u8]> {
    if event.format() != EventFormat::Plain {
        return None;
    }
    let raw: &[u8] = event.raw();
    // the name is a part of it and stands first, as a rule
    let place = (name.as_ptr() as usize).wrapping_sub(raw.as_ptr() as usize);
    let begin = place.checked_sub(NAME.len());
    let before = begin.and_then(|begin| raw.get(begin.checked_sub(BLANK_LINE.len())?..place));
    let begin = match before.and_then(|before| before.strip_prefix(BLANK_LINE)) {
        Some(NAME) => begin?,
        _ => memmem::find(raw, BLANK_LINE)? + BLANK_LINE.len(),
    };
    let body = event.body().map_or(0, <[u8]>::len);
    raw.get(begin..raw.len() - body)
}

/// Where the headers end that the switch begins an event with, if it has: the name and its own UUID
/// come first then, and the number of the event last. What a client sends begins with `Command`, and
/// an event that was made of another one has the other one's name first.
fn own_headers(document: &[u8], name: &[u8]) -> Option<Own> {
    let rest = document.strip_prefix(NAME)?.strip_prefix(name)?;
    if !rest.starts_with(b"\nCore-UUID: ") {
        return None;
    }
    // few lines have a q
    let at = line_with(document, SEQUENCE, 8)?;
    let (sequence, rest) = number(&document[at + SEQUENCE.len()..]);
    let end = memchr(b'\n', rest)? + 1;
    Some(Own {
        end: document.len() - rest.len() + end,
        sequence,
    })
}

/// Where the first line is that begins so, looked for by the one letter of it that is at `letter`.
fn line_with(document: &[u8], begin: &[u8], letter: usize) -> Option<usize> {
    let found = memchr_iter(begin[letter], document);
    let mut starts = found.filter_map(|at| at.checked_sub(letter));
    starts.find(|&at| {
        let begins = at == 0 || document[at - 1] == b'\n';
        begins && document[at..].starts_with(begin)
    })
}

/// The number at the beginning, and what follows it.
fn number(text: &[u8]) -> (Option<u64>, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    let mut value = (!digits.is_empty()).then_some(0_u64);
    for digit in digits {
        let ten = value.and_then(|value| value.checked_mul(10));
        value = ten.and_then(|value| value.checked_add(u64::from(digit - b'0')));
    }
    (value, rest)
}

/// The last line of this name, spelled as the switch does. It is looked for by its rarest letter.
fn last_named<'a>(document: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let rarity = |(_, byte): &(usize, &u8)| RARITY[usize::from(**byte)];
    let (letter, byte) = name.as_bytes().iter().enumerate().min_by_key(rarity)?;
    let mut found = memchr_iter(*byte, document).filter_map(|at| at.checked_sub(letter));
    let named = |at: &usize| {
        is_line(document, *at, name.len()) && document[*at..].starts_with(name.as_bytes())
    };
    let line = &document[found.rfind(named)?..];
    Some(memchr(b'\n', line).map_or(line, |end| &line[..end]))
}

/// How rare a letter is in events, 0 being the rarest; digits and marks are not.
const RARITY: [u8; 256] = {
    let order = b"QZjzKYJVXxqyGOBkMFUwWPRLHEASgDIpfTNvshmubdcotiCrnlae";
    let mut rarity = [u8::MAX; 256];
    let mut at = 0;
    while at < order.len() {
        rarity[order[at] as usize] = at as u8;
        at += 1;
    }
    rarity
};

/// Looks for [`CALL_ID`] by the two rarest letters of it, for the lines around it begin as it does.
pub(super) fn call_id_finder() -> Finder<'static> {
    struct Rarity;
    impl HeuristicFrequencyRank for Rarity {
        fn rank(&self, byte: u8) -> u8 {
            RARITY[usize::from(byte)]
        }
    }
    FinderBuilder::new().build_forward_with_ranker(Rarity, CALL_ID)
}

/// Whether a line begins here, with a name that is so long.
fn is_line(document: &[u8], at: usize, name: usize) -> bool {
    let begins = at == 0 || document[at - 1] == b'\n';
    begins && document.get(at + name) == Some(&b':')
}

/// The value of a line whose name is so long, as it came.
fn raw_value(line: &[u8], name: usize) -> &[u8] {
    let value = line.get(name + 1..).unwrap_or_default();
    let value = value.strip_prefix(b" ").unwrap_or(value);
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    value.strip_suffix(b"\r").unwrap_or(value)
}

/// The value of a line whose name is so long.
fn value_of(line: &[u8], name: usize) -> Cow<'_, str> {
    match std::str::from_utf8(raw_value(line, name)) {
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
        let numbers = (facts.timestamp(), facts.sequence());
        format!("{} {of_channel:?} {numbers:?}", facts.name)
    }

    /// Of an event whose lines cannot be read.
    fn indexed<'a>(event: &'a Event, route: &'a Route<'_>) -> Facts<'a> {
        let facts = Facts::new(event, route);
        facts.lines.set(None).unwrap();
        facts
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
            let route = event.route();
            let read = Facts::new(&event, &route);
            let begins = headers
                .first()
                .is_some_and(|(name, _)| *name == "Core-UUID");
            assert_eq!(read.lines().unwrap().own.is_some(), begins);
            let indexed = indexed(&event, &route);
            assert_eq!(read.call_id(), indexed.call_id());
            let finder = call_id_finder();
            assert_eq!(read.has_call_id(&finder), indexed.call_id().is_some());
            assert_eq!(read.traceparent(), indexed.traceparent());
            assert_eq!(shown(&read), shown(&indexed), "{headers:?}");
        }
        let event = event(&first);
        let route = event.route();
        let facts = Facts::new(&event, &route);
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
        let route = event.route();
        let facts = Facts::new(&event, &route);
        assert_eq!(
            (facts.call_id().as_deref(), facts.uuid.as_deref()),
            (None, None)
        );
        assert_eq!(facts.find("variable_sip_call_id"), None);
    }
}
