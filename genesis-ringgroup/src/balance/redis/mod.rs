//! Counts that several processes share through Redis.

mod keeper;
mod member;
mod scripts;
mod table;
mod watch;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;

use super::counts::LISTED;
use super::tally::REMEMBERED;
use super::{Choice, Counts, Load, LoadBalancer, LoadKeeper, check_destinations};
use crate::redis::{RedisOptions, RedisStore};
use crate::{Error, ErrorKind, Result};
use member::Member;
use scripts::{Args, Scripts};
use table::{Id, closed};

pub use watch::Watch;

/// Counts calls in Redis, for every process that uses the same Redis and prefix.
///
/// Choosing and counting is one script in Redis, so any number of processes that choose at once
/// spread evenly. Cheap to clone; clones share one lease. Must be made inside a tokio runtime.
///
/// ```no_run
/// use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer, WhenDown};
/// use genesis_ringgroup::RedisOptions;
///
/// # async fn example(client: genesis_client::Client) -> genesis_ringgroup::Result<()> {
/// let balancer = RedisBalancer::builder(RedisOptions::new("redis://127.0.0.1/"))
///     .when_down(WhenDown::CountLocally)
///     .connect()
///     .await?;
/// // calls of processes that died go on being counted, as long as somebody watches the switch
/// let _watch = balancer.watch(&client).await?;
///
/// let agents = ["user/1001".to_owned(), "user/1002".to_owned()];
/// let choice = balancer.choose(&agents).await?;
/// if choice.is_local_fallback() {
///     eprintln!("Redis is down: {} has the fewest calls of this process", agents[choice.index]);
/// }
/// // the call was answered, and ended later
/// choice.load.answered("0a96d2b2-3d5c-4d6f-9b5e-6d5a3c1f2e11").await?;
/// choice.load.release().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Leases
///
/// * Time is Redis' own. Every process has one lease for all its calls
///   ([`RedisOptions::lease`]), renews it at a third, and is dead when it runs out. All processes
///   should use the same lease. A process without calls writes nothing.
/// * Of a process that died, calls that were still ringing are given back when its lease runs out.
/// * Calls that it had up ([`Load::answered`]) are counted on until their end if another process
///   [watches](Self::watch) the switch: the watcher adopts those that `show channels` still lists,
///   exactly one watcher each. A call that no watcher sees (it is on another switch, or the link to
///   the switch is down all the while) is given back one lease after that.
/// * If nobody watches when the lease runs out, calls that were up are given back then.
/// * A call that is [detached](Load::detach), because the connection to its switch was lost for good,
///   is treated in the same way from that moment, while the process lives on.
/// * A process that was only stalled takes its calls back, also those that a watcher adopted.
/// * A renewal compares what Redis knows with what the process knows, and repairs both ways: after
///   a restart of Redis that lost data, or after an answer that was lost, the counts are right
///   again within a third of the lease (and the time that connecting takes).
///
/// * A process that ends as it should gives everything back with [`close`](Self::close), or leaves the
///   calls that are up to others after [`settled`](Self::settled).
///
/// # When Redis is down
///
/// [`WhenDown`] says whether choosing is then an error or goes on with the counts of this process.
/// In both cases calls that end meanwhile are given back, and calls that began are added, once Redis
/// is back.
///
/// # Keys
///
/// Eight keys that begin with the prefix and `{balance}`: one hash tag, so one slot of a cluster.
/// They expire a minute or ten leases after they were last written, whichever is longer (when a
/// destination was last chosen: after a day). Of 10,000 destinations it is remembered when they were
/// chosen. Redis must not evict keys (`maxmemory-policy noeviction`).
#[derive(Clone)]
pub struct RedisBalancer {
    member: Arc<Member>,
    when_down: WhenDown,
    limit: usize,
}

/// What choosing does while Redis cannot be reached.
///
/// ```no_run
/// # async fn example() -> genesis_ringgroup::Result<()> {
/// # use genesis_ringgroup::RedisOptions;
/// # use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer, WhenDown};
/// let redis = RedisOptions::new("redis://127.0.0.1/");
/// // a call that goes to a busy agent is better than no call
/// let balancer = RedisBalancer::builder(redis).when_down(WhenDown::CountLocally).connect().await?;
/// # let _ = balancer;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenDown {
    /// It is an error ([`ErrorKind::Backend`]), and nothing is counted.
    #[default]
    Error,
    /// It goes by the calls of this process alone; the result says so
    /// ([`Choice::is_local_fallback`]). Redis hears of them when it is back.
    CountLocally,
}

/// Builds a [`RedisBalancer`].
///
/// ```no_run
/// # async fn example() -> genesis_ringgroup::Result<()> {
/// # use genesis_ringgroup::RedisOptions;
/// # use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer, WhenDown};
/// let balancer = RedisBalancer::builder(RedisOptions::new("redis://127.0.0.1/1").prefix("pbx-ghent:"))
///     .when_down(WhenDown::CountLocally)
///     .limit(2_000)
///     .connect()
///     .await?;
/// # let _ = balancer;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisBalancerBuilder {
    redis: RedisOptions,
    when_down: WhenDown,
    limit: usize,
}

impl RedisBalancerBuilder {
    /// What choosing does while Redis cannot be reached. Default [`WhenDown::Error`].
    ///
    /// ```no_run
    /// # async fn example() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::RedisOptions;
    /// # use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer, WhenDown};
    /// # let redis = RedisOptions::new("redis://127.0.0.1/");
    /// let strict = RedisBalancer::builder(redis).when_down(WhenDown::Error); // rather no call than a wrong one
    /// # let _ = strict;
    /// # Ok(()) }
    /// ```
    pub fn when_down(mut self, when_down: WhenDown) -> Self {
        self.when_down = when_down;
        self
    }

    /// The most calls that this process counts at once; choosing beyond it is an error
    /// ([`ErrorKind::LimitExceeded`]). A watch adopts at most as many. Default 20,000.
    ///
    /// ```no_run
    /// # async fn example() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::RedisOptions;
    /// # use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer, WhenDown};
    /// # let redis = RedisOptions::new("redis://127.0.0.1/");
    /// let small = RedisBalancer::builder(redis).limit(480); // sixteen E1 lines
    /// # let _ = small;
    /// # Ok(()) }
    /// ```
    pub fn limit(mut self, calls: usize) -> Self {
        self.limit = calls;
        self
    }

    /// Connects to Redis. With [`WhenDown::CountLocally`] Redis may be down.
    ///
    /// ```no_run
    /// # async fn example() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::RedisOptions;
    /// # use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer, WhenDown};
    /// # let redis = RedisOptions::new("redis://127.0.0.1/");
    /// match RedisBalancer::builder(redis).connect().await {
    ///     Ok(balancer) => println!("{} calls are up", balancer.snapshot().await?.total()),
    ///     Err(error) if error.is_backend() => eprintln!("no balancing for now: {error}"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] for options that cannot work; [`ErrorKind::Backend`] when
    /// Redis cannot be reached or refuses, unless it is [`WhenDown::CountLocally`].
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is left behind.
    pub async fn connect(self) -> Result<RedisBalancer> {
        let scripts = Arc::new(Scripts::new(&self.redis));
        let store = RedisStore::open(self.redis)?;
        let reached = store.ping().await;
        if self.when_down == WhenDown::Error {
            reached.clone()?;
        }
        let member = Member::start(store, scripts, self.limit, false);
        if reached.is_err() {
            member.table().failed();
            member.work.notify_one();
        }
        Ok(RedisBalancer {
            member: Arc::new(member),
            when_down: self.when_down,
            limit: self.limit,
        })
    }
}

impl RedisBalancer {
    /// A balancer with the defaults; as [`builder`](Self::builder) without options.
    ///
    /// ```no_run
    /// # async fn example() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::RedisOptions;
    /// # use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer, WhenDown};
    /// # use std::sync::Arc;
    /// # use genesis_ringgroup::{RingGroup, RingMode};
    /// let balancer = RedisBalancer::connect(RedisOptions::new("redis://127.0.0.1/")).await?;
    /// let sales = RingGroup::new(["user/1000", "user/1001"])
    ///     .mode(RingMode::Balancing)
    ///     .balancer(Arc::new(balancer));
    /// # let _ = sales;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`RedisBalancerBuilder::connect`].
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn connect(redis: RedisOptions) -> Result<Self> {
        Self::builder(redis).connect().await
    }

    /// Where Redis is; everything else has a default.
    ///
    /// ```no_run
    /// # async fn example() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::RedisOptions;
    /// # use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer, WhenDown};
    /// let builder = RedisBalancer::builder(RedisOptions::new("redis://:secret@redis.example.org/"));
    /// println!("{builder:?}"); // without the password
    /// # let _ = builder;
    /// # Ok(()) }
    /// ```
    pub fn builder(redis: RedisOptions) -> RedisBalancerBuilder {
        RedisBalancerBuilder {
            redis,
            when_down: WhenDown::default(),
            limit: 20_000,
        }
    }

    /// Watches the switch of this connection: adopts the calls of processes that died, as long as
    /// the switch still has them, and gives each back when it ends. Dropping the [`Watch`] ends it.
    ///
    /// Give it an inbound connection that reconnects; several processes may watch the same switch.
    /// It reads CHANNEL_HANGUP_COMPLETE, CHANNEL_DESTROY and CHANNEL_UUID.
    ///
    /// ```no_run
    /// # async fn example(balancer: genesis_ringgroup::RedisBalancer) -> Result<(), Box<dyn std::error::Error>> {
    /// use genesis_ringgroup::channel::client::Inbound;
    ///
    /// let client = Inbound::builder().password("ClueCon").connect("127.0.0.1:8021").await?;
    /// let watch = balancer.watch(&client).await?; // hold it as long as the process runs
    /// # drop(watch);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Disconnected`] when the connection has ended, [`ErrorKind::Channel`] when it
    /// refuses the subscription, [`ErrorKind::Backend`] when Redis cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing watches then.
    pub async fn watch(&self, client: &genesis_client::Client) -> Result<Watch> {
        let (store, scripts) = (self.member.store().clone(), self.member.scripts());
        let member = Member::start(store, Arc::clone(scripts), self.limit, true);
        Watch::start(member, client.clone()).await
    }

    /// The counts of all destinations that have calls; while Redis is down, and if
    /// [`WhenDown::CountLocally`] was asked for, those of this process, which they say.
    ///
    /// ```no_run
    /// # async fn example(balancer: genesis_ringgroup::RedisBalancer) -> genesis_ringgroup::Result<()> {
    /// let counts = balancer.snapshot().await?;
    /// for (agent, calls) in counts.iter().filter(|(_, calls)| *calls > 1) {
    ///     println!("{agent} has {calls} calls at once");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Backend`] when Redis cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn snapshot(&self) -> Result<Counts> {
        if self.is_alone() {
            return Ok(self.member.table().tally().snapshot(true));
        }
        let args = Args::default().with(LISTED);
        let found = self.ask(&self.member.scripts().snapshot, &args).await;
        let found: Vec<redis::Value> = match found {
            Ok(found) => found,
            Err(_) if self.counts_locally() => {
                return Ok(self.member.table().tally().snapshot(true));
            }
            Err(error) => return Err(error),
        };
        let read = |value: redis::Value| redis::from_redis_value::<String>(value);
        let mut found = found.into_iter().map(read);
        let mut next = || found.next()?.ok();
        let destinations = next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let pairs = std::iter::from_fn(|| {
            let destination = next()?;
            Some((destination, next()?.parse().ok()?))
        });
        Ok(Counts::new(pairs, destinations, false))
    }

    /// Ends the counting: gives back every call that this balancer and its clones still count, those
    /// that ring or are up too, and waits until Redis knows. Before a process ends, so that what it
    /// counted does not stay until its lease runs out; a balancer that is just dropped does the same
    /// in the background, for which the runtime has to go on.
    ///
    /// Nothing is counted any more then: choosing is an error, releasing a [`Load`] does nothing. A
    /// [`Watch`] goes on. Takes at most twice the
    /// [`command_timeout`](RedisOptions::command_timeout), 4 s unless set.
    ///
    /// ```no_run
    /// # async fn example(redis: genesis_ringgroup::RedisOptions) -> genesis_ringgroup::Result<()> {
    /// use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer};
    ///
    /// let balancer = RedisBalancer::connect(redis).await?;
    /// let load = balancer.count("user/1001").await?;
    /// // … the call ends, and so does this process
    /// drop(load);
    /// balancer.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Backend`] when Redis cannot be reached or does not answer in time. The calls are
    /// then given back when the lease runs out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the closing back; it goes on in the background.
    pub async fn close(&self) -> Result<()> {
        self.member.leave().await
    }

    /// Waits until no call that this balancer and its clones count rings any more, and Redis knows
    /// everything: what was given back, and which calls are up. Before a process ends that leaves
    /// calls up: they are then counted as those of a process that died, until their end if somebody
    /// [watches](Self::watch) the switch, else until the lease runs out.
    ///
    /// Takes at most twice the [`command_timeout`](RedisOptions::command_timeout), 4 s unless set.
    ///
    /// ```no_run
    /// # async fn example(balancer: genesis_ringgroup::RedisBalancer) -> genesis_ringgroup::Result<()> {
    /// // deploy: the calls stay up, the next process watches the switch
    /// balancer.settled().await?;
    /// std::process::exit(0);
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Backend`] when Redis cannot be reached or a call rings for longer than that.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn settled(&self) -> Result<()> {
        self.member.settle().await
    }

    fn counts_locally(&self) -> bool {
        self.when_down == WhenDown::CountLocally
    }

    /// Redis did not answer last, and the caller would rather not wait for it.
    fn is_alone(&self) -> bool {
        self.counts_locally() && self.member.table().away
    }

    async fn ask<T: redis::FromRedisValue>(
        &self,
        script: &crate::redis::Script,
        args: &Args,
    ) -> Result<T> {
        if self.counts_locally() {
            self.member.run_soon(script, args).await
        } else {
            self.member.run(script, args).await
        }
    }

    fn choose_alone(&self, destinations: &[&str]) -> Result<Choice> {
        let (index, id) = self.member.table().choose_alone(destinations)?;
        self.member.work.notify_one();
        let counted = Counted::new(&self.member, id, self.when_down);
        let load = Load::new(destinations[index], counted);
        Ok(Choice::new(index, load.as_local_fallback()))
    }

    async fn choose_named(&self, destinations: &[&str]) -> Result<Choice> {
        check_destinations(destinations)?;
        if self.is_alone() {
            return self.choose_alone(destinations);
        }
        // given back when it is dropped: when this future is, or Redis fails
        let counted = Counted::new(&self.member, self.member.begin()?, self.when_down);
        let mut args = self.member.args().with(&counted.id).with(REMEMBERED);
        for destination in destinations {
            args.push(destination);
        }
        let chosen: Result<usize> = self.ask(&self.member.scripts().choose, &args).await;
        let index = match chosen {
            Ok(place) => place.wrapping_sub(1),
            Err(error) => {
                drop(counted);
                if self.counts_locally() {
                    return self.choose_alone(destinations);
                }
                return Err(error);
            }
        };
        let Some(destination) = destinations.get(index) else {
            return Err(Error::new(
                ErrorKind::Backend,
                "Redis chose a destination that is not in the list; do other programs use the \
                 prefix of this balancer?",
            ));
        };
        if !self.member.table().counted(&counted.id, destination) {
            // closed meanwhile: whether Redis counted it before or after the others left is not known
            let release = &self.member.scripts().release;
            let args = Args::default().with(&counted.id);
            let _ = self.member.run_soon::<i64>(release, &args).await;
            return Err(closed());
        }
        Ok(Choice::new(index, Load::new(*destination, counted)))
    }
}

impl fmt::Debug for RedisBalancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBalancer")
            .field("redis", self.member.store().options())
            .field("when_down", &self.when_down)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl LoadBalancer for RedisBalancer {
    async fn choose(&self, destinations: &[String]) -> Result<Choice> {
        let destinations: Vec<&str> = destinations.iter().map(String::as_str).collect();
        self.choose_named(&destinations).await
    }

    async fn count(&self, destination: &str) -> Result<Load> {
        Ok(self.choose_named(&[destination]).await?.load)
    }

    fn backend(&self) -> &'static str {
        "redis"
    }

    /// While Redis is down, and if [`WhenDown::CountLocally`] was asked for, the calls of this
    /// process alone; [`snapshot`](RedisBalancer::snapshot) says which it is.
    async fn get_count(&self, destination: &str) -> Result<u64> {
        if !self.is_alone() {
            let args = Args::default().with(destination);
            match self.ask(&self.member.scripts().get_count, &args).await {
                Err(_) if self.counts_locally() => {}
                answer => return answer,
            }
        }
        Ok(self.member.table().tally().get(destination))
    }
}

/// One call that is counted in Redis, or is about to be. Gives itself back when it is dropped.
struct Counted {
    member: Arc<Member>,
    id: Id,
    when_down: WhenDown,
    over: bool,
}

impl Counted {
    fn new(member: &Arc<Member>, id: Id, when_down: WhenDown) -> Self {
        Self {
            member: Arc::clone(member),
            id,
            when_down,
            over: false,
        }
    }
}

#[async_trait]
impl LoadKeeper for Counted {
    async fn answered(&self, uuid: &str) -> Result<()> {
        let (known, away) = self.member.answered(&self.id, uuid);
        if !known {
            return Ok(());
        }
        let quiet = self.when_down == WhenDown::CountLocally;
        if quiet && away {
            // the synchronisation tells
            return Ok(());
        }
        let args = Args::default()
            .with(self.member.lease().as_millis())
            .with(&self.id)
            .with(uuid);
        let script = &self.member.scripts().answered;
        let told: Result<i64> = if quiet {
            self.member.run_soon(script, &args).await
        } else {
            self.member.run(script, &args).await
        };
        match told {
            Ok(0) => {
                // Redis does not know the call (any more): tell it everything
                self.member.table().out_of_step = true;
                self.member.work.notify_one();
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(_) if quiet => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn release(mut self: Box<Self>) -> Result<()> {
        self.over = true;
        self.member.release_and_wait(&self.id).await
    }

    fn detach(mut self: Box<Self>) {
        // without a runtime, and without Redis, it is given back
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { self.over = self.member.detach(&self.id).await });
        }
    }

    fn discard(self: Box<Self>) {}
}

impl Drop for Counted {
    fn drop(&mut self) {
        if !self.over {
            self.member.release(&self.id);
        }
    }
}
