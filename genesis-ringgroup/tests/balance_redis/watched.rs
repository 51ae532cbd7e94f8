//! Calls of processes that died, and who goes on counting them.

use std::time::Duration;

use genesis_client::proto::{Event, EventName};
use genesis_client::{Client, Inbound, Reconnect};
use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer};
use genesis_sim::Sim;
use genesis_sim::switch::IncomingCall;

use crate::server::Server;
use crate::worker::Worker;
use crate::{LEASE, SLACK, always, balancer, count, options, soon, until};

/// A switch that processes can connect to.
async fn switch() -> (Sim, String) {
    let sim = Sim::builder().listen("127.0.0.1:0").start().await.unwrap();
    let address = sim.addr().unwrap().to_string();
    (sim, address)
}

/// A call that stays up; gives its Unique-ID.
fn call(sim: &Sim) -> String {
    sim.switch().incoming(IncomingCall::new("9196")).unwrap()
}

async fn hang_up(sim: &Sim, uuid: &str) {
    let answer = sim.switch().api("uuid_kill", uuid).await;
    assert!(answer.starts_with("+OK"), "{answer}");
}

async fn client(address: &str) -> Client {
    let reconnect = Reconnect {
        first: Duration::from_millis(10),
        max: Duration::from_millis(50),
        ..Reconnect::default()
    };
    Inbound::builder()
        .password("ClueCon")
        .reconnect(reconnect)
        .connect(address)
        .await
        .unwrap()
}

/// A process that counts a call that rings to `a` and one that is up to `b`, and then is killed.
async fn killed_with_a_call_up(server: &Server, uuid: &str, lease: Duration) {
    let mut worker = Worker::start(&server.url(), lease).await;
    assert_eq!(worker.ask("count a").await, "1");
    assert_eq!(worker.ask("count b").await, "2");
    assert_eq!(worker.ask(format!("answered 2 {uuid}")).await, "up");
    worker.kill().await;
}

#[tokio::test]
async fn lesson_40_without_a_watcher_everything_is_given_back_at_the_lease() {
    let server = Server::start();
    let judge = balancer(&server).await;
    killed_with_a_call_up(&server, "7f4d", LEASE).await;
    let both = async || (count(&judge, "a").await, count(&judge, "b").await);
    assert_eq!(both().await, (1, 1));
    let took = until((0, 0), LEASE + SLACK, both).await;
    assert!(took >= LEASE / 3, "back already after {took:?}");
}

#[tokio::test]
async fn a_call_that_is_up_is_counted_until_its_end_by_one_watcher_after_another() {
    let server = Server::start();
    let (sim, address) = switch().await;
    let judge = balancer(&server).await;
    let mut watchers = Vec::new();
    for _ in 0..3 {
        let mut watcher = Worker::start(&server.url(), LEASE).await;
        assert_eq!(watcher.ask(format!("watch {address}")).await, "watching");
        watchers.push(watcher);
    }
    let uuid = call(&sim);
    killed_with_a_call_up(&server, &uuid, LEASE).await;

    // the one that rang goes, the other stays
    let a = async || count(&judge, "a").await;
    let b = async || count(&judge, "b").await;
    until(0, LEASE + SLACK, a).await;
    always(1, LEASE * 3, b).await;

    // one process after the other dies and leaves it to the next
    while watchers.len() > 1 {
        let mut adopted = Vec::new();
        for watcher in &mut watchers {
            adopted.push(watcher.ask("adopted").await);
        }
        // nobody has it taken away again, which would show as [1, 0]
        let others = adopted.iter().filter(|calls| *calls == "[]").count();
        assert_eq!(others, watchers.len() - 1, "one adopts: {adopted:?}");
        let place = adopted.iter().position(|calls| calls == "[1]").unwrap();
        watchers.remove(place).kill().await;
        always(1, LEASE * 3, b).await;
    }

    // it ends, and is given back at once
    hang_up(&sim, &uuid).await;
    until(0, SLACK, b).await;
    let last = &mut watchers[0];
    soon(async { while last.ask("adopted").await != "[1, 0]" {} }).await;
}

/// Two watchers that found the same call at the same moment, taken step by step.
#[tokio::test]
async fn the_second_to_adopt_a_call_does_not_get_it() {
    let server = Server::start();
    let (_other_switch, address) = switch().await;
    let options = options(&server).lease(Duration::from_secs(10));
    let judge = RedisBalancer::connect(options).await.unwrap();
    let _watch = judge.watch(&client(&address).await).await.unwrap();
    killed_with_a_call_up(&server, "on-another-switch", LEASE).await;
    let a = async || count(&judge, "a").await;
    until(0, LEASE + SLACK, a).await;

    let script = concat!(
        include_str!("../../src/balance/redis/lua/prelude.lua"),
        include_str!("../../src/balance/redis/lua/adopt.lua"),
    );
    let keys = [
        "counts", "entries", "owned", "members", "dead", "watching", "sums", "chosen",
    ]
    .map(|name| format!("genesis:{{balance}}:{name}"));
    let ids: Vec<String> = server.get(&["HKEYS", &keys[1]]);
    let adopt = |member: char| -> Vec<String> {
        let member = member.to_string().repeat(32);
        let mut words = vec!["EVAL", script, "8"];
        words.extend(keys.iter().map(String::as_str));
        words.extend(["10000", &member, &ids[0]]);
        server.get(&words)
    };
    assert_eq!(adopt('b'), ids);
    assert_eq!(adopt('c'), Vec::<String>::new());
    // but who asks again, because the answer was lost, does
    assert_eq!(adopt('b'), ids);
    assert_eq!(count(&judge, "b").await, 1);
}

#[tokio::test]
async fn a_watcher_that_died_too_keeps_nothing() {
    let server = Server::start();
    let (sim, address) = switch().await;
    let judge = balancer(&server).await;
    // long enough to tell one lease from two
    let lease = Duration::from_secs(1);
    let mut worker = Worker::start(&server.url(), lease).await;
    assert_eq!(worker.ask(format!("watch {address}")).await, "watching");
    let uuid = call(&sim);
    assert_eq!(worker.ask("count b").await, "1");
    assert_eq!(worker.ask(format!("answered 1 {uuid}")).await, "up");
    worker.kill().await;
    let b = async || count(&judge, "b").await;
    until(0, lease + lease / 2, b).await;
}

#[tokio::test]
async fn a_call_that_no_watcher_sees_is_given_back_a_lease_later() {
    let server = Server::start();
    let (_other_switch, address) = switch().await;
    let judge = balancer(&server).await;
    let _watch = judge.watch(&client(&address).await).await.unwrap();
    killed_with_a_call_up(&server, "on-another-switch", LEASE).await;
    let b = async || count(&judge, "b").await;
    let took = until(0, LEASE * 2 + SLACK, b).await;
    assert!(took >= LEASE, "back already after {took:?}");
}

#[tokio::test]
async fn a_call_that_ends_before_the_lease_does_not_wait_for_anybody() {
    let server = Server::start();
    let (sim, address) = switch().await;
    // whose lease is long: an orphan that nobody recognised would be kept as long
    let lease = Duration::from_secs(3);
    let judge = RedisBalancer::connect(options(&server).lease(lease))
        .await
        .unwrap();
    let watch = judge.watch(&client(&address).await).await.unwrap();
    let uuid = call(&sim);
    killed_with_a_call_up(&server, &uuid, Duration::from_millis(300)).await;
    hang_up(&sim, &uuid).await;
    // what was ringing waits for nobody either
    let a = async || count(&judge, "a").await;
    until(0, Duration::from_millis(300) + SLACK, a).await;
    let b = async || count(&judge, "b").await;
    // the lease, then the watcher's next renewal
    until(0, Duration::from_millis(2500), b).await;
    assert_eq!(watch.adopted(), 0);
}

#[tokio::test]
async fn a_process_that_was_only_stalled_takes_its_calls_back() {
    let server = Server::start();
    let (sim, address) = switch().await;
    let judge = balancer(&server).await;
    let watch = judge.watch(&client(&address).await).await.unwrap();
    let uuid = call(&sim);
    let mut worker = Worker::start(&server.url(), LEASE).await;
    assert_eq!(worker.ask("count a").await, "1");
    assert_eq!(worker.ask("count b").await, "2");
    assert_eq!(worker.ask(format!("answered 2 {uuid}")).await, "up");

    worker.signal("STOP").await;
    let a = async || count(&judge, "a").await;
    let b = async || count(&judge, "b").await;
    until(0, LEASE + SLACK, a).await;
    assert_eq!(soon(watch.adopted_changed(0)).await, Some(1));
    assert_eq!(b().await, 1);

    worker.signal("CONT").await;
    until(1, LEASE + SLACK, a).await;
    always(1, LEASE * 2, b).await;
    // the watcher has noticed that it is not its call any more
    assert_eq!(soon(watch.adopted_changed(1)).await, Some(0));
    assert_eq!(worker.ask("release 1").await, "released");
    assert_eq!(worker.ask("release 2").await, "released");
    assert_eq!((a().await, b().await), (0, 0));
    always((0, 0), LEASE, async || (a().await, b().await)).await;
}

#[tokio::test]
async fn a_call_that_ended_while_the_link_was_away_is_given_back_afterwards() {
    let server = Server::start();
    let (sim, address) = switch().await;
    let judge = balancer(&server).await;
    let watch = judge.watch(&client(&address).await).await.unwrap();
    let (ends, stays) = (call(&sim), call(&sim));
    killed_with_a_call_up(&server, &ends, LEASE).await;
    killed_with_a_call_up(&server, &stays, LEASE).await;
    let adopted = async || watch.adopted();
    until(2, LEASE * 2 + SLACK, adopted).await;

    sim.faults().refuse_connections(true);
    sim.faults().cut_all();
    hang_up(&sim, &ends).await;
    always(2, LEASE / 2, async || count(&judge, "b").await).await;
    sim.faults().refuse_connections(false);
    until(1, LEASE + SLACK, async || count(&judge, "b").await).await;
    always(1, LEASE * 2, async || count(&judge, "b").await).await;
    hang_up(&sim, &stays).await;
    until(0, SLACK, async || count(&judge, "b").await).await;
}

#[tokio::test]
async fn an_adopted_call_is_followed_under_another_unique_id() {
    let server = Server::start();
    let (sim, address) = switch().await;
    let judge = balancer(&server).await;
    let watch = judge.watch(&client(&address).await).await.unwrap();
    let uuid = call(&sim);
    killed_with_a_call_up(&server, &uuid, LEASE).await;
    assert_eq!(soon(watch.adopted_changed(0)).await, Some(1));

    let fire = |name, unique_id: &str, old: &str| {
        let event = Event::builder(name).header("Unique-ID", unique_id);
        let event = event.and_then(|event| event.header("Old-Unique-ID", old));
        sim.switch().fire(event.unwrap());
    };
    fire(EventName::ChannelUuid, "another", &uuid);
    fire(EventName::ChannelHangupComplete, &uuid, "-");
    // Redis knows the new one
    let up = async || {
        let entries: Vec<String> = server.get(&["HVALS", "genesis:{balance}:entries"]);
        entries.iter().any(|entry| entry.ends_with(" another b"))
    };
    until(true, LEASE + SLACK, up).await;
    assert_eq!(count(&judge, "b").await, 1);
    fire(EventName::ChannelHangupComplete, "another", "-");
    assert_eq!(soon(watch.adopted_changed(1)).await, Some(0));
    until(0, SLACK, async || count(&judge, "b").await).await;
}

#[tokio::test]
async fn a_call_that_nobody_hears_of_any_more_is_counted_for_a_lease_or_by_a_watcher() {
    let server = Server::start();
    let (sim, address) = switch().await;
    let balancer = balancer(&server).await;
    let total = async || balancer.snapshot().await.unwrap().total();
    // the process itself lives on, and counts another call
    let kept = balancer.count("kept").await.unwrap();

    let lost = balancer.count("lost").await.unwrap();
    lost.answered("on-another-switch").await.unwrap();
    lost.detach();
    let took = until(1, LEASE + SLACK, total).await;
    assert!(took > LEASE * 3 / 4, "back already after {took:?}");

    let watch = balancer.watch(&client(&address).await).await.unwrap();
    let uuid = call(&sim);
    let lost = balancer.count("lost").await.unwrap();
    lost.answered(&uuid).await.unwrap();
    lost.detach();
    let ringing = balancer.count("ringing").await.unwrap();
    ringing.detach();
    let adopted = async || watch.adopted();
    until(1, LEASE * 2 + SLACK, adopted).await;
    always(2, LEASE * 3, total).await;
    hang_up(&sim, &uuid).await;
    until(1, SLACK, total).await;
    kept.release().await.unwrap();
    assert_eq!(total().await, 0);
}

#[tokio::test]
async fn a_watch_that_is_dropped_leaves_its_calls_to_others_or_to_the_lease() {
    let server = Server::start();
    let (sim, address) = switch().await;
    let judge = balancer(&server).await;
    let first = judge.watch(&client(&address).await).await.unwrap();
    let uuid = call(&sim);
    killed_with_a_call_up(&server, &uuid, LEASE).await;
    assert_eq!(soon(first.adopted_changed(0)).await, Some(1));

    let second = judge.watch(&client(&address).await).await.unwrap();
    drop(first);
    assert_eq!(soon(second.adopted_changed(0)).await, Some(1));
    let b = async || count(&judge, "b").await;
    assert_eq!(b().await, 1);
    drop(second);
    until(0, LEASE + SLACK, b).await;
}

#[tokio::test]
async fn a_watch_needs_a_switch_and_ends_with_it() {
    let server = Server::start();
    let (sim, address) = switch().await;
    let judge = balancer(&server).await;
    let client = Inbound::builder()
        .password("ClueCon")
        .connect(address)
        .await
        .unwrap();
    let watch = judge.watch(&client).await.unwrap();
    sim.shutdown().await;
    assert_eq!(soon(watch.adopted_changed(0)).await, None);
    let error = judge.watch(&client).await.unwrap_err();
    assert!(error.is_disconnected(), "{error}");
    assert!(error.to_string().contains("cannot be watched"), "{error}");
}
