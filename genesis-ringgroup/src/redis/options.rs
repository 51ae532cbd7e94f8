//! What a handle on Redis needs to know.

use std::fmt;
use std::time::Duration;

use redis::IntoConnectionInfo;

use crate::{Error, ErrorKind, Result};

const SHORTEST_LEASE: Duration = Duration::from_millis(50);

/// Where Redis is, and how patient to be with it.
///
/// Redis 6.2 or later (or Valkey), with `maxmemory-policy noeviction` (which is its default): what is kept
/// there is no cache, and a key that is evicted is a count or a line that is lost. A user with restricted rights needs `+@scripting +@pubsub +info +time`
/// and the commands on keys and channels that begin with the prefix.
///
/// The password in the URL is shown by no error, log or `Debug`.
///
/// ```
/// use std::time::Duration;
/// use genesis_ringgroup::RedisOptions;
///
/// let options = RedisOptions::new("redis://:secret@127.0.0.1:6379/0")
///     .prefix("switch-7:")
///     .lease(Duration::from_secs(5));
/// assert!(!format!("{options:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct RedisOptions {
    url: String,
    prefix: String,
    lease: Duration,
    command_timeout: Duration,
    connect_timeout: Duration,
    outage: Duration,
}

impl RedisOptions {
    /// `url`: `redis://[user]:[password]@host[:port][/database]`, or `redis+unix:///path`.
    ///
    /// The URL is checked when the handle connects.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::RedisOptions;
    /// let socket = RedisOptions::new("redis+unix:///run/redis/redis.sock");
    /// let server = RedisOptions::new("redis://pbx:secret@redis.example.org:6379/2");
    /// # let _ = (socket, server);
    /// ```
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "genesis:".to_owned(),
            lease: Duration::from_secs(10),
            command_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(2),
            outage: Duration::from_secs(60),
        }
    }

    /// What every key and channel begins with; `genesis:` unless set.
    ///
    /// Processes that share something must agree on it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::RedisOptions;
    /// // two clusters of switches on one Redis
    /// let [ghent, liege] = ["ghent:", "liege:"]
    ///     .map(|site| RedisOptions::new("redis://127.0.0.1/").prefix(site));
    /// # let _ = (ghent, liege);
    /// ```
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long what a process holds is kept after the process was last heard of; 10 s unless set,
    /// 50 ms at least. Processes that share something must agree on it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::RedisOptions;
    /// // what a process that died was ringing is given back after five seconds
    /// let redis = RedisOptions::new("redis://127.0.0.1/").lease(Duration::from_secs(5));
    /// # let _ = redis;
    /// ```
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How long one operation may take, reconnecting included; 2 s unless set.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::RedisOptions;
    /// // a caller who rings does not wait longer than this for the choice of an agent
    /// let redis = RedisOptions::new("redis://127.0.0.1/").command_timeout(Duration::from_millis(500));
    /// # let _ = redis;
    /// ```
    #[must_use]
    pub fn command_timeout(mut self, timeout: Duration) -> Self {
        self.command_timeout = timeout;
        self
    }

    /// How long making a connection may take; 2 s unless set.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::RedisOptions;
    /// let far_away = RedisOptions::new("redis://redis.example.org/")
    ///     .connect_timeout(Duration::from_secs(5));
    /// # let _ = far_away;
    /// ```
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long those who wait keep waiting while Redis is away; 60 s unless set. After that they get
    /// an error.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::RedisOptions;
    /// // callers on hold outlast a failover of Redis of up to three minutes
    /// let redis = RedisOptions::new("redis://127.0.0.1/").outage(Duration::from_secs(180));
    /// # let _ = redis;
    /// ```
    #[must_use]
    pub fn outage(mut self, outage: Duration) -> Self {
        self.outage = outage;
        self
    }

    pub(crate) fn key_prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn lease_time(&self) -> Duration {
        self.lease
    }

    pub(crate) fn command_time(&self) -> Duration {
        self.command_timeout
    }

    pub(crate) fn connect_time(&self) -> Duration {
        self.connect_timeout
    }

    pub(crate) fn outage_time(&self) -> Duration {
        self.outage
    }

    /// Checks everything; the URL becomes a client that is not connected yet.
    pub(crate) fn client(&self) -> Result<redis::Client> {
        let invalid = |what: String| Error::new(ErrorKind::InvalidArgument, what);
        if self.lease < SHORTEST_LEASE {
            return Err(invalid(format!(
                "a lease of {:?} is too short: give {SHORTEST_LEASE:?} or more",
                self.lease
            )));
        }
        if self.command_timeout.is_zero() || self.connect_timeout.is_zero() {
            return Err(invalid(
                "the timeouts for Redis must be longer than nothing".to_owned(),
            ));
        }
        if self.prefix.contains(['{', '}']) {
            return Err(invalid(format!(
                "the prefix {:?} must not contain braces: they mark the hash tag",
                self.prefix
            )));
        }
        let scheme = self.url.split("://").next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case("rediss") || scheme.eq_ignore_ascii_case("valkeys") {
            return Err(invalid(
                "TLS to Redis (rediss://) is not built in; write redis://, to a server or the end of a \
                 TLS tunnel on a network that is trusted"
                    .to_owned(),
            ));
        }
        // the reasons of the redis crate never repeat the URL, but the URL may hold a password: stay safe
        let url = self.url.as_str().into_connection_info();
        let info = url.map_err(|_| {
            invalid(
                "the URL of Redis cannot be read: write redis://[user]:[password]@host[:port][/database]"
                    .to_owned(),
            )
        })?;
        // a peer that is gone without a word is noticed when what we sent is not acknowledged
        let settings = info.tcp_settings().clone().set_nodelay(true);
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        let settings = settings.set_user_timeout(self.command_timeout.saturating_mul(2));
        redis::Client::open(info.set_tcp_settings(settings)).map_err(|_| {
            invalid("the URL of Redis asks for what this build cannot do (TLS?)".to_owned())
        })
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match self.url.as_str().into_connection_info() {
            Ok(info) => info.addr().to_string(),
            Err(_) => "(unreadable)".to_owned(),
        };
        f.debug_struct("RedisOptions")
            .field("address", &address)
            .field("prefix", &self.prefix)
            .field("lease", &self.lease)
            .field("command_timeout", &self.command_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("outage", &self.outage)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_do_not_show() {
        for url in [
            "redis://user:hunter2@127.0.0.1:1/0",
            "redis://:hunter2@[::1",
            "hunter2",
            "rediss://:hunter2@localhost",
        ] {
            let options = RedisOptions::new(url);
            assert!(!format!("{options:?}").contains("hunter2"), "{url}");
            if let Err(error) = options.client() {
                assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}");
            }
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_words() {
        let good = || RedisOptions::new("redis://localhost");
        good().client().unwrap();
        for (options, word) in [
            (good().lease(Duration::from_millis(1)), "lease"),
            (good().prefix("{a}"), "braces"),
            (good().command_timeout(Duration::ZERO), "timeouts"),
            (RedisOptions::new("localhost"), "redis://"),
            (RedisOptions::new("rediss://:hunter2@localhost"), "TLS"),
        ] {
            let error = options.client().unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
