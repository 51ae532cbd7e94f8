//! Dials FreeSWITCH, runs a command, originates a call in the background and follows its events.
//!
//! ```text
//! cargo run -p genesis-client --example inbound -- 127.0.0.1:8021 ClueCon loopback/9664/default
//! ```

use std::time::Duration;

use genesis_client::{Inbound, Item, Subscription};
use genesis_proto::EventName;

#[tokio::main(flavor = "current_thread")]
async fn main() -> genesis_client::Result<()> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8021".into());
    let password = args.next().unwrap_or_else(|| "ClueCon".into());
    let dial_string = args
        .next()
        .unwrap_or_else(|| "loopback/9664/default".into());

    let client = Inbound::builder()
        .password(password)
        .connect(address)
        .await?;
    println!("{}", client.api("version").await?.text().trim());

    let mut events = client
        .subscribe(
            Subscription::new()
                .event(EventName::ChannelCreate)
                .event(EventName::ChannelAnswer)
                .event(EventName::ChannelHangupComplete),
        )
        .await?;

    match client
        .bgapi(&format!("originate {dial_string} &park"))
        .await
    {
        Ok(job) => {
            println!("originate: {}", job.text().trim());
            let uuid = job.text().trim().trim_start_matches("+OK ").to_owned();
            client.api(&format!("uuid_kill {uuid}")).await?;
        }
        Err(error) => println!("originate: {error}"),
    }

    let quiet = Duration::from_millis(500);
    while let Ok(Some(item)) = tokio::time::timeout(quiet, events.next()).await {
        match item {
            Item::Event(event) => println!(
                "{} {} {}",
                event.name(),
                event.unique_id().unwrap_or_default(),
                event
                    .hangup_cause()
                    .map(|cause| cause.to_string())
                    .unwrap_or_default()
            ),
            Item::Lagged(count) => println!("{count} events were dropped"),
            other => println!("{other:?}"),
        }
    }
    println!("{:?}", client.stats());
    println!("closed: {}", client.exit().await);
    Ok(())
}
