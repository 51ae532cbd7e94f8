//! The outbound session: a call that the switch hands over.

use std::time::{Duration, Instant};

use genesis_client::proto::HangupCause;
use genesis_client::{Error, Session};
use tokio::sync::mpsc::UnboundedSender;

use super::story::Teller;

const GREETING: &str = "tone_stream://%(1000,0,440)";
const PROMPT: &str = "tone_stream://%(200,0,800)";
const WHO: &str = "1004";

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
    report: UnboundedSender<Result<Answered, Error>>,
) -> Result<(), Error> {
    // a receiver that is gone has given the demo up already
    let _ = report.send(serve(&session, &teller).await);
    Ok(())
}

async fn serve(session: &Session, teller: &Teller) -> Result<Answered, Error> {
    let state = session.get("Answer-State").unwrap_or_default().into_owned();
    teller.tell(
        WHO,
        format!("is handed over to this program by `socket`, in state {state}"),
    );
    session.execute("answer", "").await?.complete().await?;
    teller.tell(WHO, "hears the greeting");
    let start = Instant::now();
    session
        .execute("playback", GREETING)
        .await?
        .complete()
        .await?;
    let greeting = start.elapsed();
    teller.tell(WHO, "is asked for four digits");
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
    teller.tell(WHO, format!("has entered {digits}; hanging up"));
    session.hangup(Some(HangupCause::NormalClearing)).await?;
    Ok(Answered { digits, greeting })
}
