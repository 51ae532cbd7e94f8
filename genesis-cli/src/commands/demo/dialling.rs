//! Calls that this side makes.

use genesis_client::proto::command::Execute;
use genesis_client::{Client, Error};

use super::story::Teller;
use super::{RING_TIME, broken};
use crate::exit::Failure;

const MESSAGE: &str = "tone_stream://%(800,0,640)";

/// Makes all calls at once.
pub(super) async fn all(client: &Client, teller: &Teller) -> Result<(), Failure> {
    tokio::try_join!(
        answered(client, teller),
        refused(client, teller, "1002", "", "USER_BUSY"),
        async {
            let variables = format!("{{originate_timeout={}}}", RING_TIME.as_secs());
            refused(client, teller, "1003", &variables, "NO_ANSWER").await
        },
        caller(client, teller),
    )?;
    Ok(())
}

/// 1001 answers, hears a message and is hung up.
async fn answered(client: &Client, teller: &Teller) -> Result<(), Failure> {
    teller.tell("1001", "is called: bgapi originate user/1001 &park");
    let job = client.bgapi("originate user/1001 &park").await?;
    let uuid = job.text().trim().trim_start_matches("+OK ").to_owned();
    let command = Execute::new("playback").and_then(|playback| playback.arg(MESSAGE));
    let playback = client
        .execute(Some(&uuid), command.map_err(Error::from)?)
        .await?;
    teller.tell("1001", "hears a message");
    let complete = playback.complete().await?;
    let response = complete.get("Application-Response").unwrap_or_default();
    if response != "FILE PLAYED" {
        return Err(broken(format!(
            "the message to 1001 was not played: {response}"
        )));
    }
    teller.tell("1001", "has heard the message to its end; hanging up");
    client.api(&format!("uuid_kill {uuid}")).await?;
    Ok(())
}

/// A call that must end with this cause.
async fn refused(
    client: &Client,
    teller: &Teller,
    who: &'static str,
    variables: &str,
    cause: &str,
) -> Result<(), Failure> {
    let command = format!("originate {variables}user/{who} &park");
    teller.tell(who, format!("is called: bgapi {command}"));
    match client.bgapi(&command).await {
        Err(error) if error.switch_text() == Some(&format!("-ERR {cause}")) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(job) => Err(broken(format!(
            "{who} should end with {cause}, but: {}",
            job.text().trim()
        ))),
    }
}

/// 1004 calls extension 5000. From there on it is the outbound session's call.
async fn caller(client: &Client, teller: &Teller) -> Result<(), Failure> {
    teller.tell("1004", "calls extension 5000");
    client.bgapi("originate user/1004 5000").await?;
    Ok(())
}
