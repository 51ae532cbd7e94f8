//! Speed and memory of Genesis beside other published libraries and a hand-written raw loop.
//!
//! `cargo run --release -p genesis-benches` runs everything and prints one table. Every
//! measurement happens in a child process of its own; the rounds are interleaved, so that the
//! machine's mood hits all contestants alike, and medians are reported.
//!
//! | module | what it is for |
//! |---|---|
//! | [`corpus`] | the recorded burst, and one with 104 headers per event |
//! | [`raw`] | the hand-written loop: the limit |
//! | [`parse`] | contestants that decode bytes in memory |
//! | [`server`] | the mock switch that the parent process runs |
//! | [`tcp`] | a subscriber that decodes everything, over loopback TCP |
//! | [`commands`] | commands, one after the other and many at once |
//! | [`memory`] | heap of an idle connection, cost of many subscriptions |
//! | [`peers`] | the other libraries |
//! | [`calls`] | call control against the simulated switch: rings, channels, sessions, balancing, queues |
//! | [`telemetry`] | what it costs to be observed |
//! | [`lua`] | applications in Lua, and the command |
//! | [`measure`] | child processes, CPU time, medians |
//! | [`table`] | the table |

pub mod calls;
pub mod commands;
pub mod corpus;
pub mod lua;
pub mod measure;
pub mod memory;
pub mod parse;
pub mod peers;
pub mod raw;
pub mod server;
pub mod table;
pub mod tcp;
pub mod telemetry;

use std::sync::Arc;

use measure::{Heap, Sample};
use server::Tapes;

/// What a child process or a run that fails says.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What can be run alone, beside [`calls::SCENARIOS`].
const SCENARIOS: [&str; 7] = [
    "parse",
    "tcp",
    "commands",
    "memory",
    "telemetry",
    "lua",
    "serve",
];

/// Runs one contestant in this process: the arguments of a child process are
/// `run SCENARIO ...`.
///
/// # Errors
///
/// When there is no such scenario, or it fails.
pub fn run_child(arguments: &[String], heap: Heap) -> Result<Sample, Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", "parse", corpus, contestant] => parse::run(corpus, contestant, heap),
        ["run", "tcp", contestant, address, events] => {
            tcp::run(contestant, address, events.parse()?, heap)
        }
        ["run", "commands", contestant, address] => commands::run(contestant, address, heap),
        ["run", "idle", address, events] => memory::run_idle(address, events.parse()?, heap),
        ["run", "many", subscriptions, address, events] => {
            memory::run_many(subscriptions, address, events.parse()?, heap)
        }
        ["run", "calls", rest @ ..] => calls::run(rest, heap),
        ["run", "telemetry", "off", rest @ ..] => {
            telemetry::run(rest, telemetry::Observer::default(), heap)
        }
        _ => Err(format!("no such scenario: {words:?}").into()),
    }
}

/// Runs `only` one scenario, or every one, and prints the table. `serve` only plays the switch,
/// to run and profile one contestant by hand.
///
/// # Errors
///
/// When a child process fails.
pub fn run_all(only: Option<&str>) -> Result<(), Failure> {
    let wanted = |scenario: &str| only.is_none_or(|only| only == scenario);
    if let Some(only) = only
        && !SCENARIOS.contains(&only)
        && !calls::SCENARIOS.contains(&only)
    {
        let all: Vec<&str> = SCENARIOS.into_iter().chain(calls::SCENARIOS).collect();
        return Err(format!("no such scenario: {only}; there are {}", all.join(", ")).into());
    }
    let counter = measure::build_counter()?;
    let mut table = table::Table::default();
    let mut telemetry = Vec::new();
    let mut lua = Vec::new();
    if wanted("parse") {
        parse::report(&counter, &mut table)?;
    }
    if SCENARIOS.into_iter().skip(1).any(wanted) {
        let tapes = Arc::new(Tapes::load()?);
        let address = server::start(Arc::clone(&tapes))?;
        if wanted("tcp") {
            tcp::report(&counter, address, tapes.events(), &mut table)?;
        }
        if wanted("commands") {
            commands::report(address, &mut table)?;
        }
        if wanted("telemetry") {
            let events = tapes.events() * tcp::TIMES;
            telemetry = telemetry::report(&counter, address, events)?;
        }
        if wanted("lua") {
            lua = lua::report(address, tapes.part_events())?;
        }
        if only == Some("serve") {
            let (all, part) = (tapes.events(), tapes.part_events());
            return table::serving(address, all, part);
        }
        if wanted("memory") {
            memory::report(
                &counter,
                address,
                tapes.events(),
                tapes.part_events(),
                &mut table,
            )?;
        }
    }
    table.print();
    table::print_telemetry(&telemetry);
    table::print_calls("lua", &lua);
    for scenario in calls::SCENARIOS {
        if wanted(scenario) {
            table::print_calls(scenario, &calls::report(scenario, &counter)?);
        }
    }
    Ok(())
}

/// Runs `future` as a task of a current-thread runtime. As a task, because the future that the
/// runtime itself is waiting for costs one more look at the sockets each time it wakes.
fn block_on<T: Send + 'static>(
    future: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { tokio::spawn(future).await? })
}
