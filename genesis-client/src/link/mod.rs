//! The task that owns a connection.
//!
//! [`Core`] is what outlives a single link: subscribers, the ledger, jobs, requests. [`run`] moves
//! one link's bytes; [`supervise`] makes the next link when one is lost.

mod core;
mod lag;
mod observed;
mod run;
mod supervise;
mod waiters;

use std::sync::Arc;
use std::time::Duration;

use genesis_proto::command::EventSet;
use genesis_proto::name::LogLevel;
use genesis_proto::{Command, Event, Reply};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use crate::error::Result;
use crate::log::LogItem;
use crate::queue::Queue;
use crate::router::{Sink, SubscriberId};
use crate::subscription::Subscription;

pub(crate) use self::core::Core;
pub(crate) use run::{Link, Opened};
pub(crate) use supervise::{Connector, Transport, supervise};

pub(crate) type Answer<T> = oneshot::Sender<Result<T>>;

/// `wait` from now; a wait that no clock can hold is a day, after which it is looked at again.
pub(crate) fn after(wait: Duration) -> Instant {
    later(Instant::now(), wait)
}

pub(crate) fn later(from: Instant, wait: Duration) -> Instant {
    from.checked_add(wait)
        .unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400))
}

/// What handles ask of the task.
pub(crate) enum Request {
    /// Send a command; its place among the replies is kept whoever waits.
    Command {
        command: Command,
        reply: Answer<Reply>,
        permit: OwnedSemaphorePermit,
        deadline: Instant,
    },
    /// Send a `bgapi`, its job's result awaited from before it leaves.
    Job {
        uuid: String,
        command: Command,
        reply: Answer<Reply>,
        permit: OwnedSemaphorePermit,
        deadline: Instant,
        result: Answer<Event>,
    },
    /// Send a `sendmsg execute`, its completion awaited from before it leaves.
    Execute {
        application_uuid: String,
        channel: String,
        command: Command,
        reply: Answer<Reply>,
        permit: OwnedSemaphorePermit,
        deadline: Instant,
        result: Answer<Event>,
    },
    Subscribe {
        id: SubscriberId,
        events: EventSet,
        subscription: Box<Subscription>,
        sink: Sink,
        done: Answer<()>,
    },
    Unsubscribe(SubscriberId),
    /// One consumer takes the place of another, between two events.
    HandOver {
        from: SubscriberId,
        to: SubscriberId,
    },
    Log {
        id: SubscriberId,
        level: LogLevel,
        queue: Arc<Queue<LogItem>>,
        done: Answer<()>,
    },
    /// Say `exit` if the link is up, and end for good; within this time, answered or not.
    Close {
        patience: Duration,
    },
}
