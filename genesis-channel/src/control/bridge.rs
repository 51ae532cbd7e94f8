//! Connecting a channel with another.

use std::time::Duration;

use genesis_client::Session;
use genesis_client::observe::Operation;
use genesis_proto::dial::DialString;
use genesis_proto::name::AnswerState;
use genesis_proto::{EventName, HangupCause};

use super::Execution;
use crate::channel::{Channel, Expected};
use crate::error::{Error, Result};

/// What a channel is bridged to.
///
/// ```no_run
/// # use genesis_channel::{BridgeTo, Channel};
/// # async fn example(caller: Channel, agent: Option<Channel>) -> genesis_channel::Result<()> {
/// let to = match &agent {
///     Some(agent) => BridgeTo::from(agent), // is on the line already
///     None => BridgeTo::from("group/sales@example.com"),
/// };
/// let bridging = caller.bridge(to).await?;
/// # let _ = bridging;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BridgeTo {
    /// A call that is up.
    Channel(Channel),
    /// A call that is up, by its Unique-ID.
    Uuid(String),
    /// Somebody who is called for it.
    DialString(String),
}

impl From<&Channel> for BridgeTo {
    fn from(channel: &Channel) -> Self {
        Self::Channel(channel.clone())
    }
}

impl From<&Session> for BridgeTo {
    fn from(session: &Session) -> Self {
        Self::Uuid(session.uuid().to_owned())
    }
}

impl From<&DialString> for BridgeTo {
    fn from(dial: &DialString) -> Self {
        Self::DialString(dial.to_string())
    }
}

impl From<&str> for BridgeTo {
    fn from(dial: &str) -> Self {
        Self::DialString(dial.to_owned())
    }
}

impl From<String> for BridgeTo {
    fn from(dial: String) -> Self {
        Self::DialString(dial)
    }
}

/// A bridge that is being made.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example(caller: genesis_channel::Channel) -> genesis_channel::Result<()> {
/// caller.set_variable("continue_on_fail", "true").await?;
/// let bridging = caller.bridge("user/1000").await?;
/// if let Err(error) = bridging.connected(Duration::from_secs(30)).await {
///     println!("{:?}, so it goes to voicemail", error.hangup_cause());
///     caller.transfer("voicemail").await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "say whether the bridge came about with connected()"]
pub struct Bridging {
    channel: Channel,
    bridged: Expected,
    unbridged: Expected,
    execution: Option<Execution>,
    observed: Observed,
}

/// The bridge as telemetry sees it: until it stands, or nobody waits for that any more.
#[derive(Debug)]
struct Observed {
    operation: Option<Operation>,
    channel: Channel,
    other: Option<String>,
}

/// A bridge that stands.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example(caller: genesis_channel::Channel) -> genesis_channel::Result<()> {
/// let bridging = caller.bridge("sofia/gateway/main/4930123456").await?;
/// let bridge = bridging.connected(Duration::from_secs(45)).await?;
/// bridge.channel().start_recording("/var/spool/calls/4711.wav", None).await?;
/// bridge.ended().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Bridge {
    channel: Channel,
    unbridged: Expected,
}

impl Channel {
    /// Connects the call with another: a channel or session that is up (`uuid_bridge`, which needs an
    /// inbound connection or `async full`: on a sync socket the call's own thread serves the socket
    /// and cannot be bridged), or somebody who is called for it (the application `bridge`). Returns
    /// when the switch has taken the command.
    ///
    /// When nobody answers the dial string, the switch ends this call too, with the same cause,
    /// unless the channel variable `continue_on_fail` is `true` (mod_dptools.c,
    /// `audio_bridge_function`).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use genesis_channel::Channel;
    /// # async fn example(caller: Channel, agent: Channel) -> genesis_channel::Result<()> {
    /// let bridge = caller.bridge(&agent).await?.connected(Duration::from_secs(5)).await?;
    /// bridge.ended().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// One of the channels has hung up (which, and the cause, is in the error);
    /// one of them is neither answered nor has early media
    /// ([`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): the switch would hang both
    /// up); [`ErrorKind::Mode`](crate::ErrorKind::Mode); else as [`execute`](Self::execute).
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn bridge(&self, to: impl Into<BridgeTo>) -> Result<Bridging> {
        let to = to.into();
        let observed = Observed::new(self, &to);
        let begun = observed.run(self.begin_bridge(to)).await;
        match begun {
            Ok((bridged, unbridged, execution)) => Ok(Bridging {
                channel: self.clone(),
                bridged,
                unbridged,
                execution,
                observed,
            }),
            Err(error) => Err(observed.failed(error)),
        }
    }

    async fn begin_bridge(&self, to: BridgeTo) -> Result<(Expected, Expected, Option<Execution>)> {
        self.check_alive()?;
        let bridged = self.expect(EventName::ChannelBridge);
        let unbridged = self.expect(EventName::ChannelUnbridge);
        let other = match to {
            BridgeTo::Channel(other) => {
                other.check_alive()?;
                other.check_media()?;
                other.uuid().to_owned()
            }
            BridgeTo::Uuid(uuid) => uuid,
            BridgeTo::DialString(dial) => {
                let execution = Some(self.run("bridge", &dial).await?);
                return Ok((bridged, unbridged, execution));
            }
        };
        let mode = self.client().socket_mode();
        if self.is_own() && mode.is_some_and(|mode| !mode.is_async()) {
            return Err(Error::mode(
                "bridging this call with one that is up",
                "async full",
                mode,
            ));
        }
        self.check_media()?;
        self.uuid_api("uuid_bridge", &other).await?;
        Ok((bridged, unbridged, None))
    }
}

impl Channel {
    /// The switch hangs both calls up when one of them has no media (switch_ivr_bridge.c,
    /// `switch_ivr_uuid_bridge`).
    fn check_media(&self) -> Result<()> {
        match self.answer_state() {
            AnswerState::Ringing => Err(Error::invalid(format!(
                "channel {} is neither answered nor has early media, and a bridge would hang both \
                 calls up; answer() or pre_answer() it first, or wait until it is answered",
                self.uuid()
            ))),
            _ => Ok(()),
        }
    }
}

impl Observed {
    fn new(channel: &Channel, to: &BridgeTo) -> Self {
        Self {
            operation: Some(channel.observe("channel.bridge", None)),
            channel: channel.clone(),
            other: match to {
                BridgeTo::Channel(other) => Some(other.uuid().to_owned()),
                BridgeTo::Uuid(uuid) => Some(uuid.clone()),
                BridgeTo::DialString(_) => None,
            },
        }
    }

    /// Runs what belongs to it.
    async fn run<F: Future>(&self, work: F) -> F::Output {
        match &self.operation {
            Some(operation) => operation.run(work).await,
            None => work.await,
        }
    }

    fn failed(mut self, error: Error) -> Error {
        if let Some(operation) = self.operation.take() {
            self.say(&operation, false);
            operation.failed(error.kind().as_str(), &error);
        }
        error
    }

    /// Says what is known now.
    fn say(&self, operation: &Operation, success: bool) {
        operation.flag("channel.bridge.success", success);
        if operation.is_recording() {
            // who was called for it is known by its events
            let other = self.other.clone();
            let other = other.or_else(|| self.channel.header("Other-Leg-Unique-ID"));
            operation.text("channel.other_uuid", &other.unwrap_or_default());
        }
        self.channel.observe_state(operation);
    }
}

impl Drop for Observed {
    /// The switch has taken the command, and nobody waits for what comes of it.
    fn drop(&mut self) {
        if let Some(operation) = self.operation.take() {
            self.say(&operation, true);
            operation.succeeded();
        }
    }
}

impl Bridging {
    /// Waits until the two are connected.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(caller: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let bridging = caller.bridge("user/1000,user/1001").await?;
    /// match bridging.connected(Duration::from_secs(20)).await {
    ///     Ok(_) => println!("talks with {:?}", caller.header("Other-Leg-Destination-Number")),
    ///     Err(error) if error.is_hung_up() => println!("the caller did not wait"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Who was called did not answer ([`ErrorKind::NotAnswered`](crate::ErrorKind::NotAnswered), or
    /// [`ErrorKind::HungUp`](crate::ErrorKind::HungUp) if that ended this call too); the call ended;
    /// the deadline passed; the link was lost.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the bridge alone.
    pub async fn connected(self, deadline: Duration) -> Result<Bridge> {
        let Self {
            channel,
            bridged,
            unbridged,
            execution,
            observed,
        } = self;
        let failed = async {
            match execution {
                Some(execution) => execution.complete().await,
                None => std::future::pending().await,
            }
        };
        let connecting = observed.run(async {
            tokio::select! {
                biased;
                connected = bridged.until(deadline) => connected,
                completed = failed => {
                    // mod_dptools.c, `audio_bridge_function`
                    let completed = completed?;
                    let cause = completed.variable("originate_disposition");
                    let cause = cause.map_or(HangupCause::None, |text| HangupCause::from(&*text));
                    Err(Error::not_answered("the other leg of the bridge", cause))
                }
            }
        });
        match connecting.await {
            Ok(()) => Ok(Bridge { channel, unbridged }),
            Err(error) => Err(observed.failed(error)),
        }
    }
}

impl Bridge {
    /// Waits until the two are no longer connected.
    ///
    /// ```no_run
    /// # async fn example(bridge: genesis_channel::Bridge) -> genesis_channel::Result<()> {
    /// let caller = bridge.channel().clone();
    /// match bridge.ended().await {
    ///     Ok(()) => caller.transfer("survey").await?, // only the agent hung up
    ///     Err(error) if error.is_hung_up() => println!("the caller hung up first"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The call ended with the bridge ([`Error::is_hung_up`], with the cause), or the link was lost.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the bridge alone.
    pub async fn ended(self) -> Result<()> {
        self.unbridged.until(Duration::MAX).await
    }

    /// The channel that was bridged.
    ///
    /// ```no_run
    /// # use genesis_channel::BroadcastLeg;
    /// # async fn example(bridge: genesis_channel::Bridge) -> genesis_channel::Result<()> {
    /// bridge.channel().broadcast("ivr/ivr-one_minute_left.wav", BroadcastLeg::Both).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn channel(&self) -> &Channel {
        &self.channel
    }
}
