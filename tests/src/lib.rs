//! What the tests that cross crates share: the recordings, and reading them.
//!
//! Only for tests: a recording that is missing or broken is a panic.

mod commands;
mod decode;
mod recording;

pub use commands::{RecordedCommand, recorded_commands};
pub use decode::{Chunking, Decoded, decode, frames};
pub use recording::{Recording, repository};
