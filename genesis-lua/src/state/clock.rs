//! How long a script computes without pausing, and the end of that.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use mlua::{Error, HookTriggers, Lua, Result, VmState};

use super::memory::Memory;
use super::trace::place_in;

/// How many instructions pass between two looks at the clock: about a microsecond, of which the
/// look is a tenth.
const INSTRUCTIONS: u32 = 250;

/// The clock of one state.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: Duration,
    started: Cell<Option<Instant>>,
    expired: Cell<bool>,
    /// Where it was when the time was up.
    place: RefCell<Option<String>>,
    memory: Memory,
}

impl Clock {
    /// `memory`: what the values of the state may take.
    pub(crate) fn new(limit: Duration, memory: usize) -> Self {
        Self(Rc::new(Inner {
            limit,
            started: Cell::new(None),
            expired: Cell::new(false),
            place: RefCell::new(None),
            memory: Memory::new(memory),
        }))
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    /// Bytes that the values of the state may take.
    pub(crate) fn memory_limit(&self) -> usize {
        self.0.memory.limit()
    }

    /// The script goes on after a pause.
    pub(crate) fn begin(&self) {
        self.0.started.set(Some(Instant::now()));
        self.0.expired.set(false);
    }

    /// Another handler begins.
    pub(crate) fn begin_anew(&self) {
        self.begin();
        self.0.memory.forget();
    }

    /// The script pauses, or is done. Gives where it was if its time was up.
    pub(crate) fn end(&self) -> Option<String> {
        self.0.started.set(None);
        if !self.0.expired.replace(false) {
            return None;
        }
        Some(self.0.place.take().unwrap_or_default())
    }

    /// An error when the time is up, and from then on until the script has ended.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.0.expired.get() {
            let Some(started) = self.0.started.get() else {
                return Ok(());
            };
            if started.elapsed() <= self.0.limit {
                return Ok(());
            }
            self.0.expired.set(true);
        }
        Err(Error::runtime(self.words()))
    }

    /// As [`check`](Self::check), and keeps where the script is.
    pub(crate) fn check_here(&self, lua: &Lua) -> Result<()> {
        self.check().inspect_err(|_| self.locate(lua))
    }

    /// Keeps where the script is, if its time is up.
    pub(crate) fn locate(&self, lua: &Lua) {
        if !self.0.expired.get() || self.0.place.borrow().is_some() {
            return;
        }
        let stack = lua.traceback(None, 0).map(|text| text.to_string_lossy());
        let stack = stack.unwrap_or_default();
        let place = place_in(&stack).map_or_else(String::new, |place| format!("{place}: "));
        let text = format!("{place}{}\n{stack}", self.words());
        self.0.place.replace(Some(text));
    }

    /// Ends the script at its next instruction, whatever it does.
    pub(crate) fn expire(&self) {
        self.0.expired.set(true);
    }

    pub(crate) fn words(&self) -> String {
        format!(
            "the script computed for more than {:?} without pausing and was stopped; split the \
             work with genesis.sleep(0), or raise the limit",
            self.0.limit
        )
    }

    /// Looks at the clock every few instructions, in every coroutine. Once the time is up, at every
    /// instruction: a `pcall` can catch the error, but then cannot do anything with it.
    pub(crate) fn watch(&self, lua: &Lua) -> Result<()> {
        self.hook(lua, INSTRUCTIONS)
    }

    fn hook(&self, lua: &Lua, every: u32) -> Result<()> {
        let clock = self.clone();
        let triggers = HookTriggers::new().every_nth_instruction(every);
        lua.set_global_hook(triggers, move |lua, _| {
            let Err(error) = clock.check() else {
                if every == 1 {
                    clock.hook(lua, INSTRUCTIONS)?;
                }
                clock.0.memory.look(lua, 0);
                return Ok(VmState::Continue);
            };
            clock.locate(lua);
            // this coroutine may be another than the one that was stopped before
            clock.hook(lua, 1)?;
            Err(error)
        })
    }
}

/// A piece of a script at work: its time counts from one pause to the next.
///
/// When it is dropped at a pause, its `__close` handlers run: their time counts too.
#[derive(Debug)]
pub(crate) struct Timed<F> {
    clock: Clock,
    /// `None` while it is dropped.
    work: Option<F>,
}

impl<F> Timed<F> {
    pub(crate) fn new(clock: &Clock, work: F) -> Self {
        Self {
            clock: clock.clone(),
            work: Some(work),
        }
    }
}

impl<F: Future + Unpin> Future for Timed<F> {
    /// What the work gave, or where it was when its time was up.
    type Output = std::result::Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.clock.begin();
        self.clock.memory().forget();
        let polled = match &mut self.work {
            Some(work) => Pin::new(work).poll(context),
            None => Poll::Pending,
        };
        // also when an inner coroutine was stopped and the outer one reached its next pause
        match (self.clock.end(), polled) {
            (Some(place), _) => Poll::Ready(Err(place)),
            (None, polled) => polled.map(Ok),
        }
    }
}

impl<F> Drop for Timed<F> {
    fn drop(&mut self) {
        self.clock.begin();
        drop(self.work.take());
        self.clock.end();
    }
}
