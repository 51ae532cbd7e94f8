//! A holder's part of a gauge.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use metrics::Gauge;

use super::connection::Connection;
use crate::metering::Labels;
use crate::vocabulary::Metric;

/// A holder's part of a gauge: several holders add up, and a holder's part goes when it is dropped.
pub struct Level {
    of: Option<(Connection, &'static Metric, Labels)>,
    /// Made when there is something to show and somebody to show it to.
    gauge: Option<Gauge>,
    /// What the gauge has of it.
    part: u64,
}

impl Level {
    pub(super) fn none() -> Self {
        Self {
            of: None,
            gauge: None,
            part: 0,
        }
    }

    pub(super) fn new(connection: Connection, metric: &'static Metric, labels: Labels) -> Self {
        Self {
            of: Some((connection, metric, labels)),
            gauge: None,
            part: 0,
        }
    }

    /// The gauge is there from now on, also if nobody has a part in it: an alert about 0 has to see
    /// it.
    pub(super) fn is_born(&mut self) {
        self.find();
        if let Some(gauge) = &self.gauge {
            gauge.increment(0.0);
        }
    }

    /// This holder's part is now `value`.
    pub fn set(&mut self, value: u64) {
        if value == self.part {
            return;
        }
        self.find();
        if let Some(gauge) = &self.gauge {
            gauge.increment(value as f64 - self.part as f64);
            self.part = value;
        }
    }

    fn find(&mut self) {
        if self.gauge.is_none() {
            self.gauge = self.of.as_ref().and_then(|(connection, metric, labels)| {
                let sight = connection.sight_of_metrics()?;
                Some(sight.meters.as_ref()?.gauge(metric, labels))
            });
        }
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = self.of.as_ref().map(|(_, metric, _)| metric.name);
        f.debug_struct("Level")
            .field("metric", &metric)
            .field("part", &self.part)
            .finish()
    }
}

// nothing of it is left half done by a panic
impl UnwindSafe for Level {}
impl RefUnwindSafe for Level {}
