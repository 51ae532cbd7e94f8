//! Of which channels the switch tells this connection the ends, for who counts calls.

use genesis_proto::EventName;

use super::Ledger;
use crate::observe::Ends;

/// The events by which a channel ends; one of them is enough.
const LAST: [EventName; 3] = [
    EventName::ChannelHangup,
    EventName::ChannelHangupComplete,
    EventName::ChannelDestroy,
];

impl Ledger {
    /// `myevents` was sent: nothing but this channel's events comes from now on.
    pub(crate) fn only(&mut self, uuid: &str) {
        self.only = Some(uuid.to_owned());
    }

    /// Whether a command by hand may have changed what comes since this was asked last.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The channels whose ends come. Filters by headers that change with the call cannot be
    /// foreseen: what only they let through is left out.
    pub(crate) fn ends(&self) -> Ends {
        let comes = |name: &&EventName| {
            let allowed = self.may_have(name.as_str()) || self.may_have("ALL");
            allowed && self.wire.contains(name, None)
        };
        let sent: Vec<&EventName> = LAST.iter().filter(comes).collect();
        if sent.is_empty() {
            return Ends::default();
        }
        let passed = self.passed(&sent);
        match (&self.only, passed) {
            (None, passed) => passed,
            (Some(own), Ends::All) => Ends::Of(vec![own.clone()]),
            (Some(own), Ends::Of(mut uuids)) => {
                uuids.retain(|uuid| uuid == own);
                Ends::Of(uuids)
            }
        }
    }

    /// The channels of which the filters let one of these events through.
    fn passed(&self, sent: &[&EventName]) -> Ends {
        let filters = self.filters_by_hand.iter().chain(&self.filtered_channels);
        let filters: Vec<(&str, &str)> = filters
            .map(|(header, value)| (header.as_str(), value.strip_prefix('+').unwrap_or(value)))
            .collect();
        let is_sent = |value: &str| {
            let mut sent = sent.iter();
            sent.any(|name| value.eq_ignore_ascii_case(name.as_str()))
        };
        let is = |header: &str, wanted: &str| header.eq_ignore_ascii_case(wanted);
        // said with every filter, so that executions are seen to end
        let kept = self.scope.is_none() && self.executions.names().any(|it| is_sent(it.as_str()));
        let let_through =
            |(header, value): &(&str, &str)| is(header, "Event-Name") && is_sent(value);
        if filters.iter().any(|(_, value)| value.starts_with('-')) {
            // what it rejects may be an end
            Ends::default()
        } else if filters.is_empty() || kept || filters.iter().any(let_through) {
            Ends::All
        } else {
            let channels = filters.into_iter().filter(|(header, value)| {
                is(header, "Unique-ID") && !value.is_empty() && !value.starts_with('/')
            });
            Ends::Of(channels.map(|(_, uuid)| uuid.to_owned()).collect())
        }
    }
}
