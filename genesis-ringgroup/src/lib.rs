//! Who gets the call: ring strategies, load balancing, queues.

pub mod balance;
mod error;
pub mod queue;
#[cfg(feature = "redis")]
mod redis;
mod ring;

pub use balance::{Choice, Load, LoadBalancer, MemoryBalancer};
#[cfg(feature = "redis")]
pub use balance::{RedisBalancer, WhenDown};
pub use error::{Error, ErrorKind, Result};
pub use genesis_channel as channel;
pub use queue::{Queue, Semaphore, Slot, SlotOptions, Ticket};
#[cfg(feature = "redis")]
pub use redis::RedisOptions;
pub use ring::{
    Destination, Outcome, Report, Ring, RingEvent, RingGroup, RingMode, RingStep, Ringing,
};
