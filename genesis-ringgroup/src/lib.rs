//! Who gets the call: ring strategies, load balancing, queues.
//!
//! This crate is laid out and not built yet. It will stand on [`genesis_channel`].

pub use genesis_channel as channel;
