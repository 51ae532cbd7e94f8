//! One connection, on every side of it.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::Duration;

use genesis_proto::{Command, Event};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};

use super::end::{self, Failure};
use super::level::Level;
use super::operation::{Operation, Start};
use super::own::{self, Attribute};
use super::processing::Processing;
use super::reader::Reader;
use super::sight::Sight;
use crate::config::Telemetry;
use crate::lifecycle::{
    Switch, below, handled_in, parent_of_handling, process_event, read_for_processing,
};
use crate::metering::Labels;
use crate::secrets::command_name;
use crate::vocabulary::values::{OTHER, Slot};
use crate::vocabulary::{metrics, operations, spans};

const TRANSPORT: &str = "tcp";

/// What is observed of one connection, on every side of it. Cheap to clone.
///
/// Which tracer provider and which recorder there are is looked up when the connection is made, and
/// again for each link. With nothing installed every call is one branch.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

struct Inner {
    telemetry: Telemetry,
    side: Side,
    /// Nothing until it was looked for.
    sight: RwLock<Option<Arc<Sight>>>,
    /// Whether anybody may listen: all that is looked at when nobody does.
    active: AtomicBool,
    /// Where the reader of this connection remembers channels.
    switch: Mutex<Weak<Switch>>,
}

enum Side {
    Inbound { host: Box<str>, port: u16 },
    Outbound { peer: Option<SocketAddr> },
    Nowhere,
}

impl Connection {
    /// A connection that we make to the switch, or keep making. Which provider and recorder there
    /// are is looked up when it is [`connecting`](Self::connecting).
    #[must_use]
    pub fn inbound(telemetry: &Telemetry, host: &str, port: u16) -> Self {
        let host = host.into();
        Self::new(telemetry, Side::Inbound { host, port })
    }

    /// A connection that the switch has made to us.
    #[must_use]
    pub fn outbound(telemetry: &Telemetry, peer: Option<SocketAddr>) -> Self {
        let connection = Self::new(telemetry, Side::Outbound { peer });
        connection.look();
        connection
    }

    /// No connection: for what is observed without one, such as a queue. As long as nobody listens,
    /// each operation looks again.
    #[must_use]
    pub fn none(telemetry: &Telemetry) -> Self {
        Self::new(telemetry, Side::Nowhere)
    }

    fn new(telemetry: &Telemetry, side: Side) -> Self {
        Self {
            inner: Arc::new(Inner {
                telemetry: telemetry.clone(),
                side,
                sight: RwLock::default(),
                active: AtomicBool::new(false),
                switch: Mutex::default(),
            }),
        }
    }

    /// One attempt to connect and log in: the span `inbound_connect`. `limit` is the configured
    /// deadline.
    pub fn connecting(&self, limit: Duration) -> Operation {
        self.look();
        let labels = [("type", self.side())];
        self.level("genesis_connections_active", &labels).is_born();
        let mut start = Start::of(&spans::INBOUND_CONNECT);
        start.limit = Some(limit);
        let operation = Operation::begin(self, start);
        if let Side::Inbound { host, port } = &self.inner.side {
            operation.attributes(|| {
                vec![
                    KeyValue::new("net.peer.name", String::from(&**host)),
                    KeyValue::new("net.peer.port", i64::from(*port)),
                    KeyValue::new("server.address", String::from(&**host)),
                    KeyValue::new("server.port", i64::from(*port)),
                    KeyValue::new("network.transport", TRANSPORT),
                ]
            });
        }
        operation
    }

    /// A session being handled: the span `outbound_handle_connection`, in the trace of its channel.
    /// If the channel has none yet, neither by its data nor by what another connection was told of it,
    /// that of this span is its trace. To be called before events of the session are read.
    pub fn handling(&self, channel_data: &Event) -> Operation {
        let mut start = Start::of(&spans::OUTBOUND_HANDLE_CONNECTION);
        let shared = self.telemetry().shared();
        if self.is_active() {
            let parent = parent_of_handling(shared, channel_data);
            start.parent = parent.map(|span| below(Some(&span)));
        }
        let operation = Operation::begin(self, start);
        if let Some(span) = operation.span_context() {
            handled_in(shared, channel_data, span);
        }
        if let Side::Outbound { peer: Some(peer) } = &self.inner.side {
            operation.attributes(|| {
                let (address, port) = (peer.ip().to_string(), i64::from(peer.port()));
                vec![
                    KeyValue::new("net.peer.name", address.clone()),
                    KeyValue::new("net.peer.port", port),
                    KeyValue::new("client.address", address),
                    KeyValue::new("client.port", port),
                    KeyValue::new("network.transport", TRANSPORT),
                ]
            });
        }
        operation.connected();
        operation
    }

    /// A command on its way: the span `send_command`. `deadline` is the configured one.
    pub fn command(&self, command: &Command, deadline: Duration) -> Operation {
        let Some(sight) = self.sight() else {
            return Operation::none();
        };
        let mut start = Start::of(&spans::SEND_COMMAND);
        start.limit = Some(deadline);
        let telemetry = self.telemetry();
        let mut name = String::new();
        if sight.may_trace() {
            name = command_name(&command.name()).into_owned();
            start.excluded = telemetry.excludes_command(&name);
        }
        let verb = command.verb().as_str();
        let sets = &telemetry.shared().sets;
        for label in ["command", "timeout.operation"] {
            start.labels.set(label, sets.of_label(label).slot(verb));
        }
        let mut operation = Operation::begin(self, start);
        operation.of_command(&name, command);
        operation
    }

    /// Any other operation, by its name: that of its span, if it has one, else it is only counted and
    /// timed. `limit` is the configured deadline, if it has one. What is not in the
    /// [`vocabulary`](crate::vocabulary) is not observed.
    pub fn operation(&self, name: &'static str, limit: Option<Duration>) -> Operation {
        if !self.is_looked_at() {
            return Operation::none();
        }
        let mut start = match (spans::named(name), operations::of(name)) {
            (Some(span), _) => Start::of(span),
            (None, Some(counted)) => Start::counted(counted.name),
            (None, None) => {
                debug_assert!(false, "{name} is not in the vocabulary");
                return Operation::none();
            }
        };
        start.limit = limit;
        let consumes = start.span.always.contains(&"consumer.host");
        let operation = Operation::begin(self, start);
        if consumes {
            operation.attributes(|| self.consumed());
        }
        operation
    }

    /// A span of the application's own, below the one that is current; it feeds no metric. Of a text
    /// the secrets are masked, of an attribute with the name of one the value is, and the name of the
    /// span, names of attributes and texts are cut at the limit of values (256 characters unless
    /// configured otherwise). Of more than 64 attributes the rest is left out; of two with the same
    /// name, the last counts.
    pub fn span(&self, name: &str, attributes: &[(&str, Attribute<'_>)]) -> Operation {
        if !self.is_looked_at() {
            return Operation::none();
        }
        let mut start = Start::of(&spans::OF_THE_APPLICATION);
        start.name = Some(self.telemetry().shown(name).into_owned());
        let operation = Operation::begin(self, start);
        operation.attributes(|| own::attributes(self.telemetry(), attributes));
        operation
    }

    /// Whether somebody may listen; without a connection it is looked again.
    fn is_looked_at(&self) -> bool {
        if matches!(self.inner.side, Side::Nowhere) {
            self.look_again(Sight::may_trace);
        }
        self.is_active()
    }

    /// Whose events a consumer handles.
    fn consumed(&self) -> Vec<KeyValue> {
        let (host, port) = match &self.inner.side {
            Side::Inbound { host, port } => (String::from(&**host), *port),
            Side::Outbound { peer: Some(peer) } => (peer.ip().to_string(), peer.port()),
            Side::Outbound { peer: None } | Side::Nowhere => (String::new(), 0),
        };
        vec![
            KeyValue::new("consumer.host", host),
            KeyValue::new("consumer.port", i64::from(port)),
        ]
    }

    /// What the connection's own task tells.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self)
    }

    /// A consumer handles an event now: the span `process_event`.
    pub fn processing(&self, event: &Event) -> Processing {
        match self.sight() {
            Some(sight) => {
                let switch = locked(&self.inner.switch).upgrade();
                let read = read_for_processing(self.telemetry(), event);
                let took = Processing::clock(&sight, Some(read.kind.name));
                let switch = switch.as_deref();
                let context = process_event(self.telemetry(), &sight, switch, event, &read);
                Processing::new(context, took)
            }
            None => Processing::default(),
        }
    }

    /// A handler of the event did not do its work; `kind` is one of a closed set of words, `stack`
    /// the lines of the stack, from the innermost, or nothing. The span tells of the first that did
    /// not.
    pub fn handler_failed(
        &self,
        of: &Processing,
        kind: &'static str,
        error: &dyn Display,
        stack: &str,
    ) {
        if let Some(context) = of.context()
            && context.span().is_recording()
            && of.fails()
        {
            let failure = Failure { kind, error, stack };
            end::tell_error(self.telemetry(), &context.span(), failure);
        }
    }

    /// The span that is current has failed, although whoever began it is not told: that of a call
    /// whose script failed. What is given is as with [`handler_failed`](Self::handler_failed).
    pub fn current_failed(&self, kind: &'static str, error: &dyn Display, stack: &str) {
        let context = Context::current();
        if context.span().is_recording() {
            let failure = Failure { kind, error, stack };
            end::tell_error(self.telemetry(), &context.span(), failure);
        }
    }

    /// Adds `count` to a counter. Values outside the closed set of a label count as `other`.
    pub fn count(&self, metric: &'static str, labels: &[(&'static str, &str)], count: u64) {
        let Some(sight) = self.sight_of_metrics() else {
            return;
        };
        let (Some(meters), Some(metric)) = (&sight.meters, metrics::named(metric)) else {
            debug_assert!(metrics::named(metric).is_some(), "{metric} is unknown");
            return;
        };
        let labels = Labels::of(metric, |label| self.slot(label, labels));
        meters.counter(metric, &labels).increment(count);
    }

    /// A holder's part of a gauge, 0 at first.
    #[must_use]
    pub fn level(&self, metric: &'static str, labels: &[(&'static str, &str)]) -> Level {
        let Some(metric) = metrics::named(metric) else {
            debug_assert!(false, "{metric} is not in the vocabulary");
            return Level::none();
        };
        let labels = Labels::of(metric, |label| self.slot(label, labels));
        Level::new(self.clone(), metric, labels)
    }

    fn slot(&self, label: &str, given: &[(&'static str, &str)]) -> Option<Slot> {
        let (_, value) = given.iter().find(|(name, _)| *name == label)?;
        Some(self.slot_of(label, value))
    }

    /// The value of a label in its closed set.
    pub(crate) fn slot_of(&self, label: &str, value: &str) -> Slot {
        let telemetry = self.telemetry();
        let shown = match label {
            "dtmf.digit" => telemetry.digit(value),
            _ => value,
        };
        telemetry.shared().sets.of_label(label).slot(shown)
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.inner.telemetry
    }

    /// The label `type`.
    pub(crate) fn side(&self) -> &'static str {
        match self.inner.side {
            Side::Inbound { .. } => "inbound",
            Side::Outbound { .. } => "outbound",
            Side::Nowhere => OTHER,
        }
    }

    /// Looks for a provider and a recorder.
    pub(crate) fn look(&self) -> Arc<Sight> {
        let sight = Sight::look(self.telemetry());
        self.put(Arc::clone(&sight));
        sight
    }

    fn put(&self, sight: Arc<Sight>) {
        // what is in it is whole in any case
        let current = self.inner.sight.write();
        *current.unwrap_or_else(PoisonError::into_inner) = Some(sight);
        self.inner.active.store(true, Ordering::Relaxed);
    }

    fn current(&self) -> RwLockReadGuard<'_, Option<Arc<Sight>>> {
        let current = self.inner.sight.read();
        current.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_active(&self) -> bool {
        self.inner.active.load(Ordering::Relaxed)
    }

    /// Who listens; nothing if it is known that nobody does.
    pub(crate) fn sight(&self) -> Option<Arc<Sight>> {
        if !self.is_active() {
            return None;
        }
        let current = self.current();
        let sight = current.as_ref()?;
        if !sight.is_active() {
            // under the lock, so that nobody has looked again meanwhile
            self.inner.active.store(false, Ordering::Relaxed);
            return None;
        }
        Some(Arc::clone(sight))
    }

    /// As [`sight`](Self::sight); without a connection a recorder that came late is found.
    pub(crate) fn sight_of_metrics(&self) -> Option<Arc<Sight>> {
        if matches!(self.inner.side, Side::Nowhere) {
            self.look_again(|_| true);
        }
        self.sight()
    }

    /// Looks again if a recorder has come meanwhile, or if there is not `enough`.
    fn look_again(&self, enough: fn(&Sight) -> bool) {
        let telemetry = self.telemetry();
        let old = self.current().clone();
        let Some(old) = old else {
            self.look();
            return;
        };
        let missed = old.meters.is_none() && telemetry.has_recorder();
        if missed || !enough(&old) {
            self.put(old.look_again(telemetry));
        }
    }

    pub(crate) fn share_switch(&self, switch: Weak<Switch>) {
        *locked(&self.inner.switch) = switch;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // one assignment, whole in any case
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer: Cow<'_, str> = match &self.inner.side {
            Side::Inbound { host, port } => format!("{host}:{port}").into(),
            Side::Outbound { peer: Some(peer) } => peer.to_string().into(),
            Side::Outbound { peer: None } | Side::Nowhere => "".into(),
        };
        f.debug_struct("Connection")
            .field("type", &self.side())
            .field("peer", &peer)
            .field("active", &self.is_active())
            .finish_non_exhaustive()
    }
}

// nothing of it is left half done by a panic
impl UnwindSafe for Connection {}
impl RefUnwindSafe for Connection {}
