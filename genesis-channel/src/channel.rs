//! [`Channel`]: one call leg.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use genesis_client::observe::Operation;
use genesis_client::{Client, EventStream, Session, Subscription};
use genesis_proto::name::{AnswerState, CallState, ChannelState};
use genesis_proto::{Event, EventName, HangupCause};
use tokio::time::Instant;

use crate::control::needs_full;
use crate::control::observed::{counted, ended};
use crate::error::{Error, Result};
use crate::follow::{self, Begun, Condition, Following, State, Tracked, What};

/// One call leg, controllable over an inbound connection and over an outbound session with the same
/// methods. Cheap to clone; dropping it leaves the call alone (see
/// [`hangup_on_drop`](Self::hangup_on_drop)).
///
/// Its state follows the events of the switch, and never goes backwards once the call has ended. An
/// operation on a channel that hung up is an error that says so, with the cause
/// ([`Error::is_hung_up`]).
///
/// What runs an application returns when the switch has queued it; [`Execution::complete`] waits
/// until it is done. What is a command of the switch (`uuid_…`) is done when it returns, and needs an
/// inbound connection or a `full` outbound socket; otherwise it is [`ErrorKind::Mode`]. The methods
/// say which they are.
///
/// [`Execution::complete`]: crate::Execution::complete
/// [`ErrorKind::Mode`]: crate::ErrorKind::Mode
///
/// ```no_run
/// use std::time::Duration;
/// use genesis_channel::{Channel, OriginateOptions};
/// use genesis_client::Inbound;
///
/// # async fn example() -> genesis_channel::Result<()> {
/// let client = Inbound::builder().password("ClueCon").connect("127.0.0.1:8021").await?;
/// let options = OriginateOptions::new().caller_id("Reception", "1000").timeout(Duration::from_secs(20));
/// let channel = Channel::originate(&client, "user/1001", options).await?;
/// channel.playback("tone_stream://%(500,0,440)").await?.complete().await?;
/// channel.hangup(None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Channel(Arc<Inner>);

struct Inner {
    client: Client,
    following: Following,
    dial_path: Option<String>,
    /// The connection is this channel's own outbound socket.
    own: bool,
}

impl Channel {
    pub(crate) fn new(client: Client, following: Following, dial_path: Option<String>) -> Self {
        let own = false;
        Self(Arc::new(Inner {
            client,
            following,
            dial_path,
            own,
        }))
    }

    /// The channel of an outbound session: the call that came in.
    ///
    /// With `full` its state follows every event of a channel; without, those of `myevents`
    /// (CALLSTATE and HOLD are not among them).
    ///
    /// ```no_run
    /// # use genesis_channel::Channel;
    /// # async fn example(session: genesis_client::Session) -> genesis_channel::Result<()> {
    /// let channel = Channel::from_session(&session).await?;
    /// println!("{:?} calls", channel.header("Caller-Caller-ID-Number"));
    /// channel.answer().await?.complete().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn from_session(session: &Session) -> Result<Self> {
        let client = session.client().clone();
        let following = follow::follow(&client, session.uuid()).await?;
        following.tracked.seed(session.channel_data_event());
        Ok(Self(Arc::new(Inner {
            client,
            following,
            dial_path: None,
            own: true,
        })))
    }

    /// A call that is up already: its state and variables are read from the switch (`uuid_dump`).
    /// Over an outbound socket this needs `full`.
    ///
    /// ```no_run
    /// # use genesis_channel::Channel;
    /// # use genesis_proto::HangupCause;
    /// # async fn example(
    /// #     client: genesis_client::Client,
    /// #     uuid: String,
    /// # ) -> genesis_channel::Result<()> {
    /// match Channel::attach(&client, &uuid).await {
    ///     Ok(channel) => channel.hangup(HangupCause::ManagerRequest).await?,
    ///     Err(error) if error.is_unknown_channel() => println!("{uuid} has ended already"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownChannel`](crate::ErrorKind::UnknownChannel) when the switch has no such
    /// channel; else as [`Client::api`].
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn attach(client: &Client, uuid: &str) -> Result<Self> {
        counted(client, "channel.attach", Self::attached(client, uuid)).await
    }

    async fn attached(client: &Client, uuid: &str) -> Result<Self> {
        needs_full(client, "attach")?;
        // before the state is read, so that nothing is missed in between
        let following = follow::follow(client, uuid).await?;
        let dump = client.api(&format!("uuid_dump {uuid} json")).await;
        let dump = match dump {
            Err(error) if is_no_channel(error.switch_text()) => {
                return Err(Error::unknown_channel(uuid));
            }
            dump => dump?,
        };
        let text = dump.text();
        let data = Event::from_json(text.as_bytes())?;
        following.tracked.seed(&data);
        Ok(Self::new(client.clone(), following, None))
    }

    pub(crate) fn tracked(&self) -> &Arc<Tracked> {
        &self.0.following.tracked
    }

    fn with<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        self.tracked().with(read)
    }

    /// The Unique-ID.
    ///
    /// ```no_run
    /// # use std::collections::HashMap;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let mut calls = HashMap::new();
    /// calls.insert(channel.uuid().to_owned(), channel.clone());
    /// # Ok(())
    /// # }
    /// ```
    pub fn uuid(&self) -> &str {
        &self.tracked().uuid
    }

    /// The connection that the channel is controlled over.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let command = format!("uuid_dual_transfer {} 1000 1001", channel.uuid());
    /// let reply = channel.client().api(&command).await?;
    /// println!("{}", reply.text());
    /// # Ok(())
    /// # }
    /// ```
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// The dial string of the leg, if it was originated here.
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, OriginateOptions};
    /// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
    /// let routes = "sofia/gateway/main/4930123456|sofia/gateway/spare/4930123456";
    /// let channel = Channel::originate(&client, routes, OriginateOptions::new()).await?;
    /// println!("answered over {:?}", channel.dial_path());
    /// # Ok(())
    /// # }
    /// ```
    pub fn dial_path(&self) -> Option<&str> {
        self.0.dial_path.as_deref()
    }

    /// What a `sendmsg` names: nothing on the channel's own socket.
    pub(crate) fn target(&self) -> Option<&str> {
        (!self.0.own).then(|| self.uuid())
    }

    pub(crate) fn is_own(&self) -> bool {
        self.0.own
    }

    /// `Channel-State`; CS_NEW until an event has told.
    ///
    /// ```no_run
    /// # use genesis_proto::name::ChannelState;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// if channel.state() == ChannelState::Park {
    ///     channel.transfer("9664").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn state(&self) -> ChannelState {
        self.with(|state| state.state.clone())
            .unwrap_or(ChannelState::New)
    }

    /// `Channel-Call-State`; DOWN until an event has told.
    ///
    /// ```no_run
    /// # use genesis_proto::name::CallState;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// if channel.call_state() == CallState::Held {
    ///     channel.unhold().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn call_state(&self) -> CallState {
        self.with(|state| state.call_state.clone())
            .unwrap_or(CallState::Down)
    }

    /// `Answer-State`; ringing until an event has told.
    ///
    /// ```no_run
    /// # use genesis_proto::name::AnswerState;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// if channel.answer_state() == AnswerState::Ringing {
    ///     channel.pre_answer().await?; // an announcement that costs the caller nothing
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn answer_state(&self) -> AnswerState {
        self.with(|state| state.answer_state.clone())
            .unwrap_or(AnswerState::Ringing)
    }

    /// The call has been answered, whether it is still up or not.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let cause = channel.ended_with().await?;
    /// if !channel.was_answered() {
    ///     println!("{:?} was missed: {cause:?}", channel.header("Caller-Caller-ID-Number"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn was_answered(&self) -> bool {
        self.with(|state| {
            state.is_answered() || state.has_been(&Condition::AnswerState(AnswerState::Answered))
        })
    }

    /// The call has hung up, or is gone from the switch.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// while !channel.is_over() {
    ///     channel.playback("ivr/ivr-hold_connect_call.wav").await?.complete().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_over(&self) -> bool {
        self.with(|state| state.ended.is_some())
    }

    /// Why it hung up, once it has. `None` also when it ended while the connection was away.
    ///
    /// ```no_run
    /// # use genesis_proto::HangupCause;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// if let Err(error) = channel.playback("ivr/ivr-welcome.wav").await {
    ///     match channel.hangup_cause() {
    ///         Some(HangupCause::OriginatorCancel) => println!("the caller gave up"),
    ///         _ => return Err(error),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn hangup_cause(&self) -> Option<HangupCause> {
        self.with(|state| state.ended.as_ref().and_then(|ended| ended.cause.clone()))
    }

    /// A channel variable as of the last event that carried them. What it is now asks
    /// [`get_variable`](Self::get_variable).
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// if let Some(agent) = channel.variable("sip_user_agent") {
    ///     println!("the caller's telephone is a {agent}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn variable(&self, name: &str) -> Option<String> {
        let data = self.last_event()?;
        data.variable(name).map(Cow::into_owned)
    }

    /// A header of the last event that carried the channel's data.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// match channel.header("Caller-Destination-Number").as_deref() {
    ///     Some("112" | "110") => channel.transfer("emergency").await?,
    ///     _ => channel.transfer("reception").await?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn header(&self, name: &str) -> Option<String> {
        let data = self.last_event()?;
        data.get(name).map(Cow::into_owned)
    }

    /// The last event that carried the channel's data and variables.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// if let Some(event) = channel.last_event() {
    ///     println!("{}, direction {:?}", event.name(), event.call_direction());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn last_event(&self) -> Option<Event> {
        self.with(|state| state.data.clone())
    }

    /// When the channel was created, by the clock of the switch.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// if let Some(created) = channel.created_at() {
    ///     println!("in the queue for {:?}", created.elapsed().unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn created_at(&self) -> Option<SystemTime> {
        time(self.with(|state| state.created))
    }

    /// When it was answered, by the clock of the switch.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// if let (Some(created), Some(answered)) = (channel.created_at(), channel.answered_at()) {
    ///     println!("rang for {:?}", answered.duration_since(created).unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn answered_at(&self) -> Option<SystemTime> {
        time(self.with(|state| state.answered))
    }

    pub(crate) fn check_alive(&self) -> Result<()> {
        self.tracked().check_alive()
    }

    /// Waits until the channel is in a state, or an event about it has come, within `deadline`.
    ///
    /// What came before the wait counts, so nothing can be missed: a state that the channel has been
    /// in since it is followed, an event that has come since then. For the next time only, see
    /// [`expect`](Self::expect). An event that a channel's state does not need (CUSTOM, TALK, …) is
    /// subscribed for the wait; of those only what comes from now on is seen.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use genesis_proto::EventName;
    /// # use genesis_proto::name::CallState;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// channel.wait(CallState::Active, Duration::from_secs(30)).await?;
    /// channel.wait(EventName::ChannelBridge, Duration::from_secs(60)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The channel hung up first ([`Error::is_hung_up`], with the cause), the deadline passed, or the
    /// link was lost.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn wait(&self, condition: impl Into<Condition>, deadline: Duration) -> Result<()> {
        let condition = condition.into();
        let observed = self.observe("channel.wait", Some(deadline));
        if observed.is_recording() {
            observed.text("wait.target", &condition.to_string());
            observed.text("wait.type", condition.kind());
        }
        observed.seconds("wait.timeout", deadline);
        let result = observed.run(self.wait_for(condition, deadline)).await;
        waited(observed, &result);
        result
    }

    async fn wait_for(&self, condition: Condition, deadline: Duration) -> Result<()> {
        if !follow::is_followed(self.client(), &condition)
            && let Condition::Event(name) = condition
        {
            return self.wait_subscribed(name, deadline).await;
        }
        let expected = self.begin(condition, true);
        expected.until(deadline).await
    }

    /// Begins to wait for the next time: what comes after this call is not missed, what came before
    /// it does not count. (A state that the channel is in now does.)
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use genesis_proto::name::CallState;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let held = channel.expect(CallState::Held);
    /// channel.hold().await?;
    /// held.within(Duration::from_secs(5)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn expect(&self, condition: impl Into<Condition>) -> Expected {
        self.begin(condition.into(), false)
    }

    fn begin(&self, condition: Condition, past: bool) -> Expected {
        Expected {
            what: condition.to_string(),
            kind: condition.kind(),
            begun: self.tracked().wait(What::Condition(condition), past),
            // the state is followed as long as somebody waits for it
            channel: self.clone(),
        }
    }

    async fn wait_subscribed(&self, name: EventName, deadline: Duration) -> Result<()> {
        let what = name.to_string();
        let subscription = Subscription::new().event(name).channel(self.uuid());
        let waiting = async {
            let over = self
                .tracked()
                .wait(What::Condition(EventName::ChannelHangup.into()), true);
            let mut events = self.client().subscribe(subscription).await?;
            tokio::select! {
                biased;
                event = events.next_event() => match event {
                    Some(_) => Ok(()),
                    None => Err(self.ended()),
                },
                over = over => over.unwrap_or(Ok(())).and(Err(self.ended())),
            }
        };
        let waited = tokio::time::timeout(deadline, waiting).await;
        waited.unwrap_or_else(|_| Err(Error::timeout(&what, deadline)))
    }

    fn ended(&self) -> Error {
        match self.check_alive() {
            Err(error) => error,
            Ok(()) => {
                let reason = self.client().close_reason();
                let reason = reason.map(|reason| reason.to_string());
                Error::disconnected(
                    genesis_proto::session::Outcome::NotSent,
                    reason.as_deref().unwrap_or("the connection has ended"),
                )
            }
        }
    }

    /// Waits until the call has ended and gives the cause; `None` if it ended while the connection
    /// was away.
    ///
    /// ```no_run
    /// # use genesis_proto::HangupCause;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// match channel.ended_with().await? {
    ///     Some(HangupCause::NormalClearing) => println!("hung up as usual"),
    ///     Some(cause) => println!("ended with {cause}"),
    ///     None => println!("ended while the connection was away"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the link is lost.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn ended_with(&self) -> Result<Option<HangupCause>> {
        let over = self.tracked().wait(What::End, true);
        match over.await {
            Ok(result) => result.map(|()| self.hangup_cause()),
            Err(_) => Err(self.ended()),
        }
    }

    /// The events of this channel that its state is made of, as a stream.
    ///
    /// ```no_run
    /// # use genesis_proto::EventName;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let mut events = channel.events().await?;
    /// while let Some(event) = events.next_event().await {
    ///     println!("{} {:?}", event.name(), event.call_state());
    ///     if event.name() == EventName::ChannelHangupComplete {
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn events(&self) -> Result<EventStream> {
        let names = follow::followed(self.client());
        let subscription = Subscription::new().events(names).channel(self.uuid());
        Ok(self.client().subscribe(subscription).await?)
    }
}

/// A wait that has begun; see [`Channel::expect`].
///
/// ```no_run
/// # use std::time::Duration;
/// # use genesis_proto::EventName;
/// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
/// let parked = channel.expect(EventName::ChannelPark);
/// channel.park().await?;
/// parked.within(Duration::from_secs(2)).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "it waits only when awaited"]
pub struct Expected {
    what: String,
    kind: &'static str,
    begun: Begun,
    channel: Channel,
}

impl Expected {
    /// Waits for it until `deadline` from now.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use genesis_proto::HangupCause;
    /// # use genesis_proto::name::AnswerState;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let answered = channel.expect(AnswerState::Answered);
    /// match answered.within(Duration::from_secs(20)).await {
    ///     Err(error) if error.is_timeout() => channel.hangup(HangupCause::NoAnswer).await?,
    ///     other => other?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Channel::wait`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the wait up.
    pub async fn within(self, deadline: Duration) -> Result<()> {
        let observed = self.channel.observe("channel.wait", Some(deadline));
        observed.text("wait.target", &self.what);
        observed.text("wait.type", self.kind);
        observed.seconds("wait.timeout", deadline);
        let result = observed.run(self.until(deadline)).await;
        waited(observed, &result);
        result
    }

    /// [`within`](Self::within) as a part of another operation.
    pub(crate) async fn until(self, deadline: Duration) -> Result<()> {
        let Self {
            what,
            begun,
            channel,
            ..
        } = self;
        let until = Instant::now().checked_add(deadline);
        let waited = match until {
            Some(until) => tokio::time::timeout_at(until, begun).await,
            None => Ok(begun.await),
        };
        match waited {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(channel.ended()),
            Err(_) => Err(Error::timeout(&what, deadline)),
        }
    }
}

impl fmt::Debug for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expected")
            .field("what", &self.what)
            .finish_non_exhaustive()
    }
}

/// The switch's answer for a channel that it does not have.
pub(crate) fn is_no_channel(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.starts_with("-ERR No such channel"))
}

fn time(micros: u64) -> Option<SystemTime> {
    (micros > 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("uuid", &self.uuid())
            .field("state", &self.state())
            .field("hangup_cause", &self.hangup_cause())
            .finish_non_exhaustive()
    }
}

/// Tells how a wait ended.
fn waited(observed: Operation, result: &Result<()>) {
    observed.text(
        "wait.result",
        match result {
            Ok(()) => "reached",
            Err(error) => error.kind().as_str(),
        },
    );
    ended(observed, result);
}
