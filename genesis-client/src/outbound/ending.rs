//! How far the end of a session's own channel has come.

use std::time::Duration;

use genesis_proto::Command;
use genesis_proto::command::Verb;
use genesis_proto::event::Route;
use tokio::sync::watch;

/// How long the connection of a call that is being hung up stays open at most after its handler has
/// returned, so that its end is still read: CHANNEL_HANGUP_COMPLETE, or the switch closes. It comes
/// within milliseconds.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Up,
    /// A hangup of ours was accepted, or the switch has told of one.
    HangsUp,
    /// CHANNEL_HANGUP_COMPLETE was read: the switch tells nothing more.
    Over,
}

/// The end of the channel that a session is for.
#[derive(Debug)]
pub(crate) struct Ending {
    uuid: String,
    stage: watch::Sender<Stage>,
}

impl Ending {
    pub(super) fn new(uuid: &str) -> Self {
        Self {
            uuid: uuid.to_owned(),
            stage: watch::Sender::new(Stage::Up),
        }
    }

    /// Whether a command hangs the channel up once it is accepted.
    pub(crate) fn is_asked_by(&self, command: &Command) -> bool {
        let verb = command.verb();
        if !matches!(verb, Verb::Sendmsg | Verb::Api) {
            return false;
        }
        let bytes = command.to_bytes();
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return false;
        };
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let mut words = first.split_ascii_whitespace().skip(1);
        if verb == Verb::Api {
            return words.next() == Some("uuid_kill") && words.next() == Some(&self.uuid);
        }
        let headers = rest.split("\n\n").next().unwrap_or_default();
        words.next().is_none_or(|uuid| uuid == self.uuid)
            && headers
                .lines()
                .filter_map(|line| line.split_once(": "))
                .any(|(name, value)| {
                    value == "hangup" && matches!(name, "call-command" | "execute-app-name")
                })
    }

    /// A command that hangs up was accepted.
    pub(crate) fn asked(&self) {
        self.reach(Stage::HangsUp);
    }

    /// An event was read and handed out.
    pub(crate) fn on_event(&self, route: &Route<'_>) {
        let stage = match &*route.name {
            "CHANNEL_HANGUP" => Stage::HangsUp,
            "CHANNEL_HANGUP_COMPLETE" | "CHANNEL_DESTROY" => Stage::Over,
            _ => return,
        };
        if route.unique_id.as_deref() == Some(&self.uuid) {
            self.reach(stage);
        }
    }

    fn reach(&self, stage: Stage) {
        self.stage.send_if_modified(|now| {
            let is_later = *now < stage;
            *now = stage.max(*now);
            is_later
        });
    }

    /// Whether the channel is being hung up, and the last event about that is still to come.
    pub(super) fn is_under_way(&self) -> bool {
        *self.stage.borrow() == Stage::HangsUp
    }

    /// Waits until the last event about the channel was read.
    pub(super) async fn over(&self) {
        // the sender is here: it does not close
        let _ = (self.stage.subscribe())
            .wait_for(|stage| *stage == Stage::Over)
            .await;
    }
}

#[cfg(test)]
mod tests;
