//! Any metric, by name.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::{Counter, Gauge, Histogram};

use super::{Handles, Sink, Table};
use crate::config::Telemetry;
use crate::vocabulary::values::Slot;
use crate::vocabulary::{Instrument, Metric};

/// No metric has more labels.
const MAX_LABELS: usize = 6;

/// The handles of the metrics that operations feed: one per connection, as with
/// [`Meter`](super::Meter).
pub(crate) struct Meters {
    to: Handles,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    counters: HashMap<&'static str, Table<Counter>>,
    gauges: HashMap<&'static str, Table<Gauge>>,
    histograms: HashMap<&'static str, Table<Histogram>>,
}

impl Meters {
    /// Nothing if nobody records.
    pub(crate) fn new(telemetry: &Telemetry) -> Option<Self> {
        let sink = Sink::of(telemetry)?;
        Some(Self {
            to: Handles {
                telemetry: telemetry.clone(),
                sink,
            },
            tables: Mutex::default(),
        })
    }

    pub(crate) fn counter(&self, metric: &'static Metric, labels: &Labels) -> Counter {
        let mut tables = self.tables();
        let table = tables.counters.entry(metric.name);
        table
            .or_insert_with(|| Table::new(metric))
            .get(&self.to, labels.as_slice())
            .clone()
    }

    pub(crate) fn gauge(&self, metric: &'static Metric, labels: &Labels) -> Gauge {
        let mut tables = self.tables();
        let table = tables.gauges.entry(metric.name);
        table
            .or_insert_with(|| Table::new(metric))
            .get(&self.to, labels.as_slice())
            .clone()
    }

    pub(crate) fn histogram(&self, metric: &'static Metric, labels: &Labels) -> Histogram {
        let mut tables = self.tables();
        let table = tables.histograms.entry(metric.name);
        table
            .or_insert_with(|| Table::new(metric))
            .get(&self.to, labels.as_slice())
            .clone()
    }

    /// Counts one, or records so many seconds: what the metric is made for.
    pub(crate) fn feed(&self, metric: &'static Metric, labels: &Labels, seconds: f64) {
        match metric.instrument {
            Instrument::Counter => self.counter(metric, labels).increment(1),
            Instrument::Histogram => self.histogram(metric, labels).record(seconds),
            Instrument::Gauge => {}
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // what is in it is whole after every step
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The values of a metric's labels, in its order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels {
    slots: [Slot; MAX_LABELS],
    count: usize,
}

impl Labels {
    /// Asks `value` for each label. One that it does not know is `other`, or absent where the
    /// metric need not have it.
    pub(crate) fn of(metric: &Metric, mut value: impl FnMut(&'static str) -> Option<Slot>) -> Self {
        let mut labels = Self {
            slots: [Slot::ABSENT; MAX_LABELS],
            count: 0,
        };
        let always = metric.labels.iter().map(|name| (name, Slot::OTHER));
        let when = metric.when.iter().map(|name| (name, Slot::ABSENT));
        for (slot, (name, without)) in labels.slots.iter_mut().zip(always.chain(when)) {
            *slot = value(name).unwrap_or(without);
            labels.count += 1;
        }
        labels
    }

    fn as_slice(&self) -> &[Slot] {
        &self.slots[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::metrics;

    #[test]
    fn no_metric_has_more_labels_than_there_is_room_for() {
        for metric in metrics::ALL {
            assert!(metric.labels.len() + metric.when.len() <= MAX_LABELS);
        }
    }
}
