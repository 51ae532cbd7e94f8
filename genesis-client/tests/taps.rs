//! Taps: state that follows events inside the connection; and what a full socket asks for.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use genesis_client::proto::session::CloseReason;
use genesis_client::proto::{Event, EventName};
use genesis_client::{Client, Gap, Inbound, Options, Reconnect, Session, Subscription, Tap};
use genesis_sim::Sim;

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Tap for Heard {
    fn event(&self, event: &Event) {
        self.note(event.clone().name().to_string());
    }

    fn link_lost(&self, _: &CloseReason) {
        self.note("lost");
    }

    fn link_restored(&self, _: &Gap) {
        self.note("restored");
    }

    fn closed(&self, _: &CloseReason) {
        self.note("closed");
    }
}

fn answers() -> Subscription {
    Subscription::new().event(EventName::ChannelAnswer)
}

#[tokio::test(start_paused = true)]
async fn a_tap_has_heard_every_event_before_the_result_of_a_job_is_given_out() {
    let sim = Sim::builder().start().await.unwrap();
    let client = Inbound::builder()
        .connect_over(sim.connect())
        .await
        .unwrap();
    let heard = Arc::new(Heard::default());
    let guard = client.tap(&answers(), heard.clone()).await.unwrap();
    for _ in 0..20 {
        client.bgapi("originate sim/answer &park").await.unwrap();
        assert_eq!(heard.take(), ["CHANNEL_ANSWER"]);
    }
    drop(guard);
    client.bgapi("originate sim/answer &park").await.unwrap();
    assert!(heard.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tap_hears_of_the_link() {
    let sim = Arc::new(Sim::builder().start().await.unwrap());
    let switch = sim.clone();
    let client = Inbound::builder()
        .reconnect(Reconnect::default())
        .connect_with(move || {
            let io = switch.connect();
            async move { Ok(io) }
        })
        .await
        .unwrap();
    let heard = Arc::new(Heard::default());
    let _guard = client.tap(&answers(), heard.clone()).await.unwrap();
    sim.faults().cut_all();
    let lost = client.state_changed(&client.state()).await;
    assert_ne!(lost, genesis_client::LinkState::Connected);
    client.ready().await.unwrap();
    assert_eq!(heard.take(), ["lost", "restored"]);
    client.bgapi("originate sim/answer &park").await.unwrap();
    assert_eq!(
        heard.take(),
        ["CHANNEL_ANSWER"],
        "the subscription came back"
    );
    client.exit().await;
    assert_eq!(heard.take(), ["lost", "closed"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_connection_carries_is_made_once_and_does_not_keep_it_alive() {
    let sim = Sim::builder().start().await.unwrap();
    let client = Inbound::builder()
        .connect_over(sim.connect())
        .await
        .unwrap();
    let one: Arc<Mutex<u32>> = client.extension();
    *one.lock().unwrap() = 7;
    let same: Arc<Mutex<u32>> = client.clone().extension();
    assert_eq!(*same.lock().unwrap(), 7);
    assert_eq!(*client.extension::<Mutex<u64>>().lock().unwrap(), 0);
    let weak = client.downgrade();
    assert!(weak.upgrade().is_some());
    drop(client);
    assert!(weak.upgrade().is_none());
    drop(one);
}

/// A call that runs `socket app:1 async full`, taken over by a session.
async fn session() -> (Sim, Session) {
    let sim = Sim::builder().start().await.unwrap();
    let mut arrivals = sim.listen_in_memory("app:1");
    let line = "null/1 '&socket(app:1 async full)'";
    let answer = sim.switch().api("originate", line).await;
    assert!(answer.starts_with("+OK"), "{answer}");
    let io = arrivals.accept().await.unwrap();
    (sim, Session::over(io, Options::default()).await.unwrap())
}

/// Events that reach the connection while somebody else's call is made and ended.
async fn foreign(sim: &Sim, client: &Client, uuid: &str) -> u64 {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = client.stats().events;
    let line = format!("{{origination_uuid={uuid}}}sim/answer &park");
    let answer = sim.switch().api("originate", &line).await;
    assert!(answer.starts_with("+OK"), "{answer}");
    sim.switch().api("uuid_kill", uuid).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.stats().events - before
}

#[tokio::test(start_paused = true)]
async fn a_full_socket_sees_its_own_channel_and_those_that_are_followed() {
    let (sim, session) = session().await;
    let client = session.client();
    assert_eq!(foreign(&sim, client, "a").await, 0);
    let heard = Arc::new(Heard::default());
    let followed = answers().channel("b");
    let guard = client.tap(&followed, heard.clone()).await.unwrap();
    assert!(foreign(&sim, client, "b").await > 0);
    assert_eq!(heard.take(), ["CHANNEL_ANSWER"]);
    assert_eq!(foreign(&sim, client, "c").await, 0);
    drop(guard);
    assert_eq!(foreign(&sim, client, "b").await, 0);

    // its own events and jobs come all the time
    let mut own = session.events().await.unwrap();
    session
        .execute("set", "a=b")
        .await
        .unwrap()
        .complete()
        .await
        .unwrap();
    assert!(own.next_event().await.is_some());
    let job = client.bgapi("status").await.unwrap();
    assert!(!job.is_refused());
}

#[tokio::test(start_paused = true)]
async fn with_more_channels_than_the_filters_hold_everything_flows_and_is_left_out_here() {
    let (sim, session) = session().await;
    let client = session.client();
    let mut guards = Vec::new();
    let heard = Arc::new(Heard::default());
    for number in 0..70 {
        let followed = answers().channel(format!("leg-{number}"));
        guards.push(client.tap(&followed, heard.clone()).await.unwrap());
    }
    assert!(foreign(&sim, client, "foreign").await > 0);
    assert!(heard.take().is_empty());
    foreign(&sim, client, "leg-69").await;
    assert_eq!(heard.take(), ["CHANNEL_ANSWER"]);
    guards.truncate(3);
    assert_eq!(foreign(&sim, client, "foreign").await, 0);
    foreign(&sim, client, "leg-2").await;
    assert_eq!(heard.take(), ["CHANNEL_ANSWER"]);
}
