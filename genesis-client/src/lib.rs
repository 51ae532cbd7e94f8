//! The live connection to FreeSWITCH, on tokio.
//!
//! * [`Inbound`] dials FreeSWITCH and gives a [`Client`]; [`Outbound`] accepts the calls that
//!   FreeSWITCH's `socket` application hands over and gives a [`Session`] for each.
//! * Commands are pipelined and their outcome is honest: replied, refused, not sent, or sent with an
//!   unknown outcome. A reply never reaches another caller, and nothing is sent twice.
//! * Every subscriber has a bounded queue; what it loses it sees ([`Item::Lagged`]), and a link that
//!   was away leaves an [`Item::Gap`].
//! * Every await ends: by the answer, the deadline, or the end of the connection with its reason.
//!
//! Start with [`Client`] and [`Inbound`].

mod client;
mod consumer;
mod error;
mod execute;
mod extension;
mod filter;
mod inbound;
mod job;
mod ledger;
mod link;
mod log;
pub mod observe;
mod options;
mod outbound;
mod queue;
mod resync;
mod router;
mod stats;
mod subscription;
mod tap;

pub use client::{Client, LinkState};
pub use consumer::{
    Consumer, ConsumerStats, FailureCause, HandlerFailure, HandlerResult, Lane, Missed,
    RunningConsumer,
};
pub use error::{Error, ErrorKind, Result};
pub use execute::Execution;
pub use extension::{KeepOpen, WeakClient};
pub use filter::HeaderFilter;
pub use genesis_proto as proto;
pub use inbound::{Inbound, InboundBuilder};
pub use job::{Job, JobResult};
pub use log::{LogItem, LogStream};
pub use options::{Options, Reconnect};
pub use outbound::{
    AtDeadline, Control, Drain, Mode, Outbound, OutboundBuilder, Session, SocketMode,
};
pub use queue::Overflow;
pub use resync::{Change, Changes, ChannelRow, ChannelSnapshot};

pub use stats::Stats;
pub use subscription::{EventStream, Gap, Item, Subscription};
pub use tap::{Tap, TapGuard};
