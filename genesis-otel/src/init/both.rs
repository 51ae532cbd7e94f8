//! Metrics to two recorders. The fan-out of metrics-util cannot be passed between threads, which a
//! recorder that is given to a `Telemetry` has to be.

use std::sync::Arc;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// Whatever is recorded goes to the first and to the second.
pub(super) struct Both<A, B>(pub(super) A, pub(super) B);

/// The handles of one series.
struct Pair<H>(H, H);

impl CounterFn for Pair<Counter> {
    fn increment(&self, value: u64) {
        self.0.increment(value);
        self.1.increment(value);
    }

    fn absolute(&self, value: u64) {
        self.0.absolute(value);
        self.1.absolute(value);
    }
}

impl GaugeFn for Pair<Gauge> {
    fn increment(&self, value: f64) {
        self.0.increment(value);
        self.1.increment(value);
    }

    fn decrement(&self, value: f64) {
        self.0.decrement(value);
        self.1.decrement(value);
    }

    fn set(&self, value: f64) {
        self.0.set(value);
        self.1.set(value);
    }
}

impl HistogramFn for Pair<Histogram> {
    fn record(&self, value: f64) {
        self.0.record(value);
        self.1.record(value);
    }
}

impl<A: Recorder, B: Recorder> Recorder for Both<A, B> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0
            .describe_counter(key.clone(), unit, description.clone());
        self.1.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0
            .describe_gauge(key.clone(), unit, description.clone());
        self.1.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0
            .describe_histogram(key.clone(), unit, description.clone());
        self.1.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let pair = Pair(
            self.0.register_counter(key, metadata),
            self.1.register_counter(key, metadata),
        );
        Counter::from_arc(Arc::new(pair))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        let pair = Pair(
            self.0.register_gauge(key, metadata),
            self.1.register_gauge(key, metadata),
        );
        Gauge::from_arc(Arc::new(pair))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let pair = Pair(
            self.0.register_histogram(key, metadata),
            self.1.register_histogram(key, metadata),
        );
        Histogram::from_arc(Arc::new(pair))
    }
}

#[cfg(test)]
mod tests {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;

    #[test]
    fn what_is_recorded_reaches_both() {
        let (first, second) = (DebuggingRecorder::new(), DebuggingRecorder::new());
        let seen = [first.snapshotter(), second.snapshotter()];
        let both = Both(first, second);
        metrics::with_local_recorder(&both, || {
            metrics::counter!("count").increment(2);
            let gauge = metrics::gauge!("level");
            gauge.set(5.0);
            gauge.decrement(1.0);
            metrics::histogram!("time").record(0.5);
        });
        for snapshotter in seen {
            let seen = snapshotter.snapshot().into_vec();
            let values: Vec<DebugValue> = seen.into_iter().map(|(_, _, _, value)| value).collect();
            for expected in [
                DebugValue::Counter(2),
                DebugValue::Gauge(4.0.into()),
                DebugValue::Histogram(vec![0.5.into()]),
            ] {
                assert!(values.contains(&expected), "{values:?}");
            }
        }
    }
}
