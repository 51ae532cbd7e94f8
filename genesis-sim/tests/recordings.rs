//! The event socket of the simulator against recorded traffic of FreeSWITCH 1.11.2, frame by frame.

mod support;

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
