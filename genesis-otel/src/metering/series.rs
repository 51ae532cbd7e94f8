//! The bound on series.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::vocabulary::Metric;

/// The series that one [`Telemetry`](crate::Telemetry) has made. Asked only when a connection
/// meets a combination of labels for the first time.
#[derive(Debug, Default)]
pub(crate) struct Series {
    made: Mutex<HashMap<&'static str, HashSet<u64>>>,
}

impl Series {
    /// Whether the metric may have the series `key`. The last place of a metric is kept for the
    /// series where everything is `other`.
    pub(crate) fn admits(&self, metric: &'static Metric, key: u64) -> bool {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = made.entry(metric.name).or_default();
        if made.contains(&key) {
            return true;
        }
        let labels = metric.labels.len() + metric.when.len();
        let places = if labels == 0 {
            1
        } else {
            metric.max_series - 1
        };
        made.len() < places && made.insert(key)
    }
}
