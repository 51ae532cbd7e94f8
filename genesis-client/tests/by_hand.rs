//! Commands sent by hand and the ledger, on the simulated switch.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::time::Duration;

use genesis_client::proto::command::Execute;
use genesis_client::proto::name::LogLevel;
use genesis_client::proto::{Command, EventName};
use genesis_client::{Client, Inbound, Options, Subscription};
use genesis_sim::{Sim, User};

const LONG: Duration = Duration::from_secs(60);

async fn connect(sim: &Sim) -> Client {
    Inbound::builder()
        .connect_over(sim.connect())
        .await
        .unwrap()
}

fn dtmf_of(uuid: &str) -> Subscription {
    Subscription::new().event(EventName::Dtmf).channel(uuid)
}

async fn job_comes(client: &Client) {
    let job = tokio::time::timeout(LONG, client.bgapi("echo x")).await;
    assert_eq!(job.expect("the result is hidden").unwrap().text(), "x");
}

#[tokio::test(start_paused = true)]
async fn filters_of_subscribers_come_back_after_a_delete_by_hand() {
    let sim = Sim::builder().start().await.unwrap();
    let options = Options {
        wire_filters: true,
        ..Options::default()
    };
    let builder = Inbound::builder().options(options);
    let client = builder.connect_over(sim.connect()).await.unwrap();
    let _a = client.subscribe(dtmf_of("a")).await.unwrap();
    client.send(Command::filter_delete_all()).await.unwrap();
    let _b = client.subscribe(dtmf_of("b")).await.unwrap();
    job_comes(&client).await;
}

#[tokio::test(start_paused = true)]
async fn job_results_pass_whatever_filter_is_deleted() {
    let sim = Sim::builder().start().await.unwrap();
    let client = connect(&sim).await;
    client
        .send(Command::filter("Unique-ID", "x").unwrap())
        .await
        .unwrap();
    client
        .send(Command::filter("Event-Name", "API").unwrap())
        .await
        .unwrap();
    client
        .send(Command::filter_delete("Event-Name", None).unwrap())
        .await
        .unwrap();
    job_comes(&client).await;
    client
        .send(Command::filter_delete("Unique-ID", None).unwrap())
        .await
        .unwrap();
    let mut heartbeats = client
        .subscribe(Subscription::new().event(EventName::Heartbeat))
        .await
        .unwrap();
    assert!(
        tokio::time::timeout(LONG, heartbeats.next_event())
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_by_hand_is_not_believed() {
    let user = User::new("u", "d", "p").allow_events("HEARTBEAT,BACKGROUND_JOB");
    let sim = Sim::builder().user(user).start().await.unwrap();
    let builder = Inbound::builder().user("u", "d", "p");
    let client = builder.connect_over(sim.connect()).await.unwrap();
    let reply = client
        .send(Command::raw("event plain ALL").unwrap())
        .await
        .unwrap();
    assert!(reply.is_refused());
    let mut heartbeats = client
        .subscribe(Subscription::new().event(EventName::Heartbeat))
        .await
        .unwrap();
    assert!(
        tokio::time::timeout(LONG, heartbeats.next_event())
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn the_log_by_hand_is_one_more_reader_of_it() {
    let sim = Sim::builder().start().await.unwrap();
    let client = connect(&sim).await;
    let mut log = client.log(LogLevel::Info).await.unwrap();
    client.send(Command::log(LogLevel::Err)).await.unwrap();
    client.send(Command::nolog()).await.unwrap();
    sim.switch().log(LogLevel::Notice, None, "hello");
    assert!(
        tokio::time::timeout(LONG, log.next())
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn myevents_by_hand_makes_the_connection_control_its_channel() {
    let sim = Sim::builder().start().await.unwrap();
    let answer = sim.switch().api("originate", "null/1 &park").await;
    let uuid = answer.trim().strip_prefix("+OK ").unwrap().to_owned();
    let client = connect(&sim).await;
    client
        .send(Command::myevents_of(&uuid).unwrap())
        .await
        .unwrap();
    let execute = Execute::new("set").unwrap().arg("a=1").unwrap();
    let done = client
        .execute(None, execute)
        .await
        .unwrap()
        .complete()
        .await
        .unwrap();
    assert_eq!(done.unique_id().as_deref(), Some(uuid.as_str()));
    job_comes(&client).await;
}
