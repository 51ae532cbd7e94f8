//! A member: who counts calls in Redis under one lease. A balancer is one, and so is a watch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tokio::time::timeout;
use uuid::Uuid;

use super::keeper;
use super::scripts::{Args, Scripts};
use super::table::{Id, Table, Waiter};
use crate::redis::{RedisStore, Script};
use crate::{Error, ErrorKind, Result};

/// Who uses a member. When the last clone is dropped, the member leaves Redis.
#[derive(Debug)]
pub(super) struct Member(Arc<Shared>);

/// What users of a member and its keeper share.
#[derive(Debug)]
pub(super) struct Shared {
    store: RedisStore,
    scripts: Arc<Scripts>,
    id: String,
    lease: Duration,
    watches: bool,
    table: Mutex<Table>,
    /// There is something for the keeper to do.
    pub(super) work: Notify,
    /// For the watcher: dead members left calls, or some of its calls belong to others now.
    pub(super) look: Notify,
    /// A call rings no longer.
    calmer: Notify,
    /// How leaving Redis went, once it has.
    pub(super) left: watch::Sender<Option<Result<()>>>,
}

impl Member {
    /// Starts a member and its keeper. Nothing is written to Redis yet. Must be called inside a
    /// runtime.
    pub(super) fn start(
        store: RedisStore,
        scripts: Arc<Scripts>,
        limit: usize,
        watches: bool,
    ) -> Self {
        let id = Uuid::new_v4().simple().to_string();
        let shared = Arc::new(Shared {
            lease: store.options().lease_time(),
            store,
            scripts,
            table: Mutex::new(Table::new(id.clone(), limit)),
            id,
            watches,
            work: Notify::new(),
            look: Notify::new(),
            calmer: Notify::new(),
            left: watch::Sender::new(None),
        });
        tokio::spawn(keeper::run(Arc::clone(&shared)));
        Self(shared)
    }
}

impl std::ops::Deref for Member {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.start_leaving();
    }
}

impl Shared {
    /// Nothing panics while it holds the lock, and nothing waits.
    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn store(&self) -> &RedisStore {
        &self.store
    }

    pub(super) fn scripts(&self) -> &Arc<Scripts> {
        &self.scripts
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn lease(&self) -> Duration {
        self.lease
    }

    pub(super) fn watches(&self) -> bool {
        self.watches
    }

    fn start_leaving(&self) {
        self.table().closing = true;
        self.work.notify_one();
    }

    /// Leaves Redis with all calls and waits until that is done.
    pub(super) async fn leave(&self) -> Result<()> {
        self.start_leaving();
        let mut left = self.left.subscribe();
        let leaving = async {
            let left = left.wait_for(Option::is_some).await;
            left.ok().and_then(|left| left.clone())
        };
        self.for_two_steps(leaving).await
    }

    /// Waits until nobody rings any more and Redis knows everything.
    pub(super) async fn settle(&self) -> Result<()> {
        let settling = async {
            loop {
                let mut calmer = std::pin::pin!(self.calmer.notified());
                calmer.as_mut().enable();
                if !self.table().is_unsettled() {
                    break;
                }
                calmer.await;
            }
            let (waiter, told) = oneshot::channel();
            self.table().settle(waiter);
            self.work.notify_one();
            told.await.ok()
        };
        self.for_two_steps(settling).await
    }

    /// For as long as two steps may take: the one that is under way and the one that is waited for.
    async fn for_two_steps(&self, step: impl Future<Output = Option<Result<()>>>) -> Result<()> {
        let patience = self.store.options().command_time().saturating_mul(2);
        let done = timeout(patience, step).await.ok().flatten();
        done.unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Backend,
                format!(
                    "Redis was not told within {patience:?} what became of the calls of this \
                     balancer; what is over is given back when its lease of {:?} runs out",
                    self.lease
                ),
            ))
        })
    }

    /// Lease and member, which most scripts begin with.
    pub(super) fn args(&self) -> Args {
        Args::default().with(self.lease.as_millis()).with(&self.id)
    }

    /// Runs a script; a failure is remembered, so that everything is compared afterwards.
    pub(super) async fn run<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        args: &Args,
    ) -> Result<T> {
        let done = self.scripts.run(&self.store, script, &args.refs()).await;
        self.noted(done)
    }

    /// Runs a script, but does not wait for Redis to come back.
    pub(super) async fn run_soon<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        args: &Args,
    ) -> Result<T> {
        let done = self
            .scripts
            .run_soon(&self.store, script, &args.refs())
            .await;
        self.noted(done)
    }

    fn noted<T>(&self, done: Result<T>) -> Result<T> {
        if done.is_err() {
            self.table().failed();
            self.work.notify_one();
        }
        done
    }

    /// A call that Redis is going to be asked to count.
    pub(super) fn begin(&self) -> Result<Id> {
        let mut table = self.table();
        let id = table.begin()?;
        let first = table.len() == 1;
        drop(table);
        if first {
            // from now on there is a lease to renew
            self.work.notify_one();
        }
        Ok(id)
    }

    /// The call is up. Gives whether it is one of ours, and whether Redis is away.
    pub(super) fn answered(&self, id: &Id, uuid: &str) -> (bool, bool) {
        let mut table = self.table();
        let known = (table.answered(id, uuid), table.away);
        drop(table);
        self.calmer.notify_waiters();
        known
    }

    /// The call ended; Redis hears of it in the background.
    pub(super) fn release(&self, id: &Id) {
        self.ended(id, None);
    }

    fn ended(&self, id: &Id, waiter: Option<Waiter>) {
        self.table().release(id, waiter);
        self.work.notify_one();
        self.calmer.notify_waiters();
    }

    /// The call goes on without us: Redis counts it as that of a member of which nobody hears again.
    /// Gives whether Redis knows.
    pub(super) async fn detach(&self, id: &Id) -> bool {
        if !self.table().detach(id) {
            return true;
        }
        let nobody = Uuid::new_v4().simple();
        let args = self.args().with(nobody).with(id);
        let done: Result<i64> = self.run(&self.scripts.detach, &args).await;
        if done.is_ok() {
            self.table().forget(id);
            self.calmer.notify_waiters();
        }
        done.is_ok()
    }

    /// The call ended; waits until Redis knows.
    pub(super) async fn release_and_wait(&self, id: &Id) -> Result<()> {
        let (waiter, told) = oneshot::channel();
        self.ended(id, Some(waiter));
        match told.await {
            Ok(outcome) => outcome,
            // the keeper ends only with its runtime
            Err(_) => Err(Error::new(
                ErrorKind::Backend,
                "the runtime of this balancer has ended; its calls are given back when their lease \
                 runs out",
            )),
        }
    }
}
