//! [`Execution`]: an application that runs on a channel.

use std::borrow::Cow;
use std::fmt;

use genesis_client::observe::Done;
use genesis_proto::Event;

use super::observed::ended;
use crate::channel::Channel;
use crate::error::Result;

/// An application that the switch has queued on a channel.
///
/// Executions nest: without [`event_lock`](genesis_proto::command::Execute::event_lock) one that is
/// sent while another reads media runs inside it and completes first. Each is matched by its
/// `Application-UUID`, so the order does not matter.
///
/// ```no_run
/// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
/// let music = channel.playback("local_stream://moh").await?; // is queued, and plays
/// println!("{} plays", music.uuid());
/// channel.break_media(false).await?;
/// music.complete().await?;
/// # Ok(())
/// # }
/// ```
pub struct Execution {
    inner: genesis_client::Execution,
    channel: Channel,
    /// The operation that it is part of.
    pub(super) observed: Option<Done>,
}

impl Execution {
    pub(super) fn new(inner: genesis_client::Execution, channel: Channel) -> Self {
        Self {
            inner,
            channel,
            observed: None,
        }
    }

    /// The `Application-UUID`.
    ///
    /// ```no_run
    /// # use genesis_proto::EventName;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let mut events = channel.events().await?;
    /// let playing = channel.playback("ivr/ivr-welcome.wav").await?;
    /// while let Some(event) = events.next_event().await {
    ///     let own = event.application_uuid().as_deref() == Some(playing.uuid());
    ///     if own && event.name() == EventName::ChannelExecute {
    ///         println!("it begins to play");
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn uuid(&self) -> &str {
        self.inner.uuid()
    }

    /// Waits until the application is done.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let playing = channel.playback("ivr/ivr-account_balance.wav").await?;
    /// match playing.complete().await {
    ///     Ok(done) => println!("played: {:?}", done.response()),
    ///     Err(error) if error.is_hung_up() => println!("the caller has heard enough"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The call ended first ([`Error::is_hung_up`](crate::Error::is_hung_up), with the cause), the
    /// deadline passed ([`Options::job_timeout`](genesis_client::Options)), or the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the completion up; the application runs on.
    pub async fn complete(self) -> Result<Completed> {
        let Self {
            inner,
            channel,
            observed,
        } = self;
        let completing = async {
            let event = inner.complete().await;
            let event = event.map_err(|error| channel.explain(error))?;
            Ok(Completed { event })
        };
        let Some(observed) = observed.and_then(Done::follow) else {
            return completing.await;
        };
        let completed = observed.run(completing).await;
        ended(observed, &completed);
        completed
    }
}

/// How an application ended: its CHANNEL_EXECUTE_COMPLETE.
///
/// ```no_run
/// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
/// let read = channel.execute("read", "4 4 ivr/ivr-please_enter_pin.wav pin 5000 #").await?;
/// let done = read.complete().await?;
/// println!("{:?}: {:?}", done.variable("read_result"), done.variable("pin"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Completed {
    event: Event,
}

impl Completed {
    /// `Application-Response`, for instance `FILE PLAYED`; `None` when the application has none
    /// (`_none_`).
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let played = channel.playback("ivr/does_not_exist.wav").await?.complete().await?;
    /// if played.response().as_deref() == Some("FILE NOT FOUND") {
    ///     channel.execute("phrase", "sorry").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn response(&self) -> Option<Cow<'_, str>> {
        let response = self.event.get("Application-Response");
        response.filter(|text| text != "_none_")
    }

    /// A channel variable as the application left it.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let rang = channel.execute("bridge", "user/1000").await?.complete().await?;
    /// println!("the bridge ended with {:?}", rang.variable("originate_disposition"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.event.variable(name)
    }

    /// The event.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let done = channel.execute("hash", "insert/realm/1000/busy").await?.complete().await?;
    /// let event = done.event();
    /// println!("{:?} at {:?}", event.get("Application"), event.timestamp_micros());
    /// # Ok(())
    /// # }
    /// ```
    pub fn event(&self) -> &Event {
        &self.event
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("uuid", &self.uuid())
            .field("channel", &self.channel.uuid())
            .finish_non_exhaustive()
    }
}
