//! Calls that come from the caller's runtime: digits, hangups, and what a consumer is told.

use std::future::Future;
use std::task::{Context, Poll};

use genesis_channel::Digit;
use genesis_client::observe::{Carrier, Connection, carrier};
use mlua::{IntoLua, IntoLuaMulti, Lua, MultiValue, Result};
use tokio::sync::{mpsc, oneshot};

use super::trace::Trouble;
use crate::api::Answer;

/// A function that is to run.
pub(crate) struct Callback {
    pub(super) key: u64,
    pub(super) argument: Argument,
    /// Told when it has run, with its error.
    pub(super) finished: oneshot::Sender<Option<Trouble>>,
    /// The span of who called.
    pub(super) carrier: Carrier,
}

/// What it gets.
pub(super) enum Argument {
    /// The digit and how long it was pressed, in seconds.
    Digit(Digit),
    Text(Option<String>),
    Made(Answer),
}

impl IntoLuaMulti for Argument {
    fn into_lua_multi(self, lua: &Lua) -> Result<MultiValue> {
        match self {
            Self::Digit(digit) => {
                (digit.digit.to_string(), digit.duration.as_secs_f64()).into_lua_multi(lua)
            }
            Self::Text(text) => Ok(MultiValue::from_iter([text.into_lua(lua)?])),
            Self::Made(make) => make(lua),
        }
    }
}

/// The state's end.
pub(crate) struct Callbacks(mpsc::UnboundedReceiver<Callback>);

impl Callbacks {
    /// The next one. There is no end: the state itself holds a sender.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Callback> {
        match self.0.poll_recv(context) {
            Poll::Ready(Some(callback)) => Poll::Ready(callback),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

/// The sending end.
#[derive(Clone)]
pub(super) struct Sender(mpsc::UnboundedSender<Callback>);

/// Both ends. A channel waits for its handler before it sends the next digit, so what waits here is
/// bounded by the handlers there are.
pub(super) fn callbacks() -> (Sender, Callbacks) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Sender(sender), Callbacks(receiver))
}

/// Calls one function of a script from another thread.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(super) key: u64,
    pub(super) sender: Sender,
    pub(super) observe: Connection,
}

impl Caller {
    /// Calls it, and returns when it has run.
    pub(crate) fn with_digit(&self, digit: Digit) -> impl Future<Output = ()> + Send + use<> {
        self.call(Argument::Digit(digit))
    }

    pub(crate) fn with_text(
        &self,
        text: Option<String>,
    ) -> impl Future<Output = ()> + Send + use<> {
        self.call(Argument::Text(text))
    }

    /// With what is made on the script's thread.
    pub(crate) fn with(&self, make: Answer) -> impl Future<Output = ()> + Send + use<> {
        self.call(Argument::Made(make))
    }

    fn call(&self, argument: Argument) -> impl Future<Output = ()> + Send + use<> {
        let (finished, ran) = oneshot::channel();
        let callback = Callback {
            key: self.key,
            argument,
            finished,
            carrier: carrier(),
        };
        let sent = self.sender.0.send(callback);
        let observe = self.observe.clone();
        async move {
            if sent.is_err() {
                return;
            }
            // the script may have ended first
            if let Ok(Some(trouble)) = ran.await
                && !trouble.is_hung_up()
            {
                observe.current_failed("script", &trouble.message, &trouble.traceback);
            }
        }
    }
}
