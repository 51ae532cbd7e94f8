//! Calls, end to end: what clients, channels, ring groups and queues on a simulated switch become.
//!
//! Providers and recorders are passed explicitly, so that tests see nothing of each other.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod bounds;
mod contract;
mod ends;
mod late;
mod logs;
mod nesting;
mod observers;
mod one_trace;
mod operations;
mod scenario;
mod secrets;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use genesis_client::{Client, Inbound, Outbound, Reconnect, Session};
use genesis_otel::Telemetry;
use genesis_sim::Sim;
use genesis_sim::switch::SwitchOptions;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use watch::Watch;

/// A switch without a heartbeat.
async fn switch(change: impl FnOnce(&mut SwitchOptions)) -> Arc<Sim> {
    let sim = Sim::builder().switch(|options| {
        options.heartbeat = None;
        options.sessions_per_second = 1_000;
        change(options);
    });
    Arc::new(sim.start().await.unwrap())
}

async fn connect(sim: &Sim, telemetry: &Telemetry) -> Client {
    let client = Inbound::builder().telemetry(telemetry.clone());
    client.connect_over(sim.connect()).await.unwrap()
}

/// A client that comes back soon when its link is cut.
async fn reconnecting(sim: &Arc<Sim>, telemetry: &Telemetry) -> Client {
    let switch = sim.clone();
    let reconnect = Reconnect {
        first: millis(20),
        max: millis(50),
        ..Reconnect::default()
    };
    let client = Inbound::builder()
        .telemetry(telemetry.clone())
        .reconnect(reconnect);
    let connected = client.connect_with(move || {
        let io = switch.connect();
        async move { Ok(io) }
    });
    connected.await.unwrap()
}

/// Fails the test if `future` takes longer than a minute.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    let within = tokio::time::timeout(Duration::from_secs(60), future);
    within.await.expect("it hangs")
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// A server of outbound sessions.
struct Served {
    address: SocketAddr,
    /// How each handler ended.
    over: mpsc::UnboundedReceiver<Result<(), String>>,
    /// Ends the server when it is dropped.
    _serving: JoinSet<()>,
}

async fn served<H, F>(telemetry: &Telemetry, handler: H) -> Served
where
    H: Fn(Session) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Ended> + Send + 'static,
{
    let outbound = Outbound::builder().telemetry(telemetry.clone());
    let outbound = outbound.bind("127.0.0.1:0").await.unwrap();
    let address = outbound.local_addr().unwrap();
    let (sender, over) = mpsc::unbounded_channel();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let handler = move |session: Session| {
            let (sender, handler) = (sender.clone(), handler.clone());
            async move {
                let ended = handler(session).await;
                let told = ended.as_ref().copied().map_err(ToString::to_string);
                let _ = sender.send(told);
                ended
            }
        };
        let _ = outbound.serve_with(handler).await;
    });
    Served {
        address,
        over,
        _serving: serving,
    }
}
