//! `genesis.balancer(…)`: how many calls each destination has.

use std::sync::Arc;

use genesis_ringgroup::{Load, LoadBalancer};
use mlua::{Lua, Value};
use tokio::sync::Mutex;

use super::args::{Args, check_bulk, text_of};
use super::failure::{Failure, Result};
use super::object::{Begin, Begun, answer, class, done, work};
use super::shared::{Server, Shared};
use crate::state::Context;

/// Counts in memory or in Redis.
#[derive(Clone, Debug)]
pub(crate) struct LuaBalancer {
    shared: Arc<Shared>,
    server: Option<Server>,
}

class!(LuaBalancer, 12, "a balancer", |this, lua| {});

impl LuaBalancer {
    pub(super) async fn get(&self) -> Result<Arc<dyn LoadBalancer>> {
        self.shared.balancer_of(self.server.as_ref()).await
    }
}

/// The options `redis` (a URL) and `prefix`.
pub(super) fn server(args: &mut Args) -> Result<Option<Server>> {
    let options = args.options(&["redis", "prefix"])?;
    let prefix = options.text("prefix")?;
    let url = options.text("redis")?;
    Ok(url.map(|url| Server { url, prefix }))
}

/// `genesis.balancer {redis = …}`.
pub(super) fn make(lua: &Lua, context: &Context, mut args: Args) -> Begun {
    let server = server(&mut args)?;
    let shared = context.shared().clone();
    super::object::now(lua, lua.create_userdata(LuaBalancer { shared, server })?)
}

pub(super) const BALANCER: &[(&str, Begin)] = &[
    ("choose", choose),
    ("count", count),
    ("get_count", get_count),
];

/// `choose {"a", "b"}`: the place of the one with the fewest calls, from 1, and its load.
fn choose(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let balancer = args.this::<LuaBalancer>()?.clone();
    let destinations = match args.next() {
        Value::Table(table) => {
            check_bulk("choose", &table)?;
            let texts = table.sequence_values::<Value>();
            texts
                .map(|value| Ok(text_of(&value?).unwrap_or_default()))
                .collect::<mlua::Result<Vec<_>>>()?
        }
        other => return args.wrong("a list of destinations", &other),
    };
    work(async move {
        let choice = balancer.get().await?.choose(&destinations).await?;
        Ok(answer((choice.index + 1, LuaLoad::new(choice.load))))
    })
}

fn count(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let balancer = args.this::<LuaBalancer>()?.clone();
    let destination = args.text("the destination")?;
    work(async move {
        let load = balancer.get().await?.count(&destination).await?;
        Ok(answer(LuaLoad::new(load)))
    })
}

fn get_count(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let balancer = args.this::<LuaBalancer>()?.clone();
    let destination = args.text("the destination")?;
    work(async move {
        let count = balancer.get().await?.get_count(&destination).await?;
        Ok(answer(count))
    })
}

/// One call that is counted; given back when it is collected.
pub(crate) struct LuaLoad {
    destination: String,
    is_local_fallback: bool,
    load: Arc<Mutex<Option<Load>>>,
}

impl LuaLoad {
    fn new(load: Load) -> Self {
        Self {
            destination: load.destination().to_owned(),
            is_local_fallback: load.is_local_fallback(),
            load: Arc::new(Mutex::new(Some(load))),
        }
    }
}

class!(LuaLoad, 13, "a load", |this, lua| {
    "destination" => &*this.destination,
    "is_local_fallback" => this.is_local_fallback,
});

pub(super) const LOAD: &[(&str, Begin)] = &[("answered", answered), ("release", release)];

fn answered(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let load = args.this::<LuaLoad>()?.load.clone();
    let uuid = args.text("the Unique-ID")?;
    work(async move {
        match &*load.lock().await {
            Some(load) => load.answered(&uuid).await?,
            None => return Err(Failure::invalid("the load has been given back already")),
        }
        Ok(done())
    })
}

/// Gives it back; once more does nothing.
fn release(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let load = args.this::<LuaLoad>()?.load.clone();
    work(async move {
        if let Some(load) = load.lock().await.take() {
            load.release().await?;
        }
        Ok(done())
    })
}
