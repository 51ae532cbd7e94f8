//! The handlers and which of them an event concerns.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use genesis_proto::event::Route;
use genesis_proto::{Event, EventName};

use crate::filter::HeaderFilter;
use crate::subscription::Subscription;

/// What a handler gives. `?` turns any error into it.
///
/// ```
/// use genesis_client::HandlerResult;
/// use genesis_client::proto::Event;
///
/// async fn on_answer(event: Event) -> HandlerResult {
///     let rate: u32 = event.variable("read_rate").ok_or("no read_rate")?.parse()?;
///     println!("{rate} Hz");
///     Ok(())
/// }
/// # let _ = on_answer;
/// ```
pub type HandlerResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

pub(super) type Running = Pin<Box<dyn Future<Output = HandlerResult> + Send>>;

/// What a handler is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selector {
    Name(EventName),
    Subclass(String),
    All,
}

pub(super) struct Handler {
    pub(super) selector: Selector,
    pub(super) filters: Vec<HeaderFilter>,
    pub(super) call: Arc<dyn Fn(Event) -> Running + Send + Sync>,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("selector", &self.selector)
            .field("filters", &self.filters)
            .finish_non_exhaustive()
    }
}

/// The subscription that all handlers together need.
pub(super) fn subscription(handlers: &[Handler]) -> Subscription {
    let mut subscription = Subscription::new();
    for handler in handlers {
        subscription = match &handler.selector {
            Selector::All => return Subscription::all(),
            Selector::Name(name) => subscription.event(name.clone()),
            Selector::Subclass(subclass) => subscription.subclass(subclass.clone()),
        };
    }
    subscription
}

/// Handlers by what they are found by, so that an event costs what its own handlers cost.
#[derive(Debug)]
pub(super) struct Index {
    handlers: Vec<Handler>,
    by_name: HashMap<Box<str>, Arc<[usize]>>,
    by_subclass: HashMap<Box<str>, Arc<[usize]>>,
    rest: Arc<[usize]>,
}

impl Index {
    pub(super) fn new(handlers: Vec<Handler>) -> Self {
        let chosen = |test: &dyn Fn(&Selector) -> bool| -> Arc<[usize]> {
            let all = handlers.iter().enumerate();
            all.filter(|(_, handler)| handler.selector == Selector::All || test(&handler.selector))
                .map(|(at, _)| at)
                .collect()
        };
        let mut by_name = HashMap::new();
        let mut by_subclass = HashMap::new();
        for handler in &handlers {
            match &handler.selector {
                Selector::Name(name) => {
                    by_name.insert(
                        name.as_str().into(),
                        chosen(&|other| *other == Selector::Name(name.clone())),
                    );
                }
                Selector::Subclass(subclass) => {
                    by_subclass.insert(
                        subclass.as_str().into(),
                        chosen(&|other| *other == Selector::Subclass(subclass.clone())),
                    );
                }
                Selector::All => {}
            }
        }
        let rest = chosen(&|_| false);
        Self {
            handlers,
            by_name,
            by_subclass,
            rest,
        }
    }

    pub(super) fn get(&self, at: usize) -> Option<&Handler> {
        self.handlers.get(at)
    }

    /// The handlers that match, in the order of registration.
    pub(super) fn matching(&self, event: &Event, route: &Route<'_>) -> Arc<[usize]> {
        let named = match &route.subclass {
            Some(subclass) if route.name == "CUSTOM" => self.by_subclass.get(subclass.as_ref()),
            _ => self.by_name.get(route.name.as_ref()),
        };
        let candidates = named.unwrap_or(&self.rest);
        let matches = |at: &usize| {
            let filters = self.get(*at).map_or(&[][..], |handler| &handler.filters);
            filters.iter().all(|filter| filter.matches(event))
        };
        if candidates.iter().all(matches) {
            return candidates.clone();
        }
        candidates.iter().copied().filter(matches).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handler(selector: Selector, filters: &[&str]) -> Handler {
        Handler {
            selector,
            filters: filters.iter().map(|f| f.parse().unwrap()).collect(),
            call: Arc::new(|_| Box::pin(async { Ok(()) })),
        }
    }

    fn matching(index: &Index, event: &Event) -> Vec<usize> {
        index.matching(event, &event.route()).to_vec()
    }

    #[test]
    fn handlers_match_in_order_of_registration() {
        let index = Index::new(vec![
            handler(Selector::Name(EventName::ChannelAnswer), &[]),
            handler(Selector::All, &["Caller-ANI~^10"]),
            handler(
                Selector::Name(EventName::ChannelAnswer),
                &["Caller-ANI=1001"],
            ),
            handler(Selector::Subclass("my::news".into()), &[]),
            handler(Selector::Name(EventName::Custom), &[]),
            handler(Selector::All, &["X-Mark"]),
        ]);
        let event = |name: EventName, headers: &[(&str, &str)]| {
            let mut builder = Event::builder(name);
            for (header, value) in headers {
                builder.push(header, value).unwrap();
            }
            builder.build()
        };
        let answer = |ani| event(EventName::ChannelAnswer, &[("Caller-ANI", ani)]);
        assert_eq!(matching(&index, &answer("1001")), [0, 1, 2]);
        assert_eq!(matching(&index, &answer("1002")), [0, 1]);
        assert_eq!(matching(&index, &answer("2001")), [0]);
        let marked = event(EventName::Heartbeat, &[("X-Mark", "")]);
        assert_eq!(matching(&index, &marked), [5]);
        let news = event(EventName::Custom, &[("Event-Subclass", "my::news")]);
        assert_eq!(matching(&index, &news), [3]);
        assert_eq!(matching(&index, &event(EventName::Custom, &[])), [4]);
        let other = event(EventName::Custom, &[("Event-Subclass", "other::news")]);
        assert!(matching(&index, &other).is_empty());
    }
}
