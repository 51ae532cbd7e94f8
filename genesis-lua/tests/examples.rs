//! The examples, as they are, against the simulated switch.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};

use genesis_lua::client::proto::EventName;
use genesis_lua::client::proto::command::SendEvent;
use genesis_lua::{App, Kind};
use support::{Stage, options, soon};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

async fn stage(name: &str) -> Stage {
    Stage::of(&example(name), options()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ivr_reads_the_number_and_transfers() {
    let stage = stage("ivr.lua").await;
    let (uuid, task) = stage.call().await;
    let menu = ("Application", "play_and_get_digits");
    stage.event("CHANNEL_EXECUTE", menu.0, menu.1).await;
    stage.api("uuid_recv_dtmf", &format!("{uuid} 2")).await;
    stage.event("CHANNEL_EXECUTE", "Application", "say").await;
    stage.event("CHANNEL_EXECUTE", menu.0, menu.1).await;
    stage.api("uuid_recv_dtmf", &format!("{uuid} 1")).await;
    stage.event("CHANNEL_EXECUTE", "Application", "park").await;
    soon(task).await.unwrap();
    assert_eq!(stage.runtime.stats().failed, 0, "{:#?}", stage.lines());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_group_call_connects_who_answers_first() {
    let stage = stage("group_call.lua").await;
    let (uuid, task) = stage.call().await;
    let line = stage.line("talks with user/100").await;
    assert_eq!(line.unique_id, uuid);
    stage.api("uuid_kill", &uuid).await;
    soon(task).await.unwrap();
    assert_eq!(stage.runtime.stats().failed, 0, "{:#?}", stage.lines());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_serves_two_callers_and_lets_the_third_wait() {
    let stage = stage("call_queue.lua").await;
    let (first, first_task) = stage.call().await;
    let (second, second_task) = stage.call().await;
    let served = async |uuid: &str| {
        soon(async {
            loop {
                let lines = stage.lines();
                let talks = |line: &&support::Line| {
                    line.text.starts_with("talks") && line.unique_id == uuid
                };
                if let Some(line) = lines.iter().find(talks) {
                    return line.clone();
                }
                stage.line_after(lines.len()).await;
            }
        })
        .await
    };
    let agents = [served(&first).await.text, served(&second).await.text];
    assert_ne!(agents[0], agents[1]);
    let (third, third_task) = stage.call().await;
    let line = stage.line("waits at place 1").await;
    assert_eq!(line.unique_id, third);
    stage.api("uuid_kill", &first).await;
    served(&third).await;
    for uuid in [&second, &third] {
        stage.api("uuid_kill", uuid).await;
    }
    for task in [first_task, second_task, third_task] {
        soon(task).await.unwrap();
    }
    assert_eq!(stage.runtime.stats().failed, 0, "{:#?}", stage.lines());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn click_to_call_connects_two_numbers() {
    let stage = stage("click_to_call.lua").await;
    let running = stage
        .runtime
        .consumer(&stage.live.current(), stage.client().await);
    let running = running.start().await.unwrap();
    let other = stage.client().await;
    for from in ["1000", "nobody"] {
        let event = SendEvent::new(EventName::Custom)
            .header("Event-Subclass", "click::call")
            .and_then(|event| event.header("From", from))
            .and_then(|event| event.header("To", "1001"));
        other.send(event.unwrap().build()).await.unwrap();
    }
    stage.line("1000 talks with 1001").await;
    let stats = soon(running.stop()).await;
    assert_eq!(stats.failed, 0, "{:#?}", stage.lines());
}

#[test]
fn what_they_are_is_seen_without_a_switch() {
    for (name, kind) in [
        ("ivr.lua", Kind::Outbound),
        ("group_call.lua", Kind::Outbound),
        ("call_queue.lua", Kind::Outbound),
        ("click_to_call.lua", Kind::Consumer),
    ] {
        assert_eq!(App::load(example(name)).unwrap().kind(), kind, "{name}");
    }
}

/// The Lua of the README, in the order in which it stands there.
fn of_readme() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let blocks = text.split("```lua\n").skip(1);
    let blocks = blocks.map(|block| block.split_once("```").unwrap().0.to_owned());
    blocks.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_of_the_readme_runs() {
    let [menu, caught] = of_readme().try_into().unwrap();
    let stage = Stage::new(&menu).await;
    let (uuid, task) = stage.call().await;
    let header = "Application";
    stage
        .event("CHANNEL_EXECUTE", header, "play_and_get_digits")
        .await;
    stage.api("uuid_recv_dtmf", &format!("{uuid} 1")).await;
    stage.event("CHANNEL_EXECUTE", header, "park").await;
    soon(task).await.unwrap();
    assert_eq!(stage.runtime.stats().failed, 0, "{:#?}", stage.lines());

    let caught = caught.replace("user/1000", "sim/busy");
    let stage = Stage::new(&format!(
        "genesis.outbound(function(session)
          local channel = session.channel
          channel:answer()
          {caught}
        end)"
    ))
    .await;
    stage.passes().await;
    stage.line("it was USER_BUSY").await;
}
