//! Subscriptions, queues, routing, loss that shows.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod support;

use std::time::Duration;

use genesis_client::proto::name::LogLevel;
use genesis_client::proto::{Command, EventName};
use genesis_client::{Item, LogItem, Options, Overflow, Subscription};
use support::{OK, api, connected, connected_with, event, reply, soon};

fn numbered(n: usize) -> String {
    event(&format!("Event-Name: DTMF\nUnique-ID: 7f4d\nNumber: {n}\n"))
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_is_told_when_the_switch_has_agreed_and_taken_off_when_it_goes() {
    let (client, mut peer) = connected().await;
    let (events, ()) = tokio::join!(
        client.subscribe(Subscription::new().event(EventName::Dtmf)),
        async { peer.subscribed("DTMF").await }
    );
    let mut events = events.unwrap();
    let second = client
        .subscribe(Subscription::new().event(EventName::Dtmf))
        .await
        .unwrap();
    peer.send(numbered(1)).await;
    assert_eq!(
        soon(events.next_event())
            .await
            .unwrap()
            .get("Number")
            .as_deref(),
        Some("1")
    );
    drop(second);
    drop(events);
    peer.expect("nixevent DTMF").await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_subscription_is_an_error_and_is_not_counted() {
    let (client, mut peer) = connected().await;
    let (events, ()) = tokio::join!(
        client.subscribe(Subscription::new().event(EventName::Dtmf)),
        async {
            peer.expect("event plain DTMF").await;
            peer.send(reply("-ERR permission denied")).await;
        }
    );
    assert!(events.unwrap_err().is_refused());
    // asked for again, because the first time it was refused
    let (events, ()) = tokio::join!(
        client.subscribe(Subscription::new().event(EventName::Dtmf)),
        async { peer.subscribed("DTMF").await }
    );
    assert!(events.is_ok());
}

/// The consumer does nothing wrong here: it just runs on the same thread as the connection.
#[tokio::test]
async fn lesson_23_a_burst_reaches_a_reader_on_the_same_thread_whole() {
    const COUNT: usize = 20_000;
    let options = Options {
        queue_items: 200,
        ..Options::default()
    };
    let (client, mut peer) =
        connected_with(genesis_client::Inbound::builder().options(options)).await;
    let (events, ()) = tokio::join!(
        client.subscribe(Subscription::all()),
        peer.subscribed("ALL")
    );
    let mut events = events.unwrap();
    let sender = tokio::spawn(async move {
        let burst: String = (0..COUNT).map(numbered).collect();
        peer.send(burst).await;
        peer
    });
    for n in 0..COUNT {
        match soon(events.next()).await.unwrap() {
            Item::Event(event) => {
                assert_eq!(event.get("Number").as_deref(), Some(n.to_string().as_str()));
            }
            other => panic!("after {n}: {other:?}"),
        }
    }
    assert_eq!(client.stats().events_lagged, 0);
    drop(sender.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn lesson_29_the_last_event_of_a_burst_does_not_wait_for_the_next_packet() {
    let (client, mut peer) = connected().await;
    let (events, ()) = tokio::join!(
        client.subscribe(Subscription::all()),
        peer.subscribed("ALL")
    );
    let mut events = events.unwrap();
    peer.send(numbered(1) + &numbered(2)).await;
    assert!(soon(events.next_event()).await.is_some());
    assert_eq!(
        soon(events.next_event())
            .await
            .unwrap()
            .get("Number")
            .as_deref(),
        Some("2")
    );
}

#[tokio::test(start_paused = true)]
async fn a_stalled_subscriber_under_a_flood_harms_nobody_and_sees_its_loss() {
    let (client, mut peer) = connected().await;
    let stalled_wish = Subscription::new().event(EventName::Dtmf).queue_items(100);
    let (stalled, ()) = tokio::join!(client.subscribe(stalled_wish), peer.subscribed("DTMF"));
    let mut stalled = stalled.unwrap();
    let mut reader = client
        .subscribe(Subscription::new().event(EventName::Dtmf))
        .await
        .unwrap();
    let flood = tokio::spawn(async move {
        for n in 0..5_000 {
            peer.send(numbered(n)).await;
        }
        peer.expect("api status").await;
        peer.send(api("UP")).await;
        peer
    });
    for n in 0..5_000 {
        let event = soon(reader.next_event()).await.unwrap();
        assert_eq!(event.get("Number").as_deref(), Some(n.to_string().as_str()));
    }
    assert_eq!(soon(client.api("status")).await.unwrap().text(), "UP");
    assert_eq!(stalled.queued(), 100);
    assert!(matches!(stalled.next().await, Some(Item::Lagged(4_900))));
    let next = stalled.next_event().await.unwrap();
    assert_eq!(next.get("Number").as_deref(), Some("4900"));
    assert_eq!(client.stats().events_lagged, 4_900);
    drop(flood.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_must_not_have_holes_ends_at_the_first() {
    let (client, mut peer) = connected().await;
    let wish = Subscription::all().queue_items(2).overflow(Overflow::Close);
    let (events, ()) = tokio::join!(client.subscribe(wish), peer.subscribed("ALL"));
    let mut events = events.unwrap();
    for n in 0..4 {
        peer.send(numbered(n)).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await; // of paused time: until all is read
    assert!(matches!(soon(events.next()).await, Some(Item::Event(_))));
    assert!(matches!(soon(events.next()).await, Some(Item::Event(_))));
    assert!(matches!(soon(events.next()).await, Some(Item::Lagged(1))));
    assert!(soon(events.next()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn lesson_15_log_lines_have_their_own_queue() {
    let (client, mut peer) = connected().await;
    let (log, ()) = tokio::join!(client.log(LogLevel::Info), async {
        peer.expect("log 6").await;
        peer.send(reply("+OK log level 6 [6]")).await;
    });
    let mut log = log.unwrap();
    for (level, text) in [(7, "too much"), (3, "an error")] {
        peer.send(format!(
            "Content-Type: log/data\nContent-Length: {}\nLog-Level: {level}\n\n{text}\n",
            text.len() + 1
        ))
        .await;
    }
    let Some(LogItem::Line(line)) = soon(log.next()).await else {
        panic!("no line")
    };
    assert_eq!(line.text(), "an error");
    drop(log);
    peer.expect("nolog").await;
    assert_eq!(client.stats().log_lines, 2);
}

#[tokio::test(start_paused = true)]
async fn lesson_14_what_cannot_be_read_is_skipped_and_counted() {
    let (client, mut peer) = connected().await;
    let (events, ()) = tokio::join!(
        client.subscribe(Subscription::all()),
        peer.subscribed("ALL")
    );
    let mut events = events.unwrap();
    peer.send("Content-Type: text/new-thing\nContent-Length: 3\n\nabc")
        .await;
    peer.send("Content-Type: text/event-json\nContent-Length: 3\n\n{{{")
        .await;
    peer.send(numbered(1)).await;
    assert!(soon(events.next_event()).await.is_some());
    let stats = client.stats();
    assert_eq!((stats.frames_unknown, stats.events_unreadable), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn commands_by_hand_go_through_the_ledger() {
    let (client, mut peer) = connected().await;
    let (_events, ()) = tokio::join!(
        client.subscribe(Subscription::new().event(EventName::Dtmf)),
        async { peer.subscribed("DTMF").await }
    );
    let (result, ()) = tokio::join!(client.send(Command::noevents()), async {
        // nothing that a subscriber wants goes away, so the switch hears what changes nothing
        peer.expect("event plain DTMF BACKGROUND_JOB").await;
        peer.send(OK).await;
    });
    assert!(result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn wire_filters_are_used_when_every_subscriber_is_bound_to_channels() {
    let options = Options {
        wire_filters: true,
        ..Options::default()
    };
    let (client, mut peer) =
        connected_with(genesis_client::Inbound::builder().options(options)).await;
    let wish = Subscription::new().event(EventName::Dtmf).channel("7f4d");
    let (_one, ()) = tokio::join!(client.subscribe(wish), async {
        for line in [
            "filter Event-Name BACKGROUND_JOB",
            "filter Unique-ID 7f4d",
            "event plain DTMF",
        ] {
            peer.expect(line).await;
            peer.send(OK).await;
        }
    });
    let (_all, ()) = tokio::join!(
        client.subscribe(Subscription::new().event(EventName::Api)),
        async {
            for line in ["filter delete all", "event plain API"] {
                peer.expect(line).await;
                peer.send(OK).await;
            }
        }
    );
}
