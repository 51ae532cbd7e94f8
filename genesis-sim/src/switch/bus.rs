//! Delivery of events and log lines to whoever listens.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use genesis_proto::Event;
use genesis_proto::event::{EventBuilder, Fidelity};
use genesis_proto::name::{EventFormat, EventName, LogLevel};
use tokio::sync::mpsc;

/// An event of the simulated switch, written at most once per format however many connections
/// want it.
#[derive(Debug)]
pub struct SwitchEvent {
    /// All headers and the body.
    pub builder: EventBuilder,
    /// `Event-Name`.
    pub name: EventName,
    /// `Event-Subclass`.
    pub subclass: Option<String>,
    /// `Unique-ID`.
    pub unique_id: Option<String>,
    plain: OnceLock<Bytes>,
    json: OnceLock<Bytes>,
    xml: OnceLock<Bytes>,
    event: OnceLock<Event>,
}

impl SwitchEvent {
    pub(crate) fn new(
        builder: EventBuilder,
        name: EventName,
        subclass: Option<String>,
        unique_id: Option<String>,
    ) -> Self {
        Self {
            builder,
            name,
            subclass,
            unique_id,
            plain: OnceLock::new(),
            json: OnceLock::new(),
            xml: OnceLock::new(),
            event: OnceLock::new(),
        }
    }

    /// The whole frame as the switch would write it to a connection that asked for `format`.
    pub fn frame(&self, format: EventFormat) -> Bytes {
        let place = match format {
            EventFormat::Json => &self.json,
            EventFormat::Xml => &self.xml,
            _ => &self.plain,
        };
        place
            .get_or_init(|| self.builder.to_frame(format, Fidelity::AsTheSwitch))
            .clone()
    }

    /// The value of a header, in any case of its name.
    pub fn header(&self, name: &str) -> Option<String> {
        self.event
            .get_or_init(|| self.builder.build())
            .get(name)
            .map(|value| value.into_owned())
    }

    /// The event as a client would read it.
    pub fn event(&self) -> &Event {
        self.event.get_or_init(|| self.builder.build())
    }
}

/// A line of the switch's log.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// How grave it is.
    pub level: LogLevel,
    /// The line, without its end.
    pub text: String,
    /// The source file that wrote it.
    pub file: String,
    /// The function that wrote it.
    pub function: String,
    /// The line of the source file.
    pub line: u32,
    /// The channel it is about.
    pub unique_id: Option<String>,
    /// Microseconds since 1970.
    pub timestamp: u64,
}

/// What one listener hears. It queues without bound: drain it at once and bound your own queue.
#[derive(Debug)]
pub struct Feed<T> {
    receiver: mpsc::UnboundedReceiver<T>,
}

/// The events of the switch, from the moment of [`Switch::subscribe`](super::Switch::subscribe).
pub type EventFeed = Feed<Arc<SwitchEvent>>;

/// The log of the switch, from the moment of
/// [`Switch::subscribe_log`](super::Switch::subscribe_log).
pub type LogFeed = Feed<Arc<LogEntry>>;

impl<T> Feed<T> {
    /// The next one; `None` after the switch has shut down and everything was read.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<T> {
        self.receiver.recv().await
    }

    /// The next one if it is there already.
    pub fn try_recv(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }

    /// How many wait to be read.
    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Whether none waits to be read.
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}

/// Sends to all feeds; those that are gone are forgotten.
#[derive(Debug)]
pub(crate) struct Bus<T> {
    senders: Mutex<Option<Vec<mpsc::UnboundedSender<T>>>>,
}

impl<T: Clone> Bus<T> {
    pub(crate) fn new() -> Self {
        Self {
            senders: Mutex::new(Some(Vec::new())),
        }
    }

    pub(crate) fn subscribe(&self) -> Feed<T> {
        let (sender, receiver) = mpsc::unbounded_channel();
        if let Some(senders) = self.lock().as_mut() {
            senders.push(sender);
        }
        Feed { receiver }
    }

    /// Makes the thing and sends it, so that the order of making is the order of arrival.
    pub(crate) fn publish(&self, make: impl FnOnce() -> T) {
        let mut senders = self.lock();
        let thing = make();
        if let Some(senders) = senders.as_mut() {
            senders.retain(|sender| sender.send(thing.clone()).is_ok());
        }
    }

    /// Ends all feeds; later subscribers get one that has ended.
    pub(crate) fn close(&self) {
        self.lock().take();
    }

    pub(crate) fn has_listeners(&self) -> bool {
        self.lock()
            .as_ref()
            .is_some_and(|senders| !senders.is_empty())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<mpsc::UnboundedSender<T>>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
