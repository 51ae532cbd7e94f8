//! A FreeSWITCH to develop and test against: the same bytes on the wire, calls that follow a
//! script, faults on demand, virtual time.
//!
//! [`Sim`] is a switch in the process of the test. Clients connect in memory ([`Sim::connect`]) or
//! over TCP ([`SimBuilder::listen`]). Everything waits on tokio's clock only, so with
//! `#[tokio::test(start_paused = true)]` a call of an hour takes no time and gives the same bytes
//! every time.
//!
//! ```
//! use genesis_sim::Sim;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> std::io::Result<()> {
//! let sim = Sim::builder().password("secret").start().await?;
//! let mut client = sim.connect();
//! client.write_all(b"auth secret\n\napi echo hello\n\nexit\n\n").await?;
//!
//! let mut stream = String::new();
//! client.read_to_string(&mut stream).await?;
//! assert!(stream.starts_with("Content-Type: auth/request\n\n"));
//! assert!(stream.contains("Reply-Text: +OK accepted\n\n"));
//! assert!(stream.contains("Content-Type: api/response\nContent-Length: 5\n\nhello"));
//! assert!(stream.ends_with("See you at ClueCon! http://www.cluecon.com/\n"));
//! # Ok(())
//! # }
//! ```
//!
//! | item | what it is for |
//! |---|---|
//! | [`Sim`], [`SimBuilder`] | the switch as a whole |
//! | [`switch`] | its calls: fire events, make calls, run api commands without a connection |
//! | [`script`] | who answers and how, and the dialplan |
//! | [`Faults`], [`FaultPlan`] | what goes wrong |
//! | [`ListenerOptions`], [`User`] | passwords, limits, time limits |
//!
//! # How close it is
//!
//! The event socket is compared, byte for byte, with what FreeSWITCH 1.11.2 was recorded to send.
//! On purpose it differs in this:
//!
//! - Events are written at once. FreeSWITCH looks for them every 20 ms, which no client can see but
//!   by the clock.
//! - `Event-Sequence` has no gaps and no inversions, because one lock makes and delivers events;
//!   FreeSWITCH does it on several threads. Nothing may rely on either.
//! - When the session of a connection hangs up, events that were fired by then are written before
//!   the goodbye. In FreeSWITCH that is a race.
//! - `linger N` ends N and a half seconds after the hangup; FreeSWITCH counts whole seconds of its
//!   own clock and so ends between N and N + 1.
//! - The bodies of one command may have 16 MiB together; FreeSWITCH allows that much for each of
//!   several `Content-Length` lines in one command, which nobody sends.
//! - A header of a `sendevent` without a name, or with a control character in it, is left out.
//!   FreeSWITCH relays it.
//! - `divert_events` answers as FreeSWITCH does and has no other effect; an event sent to a session
//!   (`sendevent` with `unique-id`) is swallowed.
//! - `unload` and `reload` of the module itself are no special commands.
//! - An async `socket` parks its call as soon as it is connected, FreeSWITCH when the client has
//!   sent `connect`. So CHANNEL_PARK is fired before a client can subscribe.
//! - `uuid_bridge` with a leg that has no media ends both at once. FreeSWITCH waits for the answer if
//!   there is a `ringback` to play meanwhile.
//! - Regular expressions of filters are those of the crate `regex`: no look-around, no
//!   back-references.
//!
//! Calls are compared event by event: which events a channel has, in which order, and the names of
//! the headers of each. That covers the recorded `outbound` sessions, one call for each of 84 hangup
//! causes, and an incoming call that rings, plays early media, answers and echoes, in plain, JSON and
//! XML. `tests/support/differences.rs` has every exception with its reason. In words:
//!
//! - There are no presence agents and no SIP messages: no PRESENCE_IN, no RECV_INFO, and no variables
//!   that SIP sets (`sip_*`, `sofia_profile_*`, `max_forwards` and so on).
//! - Nothing is negotiated for media: no `rtp_*`, `remote_*`, `local_media_*` and the like.
//! - A `loopback/` is one leg as any other, not two: no `-b` leg, no variables of loopback, no codec
//!   before there is media, and no dialplan or network address of its own in its caller profile.
//! - `say` plays a tone: its events name a file type, and no `sound_prefix` is set.
//! - A leg forgets the other one when their bridge ends (`Other-*`, `signal_bond`). In FreeSWITCH that
//!   depends on the endpoint.
//! - Of a recorded bridge with digits and hold, the header names of the calling leg are compared, not
//!   the order, and nothing of the called leg: each has its own SIP dialogue in the recording.
//! - Nor is `originate_signal_bond` set while a leg waits for those that it calls.
//! - The lists `originated_legs` and `originate_causes` are not kept, nor is `bridge_to`, which
//!   lasts for one CALL_UPDATE.

mod api;
mod faults;
mod listener;
mod options;
pub mod script;
mod server;
mod sim;
pub mod switch;

pub use faults::{ConnectionId, FaultPlan, Faults};
pub use options::{ListenerOptions, User};
pub use server::PipeListener;
pub use sim::{Sim, SimBuilder};
