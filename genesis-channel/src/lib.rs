//! Call control: one call leg as a value that can be originated, answered, bridged and waited on.

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
pub use originate::{OriginateOptions, Origination, Pace, Progress};
