//! An incoming call through a dialplan, as it was recorded on a connection that took all events.

use std::time::Duration;

use genesis_proto::Event;
use genesis_sim::Sim;
use genesis_sim::script::{Destination, Script};
use genesis_sim::switch::IncomingCall;

use super::events::{assert_same, events, header, label, of_channel};
use super::support::{Client, Recording, like_the_recorded};

fn micros(event: &Event) -> u64 {
    header(event, "Event-Date-Timestamp").parse().unwrap()
}

/// Lets the recorded call come in, runs the recorded applications, lets the caller hang up when it
/// did, and compares what the recorded client gets to know of its channel.
pub(crate) async fn check(name: &str, destination: &str) {
    let recording = Recording::read(name);
    let recorded = events(&recording.from_switch);
    let created = recorded
        .iter()
        .find(|event| {
            header(event, "Event-Name") == "CHANNEL_CREATE"
                && header(event, "Call-Direction") == "inbound"
                && header(event, "Caller-Destination-Number") == destination
        })
        .unwrap();
    let uuid = header(created, "Unique-ID");
    let recorded = of_channel(&recorded, &uuid);
    let action = |event: &&Event| {
        let (app, arg) = (
            header(event, "Application"),
            header(event, "Application-Data"),
        );
        format!("{app} {arg}").trim_end().to_owned()
    };
    let executed = recorded
        .iter()
        .filter(|event| header(event, "Event-Name") == "CHANNEL_EXECUTE");
    let actions: Vec<String> = executed.map(action).collect();
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    let script = Script::new().extension(destination, &actions);
    let builder = Sim::builder()
        .pipe_size(16 << 20)
        .switch(|options| options.script = script);
    let sim = like_the_recorded(builder).start().await.unwrap();
    let mut client = Client::new(sim.connect());
    // the password and the subscription; `exit` came when all was over
    client.send(recording.commands()[..2].concat()).await;
    client.read_frames(3).await;
    let call = IncomingCall::new(destination)
        .from(
            &header(created, "Caller-Caller-ID-Name"),
            &header(created, "Caller-Caller-ID-Number"),
        )
        .uuid(&uuid);
    sim.switch().incoming(call).unwrap();
    let hangup = recorded
        .iter()
        .find(|event| header(event, "Event-Name") == "CHANNEL_HANGUP")
        .unwrap();
    let lasted = Duration::from_micros(micros(hangup) - micros(recorded[0]));
    tokio::time::sleep(lasted).await;
    let args = format!("{uuid} {}", header(hangup, "Hangup-Cause"));
    let said = sim.switch().api("uuid_kill", &args).await;
    assert!(said.starts_with("+OK"), "{name}: {said}");
    client.settle_for(Duration::from_secs(5)).await;
    let got = events(&client.received);
    assert_same(name, &recorded, &of_channel(&got, &uuid));
}

/// Lets the recorded call come in that was bridged, and compares the events of the calling leg: kind
/// by kind, the header names of the first of each until the bridge ends. The order is that of two SIP
/// endpoints, so it is not compared.
pub(crate) async fn check_bridged(name: &str, caller: &str, called: &str) {
    let recording = Recording::read(name);
    let recorded = events(&recording.from_switch);
    let created = recorded
        .iter()
        .find(|event| {
            header(event, "Event-Name") == "CHANNEL_CREATE"
                && header(event, "Call-Direction") == "inbound"
                && header(event, "Caller-Destination-Number") == caller
        })
        .unwrap();
    let callee = recorded
        .iter()
        .find(|event| {
            header(event, "Event-Name") == "CHANNEL_CREATE"
                && header(event, "Call-Direction") == "outbound"
                && header(event, "Caller-Destination-Number") == called
        })
        .unwrap();
    let (a, b) = (header(created, "Unique-ID"), header(callee, "Unique-ID"));
    let bridge = format!(
        "bridge {{origination_uuid={b}}}{}",
        header(callee, "Channel-Name")
    );
    let script = Script::new()
        .destination(
            &header(callee, "Channel-Name"),
            Destination {
                rings: true,
                early_media: true,
                ..Destination::answer_after(Duration::from_secs(1))
            },
        )
        .extension(caller, &["set hangup_after_bridge=false", &bridge]);
    let builder = Sim::builder()
        .pipe_size(16 << 20)
        .switch(|options| options.script = script);
    let sim = like_the_recorded(builder).start().await.unwrap();
    let mut client = Client::new(sim.connect());
    client.send(recording.commands()[..2].concat()).await;
    client.read_frames(3).await;
    let call = IncomingCall::new(caller)
        .from(
            &header(created, "Caller-Caller-ID-Name"),
            &header(created, "Caller-Caller-ID-Number"),
        )
        .uuid(&a);
    sim.switch().incoming(call).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    for (command, args) in [
        ("uuid_recv_dtmf", format!("{a} 1")),
        ("uuid_hold", a.clone()),
        ("uuid_hold", format!("off {a}")),
        ("uuid_kill", b.clone()),
    ] {
        let said = sim.switch().api(command, &args).await;
        assert!(said.starts_with("+OK"), "{name}: {command}: {said}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    client.settle_for(Duration::from_secs(5)).await;
    let got = events(&client.received);
    let (recorded, got) = (of_channel(&recorded, &a), of_channel(&got, &a));
    let mut kinds = std::collections::BTreeSet::new();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for event in recorded {
        // in the recording one leg is transferred away at this moment
        if header(event, "Event-Name") == "CHANNEL_UNBRIDGE" {
            break;
        }
        let kind = label(event);
        let same = got.iter().find(|event| label(event) == kind);
        if let (Some(same), true) = (same, kinds.insert(kind)) {
            theirs.push(event);
            ours.push(*same);
        }
    }
    assert!(kinds.len() > 15, "{name}: only {kinds:?}");
    assert_same(name, &theirs, &ours);
}
