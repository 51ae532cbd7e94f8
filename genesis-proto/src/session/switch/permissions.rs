//! What a connection may do: everything after `auth`, what the directory says after `userauth`.

use std::collections::HashSet;

use super::subscription::known_name;
use crate::name::EventName;

/// Api commands that run another one, which is checked in its turn
/// (mod_event_socket.c, `auth_api_command`).
const WRAPPERS: [&str; 5] = ["bgapi", "sched_api", "eval", "expand", "xml_wrap"];

/// The limits of one user: `esl-allowed-events`, `esl-allowed-api`, `esl-allowed-log`.
///
/// `sendevent`, `sendmsg`, `filter` and `nixevent` are never limited.
///
/// ```
/// use genesis_proto::EventName;
/// use genesis_proto::session::switch::Permissions;
///
/// let user = Permissions::new(Some("HEARTBEAT,CUSTOM,a::b"), Some("status,show"), false);
/// assert!(user.event(&EventName::Heartbeat) && user.subclass("a::b"));
/// assert!(!user.event(&EventName::All) && !user.subclass("c::d"));
/// assert!(user.api("status", None) && !user.api("expand", Some("status")));
/// ```
#[derive(Clone, Debug)]
pub struct Permissions {
    events: Option<Events>,
    api: Option<HashSet<String>>,
    log: bool,
}

#[derive(Clone, Debug, Default)]
struct Events {
    names: HashSet<EventName>,
    subclasses: HashSet<String>,
}

impl Permissions {
    /// No limits.
    pub fn all() -> Self {
        Self {
            events: None,
            api: None,
            log: true,
        }
    }

    /// The limits of a user. Each list is separated by spaces if it has one, else by commas;
    /// `None` is no limit.
    pub fn new(events: Option<&str>, api: Option<&str>, log: bool) -> Self {
        let events = events.map(|list| {
            let mut events = Events::default();
            let mut custom = false;
            for word in list.split(delimiter(list)) {
                if custom {
                    events.subclasses.insert(word.to_owned());
                } else if let Some(name) = known_name(word) {
                    custom = name == EventName::Custom;
                    events.names.insert(name);
                }
            }
            events
        });
        let api = api.map(|list| list.split(delimiter(list)).map(str::to_owned).collect());
        Self { events, api, log }
    }

    /// `event` may name this type. `ALL` stands for every one of them.
    pub fn event(&self, name: &EventName) -> bool {
        self.events.as_ref().is_none_or(|events| {
            events.names.contains(&EventName::All) || events.names.contains(name)
        })
    }

    /// `event` may name this subclass.
    pub fn subclass(&self, subclass: &str) -> bool {
        self.events
            .as_ref()
            .is_none_or(|events| events.subclasses.contains(subclass))
    }

    /// The subclasses that are allowed; `None` is no limit.
    pub fn subclasses(&self) -> Option<impl Iterator<Item = &str>> {
        self.events
            .as_ref()
            .map(|events| events.subclasses.iter().map(String::as_str))
    }

    /// `api` and `bgapi` may run this command. Where the command runs another one (`expand`,
    /// `bgapi`, ...), that one must be allowed too.
    pub fn api(&self, command: &str, argument: Option<&str>) -> bool {
        let Some(allowed) = &self.api else {
            return true;
        };
        let mut command = command;
        let mut argument = argument;
        loop {
            if !allowed.contains(command) {
                return false;
            }
            let wraps = WRAPPERS
                .iter()
                .any(|word| word.eq_ignore_ascii_case(command));
            let Some(inner) = argument.filter(|_| wraps) else {
                return true;
            };
            (command, argument) = match inner.split_once(' ') {
                Some((first, rest)) => (first, Some(rest)),
                None => (inner, None),
            };
        }
    }

    /// `log` is allowed.
    pub fn log(&self) -> bool {
        self.log
    }
}

fn delimiter(list: &str) -> char {
    if list.contains(' ') { ' ' } else { ',' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_inside_a_command_is_checked() {
        let user = Permissions::new(None, Some("expand bgapi status"), true);
        assert!(user.api("expand", Some("bgapi status")));
        assert!(!user.api("expand", Some("bgapi uuid_kill 1")));
        assert!(
            !user.api("EXPAND", Some("status")),
            "the list itself is exact"
        );
        assert!(user.event(&EventName::All) && user.subclass("x"));
    }

    #[test]
    fn all_stands_for_every_type_but_not_for_subclasses() {
        let user = Permissions::new(Some("ALL"), None, true);
        assert!(user.event(&EventName::ChannelAnswer));
        assert!(!user.subclass("a::b"));
    }
}
