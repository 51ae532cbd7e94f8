//! From the command line to a connection.

use std::time::Duration;

use genesis_client::{Inbound, InboundBuilder, Options, Reconnect};

use crate::cli::Connect;
use crate::exit::Failure;

/// With the delays between them, some ten seconds.
const ATTEMPTS_WHILE_CALLING: u32 = 5;

impl Connect {
    /// `host:port`; an IPv6 address in brackets.
    pub(crate) fn address(&self) -> String {
        match self.host.contains(':') && !self.host.starts_with('[') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// A builder for a command that must be done within `limit`, connecting included.
    pub(crate) fn builder_within(&self, limit: Duration) -> Result<InboundBuilder, Failure> {
        let usual = Options::default().connect_timeout;
        Ok(self.builder()?.connect_timeout(usual.min(limit)))
    }

    /// A builder for a command that follows; with `reconnect` it keeps connecting, the first time
    /// too and whenever the link is lost.
    pub(crate) fn builder_following(&self, reconnect: bool) -> Result<InboundBuilder, Failure> {
        let builder = self.builder()?;
        Ok(match reconnect {
            true => builder.reconnect(Reconnect {
                first_connection: true,
                ..Reconnect::default()
            }),
            false => builder,
        })
    }

    /// A builder for a command that makes calls: a link that is lost is made again for a while, so
    /// that what rings can be hung up.
    pub(crate) fn builder_calling(&self) -> Result<InboundBuilder, Failure> {
        Ok(self.builder()?.reconnect(Reconnect {
            attempts: Some(ATTEMPTS_WHILE_CALLING),
            ..Reconnect::default()
        }))
    }

    /// A builder with the credentials.
    ///
    /// A user without a domain belongs to the domain that is the host, as in the directory that
    /// FreeSWITCH installs, where the domain is the switch's address.
    pub(crate) fn builder(&self) -> Result<InboundBuilder, Failure> {
        if self.host.is_empty() {
            return Err(Failure::usage(
                "--host is empty; leave it out (and ESL_HOST unset) for 127.0.0.1",
            ));
        }
        let builder = Inbound::builder();
        let Some(user) = &self.user else {
            return Ok(builder.password(&self.password));
        };
        if user.contains(':') {
            // what follows the colon is a password: it must not be shown
            return Err(Failure::usage(
                "--user takes no password; give it with --password or ESL_PASSWORD",
            ));
        }
        let (user, domain) = user.split_once('@').unwrap_or((user, &self.host));
        if user.is_empty() || domain.is_empty() {
            return Err(Failure::usage("--user needs USER or USER@DOMAIN"));
        }
        Ok(builder.user(user, domain, &self.password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(host: &str) -> Connect {
        Connect {
            host: host.to_owned(),
            port: 8021,
            user: None,
            password: "s3cret".into(),
        }
    }

    #[test]
    fn ipv6_addresses_get_brackets() {
        assert_eq!(connect("pbx").address(), "pbx:8021");
        assert_eq!(connect("::1").address(), "[::1]:8021");
        assert_eq!(connect("[::1]").address(), "[::1]:8021");
    }

    #[test]
    fn a_user_needs_a_name() {
        let user = |text: &str| Connect {
            user: Some(text.to_owned()),
            ..connect("pbx")
        };
        assert!(user("@example.com").builder().is_err());
        assert!(user("1000@").builder().is_err());
        assert!(user("1000").builder().is_ok());
        assert!(connect("").builder().is_err());
    }

    #[test]
    fn a_password_behind_the_user_is_refused_and_not_shown() {
        for text in [
            "bob:s3cret",
            "bob@example.com:s3cret",
            "bob:s3cret@example.com",
        ] {
            let connect = Connect {
                user: Some(text.to_owned()),
                ..connect("pbx")
            };
            let failure = connect
                .builder()
                .err()
                .map(|failure| format!("{failure:?}"));
            assert!(failure.is_some_and(|text| !text.contains("s3cret")));
        }
    }

    #[test]
    fn the_password_does_not_print() {
        assert!(!format!("{:?}", connect("pbx")).contains("s3cret"));
    }
}
