//! Balancing over a real redis-server, by several processes.
#![cfg(feature = "redis")]
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod down;
mod processes;
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
const LEASE: Duration = Duration::from_millis(400);
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

/// Looks all the time, and sees nothing else.
async fn always<T, F>(wanted: T, during: Duration, mut look: impl FnMut() -> F)
where
    T: PartialEq + Debug,
    F: Future<Output = T>,
{
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    while started.elapsed() < during {
        ticks.tick().await;
        assert_eq!(look().await, wanted, "after {:?}", started.elapsed());
    }
}

/// What does not come in ten seconds does not come.
async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    let awaited = tokio::time::timeout(Duration::from_secs(10), awaited);
    awaited.await.expect("it never comes")
}

/// The count of a destination.
async fn count(balancer: &RedisBalancer, destination: &str) -> u64 {
    balancer.get_count(destination).await.unwrap()
}
