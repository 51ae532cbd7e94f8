//! One contestant of the scenario `telemetry` with the feature; `genesis-benches` builds and starts it.

#[path = "../installed.rs"]
mod installed;

use genesis_benches::measure::Heap;
use genesis_benches::{Failure, table};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    table::print_sample(&installed::run(&arguments, Heap::Uncounted)?);
    Ok(())
}
