//! Events that a script fires and waits for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use genesis_client::{EventStream, Subscription};
use genesis_proto::EventName;
use genesis_proto::command::SendEvent;
use mlua::{Lua, UserData, Value};
use tokio::sync::Mutex;

use super::leg::settled;
use crate::api::args::{Args, check_bulk};
use crate::api::event::LuaEvent;
use crate::api::failure::Failure;
use crate::api::object::{Begun, answer, work};
use crate::state::Context;

/// `fire(name, {{header, value}, …}, body or nil)`.
pub(super) fn fire(_: &Lua, context: &Context, mut args: Args) -> Begun {
    let name = args.text("the name of an event")?;
    let mut event = SendEvent::new(EventName::from(&*name));
    let headers = match args.next() {
        Value::Table(headers) => {
            check_bulk("fire", &headers)?;
            headers
        }
        other => return args.wrong("a list of headers", &other),
    };
    for pair in headers.sequence_values::<Vec<String>>() {
        if let [name, value] = &*pair? {
            event = event.header(name, value)?;
        }
    }
    if let Some(body) = args.optional_text("the body")? {
        event = event.body(body)?;
    }
    let client = context.client().cloned().ok_or_else(Failure::gone)?;
    settled(async move {
        client.accepted(event.build()).await?;
        Ok(answer(true))
    })
}

/// The subscriptions of one EventConsumer.
#[derive(Clone, Default)]
pub(super) struct Feed(Arc<Mutex<Vec<EventStream>>>);

impl UserData for Feed {}

/// `bind(feed or nil, name, subclass or nil, how many events wait)`: the feed, or nil and why.
pub(super) fn bind(_: &Lua, context: &Context, mut args: Args) -> Begun {
    let feed = feed_of(&args.next()).unwrap_or_default();
    let name = args.text("the name of an event")?;
    let subclass = args.optional_text("the subclass")?;
    let length = args.whole("the length of the queue")?;
    let subscription = match (&*name, subclass) {
        ("ALL", _) => Subscription::all(),
        (_, Some(subclass)) if !subclass.is_empty() => Subscription::new().subclass(subclass),
        (name, _) => Subscription::new().event(EventName::from(name)),
    };
    let client = context.client().cloned().ok_or_else(Failure::gone)?;
    settled(async move {
        let stream = client
            .subscribe(subscription.queue_items(length.max(1)))
            .await?;
        feed.0.lock().await.push(stream);
        Ok(answer(feed))
    })
}

fn feed_of(value: &Value) -> Option<Feed> {
    let feed = value.as_userdata()?.borrow::<Feed>().ok()?;
    Some(feed.clone())
}

/// `pop(feed, milliseconds or nil)`: the next event; nil when none came in time, or none can come.
pub(super) fn pop(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let feed = args.next();
    let Some(feed) = feed_of(&feed) else {
        return args.wrong("a feed", &feed);
    };
    let time = match args.next() {
        Value::Integer(time) => Duration::from_millis(u64::try_from(time).unwrap_or(0)),
        _ => Duration::MAX,
    };
    work(async move {
        let mut streams = feed.0.lock().await;
        if streams.is_empty() {
            return Ok(answer(None::<LuaEvent>));
        }
        let next = select_all(
            streams
                .iter_mut()
                .map(|stream| Box::pin(stream.next_event())),
        );
        let popped = tokio::time::timeout(time, next).await;
        let event = popped.ok().and_then(|(event, _, _)| event);
        Ok(answer(event.map(LuaEvent::from)))
    })
}
