//! A call counts as long as somebody is told of its end, and no longer.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use genesis_client::{Client, Inbound, Reconnect, Subscription};
use genesis_otel::Telemetry;
use genesis_proto::{Command, EventName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::{Watch, connect, millis, served, soon, switch};

const ACTIVE: &str = "genesis_calls_active";
const INBOUND: &str = "Content-Type: auth/request\n\n";

fn names(names: impl IntoIterator<Item = EventName>) -> Subscription {
    Subscription::new().events(names)
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

/// What a scripted switch answers `show channels` with: these, or a refusal.
type Shown = Arc<Mutex<Option<Vec<&'static str>>>>;

/// A switch that says yes to everything and sends what it is told to.
async fn scripted(
    mut io: impl AsyncRead + AsyncWrite + Unpin,
    greeting: &str,
    shown: Shown,
    mut events: UnboundedReceiver<String>,
) -> io::Result<()> {
    io.write_all(greeting.as_bytes()).await?;
    let mut input = Vec::new();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => io.write_all(event.as_bytes()).await?,
                None => return Ok(()),
            },
            read = io.read_buf(&mut input) => if read? == 0 { return Ok(()) },
        }
        while let Some(end) = input.windows(2).position(|pair| pair == b"\n\n") {
            let command: Vec<u8> = input.drain(..end + 2).collect();
            let api = |text: &str| {
                let length = text.len();
                format!("Content-Type: api/response\nContent-Length: {length}\n\n{text}")
            };
            let reply = if command.starts_with(b"api show channels") {
                match &*shown.lock().unwrap() {
                    Some(uuids) => {
                        let rows = uuids.iter().map(|uuid| format!("{{\"uuid\":\"{uuid}\"}}"));
                        let rows: Vec<String> = rows.collect();
                        let (count, rows) = (rows.len(), rows.join(","));
                        api(&format!("{{\"row_count\":{count},\"rows\":[{rows}]}}"))
                    }
                    None => "Content-Type: command/reply\nReply-Text: -ERR permission denied\n\n"
                        .to_owned(),
                }
            } else if command.starts_with(b"api ") {
                api("OK")
            } else if command.starts_with(b"connect") {
                "Content-Type: command/reply\nReply-Text: +OK\nSocket-Mode: async\nControl: full\n\
                 Event-Name: CHANNEL_DATA\nCore-UUID: core\nUnique-ID: own\n\n"
                    .to_owned()
            } else {
                "Content-Type: command/reply\nReply-Text: +OK accepted\n\n".to_owned()
            };
            io.write_all(reply.as_bytes()).await?;
        }
    }
}

/// A connection to a scripted switch, and where what it sends comes from: anew for each link.
async fn scripted_client(
    telemetry: &Telemetry,
    shown: &Shown,
) -> (Client, UnboundedReceiver<UnboundedSender<String>>) {
    let (links, linked) = mpsc::unbounded_channel();
    let reconnect = Reconnect {
        first: millis(10),
        ..Reconnect::default()
    };
    let client = Inbound::builder()
        .telemetry(telemetry.clone())
        .reconnect(reconnect);
    let shown = shown.clone();
    let client = client.connect_with(move || {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let (events, to_send) = mpsc::unbounded_channel();
        tokio::spawn(scripted(theirs, INBOUND, shown.clone(), to_send));
        let _ = links.send(events);
        async move { Ok(ours) }
    });
    (client.await.unwrap(), linked)
}

/// What was sent has been read.
async fn settled() {
    tokio::time::sleep(millis(1)).await;
}

async fn back(client: &Client, reconnects: u64) {
    soon(async {
        while client.stats().reconnects < reconnects {
            tokio::time::sleep(millis(10)).await;
        }
    })
    .await;
    client.api("status").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_told_the_ends_counts_nothing() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    let starts = names([EventName::ChannelCreate, EventName::ChannelAnswer]);
    let _starts = client.subscribe(starts).await.unwrap();
    for _ in 0..3 {
        sim.switch().api("originate", "null/1 &park").await;
        client.api("status").await.unwrap();
        assert_eq!(watch.total(ACTIVE, &[]), 0.0);
    }
    sim.switch().api("hupall", "").await;
    // from the next event on
    let ends = names([EventName::ChannelDestroy]);
    let ends = client.subscribe(ends).await.unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
    sim.switch().api("originate", "null/1 &park").await;
    client.api("status").await.unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 1.0);
    // and no longer than that
    drop(ends);
    settled().await;
    client.api("status").await.unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
}

#[tokio::test(start_paused = true)]
async fn what_one_connection_sees_counts_while_another_is_told_the_end() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let starts = connect(&sim, &watch.telemetry).await;
    let ends = connect(&sim, &watch.telemetry).await;
    let answers = names([EventName::ChannelAnswer]);
    let _starts = starts.subscribe(answers).await.unwrap();
    let last = names([EventName::ChannelHangup]);
    let _ends = ends.subscribe(last).await.unwrap();
    // whose events it is sent shows with the first one
    sim.switch().api("originate", "null/1 &park").await;
    sim.switch().api("hupall", "").await;
    ends.api("status").await.unwrap();
    sim.switch()
        .api("originate", "{origination_uuid=a}null/1 &park")
        .await;
    starts.api("status").await.unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 1.0);
    sim.switch().api("uuid_kill", "a").await;
    ends.api("status").await.unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
    sim.switch().api("originate", "null/1 &park").await;
    starts.api("status").await.unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 1.0);
    soon(ends.exit()).await;
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_filters_let_one_channel_through_counts_that_one() {
    let watch = Watch::new();
    let (client, mut linked) = scripted_client(&watch.telemetry, &Shown::default()).await;
    let link = linked.recv().await.unwrap();
    let _events = client.subscribe(Subscription::all()).await.unwrap();
    client
        .send(Command::raw("filter Unique-ID mine").unwrap())
        .await
        .unwrap();
    client
        .send(Command::raw("filter Event-Name CHANNEL_ANSWER").unwrap())
        .await
        .unwrap();
    for (sequence, uuid) in [(1, "mine"), (2, "theirs")] {
        link.send(event("CHANNEL_ANSWER", uuid, sequence)).unwrap();
    }
    settled().await;
    assert_eq!(watch.total(ACTIVE, &[]), 1.0);
    client
        .send(Command::raw("filter delete Unique-ID mine").unwrap())
        .await
        .unwrap();
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
}

#[tokio::test]
async fn the_channel_of_an_outbound_session_goes_with_its_link() {
    let watch = Watch::new();
    // another connection keeps what is known of the switch, and is not told of the end
    let shown = Shown::default();
    let (onlooker, mut linked) = scripted_client(&watch.telemetry, &shown).await;
    let answers = names([EventName::ChannelAnswer]);
    let mut answers = onlooker.subscribe(answers).await.unwrap();
    let onlooked = linked.recv().await.unwrap();
    onlooked.send(event("CHANNEL_ANSWER", "other", 1)).unwrap();
    soon(answers.next_event()).await.unwrap();

    let (seen, mut has_seen) = mpsc::unbounded_channel();
    let server = served(&watch.telemetry, move |session| {
        let seen = seen.clone();
        async move {
            let mut events = session.client().subscribe(Subscription::all()).await?;
            while let Some(event) = events.next_event().await {
                let _ = seen.send(event.unique_id().map(|uuid| uuid.into_owned()));
            }
            Ok(())
        }
    });
    let mut server = server.await;
    let io = TcpStream::connect(server.address).await.unwrap();
    let (events, to_send) = mpsc::unbounded_channel();
    let peer = tokio::spawn(scripted(io, "", shown, to_send));
    // its own, and one that it is not told the end of
    for (sequence, uuid) in [(2, "own"), (3, "other")] {
        // the answer to what it subscribes to has come by then
        let mut sequence = sequence;
        while has_seen.try_recv().is_err() {
            events
                .send(event("CHANNEL_ANSWER", uuid, sequence))
                .unwrap();
            sequence += 10;
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(watch.total(ACTIVE, &[]), 1.0);
    drop(events);
    soon(peer).await.unwrap().unwrap();
    soon(server.over.recv()).await.unwrap().unwrap();
    soon(async {
        while watch.total(ACTIVE, &[]) > 0.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_are_forgotten_if_nobody_may_ask_which_are_left() {
    let watch = Watch::new();
    let shown = Shown::default();
    let (client, mut linked) = scripted_client(&watch.telemetry, &shown).await;
    let _events = client.subscribe(Subscription::all()).await.unwrap();
    let first = linked.recv().await.unwrap();
    for (sequence, uuid) in [(1, "stays"), (2, "ends")] {
        first.send(event("CHANNEL_CREATE", uuid, sequence)).unwrap();
    }
    settled().await;
    assert_eq!(watch.total(ACTIVE, &[]), 2.0);
    drop(first);
    settled().await;
    // nobody knows better yet
    assert_eq!(watch.total(ACTIVE, &[]), 2.0);
    back(&client, 1).await;
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
    let second = linked.recv().await.unwrap();
    second.send(event("CHANNEL_ANSWER", "stays", 3)).unwrap();
    settled().await;
    assert_eq!(watch.total(ACTIVE, &[]), 1.0);
    // asked once more later: what has been seen since is not forgotten
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(watch.total(ACTIVE, &[]), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_behind_is_asked_again() {
    let watch = Watch::new();
    let shown = Shown::default();
    let (client, mut linked) = scripted_client(&watch.telemetry, &shown).await;
    let _events = client.subscribe(Subscription::all()).await.unwrap();
    let first = linked.recv().await.unwrap();
    for (sequence, uuid) in [(1, "stays"), (2, "ends")] {
        first.send(event("CHANNEL_CREATE", uuid, sequence)).unwrap();
    }
    settled().await;
    *shown.lock().unwrap() = Some(vec!["stays", "ends"]);
    drop(first);
    back(&client, 1).await;
    assert_eq!(watch.total(ACTIVE, &[]), 2.0);
    let second = linked.recv().await.unwrap();
    second.send(event("CHANNEL_CREATE", "new", 3)).unwrap();
    *shown.lock().unwrap() = Some(vec!["stays"]);
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(watch.total(ACTIVE, &[]), 3.0);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(watch.total(ACTIVE, &[]), 2.0);
    // once is enough
    *shown.lock().unwrap() = Some(Vec::new());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(watch.total(ACTIVE, &[]), 2.0);
}

#[tokio::test(start_paused = true)]
async fn calls_that_began_in_a_gap_count_although_they_are_quiet() {
    let watch = Watch::new();
    let shown = Shown::default();
    let (client, mut linked) = scripted_client(&watch.telemetry, &shown).await;
    let _events = client.subscribe(Subscription::all()).await.unwrap();
    let first = linked.recv().await.unwrap();
    first.send(event("CHANNEL_CREATE", "ends", 1)).unwrap();
    first.send(event("CHANNEL_DESTROY", "ends", 2)).unwrap();
    settled().await;
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
    // the table is behind: one of them is over
    *shown.lock().unwrap() = Some(vec!["quiet", "over", "ends"]);
    drop(first);
    back(&client, 1).await;
    settled().await;
    assert_eq!(watch.total(ACTIVE, &[]), 2.0);
    *shown.lock().unwrap() = Some(vec!["quiet"]);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(watch.total(ACTIVE, &[]), 1.0);
    let second = linked.recv().await.unwrap();
    second.send(event("CHANNEL_ANSWER", "quiet", 3)).unwrap();
    settled().await;
    assert_eq!(watch.total(ACTIVE, &[]), 1.0);
    second.send(event("CHANNEL_HANGUP", "quiet", 4)).unwrap();
    settled().await;
    assert_eq!(watch.total(ACTIVE, &[]), 0.0);
}

#[tokio::test(start_paused = true)]
async fn the_span_of_a_channel_ends_by_itself_if_no_destroy_comes() {
    let watch = Watch::with(|builder| builder.channel_spans(true));
    let (client, mut linked) = scripted_client(&watch.telemetry, &Shown::default()).await;
    let _events = client.subscribe(Subscription::all()).await.unwrap();
    let link = linked.recv().await.unwrap();
    let over = || watch.named("freeswitch.channel").len();
    for (sequence, name) in [(1, "CHANNEL_CREATE"), (2, "CHANNEL_HANGUP_COMPLETE")] {
        link.send(event(name, "a", sequence)).unwrap();
    }
    // its link ends first
    link.send(event("CHANNEL_CREATE", "b", 3)).unwrap();
    tokio::time::sleep(millis(4_900)).await;
    assert_eq!(over(), 0);
    tokio::time::sleep(millis(200)).await;
    assert_eq!(over(), 1);
    drop(link);
    settled().await;
    assert_eq!(over(), 2);
}
