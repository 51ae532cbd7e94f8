//! What a connection of the event socket does, over pipes and over TCP.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use genesis_proto::name::LogLevel;
use genesis_sim::{Sim, User};
use support::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

#[tokio::test]
async fn over_tcp() {
    let sim = Sim::builder().listen("127.0.0.1:0").start().await.unwrap();
    let mut stream = TcpStream::connect(sim.addr().unwrap()).await.unwrap();
    stream
        .write_all(b"auth ClueCon\n\napi hostname\n\nexit\n\n")
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.contains("Content-Length: 11\n\ngenesis-sim"), "{text}");
    sim.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_address_gets_the_recorded_rejection() {
    let sim = Sim::builder()
        .refuse_address(IpAddr::V4(Ipv4Addr::LOCALHOST))
        .start()
        .await
        .unwrap();
    let mut client = Client::new(sim.connect());
    client.read_to_end().await;
    support::Recording::read("acl_denied").compare(&client.received);
}

#[tokio::test(start_paused = true)]
async fn lesson_19_a_long_userauth_reply_loses_its_blank_line() {
    let recording = support::Recording::read("userauth_long_truncated");
    let recorded = String::from_utf8(recording.from_switch.clone()).unwrap();
    let list = recorded.split("Allowed-Events: ").nth(1).unwrap();
    let list = list.split("Content-Type").next().unwrap();
    // it was longer than what is seen of it
    let user = User::new("esl_long", "127.0.0.1", "s3cret")
        .allow_events(&format!("{list},sofia::expire"))
        .allow_api("hostname");
    let sim = Sim::builder().user(user);
    let sim = sim
        .switch(|options| options.hostname = "vm".to_owned())
        .start()
        .await
        .unwrap();
    let mut client = Client::new(sim.connect());
    client.send(&recording.from_client).await;
    client.read_to_end().await;
    assert_eq!(client.text(), recorded);
}

#[tokio::test(start_paused = true)]
async fn an_api_holds_events_back() {
    let sim = Sim::builder().start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    client.ask("event plain CUSTOM a::b\n\n").await;
    let start = Instant::now();
    client.send("api msleep 1500\n\n").await;
    let mut other = Client::ready(&sim).await;
    other
        .ask("sendevent CUSTOM\nEvent-Subclass: a::b\n\n")
        .await;
    client.read_frames(5).await;
    assert_eq!(start.elapsed().as_millis(), 1500);
    let frames = client.frames();
    assert_eq!(frames[3].body(), Some(&b"+OK"[..]));
    assert!(frames[4].raw().starts_with(b"Content-Length"));
}

#[tokio::test(start_paused = true)]
async fn jobs_do_not_wait_for_each_other() {
    let sim = Sim::builder().start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    client.ask("event plain BACKGROUND_JOB\n\n").await;
    client
        .send("bgapi msleep 500\nJob-UUID: slow\n\nbgapi echo x\nJob-UUID: quick\n\n")
        .await;
    client.read_frames(7).await;
    let jobs: Vec<bool> = client.frames()[5..]
        .iter()
        .map(|f| f.raw().windows(4).any(|w| w == b"slow"))
        .collect();
    assert_eq!(jobs, [false, true], "the quick one first");
}

#[tokio::test(start_paused = true)]
async fn bgapi_takes_a_millisecond_each() {
    let sim = Sim::builder().start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    let start = Instant::now();
    client.send("bgapi echo x\n\n".repeat(1000)).await;
    client.read_frames(1002).await;
    assert_eq!(start.elapsed().as_millis(), 1000);
}

#[tokio::test(start_paused = true)]
async fn the_log_of_the_switch() {
    let sim = Sim::builder().start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    assert_eq!(client.ask("log info\n\n").await, "+OK log level info [6]");
    sim.switch().log(LogLevel::Debug, None, "not this");
    sim.switch().log(LogLevel::Notice, Some("7f"), "but this");
    client.read_frames(4).await;
    let text = client.text();
    assert!(!text.contains("not this"));
    assert!(text.contains("Log-Level: 5\nText-Channel: 3\n") && text.contains("User-Data: 7f\n\n"));
    assert!(text.ends_with("but this\n"));
    assert_eq!(client.ask("nolog\n\n").await, "+OK no longer logging");
}

#[tokio::test(start_paused = true)]
async fn noevents_drops_what_is_queued() {
    let sim = Sim::builder().start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    client
        .send("event plain GENERAL\n\nsendevent GENERAL\n\nnoevents\n\nsendevent GENERAL\n\n")
        .await;
    client.settle().await;
    assert!(
        !client.text().contains("text/event-plain"),
        "{}",
        client.text()
    );
}

#[tokio::test(start_paused = true)]
async fn the_format_is_that_of_the_moment_of_writing() {
    let sim = Sim::builder().start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    client
        .send("event plain GENERAL\n\nsendevent GENERAL\n\nevent json NOSUCH\n\n")
        .await;
    client.read_frames(6).await;
    assert!(client.text().contains("text/event-json"));
    assert!(!client.text().contains("text/event-plain"));
}

#[tokio::test(start_paused = true)]
async fn heartbeats_by_the_clock() {
    let sim = Sim::builder().start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    client.ask("event plain HEARTBEAT\n\n").await;
    client.expect_silence(Duration::from_millis(19_900)).await;
    let start = Instant::now();
    client.read_frames(5).await;
    assert_eq!(
        start.elapsed().as_secs(),
        20,
        "the second one 20 s after the first"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_for_a_session_is_nobody_elses() {
    let sim = Sim::builder().start().await.unwrap();
    let answer = sim.switch().api("originate", "null/1 &park").await;
    let uuid = answer.trim().strip_prefix("+OK ").unwrap().to_owned();
    let mut client = Client::ready(&sim).await;
    client.ask("event plain CUSTOM a::b\n\n").await;
    let event = format!("sendevent CUSTOM\nEvent-Subclass: a::b\nUnique-ID: {uuid}\n\n");
    assert!(client.ask(&event).await.starts_with("+OK "));
    client.expect_silence(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_says_so_to_those_who_are_in() {
    let sim = Sim::builder().start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    let mut stranger = Client::new(sim.connect());
    stranger.read_frames(1).await;
    sim.shutdown().await;
    client.read_to_end().await;
    stranger.read_to_end().await;
    assert!(
        client
            .text()
            .ends_with("Content-Length: 31\n\nThe system is being shut down.\n")
    );
    assert!(stranger.text().ends_with("http://www.cluecon.com/\n"));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_simulator_ends_connections() {
    let sim = Sim::builder().start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    drop(sim);
    client.read_to_end().await;
}

#[tokio::test(start_paused = true)]
async fn myevents_ends_with_the_call() {
    let sim = Sim::builder().start().await.unwrap();
    let answer = sim.switch().api("originate", "null/1 &park").await;
    let uuid = answer.trim().strip_prefix("+OK ").unwrap().to_owned();
    let mut client = Client::ready(&sim).await;
    assert_eq!(
        client.ask("myevents nosuch json\n\n").await,
        "-ERR invalid uuid"
    );
    assert_eq!(
        client.ask(&format!("myevents {uuid} json\n\n")).await,
        "+OK Events Enabled"
    );
    assert_eq!(client.ask("getvar uuid\n\n").await, uuid);
    sim.switch().api("uuid_kill", &uuid).await;
    client.read_to_end().await;
    let text = client.text();
    assert!(
        text.contains("Event-Name: CHANNEL_HANGUP\n"),
        "plain all the same: {text}"
    );
    assert!(text.contains(&format!(
        "Controlled-Session-UUID: {uuid}\nContent-Disposition: disc"
    )));
}

#[tokio::test(start_paused = true)]
async fn a_nul_cuts_a_command_and_one_in_front_ends_the_connection() {
    let sim = Sim::builder().start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    assert_eq!(client.ask("api echo a\0b\nignored: 1\n\n").await, "a");
    assert_eq!(
        client.ask("\0\u{1}\u{2}\n\n").await,
        "-ERR command parse error."
    );
    client.read_to_end().await;
    assert!(client.text().ends_with("http://www.cluecon.com/\n"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_exit_waits_for_its_jobs() {
    let sim = Sim::builder().start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    let start = Instant::now();
    client.send("bgapi msleep 5000\n\nexit\n\n").await;
    client.read_to_end().await;
    assert_eq!(start.elapsed().as_secs(), 5);
}
