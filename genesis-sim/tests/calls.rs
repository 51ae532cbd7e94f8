//! Events of calls against those that FreeSWITCH 1.11.2 was recorded to fire: which events a channel
//! has, in which order, with which headers.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "support/causes.rs"]
mod causes;
#[path = "support/dialplan.rs"]
mod dialplan;
#[path = "support/differences.rs"]
mod differences;
#[path = "support/events.rs"]
mod events;
#[path = "support/session.rs"]
mod session;
mod support;

use session::Ends::{ByTheCaller, ByTheClient};

macro_rules! sessions {
    ($($name:ident $ends:ident)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                session::check(stringify!($name), $ends).await;
            }
        )*
    };
}

sessions! {
    outbound_async_full ByTheClient
    outbound_async_linger3_remote_hangup ByTheCaller
    outbound_async_nolinger_remote_hangup ByTheCaller
    outbound_bad_exec ByTheClient
    outbound_json_events ByTheCaller
    outbound_linger_then_nolinger ByTheCaller
    outbound_myevents_json ByTheCaller
    outbound_no_connect_first ByTheCaller
    outbound_pipelined_handshake ByTheCaller
    outbound_resume_var ByTheClient
    outbound_sync_async_header ByTheClient
    outbound_sync_full ByTheClient
    outbound_sync_pipelined_execs ByTheClient
    outbound_sync_single ByTheClient
}

/// One call for each cause that an extension can hang up with.
#[tokio::test(start_paused = true)]
async fn hangup_causes() {
    assert_eq!(causes::check("hangup_causes").await, 84);
}

/// An extension that rings, plays early media, answers and echoes, in each format.
#[tokio::test(start_paused = true)]
async fn call_full() {
    for format in ["plain", "json", "xml"] {
        dialplan::check(&format!("call_full_{format}"), "9103").await;
    }
}

/// A call that is bridged, with digits and hold, in each format.
#[tokio::test(start_paused = true)]
async fn call_full_bridge() {
    for format in ["plain", "json", "xml"] {
        dialplan::check_bridged(&format!("call_full_{format}"), "9106", "9103").await;
    }
}
