//! Plays the recorded client of an outbound session, in the recorded time.

use std::collections::BTreeSet;
use std::time::Duration;

use genesis_proto::Event;
use genesis_proto::frame::FrameKind;
use genesis_sim::Sim;
use genesis_sim::script::{Destination, Script};
use genesis_sim::switch::IncomingCall;
use tokio::time::{Instant, timeout_at};

use super::differences;
use super::events::{assert_same, events, header, of_channel};
use super::support::{Client, Recording, frames, like_the_recorded};

/// How the recorded call ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// By what the client sent, or not at all.
    ByTheClient,
    /// The caller hung up.
    ByTheCaller,
}

enum Step {
    Send(Vec<u8>),
    Press(String),
    HangUp(String),
}

/// How long before it was written an event was fired at most: the switch looks every 20 ms.
const LATENCY: Duration = Duration::from_millis(20);

/// What the client, and the caller behind the call, did and when.
fn steps(recording: &Recording, uuid: &str, ends: Ends) -> Vec<(Duration, Step)> {
    let mut steps = Vec::new();
    let (mut sent, mut seen) = (0, 0);
    for (at, from_client, end) in recording.times() {
        if from_client {
            steps.push((at, Step::Send(recording.from_client[sent..end].to_vec())));
            sent = end;
            continue;
        }
        let before = frames(&recording.from_switch[..seen]).0.len();
        for frame in frames(&recording.from_switch[..end]).0.iter().skip(before) {
            if !matches!(frame.kind(), FrameKind::Event(_)) {
                continue;
            }
            let event = Event::from_frame(frame).unwrap();
            if event.unique_id().as_deref() != Some(uuid) {
                continue;
            }
            let at = at.saturating_sub(LATENCY);
            match header(&event, "Event-Name").as_str() {
                "DTMF" => steps.push((at, Step::Press(header(&event, "DTMF-Digit")))),
                "CHANNEL_HANGUP" if ends == Ends::ByTheCaller => {
                    steps.push((at, Step::HangUp(header(&event, "Hangup-Cause"))));
                }
                _ => {}
            }
        }
        seen = end;
    }
    steps.sort_by_key(|(at, _)| *at);
    steps
}

/// Lets the recorded call come in, plays its client and compares the events of its channel.
pub(crate) async fn check(name: &str, ends: Ends) {
    let recording = Recording::read(name);
    let recorded = frames(&recording.from_switch).0;
    let headers = recorded
        .iter()
        .map(|frame| frame.headers())
        .find(|headers| headers.get("Socket-Mode").is_some())
        .unwrap();
    let value = |name: &str| headers.get(name).unwrap_or_default().into_owned();
    let uuid = value("Unique-ID");
    let mode = match (&*value("Socket-Mode"), &*value("Control")) {
        ("async", "full") => "async full",
        ("static", "full") => "full",
        ("async", _) => "async",
        _ => "",
    };
    let extension = value("Caller-Destination-Number");
    let script = Script::new()
        .extension(&extension, &[&format!("socket app:1 {mode}")])
        .missing_file("/no/such/*")
        .destination(
            "loopback/9195/*",
            Destination {
                hangup_after: Some(Duration::from_millis(1000)),
                ..Destination::answer()
            },
        );
    let builder = Sim::builder()
        .pipe_size(16 << 20)
        .switch(|options| options.script = script);
    let sim = like_the_recorded(builder).start().await.unwrap();
    let mut server = sim.listen_in_memory("app:1");
    let call = IncomingCall::new(&extension)
        .from(
            &value("Caller-Caller-ID-Name"),
            &value("Caller-Caller-ID-Number"),
        )
        .uuid(&uuid)
        // only the dialplan of one recording sets it
        .variable("socket_resume", &value("variable_socket_resume"));
    let mut feed = sim.switch().subscribe();
    sim.switch().incoming(call).unwrap();
    let mut client = Client::new(server.accept().await.unwrap());

    let start = Instant::now();
    for (at, step) in steps(&recording, &uuid, ends) {
        while let Ok(1..) = timeout_at(start + at, client.read_some()).await {}
        tokio::time::sleep_until(start + at).await;
        match step {
            Step::Send(bytes) => client.send(bytes).await,
            Step::Press(digit) => {
                let args = format!("{uuid} {digit}");
                let said = sim.switch().api("uuid_recv_dtmf", &args).await;
                assert!(said.starts_with("+OK"), "{name}: {said}");
            }
            Step::HangUp(cause) => {
                let args = format!("{uuid} {cause}");
                let said = sim.switch().api("uuid_kill", &args).await;
                assert!(said.starts_with("+OK"), "{name}: {said}");
            }
        }
    }
    client.settle_for(Duration::from_secs(30)).await;
    // a connection may end before the call does
    tokio::time::sleep(Duration::from_secs(30)).await;

    let recorded = events(&recording.from_switch);
    let recorded = differences::without_early_park(of_channel(&recorded, &uuid));
    let received = events(&client.received);
    let mut got = differences::without_early_park(of_channel(&received, &uuid));
    let mut fired = Vec::new();
    while let Some(event) = feed.try_recv() {
        fired.push(event.event().clone());
    }
    let hangup = |event: &&Event| header(event, "Event-Name") == "CHANNEL_HANGUP";
    if let Some(at) = got.iter().position(hangup) {
        // What is still written after the hangup depends on how fast the connection closes, so
        // what the switch fired after the last event that the client got continues the list.
        let kinds: BTreeSet<String> = recorded.iter().map(|e| header(e, "Event-Name")).collect();
        let last = got.last().map(|e| header(e, "Event-Sequence"));
        let rest = of_channel(&fired, &uuid).into_iter();
        let rest = rest.skip_while(|e| Some(header(e, "Event-Sequence")) != last);
        got.extend(
            rest.skip(1)
                .filter(|e| kinds.contains(&header(e, "Event-Name"))),
        );
        got.truncate(recorded.len().max(at));
    }
    assert_same(name, &recorded, &got);
}
