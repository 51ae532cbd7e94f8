//! One subscriber that decodes everything, over loopback TCP: CPU time of the receiving process.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use freeswitch_esl_tokio::EslConnectOptions;
use genesis_client::{Client, Inbound, Item, Subscription};
use genesis_proto::headers::DecodeBuffer;

use crate::measure::{self, Heap, Meter, Sample};
use crate::raw::{self, Raw};
use crate::table::{Row, Table};
use crate::{Failure, block_on, peers};

/// How often the burst is played in one run.
pub const TIMES: u64 = 4;

/// Receives the burst from the switch at `address`; `events` is how many there should be.
///
/// # Errors
///
/// When there is no such contestant or the connection fails.
pub fn run(contestant: &str, address: &str, events: u64, heap: Heap) -> Result<Sample, Failure> {
    let address: SocketAddr = address.parse()?;
    let (meter, received) = match contestant {
        "raw" => raw(address, heap)?,
        "genesis" => block_on(async move {
            let client = Inbound::builder()
                .password("ClueCon")
                .connect(address.to_string())
                .await?;
            genesis(client, &format!("plain {TIMES}"), heap).await
        })?,
        "freeswitch-esl-tokio" => {
            block_on(peers::esl_tokio(address, EslConnectOptions::new(), heap))?
        }
        "freeswitch-esl-tokio-queue" => {
            // a queue that takes everything, or it would drop most of it unread
            let options = EslConnectOptions::new().with_event_queue_size(1 << 20);
            block_on(peers::esl_tokio(address, options, heap))?
        }
        "eslrs" => block_on(peers::eslrs(address, heap))?,
        "freeswitch-esl" => (block_on(peers::freeswitch_esl(address, heap))?, events),
        _ => return Err(format!("no such contestant: {contestant}").into()),
    };
    let mut sample = meter.finish(events, 0);
    sample.lost = events.saturating_sub(received);
    Ok(sample)
}

/// Blocking reads and the raw loop.
fn raw(address: SocketAddr, heap: Heap) -> Result<(Meter, u64), Failure> {
    let mut stream = TcpStream::connect(address)?;
    let mut piece = vec![0; raw::CHUNK];
    for command in ["auth ClueCon\n\n", "event plain ALL\n\n"] {
        stream.write_all(command.as_bytes())?;
        loop {
            let length = stream.read(&mut piece)?;
            if piece[..length].ends_with(b"+OK accepted\n\n") {
                break;
            }
        }
    }
    let meter = Meter::start(heap);
    stream.write_all(format!("api play plain {TIMES} close\n\n").as_bytes())?;
    let mut raw = Raw::default();
    let mut received = 0;
    loop {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            break;
        }
        received += raw.decode_all(&piece[..length], |name, value| {
            black_box((name, value));
        });
    }
    // the reply to `api` is a frame too, and holds no headers
    Ok((meter, received - 1))
}

/// One subscriber, and what the switch is to play.
pub(crate) async fn genesis(
    client: Client,
    what: &str,
    heap: Heap,
) -> Result<(Meter, u64), Failure> {
    let mut stream = client.subscribe(Subscription::all()).await?;
    let meter = Meter::start(heap);
    client.api(&format!("play {what} close")).await?;
    let mut buffer = DecodeBuffer::new();
    let mut received = 0;
    while let Some(item) = stream.next().await {
        if let Item::Event(event) = item {
            event.decode(&mut buffer, |name, value| {
                black_box((name, value));
            });
            received += 1;
        }
    }
    Ok((meter, received))
}

/// Measures all contestants.
///
/// # Errors
///
/// When a child process fails.
pub fn report(
    counter: &Path,
    address: SocketAddr,
    events: u64,
    table: &mut Table,
) -> Result<(), Failure> {
    let address = address.to_string();
    let events = (events * TIMES).to_string();
    let contestants = [
        ("raw", "raw read + decode, blocking", ""),
        (
            "genesis",
            "Genesis, one subscriber",
            "≤ 1.5 × raw, nothing lost",
        ),
        ("eslrs", "eslrs, split only (no url-decode)", ""),
        (
            "freeswitch-esl",
            "freeswitch-esl (JSON only; drops every event)",
            "",
        ),
        (
            "freeswitch-esl-tokio",
            "freeswitch-esl-tokio, default options",
            "≥ 15 × Genesis",
        ),
        (
            "freeswitch-esl-tokio-queue",
            "freeswitch-esl-tokio, queue for all",
            "≥ 15 × Genesis",
        ),
    ];
    let arguments: Vec<[&str; 4]> = contestants
        .iter()
        .map(|contestant| ["tcp", contestant.0, &address, &events])
        .collect();
    let slices: Vec<&[&str]> = arguments.iter().map(<[&str; 4]>::as_slice).collect();
    let samples = measure::interleaved(&slices, |sample| sample.cpu)?;
    let cpu = |at: usize| samples.get(at).map_or(f64::NAN, Sample::cpu_per_event);
    for (((contestant, what, target), arguments), sample) in
        contestants.iter().zip(&slices).zip(&samples)
    {
        let counted = measure::child(counter, arguments)?;
        let against_genesis = sample.cpu_per_event() / cpu(1);
        let ratio = match *contestant {
            "raw" | "genesis" => format!("{:.2} × raw", sample.cpu_per_event() / cpu(0)),
            _ => format!("{against_genesis:.1} × Genesis"),
        };
        let lost = match sample.lost {
            0 => String::new(),
            lost => format!(
                ", lost {:.0} %",
                100.0 * lost as f64 / sample.events.max(1) as f64
            ),
        };
        table.push(Row {
            scenario: "loopback TCP, recorded burst".into(),
            contestant: format!("{what}{lost}"),
            cost: format!("{:.0}", sample.cpu_per_event()),
            speed: format!("{:.0} events/s", sample.events_per_second()),
            allocations: Some(counted.allocations_per_event()),
            ratio,
            target: (*target).into(),
        });
    }
    Ok(())
}
