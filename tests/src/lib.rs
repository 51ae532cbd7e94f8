//! What the tests that cross crates share: the recordings, and reading them.
//!
//! Only for tests: a recording that is missing or broken is a panic.

mod commands;
mod decode;
mod recording;

pub use commands::{RecordedCommand, recorded_commands};
pub use decode::{Chunking, Decoded, decode, frames};
pub use recording::{Recording, repository};

/// The snippets of the READMEs compile and run.
#[cfg(doctest)]
mod readmes {
    #[doc = include_str!("../../README.md")]
    mod workspace {}
    #[doc = include_str!("../../genesis-proto/README.md")]
    mod proto {}
    #[doc = include_str!("../../genesis-client/README.md")]
    mod client {}
    #[doc = include_str!("../../genesis-channel/README.md")]
    mod channel {}
    #[doc = include_str!("../../genesis-ringgroup/README.md")]
    mod ringgroup {}
    #[doc = include_str!("../../genesis-sim/README.md")]
    mod sim {}
}
