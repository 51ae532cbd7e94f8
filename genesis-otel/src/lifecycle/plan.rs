//! Which event becomes which span, worked out once.

use memchr::memmem::Finder;

use super::facts::call_id_finder;
use crate::vocabulary::sources::{self, Source};
use crate::vocabulary::values::{Closed, Sets, Slot};
use crate::vocabulary::{Span, spans};

/// A span and where its attributes come from.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) span: &'static Span,
    pub(crate) attributes: Vec<&'static Source>,
}

/// By `Event-Name`, or by subclass of CUSTOM.
#[derive(Debug)]
pub(crate) struct Plans {
    by_name: Box<[Option<Plan>]>,
    by_subclass: Box<[Option<Plan>]>,
    custom: Slot,
    /// Of the span that a channel has of its own, when it begins.
    pub(crate) channel: Plan,
    /// Looks for the lines of a Call-ID, in every event of a channel.
    pub(crate) call_id: Finder<'static>,
}

/// What an event is called, as numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: Slot,
    pub(crate) subclass: Slot,
}

impl Plans {
    pub(crate) fn new(sets: &Sets) -> Self {
        let mut channel = Plan::new(&spans::FREESWITCH_CHANNEL);
        // those are known at its end
        let at_end = ["channel.uuid", "hangup.cause"];
        (channel.attributes).retain(|source| !at_end.contains(&source.attribute));
        Self {
            by_name: plans(&sets.events),
            by_subclass: plans(&sets.subclasses),
            custom: sets.events.slot("CUSTOM"),
            channel,
            call_id: call_id_finder(),
        }
    }

    pub(crate) fn of(&self, kind: Kind) -> Option<&Plan> {
        let (plans, slot) = if kind.name == self.custom {
            (&self.by_subclass, kind.subclass)
        } else {
            (&self.by_name, kind.name)
        };
        plans.get(usize::from(slot.number))?.as_ref()
    }
}

/// The plans of events that are called as the values of `set`, by their numbers.
fn plans(set: &Closed) -> Box<[Option<Plan>]> {
    let mut plans = Vec::new();
    for span in spans::ALL {
        for slot in span
            .from
            .iter()
            .filter_map(|from| set.find(from.as_bytes()))
        {
            let number = usize::from(slot.number);
            if plans.len() <= number {
                plans.resize_with(number + 1, || None);
            }
            plans[number] = Some(Plan::new(span));
        }
    }
    plans.into()
}

impl Plan {
    fn new(span: &'static Span) -> Self {
        let also: &[&str] = if span.is_of_a_channel() {
            spans::OF_A_CHANNEL
        } else {
            &[]
        };
        let names = span.always.iter().chain(span.when).chain(also);
        let mut attributes: Vec<&'static Source> = Vec::new();
        for name in names.flat_map(|name| sources::expand(name)) {
            let known = attributes.iter().any(|source| source.attribute == name);
            if let (false, Some(source)) = (known, sources::of(name)) {
                attributes.push(source);
            }
        }
        Self { span, attributes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_that_becomes_a_span_has_a_plan() {
        let sets = Sets::new();
        let plans = Plans::new(&sets);
        for span in spans::ALL {
            for from in span.from {
                let name = sets.events.find(from.as_bytes());
                let kind = Kind {
                    name: name.unwrap_or(plans.custom),
                    subclass: sets.subclasses.slot(from),
                };
                assert_eq!(plans.of(kind).map(|plan| plan.span.name), Some(span.name));
            }
        }
        let (name, subclass) = (sets.events.slot("HEARTBEAT"), Slot::ABSENT);
        assert!(plans.of(Kind { name, subclass }).is_none());
    }
}
