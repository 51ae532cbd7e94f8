//! What an idle connection holds, and what subscriptions to other channels cost.

use std::net::SocketAddr;
use std::path::Path;

use genesis_client::{Inbound, Subscription};

use crate::measure::{self, Heap, Meter, Sample};
use crate::table::{Row, Table};
use crate::{Failure, block_on, corpus, tcp};

/// How many connections are opened to see what one holds.
const CONNECTIONS: u64 = 50;
/// How many subscriptions are many.
const MANY: &str = "10000";

/// Heap per idle connection after a burst of `events` has passed through it.
///
/// # Errors
///
/// When a connection fails, or nothing is counted.
pub fn run_idle(address: &str, events: u64, heap: Heap) -> Result<Sample, Failure> {
    let address: SocketAddr = address.parse()?;
    block_on(idle(address, events, heap))
}

async fn idle(address: SocketAddr, events: u64, heap: Heap) -> Result<Sample, Failure> {
    let meter = Meter::start(heap);
    let mut connections = Vec::with_capacity(CONNECTIONS as usize + 1);
    let mut before = 0;
    // the first one pays for what all share
    for number in 0..=CONNECTIONS {
        let client = Inbound::builder()
            .password("ClueCon")
            .connect(address.to_string())
            .await?;
        let mut stream = client.subscribe(Subscription::all()).await?;
        client.api("play part 1").await?;
        for _ in 0..events {
            stream.next_event().await.ok_or("the burst ended early")?;
        }
        client.api("echo done").await?;
        connections.push((client, stream));
        if number == 0 {
            before = heap.live();
        }
    }
    let held = heap.live().saturating_sub(before);
    let mut sample = meter.finish(CONNECTIONS, 0);
    sample.held = u64::try_from(held)? / CONNECTIONS;
    Ok(sample)
}

/// Routes the burst with `subscriptions` subscriptions, each to a channel of its own.
///
/// # Errors
///
/// When the connection fails.
pub fn run_many(
    subscriptions: &str,
    address: &str,
    events: u64,
    heap: Heap,
) -> Result<Sample, Failure> {
    let address: SocketAddr = address.parse()?;
    let subscriptions = subscriptions.parse()?;
    let meter = block_on(many(address, subscriptions, heap))?;
    Ok(meter.finish(events, 0))
}

async fn many(address: SocketAddr, subscriptions: u64, heap: Heap) -> Result<Meter, Failure> {
    let client = Inbound::builder()
        .password("ClueCon")
        .connect(address.to_string())
        .await?;
    let mut streams = Vec::new();
    for number in 0..subscriptions {
        let uuid = match number {
            0 => corpus::first_channel()?,
            _ => format!("{number:08x}-0000-4000-8000-000000000000"),
        };
        streams.push(client.subscribe(Subscription::all().channel(uuid)).await?);
    }
    let meter = Meter::start(heap);
    client.api(&format!("play plain {}", tcp::TIMES)).await?;
    // its reply comes after the last event
    client.api("echo done").await?;
    let first = streams.first_mut().ok_or("no subscription")?;
    if first.try_next().is_none() {
        return Err("no event of the first channel came".into());
    }
    // ending ten thousand streams is no part of it
    std::mem::forget(streams);
    Ok(meter)
}

/// Measures both.
///
/// # Errors
///
/// When a child process fails.
pub fn report(
    counter: &Path,
    address: SocketAddr,
    events: u64,
    part_events: u64,
    table: &mut Table,
) -> Result<(), Failure> {
    let address = address.to_string();
    let part_events = part_events.to_string();
    let idle = measure::child(counter, &["idle", &address, &part_events])?;
    table.push(Row {
        scenario: "heap per idle connection after a burst".into(),
        contestant: "Genesis, client and one subscriber".into(),
        ratio: format!("{:.1} KB", idle.held as f64 / 1024.0),
        target: "≤ 16 KB".into(),
        ..Row::default()
    });

    let events = (events * tcp::TIMES).to_string();
    let arguments =
        ["1", MANY].map(|subscriptions| ["many", subscriptions, address.as_str(), events.as_str()]);
    let slices: Vec<&[&str]> = arguments.iter().map(<[&str; 4]>::as_slice).collect();
    let samples = measure::interleaved(&slices, |sample| sample.cpu)?;
    let one = samples.first().map_or(f64::NAN, Sample::cpu_per_event);
    for (sample, what) in samples.iter().zip(["one channel", "10,000 channels"]) {
        table.push(Row {
            scenario: "routing the burst over TCP".into(),
            contestant: format!("Genesis, subscriptions to {what}"),
            cost: format!("{:.0}", sample.cpu_per_event()),
            speed: format!("{:.0} events/s", sample.events_per_second()),
            ratio: format!("{:.2} × one", sample.cpu_per_event() / one),
            target: if what == "one channel" {
                String::new()
            } else {
                "≤ 1.2 × one".into()
            },
            allocations: None,
        });
    }
    Ok(())
}
