//! Losing links, noticing it, and making them again.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod support;

use std::io;
use std::time::Duration;

use genesis_client::proto::EventName;
use genesis_client::proto::session::CloseReason;
use genesis_client::{Client, Inbound, Item, LinkState, Options, Reconnect, Subscription};
use support::{Peer, api, connected, event, reply, soon};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What the client dials: each call hands the switch's end to the test, or refuses.
struct Dialled {
    ends: mpsc::UnboundedReceiver<DuplexStream>,
    refuse: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Dialled {
    async fn peer(&mut self) -> Peer {
        Peer::new(soon(self.ends.recv()).await.unwrap())
    }
}

fn builder(reconnect: Reconnect) -> genesis_client::InboundBuilder {
    Inbound::builder().reconnect(reconnect)
}

async fn dial(builder: genesis_client::InboundBuilder) -> (Client, Peer, Dialled) {
    let (send, ends) = mpsc::unbounded_channel();
    let refuse = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut dialled = Dialled {
        ends,
        refuse: refuse.clone(),
    };
    let connecting = builder.connect_with(move || {
        let (send, refuse) = (send.clone(), refuse.clone());
        async move {
            if refuse.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
            }
            let (ours, theirs) = duplex(1 << 16);
            let _ = send.send(theirs);
            Ok(ours)
        }
    });
    let (client, peer) = tokio::join!(connecting, async {
        let mut peer = dialled.peer().await;
        peer.accept().await;
        peer
    });
    (client.unwrap(), peer, dialled)
}

#[tokio::test(start_paused = true)]
async fn lesson_31_subscriptions_come_back_and_the_gap_is_told() {
    let (client, mut peer, mut dialled) = dial(builder(Reconnect::default())).await;
    let (events, ()) = tokio::join!(
        client.subscribe(Subscription::new().event(EventName::Dtmf)),
        async { peer.subscribed("DTMF").await }
    );
    let mut events = events.unwrap();
    drop(peer);
    let mut peer = dialled.peer().await;
    let lost = Instant::now();
    peer.send("Content-Type: auth/request\n\n").await;
    peer.expect("auth ClueCon").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let down = client.api("status").await.unwrap_err();
    assert!(down.is_not_sent(), "{down}");
    peer.send(reply("+OK accepted")).await;
    peer.subscribed("DTMF BACKGROUND_JOB").await;
    let Some(Item::Gap(gap)) = soon(events.next()).await else {
        panic!("no gap")
    };
    assert!(gap.duration >= Instant::now() - lost);
    assert_eq!(
        gap.reason,
        CloseReason::EndOfStream {
            inside_frame: false
        }
    );
    peer.send(event("Event-Name: DTMF\n")).await;
    assert!(matches!(soon(events.next()).await, Some(Item::Event(_))));
    assert_eq!(client.stats().reconnects, 1);
    assert_eq!(client.state(), LinkState::Connected);
}

#[tokio::test(start_paused = true)]
async fn lesson_31_attempts_back_off_and_give_up_when_told_to() {
    let reconnect = Reconnect {
        attempts: Some(5),
        ..Reconnect::default()
    };
    let (client, peer, dialled) = dial(builder(reconnect)).await;
    dialled
        .refuse
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let start = Instant::now();
    drop(peer);
    client.closed().await;
    // 0.5 + 1 + 2 + 4 + 8 s, each between half and whole
    let waited = start.elapsed();
    assert!(
        (Duration::from_millis(7_750)..Duration::from_millis(15_600)).contains(&waited),
        "{waited:?}"
    );
    assert!(client.ready().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn lesson_30_a_wrong_password_is_not_retried() {
    let (client, peer, mut dialled) = dial(builder(Reconnect::default())).await;
    drop(peer);
    let mut peer = dialled.peer().await;
    peer.send("Content-Type: auth/request\n\n").await;
    peer.command().await;
    peer.send(reply("-ERR invalid")).await;
    drop(peer);
    let reason = soon(client.closed()).await;
    assert!(
        matches!(reason, CloseReason::AuthenticationFailed(_)),
        "{reason:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn lesson_31_a_switch_that_accepts_and_closes_is_not_hammered() {
    let (client, peer, mut dialled) = dial(builder(Reconnect::default())).await;
    drop(peer);
    let start = Instant::now();
    for _ in 0..8 {
        let mut peer = dialled.peer().await;
        peer.accept().await;
        drop(peer);
    }
    // without growing delays eight turns would take eight times half a second at most
    assert!(
        start.elapsed() > Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn lesson_04_a_half_open_link_is_noticed_to_the_second() {
    let (client, mut peer) = connected().await;
    let start = Instant::now();
    peer.expect("api hostname").await;
    assert_eq!(start.elapsed().as_secs(), 30);
    peer.send(api("vm")).await;
    peer.expect("api hostname").await;
    assert_eq!(start.elapsed().as_secs(), 60);
    // now it stays silent
    soon(async {
        client.closed().await;
    })
    .await;
    assert_eq!(start.elapsed().as_secs(), 90);
    peer.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_running_api_is_no_half_open_link() {
    let (client, mut peer) = connected().await;
    let patient = client.timeout(Duration::from_secs(55));
    let call = tokio::spawn(async move { patient.api("originate user/1 &park").await });
    peer.expect("api originate user/1 &park").await;
    tokio::time::sleep(Duration::from_secs(50)).await;
    peer.send(api("+OK 7f4d\n")).await;
    assert!(call.await.unwrap().is_ok());
    assert!(client.close_reason().is_none());
}

#[tokio::test(start_paused = true)]
async fn missing_heartbeats_end_the_link_if_asked_for() {
    let options = Options {
        heartbeat_timeout: Some(Duration::from_secs(45)),
        idle_probe: None,
        ..Options::default()
    };
    let (ours, theirs) = duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    let connecting = Inbound::builder().options(options).connect_over(ours);
    let (client, ()) = tokio::join!(connecting, async {
        peer.send("Content-Type: auth/request\n\n").await;
        peer.expect("auth ClueCon").await;
        peer.send(reply("+OK accepted")).await;
        // nobody has subscribed to it
        peer.subscribed("BACKGROUND_JOB HEARTBEAT").await;
    });
    let client = client.unwrap();
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs(20)).await;
    peer.send(event("Event-Name: HEARTBEAT\n")).await;
    client.closed().await;
    assert_eq!(start.elapsed().as_secs(), 65);
}

#[tokio::test(start_paused = true)]
async fn a_client_nobody_holds_closes_its_connection() {
    let (client, mut peer) = connected().await;
    let (events, ()) = tokio::join!(
        client.subscribe(Subscription::all()),
        peer.subscribed("ALL")
    );
    let events = events.unwrap();
    drop(client);
    peer.send(event("Event-Name: DTMF\n")).await;
    drop(events);
    // the subscription is taken back on the way out, if there is time for it
    while peer.try_command().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn exit_is_said_and_the_reason_is_ours() {
    let (client, mut peer) = connected().await;
    let (reason, ()) = tokio::join!(client.exit(), async {
        peer.expect("exit").await;
        peer.send(reply("+OK bye")).await;
        peer.send("Content-Type: text/disconnect-notice\nContent-Length: 3\n\nbye")
            .await;
        drop(peer);
    });
    assert_eq!(reason, CloseReason::Exit);
}

#[tokio::test(start_paused = true)]
async fn exit_ends_also_when_the_switch_does_not() {
    let (client, mut peer) = connected().await;
    let leaving = tokio::spawn({
        let client = client.clone();
        async move { client.exit().await }
    });
    peer.expect("exit").await;
    peer.send(reply("+OK bye")).await;
    assert_eq!(soon(leaving).await.unwrap(), CloseReason::Exit);
}

#[tokio::test(start_paused = true)]
async fn a_notice_inside_an_unfinished_frame_is_the_reason() {
    let (client, mut peer) = connected().await;
    peer.send("Content-Length: 2728\nContent-Type: text/event-plain\n\nEvent-Name: X\nSwitch")
        .await;
    peer.send(
        "Content-Type: text/disconnect-notice\nContent-Length: 39\n\n\
         killed listener because of lost events\n",
    )
    .await;
    drop(peer);
    let reason = soon(client.closed()).await;
    assert!(reason.to_string().contains("too slowly"), "{reason}");
}
