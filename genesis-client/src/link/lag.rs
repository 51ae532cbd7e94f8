//! How far behind the switch we are.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use genesis_proto::Event;

/// One event in this many is looked at: reading its time costs more than routing it.
const EVERY: u32 = 64;

/// Reads the lag off `Event-Date-Timestamp`. The two clocks may differ, so the quickest event seen
/// counts as on time.
#[derive(Debug, Default)]
pub(crate) struct LagMeter {
    count: u32,
    quickest: Option<i64>,
    warned: bool,
}

pub(crate) enum Lag {
    NotMeasured,
    Measured(Duration),
    /// The lag has just passed the threshold.
    Warn(Duration),
}

impl LagMeter {
    pub(crate) fn see(&mut self, event: &Event, threshold: Duration) -> Lag {
        self.count = self.count.wrapping_add(1);
        if !self.count.is_multiple_of(EVERY) {
            return Lag::NotMeasured;
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.at(
            event,
            i64::try_from(now.as_micros()).unwrap_or(i64::MAX),
            threshold,
        )
    }

    fn at(&mut self, event: &Event, now: i64, threshold: Duration) -> Lag {
        let Some(made) = event.timestamp_micros().and_then(|t| i64::try_from(t).ok()) else {
            return Lag::NotMeasured;
        };
        let distance = now.saturating_sub(made);
        let quickest = self
            .quickest
            .map_or(distance, |quickest| quickest.min(distance));
        self.quickest = Some(quickest);
        let lag = Duration::from_micros(distance.saturating_sub(quickest).unsigned_abs());
        if lag < threshold {
            self.warned = false;
            return Lag::Measured(lag);
        }
        if std::mem::replace(&mut self.warned, true) {
            Lag::Measured(lag)
        } else {
            Lag::Warn(lag)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genesis_proto::EventName;

    #[test]
    fn lesson_28_a_growing_lag_warns_once_per_episode() {
        let event = |time: i64| {
            let time = time.to_string();
            Event::builder(EventName::Heartbeat)
                .header("Event-Date-Timestamp", time)
                .unwrap()
                .build()
        };
        let mut meter = LagMeter::default();
        let threshold = Duration::from_secs(2);
        // the switch's clock is five seconds ahead of ours
        assert!(matches!(
            meter.at(&event(6_000_000), 1_000_000, threshold),
            Lag::Measured(Duration::ZERO)
        ));
        assert!(
            matches!(meter.at(&event(7_000_000), 3_000_000, threshold), Lag::Measured(d) if d == Duration::from_secs(1))
        );
        assert!(matches!(
            meter.at(&event(7_500_000), 5_000_000, threshold),
            Lag::Warn(_)
        ));
        assert!(matches!(
            meter.at(&event(7_600_000), 6_000_000, threshold),
            Lag::Measured(_)
        ));
        assert!(matches!(
            meter.at(&event(12_000_000), 7_000_000, threshold),
            Lag::Measured(Duration::ZERO)
        ));
        assert!(matches!(
            meter.at(&event(12_100_000), 10_000_000, threshold),
            Lag::Warn(_)
        ));
    }
}
