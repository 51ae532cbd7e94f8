//! One destination being called.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use genesis_channel::{Channel, ErrorKind, OriginateOptions, Origination, Pace, Progress};
use genesis_client::proto::HangupCause;
use genesis_client::proto::dial::DialString;
use genesis_client::proto::session::Outcome as Sent;
use genesis_client::{Client, LinkState};
use tokio::sync::{mpsc, watch};
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

type Starting = Pin<Box<dyn Future<Output = genesis_channel::Result<Origination>> + Send>>;

/// What is left of a call that nobody wants any more.
pub(super) enum Left {
    /// The command may have been sent.
    Starting(Starting),
    Ringing(Origination),
}

impl Left {
    /// Hangs up what there is, and gives the legs that could not be.
    pub(super) async fn hang_up(self, cause: HangupCause) -> Vec<String> {
        let origination = match self {
            Self::Ringing(origination) => Ok(origination),
            Self::Starting(starting) => starting.await,
        };
        let cancelled = match origination {
            Ok(origination) => origination.cancel(Some(cause)).await,
            Err(error) => Err(error),
        };
        cancelled.map_or_else(|error| error.may_still_ring().to_vec(), |()| Vec::new())
    }
}

/// How a call ended.
pub(super) enum End {
    Answered(Channel),
    /// Nothing is left of it.
    Over(Outcome),
    /// It is to be hung up.
    HangUp(Outcome, Left),
    /// The connection was lost for good.
    Broken(genesis_channel::Error),
}

/// A call that ended.
pub(super) struct Called {
    pub(super) report: Report,
    pub(super) load: Option<Load>,
    pub(super) end: End,
}

/// Calls one destination until it answers, fails, its time is up, or the ring ends. Without
/// `not_before` it has no turn in this ring.
pub(super) async fn call(
    index: usize,
    plan: Arc<Plan>,
    not_before: Option<Instant>,
    load: Option<Load>,
    shared: Shared,
) -> Called {
    let mut report = Report::not_tried(index, &plan.name);
    report.local_fallback = load.as_ref().is_some_and(Load::is_local_fallback);
    let end = run(&mut report, &plan, not_before, shared).await;
    Called { report, load, end }
}

async fn run(
    report: &mut Report,
    plan: &Plan,
    not_before: Option<Instant>,
    mut shared: Shared,
) -> End {
    let client = shared.client.clone();
    let mut stop = shared.stop.clone();
    let turn = async {
        sleep_until(not_before).await;
        client.ready().await?;
        shared.pace.wait(&client, plan.legs).await;
        Ok::<_, genesis_client::Error>(())
    };
    tokio::select! {
        biased;
        _ = stopped(&mut stop) => return End::Over(Outcome::NotTried),
        ready = turn => if let Err(error) = ready {
            return End::Broken(error.into());
        },
    }
    let called = Instant::now();
    report.called_after = Some(called - shared.began);
    let end = match start(plan, &mut shared).await {
        Ok(origination) => answered(report, plan, &mut shared, origination).await,
        Err(end) => end,
    };
    report.duration = called.elapsed();
    end
}

/// Waits until the ring has ended.
async fn stopped(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    let stop = stop.wait_for(Option::is_some).await;
    stop.ok().and_then(|stop| *stop).unwrap_or(Stop::GivenUp)
}

/// Has the switch take the call.
async fn start(plan: &Plan, shared: &mut Shared) -> Result<Origination, End> {
    loop {
        let left = shared.deadline.saturating_duration_since(Instant::now());
        let time = plan.timeout.map_or(left, |own| own.min(left));
        let options = plan.options.clone().timeout(time + MARGIN);
        let (client, dial) = (shared.client.clone(), plan.dial.clone());
        let mut starting: Starting =
            Box::pin(async move { Channel::originate_start(&client, dial, options).await });
        let error = tokio::select! {
            biased;
            stop = stopped(&mut shared.stop) => {
                return Err(End::HangUp(stop.outcome(), Left::Starting(starting)));
            }
            started = &mut starting => match started {
                Ok(origination) => return Ok(origination),
                Err(error) => error,
            },
        };
        if *error.kind() != ErrorKind::Disconnected(Sent::NotSent) {
            return Err(failed(error, &shared.client));
        }
        // it was not sent, so the next link may have it
        tokio::select! {
            biased;
            stop = stopped(&mut shared.stop) => return Err(End::Over(stop.outcome())),
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
                return End::HangUp(stop.outcome(), Left::Ringing(origination));
            }
            answered = origination.answered() => break answered,
            () = sleep_until(until) => {
                return End::HangUp(Outcome::TimedOut, Left::Ringing(origination));
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
