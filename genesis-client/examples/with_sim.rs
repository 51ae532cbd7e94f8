//! A call flow against the simulated switch, in virtual time: no FreeSWITCH, no waiting.
//!
//! ```text
//! cargo run -p genesis-client --example with_sim
//! ```

use genesis_client::proto::EventName;
use genesis_client::{Inbound, Subscription};
use genesis_sim::Sim;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Sim::builder().password("ClueCon").start().await?;
    let client = Inbound::builder().connect_over(sim.connect()).await?;
    let hangups = Subscription::new().event(EventName::ChannelHangupComplete);
    let mut hangups = client.subscribe(hangups).await?;

    let destination = "sim/answer?after=2s&hangup_after=1h";
    let job = client
        .bgapi(&format!("originate {destination} &park"))
        .await?;
    println!("originate: {}", job.text().trim());
    if let Some(event) = hangups.next_event().await {
        let talked = event.variable("billsec").unwrap_or_default();
        println!("{:?} after {talked} s", event.hangup_cause());
    }
    Ok(())
}
