//! Runs every benchmark and prints one table; `genesis-benches parse` runs one scenario.

use genesis_benches::measure::Heap;
use genesis_benches::{Failure, run_all, run_child, table};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "run") {
        table::print_sample(&run_child(&arguments, Heap::Uncounted)?);
        return Ok(());
    }
    run_all(arguments.first().map(String::as_str))
}
