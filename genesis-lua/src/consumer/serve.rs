//! On the script's thread: a consumer's state, from its making to its end.
//!
//! Most handlers never pause. They run one after another in one coroutine, a *turn*, which asks for
//! the next event itself. When a handler does pause, its coroutine is its own from then on, and
//! another turn goes on with the events that wait.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use genesis_client::observe::Carrier;
use genesis_client::proto::Event;
use mlua::{Function, Lua, MultiValue, Value};
use tokio::sync::{mpsc, oneshot};

use super::answers::{Answer, Answers, Ran};
use super::{Wanting, Wish};
use crate::api::event::{LuaEvent, Used};
use crate::state::{Context, Setup, State, Trouble};

/// How many events begin before what has paused goes on.
const EVENTS_AT_ONCE: usize = 64;

/// What the script's thread needs of one handler: its place in the order of registration, the event,
/// who waits, and the span that it runs in.
pub(super) struct Hop {
    pub(super) handler: usize,
    pub(super) event: Event,
    pub(super) answer: Answer,
    pub(super) carrier: Carrier,
}

/// Makes the state, tells what it registered, and runs handlers until nobody sends events any more.
pub(super) async fn serve(
    setup: Setup,
    mut queue: mpsc::UnboundedReceiver<Hop>,
    answers: mpsc::UnboundedSender<Answers>,
    ready: oneshot::Sender<Result<Wanting, Trouble>>,
) {
    let (state, desk, handlers) = match load(setup).await {
        Ok((state, desk, handlers, wanted)) => {
            if ready.send(Ok(wanted)).is_err() {
                return;
            }
            (state, desk, handlers)
        }
        Err(trouble) => {
            // who asked may be gone
            let _ = ready.send(Err(trouble));
            return;
        }
    };
    let mut under_way: FuturesUnordered<LocalBoxFuture<'static, ()>> = FuturesUnordered::new();
    let mut callbacks = FuturesUnordered::new();
    let mut hops = Vec::with_capacity(EVENTS_AT_ONCE);
    loop {
        tokio::select! {
            count = queue.recv_many(&mut hops, EVENTS_AT_ONCE) => {
                if count == 0 {
                    break;
                }
                desk.put(hops.drain(..));
                run_waiting(&state, &desk, &handlers, &mut under_way).await;
                desk.give_back(&answers);
                tokio::task::yield_now().await;
            }
            Some(()) = under_way.next() => desk.give_back(&answers),
            callback = state.called_back() => callbacks.push(state.call_back(callback)),
            Some(()) = callbacks.next() => {}
        }
    }
}

/// Makes the state and runs the file.
async fn load(setup: Setup) -> Result<(State, Rc<Desk>, Function, Wanting), Trouble> {
    let failed = |error| Trouble::text(format!("a Lua state cannot be made: {error}"));
    let state = State::new(setup).map_err(failed)?;
    state.run_main(()).await?;
    let registrations = state.context.take_handlers();
    let (functions, wishes) = registrations
        .into_iter()
        .map(|registration| {
            let wish = Wish {
                wanted: registration.wanted,
                filters: registration.filters,
            };
            (registration.function, wish)
        })
        .unzip();
    let desk = Rc::new(Desk::new(state.context.clone()));
    let of_next = desk.clone();
    let next = move |_: &Lua, (turn, ok, value): (i64, Option<bool>, Value)| {
        Ok(of_next.next(turn, ok.map(|ok| (ok, value))))
    };
    let next = state.lua.create_function(next).map_err(failed)?;
    let handlers = state.handlers(functions, next).map_err(failed)?;
    let told = state.context.take_told();
    Ok((state, desk, handlers, Wanting { wishes, told }))
}

/// Runs the handlers of what waits, each up to its end or its first pause.
async fn run_waiting(
    state: &State,
    desk: &Rc<Desk>,
    handlers: &Function,
    under_way: &mut FuturesUnordered<LocalBoxFuture<'static, ()>>,
) {
    while let Some((turn, carrier)) = desk.begin() {
        let running = state.run_handlers(handlers, turn);
        let of_turn = desk.clone();
        let mut running = Box::pin(carrier.run(async move {
            if let Err(trouble) = running.await {
                of_turn.ended(turn, Err(Box::new(trouble)));
            }
        }));
        let done = poll_fn(|context| Poll::Ready(running.as_mut().poll(context).is_ready())).await;
        if done {
            continue;
        }
        let Some(mut answer) = desk.pause(turn) else {
            continue;
        };
        let desk = desk.clone();
        under_way.push(Box::pin(async move {
            let mut running = running;
            // gone before what runs is dropped: what that does then is of no interest
            let paused = Paused { desk, turn };
            tokio::select! {
                biased;
                () = &mut running => paused.answer(answer),
                () = answer.closed() => {}
            }
        }));
    }
}

/// Where events wait for their turn, and answers to be given.
struct Desk {
    context: Rc<Context>,
    inner: RefCell<Inner>,
    used: Used,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Hop>,
    turns: i64,
    current: Option<Turn>,
    /// Turns that have paused, and how their handler ended.
    paused: HashMap<i64, Option<Ran>>,
    given: Vec<(Answer, Ran)>,
}

/// The turn that runs handlers, none of which has paused yet.
struct Turn {
    number: i64,
    /// It runs within the span of its event, and is for no other.
    alone: bool,
    /// It has asked for its first event.
    begun: bool,
    /// Who waits for the handler that is at work.
    answer: Option<Answer>,
}

impl Desk {
    fn new(context: Rc<Context>) -> Self {
        Self {
            context,
            inner: RefCell::default(),
            used: Used::default(),
        }
    }

    fn put(&self, hops: impl Iterator<Item = Hop>) {
        self.inner.borrow_mut().waiting.extend(hops);
    }

    /// Begins a turn if something waits: its number, and the span that it is to run in.
    fn begin(&self) -> Option<(i64, Carrier)> {
        let mut inner = self.inner.borrow_mut();
        let carrier = inner.first()?.carrier.clone();
        inner.turns += 1;
        let number = inner.turns;
        inner.current = Some(Turn {
            number,
            alone: !carrier.is_empty(),
            begun: false,
            answer: None,
        });
        Some((number, carrier))
    }

    /// A turn asks for its next handler and event, and says how the one before ended.
    fn next(&self, turn: i64, ended: Option<(bool, Value)>) -> (Option<usize>, Option<LuaEvent>) {
        let clock = self.context.clock();
        let expired = clock.end();
        if let Some((ok, value)) = ended {
            let ran = match expired {
                Some(place) => self.context.outcome(Err(place)).map(drop),
                None if ok => Ok(()),
                None => {
                    let values = MultiValue::from_iter([Value::Boolean(false), value]);
                    self.context.outcome(Ok(Ok(values))).map(drop)
                }
            };
            self.ended(turn, ran.map_err(Box::new));
        }
        let hop = self.inner.borrow_mut().next(turn);
        // the time of each counts for itself
        clock.begin_anew();
        match hop {
            Some((handler, event)) => {
                let event = LuaEvent::returning(event, &self.used);
                // as Lua counts
                (Some(handler + 1), Some(event))
            }
            None => (None, None),
        }
    }

    /// The handler of a turn ended, or the turn did.
    fn ended(&self, turn: i64, ran: Ran) {
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        let of_current = inner.current.as_mut().filter(|now| now.number == turn);
        if let Some(now) = of_current {
            // a turn that fails before it has an event would fail with all others too
            let answer = now.answer.take();
            let answer = answer.or_else(|| inner.waiting.pop_front().map(|hop| hop.answer));
            self.tell(&ran);
            inner.given.extend(answer.map(|answer| (answer, ran)));
        } else if let Some(paused) = inner.paused.get_mut(&turn) {
            self.tell(&ran);
            *paused = Some(ran);
        }
    }

    fn tell(&self, ran: &Ran) {
        if let Err(trouble) = ran {
            self.context.tell(trouble, "a handler failed");
        }
    }

    /// A turn has paused: it gets no more events. Gives who waits for its handler.
    fn pause(&self, turn: i64) -> Option<Answer> {
        let mut inner = self.inner.borrow_mut();
        let answer = inner.current.take()?.answer?;
        inner.paused.insert(turn, None);
        Some(answer)
    }

    /// Sends what is to be given back.
    fn give_back(&self, answers: &mpsc::UnboundedSender<Answers>) {
        let given = std::mem::take(&mut self.inner.borrow_mut().given);
        let used = self.used.take();
        if !given.is_empty() || !used.is_empty() {
            // without a receiver the consumer has ended, and nobody waits
            let _ = answers.send(Answers { given, used });
        }
    }
}

impl Inner {
    /// What is first in the row and still waited for.
    fn first(&mut self) -> Option<&Hop> {
        while self
            .waiting
            .front()
            .is_some_and(|hop| hop.answer.is_closed())
        {
            self.waiting.pop_front();
        }
        self.waiting.front()
    }

    fn next(&mut self, turn: i64) -> Option<(usize, Event)> {
        let now = self.current.as_ref().filter(|now| now.number == turn)?;
        let (alone, begun) = (now.alone, now.begun);
        let carried = !self.first()?.carrier.is_empty();
        if begun && (alone || carried) {
            return None;
        }
        let hop = self.waiting.pop_front()?;
        let now = self.current.as_mut()?;
        now.begun = true;
        now.answer = Some(hop.answer);
        Some((hop.handler, hop.event))
    }
}

/// A turn that has paused; forgotten when dropped.
struct Paused {
    desk: Rc<Desk>,
    turn: i64,
}

impl Paused {
    fn answer(&self, answer: Answer) {
        let mut inner = self.desk.inner.borrow_mut();
        if let Some(Some(ran)) = inner.paused.remove(&self.turn) {
            inner.given.push((answer, ran));
        }
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.desk.inner.borrow_mut().paused.remove(&self.turn);
    }
}
