//! FreeSWITCH applications in Lua.

#![doc = include_str!("../README.md")]

mod api;
mod app;
mod consumer;
mod error;
mod io;
mod modlua;
mod options;
mod outbound;
mod runtime;
mod state;
mod workers;

pub use app::{App, Kind, Live};
pub use consumer::{LuaConsumer, RunningLuaConsumer};
pub use error::{Error, ErrorKind, Result};
pub use genesis_client as client;
pub use options::Options;
pub use runtime::{Runtime, Stats};
