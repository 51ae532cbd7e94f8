//! The call itself: answer, park, transfer, hold, hang up.

use std::time::{Duration, Instant};

use genesis_proto::HangupCause;
use genesis_proto::command::{Message, argument};
use genesis_proto::name::LogLevel;

use super::Execution;
use super::observed::ended;
use crate::channel::Channel;
use crate::error::{Error, Result};

/// Which leg of a bridge is transferred.
///
/// ```no_run
/// # use genesis_channel::{Transfer, TransferLeg};
/// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
/// // the agent's leg goes to the survey, the caller's stays with us
/// channel.set_variable("park_after_bridge", "true").await?;
/// channel.transfer(Transfer::to("survey").leg(TransferLeg::Other)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransferLeg {
    /// This one; the other is hung up, unless its variables say otherwise.
    #[default]
    This,
    /// The one that it is bridged to (`-bleg`).
    Other,
    /// Both (`-both`).
    Both,
}

/// Where a channel is transferred: an extension of the dialplan.
///
/// ```
/// use genesis_channel::{Transfer, TransferLeg};
///
/// let transfer = Transfer::to("sales").context("internal").leg(TransferLeg::Both);
/// # let _ = transfer;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    extension: String,
    dialplan: Option<String>,
    context: Option<String>,
    leg: TransferLeg,
}

impl Transfer {
    /// This extension, in the dialplan and context that the channel is in.
    ///
    /// ```
    /// use genesis_channel::Transfer;
    ///
    /// assert_eq!(Transfer::to("1000"), "1000".into());
    /// ```
    pub fn to(extension: impl Into<String>) -> Self {
        Self {
            extension: extension.into(),
            dialplan: None,
            context: None,
            leg: TransferLeg::This,
        }
    }

    /// The dialplan, for instance `XML`.
    ///
    /// ```
    /// use genesis_channel::Transfer;
    ///
    /// let farewell = Transfer::to("playback:ivr/ivr-thank_you.wav,hangup").dialplan("inline");
    /// # let _ = farewell;
    /// ```
    #[must_use]
    pub fn dialplan(mut self, dialplan: impl Into<String>) -> Self {
        self.dialplan = Some(dialplan.into());
        self
    }

    /// The context of the dialplan.
    ///
    /// ```
    /// use genesis_channel::Transfer;
    ///
    /// let other_tenant = Transfer::to("2000").context("tenant-b");
    /// # assert_ne!(other_tenant, Transfer::to("2000"));
    /// ```
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// Which leg of a bridge.
    ///
    /// ```
    /// use genesis_channel::{Transfer, TransferLeg};
    ///
    /// let conference = Transfer::to("3000").leg(TransferLeg::Both); // both who talk
    /// # assert_ne!(conference, Transfer::to("3000"));
    /// ```
    #[must_use]
    pub fn leg(mut self, leg: TransferLeg) -> Self {
        self.leg = leg;
        self
    }

    /// `EXTENSION [DIALPLAN [CONTEXT]]`.
    fn words(&self) -> String {
        let mut words = argument(&self.extension);
        if self.dialplan.is_some() || self.context.is_some() {
            words.push(' ');
            words.push_str(&argument(self.dialplan.as_deref().unwrap_or("XML")));
        }
        if let Some(context) = &self.context {
            words.push(' ');
            words.push_str(&argument(context));
        }
        words
    }
}

impl From<&str> for Transfer {
    fn from(extension: &str) -> Self {
        Self::to(extension)
    }
}

impl From<String> for Transfer {
    fn from(extension: String) -> Self {
        Self::to(extension)
    }
}

impl Channel {
    /// Answers the call.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// channel.answer().await?.complete().await?;
    /// channel.playback("ivr/ivr-welcome_to_freeswitch.wav").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Cancel safety
    ///
    /// As [`execute`](Self::execute).
    pub async fn answer(&self) -> Result<Execution> {
        let observed = self.observe("channel.answer", None);
        let began = Instant::now();
        let result = observed.run(self.run("answer", "")).await;
        observed.flag("channel.answer.success", result.is_ok());
        observed.seconds("channel.answer.duration", began.elapsed());
        self.observe_state(&observed);
        ended(observed, &result);
        result
    }

    /// Sends early media: the caller hears what is played before the call is answered.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// channel.pre_answer().await?;
    /// channel.playback("ivr/ivr-no_user_response.wav").await?.complete().await?;
    /// channel.hangup(genesis_proto::HangupCause::UserBusy).await?; // was never answered
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Cancel safety
    ///
    /// As [`execute`](Self::execute).
    pub async fn pre_answer(&self) -> Result<Execution> {
        self.counted("channel.pre_answer", self.run("pre_answer", ""))
            .await
    }

    /// Parks the call: it stays up and does nothing. With `uuid_park`; over a socket without `full`
    /// with the application `park`.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use genesis_proto::EventName;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// channel.park().await?;
    /// channel.wait(EventName::ChannelPark, Duration::from_secs(2)).await?;
    /// println!("{} waits for somebody to pick it up", channel.uuid());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn park(&self) -> Result<()> {
        let observed = self.observe("channel.park", None);
        let result = observed.run(async {
            match self.has_api() {
                true => self.uuid_api("uuid_park", "").await.map(drop),
                false => self.run("park", "").await.map(drop),
            }
        });
        let result = result.await;
        self.observe_state(&observed);
        ended(observed, &result);
        result
    }

    /// Hangs the call up; without a cause with NORMAL_CLEARING. Returns when the switch has taken
    /// the command; the end is told by the events ([`ended_with`](Self::ended_with)). A call that
    /// has ended already is no error.
    ///
    /// ```no_run
    /// # use genesis_proto::HangupCause;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// channel.hangup(HangupCause::CallRejected).await?;
    /// println!("ended with {:?}", channel.ended_with().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The connection ended, or the switch refuses.
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn hangup(&self, cause: impl Into<Option<HangupCause>>) -> Result<()> {
        let cause = cause.into().unwrap_or(HangupCause::NormalClearing);
        let mut observed = self.observe("channel.hangup", None);
        observed.label("hangup.cause", cause.as_str());
        observed.text("hangup.cause", cause.as_str());
        if let Some(lasted) = self.lasted() {
            observed.seconds("call.duration", lasted);
        }
        let result = observed.run(self.end_with(cause)).await;
        self.observe_state(&observed);
        ended(observed, &result);
        result
    }

    async fn end_with(&self, cause: HangupCause) -> Result<()> {
        let result = match self.has_api() {
            true => self.uuid_api("uuid_kill", cause.as_str()).await.map(drop),
            false => self.message(&Message::Hangup(cause)).await,
        };
        match result {
            Err(error) if error.is_hung_up() || error.is_unknown_channel() => Ok(()),
            result => result,
        }
    }

    async fn message(&self, message: &Message) -> Result<()> {
        self.check_alive()?;
        let sent = self.client().message(self.target(), message).await;
        sent.map(drop).map_err(|error| self.explain(error))
    }

    /// Sends the channel to an extension of the dialplan.
    ///
    /// Needs an inbound connection or `full` to transfer the other leg; over other sockets the
    /// application `transfer` is run, which takes the call away from the socket.
    ///
    /// ```no_run
    /// # use genesis_channel::Transfer;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// channel.set_variable("transferred_by", "ivr").await?;
    /// channel.transfer(Transfer::to("voicemail").dialplan("XML").context("default")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute); [`ErrorKind::Mode`](crate::ErrorKind::Mode).
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn transfer(&self, to: impl Into<Transfer>) -> Result<()> {
        let to = to.into();
        self.counted("channel.transfer", async {
            let leg = match to.leg {
                TransferLeg::This => "",
                TransferLeg::Other => "-bleg ",
                TransferLeg::Both => "-both ",
            };
            if self.has_api() {
                let rest = format!("{leg}{}", to.words());
                return self.uuid_api("uuid_transfer", &rest).await.map(drop);
            }
            if to.leg != TransferLeg::This {
                return Err(Error::mode(
                    "transferring another leg",
                    "full",
                    self.client().socket_mode(),
                ));
            }
            self.run("transfer", &to.words()).await.map(drop)
        })
        .await
    }

    /// Puts the call on hold. Needs an inbound connection or `full`.
    ///
    /// A `loopback/` leg can be held but not taken off hold: its call state does not become HELD, and
    /// the switch then refuses `uuid_hold off`.
    ///
    /// ```no_run
    /// # use genesis_channel::Channel;
    /// # async fn example(customer: Channel, agent: Channel) -> genesis_channel::Result<()> {
    /// customer.hold().await?;
    /// agent.playback("ivr/ivr-call_being_transferred.wav").await?.complete().await?;
    /// customer.unhold().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute); [`ErrorKind::Mode`](crate::ErrorKind::Mode).
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn hold(&self) -> Result<()> {
        let work = self.uuid_api("uuid_hold", "");
        self.counted("channel.hold", work).await.map(drop)
    }

    /// Takes the call off hold. Needs an inbound connection or `full`.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use genesis_proto::name::CallState;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// channel.wait(CallState::Held, Duration::from_secs(5)).await?;
    /// channel.unhold().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`hold`](Self::hold).
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn unhold(&self) -> Result<()> {
        // the word stands before the UUID
        let work = self.uuid_api("uuid_hold off", "");
        self.counted("channel.unhold", work).await.map(drop)
    }

    /// Ends the application that plays or records now; with `all`, also those that are queued. Needs
    /// an inbound connection or `full`.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let music = channel.playback("local_stream://moh").await?;
    /// // somebody is free now
    /// channel.break_media(true).await?;
    /// music.complete().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`hold`](Self::hold).
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn break_media(&self, all: bool) -> Result<()> {
        let rest = if all { "all" } else { "" };
        let work = self.uuid_api("uuid_break", rest);
        self.counted("channel.break_media", work).await.map(drop)
    }

    /// Sends digits to the far end: `0` to `9`, `*`, `#`, `A` to `D`, `w` and `W` for a pause of half
    /// a second and a second. Each lasts `duration`, or what the switch is set to (250 ms).
    ///
    /// Over a socket without `full` with the application `send_dtmf`.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// // through the other side's menu: 2, a pause of one second, then the account and #
    /// channel.send_dtmf("2W", None).await?;
    /// channel.send_dtmf("4711#", Some(Duration::from_millis(100))).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute); [`ErrorKind::InvalidArgument`](crate::ErrorKind) for another
    /// character.
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn send_dtmf(&self, digits: &str, duration: Option<Duration>) -> Result<()> {
        const DIGITS: &str = "0123456789*#ABCDabcdwWfF";
        self.counted("channel.send_dtmf", async {
            if digits.is_empty() || digits.contains(|c| !DIGITS.contains(c)) {
                return Err(Error::invalid(format!(
                    "{digits:?} are no digits to send; allowed are 0-9 * # A-D, and w W for pauses"
                )));
            }
            let text = match duration {
                Some(duration) => format!("{digits}@{}", duration.as_millis()),
                None => digits.to_owned(),
            };
            if self.has_api() {
                self.uuid_api("uuid_send_dtmf", &text).await.map(drop)
            } else {
                self.run("send_dtmf", &text).await.map(drop)
            }
        })
        .await
    }

    /// Writes a line to the log of the switch, with the channel's UUID.
    ///
    /// ```no_run
    /// # use genesis_proto::name::LogLevel;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// channel.log(LogLevel::Notice, "chose the menu's item 3").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Cancel safety
    ///
    /// As [`execute`](Self::execute).
    pub async fn log(&self, level: LogLevel, text: &str) -> Result<Execution> {
        let text = format!("{level} {text}");
        self.counted("channel.log", self.run("log", &text)).await
    }

    /// Lets the channel do nothing for a while; what is queued after it waits.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// channel.answer().await?;
    /// channel.sleep(Duration::from_millis(500)).await?; // until the audio path stands
    /// channel.playback("ivr/ivr-enter_ext.wav").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Cancel safety
    ///
    /// As [`execute`](Self::execute).
    pub async fn sleep(&self, time: Duration) -> Result<Execution> {
        let time = time.as_millis().to_string();
        self.counted_to_its_end("channel.sleep", self.run("sleep", &time))
            .await
    }
}
