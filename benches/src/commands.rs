//! Commands against the mock switch: one after the other, and from 64 tasks at once.

use std::net::SocketAddr;

use genesis_client::{Client, Inbound};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::measure::{self, Heap, Meter, Sample};
use crate::table::{Row, Table};
use crate::{Failure, block_on, peers, raw};

/// How many commands may be under way.
const WINDOW: u64 = 64;
/// How many commands there are in one run.
pub(crate) const COMMANDS: u64 = 64 * 400;

const COMMAND: &[u8] = b"api echo hello\n\n";

/// Sends commands to the switch at `address`; every contestant on a current-thread runtime.
///
/// # Errors
///
/// When there is no such contestant or the connection fails.
pub fn run(contestant: &str, address: &str, heap: Heap) -> Result<Sample, Failure> {
    let address: SocketAddr = address.parse()?;
    let meter = match contestant {
        "raw-sequential" => block_on(raw(address, heap, 1)),
        "raw-pipelined" => block_on(raw(address, heap, WINDOW)),
        "genesis-sequential" => block_on(genesis_sequential(address, heap)),
        "genesis-tasks" => block_on(async move {
            let client = Inbound::builder()
                .password("ClueCon")
                .connect(address.to_string())
                .await?;
            genesis_tasks(client, heap).await
        }),
        "freeswitch-esl-tokio" => block_on(peers::esl_tokio_commands(address, heap, COMMANDS)),
        _ => return Err(format!("no such contestant: {contestant}").into()),
    }?;
    Ok(meter.finish(COMMANDS, 0))
}

/// Keeps `window` commands under way.
async fn raw(address: SocketAddr, heap: Heap, window: u64) -> Result<Meter, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(raw::CHUNK);
    stream.write_all(b"auth ClueCon\n\n").await?;
    while !buffer.ends_with(b"+OK accepted\n\n") {
        stream.read_buf(&mut buffer).await?;
    }
    buffer.clear();
    let meter = Meter::start(heap);
    stream.write_all(&COMMAND.repeat(window as usize)).await?;
    let (mut sent, mut answered) = (window, 0);
    let mut output = Vec::new();
    while answered < COMMANDS {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err("the switch went away".into());
        }
        let mut rest = buffer.as_slice();
        while let Some((body, after)) = raw::next_frame(rest) {
            if body != b"hello\n" {
                return Err("not the reply".into());
            }
            answered += 1;
            if sent < COMMANDS {
                output.extend_from_slice(COMMAND);
                sent += 1;
            }
            rest = after;
        }
        let used = buffer.len() - rest.len();
        buffer.drain(..used);
        if !output.is_empty() {
            stream.write_all(&output).await?;
            output.clear();
        }
    }
    Ok(meter)
}

async fn genesis_sequential(address: SocketAddr, heap: Heap) -> Result<Meter, Failure> {
    let client = Inbound::builder()
        .password("ClueCon")
        .connect(address.to_string())
        .await?;
    let meter = Meter::start(heap);
    for _ in 0..COMMANDS {
        client.api("echo hello").await?;
    }
    Ok(meter)
}

pub(crate) async fn genesis_tasks(client: Client, heap: Heap) -> Result<Meter, Failure> {
    let meter = Meter::start(heap);
    let tasks: Vec<_> = (0..WINDOW)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..COMMANDS / WINDOW {
                    client.api("echo hello").await?;
                }
                Ok::<(), genesis_client::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(meter)
}

/// Measures all contestants.
///
/// # Errors
///
/// When a child process fails.
pub fn report(address: SocketAddr, table: &mut Table) -> Result<(), Failure> {
    let address = address.to_string();
    let contestants = [
        ("raw-sequential", "raw, sequential", ""),
        ("genesis-sequential", "Genesis, sequential", "≥ 0.85 of raw"),
        (
            "freeswitch-esl-tokio",
            "freeswitch-esl-tokio, sequential",
            "",
        ),
        ("raw-pipelined", "raw, pipelined, window 64", ""),
        ("genesis-tasks", "Genesis, 64 tasks", "≥ 0.7 of raw"),
    ];
    let arguments: Vec<[&str; 3]> = contestants
        .iter()
        .map(|contestant| ["commands", contestant.0, &address])
        .collect();
    let slices: Vec<&[&str]> = arguments.iter().map(<[&str; 3]>::as_slice).collect();
    let samples = measure::interleaved(&slices, |sample| sample.wall)?;
    let mut raw = f64::NAN;
    for ((contestant, what, target), sample) in contestants.iter().zip(&samples) {
        if contestant.starts_with("raw") {
            raw = sample.events_per_second();
        }
        table.push(Row {
            scenario: "commands to one mock switch".into(),
            contestant: (*what).into(),
            cost: format!("{:.0}", sample.cpu_per_event()),
            speed: format!("{:.0} commands/s", sample.events_per_second()),
            allocations: None,
            ratio: format!("{:.2} of raw", sample.events_per_second() / raw),
            target: (*target).into(),
        });
    }
    Ok(())
}
