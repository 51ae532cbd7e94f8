//! What the switch knows about one connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use genesis_proto::event::EventBuilder;
use genesis_proto::session::SwitchSession;
use genesis_proto::session::switch::{
    Goodbye, Linger, LogData, LogSubscription, Permissions, Subscription,
};
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Context;
use super::narrowing::Narrowing;
use super::queue::{LossyQueue, Patterns, Seen};
use crate::options::ListenerOptions;
use crate::switch::{EventFeed, Interest, LogEntry, LogFeed, OutboundRequest, Switch, SwitchEvent};

/// The answer to one command.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nothing is written.
    Nothing,
    /// A `command/reply`.
    Reply(String),
    /// An `api/response`.
    Api(String),
    /// The reply to `bgapi`.
    Job(String),
    /// The reply to a `userauth` that succeeded.
    Userauth {
        events: Option<String>,
        api: Option<String>,
        log: bool,
    },
    /// The channel's data.
    Connect(EventBuilder),
}

impl Answer {
    pub(crate) fn reply(text: impl Into<String>) -> Self {
        Self::Reply(text.into())
    }
}

/// An answer that takes its time; events wait for it.
pub(crate) type Pending = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What handling a command gives.
pub(crate) enum Handled {
    Now(Answer),
    Later(Pending),
}

impl From<Answer> for Handled {
    fn from(answer: Answer) -> Self {
        Self::Now(answer)
    }
}

/// The part of an outbound connection that does not change.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) is_async: bool,
    pub(crate) is_full: bool,
}

/// How far the connection is with the hangup of the session that it controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lingering {
    /// The session is up.
    No,
    /// It has hung up; the connection ends at this time, `None` when the client ends it.
    Until(Option<Instant>),
}

/// One connection, without its stream.
pub(crate) struct Connection {
    pub(crate) session: SwitchSession,
    context: Context,
    pub(crate) outbound: Option<Outbound>,
    pub(crate) authed: bool,
    /// The first command came: no time limit any more.
    pub(crate) begun: bool,
    stopping: bool,
    pub(crate) killed: Option<Goodbye>,
    pub(crate) permissions: Permissions,
    pub(crate) subscription: Subscription,
    narrowing: Narrowing,
    pub(crate) logging: LogSubscription,
    feed: Option<EventFeed>,
    log_feed: Option<LogFeed>,
    pub(crate) events: LossyQueue<Arc<SwitchEvent>>,
    pub(crate) log_lines: LossyQueue<Arc<LogEntry>>,
    patterns: Patterns,
    /// The session that the connection controls.
    pub(crate) controlled: Option<String>,
    hangup: Option<watch::Receiver<bool>>,
    pub(crate) linger: Option<Linger>,
    pub(crate) lingering: Lingering,
    pub(crate) resume: bool,
    pub(crate) jobs: JoinSet<()>,
}

impl Connection {
    pub(crate) fn inbound(context: Context) -> Self {
        let options = context.options.clone();
        Self {
            session: SwitchSession::new(),
            context,
            outbound: None,
            authed: false,
            begun: false,
            stopping: false,
            killed: None,
            permissions: Permissions::all(),
            subscription: Subscription::new(),
            narrowing: Narrowing::default(),
            logging: LogSubscription::default(),
            feed: None,
            log_feed: None,
            events: LossyQueue::new(options.event_queue, options.max_missed),
            log_lines: LossyQueue::new(options.log_queue, options.max_missed),
            patterns: Patterns::default(),
            controlled: None,
            hangup: None,
            linger: None,
            lingering: Lingering::No,
            resume: false,
            jobs: JoinSet::new(),
        }
    }

    /// An outbound connection needs no password and controls its channel from the start.
    pub(crate) fn outbound(context: Context, request: &OutboundRequest) -> Self {
        let mut connection = Self::inbound(context);
        connection.authed = true;
        connection.outbound = Some(Outbound {
            is_async: request.asynchronous,
            is_full: request.full,
        });
        connection.control(&request.uuid);
        connection
    }

    /// Writes what a connection begins with.
    pub(crate) fn greet(&mut self, refused: bool) {
        if refused {
            self.session.rude_rejection();
            self.stop();
        } else if self.outbound.is_none() {
            self.session.auth_request();
        }
    }

    pub(crate) fn switch(&self) -> &Switch {
        &self.context.switch
    }

    pub(crate) fn options(&self) -> &ListenerOptions {
        &self.context.options
    }

    /// No further command is read; the goodbye follows.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    pub(crate) fn authenticated(&mut self, permissions: Permissions) {
        self.authed = true;
        self.permissions = permissions;
    }

    /// From now on the connection controls this session and ends with it.
    pub(crate) fn control(&mut self, uuid: &str) {
        self.hangup = Some(self.switch().hangup_watch(uuid));
        self.controlled = Some(uuid.to_owned());
    }

    /// Commands for the controlled session are queued, not carried out while the client waits.
    pub(crate) fn is_async(&self) -> bool {
        self.outbound
            .as_ref()
            .is_none_or(|outbound| outbound.is_async)
    }

    /// Resolves when the controlled session has hung up; never without one.
    ///
    /// Cancel safe.
    pub(crate) async fn hung_up(hangup: &mut Option<watch::Receiver<bool>>) {
        match hangup {
            // an error means that the channel is gone altogether
            Some(hangup) => drop(hangup.wait_for(|down| *down).await),
            None => std::future::pending().await,
        }
    }

    /// Resolves when there is something for [`drain`](Self::drain), or the session hung up
    /// (`true`).
    ///
    /// Cancel safe: nothing is lost, for what is received is queued before anything else happens.
    pub(crate) async fn wake(&mut self, watch_hangup: bool) -> bool {
        let event = async {
            match &mut self.feed {
                Some(feed) => feed.recv().await,
                None => std::future::pending().await,
            }
        };
        let line = async {
            match &mut self.log_feed {
                Some(feed) => feed.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = Self::hung_up(&mut self.hangup), if watch_hangup => true,
            event = event => {
                match event {
                    Some(event) => self.queue_event(event),
                    None => self.feed = None,
                }
                false
            }
            line = line => {
                match line {
                    Some(line) => self.queue_line(line),
                    None => self.log_feed = None,
                }
                false
            }
        }
    }

    /// Listens from now on, as the subscription says.
    pub(crate) fn listen(&mut self) {
        if self.feed.is_none() && self.subscription.is_enabled() {
            self.feed = Some(self.switch().subscribe());
            self.narrow();
        }
        if self.log_feed.is_none() && self.logging != LogSubscription::default() {
            self.log_feed = Some(self.switch().subscribe_log());
        }
    }

    /// A command `filter`, without that word; gives the reply.
    pub(crate) fn filter(&mut self, argument: &str) -> String {
        self.narrowing.filter(argument);
        let reply = self.subscription.filter(argument);
        self.narrow();
        reply
    }

    /// Has the switch leave out what the subscription does not want in any case, so that an event
    /// costs nothing for the thousands of connections that follow other channels. Of the rest the
    /// subscription decides.
    pub(crate) fn narrow(&self) {
        let Some(feed) = &self.feed else { return };
        feed.narrow(match &self.controlled {
            Some(own) if self.subscription.is_my_events() => {
                Interest::Keys([own.to_ascii_lowercase()].into())
            }
            _ => self.narrowing.interest(),
        });
    }

    /// Takes what the switch has fired since: the subscription as it is *now* decides.
    pub(crate) fn drain(&mut self) {
        while let Some(event) = self.feed.as_mut().and_then(EventFeed::try_recv) {
            self.queue_event(event);
        }
        while let Some(line) = self.log_feed.as_mut().and_then(LogFeed::try_recv) {
            self.queue_line(line);
        }
    }

    fn queue_event(&mut self, event: Arc<SwitchEvent>) {
        let patterns = &mut self.patterns;
        let wanted = self.subscription.wants(
            &Seen(&event),
            self.controlled.as_deref(),
            &mut |pattern, value| patterns.is_match(pattern, value),
        );
        if wanted && !self.events.push(event) {
            self.killed = Some(Goodbye::LostEvents);
        }
    }

    fn queue_line(&mut self, line: Arc<LogEntry>) {
        if self.logging.wants(line.level.number()) && !self.log_lines.push(line) {
            self.killed = Some(Goodbye::LostLogLines);
        }
    }

    /// Writes queued log lines and events while there is room: one line, then the events, as the
    /// switch does it. Whoever calls has checked that no command is pending.
    pub(crate) fn write_queued(&mut self) {
        let room = self.options().write_buffer;
        while self.session.transmit().len() < room {
            let line = self.log_lines.pop();
            let had_line = line.is_some();
            if let Some(line) = line {
                self.write_line(&line);
            }
            let mut had_event = false;
            while self.session.transmit().len() < room
                && let Some(event) = self.events.pop()
            {
                self.session.frame(&event.frame(self.subscription.format()));
                had_event = true;
            }
            if !had_line && !had_event {
                break;
            }
        }
    }

    fn write_line(&mut self, entry: &LogEntry) {
        let LogEntry {
            level,
            text,
            file,
            function,
            line,
            unique_id,
            timestamp,
        } = entry;
        let date = date(*timestamp);
        let text = format!("{date} 99.00% [{level}] {file}:{line} {text}\n");
        self.session.log(&LogData {
            level: level.number(),
            channel: if unique_id.is_some() { 3 } else { 0 },
            file,
            function,
            line: *line,
            user_data: unique_id.as_deref().unwrap_or_default(),
            text: &text,
        });
    }

    /// Nothing waits to be written but what is in the transmit buffer.
    pub(crate) fn has_queued(&self) -> bool {
        !self.events.is_empty() || !self.log_lines.is_empty()
    }

    pub(crate) fn write(&mut self, answer: Answer) {
        match answer {
            Answer::Nothing => {}
            Answer::Reply(text) => self.session.command_reply(&text),
            Answer::Api(output) => self.session.api_response(output.as_bytes()),
            Answer::Job(uuid) => self.session.job_reply(&uuid),
            Answer::Userauth { events, api, log } => {
                self.session
                    .userauth_reply(events.as_deref(), api.as_deref(), log);
            }
            Answer::Connect(data) => {
                let outbound = self.outbound.as_ref();
                let is_full = outbound.is_none_or(|outbound| outbound.is_full);
                self.session.connect_reply(&data, self.is_async(), is_full);
            }
        }
    }

    /// The controlled session has hung up: the connection ends, or lingers with a notice
    /// (mod_event_socket.c, `read_packet`).
    pub(crate) fn session_hung_up(&mut self) {
        let Some(uuid) = self.controlled.clone() else {
            return;
        };
        let Some(linger) = self.linger else {
            self.stop();
            return;
        };
        let name = self
            .switch()
            .get_variable(&uuid, "channel_name")
            .unwrap_or_default();
        self.session.linger_notice(&uuid, &name, linger);
        let until = match linger {
            Linger::Forever => None,
            Linger::Seconds(seconds) => Some(Instant::now() + seconds_from_now(seconds)),
        };
        self.lingering = Lingering::Until(until);
    }

    /// `linger` once more while lingering: the switch takes the number for a time of day, which is
    /// long over.
    pub(crate) fn set_linger(&mut self, linger: Linger) {
        self.linger = Some(linger);
        if let Lingering::Until(_) = self.lingering {
            let until = match linger {
                Linger::Forever => None,
                Linger::Seconds(_) => Some(Instant::now()),
            };
            self.lingering = Lingering::Until(until);
        }
    }

    pub(crate) fn goodbye(&mut self, goodbye: Goodbye) {
        self.session.goodbye(goodbye, self.controlled.as_deref());
    }
}

/// The switch counts whole seconds and needs one more than `seconds` to pass: half a second late
/// on average.
fn seconds_from_now(seconds: i64) -> std::time::Duration {
    let seconds = u64::try_from(seconds)
        .unwrap_or(0)
        .min(10 * 365 * 24 * 3600);
    std::time::Duration::from_millis(seconds * 1000 + 500)
}

/// `2026-11-21 00:58:54.228137`, in UTC.
fn date(micros: u64) -> String {
    let form =
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(form)
        .unwrap_or_default()
}
