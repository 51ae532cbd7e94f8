//! [`Outbound`]: the calls that FreeSWITCH hands over.
//!
//! The dialplan's `socket` application connects here, one connection per call. What a connection
//! may do depends on how the dialplan wrote it:
//!
//! | dialplan | commands | applications |
//! |---|---|---|
//! | `socket host:port async full` | all | queued; the reply comes at once |
//! | `socket host:port full` | all | run one at a time; the reply comes when each is done |
//! | `socket host:port async` | `connect`, `getvar`, `myevents`, `filter`, `resume`, `divert_events`, `sendmsg`, `exit` | queued |
//! | `socket host:port` | the same few | one at a time |
//!
//! What the mode does not know is an error of its own ([`ErrorKind::Mode`](crate::ErrorKind::Mode)).

mod drain;
mod ending;
mod mode;
mod server;
mod session;

pub(crate) use ending::Ending;

pub use drain::{AtDeadline, Drain};
pub use mode::{Control, Mode, SocketMode};
pub use server::{Outbound, OutboundBuilder};
pub use session::Session;
