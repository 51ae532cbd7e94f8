//! Hanging up what nobody wants any more.
//!
//! Between the reply to `bgapi originate` and the creation of the channel, `uuid_kill` answers "No
//! such channel", and the leg would ring on. So it is said again: when the channel's creation is
//! told, and now and then as long as the job runs.

use std::time::Duration;

use futures_util::future::join_all;
use genesis_client::observe::carried;
use genesis_client::{Client, JobResult};
use genesis_proto::HangupCause;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use super::legs::{Found, Legs, join, next_found};
use crate::follow::Following;

/// How soon `uuid_kill` is said again, at first and at most.
const AGAIN: Duration = Duration::from_millis(50);
const AGAIN_AT_MOST: Duration = Duration::from_secs(1);

/// How long it is tried at least. A link that has died without a word is given up and made again
/// after about a minute by the usual options of a connection.
const AT_LEAST: Duration = Duration::from_secs(90);

/// Hangs up what comes of a cancelled call.
pub(super) struct Reaper {
    pub(super) client: Client,
    pub(super) legs: Vec<Following>,
    pub(super) known: Legs,
    pub(super) found: Option<Found>,
    pub(super) cause: HangupCause,
    pub(super) destination: String,
    /// What rings has been ended by the switch by then. What was answered has not.
    pub(super) give_up: Option<Instant>,
    /// The legs that may be left, as far as is known.
    pub(super) left: watch::Sender<Vec<String>>,
}

/// What `uuid_kill` said.
#[derive(Clone, Copy, PartialEq)]
enum Killed {
    Yes,
    NoSuchChannel,
    NoAnswer,
}

impl Reaper {
    /// Runs until nothing is left of the call, the connection is gone for good, or the time is up.
    /// Then `left` has the legs that nobody could hang up.
    pub(super) async fn run<J>(mut self, mut job: Option<J>)
    where
        J: Future<Output = genesis_client::Result<JobResult>> + Unpin,
    {
        // longer than `give_up` only for what is up, or what nothing is known of
        let last = self.give_up.map(|at| at.max(Instant::now() + AT_LEAST));
        let mut again = AGAIN;
        // without a job whose end could be seen, a leg may still come until the call's own time is up
        let mut job_ended = false;
        self.tell_left(&[]);
        loop {
            if !matches!(within(last, self.client.ready()).await, Some(Ok(()))) {
                // one that there was no channel of may still come
                self.tell_left(&[]);
                return self.unfinished();
            }
            let change = self.known.change();
            let Some(killed) = within(last, self.kill()).await else {
                return self.unfinished();
            };
            self.tell_left(&killed);
            let gone = self.legs.iter().zip(&killed).all(|(leg, killed)| {
                let (created, ended) = leg
                    .tracked
                    .with(|state| (state.was_created(), state.ended.is_some()));
                let absent = *killed == Killed::NoSuchChannel && !leg.tracked.is_unsure();
                ended || (absent && (created || job_ended))
            });
            // without the job's result, legs that are not known yet may still come
            let complete = job_ended || (job.is_none() && self.found.is_none());
            if gone && complete {
                return self.tell_none();
            }
            let blind = job.is_none() && !job_ended;
            let nothing_up = self.legs.iter().zip(&killed).all(|(leg, killed)| {
                *killed == Killed::NoSuchChannel || leg.tracked.with(|state| state.ended.is_some())
            });
            let next = async {
                if blind && nothing_up && again >= AGAIN_AT_MOST {
                    // nothing to repeat: only a channel's creation matters now
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(again).await;
            };
            tokio::select! {
                biased;
                result = ended(&mut job) => {
                    job = None;
                    // the link's end is seen above, and another link does not bring the result
                    job_ended = !result.as_ref().is_err_and(genesis_client::Error::is_disconnected);
                    within(last, self.note_winner(result)).await;
                    again = AGAIN;
                }
                () = change => {}
                uuid = next_found(&mut self.found) => {
                    if let Ok(following) = join(&self.client, &uuid).await {
                        self.known.push(following.tracked.clone());
                        self.legs.push(following);
                    }
                    again = AGAIN;
                }
                () = next => again = (again * 2).min(AGAIN_AT_MOST),
                () = sleep_until(self.give_up), if nothing_up => return self.tell_none(),
                () = sleep_until(last) => return self.unfinished(),
            }
        }
    }

    fn unfinished(&self) {
        tracing::error!(
            destination = %self.destination,
            legs = ?*self.left.borrow(),
            "a cancelled call could not be hung up; it is given up"
        );
    }

    async fn kill(&self) -> Vec<Killed> {
        join_all(self.legs.iter().map(|leg| async {
            if leg.tracked.with(|state| state.ended.is_some()) {
                return Killed::NoSuchChannel;
            }
            kill(&self.client, &leg.tracked.uuid, &self.cause).await
        }))
        .await
    }

    /// The call succeeded after all, perhaps with a leg that was not known.
    async fn note_winner(&self, result: genesis_client::Result<JobResult>) {
        let Ok(result) = result else { return };
        let text = result.text();
        let uuid = text.trim().strip_prefix("+OK").unwrap_or("").trim();
        let known = self.legs.iter().any(|leg| leg.tracked.uuid == uuid);
        if !uuid.is_empty() && !known {
            let guard = Guard::new(self.client.clone(), uuid.to_owned(), self.cause.clone());
            guard.hang_up(self.cause.clone()).await;
        }
    }

    /// `killed` is what the switch said of each leg, if it was asked.
    fn tell_left(&self, killed: &[Killed]) {
        let said = killed.iter().map(Some).chain(std::iter::repeat(None));
        let left = self.legs.iter().zip(said).filter(|(leg, said)| {
            *said != Some(&Killed::NoSuchChannel) && leg.tracked.with(|state| state.ended.is_none())
        });
        self.left
            .send_replace(left.map(|(leg, _)| leg.tracked.uuid.clone()).collect());
    }

    fn tell_none(&self) {
        self.left.send_replace(Vec::new());
    }
}

/// Ends when the job does; never without one.
async fn ended<J>(job: &mut Option<J>) -> J::Output
where
    J: Future + Unpin,
{
    match job {
        Some(job) => job.await,
        None => std::future::pending().await,
    }
}

pub(super) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// `None`: the time is up.
async fn within<T>(at: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = sleep_until(at) => None,
    }
}

async fn kill(client: &Client, uuid: &str, cause: &HangupCause) -> Killed {
    match client.api(&format!("uuid_kill {uuid} {cause}")).await {
        Ok(_) => Killed::Yes,
        Err(error) if error.is_disconnected() || error.is_timeout() => Killed::NoAnswer,
        Err(error) if error.is_refused() => Killed::NoSuchChannel,
        Err(error) => {
            tracing::error!(%error, uuid, "a call that nobody wants cannot be hung up");
            Killed::NoSuchChannel
        }
    }
}

/// A channel that is hung up unless somebody takes it.
pub(crate) struct Guard {
    armed: Option<(Client, String, HangupCause, Handle)>,
}

impl Guard {
    pub(crate) fn new(client: Client, uuid: String, cause: HangupCause) -> Self {
        let armed = Handle::try_current().ok();
        Self {
            armed: armed.map(|handle| (client, uuid, cause, handle)),
        }
    }

    pub(crate) fn disarm(mut self) {
        self.armed = None;
    }

    pub(crate) async fn hang_up(mut self, with: HangupCause) {
        let Some((client, uuid, cause, _)) = &mut self.armed else {
            return;
        };
        *cause = with;
        kill_surely(client, uuid, cause).await;
        // only now: if this future is dropped, the rest is done in the background
        self.armed = None;
    }
}

/// Hangs up a channel that exists, over the next link if need be.
async fn kill_surely(client: &Client, uuid: &str, cause: &HangupCause) {
    while client.ready().await.is_ok() {
        if kill(client, uuid, cause).await != Killed::NoAnswer {
            return;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some((client, uuid, cause, handle)) = self.armed.take() else {
            return;
        };
        let open = client.keep_open();
        handle.spawn(carried(async move {
            kill_surely(&client, &uuid, &cause).await;
            drop(open);
        }));
    }
}
