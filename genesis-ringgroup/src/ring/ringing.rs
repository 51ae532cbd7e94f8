//! [`Ringing`]: a ring under way, and [`Ring`]: how it ended.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use genesis_channel::{Channel, HangupGuard};
use tokio::sync::{mpsc, oneshot, watch};

use super::outcome::{GIVEN_UP, Outcome, Report};
use crate::{Error, ErrorKind, Result};

/// The legs that could not be hung up.
pub(super) type Gone = Vec<String>;

/// Something that a destination did.
///
/// ```
/// use genesis_ringgroup::{RingEvent, RingGroup};
///
/// fn show(group: &RingGroup, event: &RingEvent) {
///     let who = group.destinations()[event.destination].dial_string();
///     println!("{:.1} s {who}: {}", event.at.as_secs_f64(), event.what); // 3.2 s user/1000: ringing
/// }
/// # let _ = show;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingEvent {
    /// Its place in the list of the group, from 0.
    pub destination: usize,
    /// When, counted from the start of the ring.
    pub at: Duration,
    /// What it did.
    pub what: RingStep,
}

/// What a destination did.
///
/// ```
/// use genesis_ringgroup::{Outcome, RingStep};
///
/// fn lamp(step: &RingStep) -> &'static str {
///     match step {
///         RingStep::Dialing { .. } => "off",
///         RingStep::Ended(Outcome::Answered) => "green",
///         RingStep::Ended(_) => "red",
///         _ => "blinking",
///     }
/// }
/// # assert_eq!(lamp(&RingStep::Ringing), "blinking");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingStep {
    /// The switch has taken the call.
    Dialing {
        /// The Unique-ID of its first leg.
        uuid: String,
    },
    /// It rings.
    Ringing,
    /// It sends early media, for instance an announcement. That is no answer.
    EarlyMedia,
    /// It is over for this destination, or it has won.
    Ended(Outcome),
}

impl fmt::Display for RingStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dialing { .. } => f.write_str("dialing"),
            Self::Ringing => f.write_str("ringing"),
            Self::EarlyMedia => f.write_str("early media"),
            Self::Ended(outcome) => outcome.fmt(f),
        }
    }
}

/// What the task tells at the end. Dropped before it was taken, it hangs up.
pub(super) struct Decided {
    pub(super) answer: Option<(usize, HangupGuard)>,
    pub(super) reports: Vec<Report>,
    pub(super) duration: Duration,
    pub(super) caller_hung_up: bool,
}

/// A ring under way; made by [`RingGroup::start`](super::RingGroup::start).
///
/// It goes on in a task of its own, whether its events are read or not. They are also a
/// [`Stream`]. Awaiting it gives the result. Dropping it gives the ring up: everything is hung up in
/// the background, also a destination that has answered in the meantime.
///
/// At most four events per destination wait to be read, so they need no bound of their own.
///
/// ```no_run
/// # use genesis_ringgroup::RingGroup;
/// # async fn example(group: RingGroup, client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
/// let mut ringing = group.start(&client)?;
/// while let Some(event) = ringing.next_event().await {
///     println!("{:>6.1?} {}: {}", event.at, group.destinations()[event.destination].dial_string(), event.what);
/// }
/// let ring = ringing.await?;
/// # let _ = ring;
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it gives the ring up"]
pub struct Ringing {
    pub(super) events: Option<mpsc::UnboundedReceiver<RingEvent>>,
    pub(super) decided: oneshot::Receiver<Result<Decided>>,
    /// Dropping it gives the ring up.
    pub(super) given_up: Option<oneshot::Sender<()>>,
    pub(super) gone: watch::Receiver<Option<Gone>>,
}

impl Ringing {
    /// The next event; `None` when the ring is decided.
    ///
    /// ```no_run
    /// # async fn example(client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::{RingGroup, RingStep};
    /// let mut ringing = RingGroup::new(["user/1000", "user/1001"]).start(&client)?;
    /// while let Some(event) = ringing.next_event().await {
    ///     if let RingStep::Dialing { uuid } = event.what {
    ///         println!("leg {uuid} was placed after {:?}", event.at);
    ///     }
    /// }
    /// # let _ = ringing.await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe: no event is lost.
    pub async fn next_event(&mut self) -> Option<RingEvent> {
        match &mut self.events {
            Some(events) => events.recv().await,
            None => None,
        }
    }

    /// Waits for the result; the same as awaiting it.
    ///
    /// ```no_run
    /// # async fn example(client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::RingGroup;
    /// let night_desk = RingGroup::new(["user/1900"]);
    /// let ring = night_desk.start(&client)?.result().await?;
    /// println!("decided after {:?}: {ring}", ring.duration());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`RingGroup::ring`](super::RingGroup::ring).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the ring up.
    pub async fn result(mut self) -> Result<Ring> {
        match (&mut self.decided).await {
            Ok(decided) => decided.map(|decided| Ring::new(decided, self.gone.clone())),
            Err(_) => Err(ended()),
        }
    }

    /// Gives the ring up and waits until nothing of it is left. Everybody is hung up with
    /// ORIGINATOR_CANCEL, a destination that has answered in the meantime too.
    ///
    /// ```no_run
    /// # async fn example(client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::RingGroup;
    /// let ringing = RingGroup::new(["user/1000", "user/1001"]).start(&client)?;
    /// operator_pressed_stop().await;
    /// ringing.cancel().await?; // nobody rings any more; who has just answered is hung up
    /// # Ok(()) }
    /// # async fn operator_pressed_stop() {}
    /// ```
    ///
    /// # Errors
    ///
    /// When the connection was lost for good before that, with the legs that
    /// [may still ring](Error::may_still_ring).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the giving up back.
    pub async fn cancel(mut self) -> Result<()> {
        self.given_up = None;
        let mut left = Vec::new();
        if let Ok(Ok(decided)) = (&mut self.decided).await
            && let Some((_, channel)) = decided.answer
        {
            left = hang_up(channel).await;
        }
        gone(&mut self.gone, left).await
    }
}

/// Hangs a channel up, over the next link if need be. Dropped on the way, it is still hung up.
async fn hang_up(channel: HangupGuard) -> Gone {
    while channel.client().ready().await.is_ok() {
        match channel.hangup(GIVEN_UP).await {
            Err(error) if error.is_disconnected() || error.is_timeout() => {}
            done => {
                if let Err(error) = done {
                    let uuid = channel.uuid();
                    tracing::error!(%error, uuid, "a call that nobody wants cannot be hung up");
                }
                drop(channel.keep());
                return Vec::new();
            }
        }
    }
    vec![channel.uuid().to_owned()]
}

/// Waits until the losers are gone; `left` are others that are left.
async fn gone(gone: &mut watch::Receiver<Option<Gone>>, mut left: Gone) -> Result<()> {
    if let Ok(others) = gone.wait_for(Option::is_some).await {
        left.extend(others.iter().flatten().cloned());
    }
    if left.is_empty() {
        return Ok(());
    }
    let error = Error::new(
        ErrorKind::Disconnected,
        "the connection to the switch was lost for good before everybody was hung up",
    );
    Err(error.with_may_still_ring(left))
}

fn ended() -> Error {
    Error::new(
        ErrorKind::Disconnected,
        "the runtime that the ring was started in has ended, and the ring with it",
    )
}

impl Stream for Ringing {
    type Item = RingEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<RingEvent>> {
        match &mut self.events {
            Some(events) => events.poll_recv(cx),
            None => Poll::Ready(None),
        }
    }
}

impl IntoFuture for Ringing {
    type Output = Result<Ring>;
    type IntoFuture = BoxFuture<'static, Result<Ring>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.result())
    }
}

impl fmt::Debug for Ringing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ringing").finish_non_exhaustive()
    }
}

/// How a ring ended: who answered, and what became of every destination.
///
/// Dropping it leaves the answered call alone.
///
/// ```no_run
/// # async fn example(client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
/// # use genesis_ringgroup::RingGroup;
/// let ring = RingGroup::new(["user/1000", "user/1001"]).ring(&client).await?;
/// if !ring.is_answered() {
///     println!("{ring}"); // nobody answered: user/1000 busy (USER_BUSY), user/1001 did not answer in time
/// }
/// # Ok(()) }
/// ```
#[must_use = "the channel that answered is in it"]
pub struct Ring {
    answer: Option<(usize, Channel)>,
    reports: Vec<Report>,
    duration: Duration,
    caller_hung_up: bool,
    gone: watch::Receiver<Option<Gone>>,
}

impl Ring {
    fn new(decided: Decided, gone: watch::Receiver<Option<Gone>>) -> Self {
        let Decided {
            answer,
            reports,
            duration,
            caller_hung_up,
        } = decided;
        Self {
            answer: answer.map(|(index, guard)| (index, guard.keep())),
            reports,
            duration,
            caller_hung_up,
            gone,
        }
    }

    /// Somebody answered.
    ///
    /// ```no_run
    /// # async fn example(group: genesis_ringgroup::RingGroup, client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
    /// let mut ring = group.ring(&client).await?;
    /// if !ring.is_answered() {
    ///     ring = group.ring(&client).await?; // once more to all of them
    /// }
    /// # let _ = ring;
    /// # Ok(()) }
    /// ```
    pub fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    /// The channel that answered.
    ///
    /// ```no_run
    /// # async fn example(ring: genesis_ringgroup::Ring) -> genesis_ringgroup::Result<()> {
    /// if let Some(agent) = ring.channel() {
    ///     agent.set_variable("queue_name", "support").await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub fn channel(&self) -> Option<&Channel> {
        self.answer.as_ref().map(|(_, channel)| channel)
    }

    /// The channel that answered.
    ///
    /// ```
    /// use genesis_ringgroup::{Ring, channel::Channel};
    ///
    /// fn winner(ring: Ring) -> Result<Channel, String> {
    ///     let what_became_of_all = ring.to_string();
    ///     ring.into_channel().ok_or(what_became_of_all)
    /// }
    /// # let _ = winner;
    /// ```
    pub fn into_channel(self) -> Option<Channel> {
        self.answer.map(|(_, channel)| channel)
    }

    /// The caller, for whom it rang, hung up before anybody answered
    /// ([`RingGroup::ring_for`](super::RingGroup::ring_for)).
    ///
    /// ```no_run
    /// # async fn example(caller: genesis_ringgroup::channel::Channel) -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::RingGroup;
    /// let ring = RingGroup::new(["user/1000", "user/1001"]).ring_for(&caller).await?;
    /// if ring.caller_hung_up() {
    ///     println!("abandoned after {:?}", ring.duration());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn caller_hung_up(&self) -> bool {
        self.caller_hung_up
    }

    /// The destination that answered.
    ///
    /// ```no_run
    /// # fn example(ring: &genesis_ringgroup::Ring) {
    /// if let Some(report) = ring.answered_by() {
    ///     println!("{} picked up on leg {:?}", report.dial_path, report.uuid());
    /// }
    /// # }
    /// ```
    pub fn answered_by(&self) -> Option<&Report> {
        self.answer
            .as_ref()
            .and_then(|(index, _)| self.reports.get(*index))
    }

    /// What became of each destination, in the order of the group's list.
    ///
    /// ```
    /// use genesis_ringgroup::{Outcome, Ring};
    ///
    /// fn missed_calls(ring: &Ring) -> impl Iterator<Item = &str> {
    ///     let missed = |outcome: &Outcome| matches!(outcome, Outcome::TimedOut | Outcome::Cancelled);
    ///     let missed = ring.destinations().iter().filter(move |report| missed(&report.outcome));
    ///     missed.map(|report| &*report.dial_path)
    /// }
    /// # let _ = missed_calls;
    /// ```
    pub fn destinations(&self) -> &[Report] {
        &self.reports
    }

    /// How long it rang, until it was decided.
    ///
    /// ```
    /// use std::time::Duration;
    /// use genesis_ringgroup::Ring;
    ///
    /// fn within_service_level(ring: &Ring) -> bool {
    ///     ring.is_answered() && ring.duration() <= Duration::from_secs(20)
    /// }
    /// # let _ = within_service_level;
    /// ```
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Waits until those who did not win are gone. They are hung up in any case; the result of a ring
    /// does not wait for it.
    ///
    /// ```no_run
    /// # async fn example(client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::RingGroup;
    /// let mut ring = RingGroup::new(["user/1000", "user/1001", "user/1002"]).ring(&client).await?;
    /// ring.losers_gone().await?; // from here on only the answered call is on the switch
    /// println!("{:?} is the only call of it that the switch has", ring.channel());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the connection was lost for good before that, with the legs that
    /// [may still ring](Error::may_still_ring).
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn losers_gone(&mut self) -> Result<()> {
        gone(&mut self.gone, Vec::new()).await
    }
}

/// One line: who answered, or what became of each.
impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(report) = self.answered_by() {
            let after = self.duration.as_secs_f64();
            return write!(f, "{} answered after {after:.1} s", report.dial_path);
        }
        f.write_str(match self.caller_hung_up {
            true => "the caller hung up",
            false => "nobody answered",
        })?;
        let shown = 10;
        for (place, report) in self.reports.iter().take(shown).enumerate() {
            let before = if place == 0 { ": " } else { ", " };
            write!(f, "{before}{} {}", report.dial_path, report.outcome)?;
        }
        match self.reports.len().saturating_sub(shown) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("channel", &self.channel())
            .field("destinations", &self.reports)
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}
