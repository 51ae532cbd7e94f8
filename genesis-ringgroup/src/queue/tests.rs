//! Queues in memory under paused time.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::*;

const ID: &str = "support";

fn named(item: &str) -> SlotOptions {
    SlotOptions::new().item_id(item)
}

/// Polls once.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

async fn state(queue: &Queue) -> (usize, usize, usize) {
    let state = queue.state(ID).await.unwrap();
    (state.depth, state.in_use, state.limit)
}

#[tokio::test(start_paused = true)]
async fn served_in_the_order_of_arrival() {
    let queue = Queue::in_memory();
    let first = queue.slot(ID, named("a")).await.unwrap();
    let mut tickets = Vec::new();
    for item in ["b", "c", "d"] {
        tickets.push(queue.enter(ID, named(item)).await.unwrap());
    }
    let items = queue.items(ID).await.unwrap();
    let items: Vec<_> = items
        .iter()
        .map(|i| (i.item.as_str(), i.position))
        .collect();
    assert_eq!(items, [("a", 0), ("b", 1), ("c", 2), ("d", 3)]);
    let mut holder = first;
    for (index, ticket) in tickets.into_iter().enumerate() {
        let mut turn = pin!(ticket.slot());
        assert!(poll(turn.as_mut()).is_pending());
        holder.release().await.unwrap();
        holder = turn.await.unwrap();
        assert_eq!(holder.ahead(), index);
    }
    assert_eq!(holder.item_id(), "d");
    drop(holder);
    assert_eq!(state(&queue).await, (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_leaves_the_line_and_is_its_own_error() {
    let queue = Queue::in_memory();
    let _holder = queue.slot(ID, named("a")).await.unwrap();
    let began = Instant::now();
    let options = named("b").timeout(Duration::from_secs(5));
    let error = queue.slot(ID, options.clone()).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(
        error.to_string(),
        "a slot in queue \"support\" was not there within 5s"
    );
    assert_eq!(state(&queue).await, (0, 1, 1));
    // counted from entering, and the ticket is still good for leaving
    let mut ticket = queue.enter(ID, options).await.unwrap();
    tokio::time::advance(Duration::from_secs(3)).await;
    assert!(ticket.granted().await.unwrap_err().is_timeout());
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    assert_eq!(state(&queue).await, (1, 1, 1));
    ticket.leave().await.unwrap();
    assert_eq!(state(&queue).await, (0, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_moment_nothing_stays() {
    let queue = Queue::in_memory();
    // never polled
    drop(queue.slot(ID, named("a")));
    // while waiting
    let holder = queue.slot(ID, named("a")).await.unwrap();
    {
        let mut waiting = pin!(queue.slot(ID, named("b")));
        assert!(poll(waiting.as_mut()).is_pending());
        assert_eq!(state(&queue).await, (1, 1, 1));
    }
    assert_eq!(state(&queue).await, (0, 1, 1));
    // granted, but the future was not polled since
    {
        let mut waiting = pin!(queue.slot(ID, named("b")));
        assert!(poll(waiting.as_mut()).is_pending());
        drop(holder);
        assert_eq!(state(&queue).await, (0, 1, 1));
    }
    assert_eq!(state(&queue).await, (0, 0, 1));
    // a ticket, waiting and granted
    let ticket = queue.enter(ID, named("a")).await.unwrap();
    let behind = queue.enter(ID, named("b")).await.unwrap();
    assert_eq!(state(&queue).await, (1, 1, 1));
    drop(ticket);
    assert_eq!(behind.position().await, Some(0));
    drop(behind);
    assert_eq!(state(&queue).await, (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_limit_changes_at_run_time() {
    let queue = Queue::in_memory();
    queue.set_limit(ID, 0).await.unwrap();
    let mut tickets = Vec::new();
    for _ in 0..5 {
        let options = SlotOptions::new().limit(4); // overruled
        tickets.push(queue.enter(ID, options).await.unwrap());
    }
    assert_eq!(state(&queue).await, (5, 0, 0));
    queue.set_limit(ID, 3).await.unwrap();
    assert_eq!(state(&queue).await, (2, 3, 3));
    queue.set_limit(ID, 1).await.unwrap();
    assert_eq!(state(&queue).await, (2, 3, 1));
    tickets.remove(0);
    tickets.remove(0);
    assert_eq!(state(&queue).await, (2, 1, 1));
    tickets.remove(0);
    assert_eq!(state(&queue).await, (1, 1, 1));
    queue.unset_limit(ID).await.unwrap();
    assert_eq!(state(&queue).await, (0, 2, 4));
    // the latest declaration counts
    let more = queue.enter(ID, SlotOptions::new().limit(2)).await.unwrap();
    assert_eq!(state(&queue).await, (1, 2, 2));
    drop((tickets, more));
}

#[tokio::test(start_paused = true)]
async fn a_semaphore_is_reusable_and_shared_by_its_clones() {
    let queue = Queue::in_memory();
    let trunk = queue.semaphore("trunk", 2);
    for _ in 0..3 {
        let one = trunk.acquire().await.unwrap();
        let two = trunk.clone().acquire().await.unwrap();
        assert_eq!(one.queue_id(), "trunk");
        let late = trunk.acquire_within(Duration::from_secs(1)).await;
        assert!(late.unwrap_err().is_timeout());
        drop((one, two));
    }
}

#[tokio::test(start_paused = true)]
async fn positions_and_states_can_be_watched() {
    let queue = Queue::in_memory();
    let mut states = queue.watch(ID).unwrap();
    assert_eq!(states.next().await, Some(QueueState::new(0, 0, 1)));
    let holder = queue.enter(ID, named("a")).await.unwrap();
    let between = queue.enter(ID, named("b")).await.unwrap();
    let last = queue.enter(ID, named("c")).await.unwrap();
    let mut positions = last.watch();
    assert_eq!(positions.next().await, Some(2));
    assert!(poll(pin!(positions.next())).is_pending());
    drop(between);
    assert_eq!(positions.next().await, Some(1));
    assert_eq!(states.next().await, Some(QueueState::new(1, 1, 1)));
    drop(holder);
    assert_eq!(positions.next().await, Some(0));
    assert_eq!(positions.next().await, None);
    assert_eq!(states.next().await, Some(QueueState::new(0, 1, 1)));
    // whoever leaves has no position any more
    let waiting = queue.enter(ID, named("d")).await.unwrap();
    let mut positions = waiting.watch();
    assert_eq!(positions.next().await, Some(1));
    drop(waiting);
    assert_eq!(positions.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_refused_and_harms_nothing() {
    let queue = Queue::in_memory();
    let _holder = queue.slot(ID, named("a")).await.unwrap();
    let twice = queue.enter(ID, named("a")).await.unwrap_err();
    assert_eq!(*twice.kind(), ErrorKind::InvalidArgument);
    assert!(
        twice.to_string().contains("\"a\" is already in queue"),
        "{twice}"
    );
    let full = queue
        .enter(ID, SlotOptions::new().max_waiting(0))
        .await
        .unwrap_err();
    assert_eq!(*full.kind(), ErrorKind::LimitExceeded);
    for (id, options) in [
        ("", SlotOptions::new()),
        ("{a}", SlotOptions::new()),
        (ID, named("")),
        (ID, named(&"x".repeat(257))),
        (ID, SlotOptions::new().limit(0)),
    ] {
        let error = queue.enter(id, options).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    assert_eq!(state(&queue).await, (0, 1, 1));
    // at once, or not at all
    let free = queue.slot("other", SlotOptions::new().max_waiting(0)).await;
    free.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slot_in_memory_is_not_lost_and_a_fence_is_kept() {
    let queue = Queue::in_memory();
    let slot = queue.slot(ID, named("a")).await.unwrap();
    let lost = tokio::time::timeout(Duration::from_secs(86_400), slot.lost()).await;
    assert!(lost.is_err() && !slot.is_lost());

    let began = Instant::now();
    let (renew, moment) = watch::channel(began + Duration::from_secs(10));
    let fence = Fence::at(moment);
    let mut passed = pin!(fence.passed());
    tokio::time::advance(Duration::from_secs(9)).await;
    assert!(poll(passed.as_mut()).is_pending());
    renew.send_replace(began + Duration::from_secs(20));
    assert!(poll(passed.as_mut()).is_pending());
    passed.await;
    assert_eq!(began.elapsed(), Duration::from_secs(20));
    assert!(fence.has_passed());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_wait_and_each_is_served_in_turn() {
    let queue = Queue::in_memory();
    let (served, mut order) = tokio::sync::mpsc::unbounded_channel();
    for item in 0..1000 {
        let ticket = queue.enter(ID, SlotOptions::new().limit(7)).await.unwrap();
        let served = served.clone();
        tokio::spawn(async move {
            let slot = ticket.slot().await.unwrap();
            served.send(item).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(slot);
        });
    }
    let began = Instant::now();
    let mut seen = Vec::new();
    for round in 0..=(1000 / 7) {
        for _ in 0..7.min(1000 - round * 7) {
            seen.push(order.recv().await.unwrap());
        }
        seen[round * 7..].sort_unstable();
        assert_eq!(began.elapsed().as_secs(), round as u64);
    }
    assert_eq!(seen, (0..1000).collect::<Vec<_>>());
}
