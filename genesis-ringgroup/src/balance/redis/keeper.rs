//! The one task of a member: it gives calls back, renews the lease, and makes Redis know what the
//! member knows. It takes one step after the other, so their order in Redis is the order here.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::member::Shared;
use super::scripts::Args;
use super::table::{Released, tell};
use crate::Result;

/// The shortest and the longest time between two attempts while Redis is away.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// What is to be done next.
enum Step {
    /// Tell Redis all calls.
    Synchronise(Args, Vec<Released>),
    /// Give calls back.
    Release(Vec<Released>),
    /// Renew the lease, and compare.
    Renew(Args),
    /// Wait until then, or until there is work.
    Wait(Option<Instant>),
    /// Nobody uses the member any more.
    Leave,
}

struct Keeper {
    shared: Arc<Shared>,
    /// When the lease is renewed next; `None` while there is nothing to keep.
    renew_at: Option<Instant>,
    /// Nothing is tried before, because Redis is away.
    retry_at: Option<Instant>,
}

pub(super) async fn run(shared: Arc<Shared>) {
    let mut keeper = Keeper {
        shared,
        renew_at: None,
        retry_at: None,
    };
    loop {
        match keeper.next_step() {
            Step::Synchronise(args, released) => {
                let done = keeper.synchronise(args).await;
                keeper.finish(&done);
                tell(released, &done);
            }
            Step::Release(released) => {
                let done = keeper.release(&released).await;
                keeper.finish(&done);
                tell(released, &done);
            }
            Step::Renew(args) => {
                let done = keeper.renew(args).await;
                keeper.finish(&done);
            }
            Step::Wait(until) => keeper.wait(until).await,
            Step::Leave => return keeper.leave().await,
        }
    }
}

impl Keeper {
    fn next_step(&mut self) -> Step {
        let now = Instant::now();
        let watches = self.shared.watches();
        let mut table = self.shared.table();
        if table.closing {
            return Step::Leave;
        }
        if self.retry_at.is_some_and(|at| now < at) {
            return Step::Wait(self.retry_at);
        }
        if table.out_of_step {
            let (args, released) = table.take_all(watches);
            return Step::Synchronise(args, released);
        }
        if table.has_released() {
            return Step::Release(table.take_released());
        }
        if table.is_empty() && !watches {
            self.renew_at = None;
            return Step::Wait(None);
        }
        let third = self.shared.lease() / 3;
        let renew_at = *self.renew_at.get_or_insert(now + third);
        if now < renew_at {
            return Step::Wait(Some(renew_at));
        }
        Step::Renew(table.summary())
    }

    async fn wait(&self, until: Option<Instant>) {
        let work = self.shared.work.notified();
        match until {
            None => work.await,
            Some(until) => tokio::select! {
                () = work => {}
                () = sleep_until(until) => {}
            },
        }
    }

    /// `renew` and `sync` begin with lease, member, and whether it watches.
    fn args(&self) -> Args {
        self.shared.args().with(u8::from(self.shared.watches()))
    }

    async fn synchronise(&mut self, calls: Args) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let started = Instant::now();
        let args = self.args().and(calls);
        let lost: Vec<String> = shared.run(&shared.scripts().sync, &args).await?;
        self.renew_at = Some(started + shared.lease() / 3);
        for id in &lost {
            shared.table().forget(id);
        }
        if !lost.is_empty() {
            shared.look.notify_one();
        }
        Ok(())
    }

    async fn release(&mut self, released: &[Released]) -> Result<()> {
        let mut args = Args::default();
        for Released { id, .. } in released {
            args.push(id);
        }
        let script = &self.shared.scripts().release;
        self.shared.run::<i64>(script, &args).await?;
        Ok(())
    }

    async fn renew(&mut self, summary: Args) -> Result<()> {
        let started = Instant::now();
        let args = self.args().and(summary);
        let script = &self.shared.scripts().renew;
        let (in_step, dead): (i64, i64) = self.shared.run(script, &args).await?;
        self.renew_at = Some(started + self.shared.lease() / 3);
        if in_step == 0 {
            tracing::debug!(
                member = self.shared.id(),
                "Redis counts other calls than we do"
            );
            self.shared.table().out_of_step = true;
        }
        if dead > 0 && self.shared.watches() {
            self.shared.look.notify_one();
        }
        Ok(())
    }

    fn finish(&mut self, done: &Result<()>) {
        let mut table = self.shared.table();
        match done {
            Ok(()) => {
                self.retry_at = None;
                // a failure beside this step is compared first
                if table.away && !table.out_of_step {
                    table.away = false;
                    tracing::info!("Redis counts the calls again");
                }
            }
            Err(error) => {
                if self.retry_at.is_none() {
                    tracing::warn!(%error, "the calls in progress cannot be told to Redis");
                }
                let pause = (self.shared.lease() / 10).clamp(PAUSE.0, PAUSE.1);
                self.retry_at = Some(Instant::now() + pause);
            }
        }
    }

    /// One script gives back everything that the member counts, whoever has not got round to it.
    async fn leave(self) {
        let introduced = self.shared.table().introduced;
        let mut left = Ok(());
        if introduced {
            let args = Args::default()
                .with(self.shared.id())
                .with(u8::from(self.shared.watches()));
            let scripts = self.shared.scripts();
            let ran: Result<i64> = scripts
                .run(self.shared.store(), &scripts.leave, &args.refs())
                .await;
            if let Err(error) = ran {
                tracing::debug!(%error, "what this balancer counted ends with its lease");
                left = Err(error);
            }
        }
        let released = self.shared.table().leave();
        tell(released, &left);
        self.shared.left.send_replace(Some(left));
    }
}
