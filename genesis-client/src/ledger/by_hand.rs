//! Commands that change what the switch sends and were sent by hand.
//!
//! They go through the ledger, so that they cannot take from a subscriber what it wants, and so
//! that they are said again on a new connection.

use std::collections::BTreeSet;

use genesis_proto::EventFormat;
use genesis_proto::command::{Command, EventSet, Verb};
use genesis_proto::name::LogLevel;
use genesis_proto::session::switch::MY_EVENTS;

use super::{Ledger, line_of, read_event};

/// More filters than this are not kept for the next connection; the oldest are forgotten.
const FILTERS_KEPT: usize = 1_000;

/// What is sent for a command by hand.
pub(crate) struct ByHand {
    pub(crate) before: Vec<Command>,
    pub(crate) command: Command,
    pub(crate) after: Vec<Command>,
    pub(crate) undo: Undo,
    /// The filters on the wire changed.
    pub(crate) filters: bool,
}

/// What to take back when the switch refuses.
pub(crate) enum Undo {
    Nothing,
    Events(EventSet),
    Filter(String, String),
    Only,
}

impl ByHand {
    fn unchanged(command: Command) -> Self {
        Self {
            before: Vec::new(),
            command,
            after: Vec::new(),
            undo: Undo::Nothing,
            filters: false,
        }
    }
}

impl Ledger {
    /// What to send for `command`.
    pub(crate) fn by_hand(&mut self, command: Command) -> ByHand {
        let verb = command.verb();
        let concerns = matches!(
            verb,
            Verb::Event
                | Verb::Nixevent
                | Verb::Noevents
                | Verb::Myevents
                | Verb::Filter
                | Verb::Log
                | Verb::Nolog
        );
        if !concerns {
            return ByHand::unchanged(command);
        }
        self.changed = true;
        let text = line_of(&command);
        let mut words = text.split(' ').skip(1).filter(|word| !word.is_empty());
        match verb {
            Verb::Event => {
                let (format, set) = read_event(words);
                self.format = format.unwrap_or(self.format);
                let undo = Undo::Events(set.difference(&self.by_hand));
                self.by_hand.extend(&set);
                self.wire.extend(&set);
                ByHand {
                    undo,
                    ..ByHand::unchanged(command)
                }
            }
            Verb::Nixevent => self.take_off(&read_event(words).1),
            Verb::Noevents => self.take_off(&self.by_hand.clone()),
            Verb::Myevents => {
                self.sends(&MY_EVENTS.iter().cloned().collect());
                // an outbound socket names only a format: the channel is its own
                let uuid = words.next().filter(|it| it.parse::<EventFormat>().is_err());
                let uuid = uuid.or(self.scope.as_deref()).unwrap_or_default();
                self.only = Some(uuid.to_owned());
                ByHand {
                    undo: Undo::Only,
                    ..ByHand::unchanged(command)
                }
            }
            Verb::Filter => self.filter_by_hand(&text, command),
            Verb::Log => {
                let level = words.next().and_then(|word| word.parse().ok());
                self.log_by_hand = Some(level.unwrap_or(LogLevel::Debug));
                self.log_wire = self.log_wanted();
                ByHand::unchanged(self.log_wire.map_or(command, Command::log))
            }
            _ => {
                self.log_by_hand = None;
                self.log_wire = self.log_wanted();
                ByHand::unchanged(self.log_wire.map_or(command, Command::log))
            }
        }
    }

    /// The switch refused a command by hand.
    pub(crate) fn undo(&mut self, undo: &Undo) {
        self.changed |= !matches!(undo, Undo::Nothing);
        match undo {
            Undo::Nothing => {}
            Undo::Only => self.only = None,
            Undo::Events(set) => {
                self.by_hand = self.by_hand.difference(set);
                self.refused(set);
            }
            Undo::Filter(header, value) => {
                self.filters_by_hand
                    .retain(|(h, v)| h != header || v != value);
            }
        }
    }

    /// Takes what was asked for by hand off, and gives the command that takes it off the wire as
    /// far as no subscriber wants it, and what must be said before. Where all of it is wanted the
    /// command changes nothing.
    fn take_off(&mut self, set: &EventSet) -> ByHand {
        self.by_hand = if set.is_all() {
            EventSet::new()
        } else {
            self.by_hand.difference(set)
        };
        let mut before = self.sync();
        let unchanged = || Command::event(self.format, &self.wire);
        let command = match before.pop() {
            Some(command) => command,
            None => unchanged().unwrap_or_else(|_| Command::noevents()),
        };
        ByHand {
            before,
            ..ByHand::unchanged(command)
        }
    }

    fn filter_by_hand(&mut self, text: &str, command: Command) -> ByHand {
        let mut parts = text.splitn(3, ' ').skip(1);
        let (first, rest) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let mut sent = ByHand {
            filters: true,
            ..ByHand::unchanged(command)
        };
        // what was filtered for subscribers is worked out anew afterwards
        let filtered = !std::mem::take(&mut self.filtered_channels).is_empty();
        if first.eq_ignore_ascii_case("delete") {
            let had = filtered || !self.filters_by_hand.is_empty();
            let (header, value) = rest.split_once(' ').unwrap_or((rest, ""));
            self.filters_by_hand.retain(|(h, v)| {
                !(header.eq_ignore_ascii_case("all")
                    || h.eq_ignore_ascii_case(header) && (value.is_empty() || v == value))
            });
            if !self.filters_by_hand.is_empty() {
                // what was deleted may have been one of those that must stay
                sent.after.extend(self.always_filters());
            } else if had {
                sent.after.push(Command::filter_delete_all());
            }
            return sent;
        }
        if self.filters_by_hand.is_empty() {
            // the first filter would hide job results from everybody
            sent.before.extend(self.always_filters());
        }
        if self.filters_by_hand.len() >= FILTERS_KEPT {
            self.filters_by_hand.remove(0);
        }
        let filter = (first.to_owned(), rest.to_owned());
        sent.undo = Undo::Filter(filter.0.clone(), filter.1.clone());
        self.filters_by_hand.push(filter);
        self.filtered_channels = BTreeSet::new();
        sent
    }
}
