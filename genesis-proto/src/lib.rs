//! The FreeSWITCH Event Socket (ESL) protocol without I/O.
//!
//! Bytes go in, frames and events come out; commands go in, bytes come out. There is no
//! socket, no clock and no runtime in this crate, so it serves a client, a proxy, a simulated
//! switch and a packet capture alike.
//!
//! | module | what it is for |
//! |---|---|
//! | [`frame`] | [`Framer`] cuts a byte stream, in any chunking, into [`Frame`]s |
//! | [`headers`] | [`Headers`]: one shared buffer and an index that is built when first needed |
//! | [`event`] | [`Event`]: plain, JSON and XML events behind the same accessors |
//! | [`name`] | event names, channel and call states, hangup causes |
//! | [`reply`] | what the switch answered to a command |
//! | [`command`] | typed commands; nothing a caller passes can end a line |
//! | [`dial`] | dial strings and the arguments of `originate` |
//! | [`session`] | state machines for both sides of the wire |
//! | [`secret`] | passwords that do not print |
//!
//! # Example
//!
//! ```
//! use genesis_proto::{Event, Framer};
//!
//! let stream = b"Content-Length: 54\nContent-Type: text/event-plain\n\n\
//!     Event-Name: HEARTBEAT\nUp-Time: 0%20years,%201%20day\n\n";
//!
//! let mut framer = Framer::new();
//! framer.feed(stream)?;
//! while let Some(frame) = framer.next_frame()? {
//!     let event = Event::from_frame(&frame)?;
//!     assert_eq!(event.get("up-time").as_deref(), Some("0 years, 1 day"));
//! }
//! # Ok::<(), genesis_proto::Error>(())
//! ```
//!
//! # Features
//!
//! `json` and `xml` (both on by default) read events in those formats; `serde` makes frames and
//! events serialise. A feature adds to the API and never changes behaviour.

pub mod command;
pub mod dial;
mod error;
pub mod event;
pub mod frame;
pub mod headers;
mod limits;
mod log_line;
pub mod name;
mod percent;
pub mod reply;
pub mod secret;
pub mod session;

pub use command::Command;
pub use error::{Error, ErrorKind};
pub use event::Event;
pub use frame::{Frame, Framer};
pub use headers::Headers;
pub use limits::Limits;
pub use log_line::LogLine;
pub use name::{EventFormat, EventName, HangupCause};
pub use reply::Reply;
pub use secret::Secret;
