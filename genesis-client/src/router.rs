//! Who gets an event. The cost of an event does not grow with the readers of other keys.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use genesis_proto::command::EventSet;
use genesis_proto::event::Route;
use genesis_proto::session::CloseReason;
use genesis_proto::{Event, EventName};

use crate::filter::HeaderFilter;
use crate::queue::Queue;
use crate::subscription::{Gap, Item, Subscription};
use crate::tap::Tap;

/// Names a subscriber of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SubscriberId(pub(crate) u64);

/// Where a subscriber's events go.
#[derive(Clone)]
pub(crate) enum Sink {
    Queue(Arc<Queue<Item>>),
    /// As a queue, of a consumer, who tells telemetry itself when it handles an event.
    Consumer(Arc<Queue<Item>>),
    Tap(Arc<dyn Tap>),
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue(_) => "Queue",
            Self::Consumer(_) => "Consumer",
            Self::Tap(_) => "Tap",
        })
    }
}

#[derive(Debug)]
struct Subscriber {
    events: Arc<EventSet>,
    /// Bound to these channels only.
    channels: Option<Vec<String>>,
    filters: Vec<HeaderFilter>,
    sink: Sink,
}

/// Subscribers by what they are found by: channels first, else names and subclasses, else all.
#[derive(Debug, Default)]
pub(crate) struct Router {
    subscribers: HashMap<SubscriberId, Subscriber>,
    by_channel: HashMap<Box<str>, Vec<SubscriberId>>,
    by_name: HashMap<Box<str>, Vec<SubscriberId>>,
    by_subclass: HashMap<Box<str>, Vec<SubscriberId>>,
    everything: Vec<SubscriberId>,
    /// What the last subscriber wanted: thousands of channels want the same.
    last_events: Arc<EventSet>,
}

/// What came of handing an event out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) readers: u32,
    pub(crate) dropped: u64,
    /// A reader's queue is more than half full.
    pub(crate) pressed: bool,
    /// A reader was found by the channel.
    pub(crate) by_channel: bool,
    /// A consumer is among the readers.
    pub(crate) to_consumer: bool,
}

impl Router {
    pub(crate) fn add(
        &mut self,
        id: SubscriberId,
        events: EventSet,
        subscription: &Subscription,
        sink: Sink,
    ) {
        let channels: Option<Vec<String>> = subscription
            .channels
            .as_ref()
            .map(|channels| channels.iter().cloned().collect());
        if *self.last_events != events {
            self.last_events = Arc::new(events);
        }
        let subscriber = Subscriber {
            events: self.last_events.clone(),
            channels,
            filters: subscription.filters.clone(),
            sink,
        };
        for (map, key) in Self::keys(&subscriber) {
            self.list(map, &key).push(id);
        }
        self.subscribers.insert(id, subscriber);
    }

    pub(crate) fn remove(&mut self, id: SubscriberId) -> Option<Arc<EventSet>> {
        let subscriber = self.subscribers.remove(&id)?;
        for (map, key) in Self::keys(&subscriber) {
            let list = self.list(map, &key);
            list.retain(|other| *other != id);
            if list.is_empty() {
                match map {
                    Map::Channel => drop(self.by_channel.remove(key.as_str())),
                    Map::Name => drop(self.by_name.remove(key.as_str())),
                    Map::Subclass => drop(self.by_subclass.remove(key.as_str())),
                    Map::Everything => {}
                }
            }
        }
        Some(subscriber.events)
    }

    /// From the next event on, `to` gets what `from` got until now. One that is gone already hears
    /// nothing of it; `from` ends in any case, for it waits for that.
    pub(crate) fn hand_over(&self, from: SubscriberId, to: SubscriberId) {
        let queue = |id| match self.subscribers.get(&id).map(|found| &found.sink) {
            Some(Sink::Queue(queue) | Sink::Consumer(queue)) => Some(queue),
            Some(Sink::Tap(_)) | None => None,
        };
        if let Some(next) = queue(to) {
            next.open();
        }
        if let Some(before) = queue(from) {
            before.close();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// The channels that all subscribers are bound to; `None` if one of them is not bound.
    pub(crate) fn channels(&self) -> Option<impl Iterator<Item = (&str, &str)>> {
        let bound = self.subscribers.values().all(|s| s.channels.is_some());
        bound.then(|| self.channels_named().map(|uuid| ("Unique-ID", uuid)))
    }

    /// The channels that any subscriber is bound to.
    fn channels_named(&self) -> impl Iterator<Item = &str> {
        self.by_channel.keys().map(|key| &**key)
    }

    /// What the switch can be asked to let through for the subscribers: their channels, and a header's
    /// value for one who is bound to none and asks for it.
    pub(crate) fn wire_filters(&self) -> impl Iterator<Item = (&str, &str)> {
        let unbound = self.subscribers.values().filter(|s| s.channels.is_none());
        let asked = unbound.filter_map(|s| match s.filters.as_slice() {
            [filter] => filter.as_equal(),
            _ => None,
        });
        self.channels_named()
            .map(|uuid| ("Unique-ID", uuid))
            .chain(asked)
    }

    /// Hands `event` to everyone who wants it.
    pub(crate) fn deliver(&self, event: &Event, route: &Route<'_>) -> Delivered {
        let mut delivered = Delivered::default();
        let lists = [
            route
                .unique_id
                .as_deref()
                .and_then(|uuid| self.by_channel.get(uuid)),
            self.by_name_or_subclass(route),
            Some(&self.everything),
        ];
        for id in lists.into_iter().flatten().flatten() {
            let Some(subscriber) = self.subscribers.get(id) else {
                continue;
            };
            if subscriber.channels.is_some() && !subscriber.wants(route) {
                continue;
            }
            if !subscriber
                .filters
                .iter()
                .all(|filter| filter.matches(event))
            {
                continue;
            }
            match &subscriber.sink {
                Sink::Queue(queue) | Sink::Consumer(queue) => {
                    let pushed = queue.push(Item::Event(event.clone()));
                    if !pushed.taken {
                        // it is another's still, or its reader has gone
                        continue;
                    }
                    delivered.dropped += pushed.dropped;
                    delivered.pressed |= pushed.pressed;
                }
                Sink::Tap(tap) => tap.event(event),
            }
            delivered.readers += 1;
            delivered.by_channel |= subscriber.channels.is_some();
            delivered.to_consumer |= matches!(subscriber.sink, Sink::Consumer(_));
        }
        delivered
    }

    fn by_name_or_subclass(&self, route: &Route<'_>) -> Option<&Vec<SubscriberId>> {
        match &route.subclass {
            Some(subclass) if route.name == "CUSTOM" => self.by_subclass.get(subclass.as_ref()),
            _ => self.by_name.get(route.name.as_ref()),
        }
    }

    /// The link is lost. Queues hear of it by the [`Gap`] that follows, or by their end.
    pub(crate) fn lost(&self, reason: &CloseReason) {
        for subscriber in self.subscribers.values() {
            if let Sink::Tap(tap) = &subscriber.sink {
                tap.link_lost(reason);
            }
        }
    }

    /// The link is back.
    pub(crate) fn restored(&self, gap: &Gap) {
        for subscriber in self.subscribers.values() {
            match &subscriber.sink {
                Sink::Queue(queue) | Sink::Consumer(queue) => {
                    queue.push(Item::Gap(gap.clone()));
                }
                Sink::Tap(tap) => tap.link_restored(gap),
            }
        }
    }

    /// Ends every stream.
    pub(crate) fn close(&mut self, reason: &CloseReason) {
        for (_, subscriber) in std::mem::take(self).subscribers {
            match subscriber.sink {
                Sink::Queue(queue) | Sink::Consumer(queue) => queue.close(),
                Sink::Tap(tap) => tap.closed(reason),
            }
        }
    }

    fn keys(subscriber: &Subscriber) -> Vec<(Map, String)> {
        if let Some(channels) = &subscriber.channels {
            return channels
                .iter()
                .map(|uuid| (Map::Channel, uuid.clone()))
                .collect();
        }
        if subscriber.events.is_all() {
            return vec![(Map::Everything, String::new())];
        }
        let names = subscriber
            .events
            .names()
            .map(|n| (Map::Name, n.as_str().to_owned()));
        let subclasses = subscriber
            .events
            .subclasses()
            .map(|s| (Map::Subclass, s.to_owned()));
        names.chain(subclasses).collect()
    }

    fn list(&mut self, map: Map, key: &str) -> &mut Vec<SubscriberId> {
        let map = match map {
            Map::Channel => &mut self.by_channel,
            Map::Name => &mut self.by_name,
            Map::Subclass => &mut self.by_subclass,
            Map::Everything => return &mut self.everything,
        };
        map.entry(key.into()).or_default()
    }
}

#[derive(Clone, Copy)]
enum Map {
    Channel,
    Name,
    Subclass,
    Everything,
}

impl Subscriber {
    /// A subscriber that is found by its channel still wants certain events only.
    fn wants(&self, route: &Route<'_>) -> bool {
        self.events.is_all()
            || self.events.contains(
                &EventName::from(route.name.as_ref()),
                route.subclass.as_deref(),
            )
    }
}

#[cfg(test)]
mod tests;
