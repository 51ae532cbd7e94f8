//! Which events: the words of `event` and `nixevent`.

use std::collections::BTreeSet;

use super::check;
use crate::Error;
use crate::name::EventName;

/// A set of event names and CUSTOM subclasses.
///
/// ```
/// use genesis_proto::{EventName, command::EventSet};
///
/// let mut events = EventSet::new();
/// events.add(EventName::ChannelAnswer)?.add_subclass("sofia::register")?;
/// assert!(events.contains(&EventName::ChannelAnswer, None));
/// assert!(events.contains(&EventName::Custom, Some("sofia::register")));
/// assert!(!events.contains(&EventName::Custom, Some("conference::cdr")));
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventSet {
    names: BTreeSet<EventName>,
    subclasses: BTreeSet<String>,
}

impl EventSet {
    /// No events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every event, CUSTOM ones of any subclass included.
    pub fn all() -> Self {
        Self {
            names: BTreeSet::from([EventName::All]),
            subclasses: BTreeSet::new(),
        }
    }

    /// Adds a name. CUSTOM alone means CUSTOM events without a subclass.
    ///
    /// # Errors
    ///
    /// When the name is no word: the switch separates names by blanks.
    pub fn add(&mut self, name: EventName) -> Result<&mut Self, Error> {
        check::word("the event name", name.as_str())?;
        self.names.insert(name);
        Ok(self)
    }

    /// Adds a CUSTOM subclass.
    ///
    /// # Errors
    ///
    /// When it is no word.
    pub fn add_subclass(&mut self, subclass: &str) -> Result<&mut Self, Error> {
        check::word("the event subclass", subclass)?;
        self.subclasses.insert(subclass.to_owned());
        Ok(self)
    }

    /// Adds everything of `other`.
    pub fn extend(&mut self, other: &Self) -> &mut Self {
        self.names.extend(other.names.iter().cloned());
        self.subclasses.extend(other.subclasses.iter().cloned());
        self
    }

    /// What is in `self` and not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self {
            names: self.names.difference(&other.names).cloned().collect(),
            subclasses: self
                .subclasses
                .difference(&other.subclasses)
                .cloned()
                .collect(),
        }
    }

    /// The set takes every event.
    pub fn is_all(&self) -> bool {
        self.names.contains(&EventName::All)
    }

    /// The set takes nothing.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.subclasses.is_empty()
    }

    /// An event of this name and subclass belongs to the set.
    pub fn contains(&self, name: &EventName, subclass: Option<&str>) -> bool {
        if self.is_all() {
            return true;
        }
        match (name, subclass) {
            (EventName::Custom, Some(subclass)) => self.subclasses.contains(subclass),
            _ => self.names.contains(name),
        }
    }

    /// The names, without subclasses.
    pub fn names(&self) -> impl Iterator<Item = &EventName> {
        self.names.iter()
    }

    /// The CUSTOM subclasses.
    pub fn subclasses(&self) -> impl Iterator<Item = &str> {
        self.subclasses.iter().map(String::as_str)
    }

    /// The words, CUSTOM and its subclasses last.
    pub(super) fn words(&self) -> Result<String, Error> {
        if self.is_empty() {
            return Err(Error::invalid(
                "no event is named; use noevents to take all off",
            ));
        }
        let mut words: Vec<&str> = self
            .names
            .iter()
            .filter(|n| **n != EventName::Custom)
            .map(EventName::as_str)
            .collect();
        if self.names.contains(&EventName::Custom) || !self.subclasses.is_empty() {
            words.push(EventName::Custom.as_str());
            words.extend(self.subclasses());
        }
        Ok(words.join(" "))
    }
}

impl FromIterator<EventName> for EventSet {
    /// Collects names; names that are no words (which no constructor of the known ones makes) are
    /// left out.
    fn from_iter<I: IntoIterator<Item = EventName>>(names: I) -> Self {
        let mut set = Self::new();
        for name in names {
            let _ = set.add(name);
        }
        set
    }
}
