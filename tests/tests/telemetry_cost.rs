//! What observation costs when nobody observes.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::alloc::System;

use genesis_otel::{Lifecycle, Telemetry};
use genesis_proto::Event;
use genesis_tests::{Recording, frames};
use metrics_util::debugging::DebuggingRecorder;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn events(recording: &str) -> Vec<Event> {
    let bytes = Recording::named(recording).from_switch();
    let decoded = frames([&bytes[..]]).unwrap();
    let events: Vec<Event> = decoded
        .frames
        .into_iter()
        .filter(|frame| frame.content_type().starts_with("text/event-"))
        .map(|frame| Event::try_from(frame).unwrap())
        .collect();
    assert!(events.len() > 100);
    events
}

/// One test, for what runs beside it would be counted too.
#[test]
fn nothing_is_allocated_per_event_when_nothing_is_installed() {
    let recorded = events("call_full_plain");
    let mut lifecycle = Lifecycle::new(&Telemetry::default());
    let probe = recorded
        .iter()
        .find(|event| event.name().as_str() == "CHANNEL_CREATE")
        .unwrap();
    lifecycle.on_event(probe);
    assert!(!lifecycle.is_active(), "nobody listens");
    let region = Region::new(ALLOCATOR);
    for event in &recorded {
        lifecycle.on_event(event);
        drop(lifecycle.process(event));
    }
    assert_eq!(region.change().allocations, 0);

    // the same test sees an allocation where there is one
    let telemetry = Telemetry::builder()
        .recorder(DebuggingRecorder::new())
        .build();
    let mut lifecycle = Lifecycle::new(&telemetry);
    let region = Region::new(ALLOCATOR);
    recorded.iter().for_each(|event| lifecycle.on_event(event));
    assert!(lifecycle.is_active() && region.change().allocations > 0);
    // handles are made once: what comes again costs the index of an event and little else
    let again = events("sip_hold_transfer");
    let region = Region::new(ALLOCATOR);
    again.iter().for_each(|event| lifecycle.on_event(event));
    let each = region.change().allocations / again.len();
    assert!(each <= 12, "{each} allocations per event with a recorder");
}
