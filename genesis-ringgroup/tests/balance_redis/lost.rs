//! Answers that are lost, and requests that arrive late: nothing is counted twice, nothing stays.

use std::time::Duration;

use genesis_ringgroup::RedisOptions;
use genesis_ringgroup::balance::{LoadBalancer, RedisBalancer, WhenDown};

use crate::proxy::Proxy;
use crate::server::Server;
use crate::{SLACK, always, balancer, count, names, until};

/// Long enough that no lease helps here.
const LEASE: Duration = Duration::from_secs(3);

/// A balancer behind a proxy. All its scripts are known to Redis.
async fn behind(proxy: &Proxy, when_down: WhenDown) -> RedisBalancer {
    let balancer = RedisBalancer::builder(RedisOptions::new(proxy.url()).lease(LEASE))
        .when_down(when_down)
        .connect()
        .await
        .unwrap();
    let load = balancer.count("warm").await.unwrap();
    load.answered("7f4d").await.unwrap();
    load.release().await.unwrap();
    balancer
}

#[tokio::test]
async fn lost_answers_count_once_and_release_once() {
    let server = Server::start();
    let judge = balancer(&server).await;
    let proxy = Proxy::start(server.port()).await;
    for when_down in [WhenDown::Error, WhenDown::CountLocally] {
        let balancer = behind(&proxy, when_down).await;
        let before = proxy.cuts();
        let lost = proxy.lose_answer_after(0);
        let choice = balancer.choose(&names(&["a", "b"])).await.unwrap();
        lost.await;
        assert_eq!(proxy.cuts(), before + 1);
        assert!(!choice.is_local_fallback());
        let destination = choice.load.destination().to_owned();
        let counts = judge.snapshot().await.unwrap();
        assert_eq!((counts.total(), counts.get(&destination)), (1, 1));

        let lost = proxy.lose_answer_after(0);
        choice.load.answered("7f4d").await.unwrap();
        lost.await;
        let lost = proxy.lose_answer_after(0);
        choice.load.release().await.unwrap();
        lost.await;
        assert_eq!(proxy.cuts(), before + 3);
        assert!(judge.snapshot().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_request_that_arrives_late_counts_nothing_twice_and_leaves_nothing() {
    let server = Server::start();
    let judge = balancer(&server).await;
    let proxy = Proxy::start(server.port()).await;
    let balancer = behind(&proxy, WhenDown::Error).await;
    let total = async || judge.snapshot().await.unwrap().total();

    proxy.hold_up_a_request();
    let first = balancer.count("a").await.unwrap();
    proxy.deliver().await;
    assert_eq!(count(&judge, "a").await, 1);

    // this one arrives when its call is over already: the next comparison finds it
    proxy.hold_up_a_request();
    let second = balancer.count("a").await.unwrap();
    second.release().await.unwrap();
    assert_eq!(total().await, 1);
    proxy.deliver().await;
    assert_eq!(total().await, 2);
    until(1, LEASE / 3 + SLACK, total).await;
    always(1, Duration::from_millis(100), total).await;
    first.release().await.unwrap();
    assert_eq!(total().await, 0);
}
