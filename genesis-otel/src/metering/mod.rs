//! Metrics: handles that are kept, labels from closed sets, series that are bounded.

mod meters;
mod series;
mod table;

use std::mem::size_of_val;
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Recorder};

pub(crate) use meters::{Labels, Meters};
pub(crate) use series::Series;
use table::{Handle, Table};

use crate::config::{MetricsTo, Telemetry};
use crate::vocabulary::metrics as m;
use crate::vocabulary::values::Slot;

/// The recorder of one connection.
#[derive(Clone)]
pub(crate) enum Sink {
    /// What is installed for this thread or the process.
    Installed,
    Given(Arc<dyn Recorder + Send + Sync>),
}

impl Sink {
    /// Nothing if nobody records.
    ///
    /// The recorder that stands in for a missing one cannot be asked what it is, but it is known to
    /// have no size. A real one without a size is taken for it, and can be given explicitly.
    pub(crate) fn of(telemetry: &Telemetry) -> Option<Self> {
        match &telemetry.shared().metrics {
            MetricsTo::Nowhere => None,
            MetricsTo::Recorder(recorder) => Some(Self::Given(Arc::clone(recorder))),
            MetricsTo::Installed => metrics::with_recorder(|recorder| size_of_val(recorder) > 0)
                .then_some(Self::Installed),
        }
    }

    fn with<T>(&self, call: impl FnOnce(&dyn Recorder) -> T) -> T {
        match self {
            Self::Installed => metrics::with_recorder(call),
            Self::Given(recorder) => call(recorder),
        }
    }
}

/// The metrics that events feed: one per connection, for a handle that was made before there was a
/// recorder stays dead for ever.
pub(crate) struct Meter {
    to: Handles,
    tables: Tables,
}

/// The handles that were made so far.
pub(crate) struct Tables {
    pub(crate) events_received: Table<Counter>,
    pub(crate) without_call_id: Table<Counter>,
    pub(crate) calls_active: Table<Gauge>,
    pub(crate) call_duration: Table<Histogram>,
    pub(crate) hangup_causes: Table<Counter>,
    pub(crate) q850: Table<Counter>,
    pub(crate) bridges: Table<Counter>,
    pub(crate) transfers: Table<Counter>,
    pub(crate) codecs: Table<Counter>,
    pub(crate) applications: Table<Counter>,
    pub(crate) digits: Table<Counter>,
    pub(crate) lag: Table<Gauge>,
    pub(crate) processing: Table<Histogram>,
    pub(crate) routed_by_channel: Table<Counter>,
    pub(crate) routed_otherwise: Table<Counter>,
}

/// Where new handles come from.
pub(crate) struct Handles {
    telemetry: Telemetry,
    sink: Sink,
}

impl Meter {
    /// The meter of a new connection, unless nobody records.
    pub(crate) fn new(telemetry: &Telemetry) -> Option<Self> {
        let sink = Sink::of(telemetry)?;
        Some(Self {
            to: Handles {
                telemetry: telemetry.clone(),
                sink,
            },
            tables: Tables {
                events_received: Table::new(&m::EVENTS_RECEIVED_TOTAL),
                without_call_id: Table::new(&m::EVENTS_WITHOUT_SIP_CALL_ID_TOTAL),
                calls_active: Table::new(&m::CALLS_ACTIVE),
                call_duration: Table::new(&m::CALL_DURATION_SECONDS),
                hangup_causes: Table::new(&m::CHANNEL_HANGUP_CAUSES_TOTAL),
                q850: Table::new(&m::CHANNEL_HANGUP_CAUSES_Q850_TOTAL),
                bridges: Table::new(&m::CHANNEL_BRIDGE_EVENTS_TOTAL),
                transfers: Table::new(&m::CHANNEL_TRANSFERS_TOTAL),
                codecs: Table::new(&m::CHANNEL_CODEC_CHANGES_TOTAL),
                applications: Table::new(&m::DIALPLAN_APPLICATIONS_TOTAL),
                digits: Table::new(&m::CHANNEL_DTMF_RECEIVED_TOTAL),
                lag: Table::new(&m::EVENT_LAG_SECONDS),
                processing: Table::new(&m::EVENT_PROCESSING_DURATION_SECONDS),
                routed_by_channel: Table::new(&m::CHANNEL_ROUTING_HITS_TOTAL),
                routed_otherwise: Table::new(&m::CHANNEL_ROUTING_FALLBACK_TOTAL),
            },
        })
    }

    /// Counts one. The recorder is told by [`flush`](Self::flush).
    pub(crate) fn count(&mut self, which: fn(&mut Tables) -> &mut Table<Counter>, labels: &[Slot]) {
        which(&mut self.tables).add(&self.to, labels);
    }

    /// An event of this name was handed out and has no handlers. The recorder is told by
    /// [`flush`](Self::flush).
    pub(crate) fn processed(&mut self, name: Slot) {
        self.tables.processing.add(&self.to, &[name]);
    }

    /// Tells the recorder what was counted, and that an event that was processed took so many
    /// seconds: once for each name, for a recorder that keeps every value looks at the clock and
    /// takes memory for each.
    pub(crate) fn flush(&mut self, seconds: f64) {
        let tables = &mut self.tables;
        for counters in [
            &mut tables.events_received,
            &mut tables.without_call_id,
            &mut tables.hangup_causes,
            &mut tables.q850,
            &mut tables.bridges,
            &mut tables.transfers,
            &mut tables.codecs,
            &mut tables.applications,
            &mut tables.digits,
            &mut tables.routed_by_channel,
            &mut tables.routed_otherwise,
        ] {
            counters.tell(|counter, count| counter.increment(count.into()));
        }
        let processing = &mut tables.processing;
        processing.tell(|histogram, _| histogram.record(seconds));
    }

    /// Moves a gauge by `step`.
    pub(crate) fn step(
        &mut self,
        which: fn(&mut Tables) -> &mut Table<Gauge>,
        labels: &[Slot],
        step: f64,
    ) {
        which(&mut self.tables)
            .get(&self.to, labels)
            .increment(step);
    }

    /// Sets a gauge.
    pub(crate) fn set(
        &mut self,
        which: fn(&mut Tables) -> &mut Table<Gauge>,
        labels: &[Slot],
        value: f64,
    ) {
        which(&mut self.tables).get(&self.to, labels).set(value);
    }

    /// Puts seconds into a histogram.
    pub(crate) fn record(
        &mut self,
        which: fn(&mut Tables) -> &mut Table<Histogram>,
        labels: &[Slot],
        seconds: f64,
    ) {
        which(&mut self.tables)
            .get(&self.to, labels)
            .record(seconds);
    }

    /// A handle to keep for a while.
    pub(crate) fn handle<H: Handle + Clone>(
        &mut self,
        which: fn(&mut Tables) -> &mut Table<H>,
        labels: &[Slot],
    ) -> H {
        which(&mut self.tables).get(&self.to, labels).clone()
    }
}
