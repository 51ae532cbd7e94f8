//! `genesis.queue(…)`: lines that calls wait in.

use std::sync::Arc;

use genesis_ringgroup::queue::{Positions, QueueWatch};
use genesis_ringgroup::{Queue, Slot, SlotOptions, Ticket};
use mlua::Lua;
use tokio::sync::Mutex;

use super::args::Args;
use super::balance::server;
use super::call::busy;
use super::failure::{Failure, Result};
use super::object::{Begin, Begun, answer, class, done, now, work};
use super::shared::{Server, Shared};
use crate::state::Context;

/// Something that only one coroutine at a time uses, until it is used up.
type Held<T> = Arc<Mutex<Option<T>>>;

fn held<T>(value: T) -> Held<T> {
    Arc::new(Mutex::new(Some(value)))
}

/// Lines in memory or in Redis.
#[derive(Clone, Debug)]
pub(crate) struct LuaQueue {
    shared: Arc<Shared>,
    server: Option<Server>,
}

class!(LuaQueue, 14, "a queue", |this, lua| {});

impl LuaQueue {
    async fn get(&self) -> Result<Queue> {
        self.shared.queue_of(self.server.as_ref()).await
    }
}

/// `genesis.queue {redis = …}`; without, the lines of this process.
pub(super) fn make(lua: &Lua, context: &Context, mut args: Args) -> Begun {
    let server = server(&mut args)?;
    let shared = context.shared().clone();
    now(lua, lua.create_userdata(LuaQueue { shared, server })?)
}

pub(super) const QUEUE: &[(&str, Begin)] = &[
    ("slot", slot),
    ("enter", enter),
    ("semaphore", semaphore),
    ("depth", depth),
    ("in_use", in_use),
    ("limit", limit),
    ("state", state),
    ("set_limit", set_limit),
    ("unset_limit", unset_limit),
    ("items", items),
    ("watch", watch),
];

fn entry(args: &mut Args) -> Result<(String, SlotOptions)> {
    let id = args.text("the name of a queue")?;
    let given = args.options(&["limit", "timeout", "item_id", "max_waiting"])?;
    let mut options = SlotOptions::new();
    if let Some(limit) = given.whole("limit")? {
        options = options.limit(limit);
    }
    if let Some(timeout) = given.seconds("timeout")? {
        options = options.timeout(timeout);
    }
    if let Some(item) = given.text("item_id")? {
        options = options.item_id(item);
    }
    if let Some(most) = given.whole("max_waiting")? {
        options = options.max_waiting(most);
    }
    Ok((id, options))
}

fn slot(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let queue = args.this::<LuaQueue>()?.clone();
    let (id, options) = entry(&mut args)?;
    work(async move {
        let slot = queue.get().await?.slot(&id, options).await?;
        Ok(answer(LuaSlot::new(slot)))
    })
}

fn enter(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let queue = args.this::<LuaQueue>()?.clone();
    let (id, options) = entry(&mut args)?;
    work(async move {
        let ticket = queue.get().await?.enter(&id, options).await?;
        Ok(answer(LuaTicket {
            item: ticket.item_id().to_owned(),
            ticket: held(ticket),
        }))
    })
}

fn semaphore(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let queue = args.this::<LuaQueue>()?.clone();
    let id = args.text("the name of a queue")?;
    let places = args.whole("the number of places")?;
    now(
        lua,
        lua.create_userdata(LuaSemaphore { queue, id, places })?,
    )
}

fn depth(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let queue = args.this::<LuaQueue>()?.clone();
    let id = args.text("the name of a queue")?;
    work(async move { Ok(answer(queue.get().await?.depth(&id).await?)) })
}

fn in_use(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let queue = args.this::<LuaQueue>()?.clone();
    let id = args.text("the name of a queue")?;
    work(async move { Ok(answer(queue.get().await?.in_use(&id).await?)) })
}

fn limit(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let queue = args.this::<LuaQueue>()?.clone();
    let id = args.text("the name of a queue")?;
    work(async move { Ok(answer(queue.get().await?.limit(&id).await?)) })
}

/// A table with `depth`, `in_use` and `limit`.
fn state(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let queue = args.this::<LuaQueue>()?.clone();
    let id = args.text("the name of a queue")?;
    work(async move {
        let state = queue.get().await?.state(&id).await?;
        Ok(state_table(state))
    })
}

fn state_table(state: genesis_ringgroup::queue::QueueState) -> super::Answer {
    Box::new(move |lua| {
        let numbers = [
            ("depth", state.depth),
            ("in_use", state.in_use),
            ("limit", state.limit),
        ];
        mlua::IntoLuaMulti::into_lua_multi(lua.create_table_from(numbers)?, lua)
    })
}

fn set_limit(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let queue = args.this::<LuaQueue>()?.clone();
    let id = args.text("the name of a queue")?;
    let limit = args.whole("the limit")?;
    work(async move {
        queue.get().await?.set_limit(&id, limit).await?;
        Ok(done())
    })
}

fn unset_limit(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let queue = args.this::<LuaQueue>()?.clone();
    let id = args.text("the name of a queue")?;
    work(async move {
        queue.get().await?.unset_limit(&id).await?;
        Ok(done())
    })
}

/// The names of those who wait, in their order.
fn items(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let queue = args.this::<LuaQueue>()?.clone();
    let id = args.text("the name of a queue")?;
    work(async move {
        let items = queue.get().await?.items(&id).await?;
        let items: Vec<String> = items.into_iter().map(|item| item.item).collect();
        Ok(answer(items))
    })
}

fn watch(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let queue = args.this::<LuaQueue>()?.clone();
    let id = args.text("the name of a queue")?;
    work(async move {
        let watch = queue.get().await?.watch(&id)?;
        Ok(answer(LuaWatch(Arc::new(Mutex::new(watch)))))
    })
}

/// A place that is held; given back by `release`, when it is collected, and when the script ends.
pub(crate) struct LuaSlot {
    item: String,
    queue: String,
    waited: f64,
    ahead: usize,
    slot: Held<Slot>,
}

impl LuaSlot {
    fn new(slot: Slot) -> Self {
        Self {
            item: slot.item_id().to_owned(),
            queue: slot.queue_id().to_owned(),
            waited: slot.waited().as_secs_f64(),
            ahead: slot.ahead(),
            slot: held(slot),
        }
    }

    fn is_lost(&self) -> bool {
        let slot = self.slot.try_lock();
        slot.is_ok_and(|slot| slot.as_ref().is_none_or(Slot::is_lost))
    }
}

class!(LuaSlot, 15, "a slot", |this, lua| {
    "item_id" => &*this.item,
    "queue_id" => &*this.queue,
    "waited" => this.waited,
    "ahead" => this.ahead,
    "is_lost" => this.is_lost(),
});

pub(super) const SLOT: &[(&str, Begin)] = &[("release", release)];

/// Gives the place back; once more does nothing.
fn release(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let slot = args.this::<LuaSlot>()?.slot.clone();
    work(async move {
        if let Some(slot) = slot.lock().await.take() {
            slot.release().await?;
        }
        Ok(done())
    })
}

/// A place in the line.
pub(crate) struct LuaTicket {
    item: String,
    ticket: Held<Ticket>,
}

class!(LuaTicket, 16, "a ticket", |this, lua| { "item_id" => &*this.item });

pub(super) const TICKET: &[(&str, Begin)] = &[
    ("position", position),
    ("watch", positions),
    ("granted", granted),
    ("slot", slot_of),
    ("leave", leave),
];

fn used() -> Failure {
    Failure::invalid("the ticket has been used already")
}

fn position(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let ticket = args.this::<LuaTicket>()?.ticket.clone();
    work(async move {
        let positions = {
            let ticket = ticket.try_lock().map_err(|_| busy("the ticket"))?;
            ticket.as_ref().map(Ticket::watch)
        };
        let position = positions.ok_or_else(used)?.next().await;
        Ok(answer(position))
    })
}

fn positions(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let this = args.this::<LuaTicket>()?;
    let ticket = this.ticket.try_lock().map_err(|_| busy("the ticket"))?;
    let positions = ticket.as_ref().map(Ticket::watch).ok_or_else(used)?;
    let positions = LuaPositions(Arc::new(Mutex::new(positions)));
    now(lua, lua.create_userdata(positions)?)
}

fn granted(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let ticket = args.this::<LuaTicket>()?.ticket.clone();
    work(async move {
        let mut ticket = ticket.try_lock().map_err(|_| busy("the ticket"))?;
        ticket.as_mut().ok_or_else(used)?.granted().await?;
        Ok(done())
    })
}

fn slot_of(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let ticket = args.this::<LuaTicket>()?.ticket.clone();
    work(async move {
        let ticket = ticket.try_lock().map_err(|_| busy("the ticket"))?.take();
        let slot = ticket.ok_or_else(used)?.slot().await?;
        Ok(answer(LuaSlot::new(slot)))
    })
}

fn leave(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let ticket = args.this::<LuaTicket>()?.ticket.clone();
    work(async move {
        let ticket = ticket.try_lock().map_err(|_| busy("the ticket"))?.take();
        if let Some(ticket) = ticket {
            ticket.leave().await?;
        }
        Ok(done())
    })
}

/// Positions as they change.
pub(crate) struct LuaPositions(Arc<Mutex<Positions>>);

class!(LuaPositions, 17, "positions", |this, lua| {});

pub(super) const POSITIONS: &[(&str, Begin)] = &[("next", next_position)];

fn next_position(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let positions = args.this::<LuaPositions>()?.0.clone();
    work(async move {
        let next = positions.lock().await.next().await;
        Ok(answer(next))
    })
}

/// States of a queue as they change.
pub(crate) struct LuaWatch(Arc<Mutex<QueueWatch>>);

class!(LuaWatch, 18, "a watch of a queue", |this, lua| {});

pub(super) const WATCH: &[(&str, Begin)] = &[("next", next_state)];

fn next_state(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let watch = args.this::<LuaWatch>()?.0.clone();
    work(async move {
        let next = watch.lock().await.next().await;
        Ok(match next {
            Some(state) => state_table(state),
            None => answer(None::<String>),
        })
    })
}

/// A limit of a number of places.
#[derive(Clone)]
pub(crate) struct LuaSemaphore {
    queue: LuaQueue,
    id: String,
    places: usize,
}

class!(LuaSemaphore, 19, "a semaphore", |this, lua| {});

pub(super) const SEMAPHORE: &[(&str, Begin)] = &[("acquire", acquire)];

fn acquire(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let semaphore = args.this::<LuaSemaphore>()?.clone();
    let patience = args.optional_seconds("the time")?;
    work(async move {
        let queue = semaphore.queue.get().await?;
        let places = queue.semaphore(&semaphore.id, semaphore.places);
        let slot = match patience {
            Some(patience) => places.acquire_within(patience).await?,
            None => places.acquire().await?,
        };
        Ok(answer(LuaSlot::new(slot)))
    })
}
