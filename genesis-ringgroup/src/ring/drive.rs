//! The task that rings a group.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use genesis_channel::{Channel, HangupGuard};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::call::{Called, End, Line, Plan, Shared, Stop, call, hang_up};
use super::mode::Order;
use super::observed::Observed;
use super::outcome::{GIVEN_UP, Outcome, Report};
use super::ringing::{Decided, Gone, RingStep};
use crate::balance::Load;
use crate::{Error, ErrorKind, Result};

/// A ring under way.
pub(super) struct Driver {
    pub(super) shared: Shared,
    pub(super) plans: Vec<Arc<Plan>>,
    pub(super) order: Order,
    /// Whom it rings for, if the ring ends with that call.
    pub(super) caller: Option<Channel>,
    pub(super) stop: watch::Sender<Option<Stop>>,
    pub(super) observed: Observed,
}

/// Whom the ring tells of its end.
pub(super) struct Told {
    /// Set, or its sender dropped, when nobody wants the ring any more.
    pub(super) given_up: oneshot::Receiver<()>,
    pub(super) decided: oneshot::Sender<Result<Decided>>,
    /// Set when nothing is left of those who did not win.
    pub(super) gone: watch::Sender<Option<Gone>>,
}

/// How a ring ended.
enum Verdict {
    Won(Box<Winner>),
    /// All have failed.
    Nobody,
    TimedOut,
    GivenUp,
    CallerHungUp,
    /// The connection was lost for good, or whom to call could not be chosen.
    Failed(Error),
}

struct Winner {
    channel: Channel,
    index: usize,
    load: Option<Load>,
}

/// What there is of a ring.
struct State {
    reports: Vec<Report>,
    running: FuturesUnordered<BoxFuture<'static, Called>>,
    /// Hanging up those that nobody wants any more; gives the legs that could not be.
    leaving: JoinSet<Vec<String>>,
    may_still_ring: Vec<String>,
    /// How many have had their turn.
    turns: usize,
    /// Somebody had a turn before one who stands before them in the list.
    reordered: bool,
}

impl Driver {
    /// Rings until it is decided, tells the result, and goes on until the losers are gone.
    pub(super) async fn run(self, mut told: Told) {
        // whoever is not hung up when the connection closes rings on
        let _open = self.shared.client.keep_open();
        let mut state = State {
            reports: self.not_tried(),
            running: FuturesUnordered::new(),
            leaving: JoinSet::new(),
            may_still_ring: Vec::new(),
            turns: 0,
            reordered: false,
        };
        let Self {
            shared,
            plans,
            order,
            caller,
            stop,
            observed,
        } = self;
        let ringing = observed.around(ring(&shared, &plans, order, &mut state));
        let verdict = tokio::select! {
            biased;
            _ = &mut told.given_up => Verdict::GivenUp,
            () = hung_up(caller) => Verdict::CallerHungUp,
            verdict = ringing => verdict,
        };
        let duration = shared.began.elapsed();
        stop.send_replace(Some(match verdict {
            Verdict::Won(_) => Stop::Won,
            Verdict::TimedOut | Verdict::Nobody => Stop::TimedOut,
            Verdict::GivenUp | Verdict::CallerHungUp | Verdict::Failed(_) => Stop::GivenUp,
        }));
        // each of them ends at once by that
        while let Some(called) = state.running.next().await {
            state.settle(called, &shared);
        }
        // no more events
        drop(shared);
        let caller_hung_up = matches!(verdict, Verdict::CallerHungUp);
        let winner = match verdict {
            Verdict::Won(winner) => Some(*winner),
            Verdict::TimedOut | Verdict::Nobody | Verdict::CallerHungUp => None,
            Verdict::GivenUp => return state.finish(&told.gone).await,
            Verdict::Failed(error) => {
                let error = match error.is_disconnected() {
                    // those who were being hung up end at once, too
                    true => {
                        state.left().await;
                        error.with_may_still_ring(state.may_still_ring.clone())
                    }
                    false => error,
                };
                observed.end(duration, state.reordered).failed(&error);
                let _ = told.decided.send(Err(error));
                return state.finish(&told.gone).await;
            }
        };
        let observed = observed.end(duration, state.reordered);
        match &winner {
            Some(winner) => {
                let plan = plans.get(winner.index);
                let name = plan.map_or("", |plan| &plan.name);
                observed.answered(&winner.channel, name);
            }
            None => observed.nobody(),
        }
        let answer = winner.map(|winner| {
            if let Some(load) = winner.load {
                tokio::spawn(keep_until_the_end(load, winner.channel.clone()));
            }
            // taken off when somebody takes the channel
            let guard: HangupGuard = winner.channel.hangup_on_drop(GIVEN_UP);
            (winner.index, guard)
        });
        let decided = Decided {
            answer,
            reports: std::mem::take(&mut state.reports),
            duration,
            caller_hung_up,
        };
        let _ = told.decided.send(Ok(decided));
        state.finish(&told.gone).await;
    }

    fn not_tried(&self) -> Vec<Report> {
        let plans = self.plans.iter().enumerate();
        plans
            .map(|(index, plan)| Report::not_tried(index, &plan.name))
            .collect()
    }
}

async fn ring(
    shared: &Shared,
    plans: &[Arc<Plan>],
    mut order: Order,
    state: &mut State,
) -> Verdict {
    let mut deadline = std::pin::pin!(tokio::time::sleep_until(shared.deadline));
    let line = Line::default();
    loop {
        while !order.is_empty() && (state.running.is_empty() || !order.one_at_a_time()) {
            let next = tokio::select! {
                biased;
                next = order.next(shared.client.observe()) => next,
                () = &mut deadline => return Verdict::TimedOut,
            };
            let (index, load) = match next {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(error) => return Verdict::Failed(error),
            };
            let Some(plan) = plans.get(index) else { break };
            state.reordered |= index != state.turns;
            state.turns += 1;
            let from = match order.one_at_a_time() {
                true => Instant::now(),
                false => shared.began,
            };
            let not_before = from.checked_add(plan.delay);
            let not_before = not_before.filter(|at| *at < shared.deadline);
            let (plan, line) = (plan.clone(), line.clone());
            let calling = call(index, plan, not_before, load, line, shared.clone());
            state.running.push(Box::pin(calling));
        }
        tokio::select! {
            biased;
            called = state.running.next() => match called {
                Some(called) => {
                    if let Some(verdict) = state.settle(called, shared) {
                        return verdict;
                    }
                }
                None => return Verdict::Nobody,
            },
            () = &mut deadline => return Verdict::TimedOut,
        }
    }
}

impl State {
    /// Takes in how a call ended. Gives what that decides.
    fn settle(&mut self, called: Called, shared: &Shared) -> Option<Verdict> {
        let Called {
            mut report,
            load,
            end,
        } = called;
        let (outcome, verdict) = match end {
            End::Answered(channel) => {
                let index = report.index;
                let winner = Winner {
                    channel,
                    index,
                    load,
                };
                (Outcome::Answered, Some(Verdict::Won(Box::new(winner))))
            }
            End::Over(outcome) => (outcome, None),
            End::HangUp(outcome, call) => {
                let cause = outcome.hangup_cause(&shared.loser_cause);
                report.cause = Some(cause.clone());
                self.leaving.spawn(async move {
                    let legs = hang_up(call, cause).await;
                    match load {
                        // what cannot be given back now is given back later
                        Some(load) if legs.is_empty() => drop(load.release().await),
                        Some(load) => load.detach(),
                        None => {}
                    }
                    legs
                });
                (outcome, None)
            }
            End::Broken(error) => {
                if !error.may_still_ring().is_empty()
                    && let Some(load) = load
                {
                    load.detach();
                }
                self.may_still_ring
                    .extend(error.may_still_ring().iter().cloned());
                let reason = shared.client.close_reason();
                let reason = reason.map_or_else(|| error.to_string(), |reason| reason.to_string());
                let text = format!("the connection to the switch was lost for good: {reason}");
                let lost = Error::new(ErrorKind::Disconnected, text.clone()).with_source(error);
                (Outcome::Error(text), Some(Verdict::Failed(lost)))
            }
        };
        if outcome != Outcome::NotTried {
            shared.tell(report.index, RingStep::Ended(outcome.clone()));
        }
        if report.cause.is_none() {
            report.cause = outcome.cause().cloned();
        }
        report.outcome = outcome;
        let place = report.index;
        if let Some(slot) = self.reports.get_mut(place) {
            *slot = report;
        }
        verdict
    }

    /// Waits until those who are being hung up are gone.
    async fn left(&mut self) {
        while let Some(left) = self.leaving.join_next().await {
            self.may_still_ring.extend(left.unwrap_or_default());
        }
    }

    async fn finish(mut self, gone: &watch::Sender<Option<Gone>>) {
        self.left().await;
        gone.send_replace(Some(self.may_still_ring));
    }
}

/// Ends when the caller hangs up; never without one, or if that cannot be heard of any more.
async fn hung_up(caller: Option<Channel>) {
    if let Some(caller) = caller
        && until_the_end(&caller).await
    {
        return;
    }
    std::future::pending().await
}

/// Waits until a call has ended. Gives `false` if the connection was lost for good before.
async fn until_the_end(channel: &Channel) -> bool {
    loop {
        if channel.ended_with().await.is_ok() {
            return true;
        }
        if channel.client().ready().await.is_err() {
            return channel.is_over();
        }
        // the link is back, and the channel hears of it next
        tokio::task::yield_now().await;
    }
}

/// Keeps the count of a call until the call ends; or leaves it to others, if nothing more can be heard
/// of the call.
async fn keep_until_the_end(load: Load, channel: Channel) {
    if let Err(error) = load.answered(channel.uuid()).await {
        let uuid = channel.uuid();
        tracing::warn!(%error, uuid, "the balancer does not know yet which call this count is for");
    }
    if !until_the_end(&channel).await {
        return load.detach();
    }
    // what cannot be given back now is given back later
    let _ = load.release().await;
}
