//! Who is found for an event, and what is left of who has gone.

use super::*;
use crate::queue::{Bounds, Overflow};

fn queue() -> Arc<Queue<Item>> {
    Arc::new(Queue::new(Bounds {
        items: 10,
        bytes: 10_000,
        overflow: Overflow::DropOldest,
    }))
}

fn add(router: &mut Router, id: u64, subscription: &Subscription) -> Arc<Queue<Item>> {
    let queue = queue();
    let events = subscription.event_set().unwrap();
    router.add(
        SubscriberId(id),
        events,
        subscription,
        Sink::Queue(queue.clone()),
    );
    queue
}

fn event(name: &str, uuid: &str, subclass: Option<&str>) -> Event {
    let mut builder = Event::builder(EventName::from(name))
        .header("Unique-ID", uuid)
        .unwrap();
    if let Some(subclass) = subclass {
        builder = builder.header("Event-Subclass", subclass).unwrap();
    }
    builder.build()
}

fn readers(router: &Router, event: &Event) -> u32 {
    router.deliver(event, &event.route()).readers
}

#[test]
fn every_reader_is_found_once_by_its_narrowest_key() {
    let mut router = Router::default();
    let all = add(&mut router, 1, &Subscription::all());
    add(
        &mut router,
        2,
        &Subscription::new().event(EventName::ChannelAnswer),
    );
    add(
        &mut router,
        3,
        &Subscription::new()
            .event(EventName::ChannelAnswer)
            .channel("a"),
    );
    add(&mut router, 4, &Subscription::all().channel("a"));
    add(&mut router, 5, &Subscription::new().subclass("x::y"));
    add(
        &mut router,
        6,
        &Subscription::new().event(EventName::Custom),
    );
    assert_eq!(readers(&router, &event("CHANNEL_ANSWER", "a", None)), 4);
    assert_eq!(readers(&router, &event("CHANNEL_ANSWER", "b", None)), 2);
    assert_eq!(readers(&router, &event("CHANNEL_HANGUP", "a", None)), 2);
    assert_eq!(readers(&router, &event("CUSTOM", "c", Some("x::y"))), 2);
    assert_eq!(readers(&router, &event("CUSTOM", "c", Some("x::z"))), 1);
    assert_eq!(readers(&router, &event("CUSTOM", "c", None)), 2);
    assert_eq!(all.len(), 6);
}

#[test]
fn a_reader_that_left_leaves_nothing_behind() {
    let mut router = Router::default();
    add(
        &mut router,
        1,
        &Subscription::all().channel("a").channel("b"),
    );
    add(
        &mut router,
        2,
        &Subscription::new().event(EventName::Dtmf).subclass("x::y"),
    );
    add(&mut router, 3, &Subscription::all());
    for id in 1..=3 {
        assert!(router.remove(SubscriberId(id)).is_some());
    }
    assert!(router.by_channel.is_empty() && router.by_name.is_empty());
    assert!(router.by_subclass.is_empty() && router.everything.is_empty());
}

#[test]
fn an_event_is_one_readers_before_and_after_it_is_handed_over() {
    let mut router = Router::default();
    let dtmf = Subscription::new().event(EventName::Dtmf);
    let before = add(&mut router, 1, &dtmf);
    let more = dtmf.clone().event(EventName::Heartbeat);
    let next = add(&mut router, 2, &more);
    next.wait();
    assert_eq!(readers(&router, &event("DTMF", "a", None)), 1);
    // nobody's yet, and so nobody's to tell telemetry of
    assert_eq!(readers(&router, &event("HEARTBEAT", "a", None)), 0);
    assert_eq!((before.len(), next.len()), (1, 0));
    router.hand_over(SubscriberId(1), SubscriberId(2));
    assert_eq!(readers(&router, &event("DTMF", "a", None)), 1);
    assert_eq!(readers(&router, &event("HEARTBEAT", "a", None)), 1);
    assert_eq!((before.len(), next.len()), (1, 2));
}

#[test]
fn who_hands_over_ends_though_the_other_has_gone() {
    let mut router = Router::default();
    let before = add(&mut router, 1, &Subscription::all());
    router.hand_over(SubscriberId(1), SubscriberId(2));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let end = before.poll_pop(&mut context);
    assert!(matches!(end, std::task::Poll::Ready(None)));
}

#[test]
fn filters_are_applied_last_and_all_must_match() {
    let mut router = Router::default();
    let subscription = Subscription::all()
        .filter(HeaderFilter::present("Unique-ID"))
        .filter(HeaderFilter::equal("Event-Name", "DTMF"));
    add(&mut router, 1, &subscription);
    assert_eq!(readers(&router, &event("DTMF", "a", None)), 1);
    assert_eq!(readers(&router, &event("API", "a", None)), 0);
}
