//! [`Client`]: the one handle that all call control builds on.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use genesis_proto::command::Verb;
use genesis_proto::name::LogLevel;
use genesis_proto::session::{CloseReason, Outcome};
use genesis_proto::{Command, Reply};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::error::{Error, Result};
use crate::extension::Extensions;
use crate::link::{Request, after};
use crate::log::{LogItem, LogStream};
use crate::observe;
use crate::options::Options;
use crate::outbound::{Ending, SocketMode};
use crate::queue::{Bounds, Overflow, Queue};
use crate::router::{Sink, SubscriberId};
use crate::stats::{Counters, Stats};
use crate::subscription::{EventStream, Item, Subscription};

/// The state of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkState {
    /// Authenticated; commands go out.
    Connected,
    /// Lost, and being made again: the next attempt, after this delay.
    Reconnecting {
        /// Which attempt comes next, from 1.
        attempt: u32,
        /// After how long.
        delay: Duration,
    },
    /// Over for good.
    Closed(CloseReason),
}

/// What handles and the task share. It does not keep the task alive.
pub(crate) struct Common {
    pub(crate) options: Options,
    pub(crate) counters: Counters,
    pub(crate) observe: observe::Connection,
    state: watch::Sender<LinkState>,
    closed: OnceLock<CloseReason>,
    /// An idle link may be probed with an `api`.
    pub(crate) probes: AtomicBool,
    /// The channel of this outbound socket hung up and the switch lingers.
    pub(crate) lingering: AtomicBool,
    /// The end of the channel of this outbound socket.
    pub(crate) ending: OnceLock<Ending>,
}

impl Common {
    pub(crate) fn new(options: Options, observe: observe::Connection) -> Self {
        Self {
            options,
            observe,
            counters: Counters::default(),
            state: watch::Sender::new(LinkState::Connected),
            closed: OnceLock::new(),
            probes: AtomicBool::new(true),
            lingering: AtomicBool::new(false),
            ending: OnceLock::new(),
        }
    }

    pub(crate) fn set_probes(&self, on: bool) {
        self.probes.store(on, Ordering::Relaxed);
    }

    pub(crate) fn is_lingering(&self) -> bool {
        self.lingering.load(Ordering::Relaxed)
    }

    pub(crate) fn set_state(&self, state: LinkState) {
        self.state.send_replace(state);
    }

    pub(crate) fn set_closed(&self, reason: CloseReason) {
        let reason = self.closed.get_or_init(|| reason).clone();
        self.set_state(LinkState::Closed(reason));
    }
}

/// What all handles of one connection share. When the last goes, the connection ends.
pub(crate) struct Shared {
    pub(crate) common: Arc<Common>,
    requests: mpsc::UnboundedSender<Request>,
    permits: Arc<Semaphore>,
    next_subscriber: AtomicU64,
    /// What an outbound socket allows; empty on an inbound connection.
    mode: Option<SocketMode>,
    /// The session that the connection controls, if it controls one.
    channel: Mutex<Option<String>>,
    pub(crate) extensions: Extensions,
}

impl Shared {
    pub(crate) fn new(
        common: Arc<Common>,
        requests: mpsc::UnboundedSender<Request>,
        mode: Option<SocketMode>,
        channel: Option<String>,
    ) -> Self {
        let permits = common
            .options
            .commands_in_flight
            .clamp(1, Semaphore::MAX_PERMITS);
        Self {
            common,
            requests,
            permits: Arc::new(Semaphore::new(permits)),
            next_subscriber: AtomicU64::new(0),
            mode,
            channel: Mutex::new(channel),
            extensions: Extensions::default(),
        }
    }

    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.common.closed.get().cloned()
    }

    pub(crate) fn unsubscribe(&self, id: SubscriberId) {
        // the task being gone means that the subscription is too
        let _ = self.requests.send(Request::Unsubscribe(id));
    }

    /// What `from` gets, `to` gets from the next event on; `from` ends with what it has.
    pub(crate) fn hand_over(&self, from: SubscriberId, to: SubscriberId) -> Result<()> {
        self.request(Request::HandOver { from, to })
    }

    pub(crate) fn subscriber(&self) -> SubscriberId {
        SubscriberId(self.next_subscriber.fetch_add(1, Ordering::Relaxed))
    }

    /// The connection has ended: why, as the error of a command that was not sent.
    fn gone(&self) -> Error {
        let reason = self.close_reason();
        let reason = reason.unwrap_or(CloseReason::EndOfStream {
            inside_frame: false,
        });
        Error::disconnected(&reason, Outcome::NotSent)
    }

    fn request(&self, request: Request) -> Result<()> {
        self.requests.send(request).map_err(|_| self.gone())
    }
}

/// A connection to FreeSWITCH: cheap to clone, usable from any task.
///
/// Commands are pipelined: none waits for another's reply. Each reply goes to the command it
/// answers, whatever callers were dropped or timed out meanwhile, and nothing is ever sent twice.
///
/// ```no_run
/// use genesis_client::{Inbound, Subscription};
/// use genesis_proto::EventName;
///
/// # async fn example() -> genesis_client::Result<()> {
/// let client = Inbound::builder().password("ClueCon").connect("127.0.0.1:8021").await?;
/// println!("{}", client.api("status").await?.text());
///
/// let mut answers = client.subscribe(Subscription::new().event(EventName::ChannelAnswer)).await?;
/// let job = client.bgapi("originate user/1000 &park").await?;
/// println!("{}", job.text());
/// if let Some(event) = answers.next_event().await {
///     println!("answered: {:?}", event.unique_id());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    timeout: Option<Duration>,
}

impl Client {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            timeout: None,
        }
    }

    /// This connection with another deadline for the commands sent through the returned handle.
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Self {
        Self {
            shared: self.shared.clone(),
            timeout: Some(timeout),
        }
    }

    /// The deadline of a command.
    pub(crate) fn deadline(&self) -> Duration {
        self.timeout
            .unwrap_or(self.shared.common.options.command_timeout)
    }

    /// The deadline of a job or an application.
    pub(crate) fn long_deadline(&self) -> Duration {
        self.timeout
            .unwrap_or(self.shared.common.options.job_timeout)
    }

    /// Sends any command and gives its reply, refused or not.
    ///
    /// Commands that change what the switch sends (`event`, `nixevent`, `noevents`, `filter`,
    /// `myevents`, `log`, `nolog`) go through the ledger of subscriptions: they cannot take events or
    /// log lines from a subscriber, and they are said again on a new connection. A `filter`, and
    /// `myevents UUID`, hide what does not match from everybody, for that is what they are for; only
    /// what jobs and applications wait for passes every filter. `myevents UUID` also makes this the
    /// controlling connection of that channel, which the switch closes when the channel ends: use a
    /// connection of its own for it.
    ///
    /// # Errors
    ///
    /// Deadline, lost connection (with the outcome: not sent, or unknown), or a mode of the
    /// outbound socket that does not know the command.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before the command left takes it back; afterwards the command runs and
    /// its reply is thrown away. It never reaches another caller.
    pub async fn send(&self, command: Command) -> Result<Reply> {
        let name = command.name();
        let controls = self.controlled_by(&command);
        let reply = self.send_named(command, &name).await?;
        if let Some(uuid) = controls.filter(|_| !reply.is_refused()) {
            let channel = self.shared.channel.lock();
            *channel.unwrap_or_else(PoisonError::into_inner) = Some(uuid);
        }
        Ok(reply)
    }

    /// The channel that an inbound connection controls after `myevents UUID`.
    fn controlled_by(&self, command: &Command) -> Option<String> {
        if command.verb() != Verb::Myevents || self.shared.mode.is_some() {
            return None;
        }
        let bytes = command.to_bytes();
        let line = std::str::from_utf8(&bytes).ok()?.lines().next()?;
        line.split(' ').nth(1).map(str::to_owned)
    }

    /// `name` is what an error calls the command.
    async fn send_named(&self, command: Command, name: &str) -> Result<Reply> {
        self.check_mode(&command)?;
        let deadline = self.deadline();
        let until = after(deadline);
        let observed = self.observe().command(&command, deadline);
        let ending = self.ended_by(&command);
        let sending = async {
            let permit = self.permit().await?;
            let (reply, answer) = oneshot::channel();
            self.shared.request(Request::Command {
                command,
                reply,
                permit,
                deadline: until,
            })?;
            self.answer(answer).await
        };
        let replied = within(deadline, name, sending).await;
        observe_reply(observed, name, &replied);
        self.hangs_up(ending, &replied);
        replied
    }

    /// The end of the session's channel, if this command hangs it up.
    pub(crate) fn ended_by(&self, command: &Command) -> Option<&Ending> {
        let ending = self.shared.common.ending.get()?;
        ending.is_asked_by(command).then_some(ending)
    }

    pub(crate) fn hangs_up(&self, ending: Option<&Ending>, replied: &Result<Reply>) {
        let is_accepted = replied.as_ref().is_ok_and(|reply| !reply.is_refused());
        if let Some(ending) = ending.filter(|_| is_accepted) {
            ending.asked();
        }
    }

    /// Sends `api COMMAND` and gives its output.
    ///
    /// While an `api` runs, the switch sends this connection nothing else, no events either: for
    /// what takes long use [`bgapi`](Self::bgapi).
    ///
    /// # Errors
    ///
    /// Beside those of [`send`](Self::send): the output starts with `-ERR` or `-USAGE`
    /// ([`Error::is_refused`]). No output at all (`-ERR no reply`) is no error; see
    /// [`Reply::is_empty_output`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn api(&self, command: &str) -> Result<Reply> {
        self.accepted(Command::api(command)?).await
    }

    /// Sends a command and makes a refusal an error.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Error::is_refused`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn accepted(&self, command: Command) -> Result<Reply> {
        let name = command.name();
        let reply = self.send_named(command, &name).await?;
        if reply.is_refused() {
            Err(Error::refused(&name, &reply))
        } else {
            Ok(reply)
        }
    }

    /// Subscribes to events. When this returns, the switch has agreed to send them.
    ///
    /// # Errors
    ///
    /// When nothing is named, the user may not have an event, the socket's mode does not know
    /// `event`, or the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Safe: a subscription whose stream was not received is taken back.
    pub async fn subscribe(&self, subscription: Subscription) -> Result<EventStream> {
        self.subscribe_as(Sink::Queue, subscription, true).await
    }

    /// Not `at_once`: the stream stays empty until [`Shared::hand_over`].
    pub(crate) async fn subscribe_as(
        &self,
        sink: fn(Arc<Queue<Item>>) -> Sink,
        subscription: Subscription,
        at_once: bool,
    ) -> Result<EventStream> {
        let options = &self.shared.common.options;
        let events = subscription.event_set()?;
        let bounds = Bounds {
            items: subscription.items.unwrap_or(options.queue_items),
            bytes: subscription.bytes.unwrap_or(options.queue_bytes),
            overflow: subscription.overflow,
        };
        let queue = Arc::new(Queue::new(bounds));
        if !at_once {
            queue.wait();
        }
        let id = self.shared.subscriber();
        // made first, so that dropping this future takes the subscription back
        let stream = EventStream {
            queue: queue.clone(),
            id,
            shared: self.shared.clone(),
        };
        let (done, answer) = oneshot::channel();
        let subscription = Box::new(subscription);
        self.shared.request(Request::Subscribe {
            id,
            events,
            subscription,
            sink: sink(queue),
            done,
        })?;
        within(self.deadline(), "event", self.answer(answer)).await?;
        Ok(stream)
    }

    /// Follows the switch's log from this level up. When this returns, the switch has agreed.
    ///
    /// # Errors
    ///
    /// When the user may not follow the log, the connection ended or the socket's mode does not
    /// know `log`.
    ///
    /// # Cancel safety
    ///
    /// Safe: a stream that was not received is taken back.
    pub async fn log(&self, level: LogLevel) -> Result<LogStream> {
        self.needs_full("log")?;
        let options = &self.shared.common.options;
        let bounds = Bounds {
            items: options.queue_items,
            bytes: options.queue_bytes,
            overflow: Overflow::DropOldest,
        };
        let queue: Arc<Queue<LogItem>> = Arc::new(Queue::new(bounds));
        let id = self.shared.subscriber();
        let stream = LogStream {
            queue: queue.clone(),
            id,
            shared: self.shared.clone(),
        };
        let (done, answer) = oneshot::channel();
        self.shared.request(Request::Log {
            id,
            level,
            queue,
            done,
        })?;
        within(self.deadline(), "log", self.answer(answer)).await?;
        Ok(stream)
    }

    /// What telemetry sees of this connection; for code that builds on a client.
    pub fn observe(&self) -> &observe::Connection {
        &self.shared.common.observe
    }

    /// Counters of the connection.
    pub fn stats(&self) -> Stats {
        self.shared.common.counters.snapshot()
    }

    /// The options of the connection.
    pub fn options(&self) -> &Options {
        &self.shared.common.options
    }

    /// The state of the connection now.
    pub fn state(&self) -> LinkState {
        self.shared.common.state.borrow().clone()
    }

    /// Why the connection ended, once it has.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared.close_reason()
    }

    /// Waits until the connection is up: at once, or after a reconnect.
    ///
    /// # Errors
    ///
    /// When it has ended for good.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn ready(&self) -> Result<()> {
        let mut state = self.shared.common.state.subscribe();
        let settled = state
            .wait_for(|s| !matches!(s, LinkState::Reconnecting { .. }))
            .await;
        match settled.as_deref() {
            Ok(LinkState::Connected) => Ok(()),
            _ => Err(self.shared.gone()),
        }
    }

    /// Waits for the next change of the state and gives it.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn state_changed(&self, from: &LinkState) -> LinkState {
        let mut state = self.shared.common.state.subscribe();
        let changed = state.wait_for(|now| now != from).await;
        changed.map_or_else(|_| from.clone(), |state| state.clone())
    }

    /// Waits until the connection has ended for good and says why.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn closed(&self) -> CloseReason {
        let mut state = self.shared.common.state.subscribe();
        let closed = state
            .wait_for(|state| matches!(state, LinkState::Closed(_)))
            .await;
        match closed.as_deref() {
            Ok(LinkState::Closed(reason)) => reason.clone(),
            _ => CloseReason::EndOfStream {
                inside_frame: false,
            },
        }
    }

    /// Says `exit` and waits until the connection has ended. No reconnect follows. Everything
    /// outstanding ends first, or with the reason. Work that [keeps the connection
    /// open](Self::keep_open), such as hanging up a call that was dropped, is waited for first, no
    /// longer than the deadline of a command. A switch that does not answer the `exit` within that
    /// deadline is not waited for any longer.
    ///
    /// # Cancel safety
    ///
    /// Safe: the connection is closed also if nobody waits for it, and then at once.
    pub async fn exit(&self) -> CloseReason {
        let patience = self.deadline();
        // said also if nobody waits any more
        let closing = Closing(self, patience);
        let _ = tokio::time::timeout(patience, self.work_done()).await;
        drop(closing);
        self.closed().await
    }

    /// What the outbound socket allows; `None` on an inbound connection, which allows everything.
    pub fn socket_mode(&self) -> Option<SocketMode> {
        self.shared.mode
    }

    pub(crate) fn permit_for(&self, command: &Command) -> Result<()> {
        self.check_mode(command)
    }

    pub(crate) async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        let permits = self.shared.permits.clone();
        // nearly always there is one, and taking it is cheaper than being ready to wait
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        permits
            .acquire_owned()
            .await
            .map_err(|_| self.shared.gone())
    }

    pub(crate) async fn answer<T>(&self, answer: oneshot::Receiver<Result<T>>) -> Result<T> {
        answer.await.unwrap_or_else(|_| Err(self.shared.gone()))
    }

    pub(crate) fn request(&self, request: Request) -> Result<()> {
        self.shared.request(request)
    }

    /// The channel that this connection controls.
    pub(crate) fn channel(&self) -> Option<String> {
        self.shared
            .channel
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn needs_full(&self, what: &str) -> Result<()> {
        match self.shared.mode {
            Some(mode) if !mode.is_full() => Err(Error::mode(what, "full", Some(mode))),
            _ => Ok(()),
        }
    }

    /// Without `full` the switch answers everything but these with "command not found"
    /// (mod_event_socket.c, `parse_command`).
    fn check_mode(&self, command: &Command) -> Result<()> {
        match command.verb() {
            Verb::Connect
            | Verb::Getvar
            | Verb::Myevents
            | Verb::Filter
            | Verb::Resume
            | Verb::DivertEvents
            | Verb::Sendmsg
            | Verb::Exit
            | Verb::Other => Ok(()),
            // the name is made only for an error
            _ if self.shared.mode.is_none_or(SocketMode::is_full) => Ok(()),
            _ => self.needs_full(&command.name()),
        }
    }
}

/// Says `exit` when dropped.
struct Closing<'a>(&'a Client, Duration);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let patience = self.1;
        let _ = self.0.shared.request(Request::Close { patience });
    }
}

/// Tells telemetry how a command ended. A refusal is an error there, whoever takes it for one.
pub(crate) fn observe_reply(observed: observe::Operation, name: &str, replied: &Result<Reply>) {
    match replied {
        Ok(reply) => {
            if observed.is_recording() {
                observed.reply(&reply.text());
            }
            match reply.is_refused() {
                true => observed.failed("refused", &Error::refused(name, reply)),
                false => observed.succeeded(),
            }
        }
        Err(error) => observed.failed(error.kind().as_str(), error),
    }
}

/// Tells telemetry how an operation ended.
pub(crate) fn observe_end<T>(observed: observe::Operation, result: &Result<T>) {
    match result {
        Ok(_) => observed.succeeded(),
        Err(error) => observed.failed(error.kind().as_str(), error),
    }
}

pub(crate) async fn within<T>(
    deadline: Duration,
    what: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(deadline, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::timeout(what, deadline)),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
