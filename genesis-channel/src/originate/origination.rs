//! [`Origination`]: a call that is being made.

use std::fmt;
use std::sync::Arc;

use genesis_client::Client;
use genesis_client::observe::Operation;
use genesis_proto::HangupCause;
use genesis_proto::dial::DialString;
use genesis_proto::name::{AnswerState, CallState};
use tokio::sync::{oneshot, watch};

use super::OriginateOptions;
use super::attempt::Won;
use super::legs::Legs;
use crate::channel::Channel;
use crate::control::observed::ended;
use crate::error::{Error, Result};
use crate::follow::Tracked;

/// How far a call that is being made has come.
///
/// ```
/// use genesis_channel::Progress;
///
/// /// What the caller hears while the call is being made.
/// fn tone(progress: Progress) -> Option<&'static str> {
///     (progress == Progress::Ringing).then_some("tone_stream://%(1000,4000,425);loops=-1")
/// }
/// assert!(tone(Progress::Dialing).is_none());
/// assert!(Progress::Ringing < Progress::Answered);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Progress {
    /// The switch has not made a channel yet.
    Dialing,
    /// A channel exists; the far end has not said that it rings.
    Calling,
    /// A leg rings.
    Ringing,
    /// A leg sends early media.
    EarlyMedia,
    /// A leg was answered.
    Answered,
    /// Every leg that there was has ended.
    Ended,
}

/// A call that is being made.
///
/// Dropping it cancels the call: whatever the switch makes of it is hung up, in the background, by a
/// task that keeps the connection open until nothing is left (at most 15 s longer than the call could
/// ring, or 90 s if that is more). [`cancel`](Self::cancel) waits for that, and [`gone`](Self::gone)
/// does after a failure.
///
/// ```no_run
/// # use std::time::Duration;
/// # use genesis_channel::{Channel, OriginateOptions};
/// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
/// let options = OriginateOptions::new();
/// let mut calling = Channel::originate_start(&client, "user/1000", options).await?;
/// match tokio::time::timeout(Duration::from_secs(8), calling.answered()).await {
///     Ok(answered) => println!("{} answered", answered?.uuid()),
///     Err(_) => calling.cancel(None).await?,
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it cancels the call"]
pub struct Origination {
    pub(super) legs: Legs,
    pub(super) cancel: watch::Sender<Option<HangupCause>>,
    pub(super) cancel_cause: HangupCause,
    /// `None` once it was told.
    pub(super) accepted: Option<oneshot::Receiver<Result<()>>>,
    pub(super) outcome: Option<oneshot::Receiver<Result<Won>>>,
    /// The legs that may be left of a call that was cancelled. Ends when that is settled.
    pub(super) over: watch::Receiver<Vec<String>>,
    /// Until what became of it is known.
    pub(super) observed: Option<Operation>,
    /// Its leg is told already.
    pub(super) is_named: bool,
}

impl Channel {
    /// Originates a call and waits until it is answered (or, with
    /// [`OriginateOptions::early_media`], has early media).
    ///
    /// The Unique-ID of each leg is chosen here and followed before the command leaves; but `user/`,
    /// `group/`, `pickup/` and endpoints with `${…}` may stand for several legs, which choose their
    /// own: those carry the variable `genesis_originate`, and are found by it and followed as soon as
    /// they are created. The command is a `bgapi`: other commands and events flow on meanwhile. Of
    /// several legs (`a,b` or `a|b` or `a:_:b`) the channel is the one that answered; the switch ends
    /// the others.
    ///
    /// Needs an inbound connection or a `full` outbound socket.
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, OriginateOptions};
    /// # async fn example(client: genesis_client::Client) {
    /// match Channel::originate(&client, "user/1000", OriginateOptions::new()).await {
    ///     Ok(channel) => println!("{} answered", channel.uuid()),
    ///     Err(error) if error.is_not_answered() => println!("{error}"),
    ///     Err(error) => eprintln!("the call could not be made: {error}"),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotAnswered`](crate::ErrorKind::NotAnswered) with the hangup cause; the switch
    /// refused the command; the connection was lost for good; a dial string or variable that cannot
    /// be sent. When its time is up, the call is hung up before that is told; a switch that takes
    /// longer than 2 s for it is not waited for, and the error names the legs that
    /// [may still ring](Error::may_still_ring), as it does when the connection was lost.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future at any moment leaves nothing ringing; see [`Origination`].
    pub async fn originate<D>(client: &Client, dial: D, options: OriginateOptions) -> Result<Self>
    where
        D: TryInto<DialString>,
        Error: From<D::Error>,
    {
        let mut origination = Self::originate_start(client, dial, options).await?;
        origination.answered().await
    }

    /// Starts to originate a call, and returns when the switch has accepted the command.
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, OriginateOptions};
    /// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
    /// let options = OriginateOptions::new().caller_id("Reception", "1000");
    /// let mut calling = Channel::originate_start(&client, "user/1001", options).await?;
    /// println!("{:?} is being called", calling.uuids());
    /// let channel = calling.answered().await?;
    /// # let _ = channel;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`originate`](Self::originate), but for what happens to the call.
    ///
    /// # Cancel safety
    ///
    /// As [`originate`](Self::originate).
    pub async fn originate_start<D>(
        client: &Client,
        dial: D,
        options: OriginateOptions,
    ) -> Result<Origination>
    where
        D: TryInto<DialString>,
        Error: From<D::Error>,
    {
        let prepared = Self::originate_prepare(client, dial, options).await?;
        let mut origination = prepared.start();
        origination.accepted().await?;
        Ok(origination)
    }
}

fn gone() -> Error {
    Error::disconnected(
        genesis_proto::session::Outcome::Unknown,
        "the runtime that the call was made in has ended",
    )
}

impl Origination {
    /// The Unique-IDs of the legs that are known so far, in the order of the dial string. A leg that is
    /// not tried (of a failover) never exists. The legs that `user/`, `group/` and `${…}` stand for
    /// follow when they are created.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     calling: genesis_channel::Origination,
    /// #     wanted: String,
    /// # ) -> genesis_channel::Result<()> {
    /// if calling.uuids().contains(&wanted) {
    ///     calling.cancel(None).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn uuids(&self) -> Vec<String> {
        let legs = self.legs.all();
        legs.iter().map(|leg| leg.uuid.clone()).collect()
    }

    /// How far the call has come: the leg that has come farthest.
    ///
    /// ```no_run
    /// # use genesis_channel::Progress;
    /// # async fn example(calling: genesis_channel::Origination) -> genesis_channel::Result<()> {
    /// if calling.progress() < Progress::Ringing {
    ///     println!("nothing rings yet at {:?}", calling.uuids());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn progress(&self) -> Progress {
        progress_of(&self.legs.all())
    }

    /// Waits until the call has come to something else than `from`, and says what it is. What comes
    /// and goes in between may be passed over. Waits for ever at the end of the call: race it with
    /// [`answered`](Self::answered), which is why it does not borrow.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     mut calling: genesis_channel::Origination,
    /// # ) -> genesis_channel::Result<()> {
    /// let mut now = calling.progress();
    /// let channel = loop {
    ///     let changed = calling.progress_changed(now);
    ///     tokio::select! {
    ///         answered = calling.answered() => break answered?,
    ///         next = changed => now = next,
    ///     }
    ///     println!("{now:?}");
    /// };
    /// # let _ = channel;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub fn progress_changed(
        &self,
        from: Progress,
    ) -> impl Future<Output = Progress> + Send + use<> {
        let legs = self.legs.clone();
        async move {
            loop {
                // begun before the look, so that nothing falls in between
                let change = legs.change();
                let progress = progress_of(&legs.all());
                if progress != from {
                    return progress;
                }
                change.await;
            }
        }
    }

    /// The hangup cause of each leg that has ended: Unique-ID and cause.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     mut calling: genesis_channel::Origination,
    /// # ) -> genesis_channel::Result<()> {
    /// if calling.answered().await.is_err() {
    ///     for (uuid, cause) in calling.causes() {
    ///         println!("{uuid}: {cause:?}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn causes(&self) -> Vec<(String, Option<HangupCause>)> {
        let ended = self.legs.all().into_iter().filter_map(|leg| {
            let ended = leg.with(|state| state.ended.clone())?;
            Some((leg.uuid.clone(), ended.cause))
        });
        ended.collect()
    }

    /// Waits until the switch has accepted the command.
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, OriginateOptions};
    /// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
    /// let options = OriginateOptions::new();
    /// let mut calling = Channel::originate_prepare(&client, "user/1000", options).await?.start();
    /// calling.accepted().await?;
    /// println!("the switch makes the call");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The switch refused the command; the connection was lost, with whether it had been sent. Told
    /// once; after that [`answered`](Self::answered) gives an error.
    ///
    /// # Cancel safety
    ///
    /// Safe: it may be called again.
    pub async fn accepted(&mut self) -> Result<()> {
        let Some(accepted) = &mut self.accepted else {
            return Ok(());
        };
        let result = accepted.await;
        self.accepted = None;
        // without an answer the task ended with its runtime
        let result = result.unwrap_or_else(|_| Err(gone()));
        if let Err(error) = &result {
            self.observe_end(&Err(error.clone()));
        }
        result
    }

    /// Waits until a leg is answered (or has early media, if that counts) and gives its channel.
    ///
    /// A link that is lost and made again does not end the wait: what the switch then shows of the
    /// legs counts.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(
    /// #     calling: genesis_channel::Origination,
    /// #     caller: genesis_channel::Channel,
    /// # ) -> genesis_channel::Result<()> {
    /// # let mut calling = calling;
    /// let agent = calling.answered().await?;
    /// caller.bridge(&agent).await?.connected(Duration::from_secs(5)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Channel::originate`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it may be called again. Once it has given a channel or an error, it gives an error.
    pub async fn answered(&mut self) -> Result<Channel> {
        self.accepted().await?;
        let Some(outcome) = &mut self.outcome else {
            return Err(Error::invalid(
                "what became of this call has been told already",
            ));
        };
        let result = outcome.await;
        self.outcome = None;
        let answered = match result {
            Ok(result) => result.map(Won::take),
            Err(_) => Err(gone()),
        };
        self.observe_end(&answered);
        answered
    }

    fn observe_end(&mut self, answered: &Result<Channel>) {
        let Some(observed) = self.observed.take() else {
            return;
        };
        if !self.is_named && observed.is_recording() {
            let uuid = match answered {
                Ok(channel) => Some(channel.uuid().to_owned()),
                Err(_) => self.uuids().into_iter().next(),
            };
            observed.text("channel.uuid", &uuid.unwrap_or_default());
        }
        ended(observed, answered);
    }

    /// Cancels the call with this cause (`None`: that of the options) and waits until nothing of it
    /// is left.
    ///
    /// ```no_run
    /// # use genesis_proto::HangupCause;
    /// # async fn example(
    /// #     calling: genesis_channel::Origination,
    /// #     caller: genesis_channel::Channel,
    /// # ) -> genesis_channel::Result<()> {
    /// caller.ended_with().await?; // nobody waits for the agent any more
    /// calling.cancel(Some(HangupCause::OriginatorCancel)).await?;
    /// println!("no telephone rings any more");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`gone`](Self::gone).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the cancelling back.
    pub async fn cancel(mut self, cause: Option<HangupCause>) -> Result<()> {
        let outcome = self.outcome.take();
        let cause = cause.unwrap_or_else(|| self.cancel_cause.clone());
        self.cancel.send_replace(Some(cause.clone()));
        if let Some(outcome) = outcome {
            match outcome.await {
                // answered in the same moment
                Ok(Ok(won)) => won.hang_up(cause).await,
                Ok(Err(error)) if error.is_disconnected() => return Err(error),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        self.gone().await
    }

    /// Waits until nothing is left of a call that was not answered; at once after a channel was given.
    /// For after [`answered`](Self::answered) gave an error: it waits at most 2 s for this by itself,
    /// and the rest is done in the background.
    ///
    /// It ends by itself at most 15 s later than the call could ring, or after 90 s if that is more.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     mut calling: genesis_channel::Origination,
    /// # ) -> genesis_channel::Result<()> {
    /// if let Err(error) = calling.answered().await {
    ///     calling.gone().await?; // the telephone is free for the next attempt
    ///     println!("{error}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When some of it could not be hung up, because the connection was lost for good or the switch
    /// did not answer in that time, with the legs that [may still ring](Error::may_still_ring).
    ///
    /// # Cancel safety
    ///
    /// Safe: it may be called again.
    pub async fn gone(&mut self) -> Result<()> {
        while self.over.changed().await.is_ok() {}
        let left = self.over.borrow().clone();
        match left.is_empty() {
            true => Ok(()),
            false => Err(Error::not_hung_up(left)),
        }
    }
}

/// The leg that has come farthest.
fn progress_of(legs: &[Arc<Tracked>]) -> Progress {
    let legs = legs.iter().map(|leg| {
        leg.with(|state| {
            let early = state.answer_state == Some(AnswerState::Early);
            match &state.call_state {
                _ if state.ended.is_some() => Progress::Ended,
                _ if !state.was_created() => Progress::Dialing,
                _ if state.is_answered() => Progress::Answered,
                Some(CallState::Early) => Progress::EarlyMedia,
                _ if early => Progress::EarlyMedia,
                Some(CallState::Ringing) => Progress::Ringing,
                _ => Progress::Calling,
            }
        })
    });
    let mut legs: Vec<Progress> = legs.collect();
    let any_ended = legs.contains(&Progress::Ended);
    legs.retain(|progress| *progress != Progress::Ended);
    match legs.into_iter().max() {
        Some(Progress::Dialing) | None if any_ended => Progress::Ended,
        Some(progress) => progress,
        None => Progress::Dialing,
    }
}

impl fmt::Debug for Origination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origination")
            .field("legs", &self.uuids())
            .field("progress", &self.progress())
            .finish()
    }
}
