//! Which event becomes which span, worked out once.

use std::collections::HashMap;

use super::facts::CALL_ID;
use crate::vocabulary::sources::{self, Source};
use memchr::memmem::Finder;

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
    by_kind: HashMap<&'static str, Plan>,
    /// Of the span that a channel has of its own, when it begins.
    pub(crate) channel: Plan,
    /// Looks for the lines of a Call-ID, in every event of a channel.
    pub(crate) call_id: Finder<'static>,
}

impl Plans {
    pub(crate) fn new() -> Self {
        let mut plans = HashMap::new();
        for span in spans::ALL {
            for &from in span.from {
                plans.insert(from, Plan::new(span));
            }
        }
        let mut channel = Plan::new(&spans::FREESWITCH_CHANNEL);
        // that is known at its end
        (channel.attributes).retain(|source| source.attribute != "hangup.cause");
        Self {
            by_kind: plans,
            channel,
            call_id: Finder::new(CALL_ID),
        }
    }

    pub(crate) fn of(&self, kind: &str) -> Option<&Plan> {
        self.by_kind.get(kind)
    }
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
