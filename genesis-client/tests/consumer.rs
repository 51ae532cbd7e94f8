//! Handlers: order, parallelism, isolation, bounds, the end.

#![allow(clippy::unwrap_used)] // helpers outside #[test] too

mod scripted_switch;

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use genesis_client::proto::{Event, EventName};
use genesis_client::{
    Consumer, FailureCause, HandlerFailure, HeaderFilter, Lane, Missed, RunningConsumer,
};
use scripted_switch::{Switch, event, settled};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Barrier, Notify, Semaphore};
use tokio::time::{Instant, sleep};

/// `UUID/NUMBER` of an event.
fn mark(event: &Event) -> String {
    let uuid = event.unique_id().unwrap_or_default();
    format!("{uuid}/{}", event.get("Number").unwrap_or_default())
}

fn drain<T>(receiver: &mut UnboundedReceiver<T>) -> Vec<T> {
    std::iter::from_fn(|| receiver.try_recv().ok()).collect()
}

fn send(switch: &Switch, uuid: &str, number: usize) {
    let number = number.to_string();
    switch.event("CHANNEL_STATE", Some(uuid), &[("Number", &number)]);
}

/// A gate that every handler has to pass, one for each permit.
fn gated(consumer: Consumer, gate: &Arc<Semaphore>, seen: UnboundedSender<String>) -> Consumer {
    let gate = gate.clone();
    consumer.on(EventName::ChannelState, move |event| {
        let (gate, seen) = (gate.clone(), seen.clone());
        async move {
            gate.acquire().await?.forget();
            seen.send(mark(&event))?;
            Ok(())
        }
    })
}

#[tokio::test(start_paused = true)]
async fn lesson_24_events_of_one_call_are_handled_in_order() {
    let (client, switch) = Switch::connect().await;
    let (seen, mut handled) = unbounded_channel();
    let running = Consumer::new(client)
        .on(EventName::ChannelState, move |event| {
            let seen = seen.clone();
            async move {
                // the earlier the event, the longer its handler takes
                let number: u64 = event.get("Number").ok_or("no number")?.parse()?;
                sleep(Duration::from_millis(100 - number)).await;
                seen.send(mark(&event))?;
                Ok(())
            }
        })
        .start()
        .await
        .unwrap();
    for number in 0..50 {
        send(&switch, "a", number);
        send(&switch, "b", number);
    }
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(handled.recv().await.unwrap());
    }
    for uuid in ["a", "b"] {
        let of_one: Vec<_> = all.iter().filter(|m| m.starts_with(uuid)).collect();
        let expected: Vec<_> = (0..50).map(|n| format!("{uuid}/{n}")).collect();
        assert_eq!(of_one, expected.iter().collect::<Vec<_>>());
    }
    assert_eq!(running.stats().events, 100);
}

#[tokio::test(start_paused = true)]
async fn channels_are_handled_in_parallel() {
    let (client, switch) = Switch::connect().await;
    // each handler waits for the other: one after the other would never end
    let barrier = Arc::new(Barrier::new(2));
    let (seen, mut handled) = unbounded_channel();
    let running = Consumer::new(client)
        .on(EventName::ChannelState, move |event| {
            let (barrier, seen) = (barrier.clone(), seen.clone());
            async move {
                barrier.wait().await;
                seen.send(mark(&event))?;
                Ok(())
            }
        })
        .start()
        .await
        .unwrap();
    send(&switch, "a", 1);
    send(&switch, "b", 1);
    let mut both = [handled.recv().await.unwrap(), handled.recv().await.unwrap()];
    both.sort();
    assert_eq!(both, ["a/1", "b/1"]);
    assert_eq!(running.stats().timed_out, 0);
}

#[tokio::test(start_paused = true)]
async fn one_handler_of_a_channel_runs_at_a_time() {
    let (client, switch) = Switch::connect().await;
    let inside = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let highest = most.clone();
    let running = Consumer::new(client)
        .on_all(move |_| {
            let (inside, most) = (inside.clone(), most.clone());
            async move {
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(Duration::from_millis(5)).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        })
        .start()
        .await
        .unwrap();
    for number in 0..10 {
        send(&switch, "a", number);
    }
    settled().await;
    assert_eq!(running.stop().await.succeeded, 10);
    assert_eq!(highest.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn handlers_of_one_event_run_in_order_and_a_failing_one_harms_no_other() {
    let (client, switch) = Switch::connect().await;
    let (seen, mut handled) = unbounded_channel();
    let (failures, mut failed) = unbounded_channel();
    let tell = move |label: &'static str| {
        let seen = seen.clone();
        move |event: Event| {
            let text = format!("{label} {}", mark(&event));
            let sent = seen.send(text);
            async move { Ok(sent?) }
        }
    };
    let running = Consumer::new(client)
        .on(EventName::ChannelState, tell("first"))
        .on(EventName::ChannelState, |_| async {
            Err("no such customer".into())
        })
        .on_all(tell("second"))
        .on(EventName::ChannelState, |_| async { panic!("a bug") })
        .on_all(|event: Event| {
            // before it gives its future
            assert_eq!(event.name(), EventName::Heartbeat, "another bug");
            async { Ok(()) }
        })
        .on(EventName::ChannelState, tell("third"))
        .on_error(move |failure: HandlerFailure| {
            let sent = failures.send(format!("{} {}", mark(&failure.event), failure.cause));
            async move { sent.unwrap() }
        })
        .start()
        .await
        .unwrap();
    send(&switch, "a", 1);
    send(&switch, "a", 2);
    settled().await;
    assert_eq!(
        drain(&mut handled),
        [
            "first a/1",
            "second a/1",
            "third a/1",
            "first a/2",
            "second a/2",
            "third a/2"
        ]
    );
    let failed = drain(&mut failed);
    assert_eq!(failed.len(), 6);
    assert_eq!(failed[0], "a/1 the handler failed: no such customer");
    assert_eq!(failed[1], "a/1 the handler panicked: a bug");
    assert!(failed[2].contains("another bug"), "{}", failed[2]);
    let stats = running.stop().await;
    assert_eq!(
        (stats.succeeded, stats.failed, stats.panicked),
        (6, 2, 4),
        "{stats:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_cancelled() {
    struct Cancelled(UnboundedSender<Instant>);
    impl Drop for Cancelled {
        fn drop(&mut self) {
            let _ = self.0.send(Instant::now());
        }
    }
    let (client, switch) = Switch::connect().await;
    let (cancelled, mut cancellations) = unbounded_channel();
    let (failures, mut failed) = unbounded_channel();
    let running = Consumer::new(client)
        .handler_timeout(Duration::from_secs(5))
        .on(EventName::ChannelState, move |event| {
            let guard = Cancelled(cancelled.clone());
            async move {
                let _guard = guard;
                if event.get("Number").as_deref() == Some("1") {
                    std::future::pending::<()>().await;
                }
                Ok(())
            }
        })
        .on_error(move |failure| {
            let failures = failures.clone();
            async move { failures.send(failure).unwrap() }
        })
        .start()
        .await
        .unwrap();
    let start = Instant::now();
    send(&switch, "a", 1);
    send(&switch, "a", 2);
    let at = cancellations.recv().await.unwrap();
    assert_eq!(at - start, Duration::from_secs(5));
    let failure = failed.recv().await.unwrap();
    assert_eq!(mark(&failure.event), "a/1");
    assert!(matches!(failure.cause, FailureCause::Timeout(_)));
    let stats = running.stop().await;
    assert_eq!((stats.timed_out, stats.succeeded), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_full_lane_loses_its_oldest_and_says_so() {
    let (client, switch) = Switch::connect().await;
    let gate = Arc::new(Semaphore::new(0));
    let (seen, mut handled) = unbounded_channel();
    let (missed, mut gaps) = unbounded_channel();
    let consumer = Consumer::new(client.clone()).lane_queue(3);
    let running = gated(consumer, &gate, seen)
        .on_gap(move |notice| {
            let missed = missed.clone();
            async move { missed.send(notice).unwrap() }
        })
        .start()
        .await
        .unwrap();
    // 0 is being handled, three wait, the rest is too much
    for number in 0..10 {
        send(&switch, "flood", number);
        settled().await;
    }
    send(&switch, "quiet", 0);
    settled().await;
    let stats = running.stats();
    assert_eq!((stats.events, stats.dropped, stats.queued), (11, 6, 3));
    let lost: u64 = drain(&mut gaps)
        .iter()
        .map(|missed| match missed {
            Missed::Lagged { count, lane } => {
                assert_eq!(lane, &Some(Lane::Channel("flood".into())));
                *count
            }
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(lost, 6, "reported although every handler is stuck");
    switch.output("+OK still there\n");
    assert!(
        client.api("status").await.is_ok(),
        "commands are unaffected"
    );
    gate.add_permits(100);
    settled().await;
    let mut handled = drain(&mut handled);
    handled.sort();
    assert_eq!(
        handled,
        ["flood/0", "flood/7", "flood/8", "flood/9", "quiet/0"]
    );
}

#[tokio::test(start_paused = true)]
async fn losses_are_summed_up_while_the_hook_is_busy() {
    let (client, switch) = Switch::connect().await;
    let gate = Arc::new(Semaphore::new(0));
    let told = Arc::new(Notify::new());
    let (seen, _handled) = unbounded_channel();
    let (missed, mut gaps) = unbounded_channel();
    let go_on = told.clone();
    let running = gated(Consumer::new(client).lane_queue(1), &gate, seen)
        .on_gap(move |notice| {
            let (missed, told) = (missed.clone(), told.clone());
            async move {
                missed.send(notice).unwrap();
                told.notified().await;
            }
        })
        .start()
        .await
        .unwrap();
    for number in 0..12 {
        send(&switch, "flood", number);
        settled().await;
    }
    assert_eq!(running.stats().dropped, 10);
    let lagged = |count| {
        let lane = Some(Lane::Channel("flood".into()));
        Missed::Lagged { count, lane }
    };
    assert_eq!(drain(&mut gaps), [lagged(1)]);
    go_on.notify_one();
    settled().await;
    assert_eq!(drain(&mut gaps), [lagged(9)]);
}

#[tokio::test(start_paused = true)]
async fn lanes_are_bounded_and_order_holds_beyond() {
    let (client, switch) = Switch::connect().await;
    let gate = Arc::new(Semaphore::new(0));
    let (seen, mut handled) = unbounded_channel();
    let running = gated(Consumer::new(client).lanes(4), &gate, seen)
        .start()
        .await
        .unwrap();
    for number in 0..5 {
        for channel in 0..20 {
            send(&switch, &format!("c{channel}"), number);
        }
    }
    settled().await;
    let stats = running.stats();
    assert_eq!((stats.lanes, stats.at_work), (5, 5), "one is shared");
    assert_eq!((stats.queued, stats.dropped), (95, 0));
    gate.add_permits(1000);
    settled().await;
    let handled = drain(&mut handled);
    for channel in 0..20 {
        let prefix = format!("c{channel}/");
        let of_one: Vec<_> = handled.iter().filter(|m| m.starts_with(&prefix)).collect();
        let expected: Vec<_> = (0..5).map(|n| format!("{prefix}{n}")).collect();
        assert_eq!(of_one, expected.iter().collect::<Vec<_>>());
    }
    assert_eq!(running.stats().lanes, 0, "idle lanes are gone");
}

#[tokio::test(start_paused = true)]
async fn handlers_at_work_are_bounded_and_lanes_take_turns() {
    let (client, switch) = Switch::connect().await;
    let gate = Arc::new(Semaphore::new(0));
    let (seen, mut handled) = unbounded_channel();
    let running = gated(Consumer::new(client).handlers_at_work(2), &gate, seen)
        .start()
        .await
        .unwrap();
    for number in 0..3 {
        send(&switch, "a", number);
    }
    for uuid in ["b", "c", "d"] {
        send(&switch, uuid, 0);
    }
    settled().await;
    let stats = running.stats();
    assert_eq!((stats.at_work, stats.queued), (2, 4));
    for _ in 0..6 {
        gate.add_permits(1);
        settled().await;
    }
    let handled = drain(&mut handled);
    assert_eq!(handled, ["a/0", "b/0", "c/0", "d/0", "a/1", "a/2"]);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_wait_are_bounded() {
    let (client, switch) = Switch::connect().await;
    let gate = Arc::new(Semaphore::new(0));
    let (seen, _handled) = unbounded_channel();
    let running = gated(Consumer::new(client).queue_bytes(10_000), &gate, seen)
        .start()
        .await
        .unwrap();
    let long = "x".repeat(2000);
    for number in 0..100 {
        let uuid = format!("c{}", number % 10);
        switch.event("CHANNEL_STATE", Some(&uuid), &[("Filling", &long)]);
    }
    settled().await;
    let stats = running.stats();
    assert_eq!(stats.events, 100);
    assert!(stats.queued_bytes <= 10_000, "{stats:?}");
    assert_eq!(stats.queued + stats.dropped + stats.at_work, 100);
}

async fn filtered(
    client: genesis_client::Client,
    seen: UnboundedSender<String>,
) -> RunningConsumer {
    let tell = move |label: &'static str| {
        let seen = seen.clone();
        move |event: Event| {
            let sent = seen.send(format!("{label} {}", mark(&event)));
            async move { Ok(sent?) }
        }
    };
    Consumer::new(client)
        .on_filtered(
            EventName::ChannelAnswer,
            [HeaderFilter::equal("Call-Direction", "inbound")],
            tell("equal"),
        )
        .on_filtered(
            EventName::ChannelAnswer,
            [
                HeaderFilter::matching("Caller-Caller-ID-Number", r"^\+49\d{3,}$").unwrap(),
                HeaderFilter::present("variable_customer"),
            ],
            tell("regex"),
        )
        .on_subclass("sofia::register", tell("register"))
        .on_subclass_filtered(
            "sofia::register",
            [HeaderFilter::present("expires")],
            tell("expiring"),
        )
        .on(EventName::Heartbeat, tell("heartbeat"))
        .start()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn filters_and_subclasses_choose_handlers() {
    let (client, switch) = Switch::connect().await;
    let (seen, mut handled) = unbounded_channel();
    let running = filtered(client, seen).await;
    let subscribed = switch.commands().join("\n");
    for word in ["CHANNEL_ANSWER", "HEARTBEAT", "sofia::register"] {
        assert!(subscribed.contains(word), "{subscribed}");
    }
    assert!(!subscribed.contains("ALL"), "{subscribed}");
    let inbound = ("Call-Direction", "inbound");
    let german = ("Caller-Caller-ID-Number", "%2B491234");
    let customer = ("variable_customer", "7");
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let steps: [(&str, Option<&str>, Headers<'_>, &[&str]); 7] = [
        ("CHANNEL_ANSWER", Some("a"), &[inbound], &["equal a/"]),
        (
            "CHANNEL_ANSWER",
            Some("a"),
            &[inbound, german, customer],
            &["equal a/", "regex a/"],
        ),
        ("CHANNEL_ANSWER", Some("a"), &[german], &[]),
        (
            "CHANNEL_ANSWER",
            Some("a"),
            &[("Caller-Caller-ID-Number", "+4912345x"), customer],
            &[],
        ),
        (
            "CUSTOM",
            None,
            &[("Event-Subclass", "sofia%3A%3Aregister"), ("expires", "60")],
            &["register /", "expiring /"],
        ),
        ("CUSTOM", None, &[("Event-Subclass", "other%3A%3A")], &[]),
        ("HEARTBEAT", None, &[], &["heartbeat /"]),
    ];
    for (name, uuid, headers, expected) in steps {
        switch.event(name, uuid, headers);
        settled().await;
        assert_eq!(drain(&mut handled), expected, "{name} {headers:?}");
    }
    // what nobody subscribed to does not reach the consumer
    assert_eq!((running.stats().events, running.stats().unmatched), (6, 2));
}

#[tokio::test(start_paused = true)]
async fn events_without_a_channel_share_a_lane_per_name() {
    let (client, switch) = Switch::connect().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let running = Consumer::new(client)
        .on_all(move |_| {
            let gate = held.clone();
            async move {
                gate.acquire().await?.forget();
                Ok(())
            }
        })
        .start()
        .await
        .unwrap();
    for _ in 0..3 {
        switch.event("HEARTBEAT", None, &[]);
        switch.event("RE_SCHEDULE", None, &[]);
        switch.event("CUSTOM", None, &[("Event-Subclass", "a%3A%3Aa")]);
        switch.event("CUSTOM", None, &[("Event-Subclass", "b%3A%3Ab")]);
    }
    settled().await;
    let stats = running.stats();
    assert_eq!((stats.lanes, stats.at_work, stats.queued), (4, 4, 8));
}

#[tokio::test(start_paused = true)]
async fn stop_takes_the_subscription_back_and_handles_what_is_queued() {
    let (client, switch) = Switch::connect().await;
    let gate = Arc::new(Semaphore::new(0));
    let (seen, mut handled) = unbounded_channel();
    let running = gated(Consumer::new(client.clone()), &gate, seen)
        .start()
        .await
        .unwrap();
    for number in 0..5 {
        send(&switch, "a", number);
    }
    settled().await;
    let stopping = tokio::spawn(running.stop());
    settled().await;
    assert!(!stopping.is_finished());
    let last = switch.commands().last().cloned().unwrap();
    assert!(
        last.contains("CHANNEL_STATE") && last.starts_with("nixevent"),
        "{last}"
    );
    send(&switch, "a", 99);
    settled().await;
    gate.add_permits(100);
    let stats = stopping.await.unwrap();
    assert_eq!((stats.succeeded, stats.abandoned, stats.queued), (5, 0, 0));
    assert_eq!(drain(&mut handled), ["a/0", "a/1", "a/2", "a/3", "a/4"]);
    assert!(client.close_reason().is_none(), "the connection goes on");
}

#[tokio::test(start_paused = true)]
async fn stop_handles_what_the_consumer_has_not_read_yet() {
    let (client, switch) = Switch::connect().await;
    let slot: Arc<Mutex<Option<RunningConsumer>>> = Arc::default();
    let (stops, mut stopping) = unbounded_channel();
    let (own, connection) = (slot.clone(), client.clone());
    let running = Consumer::new(client)
        .on(EventName::ChannelState, move |event| {
            // in the midst of the burst, when more is there than the consumer reads at once
            let midst = mark(&event) == "c100/100";
            let running = own.lock().unwrap().take_if(|_| midst);
            let (stops, connection) = (stops.clone(), connection.clone());
            async move {
                if let Some(running) = running {
                    let arrived = connection.stats().events;
                    let mut stop = Box::pin(running.stop());
                    poll_fn(|cx| Poll::Ready(stop.as_mut().poll(cx).is_ready())).await;
                    assert!(stops.send((arrived, stop)).is_ok());
                }
                Ok(())
            }
        })
        .start()
        .await
        .unwrap();
    *slot.lock().unwrap() = Some(running);
    let burst = (0..500).map(|number| {
        let (uuid, number) = (format!("c{number}"), number.to_string());
        event("CHANNEL_STATE", Some(&uuid), &[("Number", &number)])
    });
    switch.send(burst.collect());
    let (arrived, stop) = stopping.recv().await.unwrap();
    let stats = stop.await;
    assert!(arrived > 100, "{arrived}");
    assert!(stats.events >= arrived, "{arrived} had arrived: {stats:?}");
    assert_eq!(stats.succeeded, stats.events);
    assert_eq!((stats.dropped, stats.abandoned), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn stop_abandons_the_rest_at_its_deadline() {
    let (client, switch) = Switch::connect().await;
    let gate = Arc::new(Semaphore::new(2));
    let (seen, mut handled) = unbounded_channel();
    let consumer = Consumer::new(client)
        .drain_timeout(Duration::from_secs(3))
        .handler_timeout(Duration::MAX);
    let running = gated(consumer, &gate, seen).start().await.unwrap();
    for number in 0..5 {
        send(&switch, "a", number);
    }
    settled().await;
    let start = Instant::now();
    let stats = running.stop().await;
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    assert_eq!((stats.succeeded, stats.abandoned), (2, 3));
    assert_eq!((stats.at_work, stats.queued, stats.lanes), (0, 0, 0));
    gate.add_permits(10);
    settled().await;
    assert_eq!(drain(&mut handled), ["a/0", "a/1"], "cancelled");
}

#[tokio::test(start_paused = true)]
async fn dropping_it_cancels_handlers_and_unsubscribes() {
    let (client, switch) = Switch::connect().await;
    let gate = Arc::new(Semaphore::new(0));
    let (seen, mut handled) = unbounded_channel();
    let running = gated(Consumer::new(client.clone()), &gate, seen)
        .start()
        .await
        .unwrap();
    send(&switch, "a", 1);
    settled().await;
    let start = Instant::now();
    drop(running);
    // its sender goes with the handlers
    assert_eq!(handled.recv().await, None);
    assert_eq!(start.elapsed(), Duration::ZERO, "not at some timeout");
    settled().await;
    let last = switch.commands().last().cloned().unwrap();
    assert!(last.starts_with("nixevent"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_connection_ends_it_after_what_had_come() {
    let (client, switch) = Switch::connect().await;
    let gate = Arc::new(Semaphore::new(0));
    let (seen, mut handled) = unbounded_channel();
    let running = gated(Consumer::new(client.clone()), &gate, seen)
        .start()
        .await
        .unwrap();
    send(&switch, "a", 1);
    send(&switch, "a", 2);
    settled().await;
    switch.drop_link();
    client.closed().await;
    let opened = async {
        settled().await;
        gate.add_permits(10);
    };
    let (reason, ()) = tokio::join!(running.wait(), opened);
    assert_eq!(Some(reason), client.close_reason());
    assert_eq!(drain(&mut handled), ["a/1", "a/2"]);
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_told_and_handlers_go_on() {
    let (client, switch) = Switch::connect_for_good().await;
    let (seen, mut handled) = unbounded_channel();
    let (missed, mut gaps) = unbounded_channel();
    let gate = Arc::new(Semaphore::new(10));
    let running = gated(Consumer::new(client), &gate, seen)
        .on_gap(move |notice| {
            let missed = missed.clone();
            async move { missed.send(notice).unwrap() }
        })
        .start()
        .await
        .unwrap();
    send(&switch, "a", 1);
    assert_eq!(handled.recv().await.unwrap(), "a/1");
    switch.drop_link();
    let Missed::Gap(gap) = gaps.recv().await.unwrap() else {
        panic!("no gap");
    };
    assert_eq!(gap.attempts, 1);
    settled().await;
    send(&switch, "a", 2);
    assert_eq!(handled.recv().await.unwrap(), "a/2");
    assert_eq!(running.stats().gaps, 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_handler_it_does_not_start() {
    let (client, _switch) = Switch::connect().await;
    let error = Consumer::new(client).start().await.unwrap_err();
    assert!(error.to_string().contains("names no event"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn one_consumer_takes_over_from_another_between_two_events() {
    const EVENTS: usize = 2_000;
    let (client, switch) = Switch::connect().await;
    let (seen, mut handled) = unbounded_channel();
    let version = |version: usize| {
        let (seen, client) = (seen.clone(), client.clone());
        // what they follow differs, and so does what is said to the switch
        let consumer = match version % 2 {
            0 => Consumer::new(client).on(EventName::Heartbeat, |_| async { Ok(()) }),
            _ => Consumer::new(client).on(EventName::ChannelAnswer, |_| async { Ok(()) }),
        };
        consumer.on(EventName::ChannelState, move |event| {
            let seen = seen.clone();
            async move {
                let number: usize = event.get("Number").ok_or("no number")?.parse()?;
                if number.is_multiple_of(7) {
                    sleep(Duration::from_millis(10)).await;
                }
                seen.send((number, version))?;
                Ok(())
            }
        })
    };
    let mut running = version(0).start().await.unwrap();
    let sending = tokio::spawn(async move {
        for number in 0..EVENTS {
            send(&switch, &format!("call{}", number % 30), number);
            if number % 3 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        switch
    });
    let mut last = 0;
    while !sending.is_finished() || last < 50 {
        last += 1;
        let next = version(last).take_over(&running).await.unwrap();
        let before = std::mem::replace(&mut running, next);
        let stats = before.stop().await;
        assert_eq!((stats.abandoned, stats.lagged), (0, 0));
    }
    let _switch = sending.await.unwrap();
    running.stop().await;
    let mut all = drain(&mut handled);
    all.sort_unstable();
    let numbers: Vec<_> = all.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (0..EVENTS).collect::<Vec<_>>());
    let versions: Vec<_> = all.iter().map(|(_, version)| *version).collect();
    assert!(versions.is_sorted());
    let several: std::collections::BTreeSet<_> = versions.into_iter().collect();
    assert!(several.len() > 20, "{}", several.len());
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_cannot_take_over_leaves_the_other_one_at_work() {
    let (client, switch) = Switch::connect().await;
    let (other, _other_switch) = Switch::connect().await;
    let (seen, mut handled) = unbounded_channel();
    let running = Consumer::new(client.clone())
        .on(EventName::ChannelState, move |event| {
            let seen = seen.clone();
            async move { Ok(seen.send(mark(&event))?) }
        })
        .start()
        .await
        .unwrap();
    let handler = |_| async { Ok(()) };
    let elsewhere = Consumer::new(other).on(EventName::ChannelState, handler);
    let error = elsewhere.take_over(&running).await.unwrap_err();
    assert!(error.to_string().contains("another connection"), "{error}");
    let empty = Consumer::new(client.clone()).take_over(&running).await;
    empty.unwrap_err();
    let next = Consumer::new(client).on(EventName::ChannelAnswer, handler);
    let mut dropped = Box::pin(next.take_over(&running));
    let pending = poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context).is_pending()));
    assert!(pending.await);
    drop(dropped);
    settled().await;
    send(&switch, "a", 1);
    assert_eq!(handled.recv().await.unwrap(), "a/1");
}
