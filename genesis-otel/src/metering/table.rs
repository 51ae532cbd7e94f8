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
    handles: Vec<H>,
    /// Where the handle is.
    places: HashMap<u64, usize, BuildHasherDefault<Mix>>,
    /// The same and one more by the number of the only label, if there is no other; 0 if there is no
    /// handle yet.
    of_one_label: Vec<usize>,
    /// What each handle was not told yet.
    waiting: Vec<u32>,
    /// The handles that were not told everything.
    behind: Vec<usize>,
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
            handles: Vec::new(),
            places: HashMap::default(),
            of_one_label: Vec::new(),
            waiting: Vec::new(),
            behind: Vec::new(),
        }
    }
}

impl<H: Handle> Table<H> {
    /// The handle for these label values, in the order of the vocabulary.
    pub(super) fn get(&mut self, to: &Handles, labels: &[Slot]) -> &H {
        let place = self.place(to, labels);
        &self.handles[place]
    }

    /// One more for these label values. The handle is told later.
    pub(super) fn add(&mut self, to: &Handles, labels: &[Slot]) {
        let place = self.place(to, labels);
        if self.waiting[place] == 0 {
            self.behind.push(place);
        }
        self.waiting[place] = self.waiting[place].saturating_add(1);
    }

    /// Tells every handle how many were added.
    pub(super) fn tell(&mut self, tell: impl Fn(&H, u32)) {
        for place in self.behind.drain(..) {
            tell(
                &self.handles[place],
                std::mem::take(&mut self.waiting[place]),
            );
        }
    }

    fn place(&mut self, to: &Handles, labels: &[Slot]) -> usize {
        match *labels {
            [only] => self.find_by_number(to, only),
            _ => self.find(to, labels),
        }
    }

    fn find_by_number(&mut self, to: &Handles, only: Slot) -> usize {
        let number = usize::from(only.number);
        let known = self.of_one_label.get(number).copied().unwrap_or_default();
        if let Some(place) = known.checked_sub(1) {
            return place;
        }
        let place = self.find(to, &[only]);
        if self.of_one_label.len() <= number {
            self.of_one_label.resize(number + 1, 0);
        }
        self.of_one_label[number] = place + 1;
        place
    }

    fn find(&mut self, to: &Handles, labels: &[Slot]) -> usize {
        let key = key_of(labels);
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        if to.telemetry.shared().series.admits(self.metric, key) {
            return self.make(to, key, labels);
        }
        let others = [Slot::OTHER; 8];
        let others = &others[..labels.len().min(others.len())];
        let key = key_of(others);
        match self.places.get(&key) {
            Some(place) => *place,
            None => self.make(to, key, others),
        }
    }

    fn make(&mut self, to: &Handles, key: u64, labels: &[Slot]) -> usize {
        let place = self.handles.len();
        self.handles.push(make(to, self.metric, place == 0, labels));
        self.places.insert(key, place);
        self.waiting.push(0);
        place
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
