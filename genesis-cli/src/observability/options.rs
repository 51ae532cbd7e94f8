//! Where metrics, health and readiness are served.

use std::fmt;

use clap::Args;

use crate::exit::Failure;

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 8000;
/// Another name of `GENESIS_METRICS_PORT`.
const OTHER_VARIABLE: &str = "GENESIS_OBSERVABILITY_PORT";

/// Serves /metrics, /health and /ready over HTTP.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Observability")]
pub(crate) struct Serve {
    /// The port of /metrics, /health and /ready; 0 is any free one, `off` serves none. A port that
    /// is given must be free [default: $GENESIS_OBSERVABILITY_PORT, else 8000]
    #[arg(long, value_name = "PORT", env = "GENESIS_METRICS_PORT", value_parser = port)]
    metrics_port: Option<Port>,
    /// The address to serve them at; 0.0.0.0 lets other machines in [default: 127.0.0.1]
    #[arg(long, value_name = "HOST", env = "GENESIS_METRICS_HOST")]
    metrics_host: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    Off,
    Number(u16),
}

/// As `--metrics-port` and the variables write it.
fn port(text: &str) -> Result<Port, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(Port::Off);
    }
    text.parse()
        .map(Port::Number)
        .map_err(|_| "write a port from 1 to 65535, 0 for any free one, or off".to_owned())
}

/// Where to listen.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: Port,
    /// Somebody asked for it, so it must be had.
    pub(super) explicit: bool,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.host.contains(':')) {
            (Port::Off, _) => write!(f, "{}", self.host),
            (Port::Number(port), true) => write!(f, "[{}]:{port}", self.host),
            (Port::Number(port), false) => write!(f, "{}:{port}", self.host),
        }
    }
}

impl Serve {
    /// What the options and the environment say.
    pub(super) fn address(&self) -> Result<Address, Failure> {
        self.address_with(|name| std::env::var(name).ok())
    }

    fn address_with(&self, get: impl Fn(&str) -> Option<String>) -> Result<Address, Failure> {
        let from_variable = || {
            let value = get(OTHER_VARIABLE).filter(|value| !value.trim().is_empty())?;
            let wrong = |problem| Failure::usage(format!("{OTHER_VARIABLE}={value:?}: {problem}"));
            Some(port(value.trim()).map_err(wrong))
        };
        let given = match self.metrics_port {
            Some(port) => Some(port),
            None => from_variable().transpose()?,
        };
        let host = self.metrics_host.as_deref();
        // a name in brackets is how an IPv6 address stands in URLs
        let host = host.map(|host| host.trim_matches(['[', ']']));
        Ok(Address {
            explicit: given.is_some() || host.is_some(),
            port: given.unwrap_or(Port::Number(DEFAULT_PORT)),
            host: host.unwrap_or(DEFAULT_HOST).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(serve: &Serve, variable: Option<&str>) -> Result<(String, bool), Failure> {
        let get = |name: &str| {
            assert_eq!(name, "GENESIS_OBSERVABILITY_PORT");
            variable.map(str::to_owned)
        };
        let address = serve.address_with(get)?;
        Ok((address.to_string(), address.explicit))
    }

    #[test]
    fn the_option_wins_over_the_variable_and_that_over_the_default() {
        let mut serve = Serve::default();
        let is = |text: &str, explicit| (text.to_owned(), explicit);
        assert_eq!(address(&serve, None).unwrap(), is("127.0.0.1:8000", false));
        assert_eq!(
            address(&serve, Some(" ")).unwrap(),
            is("127.0.0.1:8000", false)
        );
        assert_eq!(
            address(&serve, Some("9090")).unwrap(),
            is("127.0.0.1:9090", true)
        );
        serve.metrics_port = Some(Port::Number(1));
        serve.metrics_host = Some("[::1]".to_owned());
        assert_eq!(address(&serve, Some("9090")).unwrap(), is("[::1]:1", true));
    }

    #[test]
    fn what_is_no_port_is_refused_by_name() {
        assert_eq!(port("off"), Ok(Port::Off));
        assert_eq!(port("0"), Ok(Port::Number(0)));
        assert!(port("65536").is_err() && port("http").is_err());
        let error = address(&Serve::default(), Some("http")).unwrap_err();
        let text = format!("{error:?}");
        assert!(text.contains("GENESIS_OBSERVABILITY_PORT"), "{text}");
    }
}
