//! A provider and a recorder that come late. The only test here that installs anything.

use genesis_client::{Inbound, Subscription};
use genesis_otel::Telemetry;
use genesis_ringgroup::queue::{Queue, SlotOptions};
use metrics_util::debugging::DebuggingRecorder;
use opentelemetry_sdk::trace::{InMemorySpanExporterBuilder, SdkTracerProvider};

use crate::watch::attribute;
use crate::{millis, reconnecting, soon, switch};

#[tokio::test(start_paused = true)]
async fn what_is_installed_late_is_used_by_the_next_connection_and_after_a_reconnect() {
    // goes to what is installed
    let telemetry = Telemetry::builder().build();
    let sim = switch(|_| {}).await;
    let early = reconnecting(&sim, &telemetry).await;
    let _events = early.subscribe(Subscription::all()).await.unwrap();
    let queue = Queue::in_memory().telemetry(telemetry.clone());
    drop(queue.slot("early", SlotOptions::new()).await.unwrap());
    early.api("version").await.unwrap();

    let exporter = InMemorySpanExporterBuilder::new().build();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone());
    opentelemetry::global::set_tracer_provider(provider.build());
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    let names = || {
        let spans = exporter.get_finished_spans().unwrap();
        let command = |span| attribute(span, "command.name").unwrap_or_default();
        let names = spans
            .iter()
            .map(|span| (span.name.to_string(), command(span)));
        names.collect::<Vec<_>>()
    };
    let has = |name: &str, command: &str| names().contains(&(name.to_owned(), command.to_owned()));

    // without a connection it is found at once
    drop(queue.slot("late", SlotOptions::new()).await.unwrap());
    assert!(has("queue.wait_and_acquire", ""));

    let next = Inbound::builder().telemetry(telemetry.clone());
    let next = next.connect_over(sim.connect()).await.unwrap();
    next.api("hostname").await.unwrap();
    assert!(has("inbound_connect", "") && has("send_command", "api hostname"));

    sim.faults().cut(0);
    soon(async {
        while early.stats().reconnects == 0 {
            tokio::time::sleep(millis(10)).await;
        }
    })
    .await;
    early.api("status").await.unwrap();
    assert!(has("send_command", "api status"));
    sim.switch().api("originate", "null/1 &park").await;
    early.api("status").await.unwrap();
    assert!(has("freeswitch.channel.answer", "") && has("process_event", ""));
    assert!(!has("send_command", "api version"), "that was before");
    let metrics: Vec<String> = (snapshotter.snapshot().into_vec().into_iter())
        .map(|(key, ..)| key.key().name().to_owned())
        .collect();
    for name in [
        "genesis_queue_wait_duration_seconds",
        "genesis_commands_sent_total",
        "genesis_connections_active",
        "genesis_reconnects_total",
        "genesis_events_received_total",
        "genesis_calls_active",
    ] {
        assert!(metrics.iter().any(|it| it == name), "{name}");
    }
}
