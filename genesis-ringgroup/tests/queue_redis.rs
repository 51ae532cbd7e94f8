//! Queues on a real Redis, one process.
#![cfg(feature = "redis")]

mod redis_server;

use std::time::{Duration, Instant};

use genesis_ringgroup::RedisOptions;
use genesis_ringgroup::queue::{Queue, SlotOptions};
use redis_server::{Data, RedisServer};

const ID: &str = "support";
const LEASE: Duration = Duration::from_millis(400);

fn options(server: &RedisServer) -> RedisOptions {
    RedisOptions::new(server.url()).lease(LEASE)
}

async fn connect(server: &RedisServer) -> Queue {
    Queue::redis(options(server)).await.unwrap()
}

fn named(item: &str) -> SlotOptions {
    SlotOptions::new().item_id(item)
}

async fn state(queue: &Queue) -> (usize, usize, usize) {
    let state = queue.state(ID).await.unwrap();
    (state.depth, state.in_use, state.limit)
}

#[tokio::test]
async fn first_steps() {
    let server = RedisServer::start();
    let began = Instant::now();
    let one = connect(&server).await;
    let two = connect(&server).await;
    assert_eq!(state(&one).await, (0, 0, 1));
    let slot = one.slot(ID, named("a")).await.unwrap();
    println!("first grant after {:?}", began.elapsed());
    assert_eq!(state(&two).await, (0, 1, 1));
    let b = two.enter(ID, named("b")).await.unwrap();
    let c = one.enter(ID, named("c")).await.unwrap();
    assert_eq!(c.position().await, Some(2));
    let items = two.items(ID).await.unwrap();
    let items: Vec<_> = items
        .iter()
        .map(|i| (i.item.as_str(), i.position))
        .collect();
    assert_eq!(items, [("a", 0), ("b", 1), ("c", 2)]);
    let began = Instant::now();
    slot.release().await.unwrap();
    println!("released after {:?}", began.elapsed());
    let b = b.slot().await.unwrap();
    println!("granted after {:?}", began.elapsed());
    let mut positions = c.watch();
    assert_eq!(positions.next().await, Some(1));
    drop(b);
    assert_eq!(positions.next().await, Some(0));
    let c = c.slot().await.unwrap();
    tokio::time::sleep(LEASE * 3).await;
    assert!(!c.is_lost());
    let _ = Data::Kept;
}
