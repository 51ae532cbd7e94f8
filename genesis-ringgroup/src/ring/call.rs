//! One destination being called.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use genesis_channel::{Channel, ErrorKind, OriginateOptions, Origination, Pace, Progress};
use genesis_client::proto::HangupCause;
use genesis_client::proto::dial::DialString;
use genesis_client::proto::session::Outcome as Sent;
use genesis_client::{Client, LinkState};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::outcome::{Outcome, Report};
use super::ringing::{RingEvent, RingStep};
use crate::balance::Load;

/// The switch is told to ring this much longer than the ring lasts, so that it is we who hang up. If this process dies, the switch still ends the call.
const MARGIN: Duration = Duration::from_secs(2);

/// A destination, ready to be called.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) dial: DialString,
    pub(super) options: OriginateOptions,
    pub(super) delay: Duration,
    pub(super) timeout: Option<Duration>,
    /// How many legs it has, for the pace.
    pub(super) legs: usize,
}

/// Why a ring ended, for those who were still being called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Won,
    TimedOut,
    GivenUp,
}

impl Stop {
    /// What became of somebody who rang just then.
    fn outcome(self) -> Outcome {
        match self {
            Self::Won => Outcome::Lost,
            Self::TimedOut => Outcome::TimedOut,
            Self::GivenUp => Outcome::Cancelled,
        }
    }
}

/// What all calls of a ring share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) began: Instant,
    pub(super) deadline: Instant,
    pub(super) pace: Pace,
    pub(super) loser_cause: HangupCause,
    pub(super) stop: watch::Receiver<Option<Stop>>,
    pub(super) events: Option<mpsc::UnboundedSender<RingEvent>>,
}

impl Shared {
    pub(super) fn tell(&self, destination: usize, what: RingStep) {
        if let Some(events) = &self.events {
            let at = self.began.elapsed();
            let _ = events.send(RingEvent {
                destination,
                at,
                what,
            });
        }
    }
}

/// In which the calls of a ring stand: each is sent after the one that had its turn before it.
#[derive(Clone, Default)]
pub(super) struct Line {
    /// Whom the next one stands behind.
    last: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

/// A call's place in the line.
struct Place {
    /// Ends when the one before it was sent, or never will be.
    before: Option<oneshot::Receiver<()>>,
    /// Dropped, it lets the next one go.
    after: Option<oneshot::Sender<()>>,
}

impl Line {
    fn stand(&self) -> Place {
        let (after, last) = oneshot::channel();
        let mut slot = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        Place {
            before: slot.replace(last),
            after: Some(after),
        }
    }
}

impl Place {
    /// Waits until those before it are gone.
    async fn first(&mut self) {
        if let Some(before) = &mut self.before {
            let _ = before.await;
        }
        self.before = None;
    }

    /// Lets the next one go, once the task that sends this one has run: it was spawned last, and of
    /// several that were spawned tokio runs the last one first.
    async fn leave(&mut self) {
        if self.after.is_some() {
            tokio::task::yield_now().await;
            self.after = None;
        }
    }
}

/// How a call ended.
pub(super) enum End {
    Answered(Channel),
    /// Nothing is left of it.
    Over(Outcome),
    /// It is to be hung up.
    HangUp(Outcome, Origination),
    /// The connection was lost for good.
    Broken(genesis_channel::Error),
}

/// A call that ended.
pub(super) struct Called {
    pub(super) report: Report,
    pub(super) load: Option<Load>,
    pub(super) end: End,
}

/// Hangs up what there is of a call, and gives the legs that could not be.
pub(super) async fn hang_up(call: Origination, cause: HangupCause) -> Vec<String> {
    let cancelled = call.cancel(Some(cause)).await;
    cancelled.map_or_else(|error| error.may_still_ring().to_vec(), |()| Vec::new())
}

/// Calls one destination until it answers, fails, its time is up, or the ring ends. Without
/// `not_before` it has no turn in this ring.
pub(super) async fn call(
    index: usize,
    plan: Arc<Plan>,
    not_before: Option<Instant>,
    load: Option<Load>,
    line: Line,
    shared: Shared,
) -> Called {
    let mut report = Report::not_tried(index, &plan.name);
    report.local_fallback = load.as_ref().is_some_and(Load::is_local_fallback);
    let end = run(&mut report, &plan, not_before, line, shared).await;
    Called { report, load, end }
}

async fn run(
    report: &mut Report,
    plan: &Plan,
    not_before: Option<Instant>,
    line: Line,
    mut shared: Shared,
) -> End {
    // a ring in which all others have failed does not wait for it
    let Some(not_before) = not_before else {
        return End::Over(Outcome::NotTried);
    };
    let client = shared.client.clone();
    let mut stop = shared.stop.clone();
    let turn = async {
        tokio::time::sleep_until(not_before).await;
        client.ready().await?;
        shared.pace.wait(&client, plan.legs).await;
        Ok::<_, genesis_client::Error>(line.stand())
    };
    let begun = async {
        tokio::select! {
            biased;
            _ = stopped(&mut stop) => Err(End::Over(Outcome::NotTried)),
            ready = turn => ready.map_err(|error| End::Broken(error.into())),
        }
    };
    // not within the task's budget: of hundreds in one task, who runs out of it would join the line
    // for the pace behind those who come after him
    let place = match tokio::task::unconstrained(begun).await {
        Ok(place) => place,
        Err(end) => return end,
    };
    let end = match start(report, plan, place, &mut shared).await {
        Ok(origination) => answered(report, plan, &mut shared, origination).await,
        Err(end) => end,
    };
    if let Some(after) = report.called_after {
        report.duration = shared.began.elapsed().saturating_sub(after);
    }
    end
}

/// Waits until the ring has ended.
async fn stopped(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    let stop = stop.wait_for(Option::is_some).await;
    stop.ok().and_then(|stop| *stop).unwrap_or(Stop::GivenUp)
}

/// Has the switch take the call. If the ring ends before the command left, it is not sent.
async fn start(
    report: &mut Report,
    plan: &Plan,
    mut place: Place,
    shared: &mut Shared,
) -> Result<Origination, End> {
    loop {
        let left = shared.deadline.saturating_duration_since(Instant::now());
        let time = plan.timeout.map_or(left, |own| own.min(left));
        let options = plan.options.clone().timeout(time + MARGIN);
        let preparing = async {
            let dial = plan.dial.clone();
            let prepared = Channel::originate_prepare(&shared.client, dial, options).await;
            place.first().await;
            prepared
        };
        let prepared = tokio::select! {
            biased;
            _ = stopped(&mut shared.stop) => return Err(End::Over(Outcome::NotTried)),
            prepared = preparing => prepared,
        };
        let error = match prepared {
            Ok(prepared) => {
                report.called_after = Some(shared.began.elapsed());
                let mut origination = prepared.start();
                place.leave().await;
                tokio::select! {
                    biased;
                    stop = stopped(&mut shared.stop) => {
                        report.uuids = origination.uuids();
                        return Err(End::HangUp(stop.outcome(), origination));
                    }
                    accepted = origination.accepted() => match accepted {
                        Ok(()) => return Ok(origination),
                        Err(error) => error,
                    },
                }
            }
            Err(error) => error,
        };
        if *error.kind() != ErrorKind::Disconnected(Sent::NotSent) {
            return Err(failed(error, &shared.client));
        }
        // it was not sent, so the next link may have it
        report.called_after = None;
        tokio::select! {
            biased;
            _ = stopped(&mut shared.stop) => return Err(End::Over(Outcome::NotTried)),
            ready = shared.client.ready() => if ready.is_err() {
                return Err(End::Broken(error));
            },
        }
    }
}

/// Waits for the answer.
async fn answered(
    report: &mut Report,
    plan: &Plan,
    shared: &mut Shared,
    mut origination: Origination,
) -> End {
    report.uuids = origination.uuids();
    let uuid = report.uuids.first().cloned().unwrap_or_default();
    shared.tell(report.index, RingStep::Dialing { uuid });
    let until = plan.timeout.and_then(|own| Instant::now().checked_add(own));
    let watched = shared.events.is_some();
    let mut progress = Progress::Dialing;
    let mut farthest = Progress::Dialing;
    let answered = loop {
        let changed = origination.progress_changed(progress);
        let changed = async {
            match watched {
                true => changed.await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            stop = stopped(&mut shared.stop) => {
                return End::HangUp(stop.outcome(), origination);
            }
            answered = origination.answered() => break answered,
            () = sleep_until(until) => {
                return End::HangUp(Outcome::TimedOut, origination);
            }
            now = changed => {
                progress = now;
                // a failover may begin again; what was told once is not told again
                if progress > farthest {
                    farthest = progress;
                    match progress {
                        Progress::Ringing => shared.tell(report.index, RingStep::Ringing),
                        Progress::EarlyMedia => shared.tell(report.index, RingStep::EarlyMedia),
                        _ => {}
                    }
                }
            }
        }
    };
    match answered {
        Ok(channel) => {
            report.uuids = vec![channel.uuid().to_owned()];
            match channel.is_over() {
                true => End::Over(Outcome::HungUp(channel.hangup_cause())),
                false => End::Answered(channel),
            }
        }
        Err(error) => failed(error, &shared.client),
    }
}

fn failed(error: genesis_channel::Error, client: &Client) -> End {
    if let ErrorKind::NotAnswered(cause) = error.kind() {
        return End::Over(Outcome::Failed(cause.clone()));
    }
    let lost = !error.may_still_ring().is_empty() || matches!(client.state(), LinkState::Closed(_));
    match error.is_disconnected() && lost {
        true => End::Broken(error),
        false => End::Over(Outcome::Error(error.to_string())),
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
