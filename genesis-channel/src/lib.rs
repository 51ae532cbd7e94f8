//! Call control: one call leg as a value that can be originated, answered, bridged and waited on.
//!
//! Over an inbound connection and over an outbound session with the same methods. This crate is
//! laid out and not built yet; until it is, [`genesis_client`] has what it will stand on:
//! [`Client::bgapi`](genesis_client::Client::bgapi),
//! [`Client::execute`](genesis_client::Client::execute) and
//! [`Session`](genesis_client::Session).

pub use genesis_client as client;
