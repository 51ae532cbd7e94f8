//! Recorded traffic and helpers for the tests in this crate.
