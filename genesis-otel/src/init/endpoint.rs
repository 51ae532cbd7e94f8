//! Where a collector is.

use std::fmt;

use http::Uri;

use super::Error;
use super::environment::{Protocol, Signal, Variables};
use super::tls::Tls;

/// The URL of a collector. Shown without its path, in which some services carry a token.
#[derive(Clone)]
pub(super) struct Endpoint(Uri);

impl Endpoint {
    /// As the environment gives it, or a collector on this machine; with TLS if it asks for it.
    pub(super) fn read(
        variables: &Variables<'_>,
        signal: Signal,
        protocol: Protocol,
    ) -> Result<(Self, Option<Tls>), Error> {
        let example = match protocol {
            Protocol::Grpc => "http://localhost:4317",
            Protocol::Http => "http://localhost:4318",
        };
        let (name, text) = variables
            .otlp(signal, "ENDPOINT")
            .unwrap_or_else(|| ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), example.to_owned()));
        // no error shows the text: whatever it is, a password or a token may be in it
        let wrong = |problem: String| Error::environment(&*name, problem);
        for (sign, what) in [
            ('@', "a user or a password"),
            ('?', "a query"),
            ('#', "a fragment"),
        ] {
            if text.contains(sign) {
                return Err(wrong(format!(
                    "{what} in the URL is not supported; give credentials in \
                     OTEL_EXPORTER_OTLP_HEADERS"
                )));
            }
        }
        let own = name.ends_with(&format!("_{}_ENDPOINT", signal.in_names()));
        // the path of the signal is added to what is meant for both, and only to that
        let whole = match protocol {
            Protocol::Http if !own => format!("{}{}", text.trim_end_matches('/'), signal.path()),
            _ => text,
        };
        let no_endpoint = || wrong(format!("it is no endpoint; write a URL such as {example}"));
        let uri: Uri = whole.parse().map_err(|_| no_endpoint())?;
        if !has_usable_port(&uri) {
            return Err(wrong(format!(
                "the port is none; write one from 1 to 65535, as in {example}"
            )));
        }
        match uri.scheme_str() {
            _ if uri.host().is_none_or(str::is_empty) => Err(no_endpoint()),
            Some("http") => Ok((Self(uri), None)),
            Some("https") => Ok((Self(uri), Some(Tls::read(variables, signal, &name)?))),
            _ => Err(no_endpoint()),
        }
    }

    /// With the path of the signal, if the protocol is HTTP. Not to be shown.
    pub(super) fn whole(&self) -> String {
        self.0.to_string()
    }
}

/// No port is usable, too: that of the scheme. `Uri` takes 99999, and would mean 80 by it.
fn has_usable_port(uri: &Uri) -> bool {
    let Some(authority) = uri.authority() else {
        return true;
    };
    authority.as_str() == authority.host() || authority.port_u16().is_some_and(|port| port > 0)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}")
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(protocol: Protocol, variables: &[(&str, &str)]) -> Result<Endpoint, Error> {
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let read = Endpoint::read(&Variables(&get), Signal::Traces, protocol)?;
        Ok(read.0)
    }

    const BOTH: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const OWN: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

    #[test]
    fn an_endpoint_for_both_gets_the_signals_path_and_one_of_its_own_does_not() {
        for (protocol, name, url, whole) in [
            (Protocol::Http, BOTH, "http://c:1", "http://c:1/v1/traces"),
            (Protocol::Http, BOTH, "http://c/b/", "http://c/b/v1/traces"),
            (Protocol::Http, OWN, "http://c:1/t", "http://c:1/t"),
            (Protocol::Http, OWN, "http://[::1]:1", "http://[::1]:1/"),
            (Protocol::Http, OWN, "http://[::1]", "http://[::1]/"),
            (Protocol::Http, OWN, "http://c:65535/t", "http://c:65535/t"),
            (Protocol::Grpc, BOTH, "http://c:1", "http://c:1/"),
        ] {
            let endpoint = read(protocol, &[(name, url)]).unwrap();
            assert_eq!(endpoint.whole(), whole);
        }
    }

    #[test]
    fn without_one_a_collector_on_this_machine_is_meant() {
        let of = |protocol| read(protocol, &[]).unwrap().to_string();
        assert_eq!(of(Protocol::Http), "http://localhost:4318");
        assert_eq!(of(Protocol::Grpc), "http://localhost:4317");
    }

    #[test]
    fn lesson_42_no_error_shows_any_part_of_the_url() {
        for (url, problem) in [
            ("http://u:s3cret@c:1", "a user or a password in the URL"),
            ("http://s3cret@c:1", "a user or a password in the URL"),
            ("http://c:1?api-key=s3cret", "a query in the URL"),
            ("http://c:1/v1/traces?s3cret", "a query in the URL"),
            ("http://c:1/#s3cret", "a fragment in the URL"),
            ("c:1/s3cret", "it is no endpoint"),
            ("http:///s3cret", "it is no endpoint"),
            ("http://c:1/s3 cret s3cret", "it is no endpoint"),
            ("ftp://c:1/s3cret", "it is no endpoint"),
            ("http://c:99999/s3cret", "the port is none"),
            ("http://c:65536", "the port is none"),
            ("http://c:0", "the port is none"),
            ("http://c:00/s3cret", "the port is none"),
            ("http://c:", "the port is none"),
            ("http://[::1]:99999", "the port is none"),
            ("https://c:99999/s3cret", "the port is none"),
            ("s3cret", "it is no endpoint"),
            #[cfg(not(feature = "tls"))]
            (
                "https://c:1/s3cret",
                "it asks for TLS, which this build has not",
            ),
        ] {
            for name in [BOTH, OWN] {
                for protocol in [Protocol::Http, Protocol::Grpc] {
                    let error = read(protocol, &[(name, url)]).unwrap_err();
                    let text = format!("{error} {error:?}");
                    assert!(text.starts_with(&format!("{name}: {problem}")), "{text}");
                    assert!(!text.contains("s3cret"), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_path_is_used_and_not_shown() {
        let endpoint = read(Protocol::Http, &[(BOTH, "http://c:1/s3cret")]).unwrap();
        assert_eq!(endpoint.whole(), "http://c:1/s3cret/v1/traces");
        assert_eq!(format!("{endpoint} {endpoint:?}"), "http://c:1 http://c:1");
    }
}
