//! State machines for both sides of the wire, without I/O.
//!
//! [`ClientSession`] is a client: it authenticates, keeps commands in order and gives each reply to
//! the command it answers, tells replies from events, and says why a connection ended.
//! [`SwitchSession`] is the switch: what a simulator, a proxy or a test needs.

mod client;
mod outcome;
pub mod switch;

pub use client::{ClientSession, CommandId, Credentials, Output};
pub use outcome::{Allowed, CloseReason, Outcome};
pub use switch::SwitchSession;

#[cfg(test)]
mod tests;
