//! Handlers for events, run until the connection ends.
//!
//! ```text
//! cargo run -p genesis-client --example consumer -- 127.0.0.1:8021 ClueCon
//! ```

use genesis_client::proto::EventName;
use genesis_client::{Consumer, HeaderFilter, Inbound, Reconnect};

#[tokio::main]
async fn main() -> genesis_client::Result<()> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8021".into());
    let password = args.next().unwrap_or_else(|| "ClueCon".into());
    let client = Inbound::builder()
        .password(password)
        .reconnect(Reconnect::default())
        .connect(address)
        .await?;
    let inbound_calls = [HeaderFilter::equal("Call-Direction", "inbound")];
    let running = Consumer::new(client)
        .on_filtered(
            EventName::ChannelAnswer,
            inbound_calls,
            |event| async move {
                println!("answered: {}", event.unique_id().unwrap_or_default());
                Ok(())
            },
        )
        .on(EventName::ChannelHangupComplete, |event| async move {
            println!("hung up: {:?}", event.hangup_cause());
            Ok(())
        })
        .on_gap(|missed| async move { println!("missed: {missed:?}") })
        .start()
        .await?;
    println!("the end: {}", running.wait().await);
    Ok(())
}
