//! Channels that are being called.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::SpanContext;

/// So many are remembered; past that the oldest is forgotten, and its first events, which do not
/// show its variables yet, are in traces of their own.
const MAX: usize = 1_024;

/// The spans of those who call, by the Unique-ID that the leg will have.
#[derive(Debug, Default)]
pub(crate) struct Expected(Mutex<Calling>);

#[derive(Debug, Default)]
struct Calling {
    by_uuid: HashMap<Box<str>, SpanContext>,
    by_age: VecDeque<Box<str>>,
}

impl Expected {
    pub(crate) fn put(&self, uuid: &str, span: SpanContext) {
        let mut calling = self.locked();
        if calling.by_uuid.insert(uuid.into(), span).is_some() {
            return;
        }
        calling.by_age.push_back(uuid.into());
        if calling.by_age.len() > MAX
            && let Some(oldest) = calling.by_age.pop_front()
        {
            calling.by_uuid.remove(&oldest);
        }
    }

    pub(crate) fn take(&self, uuid: &str) -> Option<SpanContext> {
        let mut calling = self.locked();
        let span = calling.by_uuid.remove(uuid)?;
        calling.by_age.retain(|known| **known != *uuid);
        Some(span)
    }

    fn locked(&self) -> MutexGuard<'_, Calling> {
        // each of the two can do without the other's entries
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traceparent;

    #[test]
    fn the_oldest_is_forgotten() {
        let span = traceparent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let expected = Expected::default();
        for number in 0..=MAX {
            expected.put(&number.to_string(), span.clone().unwrap());
        }
        assert_eq!(expected.take("0"), None);
        assert_eq!(expected.take("1"), span);
        assert_eq!(expected.take("1"), None);
        assert_eq!(expected.locked().by_age.len(), MAX - 1);
    }
}
