//! The simulated switch: channels, what they do and the events that tell of it.
//!
//! There is no network here: a [`Switch`] is fed with commands and listened to by the listeners
//! of the event socket, or by a test directly.

mod api_uuid;
mod apps;
mod bus;
mod channel;
mod clock;
mod events;
mod executor;
mod finish;
mod fire;
mod fired;
mod heartbeat;
mod incoming;
mod legs;
mod message;
mod options;
mod originate;
mod outbound;
mod profile;
mod registry;
mod remote;
mod session;
mod show;
#[cfg(test)]
mod tests;
mod wait;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use genesis_proto::event::EventBuilder;
use genesis_proto::name::{EventName, HangupCause, LogLevel};
use tokio::sync::{oneshot, watch};

use self::bus::Bus;
pub(crate) use self::channel::Action;
use self::channel::Queued;
use self::clock::Clock;
use self::events::{Core, put};
use self::registry::Registry;
use self::session::Session;

pub use self::bus::Feed;
pub(crate) use self::bus::Interest;
pub use self::fired::{EventFeed, LogEntry, LogFeed, SwitchEvent};
pub use self::incoming::IncomingCall;
pub use self::message::{ChannelMessage, NoSuchSession};
pub use self::options::SwitchOptions;
pub use self::outbound::{Connecting, OutboundConnector, OutboundEnd, OutboundRequest, Serving};

/// A simulated FreeSWITCH without its network. Clones are the same switch.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use genesis_sim::switch::{Switch, SwitchOptions};
///
/// let switch = Switch::new(SwitchOptions::default());
/// let mut events = switch.subscribe();
/// let answer = switch.api("originate", "null/1000 &park").await;
/// assert!(answer.starts_with("+OK "));
/// let first = events.recv().await.unwrap();
/// assert_eq!(first.header("Event-Name").as_deref(), Some("CHANNEL_OUTGOING"));
/// # }
/// ```
#[derive(Clone)]
pub struct Switch {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    options: SwitchOptions,
    core: Core,
    clock: Clock,
    sequence: AtomicU64,
    events: Bus<Arc<SwitchEvent>>,
    log: Bus<Arc<LogEntry>>,
    registry: Mutex<Registry>,
    connector: RwLock<Option<Arc<dyn OutboundConnector>>>,
    globals: crate::api::Globals,
    stopped: watch::Sender<bool>,
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch")
            .field("core_uuid", &self.inner.core.uuid)
            .field("channels", &self.session_count())
            .finish_non_exhaustive()
    }
}

impl Switch {
    /// Starts a switch. It runs until [`shutdown`](Self::shutdown) or until nobody holds it and
    /// its last channel is gone.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: heartbeats and channels are tasks.
    pub fn new(options: SwitchOptions) -> Self {
        let core = Core {
            uuid: uuid::Uuid::new_v4().to_string(),
            hostname: options.hostname.clone(),
            switchname: options.switchname.clone(),
            ipv4: options.ipv4.clone(),
            ipv6: options.ipv6.clone(),
        };
        let inner = Arc::new(Inner {
            core,
            clock: Clock::starting_at(options.started_at),
            sequence: AtomicU64::new(0),
            events: Bus::new(),
            log: Bus::new(),
            registry: Mutex::new(Registry::default()),
            connector: RwLock::new(None),
            globals: crate::api::Globals::default(),
            stopped: watch::Sender::new(false),
            options,
        });
        if let Some(period) = inner.options.heartbeat.filter(|period| !period.is_zero()) {
            tokio::spawn(heartbeat::run(
                Arc::downgrade(&inner),
                period,
                inner.stopped.subscribe(),
            ));
        }
        Self { inner }
    }

    pub(crate) fn upgrade(inner: &Weak<Inner>) -> Option<Self> {
        inner.upgrade().map(|inner| Self { inner })
    }

    /// Hangs up all channels with SYSTEM_SHUTDOWN, stops the heartbeat, refuses new channels,
    /// and ends all feeds once the channels are gone.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the channels still hang up but the feeds may not end.
    pub async fn shutdown(&self) {
        self.inner.stopped.send_replace(true);
        let sessions = self.sessions();
        for session in &sessions {
            session.hangup(HangupCause::SystemShutdown);
        }
        for session in sessions {
            session.channel.gone().await;
        }
        self.inner.events.close();
        self.inner.log.close();
    }

    /// Resolves when the switch shuts down.
    ///
    /// # Cancel safety
    ///
    /// Dropping it has no effect.
    pub async fn stopped(&self) {
        // The sender lives in `self`, so this cannot fail.
        let _ = self
            .inner
            .stopped
            .subscribe()
            .wait_for(|stopped| *stopped)
            .await;
    }

    /// The options it was started with.
    pub fn options(&self) -> &SwitchOptions {
        &self.inner.options
    }

    /// `Core-UUID`.
    pub fn core_uuid(&self) -> &str {
        &self.inner.core.uuid
    }

    /// How long it runs.
    pub fn uptime(&self) -> Duration {
        self.inner.clock.uptime()
    }

    /// The time of the switch in microseconds since 1970, as in `Event-Date-Timestamp`.
    pub fn now(&self) -> u64 {
        self.inner.clock.now()
    }

    /// The uptime as `status` and HEARTBEAT write it: `0 years, 0 days, …`.
    pub fn uptime_text(&self) -> String {
        clock::uptime_text(self.uptime())
    }

    /// Sets what opens the connections of the `socket` application. Without it the application
    /// finds every connection refused.
    pub fn set_outbound_connector(&self, connector: Arc<dyn OutboundConnector>) {
        let mut place = self
            .inner
            .connector
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Some(connector);
    }

    /// The global variables.
    pub(crate) fn globals(&self) -> &crate::api::Globals {
        &self.inner.globals
    }

    pub(crate) fn connector(&self) -> Option<Arc<dyn OutboundConnector>> {
        self.inner
            .connector
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Listens to all events from now on.
    pub fn subscribe(&self) -> EventFeed {
        self.inner.events.subscribe()
    }

    /// Listens to the log from now on.
    pub fn subscribe_log(&self) -> LogFeed {
        self.inner.log.subscribe()
    }

    /// Writes a line to the log of the switch.
    pub fn log(&self, level: LogLevel, unique_id: Option<&str>, text: &str) {
        let timestamp = self.now();
        self.inner.log.publish(|| {
            Arc::new(LogEntry {
                level,
                text: text.to_owned(),
                file: "switch_core.c".to_owned(),
                function: "switch_core".to_owned(),
                line: 1,
                unique_id: unique_id.map(str::to_owned),
                timestamp,
            })
        });
    }

    /// Runs an API command and gives its output, as the switch writes it (`+OK …\n`,
    /// `-ERR …\n`, or bare text). Fires the API event. Some commands take long: `originate`
    /// returns when the call is answered.
    ///
    /// # Cancel safety
    ///
    /// A command that was begun is not undone: a call that is being made goes on ringing until
    /// its own timeout.
    pub async fn api(&self, command: &str, args: &str) -> String {
        let begun = self.begin_event(&EventName::Api);
        if command == "originate" {
            // It goes on when nobody waits for it any more.
            let (switch, args) = (self.clone(), args.to_owned());
            let call = tokio::spawn(async move {
                let output = switch.api_originate(&args).await;
                switch.end_api(begun, "originate", &args);
                output
            });
            return call.await.unwrap_or_else(|_| "-ERR CRASH\n".to_owned());
        }
        let own = match command {
            "show" => self.api_show(args),
            _ => self.api_uuid(command, args),
        };
        let output = match own {
            Some(output) => Some(output),
            None => crate::api::general(self, command, args).await,
        };
        self.end_api(begun, command, args);
        output.unwrap_or_else(|| format!("-ERR {command} Command not found!\n"))
    }

    /// Fires the API event that began with the command.
    fn end_api(&self, begun: EventBuilder, command: &str, args: &str) {
        self.emit_begun(EventName::Api, begun, |event| {
            put(event, "API-Command", command);
            if !args.is_empty() {
                put(event, "API-Command-Argument", args);
            }
        });
    }

    /// Whether a call leg with this Unique-ID is up.
    pub fn has_channel(&self, uuid: &str) -> bool {
        self.find_up(uuid).is_some()
    }

    /// How many channels there are.
    pub fn session_count(&self) -> usize {
        self.registry().len()
    }

    /// Counters of `status` and HEARTBEAT.
    pub fn session_counters(&self) -> SessionCounters {
        let now = self.now();
        self.registry().counters(now)
    }

    /// Queues a message for a channel; its own task carries it out.
    ///
    /// # Errors
    ///
    /// When there is no such channel.
    pub fn send_message(&self, uuid: &str, message: ChannelMessage) -> Result<(), NoSuchSession> {
        self.enqueue(uuid, message, None)
    }

    /// Gives a message to a channel that is served by a sync outbound socket and waits until it
    /// was carried out, or the channel has hung up.
    ///
    /// # Errors
    ///
    /// When there is no such channel.
    ///
    /// # Cancel safety
    ///
    /// The message is carried out even when the future is dropped.
    pub async fn send_message_sync(
        &self,
        uuid: &str,
        message: ChannelMessage,
    ) -> Result<(), NoSuchSession> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(uuid, message, Some(sender))?;
        // An error means that the channel hung up and dropped the message.
        let _ = receiver.await;
        Ok(())
    }

    fn enqueue(
        &self,
        uuid: &str,
        message: ChannelMessage,
        done: Option<oneshot::Sender<()>>,
    ) -> Result<(), NoSuchSession> {
        let session = self
            .find(uuid)
            .ok_or_else(|| NoSuchSession(uuid.to_owned()))?;
        let limit = self.inner.options.max_queued_messages;
        let kept = session.channel.update(|data| {
            let room = data.queue.len() < limit;
            if room && !data.closed {
                data.queue.push_back(Queued { message, done });
            }
            room
        });
        if !kept {
            let text = "the channel has too many messages waiting; one was dropped";
            self.log(LogLevel::Err, Some(uuid), text);
        }
        Ok(())
    }

    /// The headers of the reply to `connect` in order, from `Event-Name` to the last variable.
    pub fn channel_data(&self, uuid: &str) -> Option<Vec<(String, String)>> {
        let event = self.find(uuid)?.dump_with_profile().build();
        let headers = event.headers().iter();
        Some(
            headers
                .map(|header| (header.name().into_owned(), header.value().into_owned()))
                .collect(),
        )
    }

    /// A variable of a channel, or a field of its caller profile.
    pub fn get_variable(&self, uuid: &str, name: &str) -> Option<String> {
        self.find(uuid)?.channel.variable(name)
    }

    /// Becomes `true` when the channel hangs up; `true` from the start when there is none.
    pub fn hangup_watch(&self, uuid: &str) -> watch::Receiver<bool> {
        match self.find(uuid) {
            Some(session) => session.channel.hangup_watch(),
            None => watch::Sender::new(true).subscribe(),
        }
    }

    /// Unique-IDs of all channels that are up, oldest first.
    pub fn channels(&self) -> Vec<String> {
        let up = self
            .sessions()
            .into_iter()
            .filter(|session| !session.channel.is_down());
        up.map(|session| session.channel.uuid.clone()).collect()
    }

    pub(crate) fn registry(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.inner
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A channel, even one that has hung up but is not destroyed.
    pub(crate) fn find(&self, uuid: &str) -> Option<Session> {
        let channel = self.registry().get(uuid)?;
        Some(Session {
            switch: self.clone(),
            channel,
        })
    }

    /// A channel that is up, as `switch_core_session_locate` finds it.
    pub(crate) fn find_up(&self, uuid: &str) -> Option<Session> {
        self.find(uuid).filter(|session| !session.channel.is_down())
    }

    pub(crate) fn sessions(&self) -> Vec<Session> {
        let channels = self.registry().all();
        let with = |channel| Session {
            switch: self.clone(),
            channel,
        };
        channels.into_iter().map(with).collect()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.inner.stopped.borrow()
    }
}

/// Counters of sessions, as `status` and HEARTBEAT show them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounters {
    /// Channels now.
    pub count: usize,
    /// Channels since the start.
    pub since_startup: u64,
    /// Most channels at one time.
    pub peak: usize,
    /// Channels made in the current second.
    pub last_second: u32,
    /// Most channels made in one second.
    pub per_second_peak: u32,
}

/// Whether there is an application of this name.
pub(crate) fn is_application(name: &str) -> bool {
    apps::find(name).is_some()
}
