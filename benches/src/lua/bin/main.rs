//! One contestant of the scenario `lua`; `genesis-benches` builds and starts it.

use genesis_benches::measure::Heap;
use genesis_benches::{Failure, lua, table};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    table::print_sample(&lua::contestants::run(&arguments, Heap::Uncounted)?);
    Ok(())
}
