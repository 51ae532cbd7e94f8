//! The `socket` application: replies against those that FreeSWITCH 1.11.2 was recorded to give.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use std::time::Duration;

use genesis_proto::frame::FrameKind;
use genesis_sim::Sim;
use support::{Client, Recording};
use tokio::time::Instant;

struct Call {
    sim: Sim,
    client: Client,
    uuid: String,
}

/// A call that runs `socket app:1 MODE`.
async fn call(mode: &str) -> Call {
    let sim = Sim::builder()
        .switch(|options| options.heartbeat = None)
        .start()
        .await
        .unwrap();
    let mut server = sim.listen_in_memory("app:1");
    let command = format!("null/1 '&socket(app:1 {mode})'");
    let answer = sim.switch().api("originate", &command).await;
    let uuid = answer
        .trim()
        .strip_prefix("+OK ")
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned();
    let client = Client::new(server.accept().await.unwrap());
    Call { sim, client, uuid }
}

impl Call {
    /// `Reply-Text` of every reply so far.
    fn replies(&mut self) -> Vec<String> {
        let frames = self.client.frames().iter();
        frames
            .filter(|f| f.kind() == FrameKind::CommandReply)
            .map(reply_text)
            .collect()
    }

    async fn until_replies(&mut self, count: usize) {
        while self.replies().len() < count {
            let frames = self.client.frames().len();
            self.client.read_frames(frames + 1).await;
        }
    }
}

fn reply_text(frame: &genesis_proto::Frame) -> String {
    frame
        .headers()
        .get("Reply-Text")
        .unwrap_or_default()
        .into_owned()
}

/// Plays the client's side and compares the replies.
async fn check(name: &str, mode: &str) {
    let recording = Recording::read(name);
    let recorded = support::frames(&recording.from_switch).0;
    let recorded = recorded
        .iter()
        .filter(|frame| frame.kind() == FrameKind::CommandReply);
    let recorded: Vec<String> = recorded.map(reply_text).collect();
    let mut call = call(mode).await;
    let args = format!("{} caller_id_name Cäller", call.uuid);
    assert_eq!(
        call.sim.switch().api("uuid_setvar", &args).await,
        "+OK
"
    );
    call.client.send(&recording.from_client).await;
    call.until_replies(recorded.len()).await;
    for (got, recorded) in call.replies().iter().zip(&recorded) {
        if recorded != "Cäller" {
            assert_eq!(got, recorded);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn outbound_sync_single() {
    check("outbound_sync_single", "").await;
}

#[tokio::test(start_paused = true)]
async fn outbound_sync_pipelined_execs() {
    check("outbound_sync_pipelined_execs", "full").await;
}

#[tokio::test(start_paused = true)]
async fn outbound_no_connect_first() {
    check("outbound_no_connect_first", "async full").await;
}

#[tokio::test(start_paused = true)]
async fn outbound_linger_then_nolinger() {
    check("outbound_linger_then_nolinger", "async full").await;
}

#[tokio::test(start_paused = true)]
async fn outbound_json_events() {
    check("outbound_json_events", "async full").await;
}

#[tokio::test(start_paused = true)]
async fn outbound_pipelined_handshake() {
    check("outbound_pipelined_handshake", "async full").await;
}

#[tokio::test(start_paused = true)]
async fn the_connect_reply_ends_as_recorded() {
    let recording = Recording::read("outbound_sync_single");
    let mut call = call("").await;
    call.client.send("connect\n\n").await;
    call.client.read_frames(1).await;
    let names = |stream: &[u8]| -> Vec<String> {
        let frame = &support::frames(stream).0[0];
        frame
            .headers()
            .iter()
            .map(|header| header.name().into_owned())
            .collect()
    };
    let (got, recorded) = (names(&call.client.received), names(&recording.from_switch));
    assert_eq!(
        got[..13],
        recorded[..13],
        "the block of the switch comes first"
    );
    assert_eq!(got[got.len() - 4..], recorded[recorded.len() - 4..]);
    let frame = &call.client.frames()[0];
    assert_eq!(
        frame.headers().get("Unique-ID").as_deref(),
        Some(call.uuid.as_str())
    );
    assert_eq!(
        frame.headers().get("Socket-Mode").as_deref(),
        Some("static")
    );
    assert_eq!(
        frame.headers().get("Control").as_deref(),
        Some("single-channel")
    );
}

#[tokio::test(start_paused = true)]
async fn getvar_breaks_framing_as_recorded() {
    let mut call = call("full").await;
    let long = "B".repeat(600);
    for (name, value) in [
        ("longv", long.as_str()),
        ("tilde", "~Reply-Text: spoofed"),
        ("pct", "%41 and %2B"),
    ] {
        let args = format!("{} {name} {value}", call.uuid);
        call.sim.switch().api("uuid_setvar", &args).await;
    }
    call.client.ask("connect\n\n").await;
    let start = call.client.received.len();
    call.client
        .send("getvar longv\n\ngetvar tilde\n\ngetvar pct\n\ngetvar nosuch\n\n")
        .await;
    call.client.settle().await;
    assert_eq!(
        &call.client.text()[start..],
        format!(
            "Content-Type: command/reply\nReply-Text: {}\n\n\
             Content-Type: command/reply\nReply-Text: spoofed\
             Content-Type: command/reply\nReply-Text: %41 and %2B\n\n\
             Content-Type: command/reply\nReply-Text: -ERR command not found\n\n",
            "B".repeat(511)
        )
    );
}

#[tokio::test(start_paused = true)]
async fn no_command_in_25_seconds() {
    let start = Instant::now();
    let mut call = call("async full").await;
    call.client.read_to_end().await;
    assert_eq!(start.elapsed().as_secs(), 25);
    assert_eq!(
        call.client.text(),
        format!(
            "Content-Type: text/disconnect-notice\nControlled-Session-UUID: {}\n\
             Content-Disposition: disconnect\nContent-Length: 67\n\nDisconnected, goodbye.\n\
             See you at ClueCon! http://www.cluecon.com/\n",
            call.uuid
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_sync_socket_answers_when_the_application_is_done() {
    let mut call = call("full").await;
    call.client.ask("connect\n\n").await;
    let start = Instant::now();
    let sleep =
        "sendmsg\ncall-command: execute\nexecute-app-name: sleep\nexecute-app-arg: 2000\n\n";
    assert_eq!(call.client.ask(sleep).await, "+OK");
    assert_eq!(start.elapsed().as_millis(), 2000);
}

#[tokio::test(start_paused = true)]
async fn linger_outlives_the_hangup() {
    let mut call = call("async full").await;
    call.client.ask("connect\n\n").await;
    assert_eq!(
        call.client.ask("linger 2\n\n").await,
        "+OK will linger 2 seconds"
    );
    call.sim.switch().api("uuid_kill", &call.uuid).await;
    call.client.read_frames(3).await;
    let notice = format!(
        "Content-Type: text/disconnect-notice\nControlled-Session-UUID: {}\n\
         Content-Disposition: linger\nChannel-Name: ",
        call.uuid
    );
    assert!(
        call.client.text().contains(&notice),
        "{}",
        call.client.text()
    );
    assert!(
        call.client
            .text()
            .ends_with("Linger-Time: 2\nContent-Length: 0\n\n")
    );
    let start = Instant::now();
    assert_eq!(call.client.ask("api hostname\n\n").await, "genesis-sim");
    call.client.read_to_end().await;
    assert_eq!(start.elapsed(), Duration::from_millis(2500));
    assert!(
        call.client
            .text()
            .contains("Content-Disposition: disconnect\n")
    );
}
