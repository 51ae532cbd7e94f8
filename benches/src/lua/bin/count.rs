//! The same under an allocator that counts.

use std::alloc::System;

use genesis_benches::measure::Heap;
use genesis_benches::{Failure, lua, table};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    table::print_sample(&lua::contestants::run(&arguments, Heap::Counted(GLOBAL))?);
    Ok(())
}
