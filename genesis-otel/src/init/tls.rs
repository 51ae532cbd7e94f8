//! TLS to a collector, with rustls and ring.

use std::fmt;

use super::Error;
use super::environment::{Signal, Variables};

/// What a connection is secured with, as PEM. The files are read once, with the environment.
#[derive(Clone, Default)]
pub(super) struct Tls {
    /// Who signs the collector's certificate; without it, whom this machine trusts.
    authorities: Option<Vec<u8>>,
    /// Our own certificate and its key.
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("own_authorities", &self.authorities.is_some())
            .field("identity", &self.identity.is_some())
            .finish()
    }
}

impl Tls {
    #[cfg(not(feature = "tls"))]
    pub(super) fn read(_: &Variables<'_>, _: Signal, endpoint: &str) -> Result<Self, Error> {
        Err(Error::environment(
            endpoint,
            "it asks for TLS, which this build has not; build it with the feature `tls`, or write \
             http:// and let a collector on this machine encrypt",
        ))
    }
}

#[cfg(feature = "tls")]
mod with {
    use std::time::Duration;

    use hyper_rustls::{ConfigBuilderExt as _, HttpsConnectorBuilder};
    use opentelemetry_http::HttpClient;
    use opentelemetry_http::hyper::HyperClient;
    use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig, Identity};
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, RootCertStore};

    use super::*;

    /// `None` if there is none, or one that cannot be read.
    fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        found.ok().filter(|found| !found.is_empty())
    }

    fn authorities(pem: &[u8]) -> Option<RootCertStore> {
        let mut store = RootCertStore::empty();
        for certificate in certificates(pem)? {
            store.add(certificate).ok()?;
        }
        Some(store)
    }

    impl Tls {
        /// What the variables name; `endpoint` is the one that asks for TLS.
        pub(in super::super) fn read(
            variables: &Variables<'_>,
            signal: Signal,
            _endpoint: &str,
        ) -> Result<Self, Error> {
            let read = |what: &str| -> Result<Option<(String, Vec<u8>)>, Error> {
                let Some((name, path)) = variables.otlp(signal, what) else {
                    return Ok(None);
                };
                match std::fs::read(&path) {
                    Ok(pem) => Ok(Some((name, pem))),
                    Err(error) => Err(Error::environment(
                        name,
                        format!("{path:?} cannot be read: {error}"),
                    )),
                }
            };
            let no_certificate = |name: String| {
                Error::environment(name, "the file has no certificate in PEM, or a broken one")
            };
            let own = match read("CERTIFICATE")? {
                Some((name, pem)) => {
                    authorities(&pem).ok_or_else(|| no_certificate(name))?;
                    Some(pem)
                }
                None => None,
            };
            let identity = match (read("CLIENT_CERTIFICATE")?, read("CLIENT_KEY")?) {
                (None, None) => None,
                (Some((name, certificate)), Some((key_name, key))) => {
                    certificates(&certificate).ok_or_else(|| no_certificate(name))?;
                    PrivateKeyDer::from_pem_slice(&key).map_err(|_| {
                        Error::environment(key_name, "the file has no private key in PEM")
                    })?;
                    Some((certificate, key))
                }
                (Some((name, _)), None) => {
                    return Err(Error::environment(
                        name,
                        "it needs its key; set OTEL_EXPORTER_OTLP_CLIENT_KEY",
                    ));
                }
                (None, Some((name, _))) => {
                    return Err(Error::environment(
                        name,
                        "it needs its certificate; set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
                    ));
                }
            };
            Ok(Self {
                authorities: own,
                identity,
            })
        }

        /// For OTLP over gRPC.
        pub(in super::super) fn grpc(&self) -> ClientTlsConfig {
            let config = match &self.authorities {
                Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
                None => ClientTlsConfig::new().with_native_roots(),
            };
            match &self.identity {
                Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
                None => config,
            }
        }

        /// For OTLP over HTTP.
        pub(in super::super) fn http(
            &self,
            timeout: Duration,
        ) -> Result<impl HttpClient + use<>, Error> {
            let cannot = |error: &dyn fmt::Display| Error::Exporter(format!("TLS: {error}"));
            let provider = rustls::crypto::ring::default_provider();
            let config = ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()
                .map_err(|error| cannot(&error))?;
            let config = match self.authorities.as_deref().and_then(authorities) {
                Some(store) => config.with_root_certificates(store),
                None => config.with_native_roots().map_err(|error| {
                    cannot(&format_args!(
                        "this machine trusts nobody ({error}); install ca-certificates, or set \
                         OTEL_EXPORTER_OTLP_CERTIFICATE"
                    ))
                })?,
            };
            let identity = self.identity.as_ref().and_then(|(certificate, key)| {
                let key = PrivateKeyDer::from_pem_slice(key).ok()?;
                Some((certificates(certificate)?, key))
            });
            let config = match identity {
                Some((chain, key)) => config
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| cannot(&error))?,
                None => config.with_no_client_auth(),
            };
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(config)
                .https_only()
                .enable_http1()
                .build();
            Ok(HyperClient::new(connector, timeout, None))
        }
    }
}
