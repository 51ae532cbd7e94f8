//! [`Context`]: what belongs to a state beside its Lua values.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use genesis_client::Client;
use genesis_client::observe::{Connection, Telemetry};
use mlua::{Function, Lua, MultiValue, Value};
use tokio::sync::watch;

use super::callbacks::{Callbacks, Caller, Sender, callbacks};
use super::clock::Clock;
use super::names::Names;
use super::trace::{self, Trouble};
use super::{Functions, Ran, Setup};
use crate::api::Registration;
use crate::api::failure::{Failure, Result};
use crate::api::shared::Shared;
use crate::api::told::Told;
use crate::app::Code;
use crate::io::Remote;

/// What a state is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// To see what a file defines. No operation is done.
    Probe,
    /// One call.
    Outbound,
    /// Events.
    Consumer,
}

#[derive(Default)]
struct Defined {
    outbound: Option<Function>,
    consumer: bool,
    handlers: Vec<Registration>,
    told: Told,
    /// The file has run; more cannot be defined.
    closed: bool,
}

/// What belongs to one state.
pub(crate) struct Context {
    code: Arc<Code>,
    clock: Clock,
    remote: Remote,
    shared: Arc<Shared>,
    role: Role,
    client: Option<Client>,
    /// The closures of methods, by number.
    pub(crate) methods: RefCell<HashMap<u16, Function>>,
    method: RefCell<Option<Function>>,
    defined: RefCell<Defined>,
    functions: Functions,
    next: Cell<u64>,
    sender: Sender,
    /// Hangup handlers that have not run yet.
    hooks: Arc<watch::Sender<usize>>,
    /// The script has hung its own call up.
    ending: Arc<AtomicBool>,
    own: RefCell<Option<String>>,
    /// An error that passes through a span: its text, and the stack where it began.
    noted: RefCell<Option<(String, String)>>,
    /// How many spans are being polled inside each other.
    pub(crate) nested: Cell<usize>,
    is_script: Cell<bool>,
    stopped: Cell<bool>,
    failures: Cell<u64>,
    /// The first error that was told, unless the call's end was the reason.
    failed: RefCell<Option<Trouble>>,
}

/// Says that a hangup handler is to run; dropped when it has.
#[derive(Debug)]
pub(crate) struct Hooked(Option<Arc<watch::Sender<usize>>>);

impl Drop for Hooked {
    fn drop(&mut self) {
        if let Some(hooks) = &self.0 {
            hooks.send_modify(|count| *count -= 1);
        }
    }
}

impl Context {
    pub(super) fn new(setup: Setup, clock: Clock) -> (Self, Callbacks) {
        let (sender, callbacks) = callbacks();
        let context = Self {
            code: setup.code,
            clock,
            remote: setup.remote,
            shared: setup.shared,
            role: setup.role,
            client: setup.client,
            methods: RefCell::default(),
            method: RefCell::default(),
            defined: RefCell::default(),
            functions: RefCell::default(),
            next: Cell::new(0),
            sender,
            hooks: Arc::default(),
            ending: Arc::default(),
            own: RefCell::default(),
            noted: RefCell::default(),
            nested: Cell::new(0),
            is_script: Cell::new(false),
            stopped: Cell::new(false),
            failures: Cell::new(0),
            failed: RefCell::default(),
        };
        (context, callbacks)
    }

    pub(super) fn ready(&self, method: Function) {
        self.method.replace(Some(method));
    }

    pub(crate) fn code(&self) -> &Arc<Code> {
        &self.code
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn remote(&self) -> &Remote {
        &self.remote
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn names(&self) -> &Names {
        self.code.names()
    }

    pub(crate) fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// What spans of the script belong to.
    pub(crate) fn observe(&self) -> Connection {
        match &self.client {
            Some(client) => client.observe().clone(),
            None => Connection::none(&Telemetry::default()),
        }
    }

    /// Makes the closure of a method of its number.
    pub(crate) fn method(&self) -> mlua::Result<Function> {
        let method = self.method.borrow().clone();
        method.ok_or_else(|| mlua::Error::runtime("the state is not ready"))
    }

    /// Where the script is: `path:line`.
    pub(crate) fn place(&self, lua: &Lua) -> Option<String> {
        trace::place(lua, self.names())
    }

    /// A function that the caller's runtime can call.
    pub(crate) fn callback(&self, function: Function) -> Caller {
        let key = self.next.get();
        self.next.set(key + 1);
        self.functions.borrow_mut().insert(key, function);
        Caller {
            key,
            sender: self.sender.clone(),
            observe: self.observe(),
        }
    }

    pub(super) fn function(&self, key: u64) -> Option<Function> {
        self.functions.borrow().get(&key).cloned()
    }

    /// The call that the state is for: its hangup handlers run before the state ends.
    pub(crate) fn set_own(&self, uuid: &str) {
        self.own.replace(Some(uuid.to_owned()));
    }

    /// A hangup handler of this channel is to run.
    pub(crate) fn hook(&self, uuid: &str) -> Hooked {
        if self.own.borrow().as_deref() != Some(uuid) {
            return Hooked(None);
        }
        self.hooks.send_modify(|count| *count += 1);
        Hooked(Some(self.hooks.clone()))
    }

    /// How many of them have not run yet.
    pub(crate) fn hooks(&self) -> watch::Receiver<usize> {
        self.hooks.subscribe()
    }

    /// Where to say that this channel is hung up, if it is the call that the state is for.
    pub(crate) fn ending(&self, uuid: &str) -> Option<Arc<AtomicBool>> {
        let is_own = self.own.borrow().as_deref() == Some(uuid);
        is_own.then(|| self.ending.clone())
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}

/// What the file defines.
impl Context {
    pub(crate) fn define_consumer(&self) {
        self.defined.borrow_mut().consumer = true;
    }

    pub(crate) fn define_outbound(&self, function: Function) -> Result<()> {
        let mut defined = self.defined.borrow_mut();
        if defined.outbound.is_some() {
            return Err(Failure::invalid("genesis.outbound has been called already"));
        }
        if defined.closed {
            return Err(Failure::invalid(
                "genesis.outbound is called while the file loads, not later",
            ));
        }
        defined.outbound = Some(function);
        Ok(())
    }

    pub(crate) fn register(&self, registration: Registration) -> Result<()> {
        let mut defined = self.defined.borrow_mut();
        if defined.closed {
            return Err(Failure::invalid(
                "handle: handlers are registered while the file loads, not later",
            ));
        }
        defined.handlers.push(registration);
        Ok(())
    }

    /// The handler of a call, once the file has run.
    pub(super) fn take_outbound(&self) -> mlua::Result<Option<Function>> {
        let mut defined = self.defined.borrow_mut();
        defined.closed = true;
        let function = defined.outbound.take();
        if function.is_none() && self.role == Role::Outbound {
            return Err(mlua::Error::runtime(format!(
                "{}: this time it defines no handler for the call: genesis.outbound(function(session) … \
                 end) was not called; call it whenever the file runs, which is once per call",
                self.code.main_path().display()
            )));
        }
        Ok(function)
    }

    /// Sets what a consumer is told besides its events.
    pub(crate) fn tell_of(
        &self,
        method: &str,
        place: fn(&mut Told) -> &mut Option<Caller>,
        function: Function,
    ) -> Result<()> {
        let caller = self.callback(function);
        let mut defined = self.defined.borrow_mut();
        if defined.closed {
            return Err(Failure::invalid(format!(
                "{method} is called while the file loads, not later"
            )));
        }
        Told::set(place(&mut defined.told), method, caller)
    }

    pub(crate) fn take_told(&self) -> Told {
        std::mem::take(&mut self.defined.borrow_mut().told)
    }

    /// The handlers, once the file has run.
    pub(crate) fn take_handlers(&self) -> Vec<Registration> {
        let mut defined = self.defined.borrow_mut();
        defined.closed = true;
        std::mem::take(&mut defined.handlers)
    }

    pub(crate) fn is_consumer(&self) -> bool {
        self.defined.borrow().consumer
    }

    pub(crate) fn is_outbound(&self) -> bool {
        self.defined.borrow().outbound.is_some()
    }

    /// The file asked for the objects of mod_lua.
    pub(crate) fn is_script(&self) -> bool {
        self.is_script.get()
    }

    pub(super) fn touch_script(&self) {
        self.is_script.set(true);
        self.stop_probe();
    }

    /// The file wants to do something that cannot be done while it is only looked at: it is looked at
    /// no further.
    pub(crate) fn stop_probe(&self) {
        if self.role == Role::Probe {
            self.stopped.set(true);
            self.clock.expire();
        }
    }

    /// Whether the look at the file ended before the file did.
    pub(crate) fn was_stopped(&self) -> bool {
        self.stopped.get()
    }

    pub(crate) fn check_probe(&self) -> Result<()> {
        if self.role != Role::Probe {
            return Ok(());
        }
        self.stop_probe();
        Err(Failure::invalid("there is no connection yet"))
    }
}

/// What is told.
impl Context {
    /// Trouble of an error value, with the stack as it is now.
    pub(crate) fn trouble_of(&self, lua: &Lua, value: &Value) -> Trouble {
        let mut trouble = trace::trouble(lua, self.names(), value);
        if trouble.message.ends_with("not enough memory") && trouble.message.contains(':') {
            let limit = self.clock.memory().limit();
            trouble.message += &format!(": a script's values may take {limit} bytes");
        }
        if let Some((text, stack)) = self.noted.take()
            && text == trouble.message
        {
            trouble.traceback = format!("{stack}\n{}", trouble.traceback);
        }
        trouble
    }

    /// Keeps the stack of an error that passes through.
    pub(super) fn note(&self, lua: &Lua, value: &Value) {
        let trouble = self.trouble_of(lua, value);
        self.noted
            .replace(Some((trouble.message, trouble.traceback)));
    }

    /// The stack of an error that passes through now, with this text.
    pub(crate) fn stack_of(&self, text: &str) -> Option<String> {
        let noted = self.noted.borrow();
        let noted = noted.as_ref().filter(|(noted, _)| noted == text);
        noted.map(|(_, stack)| stack.clone())
    }

    /// What a function that ran gave: what it returned, or its error.
    pub(crate) fn outcome(
        &self,
        ran: std::result::Result<mlua::Result<MultiValue>, String>,
    ) -> Ran {
        let mut values = match ran {
            Ok(Ok(values)) => values,
            Ok(Err(error)) => {
                let value = Value::Error(Box::new(error));
                return Err(self.without_stack(&trace::message_of(&value)));
            }
            // where it was when it was stopped
            Err(place) => {
                let place = self.names().expand(&place);
                let (message, stack) = place.split_once('\n').unwrap_or((&place, ""));
                let message = match message.is_empty() {
                    true => self.clock.words(),
                    false => message.to_owned(),
                };
                return Err(Trouble {
                    message,
                    traceback: trace::tidy(stack),
                    failure: None,
                });
            }
        };
        if values.pop_front() == Some(Value::Boolean(true)) {
            return Ok(values);
        }
        let value = values.pop_front().unwrap_or(Value::Nil);
        let trouble = value
            .as_userdata()
            .and_then(|object| object.borrow::<Trouble>().ok());
        Err(match trouble {
            Some(trouble) => trouble.clone(),
            None => self.without_stack(&trace::message_of(&value)),
        })
    }

    /// What has no stack of its own: the place of a lack of memory is where the values grew last.
    fn without_stack(&self, message: &str) -> Trouble {
        let message = self.names().expand(message);
        if message != "not enough memory" {
            return Trouble::text(message);
        }
        let memory = self.clock.memory();
        let limit = memory.limit();
        let text = |place: &str| {
            format!("{place}: not enough memory: a script's values may take {limit} bytes")
        };
        let Some((place, stack)) = memory.place() else {
            return Trouble::text(text(&self.code.main_path().display().to_string()));
        };
        Trouble {
            message: text(&self.names().expand(&place)),
            traceback: self.names().expand(&trace::tidy(&stack)),
            failure: None,
        }
    }

    /// Logs an error that ends nothing but the handler it was in.
    pub(crate) fn tell(&self, trouble: &Trouble, what: &str) {
        self.failures.set(self.failures.get() + 1);
        if self.role == Role::Outbound && !trouble.is_hung_up() {
            let mut failed = self.failed.borrow_mut();
            failed.get_or_insert_with(|| trouble.clone());
        }
        let app = self.code.name();
        let uuid = self.own.borrow();
        tracing::error!(
            target: "genesis_lua",
            app,
            unique_id = uuid.as_deref(),
            traceback = trouble.traceback,
            "{what}: {}",
            trouble.message
        );
    }

    /// The first error that was told by [`tell`](Self::tell), unless the call's end was the reason.
    pub(crate) fn first_failure(&self) -> Option<Trouble> {
        self.failed.borrow_mut().take()
    }

    /// How many errors were told by [`tell`](Self::tell).
    pub(crate) fn failures(&self) -> u64 {
        self.failures.get()
    }

    /// A log line of the script.
    pub(crate) fn log(&self, lua: &Lua, level: u8, text: &str) {
        if self.role == Role::Probe {
            return;
        }
        let app = self.code.name();
        let uuid = self.own.borrow();
        let unique_id = uuid.as_deref();
        macro_rules! log {
            ($level:ident) => {
                if tracing::enabled!(target: "genesis_lua::script", tracing::Level::$level) {
                    let place = self.place(lua);
                    let place = place.as_deref();
                    tracing::event!(target: "genesis_lua::script", tracing::Level::$level, app, unique_id, place, "{text}");
                }
            };
        }
        match level {
            1 => log!(ERROR),
            2 => log!(WARN),
            3 => log!(INFO),
            4 => log!(DEBUG),
            _ => log!(TRACE),
        }
    }
}
