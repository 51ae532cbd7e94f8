//! What one connection gets: its event types, subclasses, filters, format, log level.

use std::collections::HashSet;

use super::filter::{Candidate, Filters, MatchesRegex};
use super::permissions::Permissions;
use crate::name::{EventFormat, EventName};

/// The event types that `myevents` switches on (mod_event_socket.c, `parse_command`).
pub const MY_EVENTS: [EventName; 23] = [
    EventName::ChannelAnswer,
    EventName::ChannelApplication,
    EventName::ChannelBridge,
    EventName::ChannelCreate,
    EventName::ChannelData,
    EventName::ChannelDestroy,
    EventName::ChannelExecute,
    EventName::ChannelExecuteComplete,
    EventName::ChannelHangup,
    EventName::ChannelHangupComplete,
    EventName::ChannelOriginate,
    EventName::ChannelUuid,
    EventName::ChannelOutgoing,
    EventName::ChannelPark,
    EventName::ChannelProgress,
    EventName::ChannelProgressMedia,
    EventName::ChannelState,
    EventName::ChannelUnbridge,
    EventName::ChannelUnpark,
    EventName::DetectedSpeech,
    EventName::Dtmf,
    EventName::Notalk,
    EventName::Talk,
];

/// The subscription of one connection, changed by its commands. Every method that answers a
/// command gives the `Reply-Text` of the real switch, word for word.
///
/// ```
/// use genesis_proto::EventFormat;
/// use genesis_proto::session::switch::{Permissions, Subscription};
///
/// let mut subscription = Subscription::new();
/// let all = Permissions::all();
/// assert_eq!(
///     subscription.event(" json CHANNEL_ANSWER", &all, &[]),
///     "+OK event listener enabled json"
/// );
/// assert_eq!(subscription.event(" plain", &all, &[]), "-ERR no keywords supplied");
/// // the refused command has changed the format all the same
/// assert_eq!(subscription.format(), EventFormat::Plain);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Subscription {
    enabled: bool,
    all: bool,
    names: HashSet<EventName>,
    subclasses: HashSet<String>,
    format: EventFormat,
    filters: Filters,
    my_events: bool,
}

impl Subscription {
    /// No events yet, plain.
    pub fn new() -> Self {
        Self::default()
    }

    /// The format in which events are written, whatever it was when they were queued.
    pub fn format(&self) -> EventFormat {
        self.format
    }

    /// Events are written at all.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// `myevents` is on.
    pub fn is_my_events(&self) -> bool {
        self.my_events
    }

    /// `event [FORMAT] NAMES`; `argument` is what follows the word. `known_subclasses` are those
    /// that modules of the switch have reserved: `ALL` adds them one by one, which shows after a
    /// `nixevent`.
    pub fn event(
        &mut self,
        argument: &str,
        permissions: &Permissions,
        known_subclasses: &[&str],
    ) -> String {
        let mut keywords = 0;
        let mut custom = false;
        for (i, word) in words(argument).enumerate() {
            if i == 0
                && let Ok(format) = word.parse()
            {
                self.format = format;
                continue;
            }
            if custom {
                if !permissions.subclass(word) {
                    return PERMISSION_DENIED.to_owned();
                }
                self.subclasses.insert(word.to_owned());
                continue;
            }
            let Some(name) = known_name(word) else {
                continue;
            };
            if !permissions.event(&name) {
                return PERMISSION_DENIED.to_owned();
            }
            keywords += 1;
            match name {
                EventName::All => {
                    self.all = true;
                    self.names.extend(every_name());
                    match permissions.subclasses() {
                        Some(allowed) => self.subclasses.extend(allowed.map(str::to_owned)),
                        None => self
                            .subclasses
                            .extend(known_subclasses.iter().map(|s| (*s).to_owned())),
                    }
                }
                EventName::Custom => {
                    custom = true;
                    self.names.insert(EventName::Custom);
                }
                name => {
                    self.names.insert(name);
                }
            }
        }
        if keywords == 0 {
            return NO_KEYWORDS.to_owned();
        }
        self.enabled = true;
        format!("+OK event listener enabled {}", self.format)
    }

    /// `nixevent NAMES`. After `ALL` it turns "all" into "every type but these".
    pub fn nixevent(&mut self, argument: &str) -> String {
        let mut keywords = 0;
        let mut custom = false;
        for word in words(argument) {
            if custom {
                self.subclasses.remove(word);
                continue;
            }
            let Some(name) = known_name(word) else {
                continue;
            };
            keywords += 1;
            match name {
                EventName::Custom => custom = true,
                EventName::All => {
                    self.all = false;
                    self.names.clear();
                }
                name => {
                    if std::mem::take(&mut self.all) {
                        self.names.extend(every_name());
                    }
                    self.names.remove(&name);
                }
            }
        }
        if keywords == 0 {
            return NO_KEYWORDS.to_owned();
        }
        self.enabled = true;
        "+OK events nixed".to_owned()
    }

    /// `noevents`. The caller drops the events that are queued, whatever the answer.
    pub fn noevents(&mut self) -> String {
        if !std::mem::take(&mut self.enabled) {
            return "-ERR not listening for events".to_owned();
        }
        self.all = false;
        self.names.clear();
        self.subclasses.clear();
        "+OK no longer listening for events".to_owned()
    }

    /// `filter ...`; `argument` is what follows `filter `.
    pub fn filter(&mut self, argument: &str) -> String {
        self.filters.command(argument)
    }

    /// `myevents`, once the caller has found the session: the [`MY_EVENTS`] types and only those of
    /// the session. `command` is the line as far as the switch still sees it: it looks for `xml`
    /// and `json` anywhere in it.
    pub fn myevents(&mut self, command: &str) -> String {
        if std::mem::replace(&mut self.my_events, true) {
            return "-ERR aready enabled.".to_owned();
        }
        self.names.extend(MY_EVENTS);
        self.enabled = true;
        if command.contains("xml") || command.contains("XML") {
            self.format = EventFormat::Xml;
        }
        if command.contains("json") || command.contains("JSON") {
            self.format = EventFormat::Json;
        }
        "+OK Events Enabled".to_owned()
    }

    /// The connection gets this event (mod_event_socket.c, `event_handler`). `session` is the one
    /// that the connection controls.
    pub fn wants(
        &self,
        event: &impl Candidate,
        session: Option<&str>,
        matches_regex: MatchesRegex<'_>,
    ) -> bool {
        if !self.enabled || !self.subscribed(event) || !self.filters.pass(event, matches_regex) {
            return false;
        }
        if !self.my_events {
            return true;
        }
        let unique_id = event.header("Unique-ID");
        match session {
            None => unique_id.is_some(),
            Some(session) => {
                unique_id.as_deref() == Some(session)
                    || event.header("Job-Owner-UUID").as_deref() == Some(session)
            }
        }
    }

    fn subscribed(&self, event: &impl Candidate) -> bool {
        if self.all {
            return true;
        }
        self.names.contains(event.name())
            && (*event.name() != EventName::Custom
                || event
                    .subclass()
                    .is_none_or(|subclass| self.subclasses.contains(&*subclass)))
    }
}

const PERMISSION_DENIED: &str = "-ERR permission denied";
const NO_KEYWORDS: &str = "-ERR no keywords supplied";

/// What follows the first space, cut at each single space.
fn words(argument: &str) -> impl Iterator<Item = &str> {
    let rest = argument.split_once(' ').map(|(_, rest)| rest);
    rest.into_iter().flat_map(|rest| rest.split(' '))
}

/// The type called `word`, in any case, with any 13 bytes in front (made for `SWITCH_EVENT_`,
/// switch_event.c, `switch_name_event`).
pub fn known_name(word: &str) -> Option<EventName> {
    let known = |word: &str| {
        EventName::ALL_KNOWN
            .iter()
            .find(|name| name.as_str().eq_ignore_ascii_case(word))
            .cloned()
    };
    let without_prefix = word.get(13..).filter(|rest| !rest.is_empty());
    known(word).or_else(|| without_prefix.and_then(known))
}

fn every_name() -> impl Iterator<Item = EventName> {
    EventName::ALL_KNOWN
        .iter()
        .filter(|name| **name != EventName::All)
        .cloned()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    struct Fake(
        EventName,
        Option<&'static str>,
        Vec<(&'static str, &'static str)>,
    );

    impl Candidate for Fake {
        fn name(&self) -> &EventName {
            &self.0
        }

        fn subclass(&self) -> Option<Cow<'_, str>> {
            self.1.map(Cow::from)
        }

        fn header(&self, name: &str) -> Option<Cow<'_, str>> {
            let found = self
                .2
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            Some(found.1.into())
        }
    }

    fn event(name: EventName) -> Fake {
        Fake(name, None, Vec::new())
    }

    fn custom(subclass: &'static str) -> Fake {
        Fake(EventName::Custom, Some(subclass), Vec::new())
    }

    fn wants(subscription: &Subscription, event: &Fake) -> bool {
        subscription.wants(event, None, &mut |_, _| false)
    }

    fn subscribed(argument: &str) -> Subscription {
        let mut subscription = Subscription::new();
        let reply = subscription.event(argument, &Permissions::all(), &["sofia::register"]);
        assert!(reply.starts_with("+OK"), "{reply}");
        subscription
    }

    #[test]
    fn names_in_any_case_and_with_a_prefix() {
        assert_eq!(known_name("heartBeat"), Some(EventName::Heartbeat));
        assert_eq!(
            known_name("SWITCH_EVENT_HEARTBEAT"),
            Some(EventName::Heartbeat)
        );
        assert_eq!(known_name("1234567890123"), None);
        assert_eq!(known_name("all"), Some(EventName::All));
        assert_eq!(known_name("CHANNEL_CREATE,CHANNEL_DESTROY"), None);
        assert_eq!(known_name("ééééééé"), None);
    }

    #[test]
    fn after_custom_only_subclasses_follow() {
        let subscription = subscribed(" plain CUSTOM a::b HEARTBEAT");
        assert!(wants(&subscription, &custom("a::b")));
        assert!(wants(&subscription, &custom("HEARTBEAT")));
        assert!(!wants(&subscription, &event(EventName::Heartbeat)));
        assert!(
            wants(&subscription, &event(EventName::Custom)),
            "without a subclass"
        );
        assert!(!wants(&subscribed(" CUSTOM"), &custom("a::b")));
    }

    #[test]
    fn nixevent_turns_all_into_all_but() {
        let mut subscription = subscribed(" plain ALL");
        assert!(wants(&subscription, &custom("later::registered")));
        assert_eq!(subscription.nixevent(" HEARTBEAT"), "+OK events nixed");
        assert!(!wants(&subscription, &event(EventName::Heartbeat)));
        assert!(wants(&subscription, &event(EventName::ChannelAnswer)));
        assert!(wants(&subscription, &custom("sofia::register")));
        assert!(!wants(&subscription, &custom("later::registered")));
        assert_eq!(
            subscription.nixevent(" NOSUCH"),
            "-ERR no keywords supplied"
        );
        subscription.nixevent(" all");
        assert!(!wants(&subscription, &event(EventName::ChannelAnswer)));
    }

    #[test]
    fn myevents_keeps_to_its_session_and_its_jobs() {
        let mut subscription = Subscription::new();
        assert_eq!(subscription.myevents("myevents json"), "+OK Events Enabled");
        assert_eq!(subscription.format(), EventFormat::Json);
        assert_eq!(subscription.myevents("myevents"), "-ERR aready enabled.");
        let of = |name, id| Fake(name, None, vec![("Unique-ID", id)]);
        let wants = |fake: &Fake, session| subscription.wants(fake, session, &mut |_, _| false);
        assert!(wants(&of(EventName::ChannelAnswer, "1"), Some("1")));
        assert!(!wants(&of(EventName::ChannelAnswer, "2"), Some("1")));
        assert!(!wants(&of(EventName::ChannelCallstate, "1"), Some("1")));
        assert!(
            wants(&of(EventName::ChannelAnswer, "2"), None),
            "an unknown UUID matches all"
        );
        assert!(!wants(&event(EventName::ChannelAnswer), None));
    }

    #[test]
    fn noevents_keeps_filters() {
        let mut subscription = subscribed(" ALL");
        subscription.filter("X 1");
        assert_eq!(
            subscription.noevents(),
            "+OK no longer listening for events"
        );
        assert_eq!(subscription.noevents(), "-ERR not listening for events");
        subscription.event(" ALL", &Permissions::all(), &[]);
        assert!(!wants(&subscription, &event(EventName::Heartbeat)));
    }
}
