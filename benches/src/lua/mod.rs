//! Applications in Lua: events through a handler, calls with a script each, and the command.
//!
//! What links genesis-lua ([`contestants`], with the feature `lua`) is `genesis-benches-lua`, which
//! `genesis-benches` builds and starts: nobody else builds Lua.

mod command;
#[cfg(feature = "lua")]
pub mod contestants;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::measure::{self, Sample};
use crate::table::CallRow;

/// Rounds; in each every contestant runs once.
const ROUNDS: usize = 9;
const CALL_ROUNDS: usize = 3;

/// How many parts of the burst a contestant gets.
const PARTS: u64 = 60;

/// Calls of which the heap is looked at, and calls at once.
const MEASURED: u64 = 200;
const AT_ONCE: u64 = 2_000;

/// The targets: events per second and core, KB above the session itself, seconds until reloaded.
const EVENTS: f64 = 60_000.0;
const HEAP: f64 = 128.0;
const RELOAD: f64 = 0.5;

struct Programs {
    measured: PathBuf,
    counted: PathBuf,
}

/// Measures everything; `address` is the mock switch's, `events` how many a part of the burst has.
///
/// # Errors
///
/// When a program does not build, or a run fails.
pub(crate) fn report(address: SocketAddr, events: u64) -> Result<Vec<CallRow>, Failure> {
    let programs = Programs {
        measured: measure::build("genesis-benches-lua", &["--features", "lua"])?,
        counted: measure::build("genesis-benches-lua-count", &["--features", "lua"])?,
    };
    let mut rows = of_events(&programs, address, events)?;
    rows.extend(of_calls(&programs)?);
    rows.extend(command::report()?);
    Ok(rows)
}

fn met(is_met: bool) -> String {
    if is_met { "yes" } else { "no" }.to_owned()
}

/// Every contestant once per round, in turn; of each the run with the median CPU time.
fn rounds(count: usize, program: &Path, contestants: &[&[&str]]) -> Result<Vec<Sample>, Failure> {
    let mut samples = vec![Vec::with_capacity(count); contestants.len()];
    for _ in 0..count {
        for (arguments, samples) in contestants.iter().zip(&mut samples) {
            samples.push(measure::child(program, arguments)?);
        }
    }
    let medians = samples.into_iter().map(|mut samples: Vec<Sample>| {
        samples.sort_by_key(|sample| sample.cpu);
        samples.get(samples.len() / 2).copied().unwrap_or_default()
    });
    Ok(medians.collect())
}

fn of_events(
    programs: &Programs,
    address: SocketAddr,
    events: u64,
) -> Result<Vec<CallRow>, Failure> {
    let (address, events, parts) = (address.to_string(), events.to_string(), PARTS.to_string());
    let arguments = |who| ["lua", "events", who, &address, &parts, &events].map(String::from);
    let all = [arguments("rust"), arguments("lua")];
    let all: Vec<Vec<&str>> = all
        .iter()
        .map(|arguments| arguments.iter().map(String::as_str).collect())
        .collect();
    let all: Vec<&[&str]> = all.iter().map(Vec::as_slice).collect();
    let samples = rounds(ROUNDS, &programs.measured, &all)?;
    let rows = samples.iter().zip(["Rust", "Lua"]).map(|(sample, who)| {
        let each = sample.cpu_per_event() / 1e3;
        let per_core = 1e6 / each;
        let of_lua = sample.switch.as_nanos() as f64 / 1e3 / sample.events.max(1) as f64;
        let is_lua = who == "Lua";
        CallRow {
            contestant: format!("an event of the burst, a handler in {who} that reads 3 headers"),
            cost: format!("{each:.1}"),
            time: match is_lua {
                true => format!("{per_core:.0} events/s per core, {of_lua:.1} µs on Lua's thread"),
                false => format!("{per_core:.0} events/s per core"),
            },
            target: match is_lua {
                true => format!("≥ {EVENTS:.0} events/s per core"),
                false => String::new(),
            },
            met: match is_lua {
                true => met(per_core >= EVENTS),
                false => String::new(),
            },
            ..CallRow::default()
        }
    });
    Ok(rows.collect())
}

fn of_calls(programs: &Programs) -> Result<Vec<CallRow>, Failure> {
    const WHO: [(&str, &str); 3] = [
        ("rust", "Rust"),
        ("lua", "Lua"),
        ("mod_lua", "Lua in mod_lua's way"),
    ];
    let mut rows = Vec::new();
    for number in [MEASURED, AT_ONCE] {
        let text = number.to_string();
        let all = WHO.map(|(who, _)| ["lua", "calls", who, &text]);
        let all: Vec<&[&str]> = all.iter().map(<[&str; 4]>::as_slice).collect();
        let samples = rounds(CALL_ROUNDS, &programs.measured, &all)?;
        let mut session = 0.0;
        for (at, sample) in samples.iter().enumerate() {
            let held = measure::child(&programs.counted, all[at])?.held;
            let held = held as f64 / 1024.0 / number as f64;
            if at == 0 {
                session = held;
            }
            let above = held - session;
            let done = number == AT_ONCE;
            let (target, is_met) = match (at, done) {
                (0, false) => (String::new(), String::new()),
                (0, true) => ("none fails".to_owned(), met(true)),
                (_, false) => (format!("≤ {HEAP} KB above the session"), met(above <= HEAP)),
                (_, true) => (
                    format!("none fails, ≤ {HEAP} KB above the session"),
                    met(above <= HEAP),
                ),
            };
            rows.push(CallRow {
                contestant: format!("{number} calls at once, {}", WHO[at].1),
                cost: format!("{:.0}", sample.cpu_per_event() / 1e3),
                time: format!(
                    "all play after {}, over {} later",
                    crate::calls::shown(sample.marks[0]),
                    crate::calls::shown(sample.marks[1])
                ),
                heap: [
                    match at {
                        0 => String::new(),
                        _ => format!("{above:.1}"),
                    },
                    format!("{session:.1}"),
                ],
                target,
                met: is_met,
                ..CallRow::default()
            });
        }
    }
    Ok(rows)
}
