//! Whole scripts in mod_lua's way, as they would run in FreeSWITCH.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use genesis_lua::{App, Kind};
use support::{Stage, options, soon};
use tokio::task::JoinHandle;

fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/mod_lua");
    folder.join(name)
}

/// The stage with a copy of the script, so that its log lines are this test's.
async fn stage(name: &str) -> Stage {
    let source = std::fs::read_to_string(path(name)).unwrap();
    Stage::of(&support::write(&source), options()).await
}

impl Stage {
    async fn press(&self, uuid: &str, digits: &str) {
        let answer = self
            .api("uuid_recv_dtmf", &format!("{uuid} {digits}"))
            .await;
        assert!(answer.starts_with("+OK"), "{answer}");
    }

    async fn plays(&self, uuid: &str, file: &str) {
        let of = self
            .event("PLAYBACK_START", "Playback-File-Path", file)
            .await;
        assert_eq!(of, uuid, "{file}");
    }

    async fn ends(&self, task: JoinHandle<()>) {
        soon(task).await.unwrap();
        let stats = self.runtime.stats();
        assert_eq!(
            (stats.failed, stats.succeeded),
            (0, 1),
            "{:#?}",
            self.lines()
        );
        assert_eq!(stats.callbacks_failed, 0, "{:#?}", self.lines());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_are_scripts() {
    for name in ["menu.lua", "mailbox.lua", "callout.lua"] {
        assert_eq!(
            App::load(path(name)).unwrap().kind(),
            Kind::Script,
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_menu_sends_the_caller_on() {
    let stage = stage("menu.lua").await;
    let (uuid, task) = stage.call().await;
    stage.plays(&uuid, "ivr/ivr-menu.wav").await;
    stage.press(&uuid, "9#").await;
    stage
        .plays(&uuid, "ivr/ivr-that_was_an_invalid_entry.wav")
        .await;
    stage.plays(&uuid, "ivr/ivr-menu.wav").await;
    stage.press(&uuid, "1#").await;
    stage.line("menu: 1").await;
    stage.ends(task).await;
    let line = stage.line("menu: transfer after ").await;
    assert!(line.text.ends_with("choice 1"), "{line:?}");
    let data = stage.sim.switch().channel_data(&uuid).unwrap();
    let to = data
        .iter()
        .find(|(name, _)| name == "Caller-Destination-Number");
    assert_eq!(to.unwrap().1, "sales");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_menu_whose_caller_hangs_up() {
    let stage = stage("menu.lua").await;
    let (uuid, task) = stage.call().await;
    stage.plays(&uuid, "ivr/ivr-menu.wav").await;
    stage.api("uuid_kill", &uuid).await;
    stage.ends(task).await;
    let line = stage.line("menu: hangup after ").await;
    assert!(line.text.ends_with("choice none"), "{line:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_takes_a_message() {
    let stage = stage("mailbox.lua").await;
    let (uuid, task) = stage
        .call_in("async full", "mailbox=1001,mailbox_pin=42")
        .await;
    stage.plays(&uuid, "voicemail/vm-enter_pass.wav").await;
    stage.press(&uuid, "42").await;
    let file = format!("/tmp/1001-{uuid}.wav");
    for (digit, next) in [("2", "again"), ("1", "kept")] {
        let of = stage.event("RECORD_START", "Record-File-Path", &file).await;
        assert_eq!(of, uuid);
        stage.press(&uuid, "5").await;
        stage.press(&uuid, "#").await;
        stage.plays(&uuid, &file).await;
        stage.press(&uuid, "*").await;
        // what was pressed before the question is flushed
        stage.plays(&uuid, "voicemail/vm-press.wav").await;
        stage.press(&uuid, digit).await;
        stage.line(next).await;
    }
    stage.event("CUSTOM", "Mailbox", "1001").await;
    stage.ends(task).await;
    stage.line("5 while record").await;
    stage.line("* while play").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_refuses_a_wrong_pin() {
    let stage = stage("mailbox.lua").await;
    let (uuid, task) = stage.call_in("async full", "mailbox_pin=42").await;
    stage.plays(&uuid, "voicemail/vm-enter_pass.wav").await;
    stage.press(&uuid, "43").await;
    stage.ends(task).await;
    stage
        .event("CHANNEL_HANGUP", "Hangup-Cause", "CALL_REJECTED")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_calls_one_phone_after_the_other() {
    let stage = stage("callout.lua").await;
    let phones = "phones=sim/busy;sim/answer?hangup_after=2500ms";
    let (uuid, task) = stage.call_in("async full", phones).await;
    let other = stage.event("CHANNEL_BRIDGE", "Unique-ID", &uuid).await;
    assert_eq!(other, uuid);
    stage.event("CUSTOM", "Reached", "true").await;
    stage.ends(task).await;
    stage.line("sim/busy: USER_BUSY").await;
    stage.line("connected, true").await;
    stage.line("parted").await;
    let gone = async {
        while stage.sim.switch().session_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(gone).await;
}
