//! A call that is up: its end, also when the link is lost meanwhile. And the end of the connection.

use std::time::Duration;

use genesis_channel::{Channel, Error};
use genesis_client::Client;
use genesis_client::proto::HangupCause;

use super::Interrupts;
use crate::exit::{Code, Failure};

/// A switch that does not even answer `exit` is not waited for any longer.
const GOODBYE: Duration = Duration::from_secs(2);

/// Waits until the call has ended, over the next link if need be, and gives the cause; `None` if it
/// ended while the link was away. Fails when the link is lost for good.
pub(super) async fn ended(channel: &Channel) -> Result<Option<HangupCause>, Error> {
    loop {
        match channel.ended_with().await {
            Err(error) => next_link(channel, error).await?,
            ended => return ended,
        }
    }
}

/// Hangs the call up, over the next link if need be. A call that has ended in the same moment is no
/// error.
pub(super) async fn hang_up(channel: &Channel) -> Result<(), Error> {
    loop {
        match channel.hangup(HangupCause::NormalClearing).await {
            Err(error) if error.is_hung_up() || error.is_unknown_channel() => return Ok(()),
            Err(error) => next_link(channel, error).await?,
            Ok(()) => return Ok(()),
        }
    }
}

/// Waits for the link that comes after the one that was lost, if that is what the error is.
async fn next_link(channel: &Channel, error: Error) -> Result<(), Error> {
    if !error.is_disconnected() {
        return Err(error);
    }
    channel.client().ready().await?;
    // the link is back, and the channel hears of it next
    tokio::task::yield_now().await;
    Ok(())
}

/// What is told of a call that ended.
pub(super) fn words(talked: f64, cause: Option<&HangupCause>) -> String {
    let cause = cause.map_or("cause unknown", HangupCause::as_str);
    format!("hung up after {talked:.1} s, {cause}")
}

/// Nobody knows of the end of this call.
pub(super) fn still_up(reason: &str, uuid: &str) -> Failure {
    Failure::new(
        Code::Link,
        format!("{reason}; still up as far as is known: {uuid}"),
    )
}

/// Ends the connection, unless the switch is silent or somebody has no time for that.
pub(super) async fn leave(client: &Client, interrupts: &mut Interrupts) {
    tokio::select! {
        _ = client.exit() => {}
        () = tokio::time::sleep(GOODBYE) => {}
        () = interrupts.wait_again() => {}
    }
}
