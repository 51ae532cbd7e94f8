//! The task that makes one call.

use std::sync::Arc;
use std::time::Duration;

use genesis_client::{Client, JobResult, KeepOpen};
use genesis_proto::HangupCause;
use genesis_proto::session::Outcome;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::legs::{Found, Legs, join, next_found};
use super::reaper::{Guard, Reaper, sleep_until};
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::follow::{Following, Tracked};

/// How much longer than the ringing a job may take before it is given up.
pub(super) const MARGIN: Duration = Duration::from_secs(15);

/// How long a failure is kept back at most while what is left of the call is hung up.
const HUNG_UP_WITHIN: Duration = Duration::from_secs(2);

/// One leg of the dial string.
pub(super) struct Leg {
    following: Following,
    path: String,
}

impl Leg {
    pub(super) fn new(following: Following, path: String) -> Self {
        Self { following, path }
    }

    pub(super) fn tracked(&self) -> &Arc<Tracked> {
        &self.following.tracked
    }

    fn uuid(&self) -> &str {
        &self.tracked().uuid
    }

    /// It exists, as far as is known.
    fn is_up(&self) -> bool {
        self.tracked()
            .with(|state| state.was_created() && state.ended.is_none())
    }
}

/// A call that succeeded. Dropped before it was taken, it hangs up.
pub(super) struct Won {
    channel: Channel,
    guard: Guard,
}

impl Won {
    pub(super) fn take(self) -> Channel {
        self.guard.disarm();
        self.channel
    }

    pub(super) async fn hang_up(self, cause: HangupCause) {
        self.guard.hang_up(cause).await;
    }
}

/// The task that makes one call.
pub(super) struct Attempt {
    pub(super) client: Client,
    pub(super) legs: Vec<Leg>,
    /// The same legs, as the handle sees them.
    pub(super) known: Legs,
    /// Finds those that come unforeseen.
    pub(super) found: Option<Found>,
    pub(super) destination: String,
    /// How long it may ring, all attempts of the dial string together.
    pub(super) ring_time: Duration,
    /// Set, or its sender dropped, when nobody wants the call any more.
    pub(super) cancel: watch::Receiver<Option<HangupCause>>,
    pub(super) cancel_cause: HangupCause,
    pub(super) outcome: Option<oneshot::Sender<Result<Won>>>,
    /// The legs that may be left. Dropped when nothing is left to do.
    pub(super) left: watch::Sender<Vec<String>>,
    /// The same, for the connection of a call whose handler has returned.
    pub(super) _open: KeepOpen,
}

/// What a wait of the attempt ended by.
enum Step<T> {
    Ready(T),
    Cancelled(HangupCause),
    TooLong,
}

impl Attempt {
    pub(super) async fn run(self, command: String, accepted: oneshot::Sender<Result<()>>) {
        let until = later(self.ring_time);
        let client = self.client.timeout(self.ring_time.saturating_add(MARGIN));
        if self.cancelled_already() {
            return;
        }
        // not given up when cancelled: whether it left could not be told then
        match client.bgapi_start(&command).await {
            Ok(job) => {
                // whoever waited for this is gone if it fails, and then the call is cancelled
                let _ = accepted.send(Ok(()));
                let result = Box::pin(job.result());
                self.with_job(result, until).await;
            }
            Err(error) if error.is_not_sent() || error.is_refused() => {
                let _ = accepted.send(Err(error.into()));
            }
            // it may have been accepted, it may not
            Err(_) => {
                let _ = accepted.send(Ok(()));
                self.without_job(until).await;
            }
        }
    }

    fn cancelled_already(&self) -> bool {
        self.cancel.borrow().is_some() || self.cancel.has_changed().is_err()
    }

    /// Waits for `work`, the cancelling, or the end of the time. Legs join meanwhile.
    async fn step<T>(&mut self, until: Option<Instant>, work: impl Future<Output = T>) -> Step<T> {
        let mut work = std::pin::pin!(work);
        loop {
            let default = &self.cancel_cause;
            let cancel = &mut self.cancel;
            let cancelled = async {
                match cancel.wait_for(Option::is_some).await {
                    Ok(cause) => cause.clone().unwrap_or_else(|| default.clone()),
                    Err(_) => default.clone(),
                }
            };
            let uuid = tokio::select! {
                biased;
                done = &mut work => return Step::Ready(done),
                cause = cancelled => return Step::Cancelled(cause),
                uuid = next_found(&mut self.found) => uuid,
                () = sleep_until(until) => return Step::TooLong,
            };
            // one that ended before it could be followed is left out
            if let Ok(following) = join(&self.client, &uuid).await {
                self.known.push(following.tracked.clone());
                self.legs
                    .push(Leg::new(following, self.destination.clone()));
            }
        }
    }

    async fn with_job<J>(mut self, mut job: J, until: Option<Instant>)
    where
        J: Future<Output = genesis_client::Result<JobResult>> + Unpin,
    {
        match self.step(until, &mut job).await {
            Step::Ready(Ok(result)) => self.succeeded(&result.text()).await,
            Step::Ready(Err(error)) if error.is_refused() => {
                let error = self.refused(error);
                self.finish(Err(error));
            }
            Step::Ready(Err(error)) if error.is_disconnected() => self.without_job(until).await,
            Step::Ready(Err(error)) => {
                let cause = self.cancel_cause.clone();
                self.reap(cause, None::<J>, Some(error.into())).await;
            }
            Step::Cancelled(cause) => self.reap(cause, Some(job), None).await,
            Step::TooLong => {
                let error = Error::not_answered(&self.destination, HangupCause::NoAnswer);
                self.reap(HangupCause::NoAnswer, Some(job), Some(error))
                    .await;
            }
        }
    }

    /// The result of the job will not come: what the switch shows of the legs counts.
    async fn without_job(mut self, until: Option<Instant>) {
        loop {
            let client = self.client.clone();
            match self.step(until, client.ready()).await {
                Step::Ready(Ok(())) => {}
                Step::Ready(Err(error)) => {
                    let legs = self
                        .legs
                        .iter()
                        .filter(|leg| leg.tracked().with(|state| state.ended.is_none()));
                    let uuids: Vec<String> = legs.map(|leg| leg.uuid().to_owned()).collect();
                    self.left.send_replace(uuids.clone());
                    let error = Error::disconnected(
                        Outcome::Unknown,
                        &format!(
                            "the connection was lost for good while {} was being called ({error})",
                            self.destination
                        ),
                    );
                    return self.finish(Err(error.with_may_still_ring(uuids)));
                }
                Step::Cancelled(cause) => return self.reap_blind(cause, None).await,
                Step::TooLong => return self.too_long().await,
            }
            let legs = self.known.all();
            let change = self.known.change();
            let up = self.client.state() == genesis_client::LinkState::Connected;
            if up && !legs.iter().any(|leg| leg.is_unsure()) {
                let answered =
                    |leg: &&Leg| leg.is_up() && leg.tracked().with(|state| state.is_answered());
                if let Some(leg) = self.legs.iter().find(answered) {
                    let uuid = leg.uuid().to_owned();
                    return self.succeeded(&format!("+OK {uuid}")).await;
                }
                if !self.legs.iter().any(Leg::is_up) {
                    return self.vanished().await;
                }
            }
            match self.step(until, change).await {
                Step::Ready(()) => {}
                Step::Cancelled(cause) => return self.reap_blind(cause, None).await,
                Step::TooLong => return self.too_long().await,
            }
        }
    }

    async fn too_long(self) {
        let error = Error::not_answered(&self.destination, HangupCause::NoAnswer);
        self.reap_blind(HangupCause::NoAnswer, Some(error)).await;
    }

    /// The link was away and the switch shows none of the legs.
    async fn vanished(mut self) {
        // the last one that was tried says most
        let mut causes = self.legs.iter().rev().filter_map(|leg| {
            leg.tracked()
                .with(|state| state.ended.as_ref().and_then(|ended| ended.cause.clone()))
        });
        let error = match causes.next() {
            Some(cause) => Error::not_answered(&self.destination, cause),
            None => Error::disconnected(
                Outcome::Unknown,
                &format!(
                    "the connection was away while {} was being called, and the switch has no \
                     such call now; why it ended is not known",
                    self.destination
                ),
            ),
        };
        // there is nothing to wait for
        self.finish(Err(error));
        let cause = self.cancel_cause.clone();
        self.reap_blind(cause, None).await;
    }

    /// The job said `+OK UUID`.
    async fn succeeded(mut self, text: &str) {
        let uuid = text
            .trim()
            .strip_prefix("+OK")
            .unwrap_or("")
            .trim()
            .to_owned();
        let at = self.legs.iter().position(|leg| leg.uuid() == uuid);
        let leg = match at {
            Some(at) => Ok(self.legs.swap_remove(at)),
            // an endpoint that calls others (user/, group/) may answer with a leg of its own
            None => self.adopt(&uuid).await,
        };
        match leg {
            Ok(leg) => {
                let guard = Guard::new(
                    self.client.clone(),
                    leg.uuid().to_owned(),
                    self.cancel_cause.clone(),
                );
                let channel = Channel::new(self.client.clone(), leg.following, Some(leg.path));
                self.finish(Ok(Won { channel, guard }));
            }
            Err(error) => {
                self.finish(Err(error));
                let cause = self.cancel_cause.clone();
                let guard = Guard::new(self.client.clone(), uuid, cause.clone());
                guard.hang_up(cause).await;
            }
        }
    }

    async fn adopt(&self, uuid: &str) -> Result<Leg> {
        let following = join(&self.client, uuid).await?;
        Ok(Leg::new(following, self.destination.clone()))
    }

    /// The job said `-ERR CAUSE`.
    fn refused(&self, error: genesis_client::Error) -> Error {
        let text = error.switch_text().unwrap_or("");
        let word = text.strip_prefix("-ERR").unwrap_or(text).trim();
        match HangupCause::from(word) {
            HangupCause::Other(_) => error.into(),
            cause => Error::not_answered(&self.destination, cause),
        }
    }

    /// Gives the outcome out. A success that nobody takes hangs up by its guard.
    fn finish(&mut self, result: Result<Won>) {
        if let Some(outcome) = self.outcome.take() {
            let _ = outcome.send(result);
        }
    }

    /// `failed` is told when nothing is left of the call, so that whoever hears of it can close the
    /// connection; or after a while, with what may be left.
    async fn reap<J>(self, cause: HangupCause, job: Option<J>, failed: Option<Error>)
    where
        J: Future<Output = genesis_client::Result<JobResult>> + Unpin,
    {
        let Self {
            client,
            legs,
            known,
            found,
            destination,
            ring_time,
            mut outcome,
            left,
            _open,
            ..
        } = self;
        let legs = legs.into_iter().map(|leg| leg.following).collect();
        let reaper = Reaper {
            client,
            legs,
            known,
            found,
            cause,
            destination,
            give_up: later(ring_time.saturating_add(MARGIN)),
            left: left.clone(),
        };
        let mut reaping = std::pin::pin!(reaper.run(job));
        if let Some(error) = failed {
            let done = tokio::time::timeout(HUNG_UP_WITHIN, &mut reaping).await;
            if let Some(outcome) = outcome.take() {
                let _ = outcome.send(Err(error.with_may_still_ring(left.borrow().clone())));
            }
            if done.is_ok() {
                return;
            }
        }
        reaping.await;
        let left = left.borrow().clone();
        if let (Some(outcome), false) = (outcome, left.is_empty()) {
            let _ = outcome.send(Err(Error::not_hung_up(left)));
        }
    }

    /// Reaps when no result of a job will come.
    async fn reap_blind(self, cause: HangupCause, failed: Option<Error>) {
        self.reap(cause, None::<std::future::Pending<_>>, failed)
            .await;
    }
}

fn later(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}
