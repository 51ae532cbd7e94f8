//! What telemetry is told besides the events: whose ends come, and which channels are left after a
//! gap.

use std::time::Duration;

use genesis_proto::session::ClientSession;
use genesis_proto::{Command, Reply};
use tokio::time::Instant;

use super::core::Pending;
use super::{Core, after};
use crate::observe;
use crate::resync::ChannelSnapshot;

/// `show channels` reads a table that is behind the events by up to a second or two: what it still
/// lists may have ended. So it is asked once more after this time.
const COMPARED_AGAIN_AFTER: Duration = Duration::from_secs(10);

impl Core {
    /// What the switch sends may have changed.
    pub(super) fn observe_ends(&mut self) {
        if self.observe.is_active() {
            self.observe.hears(self.ledger.ends());
        }
    }

    /// The link is back: calls that telemetry counts may have ended meanwhile.
    pub(super) fn observe_gap(&mut self, session: &mut ClientSession) {
        if self.observe.wants_alive() {
            self.compare(session);
            self.compare_by = Some(after(COMPARED_AGAIN_AFTER));
        }
    }

    /// Asks once more what has ended in the gap, if it is time.
    pub(super) fn compare_again(&mut self, session: &mut ClientSession) {
        if self.compare_by.is_some_and(|by| by <= Instant::now()) {
            self.compare_by = None;
            self.compare(session);
        }
    }

    fn compare(&mut self, session: &mut ClientSession) {
        let asked = Command::api("show channels as json").and_then(|it| session.submit(&it));
        match asked {
            Ok(_) => self.pending.push_back(Pending::Alive),
            Err(error) => self.alive_unknown(&error.to_string()),
        }
    }

    /// What `show channels` says.
    pub(super) fn observe_alive(&mut self, reply: &Reply) {
        let output = reply.body_bytes().unwrap_or_default();
        match ChannelSnapshot::from_json(&output) {
            Ok(shown) => {
                let mut channels = shown.iter().map(|row| observe::Listed {
                    uuid: row.uuid().to_owned(),
                    direction: row.get("direction").unwrap_or_default().to_owned(),
                    created: row.created_epoch(),
                });
                self.observe.alive(&mut channels);
            }
            Err(error) => self.alive_unknown(&error.to_string()),
        }
    }

    fn alive_unknown(&mut self, error: &str) {
        tracing::warn!(
            error,
            "`show channels as json` says nothing, so nobody knows which calls have ended while the \
             link was down: genesis_calls_active counts those from before again with their next \
             event; let the user run it (esl-allowed-api)"
        );
        self.observe.alive_unknown();
    }

    /// When telemetry has something to do, at the latest.
    pub(super) fn observe_by(&mut self) -> Option<Instant> {
        let due = self.observe.due(|| Instant::now().into_std());
        due.map(Instant::from_std)
            .into_iter()
            .chain(self.compare_by)
            .min()
    }
}
