//! What is read of every event, in one pass.

use std::borrow::Cow;

use genesis_proto::Event;
use genesis_proto::headers::Header;

/// The headers that routing an event to its metrics and its channel needs. Of a repeated header
/// the last counts: the switch writes its own after those that a client may have forged.
pub(crate) struct Facts<'a> {
    pub(crate) event: &'a Event,
    pub(crate) name: Cow<'a, str>,
    pub(crate) subclass: Option<Cow<'a, str>>,
    pub(crate) uuid: Option<Cow<'a, str>>,
    pub(crate) direction: Option<Cow<'a, str>>,
    pub(crate) channel_state: Option<Cow<'a, str>>,
    pub(crate) answer_state: Option<Cow<'a, str>>,
    pub(crate) cause: Option<Cow<'a, str>>,
    pub(crate) call_id: Option<Cow<'a, str>>,
    pub(crate) channel_name: Option<Cow<'a, str>>,
    pub(crate) traceparent: Option<Cow<'a, str>>,
    pub(crate) other_leg: Option<Cow<'a, str>>,
    pub(crate) other_type: Option<Cow<'a, str>>,
    pub(crate) core: Option<Cow<'a, str>>,
    /// Microseconds since 1970.
    pub(crate) timestamp: Option<u64>,
    pub(crate) sequence: Option<u64>,
}

impl<'a> Facts<'a> {
    pub(crate) fn read(event: &'a Event) -> Self {
        let mut facts = Self {
            event,
            name: Cow::Borrowed(""),
            subclass: None,
            uuid: None,
            direction: None,
            channel_state: None,
            answer_state: None,
            cause: None,
            call_id: None,
            channel_name: None,
            traceparent: None,
            other_leg: None,
            other_type: None,
            core: None,
            timestamp: None,
            sequence: None,
        };
        for header in event.headers().iter() {
            facts.take(&header);
        }
        facts
    }

    fn take(&mut self, header: &Header<'a>) {
        let target = match header.raw_name().len() {
            9 if header.is("Unique-ID") => &mut self.uuid,
            9 if header.is("Core-UUID") => &mut self.core,
            10 if header.is("Event-Name") => {
                self.name = header.value();
                return;
            }
            10 if header.is("Other-Type") => &mut self.other_type,
            12 if header.is("Answer-State") => &mut self.answer_state,
            12 if header.is("Hangup-Cause") => &mut self.cause,
            12 if header.is("Channel-Name") => &mut self.channel_name,
            13 if header.is("Channel-State") => &mut self.channel_state,
            14 if header.is("Call-Direction") => &mut self.direction,
            14 if header.is("Event-Subclass") => &mut self.subclass,
            14 if header.is("Event-Sequence") => {
                self.sequence = header.value().parse().ok();
                return;
            }
            19 if header.is("Other-Leg-Unique-ID") => &mut self.other_leg,
            20 if header.is("variable_sip_call_id") => &mut self.call_id,
            20 if header.is("variable_traceparent") => &mut self.traceparent,
            20 if header.is("Event-Date-Timestamp") => {
                self.timestamp = header.value().parse().ok();
                return;
            }
            _ => return,
        };
        *target = Some(header.value());
    }

    /// A header that not every event is asked for.
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.event.get(name)
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
        self.get(name)?.parse().ok().filter(|&micros| micros > 0)
    }
}
