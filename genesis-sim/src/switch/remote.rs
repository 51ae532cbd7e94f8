//! The other end of a simulated leg: it rings, answers, presses digits, hangs up.

use genesis_proto::name::LogLevel;

use super::session::Session;
use crate::script::{Destination, Outcome};

/// Plays the destination until the channel hangs up.
pub(crate) async fn run(session: Session, destination: Destination) {
    let mut hung_up = session.channel.hangup_watch();
    tokio::select! {
        biased;
        // The sender lives in the channel, so this cannot fail.
        _ = hung_up.wait_for(|down| *down) => {}
        () = play(&session, &destination) => {}
    }
}

async fn play(session: &Session, destination: &Destination) {
    if destination.rings {
        session.ring_ready();
    }
    if destination.early_media {
        session.pre_answer();
    }
    tokio::time::sleep(destination.after).await;
    match &destination.outcome {
        Outcome::Answer => session.answer(),
        Outcome::NoAnswer => return,
        Outcome::Fail(cause) | Outcome::Refuse(cause) => {
            session.hangup(cause.clone());
            return;
        }
    }
    let answered = tokio::time::Instant::now();
    let hangup_at = destination.hangup_after.map(|after| answered + after);
    let press = async {
        for digit in destination.digits.chars() {
            tokio::time::sleep(destination.digit_gap).await;
            session
                .channel
                .update(|data| data.press(std::iter::once(digit)));
        }
    };
    match hangup_at {
        None => press.await,
        Some(at) => {
            tokio::select! {
                biased;
                () = async { press.await; std::future::pending().await } => {}
                () = tokio::time::sleep_until(at) => {
                    let text = "the other end hangs up";
                    session.switch.log(LogLevel::Debug, Some(&session.channel.uuid), text);
                    session.hangup(destination.hangup_cause.clone());
                }
            }
        }
    }
}
