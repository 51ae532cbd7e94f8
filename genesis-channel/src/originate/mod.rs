//! Originating calls so that nothing is left ringing.
//!
//! ```text
//! Channel::originate_prepare ── follows each leg's Unique-ID, waits for its pace
//! PreparedOriginate::start ── hands over to
//!   attempt ── a task owned by the connection: sends `bgapi originate`, waits for the job
//!     reaper ── hangs up whatever comes of an attempt that was cancelled, until it is over
//! Origination ── the caller's handle: dropping it cancels the attempt
//! ```

mod attempt;
mod legs;
mod options;
mod origination;
mod pace;
mod prepare;
mod reaper;

pub use options::{OriginateOptions, Pace};
pub use origination::{Origination, Progress};
pub(crate) use pace::Window;
pub use prepare::PreparedOriginate;
