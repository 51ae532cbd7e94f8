//! One Lua state: what is in it, what it may use, how functions run in it.

mod bounded;
mod callbacks;
mod clock;
mod context;
mod matcher;
mod memory;
mod names;
mod patterns;
mod sandbox;
pub(crate) mod trace;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use genesis_client::Client;
use mlua::{
    Function, IntoLuaMulti, Lua, LuaOptions, LuaString, MultiValue, Result, StdLib, Table,
    UserData, Value,
};

use crate::api::object::{dispatch, function_ids};
use crate::api::shared::Shared;
use crate::app::Code;
use crate::io::Remote;

pub(crate) use callbacks::{Callback, Callbacks, Caller};
pub(crate) use clock::{Clock, Timed};
pub(crate) use context::{Context, Role};
pub(crate) use names::{Names, place_of};
pub(crate) use trace::Trouble;

/// What every state begins with.
const PRELUDE: &str = concat!(include_str!("stubs.lua"), include_str!("prelude.lua"));

/// What a state may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) memory: usize,
    pub(crate) computing: Duration,
}

/// What a state is made of.
pub(crate) struct Setup {
    pub(crate) code: Arc<Code>,
    pub(crate) limits: Limits,
    pub(crate) remote: Remote,
    pub(crate) shared: Arc<Shared>,
    pub(crate) role: Role,
    pub(crate) client: Option<Client>,
    /// How many coroutines are kept for the next handler.
    pub(crate) threads: usize,
}

/// A state with an application's code in it.
pub(crate) struct State {
    pub(crate) lua: Lua,
    pub(crate) context: Rc<Context>,
    functions: Prelude,
    callbacks: RefCell<Callbacks>,
}

/// Functions of the prelude.
struct Prelude {
    run: Function,
    main: Function,
    handlers: Function,
}

impl UserData for Trouble {}

/// What a function that was run gave.
pub(crate) type Ran = std::result::Result<MultiValue, Trouble>;

impl State {
    /// A new state. Nothing of the application has run in it yet.
    pub(crate) fn new(setup: Setup) -> Result<Self> {
        let libraries = StdLib::COROUTINE
            | StdLib::TABLE
            | StdLib::STRING
            | StdLib::UTF8
            | StdLib::MATH
            | StdLib::OS;
        let options = LuaOptions::new().thread_pool_size(setup.threads);
        let lua = Lua::new_with(libraries, options)?;
        let memory = setup.limits.memory;
        let clock = Clock::new(setup.limits.computing, memory);
        let (context, callbacks) = Context::new(setup, clock.clone());
        let context = Rc::new(context);
        lua.set_app_data(context.clone());
        let functions = prepare(&lua, &context, &clock, memory)?;
        clock.watch(&lua)?;
        lua.set_memory_limit(memory)?;
        Ok(Self {
            lua,
            context,
            functions,
            callbacks: RefCell::new(callbacks),
        })
    }

    /// Runs a function as a coroutine of its own.
    pub(crate) fn run(
        &self,
        function: Function,
        arguments: impl IntoLuaMulti,
    ) -> LocalBoxFuture<'static, Ran> {
        let context = self.context.clone();
        let called = arguments.into_lua_multi(&self.lua).map(|mut arguments| {
            arguments.push_front(Value::Function(function));
            self.functions.run.call_async::<MultiValue>(arguments)
        });
        Box::pin(async move {
            let ran = match called {
                Ok(called) => Timed::new(context.clock(), Box::pin(called)).await,
                Err(error) => Ok(Err(error)),
            };
            context.outcome(ran)
        })
    }

    /// Runs the application's file, and then what it has defined for `session`.
    pub(crate) fn run_main(&self, session: impl IntoLuaMulti) -> LocalBoxFuture<'static, Ran> {
        let ready = self.context.code().main(&self.lua).and_then(|chunk| {
            let context = self.context.clone();
            let take = self
                .lua
                .create_function(move |_, ()| context.take_outbound())?;
            let mut arguments = session.into_lua_multi(&self.lua)?;
            arguments.push_front(Value::Function(take));
            arguments.push_front(Value::Function(chunk));
            Ok(arguments)
        });
        match ready {
            Ok(arguments) => self.run(self.functions.main.clone(), arguments),
            Err(error) => {
                let outcome = self.context.outcome(Ok(Err(error)));
                Box::pin(std::future::ready(outcome))
            }
        }
    }

    /// What runs handlers of events in one coroutine, one after another: each time it asks `next` for
    /// the place of a handler in `functions` and its event, and says how the one before ended.
    pub(crate) fn handlers(&self, functions: Vec<Function>, next: Function) -> Result<Function> {
        self.functions.handlers.call((functions, next))
    }

    /// Runs what [`handlers`](Self::handlers) gave. An error is one of the handler that was at work.
    pub(crate) fn run_handlers(
        &self,
        handlers: &Function,
        turn: i64,
    ) -> impl Future<Output = std::result::Result<(), Trouble>> + use<> {
        let context = self.context.clone();
        let running = Timed::new(context.clock(), handlers.call_async::<()>(turn));
        async move {
            match running.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => context.outcome(Ok(Err(error))).map(drop),
                Err(place) => context.outcome(Err(place)).map(drop),
            }
        }
    }

    /// The next function that wants to run because of a digit or a hangup.
    pub(crate) fn called_back(&self) -> impl Future<Output = Callback> + '_ {
        std::future::poll_fn(|context| self.callbacks.borrow_mut().poll(context))
    }

    /// Runs it.
    pub(crate) fn call_back(&self, callback: Callback) -> LocalBoxFuture<'static, ()> {
        let Some(function) = self.context.function(callback.key) else {
            return Box::pin(std::future::ready(()));
        };
        let context = self.context.clone();
        let running = self.run(function, callback.argument);
        let finished = callback.finished;
        Box::pin(callback.carrier.run(async move {
            let trouble = running.await.err();
            if let Some(trouble) = &trouble {
                context.tell(trouble, "a handler of the script failed");
            }
            // who called may be gone
            let _ = finished.send(trouble);
        }))
    }
}

/// Puts everything in, and gives the functions that run others.
fn prepare(lua: &Lua, context: &Rc<Context>, clock: &Clock, memory: usize) -> Result<Prelude> {
    sandbox::strip(lua)?;
    let native = lua.create_table()?;
    native.raw_set("dispatch", lua.create_async_function(dispatch)?)?;
    native.raw_set("pending", Lua::poll_pending())?;
    native.raw_set("functions", lua.create_table_from(function_ids())?)?;
    native.raw_set("span", lua.create_async_function(crate::api::spans::span)?)?;
    reports(lua, &native, context)?;
    let of_collector = clock.clone();
    let collected = move |lua: &Lua, ()| {
        of_collector.memory().look(lua, 0);
        Ok(())
    };
    native.raw_set("collected", lua.create_function(collected)?)?;
    let absent = |lua: &Lua, library: String| sandbox::absent(lua, &library);
    native.raw_set("absent", lua.create_function(absent)?)?;
    let of_module = context.clone();
    let module = move |lua: &Lua, name: String| of_module.code().module(lua, &name);
    native.raw_set("module", lua.create_function(module)?)?;
    let globals = lua.globals();
    let of_collector = clock.clone();
    let collect =
        move |lua: &Lua, what: Option<String>| sandbox::collectgarbage(lua, &of_collector, what);
    globals.raw_set("collectgarbage", lua.create_function(collect)?)?;
    bounded::install(lua, &native, clock, memory)?;
    let of_bounded = context.clone();
    let load_bounded = move |lua: &Lua, ()| of_bounded.code().bounded(lua);
    native.raw_set("bounded", lua.create_function(load_bounded)?)?;
    let prelude = context.code().prelude(lua)?;
    let (method, run, main, handlers): (Function, _, _, _) = prelude.call(native)?;
    context.ready(method);
    if context.role() == Role::Probe {
        watch_globals(lua, context)?;
    }
    Ok(Prelude {
        run,
        main,
        handlers,
    })
}

/// What tells: errors and log lines.
fn reports(lua: &Lua, native: &Table, context: &Rc<Context>) -> Result<()> {
    let of_explain = context.clone();
    let explain = move |lua: &Lua, value: Value| {
        // no `pcall` catches this one
        of_explain.clock().check_here(lua)?;
        trace::explained(lua, of_explain.names(), value)
    };
    native.raw_set("explain", lua.create_function(explain)?)?;
    let of_trace = context.clone();
    let trace = move |lua: &Lua, value: Value| Ok(of_trace.trouble_of(lua, &value));
    native.raw_set("trace", lua.create_function(trace)?)?;
    let of_note = context.clone();
    let note = move |lua: &Lua, value: Value| {
        of_note.note(lua, &value);
        Ok(value)
    };
    native.raw_set("note", lua.create_function(note)?)?;
    let of_log = context.clone();
    let log = move |lua: &Lua, (level, text): (u8, LuaString)| {
        of_log.log(lua, level, &text.to_string_lossy());
        Ok(())
    };
    native.raw_set("log", lua.create_function(log)?)
}

/// A file that asks for `session` or `freeswitch` is written in mod_lua's way.
fn watch_globals(lua: &Lua, context: &Rc<Context>) -> Result<()> {
    let context = context.clone();
    let index = lua.create_function(move |_, (_, key): (Value, Value)| {
        let name = key.as_string().map(|name| name.to_string_lossy());
        if matches!(name.as_deref(), Some("session" | "freeswitch")) {
            context.touch_script();
            return Err(mlua::Error::runtime("there is no call yet"));
        }
        Ok(Value::Nil)
    })?;
    let meta = lua.create_table()?;
    meta.raw_set("__index", index)?;
    lua.globals().set_metatable(Some(meta))
}

/// The prelude and the bounded functions as bytecode without the names of their lines, which no script
/// needs to see.
pub(crate) fn compile_prelude() -> Result<[Vec<u8>; 2]> {
    let lua = Lua::new();
    let compile = |source: &str, name: &str| {
        let chunk = lua.load(source).set_name(name);
        Ok::<_, mlua::Error>(chunk.into_function()?.dump(true))
    };
    Ok([
        compile(PRELUDE, "=genesis prelude")?,
        compile(bounded::FUNCTIONS, "=genesis bounded")?,
    ])
}

/// Functions by number, for what comes from the caller's runtime.
type Functions = RefCell<HashMap<u64, Function>>;
