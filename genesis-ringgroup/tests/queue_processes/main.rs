//! Queues on a real Redis shared by several processes, some of which are killed, while the server is
//! restarted.
#![cfg(feature = "redis")]
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

#[path = "../redis_server/mod.rs"]
mod redis_server;
mod worker;

use std::collections::HashMap;
use std::time::Duration;

use redis_server::{Data, RedisServer};
use worker::{ID, LEASE, Workers, nanoseconds};

/// What a loaded machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(400);

fn set_limit(server: &RedisServer, limit: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = genesis_ringgroup::RedisOptions::new(server.url()).lease(LEASE);
        let queue = genesis_ringgroup::Queue::redis(options).await.unwrap();
        queue.set_limit(ID, limit).await.unwrap();
    });
}

/// Runs a story that ends early if the machine was too slow for the lease: then once more.
fn tell(story: impl Fn() -> Option<()>) {
    const TIMES: usize = 5;
    for _ in 0..TIMES {
        if story().is_some() {
            return;
        }
    }
    panic!("{TIMES} times places were lost, or came too late: is the machine that slow?");
}

fn between(from: u128, to: u128) -> Duration {
    Duration::from_nanos(u64::try_from(to.saturating_sub(from)).unwrap())
}

#[test]
fn what_killed_processes_held_or_waited_for_is_back_within_the_lease() {
    tell(killed_processes);
}

fn killed_processes() -> Option<()> {
    let server = RedisServer::start();
    set_limit(&server, 2);
    let mut workers = Workers::start(server.url(), 5);
    for (worker, item) in ["a", "b"].into_iter().enumerate() {
        workers.enter(worker, item)?;
        workers.wait_for("begin", item)?;
    }
    for (worker, item) in [(2, "c"), (3, "d"), (4, "e"), (3, "f")] {
        workers.enter(worker, item)?;
    }
    // a holder and the head of the line; then the place is d's
    workers.kill(2);
    let killed = workers.kill(0);
    let begun = workers.wait_for("begin", "d")?;
    let lost_for = between(killed, begun.at);
    println!("back after {lost_for:?}");
    assert!(
        lost_for >= LEASE / 3,
        "before the lease was over: {lost_for:?}"
    );
    // the others are served in their order
    workers.tell(1, "release b");
    workers.wait_for("begin", "e")?;
    workers.tell(4, "release e");
    workers.wait_for("begin", "f")?;
    assert!(!workers.has("begin", "c"), "it is dead");
    (lost_for <= LEASE + SLACK).then_some(())
}

/// Two hold, three wait; the server goes and comes back. Nobody new is served for one lease, then all in
/// their old order.
fn the_order_survives_a_restart(data: Data) -> Option<()> {
    let mut server = RedisServer::start_durable();
    set_limit(&server, 2);
    let mut workers = Workers::start(server.url(), 4);
    for (worker, item) in [(0, "a"), (1, "b")] {
        workers.enter(worker, item)?;
        workers.wait_for("begin", item)?;
    }
    // in an order that is not that of the processes
    for (worker, item) in [(3, "c"), (2, "d"), (1, "e"), (3, "f")] {
        workers.enter(worker, item)?;
    }
    let down = nanoseconds();
    // holders that cannot renew fence themselves; those who wait do not
    workers.may_lose = &["a", "b"];
    server.start_again(data);
    let up = nanoseconds();
    if data == Data::Lost {
        // limits that were set are data too
        set_limit(&server, 2);
    }
    workers.tell(0, "release a");
    if !workers.has("lost", "a") {
        workers.wait(|said| said.item == "a")?;
    }
    // whoever comes now has to queue up behind those who were there
    let late = workers.add();
    workers.enter(late, "g")?;
    let begun = workers.wait_for("begin", "c")?;
    // the server may have been there a moment before we were told
    let quiet = between(down, begun.at);
    assert!(quiet >= LEASE, "served {quiet:?} after the server died");
    let lost = workers.has("lost", "a") || workers.has("lost", "b");
    if lost && between(down, up) < LEASE / 6 {
        return None; // there was time to renew
    }
    assert!(lost || !workers.has("begin", "d"), "three at a time");
    workers.tell(1, "release b");
    workers.wait_for("begin", "d")?;
    for (worker, item, next) in [(3, "c", "e"), (2, "d", "f"), (1, "e", "g")] {
        assert!(!workers.has("begin", next), "{next} is not next");
        workers.tell(worker, &format!("release {item}"));
        workers.wait_for("begin", next)?;
    }
    // whole seconds are all that a new server says of its age
    (between(up, begun.at) <= LEASE * 3 + SLACK).then_some(())
}

#[test]
fn the_order_survives_a_restart_with_data() {
    tell(|| the_order_survives_a_restart(Data::Kept));
}

#[test]
fn the_order_survives_a_restart_without_data() {
    tell(|| the_order_survives_a_restart(Data::Lost));
}

#[test]
fn a_stalled_holder_learns_that_it_lost_its_place() {
    tell(stalled_holder);
}

fn stalled_holder() -> Option<()> {
    let server = RedisServer::start();
    let mut workers = Workers::start(server.url(), 2);
    workers.enter(0, "a")?;
    workers.wait_for("begin", "a")?;
    workers.enter(1, "b")?;
    workers.signal(0, "STOP");
    let stopped = nanoseconds();
    let begun = workers.wait_for("begin", "b")?;
    workers.may_lose = &["a"];
    workers.signal(0, "CONT");
    let resumed = nanoseconds();
    let lost = workers.wait_for("lost", "a")?;
    assert!(lost.at > begun.at, "told while it stood still");
    // it is back in business
    workers.enter(0, "c")?;
    workers.tell(1, "release b");
    workers.wait_for("begin", "c")?;
    let in_time = between(stopped, begun.at) <= LEASE + SLACK;
    (in_time && between(resumed, lost.at) <= SLACK).then_some(())
}

#[test]
fn a_holder_that_cannot_renew_stops_before_others_begin() {
    tell(holder_without_server);
}

fn holder_without_server() -> Option<()> {
    let mut server = RedisServer::start();
    let mut workers = Workers::start(server.url(), 1);
    workers.enter(0, "a")?;
    workers.wait_for("begin", "a")?;
    workers.may_lose = &["a"];
    server.kill();
    let down = nanoseconds();
    let lost = workers.wait_for("lost", "a")?;
    assert!(
        between(down, lost.at) >= LEASE / 4,
        "it could have been renewed"
    );
    (between(down, lost.at) <= LEASE * 2 / 3 + LEASE / 4).then_some(())
}

#[test]
fn the_limit_holds_while_processes_die_and_the_server_restarts() {
    const LIMIT: usize = 3;
    let mut server = RedisServer::start_durable();
    set_limit(&server, LIMIT);
    let mut workers = Workers::start(server.url(), 6);
    workers.may_lose = &["*"];
    for worker in 0..6 {
        workers.tell(worker, &format!("churn w{worker} 3"));
    }
    let mut killed = HashMap::new();
    let served = |workers: &mut Workers, count| {
        for _ in 0..count {
            workers.wait(|said| said.kind == "begin");
        }
    };
    served(&mut workers, 40);
    for (victim, data) in [
        (0, Some(Data::Lost)),
        (1, None),
        (2, Some(Data::Kept)),
        (3, None),
    ] {
        // most likely while it holds
        workers.wait(|said| said.kind == "begin" && said.worker == victim);
        killed.insert(victim, workers.kill(victim));
        match data {
            Some(data) => {
                server.kill();
                server.start_again(data);
                if data == Data::Lost {
                    set_limit(&server, LIMIT);
                }
            }
            None => served(&mut workers, 1),
        }
        served(&mut workers, 40);
    }
    workers.hear();
    let until = nanoseconds();

    // every time that somebody was sure to hold
    let mut ends: HashMap<&str, u128> = HashMap::new();
    for said in workers
        .log
        .iter()
        .filter(|said| said.kind == "end" || said.kind == "lost")
    {
        ends.insert(&said.item, said.at);
    }
    let mut moments = Vec::new();
    for said in workers.log.iter().filter(|said| said.kind == "begin") {
        let died = killed.get(&said.worker).copied().unwrap_or(until);
        let end = ends.get(said.item.as_str()).copied().unwrap_or(died);
        moments.push((said.at, 1));
        moments.push((end.max(said.at), -1));
    }
    // an end goes before a beginning at the same moment
    moments.sort_unstable();
    let (mut holding, mut most) = (0, 0);
    for (at, change) in &moments {
        holding += change;
        most = most.max(holding);
        assert!(holding <= 3, "{holding} hold at {at}");
    }
    assert_eq!(
        most, 3,
        "the limit was never reached: the test shows nothing"
    );
}
