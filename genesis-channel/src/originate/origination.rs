//! [`Origination`]: a call that is being made.

use std::fmt;
use std::sync::Arc;

use genesis_client::Client;
use genesis_proto::HangupCause;
use genesis_proto::dial::DialString;
use genesis_proto::name::{AnswerState, CallState};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::OriginateOptions;
use super::attempt::{Attempt, Leg, Won};
use super::legs::{Found, Legs, MARK, stands_for_others};
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::follow::{self, Tracked};

/// How far a call that is being made has come.
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
/// ring). [`cancel`](Self::cancel) waits for that.
#[must_use = "dropping it cancels the call"]
pub struct Origination {
    legs: Legs,
    cancel: watch::Sender<Option<HangupCause>>,
    cancel_cause: HangupCause,
    outcome: Option<oneshot::Receiver<Result<Won>>>,
    /// Ends when nothing is left of a call that was cancelled.
    over: watch::Receiver<()>,
}

impl Channel {
    /// Originates a call and waits until it is answered (or, with
    /// [`OriginateOptions::early_media`], has early media).
    ///
    /// The Unique-ID of each leg is chosen here and followed before the command leaves. The command
    /// is a `bgapi`: other commands and events flow on meanwhile. Of several legs (`a,b` or `a|b` or
    /// `a:_:b`) the channel is the one that answered; the switch ends the others.
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
    /// refused the command; the connection was lost for good, with the legs that
    /// [may still ring](Error::may_still_ring); a dial string or variable that cannot be sent.
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
        let dial = dial
            .try_into()
            .map_err(|error| Error::from(error).of_argument())?;
        if let Some(mode) = client.socket_mode()
            && !mode.is_full()
        {
            return Err(Error::mode("originate", "full"));
        }
        let Prepared {
            destination,
            command,
            planned,
            attempts,
            sessions,
            mark,
        } = prepare(dial, &options)?;
        let mut legs = Vec::with_capacity(planned.len());
        for (uuid, path) in planned {
            let following = follow::follow(client, &uuid).await?;
            legs.push(Leg::new(following, path));
        }
        let found = match mark {
            Some(mark) => Some(Found::by(client, &mark).await?),
            None => None,
        };
        options.pace.wait(client, sessions).await;

        let (cancel, cancelled) = watch::channel(None);
        let (outcome_sender, outcome) = oneshot::channel();
        let (over_sender, over) = watch::channel(());
        let (accepted_sender, accepted) = oneshot::channel();
        let known = Legs::new(legs.iter().map(|leg| leg.tracked().clone()).collect());
        // from here on whoever drops this cancels the call
        let origination = Origination {
            legs: known.clone(),
            cancel,
            cancel_cause: options.cancel_cause.clone(),
            outcome: Some(outcome),
            over,
        };
        let attempt = Attempt {
            client: client.clone(),
            legs,
            known,
            found,
            destination,
            ring_time: options.timeout.saturating_mul(attempts as u32),
            cancel: cancelled,
            cancel_cause: options.cancel_cause,
            outcome: Some(outcome_sender),
            _over: over_sender,
        };
        tokio::spawn(attempt.run(command, accepted_sender));
        match accepted.await {
            Ok(accepted) => accepted.map(|()| origination),
            // the task ended with its runtime
            Err(_) => Err(gone()),
        }
    }
}

impl OriginateOptions {
    /// Checks that a call with these options can be made to this dial string, without making it.
    ///
    /// # Errors
    ///
    /// The error that [`Channel::originate`] would end with before anything is sent.
    pub fn check(&self, dial: &DialString) -> Result<()> {
        prepare(dial.clone(), self).map(drop)
    }
}

/// A call that can be sent.
struct Prepared {
    destination: String,
    command: String,
    /// The UUID and the name of each leg that is known beforehand.
    planned: Vec<(String, String)>,
    attempts: usize,
    /// What it takes of the switch's sessions.
    sessions: usize,
    /// What the other legs are found by, if there may be others.
    mark: Option<String>,
}

fn prepare(dial: DialString, options: &OriginateOptions) -> Result<Prepared> {
    // what variables hold stays out of errors and logs
    let destination = dial.endpoints();
    let mut originate = options.build(dial)?;
    let plan = plan(originate.dial_string(), options)?;
    let mark = Uuid::new_v4().to_string();
    let mut planned = Vec::with_capacity(plan.len());
    let mut others = false;
    for (at, leg) in plan.into_iter().enumerate() {
        let dial = originate.dial_string_mut();
        match leg.uuid {
            Some(uuid) => {
                dial.set_leg_variable(at, "origination_uuid", &uuid)?;
                planned.push((uuid, leg.path));
            }
            None => {
                dial.set_leg_variable(at, MARK, &mark)?;
                others = true;
            }
        }
    }
    let legs = || originate.dial_string().legs();
    let attempts = legs().map(|leg| leg.attempt()).max().unwrap_or(0) + 1;
    // a loopback has two ends
    let loopback = |kind: &str| kind.eq_ignore_ascii_case("loopback");
    let sessions = legs().map(|leg| 1 + usize::from(loopback(leg.leg().endpoint().kind())));
    Ok(Prepared {
        destination,
        command: format!("originate {}", originate.to_args()?),
        planned,
        attempts,
        sessions: sessions.sum(),
        mark: others.then_some(mark),
    })
}

/// A leg as the dial string has it.
struct PlannedLeg {
    /// `None`: it may be several legs, which choose for themselves.
    uuid: Option<String>,
    path: String,
}

fn plan(dial: &DialString, options: &OriginateOptions) -> Result<Vec<PlannedLeg>> {
    let count = dial.leg_count();
    if options.uuid.is_some() && count > 1 {
        return Err(Error::invalid(
            "a Unique-ID was chosen for a dial string of several legs; write \
             [origination_uuid=…] before each leg instead",
        ));
    }
    let mut planned: Vec<PlannedLeg> = Vec::with_capacity(count);
    for view in dial.legs() {
        let endpoint = view.leg().endpoint();
        let given = view.variable("origination_uuid").map(str::to_owned);
        let chosen = || (!stands_for_others(endpoint)).then(|| Uuid::new_v4().to_string());
        let uuid = options.uuid.clone().or(given).or_else(chosen);
        if let Some(uuid) = &uuid
            && planned
                .iter()
                .any(|other| other.uuid.as_ref() == Some(uuid))
        {
            return Err(Error::invalid(format!(
                "two legs have the Unique-ID {uuid}; the second would fail: choose one for each"
            )));
        }
        let path = endpoint.as_str().to_owned();
        planned.push(PlannedLeg { uuid, path });
    }
    Ok(planned)
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
    pub fn uuids(&self) -> Vec<String> {
        let legs = self.legs.all();
        legs.iter().map(|leg| leg.uuid.clone()).collect()
    }

    /// How far the call has come: the leg that has come farthest.
    pub fn progress(&self) -> Progress {
        progress_of(&self.legs.all())
    }

    /// Waits until the call has come to something else than `from`, and says what it is. What comes
    /// and goes in between may be passed over. Waits for ever at the end of the call: race it with
    /// [`answered`](Self::answered), which is why it does not borrow.
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
    pub fn causes(&self) -> Vec<(String, Option<HangupCause>)> {
        let ended = self.legs.all().into_iter().filter_map(|leg| {
            let ended = leg.with(|state| state.ended.clone())?;
            Some((leg.uuid.clone(), ended.cause))
        });
        ended.collect()
    }

    /// Waits until a leg is answered (or has early media, if that counts) and gives its channel.
    ///
    /// A link that is lost and made again does not end the wait: what the switch then shows of the
    /// legs counts.
    ///
    /// # Errors
    ///
    /// As [`Channel::originate`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it may be called again. Once it has given a channel or an error, it gives an error.
    pub async fn answered(&mut self) -> Result<Channel> {
        let Some(outcome) = &mut self.outcome else {
            return Err(Error::invalid(
                "what became of this call has been told already",
            ));
        };
        let result = outcome.await;
        self.outcome = None;
        match result {
            Ok(result) => result.map(Won::take),
            Err(_) => Err(gone()),
        }
    }

    /// Cancels the call with this cause (`None`: that of the options) and waits until nothing of it
    /// is left.
    ///
    /// # Errors
    ///
    /// When the connection was lost for good before that, with the legs that
    /// [may still ring](Error::may_still_ring).
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
        let _ = self.over.changed().await;
        Ok(())
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
