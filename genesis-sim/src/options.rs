//! What can be chosen about the event socket of a simulated switch.

use std::net::IpAddr;
use std::time::Duration;

use genesis_proto::Secret;
use genesis_proto::session::switch::Permissions;

/// Options of the event socket (event_socket.conf.xml, and what FreeSWITCH has compiled in).
///
/// ```
/// use genesis_sim::ListenerOptions;
///
/// let options = ListenerOptions { event_queue: 100, ..ListenerOptions::default() };
/// assert_eq!(options.password.expose(), "ClueCon");
/// ```
#[derive(Clone, Debug)]
pub struct ListenerOptions {
    /// The password of `auth`. Default `ClueCon`.
    pub password: Secret,
    /// Who may `userauth`. Default nobody.
    pub users: Vec<User>,
    /// Addresses that the access list refuses with a `text/rude-rejection`. In-memory connections
    /// count as 127.0.0.1. Default none.
    pub refused_addresses: Vec<IpAddr>,
    /// How long a connection may wait with its first command. Default 25 s.
    pub auth_timeout: Duration,
    /// How many events may wait for one connection; more are lost. Default 100,000.
    pub event_queue: usize,
    /// How many log lines may wait for one connection; more are lost. Default 100,000.
    pub log_queue: usize,
    /// A connection that loses more than this in a row is killed. Default 500.
    pub max_missed: usize,
    /// How long each `bgapi` occupies its connection: FreeSWITCH waits for the job's thread in
    /// steps of a millisecond, which bounds it to about 900 a second. Default 1 ms.
    pub bgapi_pace: Duration,
    /// How many bytes are made ready for a client before it has to read, in place of the socket
    /// buffer that FreeSWITCH writes to. Default 64 KiB.
    pub write_buffer: usize,
    /// How long the last bytes (reply, goodbye) are offered to a client that does not read.
    /// Default 10 minutes.
    pub close_timeout: Duration,
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self {
            password: Secret::from("ClueCon"),
            users: Vec::new(),
            refused_addresses: Vec::new(),
            auth_timeout: Duration::from_secs(25),
            event_queue: 100_000,
            log_queue: 100_000,
            max_missed: 500,
            bgapi_pace: Duration::from_millis(1),
            write_buffer: 64 * 1024,
            close_timeout: Duration::from_secs(600),
        }
    }
}

/// A user of the directory, for `userauth USER@DOMAIN:PASSWORD`.
///
/// ```
/// use genesis_sim::User;
///
/// let user = User::new("watcher", "example.com", "s3cret")
///     .allow_events("HEARTBEAT,CHANNEL_HANGUP")
///     .allow_api("status,show")
///     .allow_log(false);
/// assert!(!format!("{user:?}").contains("s3cret"));
/// ```
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) id: String,
    pub(crate) domain: String,
    pub(crate) password: Secret,
    pub(crate) events: Option<String>,
    pub(crate) api: Option<String>,
    pub(crate) log: bool,
}

impl User {
    /// A user without limits.
    pub fn new(id: &str, domain: &str, password: impl Into<Secret>) -> Self {
        Self {
            id: id.to_owned(),
            domain: domain.to_owned(),
            password: password.into(),
            events: None,
            api: None,
            log: true,
        }
    }

    /// `esl-allowed-events`: names separated by commas or by spaces, subclasses after `CUSTOM`.
    #[must_use]
    pub fn allow_events(mut self, list: &str) -> Self {
        self.events = Some(list.to_owned());
        self
    }

    /// `esl-allowed-api`: api commands separated by commas or by spaces.
    #[must_use]
    pub fn allow_api(mut self, list: &str) -> Self {
        self.api = Some(list.to_owned());
        self
    }

    /// `esl-allowed-log`.
    #[must_use]
    pub fn allow_log(mut self, allowed: bool) -> Self {
        self.log = allowed;
        self
    }

    pub(crate) fn permissions(&self) -> Permissions {
        Permissions::new(self.events.as_deref(), self.api.as_deref(), self.log)
    }
}
