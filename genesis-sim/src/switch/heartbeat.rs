//! The HEARTBEAT event.

use std::sync::Weak;
use std::time::Duration;

use genesis_proto::name::EventName;
use tokio::sync::watch;

use super::events::put;
use super::{Inner, Switch};

/// The version this switch says it is.
pub(crate) const VERSION: &str = "1.11.2-release+git~20260809T162310Z~3f13ad1b1d~64bit";

/// Fires HEARTBEAT every `period` until the switch stops or is gone.
pub(crate) async fn run(inner: Weak<Inner>, period: Duration, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(period);
    ticks.tick().await; // the first tick is at once
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let Some(switch) = Switch::upgrade(&inner) else {
            return;
        };
        beat(&switch);
    }
}

/// switch_core.c, `send_heartbeat`.
fn beat(switch: &Switch) {
    let counters = switch.session_counters();
    let options = switch.options();
    let uptime = switch.uptime();
    switch.emit(EventName::Heartbeat, |event| {
        put(event, "Event-Info", "System Ready");
        put(event, "Up-Time", super::clock::uptime_text(uptime));
        put(event, "FreeSWITCH-Version", VERSION);
        put(event, "Uptime-msec", uptime.as_millis().to_string());
        put(event, "Session-Count", counters.count.to_string());
        put(event, "Max-Sessions", options.max_sessions.to_string());
        put(
            event,
            "Session-Per-Sec",
            options.sessions_per_second.to_string(),
        );
        put(
            event,
            "Session-Per-Sec-Last",
            counters.last_second.to_string(),
        );
        put(
            event,
            "Session-Per-Sec-Max",
            counters.per_second_peak.to_string(),
        );
        put(
            event,
            "Session-Per-Sec-FiveMin",
            counters.per_second_peak.to_string(),
        );
        put(
            event,
            "Session-Since-Startup",
            counters.since_startup.to_string(),
        );
        put(event, "Session-Peak-Max", counters.peak.to_string());
        put(event, "Session-Peak-FiveMin", counters.peak.to_string());
        put(event, "Idle-CPU", "99.000000");
    });
}
