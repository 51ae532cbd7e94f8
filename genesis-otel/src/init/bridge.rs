//! Metrics of the `metrics` facade on their way to OpenTelemetry.
//!
//! Counters and gauges are kept in a registry that observable instruments read when metrics are
//! collected; a histogram hands each value to its OpenTelemetry instrument.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use metrics::atomics::AtomicU64;
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use metrics_util::registry::{Registry, Storage};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram as Distribution, Meter};

use super::buckets;

/// A recorder whose metrics a meter exports, under the names and with the labels they have here.
pub(super) struct Bridge {
    meter: Meter,
    descriptions: Arc<Descriptions>,
    registry: Arc<Registry<Key, Series>>,
    /// The names that an observable instrument reads.
    observed: RwLock<HashSet<String>>,
}

type Described = (Option<Unit>, SharedString);

#[derive(Debug, Default)]
struct Descriptions(Mutex<HashMap<String, Described>>);

impl Descriptions {
    fn put(&self, name: &KeyName, unit: Option<Unit>, description: SharedString) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.as_str().to_owned(), (unit, description));
    }

    /// The unit as UCUM writes it, and the text.
    fn of(&self, name: &str) -> (String, String) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(name) {
            Some((unit, text)) => {
                let unit = unit.map(ucum).unwrap_or_default();
                (unit.to_owned(), text.to_string())
            }
            None => Default::default(),
        }
    }
}

fn ucum(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "s",
        Unit::Milliseconds => "ms",
        Unit::Microseconds => "us",
        Unit::Nanoseconds => "ns",
        Unit::Bytes => "By",
        Unit::Percent => "%",
        _ => "1",
    }
}

fn attributes(key: &Key) -> Vec<KeyValue> {
    key.labels()
        .map(|label| KeyValue::new(label.key().to_owned(), label.value().to_owned()))
        .collect()
}

/// How series are kept.
struct Series {
    meter: Meter,
    descriptions: Arc<Descriptions>,
    distributions: Mutex<HashMap<String, Distribution<f64>>>,
}

/// One series of a histogram.
struct Values {
    into: Distribution<f64>,
    attributes: Vec<KeyValue>,
}

impl HistogramFn for Values {
    fn record(&self, value: f64) {
        self.into.record(value, &self.attributes);
    }
}

impl Storage<Key> for Series {
    type Counter = Arc<AtomicU64>;
    type Gauge = Arc<AtomicU64>;
    type Histogram = Arc<Values>;

    fn counter(&self, _: &Key) -> Self::Counter {
        Arc::default()
    }

    fn gauge(&self, _: &Key) -> Self::Gauge {
        Arc::default()
    }

    fn histogram(&self, key: &Key) -> Self::Histogram {
        let mut all = self
            .distributions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let distribution = all.entry(key.name().to_owned()).or_insert_with(|| {
            let (unit, description) = self.descriptions.of(key.name());
            self.meter
                .f64_histogram(key.name().to_owned())
                .with_unit(unit)
                .with_description(description)
                .with_boundaries(buckets::of(key.name()).to_vec())
                .build()
        });
        Arc::new(Values {
            into: distribution.clone(),
            attributes: attributes(key),
        })
    }
}

impl Bridge {
    pub(super) fn new(meter: Meter) -> Self {
        let descriptions = Arc::<Descriptions>::default();
        Self {
            registry: Arc::new(Registry::new(Series {
                meter: meter.clone(),
                descriptions: Arc::clone(&descriptions),
                distributions: Mutex::default(),
            })),
            meter,
            descriptions,
            observed: RwLock::default(),
        }
    }

    /// Lets an instrument read the series of this name, if none does yet.
    ///
    /// No shard of the registry is locked here: who collects locks the meter first and a shard
    /// then.
    fn observe(&self, name: &str, build: impl FnOnce(String, Weak<Registry<Key, Series>>)) {
        let known = self.observed.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(name) {
            return;
        }
        drop(known);
        let mut known = self
            .observed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if known.insert(name.to_owned()) {
            // the meter lives in the registry too: a strong reference would never be dropped
            build(name.to_owned(), Arc::downgrade(&self.registry));
        }
    }
}

impl Recorder for Bridge {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.descriptions.put(&key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.descriptions.put(&key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.descriptions.put(&key, unit, description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let series = self
            .registry
            .get_or_create_counter(key, |series| Counter::from_arc(Arc::clone(series)));
        self.observe(key.name(), |name, registry| {
            let (unit, description) = self.descriptions.of(&name);
            self.meter
                .u64_observable_counter(name.clone())
                .with_unit(unit)
                .with_description(description)
                .with_callback(move |observer| {
                    let Some(registry) = registry.upgrade() else {
                        return;
                    };
                    registry.visit_counters(|key, value| {
                        if key.name() == name {
                            observer.observe(value.load(Ordering::Acquire), &attributes(key));
                        }
                    });
                })
                .build();
        });
        series
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let series = self
            .registry
            .get_or_create_gauge(key, |series| Gauge::from_arc(Arc::clone(series)));
        self.observe(key.name(), |name, registry| {
            let (unit, description) = self.descriptions.of(&name);
            self.meter
                .f64_observable_gauge(name.clone())
                .with_unit(unit)
                .with_description(description)
                .with_callback(move |observer| {
                    let Some(registry) = registry.upgrade() else {
                        return;
                    };
                    registry.visit_gauges(|key, value| {
                        if key.name() == name {
                            let value = f64::from_bits(value.load(Ordering::Acquire));
                            observer.observe(value, &attributes(key));
                        }
                    });
                })
                .build();
        });
        series
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.registry
            .get_or_create_histogram(key, |series| Histogram::from_arc(Arc::clone(series)))
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::metrics::MeterProvider as _;
    use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
    use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};

    use super::*;

    /// What was collected, in words: name{labels} value.
    fn collected(provider: &SdkMeterProvider, exporter: &InMemoryMetricExporter) -> Vec<String> {
        provider.force_flush().unwrap();
        let all = exporter.get_finished_metrics().unwrap();
        let mut lines = Vec::new();
        let labels = |attributes: &mut dyn Iterator<Item = &KeyValue>| {
            let texts: Vec<String> = attributes
                .map(|pair| format!("{}={}", pair.key, pair.value))
                .collect();
            texts.join(",")
        };
        for scope in all.last().unwrap().scope_metrics() {
            for metric in scope.metrics() {
                let (name, unit) = (metric.name(), metric.unit());
                match metric.data() {
                    AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                        lines.extend(sum.data_points().map(|point| {
                            let labels = labels(&mut point.attributes());
                            format!("{name}{{{labels}}} {}", point.value())
                        }));
                    }
                    AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
                        lines.extend(gauge.data_points().map(|point| {
                            let labels = labels(&mut point.attributes());
                            format!("{name}{{{labels}}} {}", point.value())
                        }));
                    }
                    AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                        lines.extend(histogram.data_points().map(|point| {
                            let labels = labels(&mut point.attributes());
                            let (count, sum) = (point.count(), point.sum());
                            let bounds = point.bounds().count();
                            format!("{name}[{unit}]{{{labels}}} {count} {sum} {bounds}")
                        }));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        lines.sort();
        lines
    }

    #[test]
    fn series_arrive_with_labels_units_and_bounds_and_go_on_counting() {
        let exporter = InMemoryMetricExporter::default();
        let provider = SdkMeterProvider::builder()
            .with_periodic_exporter(exporter.clone())
            .build();
        let bridge = Bridge::new(provider.meter("test"));
        bridge.describe_histogram("waited".into(), Some(Unit::Seconds), "text".into());
        metrics::with_local_recorder(&bridge, || {
            metrics::counter!("sent", "command" => "api").increment(2);
            metrics::counter!("sent", "command" => "bgapi").increment(1);
            metrics::gauge!("active").set(3.5);
            metrics::histogram!("waited", "mode" => "parallel").record(0.25);
            metrics::histogram!("waited", "mode" => "parallel").record(0.5);
        });
        assert_eq!(
            collected(&provider, &exporter),
            [
                "active{} 3.5",
                "sent{command=api} 2",
                "sent{command=bgapi} 1",
                "waited[s]{mode=parallel} 2 0.75 13",
            ]
        );
        metrics::with_local_recorder(&bridge, || {
            metrics::counter!("sent", "command" => "api").increment(1);
            metrics::gauge!("active").decrement(1.5);
        });
        let lines = collected(&provider, &exporter);
        assert!(
            lines.contains(&"sent{command=api} 3".to_owned()),
            "{lines:?}"
        );
        assert!(lines.contains(&"active{} 2".to_owned()), "{lines:?}");
    }

    #[test]
    fn registering_while_collecting_does_not_lock_up() {
        let exporter = InMemoryMetricExporter::default();
        let provider = SdkMeterProvider::builder()
            .with_periodic_exporter(exporter)
            .build();
        let bridge = Bridge::new(provider.meter("test"));
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let bridge = &bridge;
                scope.spawn(move || {
                    metrics::with_local_recorder(bridge, || {
                        for n in 0..200 {
                            let name = format!("m{}", n % 20);
                            let label = format!("{thread}-{n}");
                            metrics::counter!(name.clone(), "n" => label.clone()).increment(1);
                            metrics::gauge!(format!("g{name}"), "n" => label.clone()).set(1.0);
                            metrics::histogram!(format!("h{name}"), "n" => label).record(1.0);
                        }
                    });
                });
            }
            for _ in 0..20 {
                provider.force_flush().unwrap();
            }
        });
    }
}
