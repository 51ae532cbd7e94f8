//! Contestants that decode bytes in memory.

use std::hint::black_box;
use std::path::Path;

use genesis_proto::headers::DecodeBuffer;
use genesis_proto::{Event, Framer};

use crate::measure::{self, Heap, Meter, Sample};
use crate::table::{Row, Table};
use crate::{Failure, corpus, peers, raw};

/// How the stream is cut for those that can be fed: as a socket would give it.
const CHUNK: usize = 64 * 1024;
/// How often the corpus is read in one run, after one time to warm up.
const PASSES: u64 = 6;

/// Runs `contestant` on the corpus called `name`.
///
/// # Errors
///
/// When there is no such corpus or contestant, or the corpus cannot be read.
pub fn run(name: &str, contestant: &str, heap: Heap) -> Result<Sample, Failure> {
    let corpus = corpus::load(name)?;
    let bytes = corpus.bytes.as_slice();
    let events = match contestant {
        "raw" => |bytes: &[u8]| {
            Ok::<u64, Failure>(raw::decode_all(bytes, |name, value| {
                black_box((name, value));
            }))
        },
        "genesis-decode" => genesis_decode,
        "genesis-route" => genesis_route,
        "genesis-frame" => genesis_frame,
        "eslrs" => peers::eslrs_plain,
        _ => return Err(format!("no such contestant: {contestant}").into()),
    };
    if events(bytes)? != corpus.events {
        return Err(format!("{contestant} lost events").into());
    }
    let meter = Meter::start(heap);
    for _ in 0..PASSES {
        black_box(events(black_box(bytes))?);
    }
    Ok(meter.finish(PASSES * corpus.events, PASSES * bytes.len() as u64))
}

/// Every header of every event, decoded, through the public call meant for it.
fn genesis_decode(bytes: &[u8]) -> Result<u64, Failure> {
    let mut buffer = DecodeBuffer::new();
    genesis(bytes, |event| {
        event.decode(&mut buffer, |name, value| {
            black_box((name, value));
        });
    })
}

/// Event name, channel UUID and subclass: what routing needs.
fn genesis_route(bytes: &[u8]) -> Result<u64, Failure> {
    genesis(bytes, |event| {
        black_box(event.route());
    })
}

/// Framing alone, to see what of the other two it is.
fn genesis_frame(bytes: &[u8]) -> Result<u64, Failure> {
    let mut framer = Framer::new();
    let mut events = 0;
    for chunk in bytes.chunks(CHUNK) {
        framer.feed(chunk)?;
        while let Some(frame) = framer.next_frame()? {
            black_box(&frame);
            events += 1;
        }
    }
    Ok(events)
}

fn genesis(bytes: &[u8], mut each: impl FnMut(&Event)) -> Result<u64, Failure> {
    let mut framer = Framer::new();
    let mut events = 0;
    for chunk in bytes.chunks(CHUNK) {
        framer.feed(chunk)?;
        while let Some(frame) = framer.next_frame()? {
            each(&Event::from_frame(&frame)?);
            events += 1;
        }
    }
    Ok(events)
}

/// Measures all contestants on both corpora.
///
/// # Errors
///
/// When a child process fails.
pub fn report(counter: &Path, table: &mut Table) -> Result<(), Failure> {
    for (corpus, title) in [
        ("burst", "recorded burst"),
        ("wide", "104 headers per event"),
    ] {
        let contestants = ["raw", "genesis-decode", "genesis-route", "eslrs"];
        let arguments: Vec<[&str; 3]> = contestants
            .iter()
            .map(|&contestant| ["parse", corpus, contestant])
            .collect();
        let slices: Vec<&[&str]> = arguments.iter().map(<[&str; 3]>::as_slice).collect();
        let samples = measure::interleaved(&slices)?;
        let limit = samples.first().copied().unwrap_or_default();
        for ((&contestant, arguments), sample) in contestants.iter().zip(&slices).zip(&samples) {
            let counted = measure::child(counter, arguments)?;
            let (what, target) = match contestant {
                "raw" => ("raw loop, decode all (the limit)", ""),
                "genesis-decode" => ("Genesis, decode all", "≤ 1.3 × raw, ≤ 2 allocations"),
                "genesis-route" => ("Genesis, route keys", "≤ 0.2 × raw, ≤ 1 allocation"),
                _ => ("eslrs, split only (no url-decode)", ""),
            };
            table.push(Row {
                scenario: format!("in memory, {title}"),
                contestant: what.into(),
                sample: *sample,
                allocations: Some(counted.allocations_per_event()),
                ratio: Some(sample.cpu_per_event() / limit.cpu_per_event()),
                target: target.into(),
            });
        }
    }
    Ok(())
}
