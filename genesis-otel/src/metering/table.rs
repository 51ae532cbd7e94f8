//! The handles of one metric.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};

use super::Handles;
use crate::vocabulary::Metric;
use crate::vocabulary::values::Slot;

/// Bits of a key that one label takes.
const BITS: u32 = 10;

/// A counter, gauge or histogram of a recorder.
pub(crate) trait Handle: Sized {
    fn register(recorder: &dyn Recorder, key: &Key, metadata: &Metadata<'_>) -> Self;
    fn describe(recorder: &dyn Recorder, name: KeyName, metric: &Metric);
}

macro_rules! handles {
    ($($Handle:ident: $register:ident, $describe:ident;)+) => {
        $(
            impl Handle for $Handle {
                fn register(recorder: &dyn Recorder, key: &Key, metadata: &Metadata<'_>) -> Self {
                    recorder.$register(key, metadata)
                }

                fn describe(recorder: &dyn Recorder, name: KeyName, metric: &Metric) {
                    recorder.$describe(name, metric.unit, metric.description.into());
                }
            }
        )+
    };
}

handles! {
    Counter: register_counter, describe_counter;
    Gauge: register_gauge, describe_gauge;
    Histogram: register_histogram, describe_histogram;
}

/// The handles of one metric by the numbers of their label values, made when first needed.
pub(crate) struct Table<H> {
    metric: &'static Metric,
    handles: HashMap<u64, H, BuildHasherDefault<Mix>>,
}

/// For keys that are numbers of closed sets: nobody can choose them.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, key: u64) {
        let mixed = (self.0 ^ key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

impl<H> Table<H> {
    pub(crate) fn new(metric: &'static Metric) -> Self {
        Self {
            metric,
            handles: HashMap::default(),
        }
    }
}

impl<H: Handle> Table<H> {
    /// The handle for these label values, in the order of the vocabulary.
    pub(super) fn get(&mut self, to: &Handles, labels: &[Slot]) -> &H {
        let key = key_of(labels);
        if self.handles.contains_key(&key) || to.telemetry.shared().series.admits(self.metric, key)
        {
            return self.of(to, key, labels);
        }
        let others = [Slot::OTHER; 8];
        let others = &others[..labels.len().min(others.len())];
        self.of(to, key_of(others), others)
    }

    fn of(&mut self, to: &Handles, key: u64, labels: &[Slot]) -> &H {
        let first = self.handles.is_empty();
        let metric = self.metric;
        self.handles
            .entry(key)
            .or_insert_with(|| make(to, metric, first, labels))
    }
}

/// Makes a handle; the `first` of a metric also says what the metric is.
fn make<H: Handle>(to: &Handles, metric: &Metric, first: bool, labels: &[Slot]) -> H {
    let prefix = &to.telemetry.shared().prefix;
    let name = if prefix.is_empty() {
        KeyName::from_const_str(metric.name)
    } else {
        KeyName::from(format!("{prefix}{}", metric.name))
    };
    let names = metric.labels.iter().chain(metric.when);
    let labels: Vec<Label> = names
        .zip(labels)
        .filter_map(|(name, slot)| Some(Label::from_static_parts(name, slot.text?)))
        .collect();
    to.sink.with(|recorder| {
        if first {
            H::describe(recorder, name.clone(), metric);
        }
        let key = Key::from_parts(name, labels);
        H::register(recorder, &key, &Metadata::new("genesis", Level::INFO, None))
    })
}

/// The numbers of the labels in one.
fn key_of(labels: &[Slot]) -> u64 {
    labels
        .iter()
        .fold(0, |key, slot| (key << BITS) | u64::from(slot.number))
}
