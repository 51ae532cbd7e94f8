//! Redis that is down, comes back, and has lost data.

use std::time::Duration;

use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer, WhenDown};

use crate::server::Server;
use crate::{LEASE, SLACK, always, balancer, count, names, options, until};

/// How long an operation may take here.
const PATIENCE: Duration = Duration::from_millis(300);

#[tokio::test]
async fn redis_that_is_down_is_a_clear_error_and_counts_nothing() {
    let mut server = Server::start();
    let options = options(&server).command_timeout(PATIENCE);
    let balancer = RedisBalancer::connect(options.clone()).await.unwrap();
    let before = balancer.count("a").await.unwrap();
    let released = balancer.count("a").await.unwrap();
    server.kill();

    for error in [
        balancer.choose(&names(&["a", "b"])).await.unwrap_err(),
        balancer.count("a").await.unwrap_err(),
        balancer.get_count("a").await.unwrap_err(),
        balancer.snapshot().await.unwrap_err(),
        before.answered("7f4d").await.unwrap_err(),
        released.release().await.unwrap_err(),
        RedisBalancer::connect(options).await.unwrap_err(),
    ] {
        assert!(error.is_backend(), "{error}");
        assert!(error.to_string().contains("is it running"), "{error}");
    }

    server.restart_empty();
    // what was counted before is, and what was released is not
    let counts = async || balancer.get_count("a").await.ok();
    until(Some(1), LEASE + SLACK, counts).await;
    assert_eq!(balancer.snapshot().await.unwrap().total(), 1);
    let entries: Vec<String> = server.get(&["HVALS", "genesis:{balance}:entries"]);
    assert!(entries[0].ends_with(" 7f4d a"), "{entries:?}");
    before.release().await.unwrap();
    assert_eq!(count(&balancer, "a").await, 0);
}

#[tokio::test]
async fn the_fallback_counts_locally_says_so_and_tells_redis_later() {
    let mut server = Server::start();
    let options = options(&server).command_timeout(PATIENCE);
    server.kill();
    let balancer = RedisBalancer::builder(options)
        .when_down(WhenDown::CountLocally)
        .limit(9)
        .connect()
        .await
        .unwrap();
    let all = names(&["a", "b", "c"]);
    let mut loads = Vec::new();
    for turn in 0..9 {
        let choice = balancer.choose(&all).await.unwrap();
        assert!(choice.is_local_fallback());
        assert_eq!(choice.index, turn % 3);
        choice.load.answered("7f4d").await.unwrap();
        loads.push(choice.load);
    }
    assert!(balancer.choose(&all).await.is_err(), "the limit");
    assert_eq!(count(&balancer, "b").await, 3);
    assert!(balancer.snapshot().await.unwrap().is_local_fallback());
    drop(loads.pop());

    server.restart();
    let shared = async || {
        let counts = balancer.snapshot().await.unwrap();
        (counts.is_local_fallback(), counts.total())
    };
    until((false, 8), LEASE + SLACK, shared).await;
    let choice = balancer.choose(&all).await.unwrap();
    assert!(!choice.is_local_fallback());
    assert_eq!(choice.index, 2);
    // released one by one, Redis hears of each
    loads.push(choice.load);
    for load in loads {
        load.release().await.unwrap();
    }
    assert_eq!(shared().await, (false, 0));
}

#[tokio::test]
async fn redis_that_goes_away_under_the_fallback_is_noticed_and_comes_back() {
    let mut server = Server::start();
    let other = balancer(&server).await;
    let balancer = RedisBalancer::builder(options(&server).command_timeout(PATIENCE))
        .when_down(WhenDown::CountLocally)
        .connect()
        .await
        .unwrap();
    let all = names(&["a", "b"]);
    let _elsewhere = other.count("a").await.unwrap();
    let first = balancer.choose(&all).await.unwrap();
    assert!((first.index, first.is_local_fallback()) == (1, false));

    server.kill();
    // "b" has a call of this process, so it is "a"'s turn: what others count is not known
    let second = balancer.choose(&all).await.unwrap();
    assert!((second.index, second.is_local_fallback()) == (0, true));
    first.load.release().await.unwrap_err();
    server.restart_empty();
    let shared = async || {
        let counts = balancer.snapshot().await.unwrap();
        (counts.is_local_fallback(), counts.get("a"), counts.get("b"))
    };
    until((false, 2, 0), LEASE + SLACK, shared).await;
    drop(second);
    until((false, 1, 0), LEASE, shared).await;
}

#[tokio::test]
async fn a_restart_with_data_changes_nothing() {
    let mut server = Server::start_durable();
    let balancer = balancer(&server).await;
    let ringing = balancer.count("a").await.unwrap();
    let up = balancer.count("b").await.unwrap();
    up.answered("7f4d").await.unwrap();
    server.kill();
    server.restart();
    let both = async || (count(&balancer, "a").await, count(&balancer, "b").await);
    always((1, 1), LEASE * 2, both).await;
    ringing.release().await.unwrap();
    up.release().await.unwrap();
    assert_eq!(both().await, (0, 0));
}

#[tokio::test]
async fn data_that_is_old_is_repaired_both_ways() {
    let server = Server::start();
    let balancer = balancer(&server).await;
    let released = balancer.count("old").await.unwrap();
    let kept = balancer.count("kept").await.unwrap();
    let old = server.contents();
    released.release().await.unwrap();
    let new = balancer.count("new").await.unwrap();
    // as many calls as in the old data, and other ones
    let counted = server.put_back(&old, "genesis:{balance}:counts", "old");
    assert_eq!(counted, "1");
    let counts = async || {
        let counts = balancer.snapshot().await.unwrap();
        (counts.get("old"), counts.get("kept"), counts.get("new"))
    };
    until((0, 1, 1), LEASE + SLACK, counts).await;
    always((0, 1, 1), LEASE * 2, counts).await;
    kept.release().await.unwrap();
    new.release().await.unwrap();
    assert_eq!(balancer.snapshot().await.unwrap().total(), 0);
}

#[tokio::test]
async fn data_that_is_flushed_is_restored_by_the_next_renewal() {
    let server = Server::start();
    let balancer = balancer(&server).await;
    let load = balancer.count("a").await.unwrap();
    server.run(&["FLUSHALL"]);
    assert_eq!(count(&balancer, "a").await, 0);
    until(1, LEASE / 3 + SLACK, async || count(&balancer, "a").await).await;
    server.run(&["FLUSHALL"]);
    // Redis does not know the call that was answered: it is told everything at once
    load.answered("7f4d").await.unwrap();
    until(1, LEASE / 3, async || count(&balancer, "a").await).await;
    load.release().await.unwrap();
    assert_eq!(count(&balancer, "a").await, 0);
}

#[tokio::test]
async fn a_redis_that_hangs_ends_every_wait() {
    let server = Server::start();
    let balancer = RedisBalancer::builder(options(&server).command_timeout(PATIENCE))
        .when_down(WhenDown::CountLocally)
        .connect()
        .await
        .unwrap();
    let load = balancer.count("a").await.unwrap();
    server.run(&["CLIENT", "PAUSE", "1000", "ALL"]);
    let started = tokio::time::Instant::now();
    let choice = balancer.choose(&names(&["a", "b"])).await.unwrap();
    assert!((choice.index, choice.is_local_fallback()) == (1, true));
    let took = started.elapsed();
    assert!(took < PATIENCE + SLACK, "it took {took:?}");
    drop(load);
    let shared = async || {
        let counts = balancer.snapshot().await.unwrap();
        (counts.is_local_fallback(), counts.get("a"), counts.get("b"))
    };
    until((false, 0, 1), Duration::from_secs(3), shared).await;
    always((false, 0, 1), LEASE, shared).await;
}
