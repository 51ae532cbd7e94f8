//! The legs of one call, those that come unforeseen among them.
//!
//! Most endpoints are one leg, whose Unique-ID is chosen here. `user/`, `group/` and what a dial string
//! expands to (`${…}`) may be several: a Unique-ID given to them would go to each, and all but the first
//! would fail as duplicates. Their legs carry a variable instead, by which they are found when they are
//! created.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use genesis_client::{Client, HeaderFilter, Subscription, Tap, TapGuard};
use genesis_proto::dial::Endpoint;
use genesis_proto::{Event, EventName};
use tokio::sync::{mpsc, watch};

use crate::error::Result;
use crate::follow::{self, Following, Tracked, What};

/// The channel variable that legs are found by.
pub(super) const MARK: &str = "genesis_originate";

/// Whether an endpoint may stand for several legs.
pub(super) fn stands_for_others(endpoint: &Endpoint) -> bool {
    let others = ["user", "group", "pickup"];
    let kind = endpoint.kind();
    others.iter().any(|other| kind.eq_ignore_ascii_case(other)) || endpoint.as_str().contains("${")
}

/// The legs that are known so far; shared by the handle and the task.
#[derive(Clone)]
pub(super) struct Legs(Arc<Inner>);

struct Inner {
    list: Mutex<Vec<Arc<Tracked>>>,
    count: watch::Sender<usize>,
}

impl Legs {
    pub(super) fn new(list: Vec<Arc<Tracked>>) -> Self {
        let count = watch::Sender::new(list.len());
        Self(Arc::new(Inner {
            list: Mutex::new(list),
            count,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Tracked>>> {
        self.0.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<Arc<Tracked>> {
        self.lock().clone()
    }

    pub(super) fn push(&self, leg: Arc<Tracked>) {
        let count = {
            let mut list = self.lock();
            list.push(leg);
            list.len()
        };
        self.0.count.send_replace(count);
    }

    /// Ends when any leg or the link changes from now on, or a leg joins.
    pub(super) fn change(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut count = self.0.count.subscribe();
        let changes: FuturesUnordered<_> = self
            .lock()
            .iter()
            .map(|leg| leg.wait(What::Change, false))
            .collect();
        async move {
            let mut changes = changes;
            let any = async {
                if changes.next().await.is_none() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = any => {}
                joined = count.changed() => if joined.is_err() {
                    std::future::pending::<()>().await;
                },
            }
        }
    }
}

/// Finds the legs that carry a mark.
pub(super) struct Found {
    uuids: mpsc::UnboundedReceiver<String>,
    _tap: TapGuard,
}

struct Finder {
    uuids: mpsc::UnboundedSender<String>,
    known: Mutex<HashSet<String>>,
}

impl Tap for Finder {
    fn event(&self, event: &Event) {
        let Some(uuid) = event.unique_id() else {
            return;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.insert(uuid.clone().into_owned()) {
            let _ = self.uuids.send(uuid.into_owned());
        }
    }
}

impl Found {
    /// Looks for legs with this mark from now on.
    pub(super) async fn by(client: &Client, mark: &str) -> Result<Self> {
        let (sender, uuids) = mpsc::unbounded_channel();
        let finder = Finder {
            uuids: sender,
            known: Mutex::default(),
        };
        let subscription = Subscription::new()
            .events([
                EventName::ChannelCreate,
                EventName::ChannelProgress,
                EventName::ChannelProgressMedia,
                EventName::ChannelAnswer,
            ])
            .filter(HeaderFilter::equal(format!("variable_{MARK}"), mark));
        let tap = client.tap(&subscription, Arc::new(finder)).await?;
        Ok(Self { uuids, _tap: tap })
    }
}

/// The next leg that is found; never, if none is looked for.
pub(super) async fn next_found(found: &mut Option<Found>) -> String {
    if let Some(found) = found
        && let Some(uuid) = found.uuids.recv().await
    {
        return uuid;
    }
    std::future::pending().await
}

/// Follows a channel that is there already.
pub(super) async fn join(client: &Client, uuid: &str) -> Result<Following> {
    let following = follow::follow(client, uuid).await?;
    let dump = client.api(&format!("uuid_dump {uuid} json")).await?;
    following
        .tracked
        .seed(&Event::from_json(dump.text().as_bytes())?);
    Ok(following)
}
