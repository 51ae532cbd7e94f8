//! Every limit, deadline and default of the client, in one place.

use std::time::Duration;

use genesis_proto::{EventFormat, Limits};

/// How a connection behaves. The defaults suit a busy switch.
///
/// ```
/// use std::time::Duration;
/// use genesis_client::Options;
///
/// let options = Options { command_timeout: Duration::from_secs(5), ..Options::default() };
/// # let _ = options;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How long connecting may take: the TCP handshake, and authentication. Default 10 s.
    pub connect_timeout: Duration,
    /// How long a command may wait for its reply. An `api` that takes longer (a synchronous
    /// `originate`) needs [`Client::timeout`](crate::Client::timeout), or better `bgapi`.
    /// Default 30 s.
    pub command_timeout: Duration,
    /// How long a `bgapi` job, and an executed application, may take to its result. Default 1 h.
    pub job_timeout: Duration,
    /// The format of events on the connection. Plain is the cheapest on both sides; JSON carries
    /// values with `%41` in them unchanged. Default plain.
    pub event_format: EventFormat,
    /// How many commands may wait for their reply; further callers wait for a place. Default 4,096.
    pub commands_in_flight: usize,
    /// How many items a subscriber's queue holds unless the subscription says otherwise.
    /// Default 65,536.
    pub queue_items: usize,
    /// How many bytes of events a subscriber's queue holds unless the subscription says otherwise.
    /// Default 64 MiB.
    pub queue_bytes: usize,
    /// How many subscribers one connection may have. Default 100,000.
    pub subscribers: usize,
    /// A silent connection is probed after this time (with `api hostname`, any answer will do),
    /// and given up when it stays silent for the same time again. While an `api` runs the switch
    /// says nothing else, so then it is the command's deadline that counts. `None`: never.
    /// Default 30 s.
    pub idle_probe: Option<Duration>,
    /// Gives the connection up when no HEARTBEAT came for this time (the switch sends one every
    /// 20 s by default). `None`: HEARTBEAT is not subscribed for that. A user that may not have
    /// HEARTBEAT, and an outbound socket, do without. Default `None`.
    pub heartbeat_timeout: Option<Duration>,
    /// Warns when events arrive this much later than the switch made them: it keeps 100,000 for a
    /// slow listener, then drops, then closes. Default 2 s.
    pub lag_warning: Duration,
    /// When every subscriber is bound to channels, ask the switch to send only theirs (with
    /// `filter`). Otherwise filters are applied here, because one wire filter would hide
    /// everything else from every other subscriber. Default off.
    pub wire_filters: bool,
    /// TCP keep-alive: idle time before the first probe. `None`: off. Default 30 s.
    pub tcp_keepalive: Option<Duration>,
    /// Bounds on what is accepted from the wire.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            command_timeout: Duration::from_secs(30),
            job_timeout: Duration::from_secs(3600),
            event_format: EventFormat::Plain,
            commands_in_flight: 4096,
            queue_items: 65_536,
            queue_bytes: 64 << 20,
            subscribers: 100_000,
            idle_probe: Some(Duration::from_secs(30)),
            heartbeat_timeout: None,
            lag_warning: Duration::from_secs(2),
            wire_filters: false,
            tcp_keepalive: Some(Duration::from_secs(30)),
            limits: Limits::default(),
        }
    }
}

/// How a lost connection is made again.
///
/// The delay doubles from `first` to `max`; each is multiplied by a random factor between 0.5 and
/// 1.0, so that a thousand clients of a restarted switch do not come back in step. It starts over
/// only after a connection that lasted longer than `max`, so a switch that accepts and closes at
/// once is not hammered.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconnect {
    /// The delay before the first attempt. Default 0.5 s.
    pub first: Duration,
    /// The longest delay. Default 30 s.
    pub max: Duration,
    /// Give up after this many attempts in a row. `None`: never. Default `None`.
    pub attempts: Option<u32>,
    /// Keep trying, every `max`, when the switch refuses the password or the address. Default
    /// off: it will refuse again, and a wrong password twice a second is an attack.
    pub retry_refused: bool,
    /// Apply all this to the first connection too, instead of failing at once. Default off.
    pub first_connection: bool,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            max: Duration::from_secs(30),
            attempts: None,
            retry_refused: false,
            first_connection: false,
        }
    }
}

impl Reconnect {
    /// The delay before attempt `attempt` (counted from 0), jitter included.
    pub(crate) fn delay(&self, attempt: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1u32.checked_shl(attempt).unwrap_or(u32::MAX));
        doubled.min(self.max).mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lesson_31_delays_grow_to_the_cap_with_jitter() {
        let reconnect = Reconnect::default();
        for (attempt, full) in [(0, 0.5), (1, 1.0), (3, 4.0), (10, 30.0), (40, 30.0)] {
            let delay = reconnect.delay(attempt).as_secs_f64();
            assert!(
                (full * 0.5..=full).contains(&delay),
                "attempt {attempt}: {delay}"
            );
        }
        let delays: Vec<_> = (0..20).map(|_| reconnect.delay(5)).collect();
        assert!(
            delays.windows(2).any(|pair| pair[0] != pair[1]),
            "no jitter"
        );
    }
}
