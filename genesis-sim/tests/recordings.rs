//! The event socket of the simulator against recorded traffic of FreeSWITCH 1.11.2, frame by frame.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use genesis_proto::frame::FrameKind;
use genesis_sim::{Sim, SimBuilder, User};
use support::{Client, Recording, like_the_recorded};

/// The users of the recorded switch.
fn recorded() -> SimBuilder {
    Sim::builder()
        .user(User::new("esl_all", "127.0.0.1", "s3cret"))
        .user(
            User::new("esl_lim", "127.0.0.1", "s3cret")
                .allow_events(
                    "HEARTBEAT,CHANNEL_CREATE,CHANNEL_HANGUP,CUSTOM,conference::maintenance",
                )
                .allow_api("status,version,show")
                .allow_log(false),
        )
}

macro_rules! recordings {
    ($($name:ident)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                Recording::read(stringify!($name)).check(recorded()).await;
            }
        )*
    };
}

recordings! {
    auth_ok
    auth_bad
    auth_before_request
    auth_case_and_space
    auth_crlf
    auth_empty
    auth_noarg
    auth_twice
    auth_timeout_25s
    bgapi_json
    bgapi_no_subscription
    byte_by_byte
    cmd_before_auth
    dots_exit
    exit_before_auth
    malformed
    malformed_huge_length
    malformed_negative_length
    pipelined_commands
    sendevent
    subscribe_cmds
    two_hundred_kb_command
    unknown_cmd
    userauth_badpass
    userauth_limited
    userauth_nodomain
    userauth_nopass
    userauth_nouser
    userauth_ok
}

#[tokio::test(start_paused = true)]
async fn sendevent_xml() {
    Recording::read("sendevent_xml")
        .check_apart(recorded())
        .await;
}

#[tokio::test(start_paused = true)]
async fn half_close() {
    let recording = Recording::read("half_close");
    let sim = like_the_recorded(recorded()).start().await.unwrap();
    let mut client = Client::new(sim.connect());
    for (i, command) in recording.commands().iter().enumerate() {
        client.read_frames(i + 1).await;
        client.send(command).await;
    }
    client.half_close().await;
    client.read_to_end().await;
    recording.compare(&client.received);
}

/// Another connection sends the same four events each time that a set of filters is complete.
#[tokio::test(start_paused = true)]
async fn filter_semantics() {
    let recording = Recording::read("filter_semantics");
    let sim = like_the_recorded(recorded()).start().await.unwrap();
    let mut other = Client::ready(&sim).await;
    let mut client = Client::new(sim.connect());
    client.read_frames(1).await;
    let commands = recording.commands();
    for (i, command) in commands.iter().enumerate() {
        let mut before = client.frames().len();
        if command == b"filter delete all\n\n" || i == 2 {
            for header in ["X-H: a", "X-H: b", "X-H: c", "Other: 1"] {
                let sent = other
                    .ask(&format!(
                        "sendevent CUSTOM\nEvent-Subclass: v::t\n{header}\n\n"
                    ))
                    .await;
                assert!(sent.starts_with("+OK"), "{sent}");
            }
            // they are on their way before the next command is answered: as in the recording
            client.settle().await;
            before = client.frames().len();
        }
        client.send(command).await;
        client.read_frames(before + 1).await;
    }
    client.read_to_end().await;
    recording.compare(&client.received);
}

/// Half a command holds back what another connection sends meanwhile.
#[tokio::test(start_paused = true)]
async fn partial_command_stalls_events() {
    let recording = Recording::read("partial_command_stalls_events");
    let sim = like_the_recorded(recorded()).start().await.unwrap();
    let mut other = Client::ready(&sim).await;
    let mut client = Client::new(sim.connect());
    client.read_frames(1).await;
    let commands = recording.commands();
    client.send(&commands[0]).await;
    client.read_frames(2).await;
    client.send(&commands[1]).await;
    client.read_frames(3).await;
    let event = |n: u32| format!("sendevent CUSTOM\nEvent-Subclass: a::b\nn: {n}\n\n");
    other.ask(&event(1)).await;
    client.read_frames(4).await;
    let (half, rest) = commands[2].split_at(8);
    client.send(half).await;
    client.settle().await;
    other.ask(&event(2)).await;
    other.ask(&event(3)).await;
    client
        .expect_silence(std::time::Duration::from_secs(1))
        .await;
    client.send(rest).await;
    client.read_frames(recording_frames(&recording)).await;
    recording.compare(&client.received);
}

fn recording_frames(recording: &Recording) -> usize {
    support::frames(&recording.from_switch).0.len()
}

/// What follows `Reply-Text: ` in every reply, masked.
fn reply_texts(stream: &[u8]) -> Vec<String> {
    let frames = support::frames(stream).0.into_iter();
    let replies = frames.filter(|frame| frame.kind() == FrameKind::CommandReply);
    let texts = replies.map(|frame| {
        frame
            .headers()
            .get("Reply-Text")
            .unwrap_or_default()
            .into_owned()
    });
    texts.map(|text| support::masked_text(&text)).collect()
}

/// Messages to calls that are up, to some that are not, and to nobody.
#[tokio::test(start_paused = true)]
async fn sendmsg_inbound() {
    let recording = Recording::read("sendmsg_inbound");
    let sim = like_the_recorded(recorded()).start().await.unwrap();
    for uuid in [
        "a94a9890-50eb-470c-be66-a270a66313f6",
        "1ad75f63-c87a-4695-afc3-1aeecb7c5f37",
    ] {
        let call = format!("{{origination_uuid={uuid}}}null/1 &park");
        assert_eq!(
            sim.switch().api("originate", &call).await,
            format!("+OK {uuid}\n")
        );
    }
    let mut client = Client::new(sim.connect());
    for command in recording.commands() {
        client.send(&command).await;
        // the recorded client let the applications end, too
        client.settle_for(std::time::Duration::from_secs(30)).await;
    }
    client.read_to_end().await;
    assert_eq!(
        reply_texts(&client.received),
        reply_texts(&recording.from_switch)
    );
}

/// Every job is answered at once and in order, whatever becomes of it.
#[tokio::test(start_paused = true)]
async fn bgapi() {
    let recording = Recording::read("bgapi");
    let sim = like_the_recorded(recorded()).start().await.unwrap();
    let mut client = Client::new(sim.connect());
    client.send(&recording.from_client).await;
    let expected = reply_texts(&recording.from_switch);
    while reply_texts(&client.received).len() < expected.len() {
        assert_ne!(client.read_some().await, 0);
    }
    assert_eq!(reply_texts(&client.received), expected);
}

/// The columns of `show channels`, and how an empty table looks in each form.
#[tokio::test(start_paused = true)]
async fn api_show_channels() {
    let recording = Recording::read("api_show_channels");
    let sim = like_the_recorded(recorded()).start().await.unwrap();
    let mut client = Client::ready(&sim).await;
    let recorded = support::frames(&recording.from_switch).0;
    let columns = |text: &str| -> Vec<String> {
        let table: serde_json::Value = serde_json::from_str(text).unwrap();
        let row = table["rows"][0].as_object().unwrap();
        let mut names: Vec<String> = row.keys().cloned().collect();
        names.sort();
        names
    };
    assert!(
        sim.switch()
            .api("originate", "null/1 &park")
            .await
            .starts_with("+OK")
    );
    let got = client.ask("api show channels as json\n\n").await;
    let expected = std::str::from_utf8(recorded[2].body().unwrap()).unwrap();
    assert_eq!(columns(&got), columns(expected));
    let got = client.ask("api show channels\n\n").await;
    let expected = std::str::from_utf8(recorded[3].body().unwrap()).unwrap();
    assert_eq!(got.lines().next(), expected.lines().next());
    assert!(got.ends_with("\n1 total.\n"), "{got}");
}
