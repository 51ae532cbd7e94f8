//! A process that ends as it should gives everything back before it does.

use std::time::Duration;

use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer, WhenDown};
use genesis_ringgroup::{ErrorKind, RedisOptions};

use crate::server::Server;
use crate::{SLACK, balancer, count, names, soon};

/// Long enough that no lease helps here.
const LEASE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_millis(300);

#[tokio::test]
async fn when_it_is_closed_redis_counts_nothing_of_it_any_more() {
    let server = Server::start();
    let judge = balancer(&server).await;
    let closed = RedisBalancer::connect(RedisOptions::new(server.url()).lease(LEASE));
    let closed = closed.await.unwrap();
    let elsewhere = judge.count("a").await.unwrap();
    let ringing = closed.count("a").await.unwrap();
    let up = closed.clone().count("b").await.unwrap();
    up.answered("7f4d").await.unwrap();
    // of this one nobody has told Redis yet
    drop(closed.count("c").await.unwrap());

    soon(closed.close()).await.unwrap();
    let left = judge.snapshot().await.unwrap();
    assert_eq!((left.total(), left.get("a")), (1, 1));
    // what comes late changes nothing, and does not wait for ever
    up.answered("7f4d").await.unwrap();
    soon(up.release()).await.unwrap();
    drop(ringing);
    let error = closed.choose(&names(&["a"])).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Backend);
    assert!(error.to_string().contains("closed"), "{error}");
    // a second time there is nothing to do
    soon(closed.close()).await.unwrap();
    assert_eq!(count(&closed, "a").await, 1);
    elsewhere.release().await.unwrap();
}

#[tokio::test]
async fn closing_ends_while_redis_is_away() {
    let mut server = Server::start();
    for when_down in [WhenDown::Error, WhenDown::CountLocally] {
        let options = RedisOptions::new(server.url()).command_timeout(PATIENCE);
        let builder = RedisBalancer::builder(options).when_down(when_down);
        let balancer = builder.connect().await.unwrap();
        let load = balancer.count("a").await.unwrap();
        server.kill();
        let started = tokio::time::Instant::now();
        let error = balancer.close().await.unwrap_err();
        assert!(error.is_backend(), "{error}");
        assert!(started.elapsed() < PATIENCE * 2 + SLACK);
        drop(load);
        server.restart();
    }
}

#[tokio::test]
async fn closing_without_calls_asks_redis_nothing() {
    let mut server = Server::start();
    let balancer = balancer(&server).await;
    server.kill();
    balancer.close().await.unwrap();
}

#[tokio::test]
async fn settled_is_what_redis_knows_and_nobody_rings_in() {
    let server = Server::start();
    let judge = balancer(&server).await;
    let options = RedisOptions::new(server.url()).lease(LEASE);
    let balancer = RedisBalancer::connect(options.command_timeout(PATIENCE));
    let balancer = balancer.await.unwrap();
    let up = balancer.count("a").await.unwrap();
    let over = balancer.count("b").await.unwrap();
    // as long as they ring nothing is settled
    let error = balancer.settled().await.unwrap_err();
    assert!(
        error.is_backend() && error.to_string().contains("600ms"),
        "{error}"
    );
    let (settled, answered) = tokio::join!(balancer.settled(), async {
        drop(over);
        up.answered("7f4d").await
    });
    settled.unwrap();
    answered.unwrap();
    let counts = judge.snapshot().await.unwrap();
    assert_eq!((counts.total(), counts.get("a")), (1, 1));
    let entries: Vec<String> = server.get(&["HVALS", "genesis:{balance}:entries"]);
    assert!(entries[0].ends_with(" 7f4d a"), "{entries:?}");
    // it counts on
    up.release().await.unwrap();
    assert_eq!(count(&balancer, "a").await, 0);
    balancer.close().await.unwrap();
    balancer.settled().await.unwrap();
}
