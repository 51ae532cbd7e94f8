//! Many processes at once, and processes that are killed.

use std::time::Duration;

use genesis_ringgroup::balance::LoadBalancer;
use tokio::time::Instant;

use crate::server::Server;
use crate::worker::Worker;
use crate::{LEASE, SLACK, always, balancer, count, until};

const DESTINATIONS: [&str; 7] = ["d0", "d1", "d2", "d3", "d4", "d5", "d6"];

#[tokio::test]
async fn processes_choosing_at_once_spread_evenly() {
    let server = Server::start();
    let judge = balancer(&server).await;
    let mut workers = Vec::new();
    for _ in 0..10 {
        // nobody dies here, however busy the machine
        workers.push(Worker::start(&server.url(), Duration::from_secs(60)).await);
    }
    for worker in &mut workers {
        let line = format!("choose 100 {}", DESTINATIONS.join(" "));
        worker.tell(line).await;
    }
    for worker in &mut workers {
        assert_eq!(worker.answer().await, "chosen 100");
    }
    let spread = async || {
        let counts = judge.snapshot().await.unwrap();
        assert!(!counts.is_local_fallback());
        let each = || counts.iter().map(|(_, count)| count);
        (
            counts.total(),
            each().max().unwrap_or(0) - each().min().unwrap_or(0),
        )
    };
    let (total, uneven) = spread().await;
    assert_eq!(total, 1000);
    assert!(uneven <= 1, "{:?}", judge.snapshot().await);

    // calls end here and there; choosing again evens it out
    for worker in &mut workers {
        assert_eq!(worker.ask("drop_some 3").await, "67");
    }
    assert_eq!(spread().await.0, 670);
    for worker in &mut workers {
        worker
            .tell(format!("choose 33 {}", DESTINATIONS.join(" ")))
            .await;
    }
    for worker in &mut workers {
        assert_eq!(worker.answer().await, "chosen 33");
    }
    let (total, uneven) = spread().await;
    assert_eq!(total, 1000);
    assert!(uneven <= 1, "{:?}", judge.snapshot().await);
}

#[tokio::test]
async fn the_killed_give_back_within_their_lease_and_the_living_keep() {
    let server = Server::start();
    let judge = balancer(&server).await;
    let mut workers = Vec::new();
    for _ in 0..6 {
        let mut worker = Worker::start(&server.url(), LEASE).await;
        assert_eq!(worker.ask("choose 20 d0 d1").await, "chosen 20");
        // one of their calls is up, but nobody watches the switch
        assert_eq!(worker.ask("answered 1 7f4d").await, "up");
        workers.push(worker);
    }
    let total = async || judge.snapshot().await.unwrap().total();
    until(120, LEASE * 4, total).await;
    for worker in &mut workers[..3] {
        worker.kill().await;
    }
    until(60, LEASE + SLACK, total).await;
    // the others renew theirs
    always(60, LEASE * 3, total).await;
}

/// Processes are killed, and the server too, in the midst of choosing.
#[tokio::test]
async fn deaths_while_choosing_lose_no_count_and_leave_none() {
    for data_is_lost in [false, true] {
        let mut server = Server::start_durable();
        let judge = balancer(&server).await;
        let mut workers = Vec::new();
        for _ in 0..8 {
            workers.push(Worker::start(&server.url(), LEASE).await);
        }
        let line = format!("choose 200 {}", DESTINATIONS.join(" "));
        for worker in &mut workers {
            worker.tell(&line).await;
        }
        let total = async || judge.snapshot().await.map_or(0, |counts| counts.total());
        // they are at work
        while total().await < 100 {}
        for mut worker in workers.drain(..3) {
            worker.kill().await;
        }
        server.kill();
        if data_is_lost {
            server.restart_empty();
        } else {
            server.restart();
        }
        for worker in &mut workers {
            assert_eq!(worker.answer().await, "chosen 200");
        }
        until(1000, LEASE * 2 + SLACK, total).await;
        always(1000, LEASE, total).await;
        for worker in &mut workers {
            assert_eq!(worker.ask("drop_some 1").await, "0");
        }
        until(0, LEASE + SLACK, total).await;
        let entries: i64 = server.get(&["EXISTS", "genesis:{balance}:entries"]);
        assert_eq!(entries, 0);
    }
}

#[tokio::test]
async fn nothing_is_polled_while_idle_and_every_key_expires() {
    let server = Server::start();
    let balancer = balancer(&server).await;
    let load = balancer.count("a").await.unwrap();
    load.answered("7f4d").await.unwrap();
    let keys: Vec<String> = server.get(&["KEYS", "*"]);
    assert!(keys.len() >= 6, "{keys:?}");
    for key in &keys {
        assert!(key.starts_with("genesis:{balance}:"), "{key}");
        let left: i64 = server.get(&["PTTL", key]);
        assert!(left > 0, "{key} never expires");
    }
    let scripts = || {
        let stats: String = server.get(&["INFO", "commandstats"]);
        let calls = stats.lines().find_map(|line| {
            let calls = line.strip_prefix("cmdstat_evalsha:calls=")?;
            calls.split(',').next()?.parse::<u64>().ok()
        });
        calls.unwrap_or(0)
    };
    // with a call: only renewals, one each third of the lease
    let before = scripts();
    let started = Instant::now();
    until(true, LEASE * 4, async || scripts() >= before + 6).await;
    let took = started.elapsed();
    // five thirds of a lease, if the first one was not late
    assert!(took >= LEASE * 4 / 3, "six renewals in {took:?}");

    load.release().await.unwrap();
    assert_eq!(count(&balancer, "a").await, 0);
    let before = scripts();
    always(before, LEASE * 2, async || scripts()).await;
}

#[tokio::test]
async fn futures_that_are_dropped_leave_no_load() {
    let server = Server::start();
    let balancer = balancer(&server).await;
    let all = crate::names(&["a", "b"]);
    for round in 0..200_u64 {
        let choice = balancer.choose(&all);
        let patience = Duration::from_micros(round * 5 % 400);
        // some have answered by then, some have not
        drop(tokio::time::timeout(patience, choice).await);
    }
    let barrier = balancer.count("barrier").await.unwrap();
    barrier.release().await.unwrap();
    let total = async || balancer.snapshot().await.unwrap().total();
    // what the first barrier overtook is found by the next comparison
    until(0, LEASE, total).await;
    assert_eq!(
        server.get::<i64>(&["EXISTS", "genesis:{balance}:entries"]),
        0
    );
}

#[tokio::test]
async fn whoever_leaves_gives_everything_back_at_once() {
    let server = Server::start();
    let judge = balancer(&server).await;
    let leaving = balancer(&server).await;
    let first = leaving.count("a").await.unwrap();
    let second = leaving.count("a").await.unwrap();
    drop(leaving);
    // a call in progress keeps its lease alive
    always(2, LEASE * 2, async || count(&judge, "a").await).await;
    drop(first);
    until(1, LEASE / 2, async || count(&judge, "a").await).await;
    drop(second);
    until(0, LEASE / 2, async || count(&judge, "a").await).await;
    let member = async || server.get::<i64>(&["EXISTS", "genesis:{balance}:members"]);
    until(0, LEASE / 2, member).await;
}
