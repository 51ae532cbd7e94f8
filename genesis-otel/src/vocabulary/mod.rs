//! The vocabulary: every span, attribute and metric that Genesis has, in one table.
//!
//! What is emitted is looked up here, so that a name which is not in the table cannot be sent.
//! `SIGNALS.md` of this crate is made of it.
//!
//! ```
//! use genesis_otel::vocabulary::{metrics, spans};
//!
//! let answer = spans::named("freeswitch.channel.answer").ok_or("no such span")?;
//! assert_eq!(answer.from, ["CHANNEL_ANSWER"]);
//! assert_eq!(metrics::CALLS_ACTIVE.labels, ["direction"]);
//! # Ok::<(), &str>(())
//! ```

mod document;
mod lists;
pub mod metrics;
pub mod operations;
pub mod sources;
pub mod spans;
pub mod values;

pub use document::signals_document;

use opentelemetry::trace::SpanKind;

/// The role of a span, as [`SpanKind`] has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// We ask the other side.
    Client,
    /// The other side asks us.
    Server,
    /// We take what the other side has sent.
    Consumer,
    /// Anything else.
    Internal,
}

impl From<Kind> for SpanKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Client => Self::Client,
            Kind::Server => Self::Server,
            Kind::Consumer => Self::Consumer,
            Kind::Internal => Self::Internal,
        }
    }
}

/// One kind of span.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Span {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// The crate whose work it describes.
    pub component: &'static str,
    /// What it stands for.
    pub description: &'static str,
    /// Attributes that it always has. A name that ends with `.*` stands for several.
    pub always: &'static [&'static str],
    /// Attributes that it has when they are known.
    pub when: &'static [&'static str],
    /// The span events in it; `<x>` stands for a value of the ESL event.
    pub events: &'static [&'static str],
    /// The `Event-Name`s, or subclasses of CUSTOM, that it is made of.
    pub from: &'static [&'static str],
    /// The span that it is a child of, where that is fixed.
    pub parent: Option<&'static str>,
}

impl Span {
    /// Whether it belongs to the life of a channel: such spans also carry what
    /// [`spans::OF_A_CHANNEL`] lists, once it is known.
    #[must_use]
    pub fn is_of_a_channel(&self) -> bool {
        self.name.starts_with("freeswitch.channel.") || self.name == "freeswitch.call.update"
    }
}

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    /// Only ever grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Collects values into buckets.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// Its name, as Prometheus shows it.
    pub name: &'static str,
    /// How it counts.
    pub instrument: Instrument,
    /// Its unit; without one it counts things.
    pub unit: Option<::metrics::Unit>,
    /// What it tells.
    pub description: &'static str,
    /// Labels that it always has, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// Labels that it has when the event or the operation says so; they follow the others.
    pub when: &'static [&'static str],
    /// The most series that one [`Telemetry`](crate::Telemetry) makes of it. Past that, a new
    /// combination of label values is counted with every label `other`.
    pub max_series: usize,
}
