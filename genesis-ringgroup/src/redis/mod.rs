//! The one way to Redis for everything in this crate that several processes share.
//!
//! [`RedisStore`] runs scripts, [`Subscriber`] hears what others publish. Both reconnect on their own.
//! Neither knows a key or a script: those belong to whoever uses them.

mod options;
mod store;
mod subscriber;

pub use options::RedisOptions;
pub(crate) use store::{RedisStore, Script};
pub(crate) use subscriber::{Heard, Subscriber};
