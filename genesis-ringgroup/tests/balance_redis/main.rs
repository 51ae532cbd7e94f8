//! Balancing over a real redis-server, by several processes.
#![cfg(feature = "redis")]
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod closing;
mod down;
mod lost;
mod processes;
#[path = "../queue_redis/proxy.rs"]
mod proxy;
#[path = "../redis_server/mod.rs"]
mod redis_server;
mod same_as_memory;
mod server;
mod watched;
mod worker;

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use genesis_ringgroup::RedisOptions;
use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer};
use server::Server;
use tokio::time::Instant;

/// The lease of nearly every test.
const LEASE: Duration = Duration::from_millis(500);
/// How much longer than it should something may take on a machine that has other work.
const SLACK: Duration = Duration::from_millis(600);

fn options(server: &Server) -> RedisOptions {
    RedisOptions::new(server.url()).lease(LEASE)
}

async fn balancer(server: &Server) -> RedisBalancer {
    RedisBalancer::connect(options(server)).await.unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Looks until it sees `wanted`, and gives the time that it took. Leases end without a sign, so
/// there is nothing else to wait for.
async fn until<T, F>(wanted: T, within: Duration, mut look: impl FnMut() -> F) -> Duration
where
    T: PartialEq + Debug,
    F: Future<Output = T>,
{
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    loop {
        ticks.tick().await;
        let seen = look().await;
        if seen == wanted {
            return started.elapsed();
        }
        assert!(
            started.elapsed() < within,
            "{seen:?} instead of {wanted:?} after {within:?}"
        );
    }
}

/// Looks all the time, and sees nothing else. On a machine that is so busy that we look late,
/// others renew their leases late: then it may be something else for a moment.
async fn always<T, F>(wanted: T, during: Duration, mut look: impl FnMut() -> F)
where
    T: PartialEq + Debug,
    F: Future<Output = T>,
{
    let started = Instant::now();
    let mut looked = started;
    let (mut late, mut wrong) = (None, None);
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    while started.elapsed() < during || wrong.is_some() {
        ticks.tick().await;
        let seen = look().await;
        if looked.elapsed() > LEASE / 5 {
            late = Some(Instant::now());
        }
        looked = Instant::now();
        if seen == wanted {
            wrong = None;
            continue;
        }
        let since = *wrong.get_or_insert(looked);
        let busy = late.is_some_and(|late| late + LEASE * 2 > since);
        assert!(
            busy && since.elapsed() < LEASE * 4,
            "{seen:?} instead of {wanted:?} after {:?}",
            started.elapsed()
        );
    }
}

/// What does not come in half a minute does not come.
async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    let awaited = tokio::time::timeout(Duration::from_secs(30), awaited);
    awaited.await.expect("it never comes")
}

/// The count of a destination.
async fn count(balancer: &RedisBalancer, destination: &str) -> u64 {
    balancer.get_count(destination).await.unwrap()
}
