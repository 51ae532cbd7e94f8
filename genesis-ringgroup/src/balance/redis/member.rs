//! A member: who counts calls in Redis under one lease. A balancer is one, and so is a watch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tokio::time::timeout;
use uuid::Uuid;

use super::keeper;
use super::scripts::{Args, Scripts};
use super::table::{Id, Table};
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

    /// Leaves Redis with all calls and waits until that is done, for as long as two steps may take:
    /// the one that is under way and the last one.
    pub(super) async fn leave(&self) -> Result<()> {
        self.start_leaving();
        let patience = self.store.options().command_time().saturating_mul(2);
        let mut left = self.left.subscribe();
        let done = match timeout(patience, left.wait_for(Option::is_some)).await {
            Ok(done) => done.ok().and_then(|done| done.clone()),
            Err(_) => None,
        };
        done.unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Backend,
                format!(
                    "Redis was not told within {patience:?} that the calls of this balancer are \
                     given back; they are when its lease of {:?} runs out",
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

    /// The call ended; Redis hears of it in the background.
    pub(super) fn release(&self, id: &Id) {
        self.table().release(id, None);
        self.work.notify_one();
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
        }
        done.is_ok()
    }

    /// The call ended; waits until Redis knows.
    pub(super) async fn release_and_wait(&self, id: &Id) -> Result<()> {
        let (waiter, told) = oneshot::channel();
        self.table().release(id, Some(waiter));
        self.work.notify_one();
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
