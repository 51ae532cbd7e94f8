//! Calls on a paused clock: every time is exact.

mod api;
mod apps;
mod bridge;
mod calls;
mod core;
mod outbound;
mod threads;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::script::Script;

/// Noon of a day in 2026.
const START: u64 = 1_795_222_800;

fn options(script: Script) -> SwitchOptions {
    SwitchOptions {
        script,
        started_at: UNIX_EPOCH + Duration::from_secs(START),
        ..SwitchOptions::default()
    }
}

/// A switch that is listened to from the start.
fn start(script: Script) -> (Switch, EventFeed) {
    let switch = Switch::new(options(script));
    let feed = switch.subscribe();
    (switch, feed)
}

/// Lets everything happen that can happen within this time.
async fn run(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// What came in so far.
fn drain(feed: &mut EventFeed) -> Vec<Arc<SwitchEvent>> {
    std::iter::from_fn(|| feed.try_recv()).collect()
}

fn get(event: &SwitchEvent, name: &str) -> String {
    event.header(name).unwrap_or_default()
}

/// One line per event, as `CHANNEL_EXECUTE playback`, of one channel and without CHANNEL_STATE,
/// CODEC and API.
fn story(events: &[Arc<SwitchEvent>], uuid: &str) -> Vec<String> {
    let of_it = events
        .iter()
        .filter(|event| event.unique_id.as_deref() == Some(uuid));
    let told = of_it.filter(|event| {
        !matches!(
            event.name,
            EventName::ChannelState | EventName::Codec | EventName::Api
        )
    });
    told.map(|event| {
        let mut line = event.name.as_str().to_owned();
        for header in ["Application", "DTMF-Digit"] {
            if let Some(value) = event.header(header) {
                line.push(' ');
                line.push_str(&value);
            }
        }
        line
    })
    .collect()
}

fn find(events: &[Arc<SwitchEvent>], name: EventName) -> &SwitchEvent {
    events.iter().find(|event| event.name == name).unwrap()
}

/// The Unique-ID in `+OK uuid\n`.
fn uuid_of(output: &str) -> String {
    output
        .strip_prefix("+OK ")
        .unwrap_or_else(|| panic!("{output}"))
        .trim_end()
        .to_owned()
}

/// A parked call that was answered at once.
async fn parked(switch: &Switch) -> String {
    let uuid = uuid_of(&switch.api("originate", "null/1000 &park").await);
    run(1).await;
    uuid
}
