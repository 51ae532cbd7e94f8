//! Collectors at `https://`, whose certificate an authority of our own has signed.

use std::fs;
use std::path::PathBuf;

use opentelemetry_proto::tonic::metrics::v1::metric;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::observability_collector::{Collector, Pem, Protocol};
use crate::support::{Done, Folder, Simulator, finish, genesis};

const PROTOCOLS: [(Protocol, &str); 2] =
    [(Protocol::Http, "http/protobuf"), (Protocol::Grpc, "grpc")];

/// An authority's certificate as a file, and a collector's that it has signed.
fn authority(folder: &Folder) -> (PathBuf, Pem) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let path = folder.path().join("authority.pem");
    fs::write(&path, params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();
    let pem = Pem {
        certificate,
        key: key.serialize_pem(),
    };
    (path, pem)
}

/// Asks a simulated switch for its status, with this collector.
fn status(collector: &Collector, protocol: &str, more: &[(&str, &str)]) -> Done {
    let sim = Simulator::start(&[]);
    let mut command = genesis(&["api", "--port", &sim.port, "status"]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .envs(more.iter().copied());
    finish(command, b"")
}

#[test]
fn spans_and_metrics_arrive_at_a_collector_of_ones_own_authority() {
    let folder = Folder::new("tls");
    for (protocol, name) in PROTOCOLS {
        let (path, pem) = authority(&folder);
        let collector = Collector::start_tls(protocol, pem);
        assert!(collector.endpoint.starts_with("https://"));
        let path = path.to_str().unwrap();
        let done = status(
            &collector,
            name,
            &[("OTEL_EXPORTER_OTLP_CERTIFICATE", path)],
        );
        assert_eq!((done.code, &*done.stderr), (0, ""), "{done:?}");
        let received = collector.once(|_| true);
        assert!(
            received
                .spans
                .iter()
                .any(|span| span.name == "send_command")
        );
        let sent = received.metric("genesis_commands_sent_total");
        assert!(matches!(sent.data, Some(metric::Data::Sum(_))), "{sent:?}");
    }
}

#[test]
fn a_collector_that_nobody_vouches_for_gets_nothing() {
    let folder = Folder::new("tls-unknown");
    let (_, pem) = authority(&folder);
    let (path, _) = authority(&folder);
    let certificate = pem.certificate.clone();
    for (protocol, name) in PROTOCOLS {
        let collector = Collector::start_tls(
            protocol,
            Pem {
                certificate: certificate.clone(),
                key: pem.key.clone(),
            },
        );
        let path = path.to_str().unwrap();
        let done = status(
            &collector,
            name,
            &[("OTEL_EXPORTER_OTLP_CERTIFICATE", path)],
        );
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.stderr.contains("WARNING"), "{done:?}");
        let received = collector.once(|_| true);
        assert!(received.authorization.is_empty(), "{received:?}");
    }
}

#[test]
fn what_is_no_certificate_is_told_by_name() {
    let folder = Folder::new("tls-wrong");
    let (path, _) = authority(&folder);
    let nothing = folder.path().join("nothing.pem");
    fs::write(&nothing, "nothing").unwrap();
    let (path, nothing) = (path.to_str().unwrap(), nothing.to_str().unwrap());
    let missing = folder.path().join("missing.pem");
    for (variables, text) in [
        (
            &[("OTEL_EXPORTER_OTLP_CERTIFICATE", missing.to_str().unwrap())][..],
            "OTEL_EXPORTER_OTLP_CERTIFICATE: \"",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_CERTIFICATE", nothing)],
            "OTEL_EXPORTER_OTLP_CERTIFICATE: the file has no certificate",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", path)],
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: it needs its key",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_CLIENT_KEY", nothing)],
            "OTEL_EXPORTER_OTLP_CLIENT_KEY: it needs its certificate",
        ),
        (
            &[
                ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", path),
                ("OTEL_EXPORTER_OTLP_CLIENT_KEY", nothing),
            ],
            "OTEL_EXPORTER_OTLP_CLIENT_KEY: the file has no private key",
        ),
    ] {
        let mut command = genesis(&["api", "--port", "1", "status"]);
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1")
            .envs(variables.iter().copied());
        let done = finish(command, b"");
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.stderr.contains(text), "{text}: {done:?}");
    }
}
