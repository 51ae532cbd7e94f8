//! Counters that need no telemetry crate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64,)* pub(crate) lag_micros: AtomicU64 }

        /// What a connection has done so far, over all reconnects.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
            /// How far behind the switch the last events arrived (relative to the quickest seen).
            pub lag: Duration,
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Stats {
                Stats {
                    $($name: self.$name.load(Ordering::Relaxed),)*
                    lag: Duration::from_micros(self.lag_micros.load(Ordering::Relaxed)),
                }
            }
        }
    };
}

counters! {
    /// Bytes read.
    bytes_received,
    /// Bytes written.
    bytes_sent,
    /// Commands sent, our own included.
    commands_sent,
    /// Replies received.
    replies,
    /// Replies that said `-ERR` or `-USAGE`.
    refused,
    /// Replies whose caller had given up; they were thrown away.
    replies_unclaimed,
    /// Events received.
    events,
    /// Events that no subscriber wanted.
    events_unclaimed,
    /// Events dropped because a subscriber's queue was full, summed over subscribers.
    events_lagged,
    /// Events whose JSON or XML could not be read.
    events_unreadable,
    /// Log lines received.
    log_lines,
    /// Frames of an unknown kind.
    frames_unknown,
    /// Connections made again after a loss.
    reconnects,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
