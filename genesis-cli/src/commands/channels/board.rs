//! The channels there are, and what changed.

use std::collections::{HashMap, HashSet};

use genesis_client::proto::{Event, EventName};
use genesis_client::{ChannelSnapshot, Client, Subscription};
use serde::Deserialize;

use super::view::View;

/// What happened to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It was there at the start.
    Present,
    New,
    Changed,
    /// It goes on under another Unique-ID.
    Renamed,
    Ended,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::New => "new",
            Self::Changed => "changed",
            Self::Renamed => "renamed",
            Self::Ended => "ended",
        }
    }
}

/// A change of one channel.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) kind: Kind,
    /// The event that said so; none when FreeSWITCH was asked.
    pub(super) event: Option<Event>,
    /// As it was shown before.
    pub(super) before: Option<View>,
    pub(super) view: View,
}

/// All channels, as they are shown.
#[derive(Debug, Default)]
pub(super) struct Board {
    snapshot: ChannelSnapshot,
    /// Who is bridged to whom, both ways.
    bridges: HashMap<String, String>,
    views: HashMap<String, View>,
    asked: bool,
}

/// The output of `show bridged_calls as json`.
#[derive(Deserialize)]
struct Calls {
    #[serde(default)]
    rows: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    uuid: String,
    b_uuid: String,
}

impl Board {
    /// The events that [`apply`](Self::apply) understands.
    pub(super) fn subscription() -> Subscription {
        ChannelSnapshot::subscription()
            .events([EventName::ChannelBridge, EventName::ChannelUnbridge])
    }

    /// The channels, the oldest first.
    pub(super) fn views(&self) -> Vec<&View> {
        let mut views: Vec<&View> = self.views.values().collect();
        views.sort_by(|a, b| (a.created_epoch, &a.uuid).cmp(&(b.created_epoch, &b.uuid)));
        views
    }

    /// Asks FreeSWITCH which channels there are, and gives what that changes.
    pub(super) async fn ask(&mut self, client: &Client) -> genesis_client::Result<Vec<Change>> {
        client.resync(&mut self.snapshot).await?;
        let calls = client.api("show bridged_calls as json").await?;
        self.bridges.clear();
        // no calls that can be read: the table goes without
        if let Ok(calls) = serde_json::from_str::<Calls>(&calls.text()) {
            for call in calls.rows {
                self.join(&call.uuid, &call.b_uuid);
            }
        }
        Ok(self.compare())
    }

    fn compare(&mut self) -> Vec<Change> {
        let uuids = self.snapshot.iter().map(|row| row.uuid());
        let mut touched: HashSet<String> = uuids.map(str::to_owned).collect();
        touched.extend(self.views.keys().cloned());
        let mut changes: Vec<Change> = touched
            .iter()
            .filter_map(|uuid| self.look(uuid, None))
            .collect();
        changes.sort_by(|a, b| {
            let key = |change: &Change| (change.view.created_epoch, change.view.uuid.clone());
            key(a).cmp(&key(b))
        });
        if !self.asked {
            for change in &mut changes {
                change.kind = Kind::Present;
            }
        }
        self.asked = true;
        changes
    }

    /// Takes over what an event says, and gives what that changes.
    pub(super) fn apply(&mut self, event: &Event) -> Vec<Change> {
        let Some(uuid) = event.unique_id() else {
            return Vec::new();
        };
        let name = event.name();
        let mut touched = vec![uuid.to_string()];
        match name {
            EventName::ChannelBridge => {
                let leg = |header| event.get(header).unwrap_or_default();
                let (a, b) = (leg("Bridge-A-Unique-ID"), leg("Bridge-B-Unique-ID"));
                touched.extend(self.join(&a, &b));
                touched.extend([a.into_owned(), b.into_owned()]);
            }
            EventName::ChannelUnbridge => touched.extend(self.part(&uuid)),
            EventName::ChannelHangupComplete | EventName::ChannelDestroy => {
                self.snapshot.apply(event);
                touched.extend(self.part(&uuid));
                let ended = self.views.remove(uuid.as_ref()).map(|before| {
                    let mut view = before.clone();
                    "HANGUP".clone_into(&mut view.callstate);
                    view.hangup_cause = event.get("Hangup-Cause").map(Into::into);
                    Change {
                        kind: Kind::Ended,
                        event: Some(event.clone()),
                        before: Some(before),
                        view,
                    }
                });
                let others = touched.iter().skip(1);
                let others = others.filter_map(|uuid| self.look(uuid, Some(event)));
                return ended.into_iter().chain(others).collect();
            }
            EventName::ChannelUuid => {
                self.snapshot.apply(event);
                return self.rename(event, &uuid).into_iter().collect();
            }
            _ => {
                self.snapshot.apply(event);
            }
        }
        touched
            .iter()
            .filter_map(|uuid| self.look(uuid, Some(event)))
            .collect()
    }

    fn rename(&mut self, event: &Event, uuid: &str) -> Option<Change> {
        let old = event.get("Old-Unique-ID").unwrap_or_default();
        if let Some(other) = self.bridges.remove(old.as_ref()) {
            self.bridges.insert(other.clone(), uuid.to_owned());
            self.bridges.insert(uuid.to_owned(), other);
        }
        let before = self.views.remove(old.as_ref());
        let mut change = self.look(uuid, Some(event))?;
        if before.is_some() {
            change.kind = Kind::Renamed;
            change.before = before;
        }
        Some(change)
    }

    /// Compares how a channel is with how it is shown.
    fn look(&mut self, uuid: &str, event: Option<&Event>) -> Option<Change> {
        let shown = self.views.get(uuid);
        let Some(row) = self.snapshot.get(uuid) else {
            let before = self.views.remove(uuid)?;
            return Some(Change {
                kind: Kind::Ended,
                event: event.cloned(),
                view: before.clone(),
                before: Some(before),
            });
        };
        // its end was shown, and it is in the switch's table for a moment more
        if shown.is_none() && row.is_over() && self.asked {
            return None;
        }
        let view = View::new(row, self.bridges.get(uuid).map(String::as_str));
        if shown == Some(&view) {
            return None;
        }
        let before = self.views.insert(uuid.to_owned(), view.clone());
        Some(Change {
            kind: match before {
                Some(_) => Kind::Changed,
                None => Kind::New,
            },
            event: event.cloned(),
            before,
            view,
        })
    }

    /// These two are bridged to each other, and to nobody else. Gives who was.
    fn join(&mut self, a: &str, b: &str) -> Vec<String> {
        if a.is_empty() || b.is_empty() {
            return Vec::new();
        }
        let left = [a, b].into_iter().flat_map(|uuid| self.part(uuid));
        let left = left.collect::<Vec<_>>();
        self.bridges.insert(a.to_owned(), b.to_owned());
        self.bridges.insert(b.to_owned(), a.to_owned());
        left
    }

    /// This one is bridged to nobody. Gives who it was bridged to.
    fn part(&mut self, uuid: &str) -> Option<String> {
        let other = self.bridges.remove(uuid)?;
        self.bridges.remove(&other);
        Some(other)
    }
}

#[cfg(test)]
mod tests {
    use genesis_sim::Sim;

    use super::*;

    fn event(name: EventName, uuid: &str, headers: &[(&str, &str)]) -> Event {
        let mut builder = Event::builder(name).header("Unique-ID", uuid).unwrap();
        for (name, value) in headers {
            builder = builder.header(name, value).unwrap();
        }
        builder.build()
    }

    fn said(changes: &[Change]) -> Vec<(&'static str, &str)> {
        let said = changes.iter();
        said.map(|change| (change.kind.as_str(), &*change.view.uuid))
            .collect()
    }

    #[test]
    fn a_channel_comes_changes_and_ends_once() {
        let mut board = Board {
            asked: true,
            ..Board::default()
        };
        let changes = board.apply(&event(EventName::ChannelCreate, "a", &[]));
        assert_eq!(said(&changes), [("new", "a")]);
        let ringing = event(
            EventName::ChannelCallstate,
            "a",
            &[("Channel-Call-State", "RINGING")],
        );
        assert_eq!(said(&board.apply(&ringing)), [("changed", "a")]);
        assert_eq!(said(&board.apply(&ringing)), []);
        let hangup = event(
            EventName::ChannelHangupComplete,
            "a",
            &[("Hangup-Cause", "USER_BUSY")],
        );
        let changes = board.apply(&hangup);
        assert_eq!(said(&changes), [("ended", "a")]);
        assert_eq!(changes[0].view.hangup_cause.as_deref(), Some("USER_BUSY"));
        let reporting = event(
            EventName::ChannelState,
            "a",
            &[("Channel-State", "CS_REPORTING")],
        );
        assert_eq!(said(&board.apply(&reporting)), []);
        let destroy = event(EventName::ChannelDestroy, "a", &[]);
        assert_eq!(said(&board.apply(&destroy)), []);
        assert!(board.views().is_empty());
    }

    #[test]
    fn a_bridge_is_seen_from_both_legs_until_one_hangs_up() {
        let mut board = Board {
            asked: true,
            ..Board::default()
        };
        for uuid in ["a", "b", "c"] {
            board.apply(&event(EventName::ChannelCreate, uuid, &[]));
        }
        let bridge = |a: &str, b: &str| {
            let headers = [("Bridge-A-Unique-ID", a), ("Bridge-B-Unique-ID", b)];
            event(EventName::ChannelBridge, a, &headers)
        };
        let peers = |board: &Board| -> Vec<Option<String>> {
            let views = board.views();
            views.iter().map(|view| view.bridged_to.clone()).collect()
        };
        let to = |uuid: &str| Some(uuid.to_owned());
        assert_eq!(
            said(&board.apply(&bridge("a", "b"))),
            [("changed", "a"), ("changed", "b")]
        );
        assert_eq!(peers(&board), [to("b"), to("a"), None]);
        // transferred: nobody said that the first bridge ended
        board.apply(&bridge("a", "c"));
        assert_eq!(peers(&board), [to("c"), None, to("a")]);
        let changes = board.apply(&event(EventName::ChannelHangupComplete, "c", &[]));
        assert_eq!(said(&changes), [("ended", "c"), ("changed", "a")]);
        assert_eq!(peers(&board), [None, None]);
    }

    #[test]
    fn a_channel_that_is_renamed_stays_one() {
        let mut board = Board {
            asked: true,
            ..Board::default()
        };
        board.apply(&event(EventName::ChannelCreate, "a", &[]));
        let renamed = event(EventName::ChannelUuid, "b", &[("Old-Unique-ID", "a")]);
        let changes = board.apply(&renamed);
        assert_eq!(said(&changes), [("renamed", "b")]);
        assert_eq!(changes[0].before.as_ref().unwrap().uuid, "a");
        assert_eq!(board.views().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_hole_it_says_what_happened_meanwhile() {
        let sim = Sim::builder().start().await.unwrap();
        let client = genesis_client::Inbound::builder()
            .connect_over(sim.connect())
            .await
            .unwrap();
        let originate = async |dial: &str| {
            let job = client.bgapi(&format!("originate {dial}")).await.unwrap();
            job.text().trim().trim_start_matches("+OK ").to_owned()
        };
        let first = originate("sim/answer &park").await;
        let mut board = Board::default();
        let changes = board.ask(&client).await.unwrap();
        assert_eq!(said(&changes), [("present", &*first)]);
        assert_eq!(said(&board.ask(&client).await.unwrap()), []);

        let second = originate("sim/answer &bridge(sim/answer)").await;
        let mut events = client
            .subscribe(Subscription::new().event(EventName::ChannelDestroy))
            .await
            .unwrap();
        client.api(&format!("uuid_kill {first}")).await.unwrap();
        events.next().await;
        let changes = board.ask(&client).await.unwrap();
        let ended = changes.iter().filter(|change| change.kind == Kind::Ended);
        assert_eq!(ended.count(), 1, "{changes:?}");
        let views = board.views();
        assert_eq!(views.len(), 2);
        let a = views.iter().find(|view| view.uuid == second).unwrap();
        let b = views.iter().find(|view| view.uuid != second).unwrap();
        assert_eq!(a.bridged_to.as_ref(), Some(&b.uuid));
        assert_eq!(b.bridged_to.as_ref(), Some(&a.uuid));
    }
}
