//! A simulated switch in memory and a client of it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::sync::Arc;
use std::time::Duration;

use genesis_client::{Client, Inbound, Options, Reconnect, Session};
use genesis_sim::Sim;

pub async fn switch() -> (Sim, Client) {
    let sim = Sim::builder().start().await.unwrap();
    let client = Inbound::builder()
        .connect_over(sim.connect())
        .await
        .unwrap();
    (sim, client)
}

/// A client that comes back when its link is cut.
pub async fn reconnecting() -> (Arc<Sim>, Client) {
    let sim = Arc::new(Sim::builder().start().await.unwrap());
    let switch = sim.clone();
    let client = Inbound::builder()
        .reconnect(Reconnect::default())
        .connect_with(move || {
            let io = switch.connect();
            async move { Ok(io) }
        })
        .await
        .unwrap();
    (sim, client)
}

/// A call that runs `socket app:1 MODE` in the switch, taken over by a session.
pub async fn session(mode: &str) -> (Sim, Session) {
    let sim = Sim::builder().start().await.unwrap();
    let mut arrivals = sim.listen_in_memory("app:1");
    let line = format!("null/1 '&socket(app:1 {mode})'");
    let answer = sim.switch().api("originate", &line).await;
    assert!(answer.starts_with("+OK"), "{answer}");
    let io = arrivals.accept().await.unwrap();
    let session = Session::over(io, Options::default()).await.unwrap();
    (sim, session)
}

/// Fails the test if `future` takes longer than five minutes of paused time.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(300), future)
        .await
        .expect("it hangs")
}

/// Waits until the switch has no channel but these. Fails after `within` of paused time.
pub async fn only_left(sim: &Sim, left: &[&str], within: Duration) {
    let mut events = sim.switch().subscribe();
    let wait = async {
        loop {
            let channels = sim.switch().channels();
            if channels.iter().all(|uuid| left.contains(&uuid.as_str())) {
                return;
            }
            if events.recv().await.is_none() {
                return;
            }
        }
    };
    if tokio::time::timeout(within, wait).await.is_err() {
        panic!("left over: {:?}", sim.switch().channels());
    }
}
