//! The values that labels can have.
//!
//! A label takes one of a closed set, or [`OTHER`]: free text, UUIDs and numbers go on spans.

use std::time::Duration;

use genesis_proto::name::{AnswerState, CallDirection, ChannelState, EventName, HangupCause};

/// What a value becomes that is not in its set.
pub const OTHER: &str = "other";

pub use super::lists::*;

/// A configured limit, rounded up to seconds that stand in [`DURATIONS`].
///
/// ```
/// use std::time::Duration;
/// use genesis_otel::vocabulary::values::duration;
///
/// assert_eq!(duration(Duration::from_millis(300)), "1");
/// assert_eq!(duration(Duration::from_secs(21)), "30");
/// assert_eq!(duration(Duration::from_secs(3600)), "more");
/// ```
#[must_use]
pub fn duration(limit: Duration) -> &'static str {
    for (seconds, text) in [1, 2, 5, 10, 20, 30, 60, 120, 300]
        .into_iter()
        .zip(DURATIONS)
    {
        if limit <= Duration::from_secs(seconds) {
            return text;
        }
    }
    "more"
}

/// `true` or `false`.
#[must_use]
pub fn bool(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// A closed set with numbers: a value is a small integer, so that handles are found fast.
#[derive(Debug)]
pub(crate) struct Closed {
    sorted: Box<[(Mark, &'static str)]>,
    /// Numbers by hash, 0 where there is none: every event asks for some six values.
    places: Box<[u16]>,
}

/// One value of a [`Closed`] set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// 0 for an absent label, 1 for `other`, then the values.
    pub(crate) number: u16,
    /// Nothing for an absent label.
    pub(crate) text: Option<&'static str>,
}

impl Slot {
    pub(crate) const ABSENT: Self = Self {
        number: 0,
        text: None,
    };
    pub(crate) const OTHER: Self = Self {
        number: 1,
        text: Some(OTHER),
    };
}

impl Closed {
    fn new(values: impl IntoIterator<Item = &'static str>) -> Self {
        let mut sorted: Vec<&'static str> = values.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        // at most a quarter is taken, so that most values stand at their own place
        let mut places = vec![0_u16; (sorted.len() * 4).next_power_of_two()];
        for (number, value) in (2..).zip(&sorted) {
            let mut at = Mark::of(value.as_bytes()).hash() & (places.len() - 1);
            while places[at] != 0 {
                at = (at + 1) & (places.len() - 1);
            }
            places[at] = number;
        }
        let marked = sorted
            .iter()
            .map(|value| (Mark::of(value.as_bytes()), *value));
        Self {
            sorted: marked.collect(),
            places: places.into(),
        }
    }

    /// How many values there are beside `other`.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(crate) fn slot(&self, value: &str) -> Slot {
        self.find(value.as_bytes()).unwrap_or(Slot::OTHER)
    }

    /// The slot of a value that is in the set.
    pub(crate) fn find(&self, value: &[u8]) -> Option<Slot> {
        let mark = Mark::of(value);
        let mut at = mark.hash();
        loop {
            at &= self.places.len() - 1;
            let number = self.places[at];
            // 0 is a free place: the value is none of these
            let place = usize::from(number).checked_sub(2)?;
            let (known, text) = *self.sorted.get(place)?;
            if known == mark && (mark.is_all() || text.as_bytes() == value) {
                let text = Some(text);
                return Some(Slot { number, text });
            }
            at += 1;
        }
    }

    pub(crate) fn optional(&self, value: Option<&str>) -> Slot {
        value.map_or(Slot::ABSENT, |value| self.slot(value))
    }
}

/// The length, the first bytes and the last: no more is needed to tell words apart, and nobody can
/// put a word into a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    first: u64,
    last: u64,
    length: usize,
}

impl Mark {
    fn of(bytes: &[u8]) -> Self {
        let long = bytes.first_chunk().zip(bytes.last_chunk());
        let short = bytes.first_chunk().zip(bytes.last_chunk());
        let (first, last) = match (long, short) {
            (Some((first, last)), _) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            (None, Some((first, last))) => (
                u32::from_le_bytes(*first).into(),
                u32::from_le_bytes(*last).into(),
            ),
            (None, None) => {
                let shift = |word: u64, byte: &u8| (word << 8) | u64::from(*byte);
                (bytes.iter().fold(0, shift), 0)
            }
        };
        Self {
            first,
            last,
            length: bytes.len(),
        }
    }

    /// Whether it has every byte.
    fn is_all(&self) -> bool {
        self.length <= 16
    }

    fn hash(&self) -> usize {
        let mixed = self.first ^ self.last.rotate_left(21) ^ self.length as u64;
        (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize
    }
}

/// Every closed set that an event can reach.
#[derive(Debug)]
pub(crate) struct Sets {
    pub(crate) events: Closed,
    pub(crate) subclasses: Closed,
    pub(crate) directions: Closed,
    pub(crate) channel_states: Closed,
    pub(crate) answer_states: Closed,
    pub(crate) causes: Closed,
    pub(crate) q850: Closed,
    pub(crate) codecs: Closed,
    pub(crate) applications: Closed,
    pub(crate) application_results: Closed,
    pub(crate) bridge_results: Closed,
    pub(crate) digits: Closed,
    pub(crate) transfer_types: Closed,
    pub(crate) transfer_roles: Closed,
    pub(crate) commands: Closed,
    pub(crate) errors: Closed,
    connection_types: Closed,
    operations: Closed,
    bools: Closed,
    ring_modes: Closed,
    results: Closed,
    timeout_types: Closed,
    timeout_operations: Closed,
    durations: Closed,
    backends: Closed,
    selections: Closed,
    queue_operations: Closed,
    nothing: Closed,
}

impl Sets {
    pub(crate) fn new() -> Self {
        let of = |values: &'static [&'static str]| Closed::new(values.iter().copied());
        Self {
            events: Closed::new(EventName::ALL_KNOWN.iter().map(EventName::as_str)),
            subclasses: of(SUBCLASSES),
            directions: Closed::new(CallDirection::ALL_KNOWN.iter().map(CallDirection::as_str)),
            channel_states: Closed::new(ChannelState::ALL_KNOWN.iter().map(ChannelState::as_str)),
            answer_states: Closed::new(AnswerState::ALL_KNOWN.iter().map(AnswerState::as_str)),
            causes: Closed::new(HangupCause::ALL_KNOWN.iter().map(HangupCause::as_str)),
            q850: of(Q850),
            codecs: of(CODECS),
            applications: of(APPLICATIONS),
            application_results: of(APPLICATION_RESULTS),
            bridge_results: of(BRIDGE_RESULTS),
            digits: of(DIGITS),
            transfer_types: of(TRANSFER_TYPES),
            transfer_roles: of(TRANSFER_ROLES),
            commands: of(COMMANDS),
            errors: of(ERRORS),
            connection_types: of(CONNECTION_TYPES),
            operations: of(OPERATIONS),
            bools: of(BOOLS),
            ring_modes: of(RING_MODES),
            results: of(RESULTS),
            timeout_types: of(TIMEOUT_TYPES),
            timeout_operations: Closed::new(
                OPERATIONS
                    .iter()
                    .chain(COMMANDS)
                    .copied()
                    .chain(["wait_and_acquire"]),
            ),
            durations: of(DURATIONS),
            backends: of(BACKENDS),
            selections: of(SELECTIONS),
            queue_operations: of(QUEUE_OPERATIONS),
            nothing: of(&[]),
        }
    }

    /// The values that a label can have, whatever the metric.
    pub(crate) fn of_label(&self, label: &str) -> &Closed {
        match label {
            "answer_state" => &self.answer_states,
            "application.name" => &self.applications,
            "application.result" => &self.application_results,
            "bridge.result" => &self.bridge_results,
            "channel.read_codec" | "channel.write_codec" => &self.codecs,
            "channel_state" => &self.channel_states,
            "command" => &self.commands,
            "direction" => &self.directions,
            "dtmf.digit" => &self.digits,
            "error" => &self.errors,
            "event.name" | "event_name" => &self.events,
            "event_subclass" => &self.subclasses,
            "hangup.cause" | "hangup_cause" => &self.causes,
            "hangup.cause.q850" => &self.q850,
            "has_balancer" | "success" => &self.bools,
            "loadbalancer.backend" => &self.backends,
            "loadbalancer.result" => &self.selections,
            "mode" => &self.ring_modes,
            "op" => &self.queue_operations,
            "operation" => &self.operations,
            "result" => &self.results,
            "timeout.duration" => &self.durations,
            "timeout.operation" => &self.timeout_operations,
            "timeout.type" => &self.timeout_types,
            "transfer.role" => &self.transfer_roles,
            "transfer.type" => &self.transfer_types,
            "type" => &self.connection_types,
            _ => &self.nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_or_becomes_other() {
        let sets = Sets::new();
        let busy = sets.causes.slot("USER_BUSY");
        assert_eq!(busy.text, Some("USER_BUSY"));
        assert!(busy.number > 1);
        assert_eq!(sets.causes.slot("MY_CAUSE"), Slot::OTHER);
        assert_eq!(sets.causes.optional(None), Slot::ABSENT);
        assert_ne!(sets.causes.slot("NORMAL_CLEARING"), busy);
    }

    #[test]
    fn durations_are_rounded_up() {
        let of = |seconds| duration(Duration::from_secs_f64(seconds));
        assert_eq!(
            [of(0.0), of(1.0), of(1.1), of(300.0)],
            ["1", "1", "2", "300"]
        );
        assert_eq!(of(300.1), "more");
        assert!(DURATIONS.contains(&of(59.0)));
    }

    #[test]
    fn every_label_has_a_set_and_its_numbers_fit_the_bits_of_a_key() {
        let sets = Sets::new();
        for metric in super::super::metrics::ALL {
            for label in metric.labels.iter().chain(metric.when) {
                let values = sets.of_label(label).sorted.len();
                assert!(values > 0 && values + 2 < 1024, "{label}");
            }
        }
    }

    #[test]
    fn every_command_that_there_is_can_be_counted() {
        use genesis_proto::Command;

        for line in [
            "auth x",
            "api x",
            "events",
            "sendmsg",
            "divert_events on",
            "nolog",
        ] {
            let command = Command::raw(line).unwrap();
            assert!(COMMANDS.contains(&command.verb().as_str()), "{line}");
        }
    }
}
