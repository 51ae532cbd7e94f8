use std::collections::BTreeSet;

use genesis_proto::{Event, EventName};

use super::*;
use crate::lifecycle::Ends;
use crate::traceparent;

const FOR: For = For {
    spans: true,
    metrics: true,
    channels: false,
};

/// A table, and what a gauge would show of it.
struct Table {
    channels: Channels,
    sets: Sets,
    expected: Expected,
    active: f64,
    /// In microseconds of the switch.
    now: u64,
}

impl Table {
    /// One connection is told of all ends.
    fn new(max: usize) -> Self {
        let mut channels = Channels::new(max);
        channels.join(&Ends::All);
        Self {
            channels,
            sets: Sets::new(),
            expected: Expected::default(),
            active: 0.0,
            now: 1_700_000_000_000_000,
        }
    }

    fn apply(&mut self, changes: &Changes) {
        self.active += changes.active.iter().map(|(_, step)| step).sum::<f64>();
        assert!(self.active >= 0.0, "below nothing");
        self.check();
    }

    /// An event that is made now.
    fn event(&mut self, name: &str, uuid: &str, state: &str, old: Option<&str>) -> Event {
        self.now += 1;
        let mut event = Event::builder(EventName::from(name));
        event
            .push("Event-Date-Timestamp", self.now.to_string())
            .unwrap();
        event.push("Unique-ID", uuid).unwrap();
        event.push("Channel-State", state).unwrap();
        event.push("Call-Direction", "inbound").unwrap();
        if let Some(old) = old {
            event.push("Old-Unique-ID", old).unwrap();
        }
        event.build()
    }

    fn take(&mut self, event: &Event) -> Update {
        let route = event.route();
        let facts = Facts::new(event, &route);
        let update = self
            .channels
            .update(&facts, &self.sets, &self.expected, FOR);
        self.apply(&update.changes);
        update
    }

    fn is(&mut self, name: &str, uuid: &str) -> Update {
        let state = match name {
            "CHANNEL_CREATE" => "CS_INIT",
            "CHANNEL_HANGUP_COMPLETE" => "CS_REPORTING",
            "CHANNEL_DESTROY" => "CS_REPORTING",
            _ => "CS_EXECUTE",
        };
        let event = self.event(name, uuid, state, None);
        self.take(&event)
    }

    fn renamed(&mut self, old: &str, new: &str) {
        let event = self.event("CHANNEL_UUID", new, "CS_EXECUTE", Some(old));
        self.take(&event);
    }

    /// Everything that is kept of a channel belongs to one that is known, once.
    fn check(&self) {
        let it = &self.channels;
        let orders: BTreeSet<u64> = it.by_uuid.values().map(|channel| channel.order).collect();
        assert_eq!(orders.len(), it.by_uuid.len());
        assert_eq!(orders, it.by_age.keys().copied().collect());
        for (order, uuid) in &it.by_age {
            assert_eq!(it.by_uuid[uuid].order, *order);
        }
        assert!(it.by_uuid.len() <= it.max);
        assert!(it.over.is_subset(&orders));
        let complete = it
            .by_uuid
            .values()
            .filter(|channel| channel.complete.is_some());
        assert_eq!(complete.count(), it.complete.len());
        assert!(it.complete.iter().all(|(_, order)| orders.contains(order)));
        assert!(it.by_uuid.keys().all(|uuid| !it.gone.contains(uuid)));
        let counted = it
            .by_uuid
            .values()
            .filter(|channel| channel.active.is_some());
        assert_eq!(counted.count() as f64, self.active);
        for (uuid, channel) in &it.by_uuid {
            let sure = it.hearing.covers(uuid) || channel.doubt.is_some();
            assert!(
                channel.active.is_none() || sure,
                "{uuid} would count for ever"
            );
            assert!(!channel.ended || !channel.is_open());
        }
    }
}

#[test]
fn a_channel_that_takes_the_uuid_of_another_counts_once() {
    let mut table = Table::new(10);
    table.is("CHANNEL_CREATE", "old");
    // under the new name it was heard of before
    table.is("CHANNEL_ANSWER", "new");
    table.renamed("old", "new");
    assert_eq!(table.active, 1.0);
    // late, from before
    table.is("CHANNEL_ANSWER", "old");
    assert_eq!(table.active, 1.0);
    table.is("CHANNEL_HANGUP", "new");
    assert_eq!(table.active, 0.0);
    table.is("CHANNEL_DESTROY", "new");
    assert!(table.channels.by_age.is_empty());
}

#[test]
fn a_leg_that_gets_its_expected_uuid_late_is_in_the_trace_of_who_calls_it() {
    let caller = traceparent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let stray = traceparent::parse("00-11111111111111111111111111111111-b7ad6b7169203331-01");
    let mut table = Table::new(10);
    table.expected.put("new", caller.clone().unwrap());
    // as a loopback leg begins: its codec is set before its variables are, under the first UUID
    let early = [
        ("CHANNEL_STATE", "CS_INIT"),
        ("CODEC", "CS_NONE"),
        ("CODEC", "CS_INIT"),
    ];
    for (name, state) in early {
        let event = table.event(name, "old", state, None);
        assert_ne!(table.take(&event).known.parent, caller, "{name}");
        (table.channels).set_root("old", stray.clone().unwrap());
    }
    table.renamed("old", "new");
    let created = table.is("CHANNEL_CREATE", "new");
    assert_eq!(created.known.parent, caller);
    table.channels.set_root("new", caller.clone().unwrap());
    assert_eq!(table.is("CHANNEL_ANSWER", "new").known.parent, caller);
}

#[test]
fn a_renamed_channel_whose_end_came_first_is_over() {
    for last in ["CHANNEL_HANGUP", "CHANNEL_DESTROY"] {
        let mut table = Table::new(10);
        table.is("CHANNEL_CREATE", "old");
        let renamed = table.event("CHANNEL_UUID", "new", "CS_EXECUTE", Some("old"));
        table.is(last, "new");
        table.take(&renamed);
        assert_eq!(table.active, 0.0, "{last}");
        assert!(!table.channels.by_uuid.contains_key("old"));
    }
}

#[test]
fn a_uuid_that_is_used_again_is_a_new_channel() {
    let lasts: [&[&str]; 3] = [
        &["CHANNEL_HANGUP"],
        &["CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE"],
        &[
            "CHANNEL_HANGUP",
            "CHANNEL_HANGUP_COMPLETE",
            "CHANNEL_DESTROY",
        ],
    ];
    for last in lasts {
        let mut table = Table::new(10);
        for round in 1..=3 {
            table.is("CHANNEL_CREATE", "a");
            assert_eq!(table.active, 1.0, "{last:?}");
            for name in last {
                let update = table.is(name, "a");
                assert_eq!(update.ended, name == &last[0], "{round} {last:?}");
            }
            assert_eq!(table.active, 0.0, "{last:?}");
        }
    }
}

#[test]
fn what_comes_after_the_end_was_late() {
    for last in [
        "CHANNEL_HANGUP",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_DESTROY",
    ] {
        let mut table = Table::new(10);
        let created = table.event("CHANNEL_CREATE", "a", "CS_INIT", None);
        let answered = table.event("CHANNEL_ANSWER", "a", "CS_EXECUTE", None);
        table.is(last, "a");
        table.take(&created);
        table.take(&answered);
        assert_eq!(table.active, 0.0, "{last}");
        table.is("CHANNEL_CREATE", "a");
        assert_eq!(table.active, 1.0, "{last}");
    }
}

#[test]
fn the_end_of_a_channel_that_nobody_has_seen_is_told_once() {
    let mut table = Table::new(10);
    let update = table.is("CHANNEL_HANGUP_COMPLETE", "a");
    assert!(update.ended && update.completed);
    let update = table.is("CHANNEL_HANGUP_COMPLETE", "a");
    assert!(!update.ended && !update.completed);
    assert!(!table.is("CHANNEL_DESTROY", "a").ended);
    assert!(!table.is("CHANNEL_HANGUP", "a").ended);
}

#[test]
fn those_that_have_ended_are_forgotten_first() {
    let mut table = Table::new(10);
    for number in 0..5 {
        table.is("CHANNEL_CREATE", &format!("long-{number}"));
    }
    // nobody sends a DESTROY
    for number in 0..1_000 {
        table.is("CHANNEL_CREATE", &format!("short-{number}"));
        table.is("CHANNEL_HANGUP", &format!("short-{number}"));
    }
    assert_eq!(table.active, 5.0);
    for number in 0..20 {
        table.is("CHANNEL_CREATE", &format!("more-{number}"));
    }
    assert_eq!(table.active, 10.0);
}

#[test]
fn without_times_nothing_is_kept_for_ever() {
    let mut table = Table::new(10);
    for number in 0..1_000 {
        for name in [EventName::ChannelCreate, EventName::ChannelHangupComplete] {
            let mut event = Event::builder(name);
            event.push("Unique-ID", format!("{number}")).unwrap();
            event.push("Channel-State", "CS_INIT").unwrap();
            table.take(&event.build());
        }
    }
    assert!(table.channels.complete.len() <= 10);
    assert_eq!(table.active, 0.0);
}

#[test]
fn a_conference_room_is_no_channel() {
    let mut table = Table::new(10);
    // as conferences, parking lots and queues show that they are busy
    let room = table.event("PRESENCE_IN", "3001", "CS_ROUTING", None);
    table.take(&room);
    assert_eq!(table.active, 0.0);
    assert!(table.channels.by_uuid.is_empty());
    // what a member does there
    let said = table.event("CUSTOM", "a", "CS_EXECUTE", None);
    table.take(&said);
    assert_eq!(table.active, 0.0);
    table.is("CHANNEL_EXECUTE", "a");
    assert_eq!(table.active, 1.0);
}

#[test]
fn an_empty_uuid_is_none() {
    let mut table = Table::new(10);
    table.is("CHANNEL_CREATE", "");
    assert_eq!(table.active, 0.0);
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Channels live, change their UUIDs, end, and their events come late or twice: what counts is what
/// lives.
#[test]
fn the_count_is_the_size_of_the_set_of_channels_that_live() {
    let uuids = ["a", "b", "c", "d", "e", "f"];
    for seed in 1..=60u64 {
        let mut random = Random::of(seed);
        let mut table = Table::new(100);
        let mut alive: BTreeSet<&str> = BTreeSet::new();
        let mut past: Vec<Event> = Vec::new();
        for _ in 0..300 {
            let uuid = uuids[random.below(uuids.len())];
            let lives = alive.contains(uuid);
            match random.below(8) {
                0 | 1 if !lives => {
                    past.push(table.event("CHANNEL_CREATE", uuid, "CS_INIT", None));
                    alive.insert(uuid);
                }
                2 if lives => {
                    past.push(table.event("CHANNEL_ANSWER", uuid, "CS_EXECUTE", None));
                }
                3 if lives => {
                    let new = uuids[random.below(uuids.len())];
                    if new == uuid || alive.contains(new) {
                        continue;
                    }
                    past.push(table.event("CHANNEL_UUID", new, "CS_EXECUTE", Some(uuid)));
                    alive.remove(uuid);
                    alive.insert(new);
                }
                4 | 5 if lives => {
                    let lasts = [
                        "CHANNEL_HANGUP",
                        "CHANNEL_HANGUP_COMPLETE",
                        "CHANNEL_DESTROY",
                    ];
                    let name = lasts[random.below(3)];
                    past.push(table.event(name, uuid, "CS_HANGUP", None));
                    alive.remove(uuid);
                }
                // the end of one that has ended
                6 if !lives
                    && past
                        .iter()
                        .any(|event| event.unique_id().as_deref() == Some(uuid)) =>
                {
                    let name = ["CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"][random.below(2)];
                    past.push(table.event(name, uuid, "CS_REPORTING", None));
                }
                // another connection tells the last one again
                7 => {}
                _ => continue,
            }
            if let Some(event) = past.last() {
                table.take(&event.clone());
            }
            assert_eq!(table.active, alive.len() as f64, "seed {seed}: {alive:?}");
        }
        let changes = table.channels.leave(&Ends::All, 1);
        table.apply(&changes);
        assert_eq!(table.active, 0.0);
        assert!(table.channels.hearing.is_empty());
    }
}

/// Connections come, go, and are told more or less, while anything may arrive in any order: what
/// counts is bounded, is never left to nobody, and is nothing in the end.
#[test]
fn whatever_arrives_nothing_counts_for_ever() {
    let uuids: Vec<String> = (0..12).map(|number| format!("uuid-{number}")).collect();
    let names = [
        "CHANNEL_CREATE",
        "CHANNEL_ANSWER",
        "CHANNEL_UUID",
        "CHANNEL_HANGUP",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_DESTROY",
        "CHANNEL_STATE",
    ];
    let states = ["CS_INIT", "CS_EXECUTE", "CS_HANGUP", "CS_REPORTING", "none"];
    for seed in 1..=60u64 {
        let mut random = Random::of(seed);
        let mut table = Table::new(8);
        let mut connections = vec![(1, Ends::All, 0)];
        let mut past: Vec<Event> = Vec::new();
        for _ in 0..300 {
            let ends = match random.below(4) {
                0 => Ends::All,
                1 => Ends::default(),
                _ => Ends::Of(vec![uuids[random.below(12)].clone(), uuids[0].clone()]),
            };
            let at = random.below(connections.len().max(1));
            match (random.below(30), connections.get_mut(at)) {
                (0, _) => connections.push((table.channels.join(&ends), ends, 0)),
                (1, Some((_, before, _))) => {
                    let changes = table.channels.hears(before, &ends);
                    *before = ends;
                    table.apply(&changes);
                }
                (2, Some((number, before, mark))) => {
                    *mark = table.channels.mark();
                    let changes = table.channels.lost(&std::mem::take(before), *number);
                    table.apply(&changes);
                }
                (3, Some((number, _, mark))) => {
                    let (number, mark) = (*number, *mark);
                    let mut changes = Changes::default();
                    if random.below(2) == 0 {
                        table.channels.forget_doubtful(number, &mut changes);
                    } else {
                        let listed = uuids[random.below(12)].clone();
                        changes = table.channels.compare(mark, |uuid| uuid == listed);
                    }
                    table.apply(&changes);
                }
                (4, Some(_)) => {
                    let (number, ends, _) = connections.swap_remove(at);
                    let changes = table.channels.leave(&ends, number);
                    table.apply(&changes);
                }
                (5, _) => {
                    table.now += 6_000_000;
                }
                (6 | 7, _) if !past.is_empty() => {
                    let event = past[random.below(past.len())].clone();
                    table.take(&event);
                }
                _ => {
                    let (uuid, old) = (&uuids[random.below(12)], &uuids[random.below(12)]);
                    let (name, state) = (names[random.below(7)], states[random.below(5)]);
                    let event = table.event(name, uuid, state, Some(old));
                    table.take(&event);
                    past.push(event);
                }
            }
        }
        for (number, ends, _) in connections {
            let changes = table.channels.leave(&ends, number);
            table.apply(&changes);
        }
        assert_eq!(table.active, 0.0, "seed {seed}");
        assert!(table.channels.hearing.is_empty());
    }
}
