//! Following the calls of processes that died.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use genesis_client::proto::{Event, EventName};
use genesis_client::{Client, EventStream, Item, Subscription};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::member::Member;
use super::scripts::Args;
use super::table::Id;
use crate::{Error, ErrorKind, Result};

/// How many calls that ended are remembered: what ends between the death of a process and the end
/// of its lease is given back then.
const REMEMBERED: usize = 10_000;
/// How many calls are adopted in one step; the rest follow with the next.
const BATCH: usize = 5_000;

/// Watches a switch for [`RedisBalancer::watch`](super::RedisBalancer::watch), until it is dropped.
///
/// It has a lease of its own, renewed at a third. When it ends, or its process dies, the calls that
/// it adopted are left to other watchers, or given back when that lease runs out.
///
/// ```no_run
/// # async fn example(balancer: genesis_ringgroup::RedisBalancer, client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
/// let watch = balancer.watch(&client).await?;
/// println!("{} calls of processes that died are still up", watch.adopted());
/// drop(watch); // other watchers take them over
/// # Ok(()) }
/// ```
#[must_use = "dropping a Watch ends it"]
pub struct Watch {
    adopted: watch::Receiver<usize>,
    /// Dropped with us, which the task sees.
    _stop: watch::Sender<()>,
}

impl Watch {
    /// Subscribes, makes the watcher known in Redis, and starts its task.
    pub(super) async fn start(member: Member, client: Client) -> Result<Self> {
        let subscription = Subscription::new().events([
            EventName::ChannelHangupComplete,
            EventName::ChannelDestroy,
            EventName::ChannelUuid,
        ]);
        // first the events, then the question which calls there are: nothing falls in between
        let events = client.subscribe(subscription).await;
        let events = events.map_err(|error| failed("the switch cannot be watched", error))?;
        let summary = member.table().summary();
        let args = member.args().with(1).and(summary);
        let renew = &member.scripts().renew;
        let (_, dead): (i64, i64) = member.run(renew, &args).await?;
        if dead > 0 {
            member.look.notify_one();
        }
        let (_stop, stopped) = watch::channel(());
        let (count, adopted) = watch::channel(0);
        let watcher = Watcher {
            member,
            client,
            events,
            calls: HashMap::new(),
            ended: Ended::default(),
            count,
            look_at: None,
        };
        tokio::spawn(watcher.run(stopped));
        Ok(Self { adopted, _stop })
    }

    /// How many calls of dead processes it follows now.
    ///
    /// ```
    /// # fn example(watch: &genesis_ringgroup::balance::Watch) {
    /// if watch.adopted() > 0 {
    ///     println!("a process died: {} of its calls go on", watch.adopted());
    /// }
    /// # }
    /// ```
    pub fn adopted(&self) -> usize {
        *self.adopted.borrow()
    }

    /// Waits until the number of calls that it follows is another than `from`, and gives it.
    /// `None` once the connection to the switch has ended for good, and the watch with it.
    ///
    /// ```no_run
    /// # async fn example(watch: genesis_ringgroup::balance::Watch) {
    /// let mut calls = watch.adopted();
    /// while let Some(now) = watch.adopted_changed(calls).await {
    ///     println!("adopted calls: {calls}, now {now}");
    ///     calls = now;
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn adopted_changed(&self, from: usize) -> Option<usize> {
        let mut adopted = self.adopted.clone();
        let changed = adopted.wait_for(|now| *now != from).await;
        changed.ok().map(|now| *now)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("adopted", &self.adopted())
            .finish_non_exhaustive()
    }
}

struct Watcher {
    member: Member,
    client: Client,
    events: EventStream,
    /// The calls that were adopted, by the Unique-ID of their channel.
    calls: HashMap<String, Vec<Id>>,
    ended: Ended,
    count: watch::Sender<usize>,
    /// When to ask again whether the adopted calls are still there, and whether once more after that.
    look_at: Option<(Instant, bool)>,
}

impl Watcher {
    async fn run(mut self, mut stopped: watch::Receiver<()>) {
        loop {
            let look_at = self.look_at;
            let later = async {
                match look_at {
                    Some((at, again)) => {
                        sleep_until(at).await;
                        again
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // fails when the other end is dropped, which is the sign
                _ = stopped.changed() => return,
                item = self.events.next() => match item {
                    Some(Item::Event(event)) => self.take(&event),
                    // events are missing
                    Some(_) => self.look_again(true).await,
                    None => return,
                },
                () = self.member.look.notified() => {
                    if let Err(error) = self.adopt().await {
                        // they stay for a lease, and the next renewal finds them again
                        tracing::warn!(%error, "calls of a dead process are not adopted yet");
                    }
                }
                again = later => self.look_again(again).await,
            }
            self.tell();
        }
    }

    fn tell(&self) {
        let adopted = self.member.table().len();
        self.count
            .send_if_modified(|before| std::mem::replace(before, adopted) != adopted);
    }

    fn take(&mut self, event: &Event) {
        let Some(uuid) = event.unique_id() else {
            return;
        };
        if event.name() == EventName::ChannelUuid {
            let old = event.get("Old-Unique-ID").unwrap_or_default();
            if let Some(ids) = self.calls.remove(old.as_ref()) {
                for id in &ids {
                    self.member.table().answered(id, &uuid);
                }
                // what Redis has is the old one; a synchronisation tells
                self.member.table().out_of_step = true;
                self.member.work.notify_one();
                self.calls.entry(uuid.into_owned()).or_default().extend(ids);
            }
            return;
        }
        self.give_back(&uuid);
        self.ended.insert(uuid.into_owned());
    }

    fn give_back(&mut self, uuid: &str) {
        for id in self.calls.remove(uuid).unwrap_or_default() {
            // it may have gone back to a process that was only stalled
            if self.member.table().has(&id) {
                self.member.release(&id);
            }
        }
    }

    /// Gives calls back that the switch does not have any more. After a hole in the events this is
    /// done twice, because the switch's table can list a channel for a moment after its end.
    async fn look_again(&mut self, again: bool) {
        self.look_at = None;
        if self.calls.is_empty() {
            return;
        }
        let third = self.member.lease() / 3;
        match self.channels().await {
            Ok(channels) => {
                let gone = |uuid: &&String| !channels.contains(*uuid);
                let gone: Vec<String> = self.calls.keys().filter(gone).cloned().collect();
                for uuid in gone {
                    self.give_back(&uuid);
                }
                self.look_at = again.then(|| (Instant::now() + third, false));
            }
            Err(error) => {
                tracing::debug!(%error, "the switch does not say which calls it has");
                self.look_at = Some((Instant::now() + third, again));
            }
        }
    }

    /// The Unique-IDs of the channels that the switch has.
    async fn channels(&self) -> Result<HashSet<String>> {
        // dead processes' calls wait for one lease
        let client = self.client.timeout(self.member.lease());
        let channels = client.channels().await;
        let channels = channels.map_err(|error| failed("`show channels` failed", error))?;
        Ok(channels.iter().map(|row| row.uuid().to_owned()).collect())
    }

    /// Takes over what dead processes left, if the switch has it.
    async fn adopt(&mut self) -> Result<()> {
        let args = Args::default().with(BATCH);
        let found: Vec<(Id, String, String)> = self
            .member
            .run(&self.member.scripts().orphans, &args)
            .await
            .map(triples)?;
        if found.is_empty() {
            return Ok(());
        }
        let channels = self.channels().await?;
        // the end of a call that was told while we asked
        while let Some(item) = self.events.try_next() {
            match item {
                Item::Event(event) => self.take(&event),
                // they may be gone after all: compare again once they are ours
                _ => self.look_at = Some((Instant::now(), true)),
            }
        }
        let mut wanted = HashMap::new();
        for (id, uuid, destination) in found {
            if self.ended.contains(&uuid) {
                // ours or not, it is over
                self.member.release(&id);
            } else if channels.contains(&uuid) {
                wanted.insert(id, (uuid, destination));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        // a synchronisation meanwhile must not take them for leftovers
        self.member.table().claim(wanted.keys().cloned());
        wanted.retain(|id, _| self.member.table().has(id));
        let mut args = self.member.args();
        for id in wanted.keys() {
            args.push(id);
        }
        let adopted = self.member.run(&self.member.scripts().adopt, &args).await;
        let adopted: Option<HashSet<String>> = adopted.ok();
        for (id, (uuid, destination)) in wanted {
            // when the answer was lost they count as ours until a synchronisation says otherwise
            if adopted.as_ref().is_none_or(|ids| ids.contains(&*id)) {
                self.member.table().adopted(&id, &destination, &uuid);
                self.calls.entry(uuid).or_default().push(id);
            } else {
                self.member.table().forget(&id);
            }
        }
        Ok(())
    }
}

/// What the connection to the switch says.
fn failed(what: &str, error: genesis_client::Error) -> Error {
    let kind = if error.is_disconnected() {
        ErrorKind::Disconnected
    } else {
        ErrorKind::Channel
    };
    Error::new(kind, format!("{what}: {error}")).with_source(error)
}

/// Every three texts are an id, a Unique-ID and a destination.
fn triples(texts: Vec<String>) -> Vec<(Id, String, String)> {
    let mut texts = texts.into_iter();
    std::iter::from_fn(|| {
        let id = Arc::from(texts.next()?);
        Some((id, texts.next()?, texts.next()?))
    })
    .collect()
}

/// Unique-IDs of the last calls that ended.
#[derive(Default)]
struct Ended {
    known: HashSet<String>,
    order: VecDeque<String>,
}

impl Ended {
    fn insert(&mut self, uuid: String) {
        if !self.known.insert(uuid.clone()) {
            return;
        }
        self.order.push_back(uuid);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn contains(&self, uuid: &str) -> bool {
        self.known.contains(uuid)
    }
}
