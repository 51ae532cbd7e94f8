//! The way back of what handlers gave.
//!
//! Each answer wakes a task of the caller's runtime. From another thread that takes a lock and a call
//! of the system; so those of a moment go there together, and are given to their tasks there.

use genesis_client::proto::Event;
use tokio::sync::{mpsc, oneshot};

use crate::state::Trouble;

/// How a handler ended.
pub(super) type Ran = Result<(), Box<Trouble>>;

/// Where who waits for a handler is told. Closed when nobody waits any more: its time is up, or the
/// consumer has been stopped.
pub(super) type Answer = oneshot::Sender<Ran>;

/// What goes back at once.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) given: Vec<(Answer, Ran)>,
    /// To be dropped where they were made.
    pub(super) used: Vec<Event>,
}

/// Both ends. What may wait is bounded by the handlers at work.
pub(super) fn channel() -> (
    mpsc::UnboundedSender<Answers>,
    mpsc::UnboundedReceiver<Answers>,
) {
    mpsc::unbounded_channel()
}

/// On the caller's runtime: gives answers to who waits, until the script has ended.
pub(super) async fn deliver(mut answers: mpsc::UnboundedReceiver<Answers>) {
    while let Some(answers) = answers.recv().await {
        drop(answers.used);
        for (answer, ran) in answers.given {
            // who asked may have been cancelled
            let _ = answer.send(ran);
        }
    }
}
