//! Connecting a channel with another.

use std::time::Duration;

use genesis_client::Session;
use genesis_proto::dial::DialString;
use genesis_proto::name::AnswerState;
use genesis_proto::{EventName, HangupCause};

use super::Execution;
use crate::channel::{Channel, Expected};
use crate::error::{Error, Result};

/// What a channel is bridged to.
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
#[derive(Debug)]
#[must_use = "say whether the bridge came about with connected()"]
pub struct Bridging {
    channel: Channel,
    bridged: Expected,
    unbridged: Expected,
    execution: Option<Execution>,
}

/// A bridge that stands.
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
        self.check_alive()?;
        let bridged = self.expect(EventName::ChannelBridge);
        let unbridged = self.expect(EventName::ChannelUnbridge);
        let other = match to.into() {
            BridgeTo::Channel(other) => {
                other.check_alive()?;
                other.check_media()?;
                other.uuid().to_owned()
            }
            BridgeTo::Uuid(uuid) => uuid,
            BridgeTo::DialString(dial) => {
                let execution = Some(self.execute("bridge", &dial).await?);
                return Ok(Bridging {
                    channel: self.clone(),
                    bridged,
                    unbridged,
                    execution,
                });
            }
        };
        let mode = self.client().socket_mode();
        if self.is_own() && mode.is_some_and(|mode| !mode.is_async()) {
            return Err(Error::mode(
                "bridging this call with one that is up",
                "async full",
            ));
        }
        self.check_media()?;
        self.uuid_api("uuid_bridge", &other).await?;
        Ok(Bridging {
            channel: self.clone(),
            bridged,
            unbridged,
            execution: None,
        })
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

impl Bridging {
    /// Waits until the two are connected.
    ///
    /// # Errors
    ///
    /// Who was called did not answer ([`ErrorKind::NotAnswered`](crate::ErrorKind::NotAnswered), or
    /// [`ErrorKind::HungUp`](crate::ErrorKind::HungUp) if that ended this call too); the call ended; the deadline passed; the link was lost.
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
        } = self;
        let failed = async {
            match execution {
                Some(execution) => execution.complete().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            connected = bridged.within(deadline) => connected?,
            completed = failed => {
                let completed = completed?;
                // mod_dptools.c, `audio_bridge_function`
                let cause = completed.variable("originate_disposition");
                let cause = cause.map_or(HangupCause::None, |text| HangupCause::from(&*text));
                return Err(Error::not_answered("the other leg of the bridge", cause));
            }
        }
        Ok(Bridge { channel, unbridged })
    }
}

impl Bridge {
    /// Waits until the two are no longer connected.
    ///
    /// # Errors
    ///
    /// The call ended with the bridge ([`Error::is_hung_up`], with the cause), or the link was lost.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the bridge alone.
    pub async fn ended(self) -> Result<()> {
        self.unbridged.within(Duration::MAX).await
    }

    /// The channel that was bridged.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }
}
