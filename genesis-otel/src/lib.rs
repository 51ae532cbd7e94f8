//! Spans and metrics for Genesis.
//!
//! This crate is the other half of `genesis_client::observe`: with the feature `otel` of
//! genesis-client, genesis-channel or genesis-ringgroup its [`hooks`] take the place of the
//! zero-sized ones. The instrumentation itself comes with a later version; today the hooks have
//! the right shape and do nothing.

pub mod hooks;
