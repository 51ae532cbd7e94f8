//! What the hooks cost when nobody listens: one branch, and nothing is allocated.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::alloc::System;
use std::hint::black_box;
use std::time::Duration;

use genesis_otel::Telemetry;
use genesis_otel::hooks::{Connection, Routed, carried};
use genesis_proto::{Command, Event, EventName};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SECOND: Duration = Duration::from_secs(1);

/// What a connection does with one event and one command.
fn everything(connection: &Connection, event: &Event, command: &Command) {
    drop(connection.processing(event));
    let operation = connection.command(command, SECOND);
    operation.reply("+OK");
    drop(black_box(operation.run(async {})));
    operation.succeeded();
    let mut operation = connection.operation("channel.answer", Some(SECOND));
    operation.label("operation", "answer");
    operation.text("channel.uuid", "7f4d");
    assert!(!operation.is_recording() && operation.traceparent().is_none());
    operation.failed("timeout", &"no");
    connection.count("genesis_reconnects_total", &[("result", "connected")], 1);
    drop(black_box(carried(async {})));
}

/// One test, for what runs beside it would be counted too.
#[test]
fn nothing_is_allocated_per_event_or_command_when_nothing_is_installed() {
    let event = Event::builder(EventName::ChannelCreate)
        .header("Unique-ID", "7f4d")
        .unwrap()
        .header("Channel-State", "CS_INIT")
        .unwrap()
        .build();
    let command = Command::api("status").unwrap();
    let connection = Connection::inbound(&Telemetry::default(), "pbx", 8021);
    let mut reader = connection.reader();
    let mut level = connection.level("genesis_events_queue_depth", &[]);
    connection.connecting(SECOND).succeeded();
    reader.link_up();
    // the first shows that nobody is there
    reader.event(&event, Routed::default());
    everything(&connection, &event, &command);
    assert!(!reader.is_active());
    let region = Region::new(ALLOCATOR);
    for number in 0..100 {
        everything(&connection, &event, &command);
        reader.read(&event, &event.route());
        reader.event(&event, Routed::default());
        level.set(number);
    }
    assert_eq!(region.change().allocations, 0);

    // the same test sees an allocation where there is one
    let recorder = metrics_util::debugging::DebuggingRecorder::new();
    let telemetry = Telemetry::builder().recorder(recorder).build();
    let connection = Connection::outbound(&telemetry, None);
    let region = Region::new(ALLOCATOR);
    everything(&connection, &event, &command);
    assert!(region.change().allocations > 0);
    // series are made once: then there is the operation, and little else
    let region = Region::new(ALLOCATOR);
    for _ in 0..100 {
        let operation = connection.command(&command, SECOND);
        operation.reply("+OK");
        operation.succeeded();
    }
    let each = region.change().allocations as f64 / 100.0;
    assert!(
        each <= 3.0,
        "{each} allocations per command with a recorder"
    );
}
