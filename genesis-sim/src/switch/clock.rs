//! The time of the switch: the wall clock at its start plus tokio's clock since.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::macros::format_description;
use tokio::time::Instant;

/// Tells the time in the forms the switch writes it. Under tokio's paused clock it stands still
/// when the test does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    base_micros: u64,
    started: Instant,
}

impl Clock {
    pub(crate) fn starting_at(base: SystemTime) -> Self {
        let base = base.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            base_micros: micros(base),
            started: Instant::now(),
        }
    }

    /// Microseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        self.base_micros.saturating_add(micros(self.uptime()))
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn date(micros: u64) -> OffsetDateTime {
    let nanos = i128::from(micros) * 1000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `2026-11-21 00:58:40`, as `Event-Date-Local` (the simulated switch lives in UTC).
pub(crate) fn local(micros: u64) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    date(micros).format(form).unwrap_or_default()
}

/// `Sat, 21 Nov 2026 00:58:40 GMT`, as `Event-Date-GMT`.
pub(crate) fn gmt(micros: u64) -> String {
    let form = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    date(micros).format(form).unwrap_or_default()
}

/// `0 years, 0 days, 0 hours, 6 minutes, 39 seconds, 527 milliseconds, 412 microseconds`
/// (switch_core.c, `send_heartbeat`).
pub(crate) fn uptime_text(uptime: Duration) -> String {
    let seconds = uptime.as_secs();
    let plural = |n: u64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    let day = 24 * 3600;
    [
        plural(seconds / (365 * day), "year"),
        plural(seconds % (365 * day) / day, "day"),
        plural(seconds % day / 3600, "hour"),
        plural(seconds % 3600 / 60, "minute"),
        plural(seconds % 60, "second"),
        plural(u64::from(uptime.subsec_millis()), "millisecond"),
        plural(u64::from(uptime.subsec_micros() % 1000), "microsecond"),
    ]
    .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_as_the_switch_does() {
        let micros = 1_795_222_720_308_126;
        assert_eq!(local(micros), "2026-11-21 00:58:40");
        assert_eq!(gmt(micros), "Sat, 21 Nov 2026 00:58:40 GMT");
    }

    #[test]
    fn writes_the_uptime_as_the_switch_does() {
        assert_eq!(
            uptime_text(Duration::from_micros(399_527_001)),
            "0 years, 0 days, 0 hours, 6 minutes, 39 seconds, 527 milliseconds, 1 microsecond"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn follows_the_clock_of_tokio() {
        let clock = Clock::starting_at(UNIX_EPOCH + Duration::from_secs(1000));
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.now(), 1_001_500_000);
    }
}
