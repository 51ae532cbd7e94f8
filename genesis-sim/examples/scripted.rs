//! A simulated switch on TCP with a few scripted destinations. Point any ESL client at it.
//!
//! ```text
//! cargo run -p genesis-sim --example scripted -- 127.0.0.1:8021
//! ```

use std::time::Duration;

use genesis_sim::Sim;
use genesis_sim::script::{Destination, Script};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8021".into());
    let script = Script::new()
        .destination(
            "user/1000",
            Destination::answer_after(Duration::from_secs(2)),
        )
        .destination("user/1001", Destination::busy());
    let sim = Sim::builder()
        .password("ClueCon")
        .listen(&address)
        .switch(|options| options.script = script)
        .start()
        .await?;
    println!(
        "listening on {:?}; user/1000 answers after 2 s, user/1001 is busy",
        sim.addr()
    );
    tokio::signal::ctrl_c().await?;
    sim.shutdown().await;
    Ok(())
}
