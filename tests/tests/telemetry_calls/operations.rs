//! What is done with a channel is counted, all of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use genesis_channel::{
    BroadcastLeg, Channel, OriginateOptions, PlayAndGetDigits, RecordOptions, Result, Say,
};
use genesis_otel::vocabulary::values::OPERATIONS;
use genesis_proto::command::Execute;
use genesis_proto::name::{AnswerState, LogLevel};
use genesis_tests::repository;

use crate::watch::attribute;
use crate::{Watch, connect, millis, soon, switch};

const TOTAL: &str = "genesis_channel_operations_total";
const SECONDS: &str = "genesis_channel_operation_duration_seconds";

/// What is no operation on the switch's side, or a part or another name of one.
const OTHERS: [&str; 7] = [
    // waits for the end, which any call comes to
    "ended_with",
    // what is told and not done
    "events",
    "from_session",
    // ways to `create`
    "originate",
    "originate_prepare",
    "originate_start",
    // counts as `execute`
    "execute_with",
];

/// Every public asynchronous method of a channel.
fn methods(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            methods(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let mut of_channel = false;
        for line in text.lines() {
            if line.starts_with("impl") {
                of_channel = line == "impl Channel {";
            }
            let name = line.strip_prefix("    pub async fn ");
            if let Some(name) = name.filter(|_| of_channel) {
                let end = name.find(['(', '<']).unwrap();
                found.insert(name[..end].to_owned());
            }
        }
    }
}

#[test]
fn there_is_an_operation_for_every_method_of_a_channel() {
    let mut found = BTreeSet::new();
    methods(&repository().join("genesis-channel/src"), &mut found);
    assert!(found.len() > 20, "{found:?}");
    let mut counted: BTreeSet<String> = OPERATIONS.iter().map(|&name| name.to_owned()).collect();
    counted.remove("create");
    let others: BTreeSet<String> = OTHERS.iter().map(|&name| name.to_owned()).collect();
    let both: BTreeSet<String> = counted.union(&others).cloned().collect();
    assert_eq!(found, both, "say here and in the vocabulary what is new");
}

/// Each operation once; some come to nothing.
async fn everything(channel: &Channel, uuid: &str) -> Result<()> {
    channel.pre_answer().await?.complete().await?;
    channel.answer().await?.complete().await?;
    channel.log(LogLevel::Notice, "here").await?;
    channel.sleep(millis(1)).await?.complete().await?;
    channel.set_variable("a", "b").await?;
    channel.set_variables([("c", "d"), ("e", "f")]).await?;
    channel.get_variable("a").await?;
    channel.execute("set", "a=c").await?;
    let again = Execute::new("set")?.arg("a=d")?;
    channel.execute_with(again).await?.complete().await?;
    channel.playback("prompt.wav").await?;
    channel.say(&Say::new("en", "NUMBER", "1")).await?;
    channel.break_media(true).await?;
    let limit = RecordOptions::new().limit(millis(1_000));
    channel.record("a.wav", limit).await?;
    channel.break_media(true).await?;
    channel.start_recording("b.wav", None).await?;
    channel.stop_recording("b.wav").await?;
    channel.broadcast("prompt.wav", BroadcastLeg::This).await?;
    channel.send_dtmf("1", None).await?;
    let _ = channel.hold().await;
    let _ = channel.unhold().await;
    let asked = PlayAndGetDigits::new("prompt.wav").digits(1, 1);
    channel
        .play_and_get_digits(&asked.timeout(millis(10)))
        .await?;
    channel.wait(AnswerState::Answered, millis(100)).await?;
    let answered = channel.expect(AnswerState::Answered);
    answered.within(millis(100)).await?;
    drop(Channel::attach(channel.client(), uuid).await?);
    let bridging = channel.bridge("user/1001").await?;
    drop(bridging.connected(millis(10_000)).await);
    let _ = channel.park().await;
    let _ = channel.transfer("sales").await;
    channel.hangup(None).await
}

#[tokio::test(start_paused = true)]
async fn every_operation_is_counted_and_timed_once() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    let options = OriginateOptions::new();
    let channel = Channel::originate(&client, "null/1", options)
        .await
        .unwrap();
    let uuid = channel.uuid().to_owned();
    soon(everything(&channel, &uuid)).await.unwrap();
    for operation in OPERATIONS {
        let expected = match *operation {
            // by both ways
            "execute" | "break_media" | "wait" => 2.0,
            _ => 1.0,
        };
        let label = [("operation", *operation)];
        assert_eq!(watch.total(TOTAL, &label), expected, "{operation}");
        assert_eq!(watch.total(SECONDS, &label), expected, "{operation}");
    }
    assert_eq!(watch.total(TOTAL, &[("operation", "other")]), 0.0);
    let waits = watch.named("channel.wait");
    for wait in &waits {
        assert_eq!(attribute(wait, "wait.result").as_deref(), Some("reached"));
        assert_eq!(
            attribute(wait, "wait.target"),
            attribute(&waits[0], "wait.target")
        );
    }
    for span in watch.spans() {
        assert_ne!(span.name, "", "what is only counted is no span");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_only_counted_says_how_it_ended() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    let unknown = Channel::attach(&client, "nobody").await.unwrap_err();
    assert!(unknown.is_unknown_channel());
    let labels = [
        ("operation", "attach"),
        ("success", "false"),
        ("error", "unknown_channel"),
    ];
    assert_eq!(watch.total(TOTAL, &labels), 1.0);
    let options = OriginateOptions::new();
    let channel = Channel::originate(&client, "null/1", options)
        .await
        .unwrap();
    assert!(channel.send_dtmf("x", None).await.is_err());
    drop(tokio::time::timeout(millis(0), channel.get_variable("a")).await);
    channel.get_variable("a").await.unwrap();
    for (operation, error) in [
        ("send_dtmf", "invalid_argument"),
        ("get_variable", "cancelled"),
    ] {
        let labels = [("operation", operation), ("error", error)];
        assert_eq!(watch.total(TOTAL, &labels), 1.0, "{operation}");
    }
    let labels = [("operation", "get_variable"), ("success", "true")];
    assert_eq!(watch.total(TOTAL, &labels), 1.0);
}
