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
//! | [`peers`] | the other libraries |
//! | [`measure`] | child processes, CPU time, medians |
//! | [`table`] | the table |

pub mod corpus;
pub mod measure;
pub mod parse;
pub mod peers;
pub mod raw;
pub mod table;

use measure::{Heap, Sample};

/// What a child process or a run that fails says.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs one contestant in this process: the arguments of a child process are
/// `run SCENARIO CONTESTANT [ADDRESS]`.
///
/// # Errors
///
/// When there is no such scenario, or it fails.
pub fn run_child(arguments: &[String], heap: Heap) -> Result<Sample, Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", "parse", corpus, contestant] => parse::run(corpus, contestant, heap),
        _ => Err(format!("no such scenario: {words:?}").into()),
    }
}

/// Runs every scenario and prints the table.
///
/// # Errors
///
/// When a child process fails.
pub fn run_all(only: Option<&str>) -> Result<(), Failure> {
    let counter = measure::build_counter()?;
    let mut table = table::Table::default();
    if only.is_none_or(|only| only == "parse") {
        parse::report(&counter, &mut table)?;
    }
    table.print();
    Ok(())
}
