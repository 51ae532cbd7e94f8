//! Takes calls over from the dialplan's `socket` application: answers, plays a tone, collects a
//! digit and hangs up.
//!
//! In the dialplan: `<action application="socket" data="127.0.0.1:8084 async full"/>`.
//!
//! ```text
//! cargo run -p genesis-client --example outbound -- 127.0.0.1:8084
//! ```

use genesis_client::{Outbound, Session};

#[tokio::main(flavor = "current_thread")]
async fn main() -> genesis_client::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8084".into());
    let outbound = Outbound::builder().bind(address).await?;
    println!("waiting for calls on {}", outbound.local_addr()?);
    outbound.serve(take_call).await
}

async fn take_call(session: Session) -> genesis_client::Result<()> {
    let caller = session
        .get("Caller-Caller-ID-Number")
        .unwrap_or_default()
        .into_owned();
    println!(
        "{caller} calls ({:?}, {:?})",
        session.mode(),
        session.control()
    );
    session.execute("answer", "").await?.complete().await?;
    let played = session
        .execute("playback", "tone_stream://%(200,0,440)")
        .await?
        .complete()
        .await?;
    println!(
        "played: {}",
        played.get("Application-Response").unwrap_or_default()
    );
    let digits = "1 1 1 2000 # silence_stream://250 silence_stream://250 digit [0-9]";
    session
        .execute("play_and_get_digits", digits)
        .await?
        .complete()
        .await?;
    let digit = session.current_variable("digit").await?;
    println!("digit: {digit:?}");
    session.hangup(None).await?;
    println!("hung up: {}", session.closed().await);
    Ok(())
}
