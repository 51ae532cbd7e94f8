//! The link is cut after byte N, for every N, in both directions: no hang, no panic, every
//! outstanding call ends, and with reconnect on the subscriptions come back.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::sync::Arc;
use std::time::Duration;

use genesis_client::proto::EventName;
use genesis_client::proto::event::EventBuilder;
use genesis_client::{Client, Inbound, Item, Reconnect, Subscription};
use genesis_sim::{FaultPlan, Sim};

/// Longer than every deadline of the client (of paused time).
const HANG: Duration = Duration::from_secs(7200);

/// What one run came to.
#[derive(Debug, Default)]
struct Run {
    sent: u64,
    received: u64,
    connected: bool,
    failed_calls: usize,
    gaps: usize,
}

async fn dial(sim: &Arc<Sim>) -> genesis_client::Result<Client> {
    let sim = sim.clone();
    Inbound::builder()
        .reconnect(Reconnect::default())
        .connect_with(move || {
            let pipe = sim.connect();
            async move { Ok(pipe) }
        })
        .await
}

/// A call ends in its answer or in the end of the link, never in a deadline.
fn ended<T>(run: &mut Run, result: genesis_client::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(error.is_disconnected(), "not an end of the link: {error}");
            run.failed_calls += 1;
            None
        }
    }
}

async fn session(plan: FaultPlan) -> Run {
    let sim = Arc::new(Sim::builder().password("ClueCon").start().await.unwrap());
    sim.faults().next(plan);
    let mut run = Run::default();
    let Some(client) = ended(&mut run, dial(&sim).await) else {
        return run;
    };
    run.connected = true;

    let probe = Subscription::new().subclass("cut::probe");
    let mut events = None;
    while events.is_none() {
        // the link may be down for the moment; then it is made again
        client.ready().await.unwrap();
        events = ended(&mut run, client.subscribe(probe.clone()).await);
    }
    let mut events = events.unwrap();
    let (status, job, echo) = tokio::join!(
        client.api("echo one"),
        client.bgapi("echo two"),
        client.api("create_uuid")
    );
    if let Some(reply) = ended(&mut run, status) {
        assert_eq!(reply.text(), "one");
    }
    if let Some(job) = ended(&mut run, job) {
        assert_eq!(job.text(), "two");
    }
    if let Some(reply) = ended(&mut run, echo) {
        assert_eq!(reply.text().len(), 36);
    }

    // whatever happened: the subscription is there (again)
    client.ready().await.unwrap();
    let delivered = async {
        loop {
            let event = EventBuilder::new(EventName::Custom)
                .header("Event-Subclass", "cut::probe")
                .unwrap();
            sim.switch().fire(event);
            let patience = Duration::from_secs(60);
            match tokio::time::timeout(patience, events.next()).await {
                Ok(Some(Item::Event(_))) => return,
                Ok(Some(Item::Gap(_))) => run.gaps += 1,
                Ok(Some(other)) => panic!("{other:?}"),
                Ok(None) => panic!("the stream ended: {:?}", client.close_reason()),
                // it was fired while the link was down
                Err(_) => {}
            }
        }
    };
    delivered.await;
    let stats = client.stats();
    (run.sent, run.received) = (stats.bytes_sent, stats.bytes_received);
    client.exit().await;
    run
}

async fn bounded(plan: FaultPlan) -> Run {
    let shown = format!("{plan:?}");
    match tokio::time::timeout(HANG, session(plan)).await {
        Ok(run) => run,
        Err(_) => panic!("it hangs with {shown}"),
    }
}

/// How many bytes the session without a fault takes in each direction, the handshake included.
async fn lengths() -> (u64, u64) {
    let run = bounded(FaultPlan::default()).await;
    assert!(
        run.connected && run.failed_calls == 0 && run.gaps == 0,
        "{run:?}"
    );
    // what the handshake took is not in the counters of the link
    (run.sent + 64, run.received + 128)
}

#[tokio::test(start_paused = true)]
async fn cut_after_every_byte_from_the_switch() {
    let (_, received) = lengths().await;
    let mut cuts = 0;
    for n in 0..=received {
        let plan = FaultPlan {
            cut_after_sent: Some(n),
            ..FaultPlan::default()
        };
        let run = bounded(plan).await;
        cuts += usize::from(!run.connected || run.gaps > 0 || run.failed_calls > 0);
    }
    assert!(
        cuts as u64 > received / 2,
        "most cuts must be felt: {cuts} of {received}"
    );
}

#[tokio::test(start_paused = true)]
async fn cut_after_every_byte_to_the_switch() {
    let (sent, _) = lengths().await;
    let mut cuts = 0;
    for n in 0..=sent {
        let plan = FaultPlan {
            cut_after_received: Some(n),
            ..FaultPlan::default()
        };
        let run = bounded(plan).await;
        cuts += usize::from(!run.connected || run.gaps > 0 || run.failed_calls > 0);
    }
    assert!(
        cuts as u64 > sent / 2,
        "most cuts must be felt: {cuts} of {sent}"
    );
}

#[tokio::test(start_paused = true)]
async fn writes_split_at_any_byte_change_nothing() {
    for size in [1, 2, 3, 7, 64] {
        let plan = FaultPlan {
            split_writes: Some(size),
            ..FaultPlan::default()
        };
        let run = bounded(plan).await;
        assert!(run.failed_calls == 0 && run.gaps == 0, "{size}: {run:?}");
    }
}
