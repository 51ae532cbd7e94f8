//! What scripts see: objects, their methods, and the one function that does every operation.
//!
//! Registering sixty asynchronous methods one by one costs 104 KB per state. Here one function is
//! registered; a method is a small closure over its number, made when it is first used.

pub(crate) mod args;
mod balance;
pub(crate) mod call;
mod channel;
mod client;
pub(crate) mod event;
pub(crate) mod failure;
mod functions;
pub(crate) mod media;
pub(crate) mod object;
mod options;
mod queue;
mod ring;
mod session;
pub(crate) mod shared;
pub(crate) mod spans;
pub(crate) mod told;

use functions::FUNCTIONS;
pub(crate) use functions::{Registration, Wanted};
pub(crate) use object::{Answer, Step};
pub(crate) use session::LuaSession;

use object::Begin;

/// A channel as scripts have it.
pub(crate) fn channel_of(channel: genesis_channel::Channel) -> channel::LuaChannel {
    channel::LuaChannel(channel)
}

/// The methods of each class, by the class's number. 0 are the functions of the table `genesis`.
const CLASSES: &[&[(&str, Begin)]] = &[
    FUNCTIONS,
    channel::METHODS,
    client::METHODS,
    session::METHODS,
    call::EXECUTION,
    call::BRIDGE,
    call::DIGITS,
    call::EXPECTED,
    call::ORIGINATION,
    ring::GROUP,
    ring::RINGING,
    ring::RING,
    balance::BALANCER,
    balance::LOAD,
    queue::QUEUE,
    queue::SLOT,
    queue::TICKET,
    queue::POSITIONS,
    queue::WATCH,
    queue::SEMAPHORE,
    functions::CONSUMER,
    call::COMPLETED,
    crate::modlua::OPERATIONS,
    call::GUARD,
];
