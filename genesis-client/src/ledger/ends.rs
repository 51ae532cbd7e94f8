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

#[cfg(test)]
mod tests {
    use genesis_proto::command::EventSet;
    use genesis_proto::session::Allowed;
    use genesis_proto::{Command, EventFormat};

    use super::*;
    use crate::outbound::{Control, Mode, SocketMode};

    fn of(uuids: &[&str]) -> Ends {
        Ends::Of(uuids.iter().map(|&uuid| uuid.to_owned()).collect())
    }

    fn ledger(names: &[EventName]) -> Ledger {
        let mut ledger = Ledger::new(EventFormat::Plain);
        ledger.connected(Allowed::default());
        let set: EventSet = names.iter().cloned().collect();
        ledger.acquire(&set);
        ledger.sync();
        ledger
    }

    fn by_hand(ledger: &mut Ledger, line: &str) {
        ledger.by_hand(Command::raw(line).unwrap());
    }

    #[test]
    fn one_of_the_last_events_is_enough_and_nothing_else_is() {
        assert_eq!(ledger(&[]).ends(), of(&[]));
        let others = [EventName::ChannelCreate, EventName::ChannelAnswer];
        assert_eq!(ledger(&others).ends(), of(&[]));
        for last in LAST {
            assert_eq!(ledger(&[last]).ends(), Ends::All);
        }
        let mut all = ledger(&[EventName::All]);
        assert_eq!(all.ends(), Ends::All);
        all.release(&[EventName::All].into_iter().collect());
        all.sync();
        assert_eq!(all.ends(), of(&[]));
        let mut refused = ledger(&[EventName::ChannelHangup]);
        refused.refused(&[EventName::ChannelHangup].into_iter().collect());
        assert_eq!(refused.ends(), of(&[]));
    }

    #[test]
    fn what_the_user_may_not_have_does_not_come() {
        let mut ledger = ledger(&[]);
        let allowed = Allowed {
            events: Some(vec!["CHANNEL_ANSWER".to_owned()]),
            ..Allowed::default()
        };
        ledger.connected(allowed);
        by_hand(&mut ledger, "event plain ALL");
        assert_eq!(ledger.ends(), of(&[]));
    }

    #[test]
    fn filters_let_through_what_they_name() {
        let mut ledger = ledger(&[EventName::ChannelDestroy, EventName::ChannelAnswer]);
        by_hand(&mut ledger, "filter Unique-ID a");
        by_hand(&mut ledger, "filter unique-id +b");
        by_hand(&mut ledger, "filter Unique-ID /c.*/");
        by_hand(&mut ledger, "filter Call-Direction inbound");
        assert_eq!(ledger.ends(), of(&["a", "b"]));
        by_hand(&mut ledger, "filter Event-Name CHANNEL_HANGUP");
        assert_eq!(ledger.ends(), of(&["a", "b"]), "that does not come anyway");
        by_hand(&mut ledger, "filter Event-Name channel_destroy");
        assert_eq!(ledger.ends(), Ends::All);
        by_hand(&mut ledger, "filter Call-Direction -outbound");
        assert_eq!(ledger.ends(), of(&[]));
        by_hand(&mut ledger, "filter delete all");
        assert_eq!(ledger.ends(), Ends::All);
    }

    #[test]
    fn filters_for_subscribers_bind_to_their_channels_until_executions_are_followed() {
        let mut ledger = ledger(&[EventName::ChannelHangup]);
        ledger.sync_filters(Some([("Unique-ID", "a")].into_iter()));
        assert_eq!(ledger.ends(), of(&["a"]));
        let executions = [EventName::ChannelExecuteComplete, EventName::ChannelHangup];
        ledger.follow_executions(&executions.into_iter().collect());
        assert_eq!(ledger.ends(), Ends::All);
    }

    #[test]
    fn an_outbound_session_is_told_of_its_own_channel_and_of_those_it_follows() {
        let mut ledger = ledger(&[EventName::ChannelHangup]);
        ledger.scope("own");
        assert_eq!(ledger.ends(), of(&["own"]));
        ledger.sync_filters(Some([("Unique-ID", "leg")].into_iter()));
        assert_eq!(ledger.ends(), of(&["leg", "own"]));
        ledger.sync_filters(None::<std::iter::Empty<(&str, &str)>>);
        assert_eq!(ledger.ends(), of(&["own"]));
    }

    #[test]
    fn myevents_binds_to_one_channel() {
        let mut inbound = ledger(&[EventName::ChannelHangup]);
        assert!(!inbound.take_changed());
        let sent = inbound.by_hand(Command::raw("myevents a json").unwrap());
        assert!(inbound.take_changed());
        assert_eq!(inbound.ends(), of(&["a"]));
        inbound.undo(&sent.undo);
        assert!(inbound.take_changed());
        assert_eq!(inbound.ends(), Ends::All);
        by_hand(&mut inbound, "myevents a");
        inbound.connected(Allowed::default());
        inbound.restore();
        assert_eq!(
            inbound.ends(),
            Ends::All,
            "said with `event` on a new connection"
        );

        let mut outbound = ledger(&[]);
        outbound.fix(
            SocketMode {
                mode: Mode::Async,
                control: Control::SingleChannel,
            },
            [EventName::ChannelHangup].into_iter().collect(),
        );
        outbound.only("own");
        assert_eq!(outbound.ends(), of(&["own"]));
        by_hand(&mut outbound, "filter Unique-ID other");
        assert_eq!(outbound.ends(), of(&[]));
        by_hand(&mut outbound, "filter Unique-ID own");
        assert_eq!(outbound.ends(), of(&["own"]));
    }
}
