//! The half that does nothing. What each item is for is said here; genesis-otel has the same names.

use std::fmt::Display;
use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use genesis_proto::event::Route;
use genesis_proto::{Command, Event};

/// How connections are observed: what becomes a span, what is left out, where spans and metrics go.
/// Clones belong together. The default is one value for the process, set up by the environment.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Telemetry {}

/// What is observed of one connection, on every side of it. Cheap to clone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connection {}

/// An operation under way: a span, and the metrics that belong to it. Dropping it ends the span as
/// cancelled; [`succeeded`](Self::succeeded) and [`failed`](Self::failed) end it otherwise.
#[derive(Debug)]
#[must_use = "the operation ends when this is dropped"]
#[non_exhaustive]
pub struct Operation {}

/// The connection's own task: told of every event before it is handed out, and after.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reader {}

/// The channels whose ends a connection is told: what it is subscribed to has CHANNEL_HANGUP,
/// CHANNEL_HANGUP_COMPLETE or CHANNEL_DESTROY, and no filter holds them back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Every channel of the switch.
    All,
    /// The channels with these Unique-IDs; none, if the list is empty.
    Of(Vec<String>),
}

/// A channel that there is, after a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its Unique-ID.
    pub uuid: String,
    /// `inbound` or `outbound`; empty if that is not known.
    pub direction: String,
    /// When it was made, in seconds since 1970, if that is known.
    pub created: Option<u64>,
}

impl Default for Ends {
    fn default() -> Self {
        Self::Of(Vec::new())
    }
}

/// What became of an event that was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Routed {
    /// A reader was found by the event's channel.
    pub by_channel: bool,
    /// A consumer got it, who says itself when it is handled ([`Connection::processing`]).
    pub to_consumer: bool,
    /// So many readers had no room for it, or lost an older one to it.
    pub lost: u64,
}

/// The value of an attribute of a [`span`](Connection::span) of the application's own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attribute<'a> {
    /// A text: masked and cut as configured.
    Text(&'a str),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Any other number.
    Decimal(f64),
}

/// One event being handled, from its first handler to its last.
#[derive(Debug)]
#[must_use = "the handling ends when this is dropped"]
#[non_exhaustive]
pub struct Processing {}

/// A holder's part of a gauge: several holders add up, and a holder's part goes when it is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Level {}

impl Connection {
    /// A connection that we make to the switch, or keep making. Which provider and recorder there
    /// are is looked up when it is [`connecting`](Self::connecting).
    #[inline]
    pub fn inbound(_: &Telemetry, _host: &str, _port: u16) -> Self {
        Self {}
    }

    /// A connection that the switch has made to us.
    #[inline]
    pub fn outbound(_: &Telemetry, _peer: Option<SocketAddr>) -> Self {
        Self {}
    }

    /// No connection: for what is observed without one, such as a queue.
    #[inline]
    pub fn none(_: &Telemetry) -> Self {
        Self {}
    }

    /// One attempt to connect and log in: the span `inbound_connect`. `limit` is the configured
    /// deadline.
    #[inline]
    pub fn connecting(&self, _limit: Duration) -> Operation {
        Operation {}
    }

    /// A session being handled: the span `outbound_handle_connection`, in the trace of its channel, or
    /// else what is its trace from now on.
    #[inline]
    pub fn handling(&self, _channel_data: &Event) -> Operation {
        Operation {}
    }

    /// A command on its way: the span `send_command`. `deadline` is the configured one.
    #[inline]
    pub fn command(&self, _: &Command, _deadline: Duration) -> Operation {
        Operation {}
    }

    /// Any other operation, by its name: that of its span, if it has one, else it is only counted and
    /// timed. `limit` is the configured deadline, if it has one.
    #[inline]
    pub fn operation(&self, _name: &'static str, _limit: Option<Duration>) -> Operation {
        Operation {}
    }

    /// A span of the application's own, below the one that is current; it feeds no metric. Of a text
    /// the secrets are masked, of an attribute with the name of one the value is, and the name of the
    /// span, names of attributes and texts are cut at the limit of values (256 characters unless
    /// configured otherwise). Of more than 64 attributes the rest is left out; of two with the same
    /// name, the last counts.
    #[inline]
    pub fn span(&self, _name: &str, _attributes: &[(&str, Attribute<'_>)]) -> Operation {
        Operation {}
    }

    /// What the connection's own task tells.
    #[inline]
    pub fn reader(&self) -> Reader {
        Reader {}
    }

    /// A consumer handles an event now: the span `process_event`.
    #[inline]
    pub fn processing(&self, _: &Event) -> Processing {
        Processing {}
    }

    /// A handler of the event did not do its work; `kind` is one of a closed set of words, `stack`
    /// the lines of the stack, from the innermost, or nothing. The span tells of the first that did
    /// not.
    #[inline]
    pub fn handler_failed(
        &self,
        _of: &Processing,
        _kind: &'static str,
        _error: &dyn Display,
        _stack: &str,
    ) {
    }

    /// The span that is current has failed, although whoever began it is not told: that of a call
    /// whose script failed. What is given is as with [`handler_failed`](Self::handler_failed).
    #[inline]
    pub fn current_failed(&self, _kind: &'static str, _error: &dyn Display, _stack: &str) {}

    /// Adds `count` to a counter. Values outside the closed set of a label count as `other`.
    #[inline]
    pub fn count(&self, _metric: &'static str, _labels: &[(&'static str, &str)], _count: u64) {}

    /// A holder's part of a gauge, 0 at first.
    #[inline]
    pub fn level(&self, _metric: &'static str, _labels: &[(&'static str, &str)]) -> Level {
        Level {}
    }
}

impl Operation {
    /// Whether attributes are worth making: somebody records this span.
    #[inline]
    pub fn is_recording(&self) -> bool {
        false
    }

    /// An attribute that is a text: masked and cut as configured.
    #[inline]
    pub fn text(&self, _attribute: &'static str, _value: &str) {}

    /// An attribute that is yes or no.
    #[inline]
    pub fn flag(&self, _attribute: &'static str, _value: bool) {}

    /// An attribute that is a whole number.
    #[inline]
    pub fn number(&self, _attribute: &'static str, _value: u64) {}

    /// An attribute that is a time, in seconds.
    #[inline]
    pub fn seconds(&self, _attribute: &'static str, _value: Duration) {}

    /// A label of the metrics that belong to the operation.
    #[inline]
    pub fn label(&mut self, _label: &'static str, _value: &str) {}

    /// Runs `future` so that what is observed in it nests below this operation.
    #[inline]
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future
    }

    /// Calls `work` with the span of this operation as the current one: for log lines.
    #[inline]
    pub fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }

    /// The value of the channel variable `traceparent` for a leg that is called now.
    #[inline]
    pub fn traceparent(&self) -> Option<String> {
        None
    }

    /// The reply that came, for hooks and for the attribute `command.reply`.
    #[inline]
    pub fn reply(&self, _text: &str) {}

    /// It did what was asked.
    #[inline]
    pub fn succeeded(self) {}

    /// It did not; `kind` is one of a closed set of words.
    #[inline]
    pub fn failed(self, _kind: &'static str, _error: &dyn Display) {}

    /// As [`failed`](Self::failed), and where: the lines of the stack, from the innermost; none if
    /// they are not known.
    #[inline]
    pub fn failed_at(self, _kind: &'static str, _error: &dyn Display, _stack: &str) {}
}

impl Reader {
    /// Whether anybody listens; if not, nothing else needs to be called.
    #[inline]
    pub fn is_active(&self) -> bool {
        false
    }

    /// A link is up. What is installed now is used from here on.
    #[inline]
    pub fn link_up(&mut self) {}

    /// The link is gone.
    #[inline]
    pub fn link_lost(&mut self) {}

    /// Whether the calls that are counted must be compared with the switch after a gap.
    #[inline]
    pub fn wants_alive(&self) -> bool {
        false
    }

    /// The channels that there are, after a gap.
    #[inline]
    pub fn alive(&mut self, _: &mut dyn Iterator<Item = Listed>) {}

    /// The channels that there are cannot be known.
    #[inline]
    pub fn alive_unknown(&mut self) {}

    /// Of which channels this link is told the ends from now on; of none at first.
    #[inline]
    pub fn hears(&mut self, _: Ends) {}

    /// When this is to be asked again at the latest. What is due now is done.
    #[inline]
    pub fn due(&mut self, _now: impl FnOnce() -> Instant) -> Option<Instant> {
        None
    }

    /// An event was read and is about to be handed out: its channel is remembered before anybody
    /// handles it, so that what is made of it is in the channel's trace. `route` is the event's.
    #[inline]
    pub fn read(&mut self, _: &Event, _route: &Route<'_>) {}

    /// An event was read and handed out.
    #[inline]
    pub fn event(&mut self, _: &Event, _: Routed) {}

    /// What was read together is handed out, and something else may run now: what was counted is told
    /// to the recorder, and how long the events took on average that no consumer handles, once for each
    /// name.
    #[inline]
    pub fn flush(&mut self) {}
}

impl Processing {
    /// Runs a handler so that what is observed in it nests below the event.
    #[inline]
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future
    }

    /// Calls `work` with the span of the event as the current one: for log lines.
    #[inline]
    pub fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }
}

impl Level {
    /// This holder's part is now `value`.
    #[inline]
    pub fn set(&mut self, _value: u64) {}
}

/// The span that is current at one place, for what is done at another, in a task or thread of its own
/// for instance. Only the span's ids are kept: the span ends when it ends.
#[derive(Clone, Debug, Default)]
pub struct Carrier(());

/// The span that is current now.
#[inline]
pub fn carrier() -> Carrier {
    Carrier(())
}

impl Carrier {
    /// There is no span.
    #[inline]
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Runs `future` so that what is observed in it is a child of the span.
    #[inline]
    pub fn run<F: Future>(self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future
    }
}

/// Runs `future`, in a task of its own for instance, so that what is observed in it is a child of
/// the span that is current now. Only the span's ids are kept: the span ends when it ends.
#[inline]
pub fn carried<F: Future>(future: F) -> impl Future<Output = F::Output> + use<F> {
    future
}
