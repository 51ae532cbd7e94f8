//! One consumer in the place of another: whose each event is, whatever happens meanwhile.

#![allow(clippy::unwrap_used)] // helpers outside #[test] too

mod scripted_switch;

use std::future::poll_fn;
use std::task::Poll;

use genesis_client::proto::EventName;
use genesis_client::{Client, Consumer, LinkState, Missed, Options, RunningConsumer};
use scripted_switch::{Switch, event, settled};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a version was told: its number, and the event's or `gap`.
type Told = (usize, String);

fn drain(told: &mut UnboundedReceiver<Told>) -> Vec<Told> {
    std::iter::from_fn(|| told.try_recv().ok()).collect()
}

/// A consumer that tells what it handles.
fn version(number: usize, client: &Client, tell: &UnboundedSender<Told>) -> Consumer {
    let (of_events, of_gaps) = (tell.clone(), tell.clone());
    // what they follow differs, and so something is said to the switch
    let other = [EventName::Heartbeat, EventName::ChannelAnswer][number % 2].clone();
    Consumer::new(client.clone())
        .on(other, |_| async { Ok(()) })
        .on(EventName::ChannelState, move |event| {
            let of_event = event.get("Number").map(|number| number.into_owned());
            let tell = of_events.clone();
            async move { Ok(tell.send((number, of_event.unwrap_or_default()))?) }
        })
        .on_gap(move |missed| {
            let text = match missed {
                Missed::Gap(_) => "gap".to_owned(),
                other => other.to_string(),
            };
            let tell = of_gaps.clone();
            async move { drop(tell.send((number, text))) }
        })
}

async fn start(client: &Client, tell: &UnboundedSender<Told>) -> RunningConsumer {
    version(0, client, tell).start().await.unwrap()
}

fn state(number: usize) -> String {
    event(
        "CHANNEL_STATE",
        Some("a"),
        &[("Number", &number.to_string())],
    )
}

fn told(number: usize, texts: impl IntoIterator<Item = usize>) -> Vec<Told> {
    let texts = texts.into_iter();
    texts.map(|text| (number, text.to_string())).collect()
}

/// Lets the future get as far as it can without waiting.
async fn begun<F: Future + Unpin>(future: &mut F) {
    let pending = poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending()));
    assert!(pending.await);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_the_point_is_handled_by_the_one_that_is_told_to_stop() {
    // the connection pauses within what it has read
    let options = Options {
        queue_items: 4,
        ..Options::default()
    };
    let (client, switch) = Switch::connect_with(options).await;
    let (tell, mut heard) = unbounded_channel();
    let before = start(&client, &tell).await;
    settled().await;
    // they come in one piece with the word that the take-over waits for
    switch.behind_reply((0..10).map(state).collect::<String>());
    let next = version(1, &client, &tell).take_over(&before).await.unwrap();
    let stats = before.stop().await;
    assert_eq!((stats.abandoned, stats.lagged), (0, 0));
    settled().await;
    assert_eq!(drain(&mut heard), told(0, 0..10));
    switch.send(state(10));
    settled().await;
    assert_eq!(drain(&mut heard), told(1, [10]));
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn of_two_that_take_over_one_does() {
    let (client, switch) = Switch::connect().await;
    let (tell, mut heard) = unbounded_channel();
    let before = start(&client, &tell).await;
    let (first, second) = tokio::join!(
        version(1, &client, &tell).take_over(&before),
        version(2, &client, &tell).take_over(&before),
    );
    let (winner, next, error) = match (first, second) {
        (Ok(next), Err(error)) => (1, next, error),
        (Err(error), Ok(next)) => (2, next, error),
        other => panic!("{other:?}"),
    };
    assert!(error.to_string().contains("already"), "{error}");
    settled().await;
    switch.send(state(1));
    settled().await;
    assert_eq!(drain(&mut heard), told(winner, [1]));
    let late = version(3, &client, &tell).take_over(&before).await;
    assert!(late.unwrap_err().to_string().contains("already"));
    // nothing of those that could not is left
    before.stop().await;
    next.stop().await;
    settled().await;
    let commands = switch.commands();
    let last = commands.last().unwrap();
    assert!(last.starts_with("nixevent CHANNEL_STATE"), "{commands:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_take_over_that_is_given_up_leaves_no_trace() {
    let (client, switch) = Switch::connect().await;
    let (tell, mut heard) = unbounded_channel();
    let before = start(&client, &tell).await;
    settled().await;
    let known = switch.commands().len();
    for agreed in [false, true] {
        let mut taking = Box::pin(version(1, &client, &tell).take_over(&before));
        begun(&mut taking).await;
        if agreed {
            // the switch has said yes, and who asked has not looked
            settled().await;
        }
        drop(taking);
        settled().await;
        switch.send(state(1));
        settled().await;
        assert_eq!(drain(&mut heard), told(0, [1]));
    }
    let commands = switch.commands();
    let said = &commands[known..];
    assert_eq!(said.len(), 4, "asked for and taken back, twice: {said:#?}");
    let next = version(1, &client, &tell).take_over(&before).await.unwrap();
    before.stop().await;
    switch.send(state(2));
    settled().await;
    assert_eq!(drain(&mut heard), told(1, [2]));
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_lost_while_the_switch_is_asked_leaves_the_one_before_at_work() {
    let (client, switch) = Switch::connect_for_good().await;
    let (tell, mut heard) = unbounded_channel();
    let before = start(&client, &tell).await;
    settled().await;
    switch.silent(true);
    let mut taking = Box::pin(version(1, &client, &tell).take_over(&before));
    begun(&mut taking).await;
    settled().await;
    switch.silent(false);
    switch.drop_link();
    taking.await.unwrap_err();
    let gap = heard.recv().await.unwrap();
    assert_eq!(gap, (0, "gap".to_owned()));
    settled().await;
    switch.send(state(1));
    settled().await;
    assert_eq!(drain(&mut heard), told(0, [1]));
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_told_to_the_one_whose_the_events_behind_it_are() {
    let (client, switch) = Switch::connect_for_good().await;
    let (tell, mut heard) = unbounded_channel();
    let before = start(&client, &tell).await;
    settled().await;
    switch.drop_link();
    while client.state() == LinkState::Connected {
        tokio::task::yield_now().await;
    }
    let next = version(1, &client, &tell).take_over(&before).await.unwrap();
    before.stop().await;
    assert_eq!(heard.recv().await.unwrap(), (1, "gap".to_owned()));
    settled().await;
    switch.send(state(1));
    settled().await;
    assert_eq!(drain(&mut heard), told(1, [1]));
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_dropped_or_goes_by_itself_leaves_the_next_at_work() {
    let (client, switch) = Switch::connect().await;
    let (tell, mut heard) = unbounded_channel();
    let mut running = start(&client, &tell).await;
    for number in 1..=4 {
        let next = version(number, &client, &tell);
        let next = next.take_over(&running).await.unwrap();
        let before = std::mem::replace(&mut running, next);
        if number % 2 == 0 {
            // it ends although nobody stops it
            settled().await;
        }
        drop(before);
        settled().await;
        switch.send(state(number));
        settled().await;
        assert_eq!(drain(&mut heard), told(number, [number]));
    }
    // the end of the connection ends all of it
    let next = version(5, &client, &tell);
    let next = next.take_over(&running).await.unwrap();
    switch.drop_link();
    running.stop().await;
    next.wait().await;
    let late = version(6, &client, &tell).take_over(&next).await;
    assert!(late.unwrap_err().to_string().contains("connection"));
}
