//! Queues on a real Redis: what happens between two handles, and on bad days.
#![cfg(feature = "redis")]
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod proxy;
#[path = "../redis_server/mod.rs"]
mod redis_server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use genesis_ringgroup::queue::{Queue, QueueState, SlotOptions};
use genesis_ringgroup::{ErrorKind, RedisOptions};
use proxy::Proxy;
use redis_server::{Data, RedisServer};

const ID: &str = "support";
/// Where the end of a lease is waited for.
const LEASE: Duration = Duration::from_millis(400);
/// Where it must not end, however slow the machine.
const LONG_LEASE: Duration = Duration::from_secs(10);
/// Far more than anything should take.
const PATIENCE: Duration = Duration::from_secs(20);

async fn connect(url: String, lease: Duration) -> Queue {
    let options = RedisOptions::new(url).lease(lease);
    Queue::redis(options).await.unwrap()
}

/// Makes the queue known, so that the youth of the server does not matter to long leases.
async fn start() -> RedisServer {
    let server = RedisServer::start();
    let queue = connect(server.url(), Duration::from_millis(200)).await;
    queue.set_limit(ID, 1).await.unwrap();
    loop {
        // on a machine so slow that the lease ran out: again
        if let Ok(slot) = queue.slot(ID, SlotOptions::new()).await
            && slot.release().await.is_ok()
        {
            break;
        }
    }
    becomes(&queue, 0, 0).await;
    server
}

fn named(item: &str) -> SlotOptions {
    SlotOptions::new().item_id(item).timeout(PATIENCE)
}

async fn state(queue: &Queue) -> (usize, usize, usize) {
    let state = queue.state(ID).await.unwrap();
    (state.depth, state.in_use, state.limit)
}

/// Waits until the queue is as given.
async fn becomes(queue: &Queue, depth: usize, in_use: usize) {
    let mut states = queue.watch(ID).unwrap();
    let fits = async {
        while let Some(state) = states.next().await {
            if (state.depth, state.in_use) == (depth, in_use) {
                return;
            }
        }
        panic!("the watch ended");
    };
    let waited = tokio::time::timeout(PATIENCE, fits).await;
    if waited.is_err() {
        panic!("not {:?}: {:?}", (depth, in_use), queue.state(ID).await);
    }
}

/// A story in which a short lease must not end by itself: told again if it did, because the machine is slow.
macro_rules! tell {
    ($story:expr) => {{
        let mut told = false;
        for _ in 0..5 {
            if $story.await.is_some() {
                told = true;
                break;
            }
        }
        assert!(
            told,
            "five times the lease ended too early: is the machine that slow?"
        );
    }};
}

fn redis(server: &RedisServer) -> redis::Connection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_connection().unwrap()
}

/// How often each command was called by clients or scripts, since the last reset.
fn calls(connection: &mut redis::Connection) -> BTreeMap<String, u64> {
    let info: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(connection)
        .unwrap();
    let stat = |line: &str| {
        let (name, numbers) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), numbers.split(',').next()?.parse().ok()?))
    };
    info.lines().filter_map(stat).collect()
}

#[tokio::test]
async fn a_server_that_has_just_begun_grants_nothing_for_one_lease() {
    let began = Instant::now();
    let server = RedisServer::start();
    let queue = connect(server.url(), LEASE).await;
    let slot = queue.slot(ID, named("a")).await.unwrap();
    assert!(began.elapsed() >= LEASE, "{:?}", began.elapsed());
    assert!(slot.waited() <= LEASE + Duration::from_secs(2), "{slot:?}");
}

#[tokio::test]
async fn a_server_that_has_begun_again_with_its_data_grants_nothing_for_one_lease() {
    let mut server = RedisServer::start_durable();
    let queue = connect(server.url(), LEASE).await;
    queue.set_limit(ID, 1).await.unwrap(); // or there would be no data
    drop(queue.slot(ID, named("a")).await.unwrap());
    becomes(&queue, 0, 0).await;
    let began = Instant::now();
    server.start_again(Data::Kept);
    // what is on the disk may be older than the last grant
    let slot = queue.slot(ID, named("b")).await.unwrap();
    assert!(began.elapsed() >= LEASE, "{:?}", began.elapsed());
    drop(slot);
    drop(queue.slot(ID, named("c").timeout(LEASE * 5)).await.unwrap());
}

#[tokio::test]
async fn two_handles_share_a_line() {
    let server = start().await;
    let one = connect(server.url(), LONG_LEASE).await;
    let two = connect(server.url(), LONG_LEASE).await;
    assert_eq!(state(&one).await, (0, 0, 1));
    let mut states = two.watch(ID).unwrap();
    assert_eq!(states.next().await, Some(QueueState::new(0, 0, 1)));
    let slot = one.slot(ID, named("a")).await.unwrap();
    // what a watcher sees is told, not looked for
    let seen = tokio::time::timeout(LONG_LEASE / 3, states.next()).await;
    assert_eq!(seen.unwrap(), Some(QueueState::new(0, 1, 1)));
    let other = one.enter(ID, named("other")).await.unwrap();
    let seen = tokio::time::timeout(LONG_LEASE / 3, states.next()).await;
    assert_eq!(seen.unwrap(), Some(QueueState::new(1, 1, 1)));
    other.leave().await.unwrap();
    let seen = tokio::time::timeout(LONG_LEASE / 3, states.next()).await;
    assert_eq!(seen.unwrap(), Some(QueueState::new(0, 1, 1)));
    let b = two.enter(ID, named("b")).await.unwrap();
    let c = one.enter(ID, named("c")).await.unwrap();
    let mut positions = c.watch();
    assert_eq!(positions.next().await, Some(2));
    let items = two.items(ID).await.unwrap();
    let items: Vec<_> = items
        .iter()
        .map(|i| (i.item.as_str(), i.position))
        .collect();
    assert_eq!(items, [("a", 0), ("b", 1), ("c", 2)]);
    slot.release().await.unwrap();
    let b = b.slot().await.unwrap();
    assert_eq!(positions.next().await, Some(1));
    drop(b);
    assert_eq!(positions.next().await, Some(0));
    let c = c.slot().await.unwrap();
    assert_eq!(c.ahead(), 1);
    // a timeout leaves the line, and an item is in once
    let late = two
        .slot(ID, named("d").timeout(Duration::from_millis(30)))
        .await;
    assert!(late.unwrap_err().is_timeout());
    assert_eq!(state(&two).await, (0, 1, 1));
    let twice = two.enter(ID, named("c")).await.unwrap_err();
    assert_eq!(*twice.kind(), ErrorKind::InvalidArgument);
    let full = two.enter(ID, named("e").max_waiting(0)).await.unwrap_err();
    assert_eq!(*full.kind(), ErrorKind::LimitExceeded);
    // a future that is dropped leaves the line, whenever
    {
        let waiting = two.slot(ID, named("f"));
        let waited = tokio::time::timeout(Duration::from_millis(20), waiting).await;
        assert!(waited.is_err());
    }
    becomes(&one, 0, 1).await;
}

#[tokio::test]
async fn the_limit_changes_for_all_at_once() {
    let server = start().await;
    let one = connect(server.url(), LONG_LEASE).await;
    let two = connect(server.url(), LONG_LEASE).await;
    one.set_limit(ID, 0).await.unwrap();
    let mut tickets = Vec::new();
    for queue in [&one, &two, &one, &two] {
        tickets.push(queue.enter(ID, SlotOptions::new().limit(4)).await.unwrap());
    }
    assert_eq!(state(&one).await, (4, 0, 0));
    two.set_limit(ID, 3).await.unwrap();
    becomes(&one, 1, 3).await;
    for ticket in &mut tickets[..3] {
        ticket.granted().await.unwrap();
    }
    one.set_limit(ID, 1).await.unwrap();
    assert_eq!(state(&two).await, (1, 3, 1));
    tickets.remove(0).leave().await.unwrap();
    assert_eq!(state(&two).await, (1, 2, 1));
    two.unset_limit(ID).await.unwrap();
    assert_eq!(state(&one).await, (0, 3, 4));
}

#[tokio::test]
async fn whoever_drops_its_last_handle_gives_everything_back() {
    let server = start().await;
    let other = connect(server.url(), LONG_LEASE).await;
    let queue = connect(server.url(), LONG_LEASE).await;
    let slot = queue.slot(ID, named("a")).await.unwrap();
    let ticket = queue.enter(ID, named("b")).await.unwrap();
    let entering = queue.enter(ID, named("c"));
    assert_eq!(state(&other).await, (1, 1, 1));
    drop(entering);
    let began = Instant::now();
    drop((slot, ticket, queue));
    becomes(&other, 0, 0).await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn waiting_sends_nothing_but_renewals() {
    tell!(idle());
}

async fn idle() -> Option<()> {
    let server = start().await;
    let one = connect(server.url(), LEASE).await;
    let two = connect(server.url(), LEASE).await;
    let mut connection = redis(&server);
    let reset = redis::cmd("CONFIG").arg("RESETSTAT").to_owned();
    // nothing in any queue; that nothing is sent, only time can show
    reset.exec(&mut connection).unwrap();
    tokio::time::sleep(LEASE * 2).await;
    let idle = calls(&mut connection);
    assert_eq!(idle.get("evalsha"), None, "{idle:?}");
    // beginning to subscribe may come late
    assert!(idle.values().sum::<u64>() <= 3, "{idle:?}");

    // one holds, a hundred wait
    let slot = one.slot(ID, named("a")).await.ok()?;
    let mut tickets = Vec::new();
    for _ in 0..50 {
        tickets.push(one.enter(ID, SlotOptions::new()).await.unwrap());
        tickets.push(two.enter(ID, SlotOptions::new()).await.unwrap());
    }
    reset.exec(&mut connection).unwrap();
    let began = Instant::now();
    tokio::time::sleep(LEASE * 5).await;
    let busy = calls(&mut connection);
    let renewals = began.elapsed().as_secs_f64() / (LEASE / 3).as_secs_f64();
    if slot.is_lost() {
        return None;
    }
    let evalsha = busy.get("evalsha").copied().unwrap_or_default();
    assert!(evalsha <= 2 * (renewals as u64 + 1), "{evalsha}: {busy:?}");
    // on a machine with time to spare they are all there
    assert!(evalsha >= 8, "{evalsha}: {busy:?}");
    for command in ["publish", "subscribe", "get", "ping"] {
        assert_eq!(busy.get(command), None, "{busy:?}");
    }
    Some(())
}

#[tokio::test]
async fn a_grant_wakes_and_is_not_polled_for() {
    let server = start().await;
    let one = connect(server.url(), LONG_LEASE).await;
    let two = connect(server.url(), LONG_LEASE).await;
    let holder = one.slot(ID, named("b")).await.unwrap();
    let mut c = one.enter(ID, named("c")).await.unwrap();
    let mut d = two.enter(ID, named("d")).await.unwrap();
    let began = Instant::now();
    drop(holder);
    c.granted().await.unwrap();
    drop(c);
    d.granted().await.unwrap();
    // a renewal would have come later
    assert!(began.elapsed() < LONG_LEASE / 3, "{:?}", began.elapsed());
}

#[tokio::test]
async fn everything_expires() {
    let server = start().await;
    let queue = connect(server.url(), LONG_LEASE).await;
    let slot = queue.slot(ID, named("a")).await.unwrap();
    let waiting = queue.enter(ID, named("b")).await.unwrap();
    let mut connection = redis(&server);
    let lives = |connection: &mut redis::Connection| {
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(connection).unwrap();
        let life = |key| {
            let life: i64 = redis::cmd("PTTL").arg(&key).query(connection).unwrap();
            (key, life)
        };
        keys.into_iter().map(life).collect::<Vec<_>>()
    };
    let all = lives(&mut connection);
    assert_eq!(all.len(), 5, "{all:?}");
    assert!(
        all.iter().all(|(_, life)| (1..=86_400_000).contains(life)),
        "{all:?}"
    );
    assert!(
        all.iter()
            .all(|(key, _)| key.starts_with("genesis:queue:{support}:")),
        "{all:?}"
    );
    // an empty queue is worth nothing, unless its limit was set
    waiting.leave().await.unwrap();
    slot.release().await.unwrap();
    queue.unset_limit(ID).await.unwrap();
    becomes(&queue, 0, 0).await;
    let rest = lives(&mut connection);
    let two_leases = i64::try_from((LONG_LEASE * 2).as_millis()).unwrap();
    assert!(
        rest.iter().all(|(_, life)| (1..=two_leases).contains(life)),
        "{rest:?}"
    );
}

#[tokio::test]
async fn without_redis_there_are_errors_with_words_and_later_everything_works() {
    let mut server = RedisServer::start();
    let options = RedisOptions::new(server.url())
        .lease(LEASE)
        .command_timeout(Duration::from_millis(200))
        .outage(Duration::from_millis(600));
    let queue = Queue::redis(options.clone()).await.unwrap();
    let slot = queue.slot(ID, named("a")).await.unwrap();
    let waiting = queue.enter(ID, named("b")).await.unwrap();
    server.kill();
    let began = Instant::now();
    for error in [
        queue.depth(ID).await.unwrap_err(),
        queue.slot(ID, named("c")).await.unwrap_err(),
        Queue::redis(options).await.unwrap_err(),
    ] {
        assert!(error.is_backend());
        let text = error.to_string();
        assert!(
            text.contains("Redis at 127.0.0.1:") && text.contains("is it running?"),
            "{text}"
        );
    }
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    // the holder fences itself, the waiter gives up after the outage
    tokio::time::timeout(PATIENCE, slot.lost()).await.unwrap();
    let error = tokio::time::timeout(PATIENCE, waiting.slot())
        .await
        .unwrap()
        .unwrap_err();
    assert!(error.is_backend(), "{error}");
    server.start_again(Data::Lost);
    // what was lost is not claimed again, though its slot is still there
    let again = loop {
        match queue.slot(ID, named("d")).await {
            Ok(slot) => break slot,
            // a slow machine: not connected again within the command timeout, or lost again
            Err(error) => assert!(error.is_backend() || error.is_lost(), "{error}"),
        }
    };
    let error = slot.release().await.unwrap_err();
    assert!(error.is_lost(), "{error}");
    drop(again);
}

#[tokio::test]
async fn deleted_keys_are_claimed_again() {
    tell!(deleted_keys());
}

async fn deleted_keys() -> Option<()> {
    let lease = Duration::from_millis(800);
    let server = start().await;
    let one = connect(server.url(), lease).await;
    let two = connect(server.url(), lease).await;
    let holder = one.slot(ID, named("a")).await.ok()?;
    let mut b = two.enter(ID, named("b")).await.unwrap();
    let _c = one.enter(ID, named("c")).await.unwrap();
    // so old that its youth is no reason to wait
    let age = || {
        let info: redis::InfoDict = redis::cmd("INFO").query(&mut redis(&server)).unwrap();
        info.get::<u64>("uptime_in_seconds").unwrap()
    };
    while age() < 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let flushed = Instant::now();
    redis::cmd("FLUSHALL").exec(&mut redis(&server)).unwrap();
    while one.state(ID).await.unwrap().depth < 2 && !holder.is_lost() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let items = two.items(ID).await.unwrap();
    if holder.is_lost() {
        return None;
    }
    let items: Vec<_> = items
        .iter()
        .map(|i| (i.item.as_str(), i.position))
        .collect();
    assert_eq!(items, [("a", 0), ("b", 1), ("c", 2)]);
    // nothing new is granted for one lease
    holder.release().await.ok()?;
    b.granted().await.unwrap();
    assert!(flushed.elapsed() >= lease, "{:?}", flushed.elapsed());
    Some(())
}

#[tokio::test]
async fn a_key_that_is_lost_breaks_no_limit() {
    tell!(lost_keys());
}

async fn lost_keys() -> Option<()> {
    let lease = Duration::from_millis(800);
    let server = RedisServer::start();
    let one = connect(server.url(), lease).await;
    let two = connect(server.url(), lease).await;
    let lost: [&[&str]; 8] = [
        &["meta"],
        &["line"],
        &["held"],
        &["owner"],
        &["procs"],
        &["held", "owner"],
        &["line", "held", "owner", "procs"],
        &["meta", "held", "owner"],
    ];
    let stories = lost
        .iter()
        .map(|keys| lost_key(&server, &one, &two, lease, keys));
    let told = futures_util::future::join_all(stories).await;
    told.into_iter().collect()
}

/// One holds, two wait; then keys are gone, and somebody else comes.
async fn lost_key(
    server: &RedisServer,
    one: &Queue,
    two: &Queue,
    lease: Duration,
    keys: &[&str],
) -> Option<()> {
    let id = keys.join("-");
    let holder = one.slot(&id, named("a")).await.ok()?;
    let mut b = two.enter(&id, named("b")).await.unwrap();
    let mut c = one.enter(&id, named("c")).await.unwrap();
    let mut delete = redis::cmd("DEL");
    for key in keys {
        delete.arg(format!("genesis:queue:{{{id}}}:{key}"));
    }
    let began = Instant::now();
    let deleted: usize = delete.query(&mut redis(server)).unwrap();
    assert_eq!(deleted, keys.len(), "{id}");
    let late = connect(server.url(), lease).await;
    let mut d = late.enter(&id, named("d")).await.unwrap();
    // whoever was there claims a place again, and nobody else gets one, however long it takes
    let served = async {
        tokio::select! {
            _ = b.granted() => "b",
            _ = c.granted() => "c",
            _ = d.granted() => "d",
        }
    };
    let served = tokio::time::timeout(lease * 2, served).await;
    if holder.is_lost() {
        return None;
    }
    assert!(served.is_err(), "without {id}: {served:?} beside a");
    let items = late.items(&id).await.unwrap();
    let mut items: Vec<_> = items
        .iter()
        .map(|i| (i.item.as_str(), i.position))
        .collect();
    // d may have come before the others had claimed
    assert_eq!(items.remove(0), ("a", 0), "without {id}");
    assert_eq!(items.len(), 3, "without {id}: {items:?}");
    let place = |item| items.iter().position(|(other, _)| *other == item);
    assert!(place("b") < place("c"), "without {id}: {items:?}");
    holder.release().await.ok()?;
    let served = async {
        for ticket in [b, c, d] {
            ticket.slot().await.ok()?.release().await.ok()?;
        }
        Some(())
    };
    let served = tokio::time::timeout(PATIENCE, served).await;
    println!("without {id}: all were served after {:?}", began.elapsed());
    served.expect("somebody is forgotten")
}

/// The connection dies when the n-th answer is on its way, that is: after the script ran.
#[tokio::test]
async fn an_answer_that_is_lost_leaks_no_place_and_takes_no_second() {
    let server = start().await;
    let direct = connect(server.url(), LONG_LEASE).await;
    let proxy = Proxy::start(server.port()).await;
    let queue = connect(proxy.url(), LONG_LEASE).await;
    direct.set_limit(ID, 2).await.unwrap();
    for answer in 0..12 {
        drop(proxy.lose_answer_after(answer));
        let a = queue.slot(ID, named("a")).await.unwrap();
        let b = queue.slot(ID, named("b")).await.unwrap();
        let mut c = queue.enter(ID, named("c")).await.unwrap();
        let d = queue.enter(ID, named("d")).await.unwrap();
        let seen = direct.items(ID).await.unwrap();
        let seen: Vec<_> = seen.iter().map(|i| (i.item.as_str(), i.position)).collect();
        assert_eq!(
            seen,
            [("a", 0), ("b", 0), ("c", 1), ("d", 2)],
            "answer {answer}"
        );
        drop(a);
        c.granted().await.unwrap();
        d.leave().await.unwrap();
        b.release().await.unwrap();
        drop(c);
        becomes(&direct, 0, 0).await;
        // nothing else has to happen for it
        assert_eq!(queue.state(ID).await.unwrap().in_use, 0);
    }
    assert!(proxy.cuts() > 8, "only {} answers were lost", proxy.cuts());
}

/// The entry is in the line, but nobody knows; then its caller gives up.
#[tokio::test]
async fn a_caller_who_gives_up_before_the_answer_leaves_nothing_behind() {
    let server = start().await;
    let direct = connect(server.url(), LONG_LEASE).await;
    let proxy = Proxy::start(server.port()).await;
    let queue = connect(proxy.url(), LONG_LEASE).await;
    let _holder = queue.slot(ID, named("a")).await.unwrap();
    let cut = proxy.lose_answer_after(0);
    tokio::select! {
        entered = queue.enter(ID, named("b")) => panic!("{entered:?}"),
        () = cut => {}
    }
    let began = Instant::now();
    becomes(&direct, 0, 1).await;
    assert!(began.elapsed() < LONG_LEASE / 3, "{:?}", began.elapsed());
}

/// What was sent on a connection that is gone may arrive after what was sent on the next one.
#[tokio::test]
async fn a_request_that_arrives_too_late_changes_nothing() {
    let server = start().await;
    let direct = connect(server.url(), LONG_LEASE).await;
    let proxy = Proxy::start(server.port()).await;
    let queue = connect(proxy.url(), LONG_LEASE).await;
    let _holder = queue.slot(ID, named("a")).await.unwrap();
    let b = queue.enter(ID, named("b")).await.unwrap();
    proxy.hold_up_a_request();
    let c = queue.enter(ID, named("c")).await.unwrap();
    c.leave().await.unwrap();
    b.leave().await.unwrap();
    // "c enters", or "everything that I have is a, b and c"
    proxy.deliver().await;
    assert_eq!(state(&direct).await, (0, 1, 1));
}

#[tokio::test]
async fn callers_who_give_up_at_any_moment_leave_nothing_behind() {
    let server = start().await;
    let mut queues = Vec::new();
    for _ in 0..3 {
        queues.push(connect(server.url(), LONG_LEASE).await);
    }
    queues[0].set_limit(ID, 2).await.unwrap();
    let holding = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..30 {
        let queue = queues[task % queues.len()].clone();
        let holding = Arc::clone(&holding);
        tasks.spawn(async move {
            let mut served = 0;
            for round in 0..20 {
                // every fourth waits
                let patience = match round % 4 {
                    0 => PATIENCE,
                    _ => Duration::from_micros(fastrand::u64(0..20_000)),
                };
                let turn = queue.slot(ID, SlotOptions::new());
                let Ok(slot) = tokio::time::timeout(patience, turn).await else {
                    continue;
                };
                let slot = slot.unwrap();
                assert!(
                    holding.fetch_add(1, Ordering::SeqCst) < 2,
                    "three at a time"
                );
                tokio::time::sleep(Duration::from_micros(fastrand::u64(0..1_000))).await;
                holding.fetch_sub(1, Ordering::SeqCst);
                drop(slot);
                served += 1;
            }
            served
        });
    }
    let served: usize = tasks.join_all().await.into_iter().sum();
    assert!(served >= 30 * 5, "only {served} were served");
    becomes(&queues[0], 0, 0).await;
}
