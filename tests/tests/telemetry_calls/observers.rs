//! A call counts once, however many connections see it, and a gap changes nothing of that.

use genesis_client::{Inbound, Reconnect, Subscription};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;

use crate::{Watch, connect, millis, reconnecting, soon, switch};

const ACTIVE: &str = "genesis_calls_active";
const DURATION: &str = "genesis_call_duration_seconds";

#[tokio::test(start_paused = true)]
async fn two_connections_of_a_process_count_a_call_once() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let clients = [
        connect(&sim, &watch.telemetry).await,
        connect(&sim, &watch.telemetry).await,
    ];
    let mut streams = Vec::new();
    for client in &clients {
        streams.push(client.subscribe(Subscription::all()).await.unwrap());
    }
    for uuid in ["a", "b"] {
        let line = format!("{{origination_uuid={uuid}}}null/1 &park");
        sim.switch().api("originate", &line).await;
    }
    let settle = || async {
        for client in &clients {
            client.api("status").await.unwrap();
        }
    };
    settle().await;
    assert_eq!(watch.total(ACTIVE, &[]), 2.0);
    assert_eq!(
        watch.total("genesis_connections_active", &[("type", "inbound")]),
        2.0
    );
    sim.switch().api("uuid_kill", "a").await;
    settle().await;
    tokio::time::sleep(millis(100)).await;
    settle().await;
    assert_eq!(watch.total(ACTIVE, &[]), 1.0);
    assert_eq!(watch.total(DURATION, &[]), 1.0);
    assert_eq!(watch.named("freeswitch.channel.create").len(), 2);
    assert_eq!(watch.named("freeswitch.channel.hangup").len(), 1);
    let [first, second] = clients;
    // the one that is left goes on with what is known
    drop(streams.remove(0));
    soon(first.exit()).await;
    sim.switch().api("uuid_kill", "b").await;
    tokio::time::sleep(millis(100)).await;
    second.api("status").await.unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
    assert_eq!(watch.total(DURATION, &[]), 2.0);
}

#[tokio::test(start_paused = true)]
async fn calls_that_ended_in_a_gap_are_taken_off() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = reconnecting(&sim, &watch.telemetry).await;
    let _events = client.subscribe(Subscription::all()).await.unwrap();
    for uuid in ["stays", "ends"] {
        let line = format!("{{origination_uuid={uuid}}}null/1 &park");
        sim.switch().api("originate", &line).await;
    }
    client.api("status").await.unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 2.0);
    sim.faults().cut_all();
    sim.switch().api("uuid_kill", "ends").await;
    soon(async {
        while client.stats().reconnects == 0 {
            tokio::time::sleep(millis(10)).await;
        }
    })
    .await;
    client.api("status").await.unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 1.0);
    sim.switch().api("originate", "null/1 &park").await;
    client.api("status").await.unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 2.0);
    sim.switch().api("hupall", "").await;
    tokio::time::sleep(millis(100)).await;
    client.api("status").await.unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
    // how long the other one was, nobody knows
    assert_eq!(watch.total(DURATION, &[]), 2.0);
    client.exit().await;
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
    assert_eq!(watch.total("genesis_connections_active", &[]), 0.0);
}

/// An event of a channel as it stands on the wire.
fn event(name: &str, uuid: &str, sequence: u32) -> String {
    let event = format!(
        "Event-Name: {name}\nCore-UUID: core\nEvent-Sequence: {sequence}\nUnique-ID: {uuid}\n\
         Channel-State: CS_EXECUTE\nAnswer-State: answered\nCall-Direction: inbound\n\n"
    );
    let length = event.len();
    format!("Content-Length: {length}\nContent-Type: text/event-plain\n\n{event}")
}

/// A switch whose `show channels` lags behind its events: when it is asked, it tells of a channel
/// that began, and then answers without it.
async fn late_table(mut io: DuplexStream, mut events: mpsc::UnboundedReceiver<String>) {
    let _ = io.write_all(b"Content-Type: auth/request\n\n").await;
    let mut input = Vec::new();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => drop(io.write_all(event.as_bytes()).await),
                None => return,
            },
            read = io.read_buf(&mut input) => if !matches!(read, Ok(1..)) { return },
        }
        while let Some(end) = input.windows(2).position(|pair| pair == b"\n\n") {
            let command: Vec<u8> = input.drain(..end + 2).collect();
            let mut reply = String::new();
            if command.starts_with(b"api show channels") {
                reply += &event("CHANNEL_CREATE", "new", 4);
                let rows = r#"{"row_count":1,"rows":[{"uuid":"stays"}]}"#;
                let length = rows.len();
                reply += &format!("Content-Type: api/response\nContent-Length: {length}\n\n{rows}");
            } else if command.starts_with(b"api ") {
                reply += "Content-Type: api/response\nContent-Length: 2\n\nOK";
            } else {
                reply += "Content-Type: command/reply\nReply-Text: +OK accepted\n\n";
            }
            let _ = io.write_all(reply.as_bytes()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_switch_does_not_list_yet_stays() {
    let watch = Watch::new();
    // another connection of this process, which sees what happens meanwhile
    let (theirs, io) = tokio::io::duplex(64 << 10);
    let (other, to_send) = mpsc::unbounded_channel();
    tokio::spawn(late_table(theirs, to_send));
    let onlooker = Inbound::builder().telemetry(watch.telemetry.clone());
    let onlooker = onlooker.connect_over(io).await.unwrap();
    let _seen = onlooker.subscribe(Subscription::all()).await.unwrap();
    let (links, mut linked) = mpsc::unbounded_channel();
    let reconnect = Reconnect {
        first: millis(10),
        ..Reconnect::default()
    };
    let client = Inbound::builder()
        .telemetry(watch.telemetry.clone())
        .reconnect(reconnect);
    let client = client.connect_with(move || {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let (events, to_send) = mpsc::unbounded_channel();
        tokio::spawn(late_table(theirs, to_send));
        let _ = links.send(events);
        async move { Ok(ours) }
    });
    let client = client.await.unwrap();
    let _events = client.subscribe(Subscription::all()).await.unwrap();
    let first = linked.recv().await.unwrap();
    for (sequence, uuid) in [(1, "stays"), (2, "ends")] {
        first.send(event("CHANNEL_CREATE", uuid, sequence)).unwrap();
    }
    tokio::time::sleep(millis(1)).await;
    assert_eq!(watch.total(ACTIVE, &[]), 2.0);
    drop(first);
    tokio::time::sleep(millis(1)).await;
    other.send(event("CHANNEL_CREATE", "meanwhile", 3)).unwrap();
    soon(async {
        while client.stats().reconnects == 0 {
            tokio::time::sleep(millis(10)).await;
        }
    })
    .await;
    client.api("status").await.unwrap();
    // "stays", "meanwhile" and "new"
    assert_eq!(watch.total(ACTIVE, &[]), 3.0);
    let second = linked.recv().await.unwrap();
    for (sequence, uuid) in [(5, "new"), (6, "stays"), (7, "meanwhile")] {
        let ended = event("CHANNEL_HANGUP", uuid, sequence);
        second.send(ended).unwrap();
    }
    tokio::time::sleep(millis(1)).await;
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
}
