//! The lanes: what waits, in which order, within which bounds. No tasks, no clock.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use genesis_proto::Event;
use genesis_proto::event::Route;

/// Which events are handled one after another.
///
/// ```
/// use genesis_client::Lane;
///
/// assert_eq!(Lane::Channel("7f4d".into()).to_string(), "channel 7f4d");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lane {
    /// Those of the channel with this Unique-ID.
    Channel(Arc<str>),
    /// Those of this name without a Unique-ID.
    Name(Arc<str>),
    /// The CUSTOM ones of this subclass without a Unique-ID.
    Subclass(Arc<str>),
}

impl Lane {
    pub(super) fn of(route: &Route<'_>) -> Self {
        match (&route.unique_id, &route.subclass) {
            (Some(uuid), _) if !uuid.is_empty() => Self::Channel(uuid.as_ref().into()),
            (_, Some(subclass)) => Self::Subclass(subclass.as_ref().into()),
            _ => Self::Name(route.name.as_ref().into()),
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(uuid) => write!(f, "channel {uuid}"),
            Self::Name(name) => f.write_str(name),
            Self::Subclass(subclass) => write!(f, "CUSTOM {subclass}"),
        }
    }
}

/// An event and the handlers that match it, by their place in the order of registration.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) lane: Lane,
    pub(super) event: Event,
    pub(super) handlers: Arc<[usize]>,
}

impl Work {
    /// The event itself, its index and its place in the queue.
    fn weight(&self) -> usize {
        self.event.raw().len() + 256
    }
}

/// Where an event stands: in a lane of its own, or in one that several share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Own(Lane),
    Shared(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Lanes of their own.
    pub(super) lanes: usize,
    /// Events that wait in one lane.
    pub(super) queue: usize,
    /// Bytes that wait in all lanes.
    pub(super) bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    queue: VecDeque<Work>,
    bytes: usize,
    /// An event of it is being handled.
    busy: bool,
    /// It stands in `ready`.
    listed: bool,
}

/// All lanes that have something to do.
#[derive(Debug)]
pub(super) struct Lanes {
    bounds: Bounds,
    lanes: HashMap<Place, Waiting>,
    own: usize,
    /// How many events of a lane stand in a shared one: until there are none, those that follow
    /// go there too, or they would overtake.
    displaced: HashMap<Lane, usize>,
    ready: VecDeque<Place>,
    queued: usize,
    bytes: usize,
    hasher: RandomState,
}

impl Lanes {
    pub(super) fn new(bounds: Bounds) -> Self {
        let bounds = Bounds {
            lanes: bounds.lanes.max(1),
            queue: bounds.queue.max(1),
            ..bounds
        };
        Self {
            bounds,
            lanes: HashMap::new(),
            own: 0,
            displaced: HashMap::new(),
            ready: VecDeque::new(),
            queued: 0,
            bytes: 0,
            hasher: RandomState::new(),
        }
    }

    /// Events that wait.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lanes with something to do, the shared ones included.
    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    /// How many lanes are shared at most.
    fn shared(&self) -> usize {
        (self.bounds.lanes / 16).max(1)
    }

    /// Queues an event. Gives the lanes of the events that had to make room, one for each.
    pub(super) fn push(&mut self, work: Work) -> Vec<Lane> {
        let mut lost = Vec::new();
        let weight = work.weight();
        while self.queued > 0 && self.bytes + weight > self.bounds.bytes {
            let Some(heaviest) = self.heaviest() else {
                break;
            };
            lost.extend(self.drop_oldest(&heaviest));
        }
        let place = self.place(&work.lane);
        let full = |lane: &Waiting| lane.queue.len() >= self.bounds.queue;
        if self.lanes.get(&place).is_some_and(full) {
            lost.extend(self.drop_oldest(&place));
        }
        match &place {
            Place::Shared(_) => *self.displaced.entry(work.lane.clone()).or_default() += 1,
            Place::Own(_) if !self.lanes.contains_key(&place) => self.own += 1,
            Place::Own(_) => {}
        }
        let lane = self.lanes.entry(place.clone()).or_default();
        lane.bytes += weight;
        lane.queue.push_back(work);
        if !lane.busy && !lane.listed {
            lane.listed = true;
            self.ready.push_back(place);
        }
        self.bytes += weight;
        self.queued += 1;
        lost
    }

    /// The next event whose turn it is. Its lane is busy until [`done`](Self::done).
    pub(super) fn pop(&mut self) -> Option<(Place, Work)> {
        while let Some(place) = self.ready.pop_front() {
            let Some(lane) = self.lanes.get_mut(&place) else {
                continue;
            };
            lane.listed = false;
            let Some(work) = lane.queue.pop_front() else {
                // all that waited in it made room for others
                self.remove(&place);
                continue;
            };
            lane.busy = true;
            lane.bytes -= work.weight();
            self.bytes -= work.weight();
            self.queued -= 1;
            return Some((place, work));
        }
        None
    }

    /// The event that `pop` gave is handled.
    pub(super) fn done(&mut self, place: &Place, work: &Work) {
        if matches!(place, Place::Shared(_)) {
            self.returned(&work.lane);
        }
        let Some(lane) = self.lanes.get_mut(place) else {
            return;
        };
        lane.busy = false;
        if lane.queue.is_empty() {
            self.remove(place);
        } else {
            lane.listed = true;
            self.ready.push_back(place.clone());
        }
    }

    fn place(&self, lane: &Lane) -> Place {
        let own = Place::Own(lane.clone());
        let shared = || Place::Shared(self.hasher.hash_one(lane) as usize % self.shared());
        if self.lanes.contains_key(&own) {
            own
        } else if self.own >= self.bounds.lanes || self.displaced.contains_key(lane) {
            shared()
        } else {
            own
        }
    }

    fn heaviest(&self) -> Option<Place> {
        let filled = self.lanes.iter().filter(|(_, lane)| !lane.queue.is_empty());
        let heaviest = filled.max_by_key(|(_, lane)| lane.bytes);
        heaviest.map(|(place, _)| place.clone())
    }

    fn drop_oldest(&mut self, place: &Place) -> Option<Lane> {
        let lane = self.lanes.get_mut(place)?;
        let work = lane.queue.pop_front()?;
        lane.bytes -= work.weight();
        self.bytes -= work.weight();
        self.queued -= 1;
        if matches!(place, Place::Shared(_)) {
            self.returned(&work.lane);
        }
        Some(work.lane)
    }

    /// An event of `lane` has left a shared lane.
    fn returned(&mut self, lane: &Lane) {
        if let Some(count) = self.displaced.get_mut(lane) {
            *count -= 1;
            if *count == 0 {
                self.displaced.remove(lane);
            }
        }
    }

    fn remove(&mut self, place: &Place) {
        if self.lanes.remove(place).is_some() && matches!(place, Place::Own(_)) {
            self.own -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use genesis_proto::EventName;

    use super::*;

    fn work(uuid: &str, number: usize) -> Work {
        let event = Event::builder(EventName::ChannelState)
            .header("Unique-ID", uuid)
            .unwrap()
            .header("Number", number.to_string())
            .unwrap()
            .build();
        Work {
            lane: Lane::of(&event.route()),
            event,
            handlers: Arc::new([0]),
        }
    }

    fn lanes(lanes: usize, queue: usize, bytes: usize) -> Lanes {
        Lanes::new(Bounds {
            lanes,
            queue,
            bytes,
        })
    }

    fn number(work: &Work) -> usize {
        work.event.get("Number").unwrap().parse().unwrap()
    }

    /// Handles one event of the lane whose turn it is.
    fn step(lanes: &mut Lanes) -> Option<(String, usize)> {
        let (place, work) = lanes.pop()?;
        lanes.done(&place, &work);
        Some((work.lane.to_string(), number(&work)))
    }

    #[test]
    fn a_busy_lane_waits_and_others_do_not() {
        let mut lanes = lanes(8, 8, 1 << 20);
        for (uuid, number) in [("a", 1), ("a", 2), ("b", 3)] {
            assert!(lanes.push(work(uuid, number)).is_empty());
        }
        let (a, first) = lanes.pop().unwrap();
        let (b, second) = lanes.pop().unwrap();
        assert_eq!((number(&first), number(&second)), (1, 3));
        assert!(lanes.pop().is_none(), "a is busy");
        lanes.done(&a, &first);
        lanes.done(&b, &second);
        assert_eq!(lanes.len(), 1, "idle lanes are removed");
        assert_eq!(step(&mut lanes).unwrap().1, 2);
        assert_eq!((lanes.len(), lanes.queued(), lanes.bytes()), (0, 0, 0));
    }

    #[test]
    fn a_full_lane_drops_its_oldest() {
        let mut lanes = lanes(8, 2, 1 << 20);
        let lost: Vec<_> = (1..=4).flat_map(|n| lanes.push(work("a", n))).collect();
        assert_eq!(lost, vec![Lane::Channel("a".into()); 2]);
        assert_eq!(step(&mut lanes).unwrap().1, 3);
    }

    #[test]
    fn bytes_are_bounded_and_the_heaviest_lane_pays() {
        let one = work("a", 1).weight();
        let mut lanes = lanes(8, 100, one * 3);
        for number in 1..=3 {
            assert!(lanes.push(work("a", number)).is_empty());
        }
        assert_eq!(
            lanes.push(work("b", 4)),
            [Lane::Channel("a".into())],
            "the flood makes room, not the quiet channel"
        );
        assert!(lanes.bytes() <= one * 3);
        let left: Vec<_> = std::iter::from_fn(|| step(&mut lanes)).collect();
        assert_eq!(left.iter().map(|l| l.1).collect::<Vec<_>>(), [2, 4, 3]);
        assert_eq!(lanes.bytes(), 0);
    }

    #[test]
    fn an_event_over_the_bound_of_bytes_still_fits_alone() {
        let mut lanes = lanes(8, 100, 1);
        assert!(lanes.push(work("a", 1)).is_empty());
        assert_eq!(lanes.push(work("b", 2)).len(), 1);
        assert_eq!(step(&mut lanes).unwrap().1, 2);
        assert!(step(&mut lanes).is_none());
        assert_eq!(lanes.len(), 0);
    }

    #[test]
    fn a_channel_in_a_shared_lane_is_never_overtaken_by_itself() {
        let mut lanes = lanes(1, 8, 1 << 20);
        lanes.push(work("a", 1));
        lanes.push(work("b", 2));
        assert_eq!(lanes.len(), 2);
        assert_eq!(step(&mut lanes).unwrap().0, "channel a");
        // a lane is free again, but an event of b still waits in the shared one
        lanes.push(work("b", 3));
        assert_eq!(lanes.len(), 1, "b stays where it is");
        let (place, busy) = lanes.pop().unwrap();
        assert!(lanes.pop().is_none(), "one event of b at a time");
        lanes.done(&place, &busy);
        assert_eq!(step(&mut lanes).unwrap().1, 3);
        lanes.push(work("b", 4));
        assert_eq!(
            lanes.pop().unwrap().0,
            Place::Own(Lane::Channel("b".into()))
        );
    }

    #[test]
    fn lanes_of_their_own_are_bounded() {
        let mut lanes = lanes(16, 1000, 1 << 20);
        for number in 0..200 {
            lanes.push(work(&number.to_string(), number));
        }
        assert_eq!(lanes.len(), 17);
        assert_eq!(lanes.queued(), 200);
        assert_eq!(std::iter::from_fn(|| step(&mut lanes)).count(), 200);
        assert_eq!((lanes.own, lanes.displaced.len()), (0, 0));
    }

    #[test]
    fn events_without_a_channel_share_a_lane_per_name_and_subclass() {
        let heartbeat = Event::builder(EventName::Heartbeat).build();
        let register = Event::builder(EventName::Custom)
            .header("Event-Subclass", "sofia::register")
            .unwrap()
            .build();
        assert_eq!(Lane::of(&heartbeat.route()), Lane::Name("HEARTBEAT".into()));
        assert_eq!(
            Lane::of(&register.route()),
            Lane::Subclass("sofia::register".into())
        );
    }
}
