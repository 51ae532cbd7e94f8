//! What the switch sends on this connection, and the commands that change it.
//!
//! The wire subscription is the union of what live subscribers want and what was asked for by hand.
//! It grows before a subscriber is told that it is there, and shrinks when the last one goes.
//! BACKGROUND_JOB always stays, because jobs are awaited by it.

mod by_hand;
mod ends;

use std::collections::{BTreeMap, BTreeSet};

use genesis_proto::command::{Command, EventSet};
use genesis_proto::name::LogLevel;
use genesis_proto::session::Allowed;
use genesis_proto::{EventFormat, EventName};

pub(crate) use self::by_hand::Undo;
use crate::error::{Error, ErrorKind, Result};
use crate::outbound::SocketMode;

/// More channels than this are not put into wire filters: the switch tries them one by one for
/// every event.
const WIRE_FILTERS_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Ledger {
    format: EventFormat,
    /// How many live subscribers want each name and each subclass.
    names: BTreeMap<EventName, usize>,
    subclasses: BTreeMap<String, usize>,
    /// Asked for with `event` by hand.
    by_hand: EventSet,
    /// What the switch sends now, as far as we know.
    wire: EventSet,
    /// Wire filters set by hand, and the channels that are filtered for.
    filters_by_hand: Vec<(String, String)>,
    filtered_channels: BTreeSet<(String, String)>,
    allowed: Allowed,
    log_levels: BTreeMap<LogLevel, usize>,
    log_by_hand: Option<LogLevel>,
    log_wire: Option<LogLevel>,
    /// The switch refused BACKGROUND_JOB: asking for it again would fail what is asked with it.
    jobs_refused: bool,
    /// HEARTBEAT must pass every filter, because the link is given up without it.
    follows_heartbeat: bool,
    /// The events by which executions end; they must pass every filter too.
    executions: EventSet,
    /// The socket does not know `event`: an outbound one without `full`.
    fixed: Option<SocketMode>,
    /// The channel of an outbound socket, if only its events are wanted, and those of channels that
    /// subscribers name.
    scope: Option<String>,
    /// The channel that `myevents` has bound the connection to.
    only: Option<String>,
    /// A command by hand may have changed what comes.
    changed: bool,
}

impl Ledger {
    pub(crate) fn new(format: EventFormat) -> Self {
        Self {
            format,
            names: BTreeMap::new(),
            subclasses: BTreeMap::new(),
            by_hand: EventSet::new(),
            wire: EventSet::new(),
            filters_by_hand: Vec::new(),
            filtered_channels: BTreeSet::new(),
            allowed: Allowed::default(),
            log_levels: BTreeMap::new(),
            log_by_hand: None,
            log_wire: None,
            jobs_refused: false,
            follows_heartbeat: false,
            executions: EventSet::new(),
            fixed: None,
            scope: None,
            only: None,
            changed: false,
        }
    }

    /// A new connection: the switch sends nothing yet, and may have new limits for us.
    pub(crate) fn connected(&mut self, allowed: Allowed) {
        self.allowed = allowed;
        self.wire = EventSet::new();
        self.filtered_channels = BTreeSet::new();
        self.only = None;
        self.log_wire = None;
        self.jobs_refused = false;
    }

    /// HEARTBEAT is wanted as long as the connection lives, if we may have it.
    pub(crate) fn follow_heartbeat(&mut self) -> bool {
        let heartbeat: EventSet = [EventName::Heartbeat].into_iter().collect();
        if self.fixed.is_some() || self.check(&heartbeat).is_err() {
            return false;
        }
        if !std::mem::replace(&mut self.follows_heartbeat, true) {
            self.acquire(&heartbeat);
        }
        true
    }

    /// The events by which executions end are wanted from now on; gives the commands that let them
    /// through the filters that are set already.
    pub(crate) fn follow_executions(&mut self, events: &EventSet) -> Vec<Command> {
        self.acquire(events);
        self.executions = events.clone();
        let filtered = !self.filters_by_hand.is_empty() || !self.filtered_channels.is_empty();
        let filtered = filtered && self.scope.is_none();
        let names = events.names().filter(|_| filtered);
        names.filter_map(let_through).collect()
    }

    /// Checks that we may follow the log.
    pub(crate) fn check_log(&self) -> Result<()> {
        match self.allowed.log {
            Some(false) => Err(Error::new(
                ErrorKind::Refused,
                "this user may not follow the log; set esl-allowed-log in its directory entry",
            )),
            _ => Ok(()),
        }
    }

    /// The socket cannot change what it sends; `sent` is what it sends.
    pub(crate) fn fix(&mut self, mode: SocketMode, sent: EventSet) {
        self.fixed = Some(mode);
        self.wire = sent;
    }

    /// From now on only this channel, its jobs and what subscribers name are wanted: gives the
    /// commands that say so.
    pub(crate) fn scope(&mut self, uuid: &str) -> Vec<Command> {
        self.scope = Some(uuid.to_owned());
        self.sync_filters(None::<std::iter::Empty<(&str, &str)>>)
    }

    pub(crate) fn is_scoped(&self) -> bool {
        self.scope.is_some()
    }

    /// These are wanted as long as the connection lives.
    pub(crate) fn keep(&mut self, set: &EventSet) {
        self.by_hand.extend(set);
    }

    /// `myevents` was sent: these come without being asked for.
    pub(crate) fn sends(&mut self, sent: &EventSet) {
        self.by_hand.extend(sent);
        self.wire.extend(sent);
    }

    /// Checks that we may ask for `set`.
    pub(crate) fn check(&self, set: &EventSet) -> Result<()> {
        if self.fixed.is_some() {
            let missing = set.difference(&self.wire);
            if !missing.is_empty() && !self.wire.is_all() {
                return Err(Error::mode(
                    "a subscription beyond the events of myevents",
                    "full",
                    self.fixed,
                ));
            }
        }
        let Some(allowed) = &self.allowed.events else {
            return Ok(());
        };
        let may = |word: &str| allowed.iter().any(|a| a.eq_ignore_ascii_case(word));
        let names = set.names().map(EventName::as_str);
        match names.chain(set.subclasses()).find(|word| !may(word)) {
            None => Ok(()),
            Some(word) => Err(Error::new(
                ErrorKind::Refused,
                format!(
                    "this user may not subscribe to {word}; esl-allowed-events of its directory \
                     entry allows {}",
                    allowed.join(" ")
                ),
            )),
        }
    }

    /// A subscriber wants these.
    pub(crate) fn acquire(&mut self, set: &EventSet) {
        for name in set.names() {
            *self.names.entry(name.clone()).or_default() += 1;
        }
        for subclass in set.subclasses() {
            *self.subclasses.entry(subclass.to_owned()).or_default() += 1;
        }
    }

    /// A subscriber that wanted these has gone.
    pub(crate) fn release(&mut self, set: &EventSet) {
        for name in set.names() {
            decrement(&mut self.names, name);
        }
        for subclass in set.subclasses() {
            decrement(&mut self.subclasses, &subclass.to_owned());
        }
    }

    /// What the switch should send.
    fn wanted(&self) -> EventSet {
        let mut wanted: EventSet = self.names.keys().cloned().collect();
        for subclass in self.subclasses.keys() {
            // checked when the subscriber came
            let _ = wanted.add_subclass(subclass);
        }
        wanted.extend(&self.by_hand);
        if !self.jobs_refused && self.may_have(EventName::BackgroundJob.as_str()) {
            let _ = wanted.add(EventName::BackgroundJob);
        }
        wanted
    }

    fn may_have(&self, word: &str) -> bool {
        self.allowed
            .events
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|a| a.eq_ignore_ascii_case(word)))
    }

    /// Results of jobs reach us.
    pub(crate) fn has_jobs(&self) -> bool {
        self.wire.contains(&EventName::BackgroundJob, None)
    }

    /// The commands that make the wire what is wanted: additions first.
    pub(crate) fn sync(&mut self) -> Vec<Command> {
        if self.fixed.is_some() {
            return Vec::new();
        }
        let mut wanted = self.wanted();
        let mut commands = Vec::new();
        if wanted.is_all() {
            if !self.wire.is_all() {
                commands.extend(Command::event(self.format, &EventSet::all()));
            }
            self.wire = wanted;
            return commands;
        }
        let missing = wanted.difference(&self.wire);
        if self.wire.is_all() {
            // The first name taken off turns ALL into every other name, so that what is wanted
            // flows on without a hole. Subclasses known to the switch stay on; they are not
            // handed to anybody who does not want them.
            let mut others: EventSet = EventName::ALL_KNOWN
                .iter()
                .filter(|name| !matches!(name, EventName::All | EventName::Custom))
                .cloned()
                .collect();
            others = others.difference(&wanted);
            if wanted.subclasses().next().is_some() {
                commands.extend(Command::event(self.format, &wanted));
            }
            commands.extend(Command::nixevent(&others));
        } else {
            if !missing.is_empty() {
                commands.extend(Command::event(self.format, &missing));
            }
            let surplus = self.wire.difference(&wanted);
            // `nixevent CUSTOM` alone does nothing on the switch, and bare CUSTOM events are few
            if !surplus.is_empty() && !only_custom(&surplus) {
                commands.extend(Command::nixevent(&surplus));
            } else if !surplus.is_empty() {
                wanted.extend(&surplus);
            }
        }
        self.wire = wanted;
        commands
    }

    /// The switch refused an `event`: what it sends is unknown for these names, so they are asked
    /// for again when somebody wants them.
    pub(crate) fn refused(&mut self, set: &EventSet) {
        self.wire = self.wire.difference(set);
        self.jobs_refused |= set.names().eq([&EventName::BackgroundJob]);
    }

    /// The switch refused a `log`.
    pub(crate) fn log_refused(&mut self) {
        self.log_wire = None;
    }

    /// What is asked for on its own, because it may be refused: the user's limits are not known.
    fn doubtful(&self) -> EventSet {
        let jobs = [EventName::BackgroundJob];
        let doubtful = self.allowed.cut && self.allowed.events.is_none();
        jobs.into_iter().filter(|_| doubtful).collect()
    }

    /// The commands that make the switch's filters fit: `channels` are those that all subscribers
    /// are bound to, `None` if one is not. Filters are OR-ed, so a new one is added before an old
    /// one goes.
    pub(crate) fn sync_filters<'a>(
        &mut self,
        channels: Option<impl Iterator<Item = (&'a str, &'a str)>>,
    ) -> Vec<Command> {
        if self.fixed.is_some() || (!self.filters_by_hand.is_empty() && self.scope.is_none()) {
            return Vec::new();
        }
        let channels = channels.into_iter().flatten();
        let mut wanted: BTreeSet<(String, String)> = channels
            .map(|(header, value)| (header.to_owned(), value.to_owned()))
            .collect();
        match &self.scope {
            Some(own) => drop(wanted.insert(("Unique-ID".to_owned(), own.clone()))),
            None if self.by_hand.is_empty() => {}
            None => wanted.clear(),
        }
        if wanted.len() > WIRE_FILTERS_MAX {
            wanted.clear();
        }
        let had = !self.filtered_channels.is_empty();
        let mut commands = Vec::new();
        if wanted.is_empty() {
            if had {
                commands.push(Command::filter_delete_all());
            }
        } else {
            if !had {
                commands.extend(self.always_filters());
            }
            for (header, value) in wanted.difference(&self.filtered_channels) {
                commands.extend(Command::filter(header, value));
            }
            for (header, value) in self.filtered_channels.difference(&wanted) {
                commands.extend(Command::filter_delete(header, Some(value)));
            }
        }
        self.filtered_channels = wanted;
        commands
    }

    /// What no filter may hide. An outbound socket sees the jobs that it started itself, and the
    /// executions of the channels that it follows.
    fn always_filters(&self) -> Vec<Command> {
        let heartbeat = self.follows_heartbeat.then_some(&EventName::Heartbeat);
        let mut commands = Vec::new();
        match &self.scope {
            Some(own) => {
                commands.extend(Command::filter("Job-Owner-UUID", own));
                commands.extend(heartbeat.and_then(let_through));
            }
            None => {
                let names = [&EventName::BackgroundJob].into_iter().chain(heartbeat);
                commands.extend(names.chain(self.executions.names()).filter_map(let_through));
            }
        }
        commands
    }

    /// What must be said again on a new connection: events, filters, the log.
    pub(crate) fn restore(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        if !self.filters_by_hand.is_empty() {
            commands.extend(self.always_filters());
            for (header, value) in &self.filters_by_hand {
                commands.extend(Command::filter(header, value));
            }
        }
        let doubtful = self.doubtful();
        commands.extend(Command::event(self.format, &doubtful));
        self.wire.extend(&doubtful);
        commands.extend(self.sync());
        commands.extend(self.sync_log());
        commands
    }

    pub(crate) fn acquire_log(&mut self, level: LogLevel) -> Option<Command> {
        *self.log_levels.entry(level).or_default() += 1;
        self.sync_log()
    }

    pub(crate) fn release_log(&mut self, level: LogLevel) -> Option<Command> {
        decrement(&mut self.log_levels, &level);
        self.sync_log()
    }

    /// The log comes at the most verbose level that anybody wants.
    fn sync_log(&mut self) -> Option<Command> {
        let wanted = self.log_wanted();
        if wanted == self.log_wire {
            return None;
        }
        self.log_wire = wanted;
        Some(wanted.map_or_else(Command::nolog, Command::log))
    }

    fn log_wanted(&self) -> Option<LogLevel> {
        let levels = self.log_levels.keys().chain(&self.log_by_hand);
        levels.max_by_key(|level| level.number()).copied()
    }
}

/// The filter that lets all events of a name pass.
fn let_through(name: &EventName) -> Option<Command> {
    Command::filter("Event-Name", name.as_str()).ok()
}

fn only_custom(set: &EventSet) -> bool {
    set.subclasses().next().is_none() && set.names().all(|name| *name == EventName::Custom)
}

fn decrement<K: Ord + Clone>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn line_of(command: &Command) -> String {
    let bytes = command.to_bytes();
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or(b"");
    String::from_utf8_lossy(line).into_owned()
}

/// What an `event` command asks for.
pub(crate) fn events_of(command: &Command) -> EventSet {
    let text = line_of(command);
    let words = text.split(' ').skip(1).filter(|word| !word.is_empty());
    read_event(words).1
}

/// The words of an `event` or `nixevent` command, as the switch takes them.
fn read_event<'a>(words: impl Iterator<Item = &'a str>) -> (Option<EventFormat>, EventSet) {
    let mut words = words.peekable();
    let format = words.peek().and_then(|word| word.parse().ok());
    if format.is_some() {
        words.next();
    }
    let mut set = EventSet::new();
    let mut custom = false;
    let mut subclasses = false;
    for word in words {
        if custom {
            subclasses |= set.add_subclass(word).is_ok();
        } else if word.eq_ignore_ascii_case("CUSTOM") {
            custom = true;
        } else {
            let _ = set.add(EventName::from(word));
        }
    }
    if custom && !subclasses {
        let _ = set.add(EventName::Custom);
    }
    (format, set)
}

#[cfg(test)]
mod tests;
