//! Call control: one call leg as a value that can be originated, answered, bridged and waited on.
//!
//! A [`Channel`] is made by [`Channel::originate`], [`Channel::from_session`] (a call that FreeSWITCH
//! handed over) or [`Channel::attach`] (a call that is up), and has the same methods wherever it came
//! from.
//!
//! ```
//! use std::time::Duration;
//! use genesis_channel::{Channel, OriginateOptions};
//! use genesis_client::Inbound;
//! use genesis_sim::Sim;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sim = Sim::builder().start().await?;
//! let client = Inbound::builder().connect_over(sim.connect()).await?;
//!
//! let options = OriginateOptions::new().timeout(Duration::from_secs(20));
//! let channel = Channel::originate(&client, "sim/answer?after=2s", options).await?;
//! channel.playback("tone_stream://%(500,0,440)").await?.complete().await?;
//! channel.hangup(None).await?;
//! println!("{:?}", channel.ended_with().await?); // Some(NormalClearing)
//! # Ok(())
//! # }
//! ```
//!
//! # What can be relied on
//!
//! - State follows events alone and never goes backwards once the call has ended, whatever order the
//!   events come in.
//! - Every wait ends: by what it waits for, by the hangup (with its cause), by the deadline, or with
//!   the link.
//! - An originate that is dropped at any moment leaves nothing ringing. If the connection is lost for
//!   good, the error lists the legs that may still ring; they end at their `originate_timeout`, which
//!   is always sent.
//! - After a link was away, the state is what the switch then shows (`show channels`, asked once for
//!   all channels).
//! - Dropping a channel leaves the call alone; [`Channel::hangup_on_drop`] is the guard that does not.
//!
//! # What needs which socket
//!
//! | | inbound, `async full` | sync `full` | `async`, sync |
//! |---|---|---|---|
//! | applications: answer, playback, say, record, digits, bridge to a dial string, `execute` | yes | yes | yes |
//! | hangup, set variables, park, transfer, DTMF, recording of the conversation | yes | yes | by applications |
//! | get variables, hold, break, broadcast, transfer of the other leg | yes | yes | no |
//! | originate, attach | yes | yes | no |
//! | bridge to a call that is up | yes | other calls only | no |
//! | CALLSTATE, HOLD and recording events in the state | yes | yes | no |
//!
//! What a socket does not allow is [`ErrorKind::Mode`], and the text says which mode it takes.
//!
//! # Limits
//!
//! | what | bound |
//! |---|---|
//! | digits that wait for a reader or a handler | 1,024 per reader; more are dropped and counted ([`DigitStream::lost`]) |
//! | originates a second over one connection | what the switch says, see [`Pace`] |
//! | how long an originate rings | 60 s, [`OriginateOptions::timeout`] |
//! | how long a cancelled originate is pursued | until the switch has ended it; 15 s longer than it could ring at most |
//! | how long an application may take | [`Options::job_timeout`](genesis_client::Options), 1 h |

mod channel;
mod control;
mod dtmf;
mod error;
mod follow;
mod originate;

pub use channel::{Channel, Expected};
pub use control::{
    Bridge, BridgeTo, Bridging, BroadcastLeg, Completed, DigitsResult, Execution, HangupGuard,
    PlayAndGetDigits, RecordOptions, Say, SayGender, SayMethod, Transfer, TransferLeg,
};
pub use dtmf::{Digit, DigitHandlerId, DigitStream};
pub use error::{Error, ErrorKind, Result};
pub use follow::Condition;
pub use genesis_client as client;
pub use originate::{OriginateOptions, Origination, Pace, PreparedOriginate, Progress};
