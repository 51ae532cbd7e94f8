//! The outbound session: a call that the switch hands over.

use std::time::{Duration, Instant};

use genesis_client::proto::HangupCause;
use genesis_client::{Error, Session};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::CALLER;
use super::story::Teller;
use super::watch::Told;

const GREETING: &str = "tone_stream://%(1000,0,440)";
const PROMPT: &str = "tone_stream://%(200,0,800)";

/// What the session did.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) digits: String,
    pub(super) greeting: Duration,
}

/// Serves one call and reports what came of it.
pub(super) async fn answer(
    session: Session,
    teller: Teller,
    told: watch::Receiver<Told>,
    report: UnboundedSender<Result<Answered, Error>>,
) -> Result<(), Error> {
    // a receiver that is gone has given the demo up already
    let _ = report.send(serve(&session, &teller, told).await);
    Ok(())
}

async fn serve(
    session: &Session,
    teller: &Teller,
    mut told: watch::Receiver<Told>,
) -> Result<Answered, Error> {
    // an error means that the demo is over
    let _ = told.wait_for(|told| *told >= Told::EarlyMedia).await;
    let state = session.get("Answer-State").unwrap_or_default().into_owned();
    teller.tell(
        CALLER,
        format!("is handed over to this program by `socket`, in state {state}"),
    );
    session.execute("answer", "").await?.complete().await?;
    let _ = told.wait_for(|told| *told >= Told::Answered).await;
    teller.tell(CALLER, "hears the greeting");
    let start = Instant::now();
    session
        .execute("playback", GREETING)
        .await?
        .complete()
        .await?;
    let greeting = start.elapsed();
    teller.tell(CALLER, "is asked for four digits");
    // at least and at most 4 digits, 1 try, 5 s, ended by #, into the variable `digits`
    let ask = format!("4 4 1 5000 # {PROMPT} silence_stream://10 digits \\d+");
    session
        .execute("play_and_get_digits", &ask)
        .await?
        .complete()
        .await?;
    let digits = session
        .current_variable("digits")
        .await?
        .unwrap_or_default();
    teller.tell(CALLER, format!("has entered {digits}; hanging up"));
    session.hangup(Some(HangupCause::NormalClearing)).await?;
    Ok(Answered { digits, greeting })
}
