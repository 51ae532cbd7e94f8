//! From the command line to a connection.

use genesis_client::{Inbound, InboundBuilder};

use crate::cli::Connect;
use crate::exit::Failure;

impl Connect {
    /// `host:port`; an IPv6 address in brackets.
    pub(crate) fn address(&self) -> String {
        match self.host.contains(':') && !self.host.starts_with('[') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// A builder with the credentials.
    ///
    /// A user without a domain belongs to the domain that is the host, as in the directory that
    /// FreeSWITCH installs, where the domain is the switch's address.
    pub(crate) fn builder(&self) -> Result<InboundBuilder, Failure> {
        let builder = Inbound::builder();
        let Some(user) = &self.user else {
            return Ok(builder.password(&self.password));
        };
        let (user, domain) = user.split_once('@').unwrap_or((user, &self.host));
        if user.is_empty() || domain.is_empty() {
            return Err(Failure::usage(
                "--user needs USER or USER@DOMAIN; see --help",
            ));
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
    }

    #[test]
    fn the_password_does_not_print() {
        assert!(!format!("{:?}", connect("pbx")).contains("s3cret"));
    }
}
