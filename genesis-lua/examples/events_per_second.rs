//! How many events a second go through a handler that reads three headers: one in Lua, and one in
//! Rust to compare it with.
//!
//! A switch in memory writes the same few thousand events of 500 channels again and again, never more
//! than are handled; the second figure is the processor time of the whole process per event.
//!
//! ```text
//! cargo run --release -p genesis-lua --example events_per_second [rust|lua]
//! ```

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use genesis_lua::client::proto::event::{EventBuilder, Fidelity};
use genesis_lua::client::proto::name::EventFormat;
use genesis_lua::client::proto::{Event, EventName};
use genesis_lua::client::{Client, Consumer, Inbound};
use genesis_lua::{App, Options, Runtime};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::oneshot;

/// So many channels take turns.
const CHANNELS: usize = 500;
/// So many events may be on their way.
const ON_THE_WAY: u64 = 20_000;
const EVENTS: u64 = 600_000;

const SCRIPT: &str = r#"
local app = genesis.consumer()
local count = 0
app:handle("CHANNEL_ANSWER", function(event)
  local uuid, number, state = event["Unique-ID"], event["Caller-Caller-ID-Number"], event["Channel-Call-State"]
  if uuid and number == "1000" and state then count = count + 1 end
end)"#;

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<(), Box<dyn Error>> {
    let only = std::env::args().nth(1);
    let runs = |what: &str| only.as_deref().is_none_or(|only| only == what);
    for round in 1..=3 {
        if runs("rust") {
            let (client, switch) = connected().await?;
            let counter = Arc::new(AtomicU64::new(0));
            let count = counter.clone();
            let consumer =
                Consumer::new(client).on(EventName::ChannelAnswer, move |event: Event| {
                    let count = count.clone();
                    async move {
                        let uuid = event.unique_id().is_some();
                        let number = event
                            .get("Caller-Caller-ID-Number")
                            .is_some_and(|text| text == "1000");
                        if uuid && number && event.get("Channel-Call-State").is_some() {
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(())
                    }
                });
            let running = consumer.start().await?;
            measure(round, "Rust", switch, || counter.load(Ordering::Relaxed)).await?;
            drop(running);
        }
        if !runs("lua") {
            continue;
        }
        let (client, switch) = connected().await?;
        let path = std::env::temp_dir().join(format!("events_{}.lua", std::process::id()));
        std::fs::write(&path, SCRIPT)?;
        let app = App::load(&path)?;
        std::fs::remove_file(&path)?;
        let runtime = Runtime::new(Options::default(), tokio::runtime::Handle::current())?;
        let running = runtime.consumer(&app, client).start().await?;
        measure(round, "Lua", switch, || runtime.stats().events).await?;
        drop(running);
    }
    Ok(())
}

/// A client, and what gives the switch's end of its connection once nothing more is asked there.
async fn connected() -> Result<(Client, oneshot::Receiver<DuplexStream>), Box<dyn Error>> {
    let (near, mut far) = duplex(1 << 20);
    far.write_all(b"Content-Type: auth/request\n\n").await?;
    let (give, given) = oneshot::channel();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        loop {
            let read = tokio::time::timeout(Duration::from_millis(500), far.read(&mut buffer));
            let Ok(Ok(read)) = read.await else { break };
            let commands = String::from_utf8_lossy(&buffer[..read])
                .matches("\n\n")
                .count();
            for _ in 0..commands {
                let reply = b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n";
                if far.write_all(reply).await.is_err() {
                    return;
                }
            }
        }
        let _ = give.send(far);
    });
    let client = Inbound::builder().connect_over(near).await?;
    Ok((client, given))
}

async fn measure(
    round: u32,
    what: &str,
    switch: oneshot::Receiver<DuplexStream>,
    handled: impl Fn() -> u64,
) -> Result<(), Box<dyn Error>> {
    let bytes = events()?;
    let mut switch = switch.await?;
    let of_block = 4 * CHANNELS as u64;
    let (begun, processor) = (Instant::now(), processor()?);
    let mut sent = 0;
    while sent < EVENTS {
        while sent - handled().min(sent) > ON_THE_WAY {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        switch.write_all(&bytes).await?;
        sent += of_block;
    }
    while handled() < sent {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = begun.elapsed();
    let used = self::processor()? - processor;
    println!(
        "round {round}, {what}: {:.0} events/s, {:.1} µs of processor per event ({:.0} events/s per core)",
        sent as f64 / took.as_secs_f64(),
        used.as_secs_f64() * 1e6 / sent as f64,
        sent as f64 / used.as_secs_f64(),
    );
    Ok(())
}

/// The events as bytes: four of each channel.
fn events() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    for number in 0..CHANNELS * 4 {
        let uuid = format!("00000000-0000-4000-8000-{:012}", number % CHANNELS);
        let mut event = EventBuilder::new(EventName::ChannelAnswer)
            .header("Unique-ID", uuid)?
            .header("Channel-Call-State", "ACTIVE")?
            .header("Caller-Caller-ID-Number", "1000")?;
        for header in 0..50 {
            event.push(
                &format!("variable_number_{header}"),
                "a value of usual length",
            )?;
        }
        bytes.extend_from_slice(&event.to_frame(EventFormat::Plain, Fidelity::default()));
    }
    Ok(bytes)
}

/// Processor time that the process has used.
fn processor() -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|text| text.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}
