//! What can be chosen about a simulated switch.

use std::time::{Duration, SystemTime};

use crate::script::Script;

/// Options of a [`Switch`](super::Switch). The defaults are those of the configuration that
/// FreeSWITCH installs.
///
/// ```
/// use std::time::Duration;
/// use genesis_sim::switch::SwitchOptions;
///
/// let options = SwitchOptions { max_sessions: 10, ..SwitchOptions::default() };
/// assert_eq!(options.heartbeat, Some(Duration::from_secs(20)));
/// ```
#[derive(Clone, Debug)]
pub struct SwitchOptions {
    /// `FreeSWITCH-Hostname`. Default `genesis-sim`.
    pub hostname: String,
    /// `FreeSWITCH-Switchname`. Default `genesis-sim`.
    pub switchname: String,
    /// `FreeSWITCH-IPv4`. Default `127.0.0.1`.
    pub ipv4: String,
    /// `FreeSWITCH-IPv6`. Default `::1`.
    pub ipv6: String,
    /// New channels per second; more fail with DESTINATION_OUT_OF_ORDER, as the switch reports
    /// its "Throttle Error!". Default 30.
    pub sessions_per_second: u32,
    /// Channels at one time; more fail with DESTINATION_OUT_OF_ORDER, as the switch reports its
    /// "Over Session Limit!". Default 1000.
    pub max_sessions: usize,
    /// Time between HEARTBEAT events; `None` sends none. Default 20 s.
    pub heartbeat: Option<Duration>,
    /// Messages (`sendmsg`) that may wait on one channel; more are dropped with a log line.
    /// Default 10,000.
    pub max_queued_messages: usize,
    /// Who answers and how, and the dialplan. Default: the built-in behaviours of
    /// [`Script`].
    pub script: Script,
    /// The wall clock at the start. From then on events are dated with tokio's clock, so a fixed
    /// value and `start_paused` make every timestamp exact. Default: now.
    pub started_at: SystemTime,
}

impl Default for SwitchOptions {
    fn default() -> Self {
        Self {
            hostname: "genesis-sim".to_owned(),
            switchname: "genesis-sim".to_owned(),
            ipv4: "127.0.0.1".to_owned(),
            ipv6: "::1".to_owned(),
            sessions_per_second: 30,
            max_sessions: 1000,
            heartbeat: Some(Duration::from_secs(20)),
            max_queued_messages: 10_000,
            script: Script::default(),
            started_at: SystemTime::now(),
        }
    }
}
