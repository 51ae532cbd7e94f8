//! The one error type of this crate.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use genesis_client::{ErrorKind as ClientKind, SocketMode};
use genesis_proto::HangupCause;
use genesis_proto::session::Outcome;

/// A result of this crate.
///
/// ```
/// use genesis_channel::{Channel, Result};
///
/// async fn greet(channel: &Channel) -> Result<()> {
///     channel.answer().await?;
///     channel.playback("ivr/ivr-welcome.wav").await?.complete().await?;
///     Ok(())
/// }
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on a channel did not do what was asked.
///
/// Ask the predicates, or match on [`kind`](Self::kind). The text says what happened and what to
/// do. The switch's own words are data: [`switch_text`](Self::switch_text).
///
/// ```no_run
/// # use genesis_channel::{Channel, OriginateOptions};
/// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
/// match Channel::originate(&client, "user/1000", OriginateOptions::new()).await {
///     Ok(channel) => channel.hangup(None).await?,
///     Err(error) if error.is_not_answered() => println!("nobody: {:?}", error.hangup_cause()),
///     Err(error) if error.is_disconnected() => println!("may ring: {:?}", error.may_still_ring()),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    switch_text: Option<String>,
    may_still_ring: Vec<String>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of [`Error`].
///
/// ```
/// use genesis_channel::{Error, ErrorKind};
/// use genesis_proto::HangupCause;
///
/// /// Whether it makes sense to call again later.
/// fn try_again(error: &Error) -> bool {
///     match error.kind() {
///         ErrorKind::NotAnswered(HangupCause::UserBusy | HangupCause::NoAnswer) => true,
///         ErrorKind::Disconnected(_) | ErrorKind::LimitExceeded => true,
///         _ => false,
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The switch has no channel with this Unique-ID.
    UnknownChannel,
    /// An originate ended without an answer: why, in the words of the switch.
    NotAnswered(HangupCause),
    /// The channel hung up, before or during the operation. `None`: it ended while the connection
    /// was away, so the cause is not known.
    HungUp(Option<HangupCause>),
    /// The switch answered `-ERR` or `-USAGE`.
    Refused,
    /// The deadline passed. What was sent may still run.
    Timeout,
    /// The connection ended, or could not be made. The outcome says whether the command had been
    /// sent.
    Disconnected(Outcome),
    /// The mode of the outbound socket does not allow this; the text says which it needs.
    Mode,
    /// A value that was passed in was refused; nothing was sent.
    InvalidArgument,
    /// A bound of the connection's options was reached; nothing was sent.
    LimitExceeded,
    /// The switch sent something that cannot be understood.
    Protocol,
}

impl ErrorKind {
    /// The kind in one word, for labels and logs: `unknown_channel`, `not_answered`, `hung_up`,
    /// `refused`, `timeout`, `disconnected`, `mode`, `invalid_argument`, `limit` or `protocol`.
    ///
    /// ```
    /// use genesis_channel::ErrorKind;
    /// use genesis_proto::HangupCause;
    ///
    /// assert_eq!(ErrorKind::NotAnswered(HangupCause::UserBusy).as_str(), "not_answered");
    /// ```
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::UnknownChannel => "unknown_channel",
            Self::NotAnswered(_) => "not_answered",
            Self::HungUp(_) => "hung_up",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Disconnected(_) => "disconnected",
            Self::Mode => "mode",
            Self::InvalidArgument => "invalid_argument",
            Self::LimitExceeded => "limit",
            Self::Protocol => "protocol",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            switch_text: None,
            may_still_ring: Vec::new(),
            source: None,
        }))
    }

    pub(crate) fn unknown_channel(uuid: &str) -> Self {
        Self::new(
            ErrorKind::UnknownChannel,
            format!("the switch has no channel {uuid}; it has ended, or never was"),
        )
    }

    pub(crate) fn hung_up(uuid: &str, cause: Option<HangupCause>) -> Self {
        let text = match &cause {
            Some(cause) => format!("channel {uuid} has hung up ({cause})"),
            None => format!(
                "channel {uuid} ended while the connection to the switch was away; the cause is not known"
            ),
        };
        Self::new(ErrorKind::HungUp(cause), text)
    }

    pub(crate) fn not_answered(destination: &str, cause: HangupCause) -> Self {
        let text = format!("{destination} did not answer: {cause}");
        Self::new(ErrorKind::NotAnswered(cause), text)
    }

    pub(crate) fn timeout(what: &str, after: Duration) -> Self {
        Self::new(
            ErrorKind::Timeout,
            format!("{what} did not happen within {after:?}"),
        )
    }

    pub(crate) fn disconnected(outcome: Outcome, reason: &str) -> Self {
        Self::new(ErrorKind::Disconnected(outcome), reason)
    }

    pub(crate) fn not_hung_up(left: Vec<String>) -> Self {
        let text = "the connection was lost for good, or the switch did not answer, before the \
                    call was hung up";
        Self::disconnected(Outcome::Unknown, text).with_may_still_ring(left)
    }

    /// `needs`: `async`, `full`, or both. What the socket `has` is kept.
    pub(crate) fn mode(what: &str, needs: &str, has: Option<SocketMode>) -> Self {
        let word = |word: &'static str, has: bool| (has || needs.contains(word)).then_some(word);
        let is_async = has.is_some_and(SocketMode::is_async);
        let is_full = has.is_some_and(SocketMode::is_full);
        let words = [word("async", is_async), word("full", is_full)];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        let article = if needs.starts_with("async") {
            "an"
        } else {
            "a"
        };
        Self::new(
            ErrorKind::Mode,
            format!(
                "{what} needs {article} `{needs}` outbound socket; write `socket HOST:PORT {}` in the \
                 dialplan",
                words.join(" ")
            ),
        )
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// What the caller wrote could not be read: nothing of the wire.
    pub(crate) fn of_argument(mut self) -> Self {
        if self.0.kind == ErrorKind::Protocol {
            self.0.kind = ErrorKind::InvalidArgument;
        }
        self
    }

    pub(crate) fn with_may_still_ring(mut self, uuids: Vec<String>) -> Self {
        if !uuids.is_empty() {
            self.0.message.push_str("; may still ring: ");
            self.0.message.push_str(&uuids.join(", "));
        }
        self.0.may_still_ring = uuids;
        self
    }

    /// What kind of error this is.
    ///
    /// ```no_run
    /// # use genesis_channel::ErrorKind;
    /// # use genesis_proto::session::Outcome;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let sent = channel.transfer("sales").await;
    /// if let Err(error) = &sent {
    ///     match error.kind() {
    ///         ErrorKind::Disconnected(Outcome::Unknown) => println!("may have been sent"),
    ///         kind => println!("was not: {}", kind.as_str()),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The switch's own words, `-ERR …` or `-USAGE …`, if it refused.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// if let Err(error) = channel.start_recording("/read-only/4711.wav", None).await {
    ///     println!("the switch said {:?}", error.switch_text());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn switch_text(&self) -> Option<&str> {
        self.0.switch_text.as_deref()
    }

    /// The Unique-IDs of legs that may still ring, because the connection was lost for good, or the
    /// switch did not answer, before they could be hung up. They end at the latest at their
    /// `originate_timeout`, unless somebody answers.
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, OriginateOptions};
    /// # async fn example(
    /// #     client: genesis_client::Client,
    /// #     spare: genesis_client::Client,
    /// # ) -> genesis_channel::Result<()> {
    /// let called = Channel::originate(&client, "user/1000", OriginateOptions::new()).await;
    /// if let Err(error) = called {
    ///     for uuid in error.may_still_ring() {
    ///         spare.api(&format!("uuid_kill {uuid} ORIGINATOR_CANCEL")).await.ok();
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn may_still_ring(&self) -> &[String] {
        &self.0.may_still_ring
    }

    /// The switch has no such channel.
    ///
    /// ```no_run
    /// # use genesis_channel::Channel;
    /// # async fn example(
    /// #     client: genesis_client::Client,
    /// #     uuid: String,
    /// # ) -> genesis_channel::Result<()> {
    /// let call = match Channel::attach(&client, &uuid).await {
    ///     Err(error) if error.is_unknown_channel() => None, // ended meanwhile
    ///     call => Some(call?),
    /// };
    /// # let _ = call;
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_unknown_channel(&self) -> bool {
        self.0.kind == ErrorKind::UnknownChannel
    }

    /// The originate ended without an answer.
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, OriginateOptions};
    /// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
    /// for number in ["user/1000", "user/1001", "sofia/gateway/main/4930123456"] {
    ///     match Channel::originate(&client, number, OriginateOptions::new()).await {
    ///         Err(error) if error.is_not_answered() => println!("{error}; on to the next"),
    ///         answered => return answered?.playback("ivr/alarm.wav").await.map(drop),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_not_answered(&self) -> bool {
        matches!(self.0.kind, ErrorKind::NotAnswered(_))
    }

    /// The channel hung up.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use genesis_proto::EventName;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// match channel.wait(EventName::ChannelBridge, Duration::from_secs(120)).await {
    ///     Err(error) if error.is_hung_up() => println!("left the queue: {error}"),
    ///     other => other?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_hung_up(&self) -> bool {
        matches!(self.0.kind, ErrorKind::HungUp(_))
    }

    /// Why the channel hung up, or the originate was not answered.
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, OriginateOptions};
    /// # use genesis_proto::HangupCause;
    /// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
    /// let called = Channel::originate(&client, "user/1000", OriginateOptions::new()).await;
    /// match called.as_ref().map_err(|error| error.hangup_cause()) {
    ///     Ok(channel) => channel.transfer("9664").await?,
    ///     Err(Some(HangupCause::UserBusy)) => println!("busy: call again in five minutes"),
    ///     Err(cause) => println!("not reached: {cause:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn hangup_cause(&self) -> Option<&HangupCause> {
        match &self.0.kind {
            ErrorKind::NotAnswered(cause) => Some(cause),
            ErrorKind::HungUp(cause) => cause.as_ref(),
            _ => None,
        }
    }

    /// The switch refused the command.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// match channel.stop_recording("/var/spool/calls/4711.wav").await {
    ///     Err(error) if error.is_refused() => println!("nobody records it"),
    ///     other => other?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_refused(&self) -> bool {
        self.0.kind == ErrorKind::Refused
    }

    /// The deadline passed.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use genesis_proto::EventName;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// match channel.wait(EventName::ChannelBridge, Duration::from_secs(120)).await {
    ///     Err(error) if error.is_timeout() => channel.transfer("voicemail").await?,
    ///     other => other?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }

    /// The connection ended or could not be made.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// if let Err(error) = channel.set_variable("vip", "true").await
    ///     && error.is_disconnected()
    /// {
    ///     channel.client().ready().await?; // the next link
    ///     channel.set_variable("vip", "true").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_disconnected(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Disconnected(_))
    }

    /// The mode of the outbound socket does not allow it.
    ///
    /// ```no_run
    /// # use genesis_channel::{Transfer, TransferLeg};
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let both = Transfer::to("3000").leg(TransferLeg::Both);
    /// match channel.transfer(both).await {
    ///     Err(error) if error.is_mode() => eprintln!("the dialplan must say more: {error}"),
    ///     other => other?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_mode(&self) -> bool {
        self.0.kind == ErrorKind::Mode
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {})", self.0.kind, self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}

impl From<genesis_client::Error> for Error {
    fn from(error: genesis_client::Error) -> Self {
        let kind = match error.kind() {
            ClientKind::Refused => ErrorKind::Refused,
            ClientKind::Timeout => ErrorKind::Timeout,
            ClientKind::Disconnected(outcome) => ErrorKind::Disconnected(*outcome),
            ClientKind::Connect | ClientKind::Authentication | ClientKind::AccessDenied => {
                ErrorKind::Disconnected(Outcome::NotSent)
            }
            ClientKind::HungUp(HangupCause::None) => ErrorKind::HungUp(None),
            ClientKind::HungUp(cause) => ErrorKind::HungUp(Some(cause.clone())),
            ClientKind::Mode => ErrorKind::Mode,
            ClientKind::InvalidArgument => ErrorKind::InvalidArgument,
            ClientKind::LimitExceeded => ErrorKind::LimitExceeded,
            _ => ErrorKind::Protocol,
        };
        let mut own = Self::new(kind, error.to_string());
        own.0.switch_text = error.switch_text().map(str::to_owned);
        own.0.source = Some(Arc::new(error));
        own
    }
}

impl From<genesis_proto::Error> for Error {
    fn from(error: genesis_proto::Error) -> Self {
        genesis_client::Error::from(error).into()
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
