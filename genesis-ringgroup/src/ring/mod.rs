//! Ringing: several destinations are called, and the channel of the one that answers is the result.
//!
//! ```text
//! RingGroup::ring ── checks everything, then hands over to
//!   Driver ── one task per ring: whose turn it is, the time of the ring, who has won
//!     call ── one future per destination: its delay, its pace, its originate, its time
//!   hang_up ── one future per destination that did not win, after the result was told
//! Ringing ── the caller's handle: dropping it gives the ring up
//! ```
//!
//! See [`RingGroup`].

mod call;
mod destination;
mod drive;
mod group;
mod mode;
mod observed;
mod outcome;
mod ringing;

pub use destination::Destination;
pub use group::RingGroup;
pub use mode::RingMode;
pub use outcome::{Outcome, Report};
pub use ringing::{Ring, RingEvent, RingStep, Ringing};
