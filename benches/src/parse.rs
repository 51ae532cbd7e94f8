//! Contestants that decode bytes in memory.

use std::hint::black_box;
use std::path::Path;

use genesis_proto::event::EventRef;
use genesis_proto::headers::DecodeBuffer;
use genesis_proto::{Event, Frame, Framer, frame};

use crate::measure::{self, Heap, Meter, Sample};
use crate::raw::Raw;
use crate::table::{Row, Table};
use crate::{Failure, corpus, peers, raw};

/// How much of the corpus is read over and over before the next part: bytes that come from a
/// socket are in the cache, so those of the corpus should be.
const PART: usize = 1024 * 1024;
/// How often each part is read.
const PASSES: u64 = 8;

/// Reads events and returns how many there were.
type Contestant = Box<dyn FnMut(&[u8]) -> Result<u64, Failure>>;

/// Runs `contestant` on the corpus called `name`.
///
/// # Errors
///
/// When there is no such corpus or contestant, or the corpus cannot be read.
pub fn run(name: &str, contestant: &str, heap: Heap) -> Result<Sample, Failure> {
    let corpus = corpus::load(name)?;
    let mut read = find(contestant)?;
    if read(&corpus.bytes)? != corpus.events {
        return Err(format!("{contestant} lost events").into());
    }
    let parts = corpus.parts(PART);
    let meter = Meter::start(heap);
    for part in parts {
        for _ in 0..PASSES {
            black_box(read(black_box(part))?);
        }
    }
    Ok(meter.finish(PASSES * corpus.events, PASSES * corpus.bytes.len() as u64))
}

fn find(contestant: &str) -> Result<Contestant, Failure> {
    let mut buffer = DecodeBuffer::new();
    let mut raw = Raw::default();
    Ok(match contestant {
        "raw" => Box::new(move |bytes| {
            Ok(raw.decode_all(bytes, |name, value| {
                black_box((name, value));
            }))
        }),
        // every header of every event, decoded, through the public call meant for it
        "genesis-decode" => framed(move |frame| {
            Event::try_from(frame)?.decode(&mut buffer, |name, value| {
                black_box((name, value));
            });
            Ok(())
        }),
        // event name, channel UUID and subclass: what routing needs
        "genesis-route" => framed(|frame| {
            black_box(Event::try_from(frame)?.route());
            Ok(())
        }),
        // framing alone, to see what of the other two it is
        "genesis-frame" => framed(|frame| {
            black_box(frame);
            Ok(())
        }),
        // the same without a copy, for those who parse where the bytes are
        "genesis-decode-in-place" => in_place(move |event| {
            event.decode(&mut buffer, |name, value| {
                black_box((name, value));
            });
        }),
        "genesis-route-in-place" => in_place(|event| {
            black_box(event.route());
        }),
        "eslrs" => Box::new(move |bytes| Ok(raw.receive(bytes, peers::eslrs_plain))),
        _ => return Err(format!("no such contestant: {contestant}").into()),
    })
}

fn framed(mut each: impl FnMut(Frame) -> Result<(), Failure> + 'static) -> Contestant {
    let mut framer = Framer::new();
    Box::new(move |bytes| {
        let mut events = 0;
        for chunk in bytes.chunks(raw::CHUNK) {
            framer.feed(chunk)?;
            while let Some(frame) = framer.next_frame()? {
                each(frame)?;
                events += 1;
            }
        }
        Ok(events)
    })
}

fn in_place(mut each: impl FnMut(EventRef<'_>) + 'static) -> Contestant {
    let mut buffer = Vec::new();
    Box::new(move |bytes| {
        let mut events = 0;
        for chunk in bytes.chunks(raw::CHUNK) {
            buffer.extend_from_slice(chunk);
            let mut used = 0;
            while let Some((frame, length)) = frame::parse(&buffer[used..])? {
                each(EventRef::parse(frame.body().unwrap_or(b"")));
                events += 1;
                used += length;
            }
            buffer.drain(..used);
        }
        Ok(events)
    })
}

/// Measures all contestants on both corpora.
///
/// # Errors
///
/// When a child process fails.
pub fn report(counter: &Path, table: &mut Table) -> Result<(), Failure> {
    let contestants = [
        ("raw", "raw loop, decode all: the limit", ""),
        (
            "genesis-decode",
            "Genesis, decode all",
            "≤ 1.3 × raw, ≤ 2 allocations",
        ),
        (
            "genesis-decode-in-place",
            "Genesis, decode all, in place",
            "the same",
        ),
        (
            "genesis-route",
            "Genesis, route keys",
            "≤ 0.2 × raw, ≤ 1 allocation",
        ),
        (
            "genesis-route-in-place",
            "Genesis, route keys, in place",
            "the same",
        ),
        ("genesis-frame", "Genesis, framing alone", ""),
        ("eslrs", "eslrs, split only (no url-decode)", ""),
    ];
    for (corpus, title) in [
        ("burst", "recorded burst"),
        ("wide", "104 headers per event"),
    ] {
        let arguments: Vec<[&str; 3]> = contestants
            .iter()
            .map(|contestant| ["parse", corpus, contestant.0])
            .collect();
        let slices: Vec<&[&str]> = arguments.iter().map(<[&str; 3]>::as_slice).collect();
        let samples = measure::interleaved(&slices, |sample| sample.cpu)?;
        let raw = samples.first().map_or(f64::NAN, Sample::cpu_per_event);
        for (((_, what, target), arguments), sample) in
            contestants.iter().zip(&slices).zip(&samples)
        {
            let counted = measure::child(counter, arguments)?;
            let megabytes = sample.bytes as f64 / 1e6 / sample.cpu.as_secs_f64();
            table.push(Row {
                scenario: format!("in memory, {title}"),
                contestant: (*what).into(),
                cost: format!("{:.0}", sample.cpu_per_event()),
                speed: format!("{megabytes:.0} MB/s"),
                allocations: Some(counted.allocations_per_event()),
                ratio: format!("{:.2} × raw", sample.cpu_per_event() / raw),
                target: (*target).into(),
            });
        }
    }
    Ok(())
}
