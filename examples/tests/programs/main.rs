//! The example programs, run as they are against a simulated switch.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers are tests too: one that cannot go on fails"
)]

mod call_queue;
mod click_to_call;
mod dialer;
mod group_call;
mod ivr;
mod support;
