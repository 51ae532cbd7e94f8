//! An OTLP collector in this process, over gRPC and over HTTP.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::codegen::tokio_stream::Stream;

/// What is not there by then does not come.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    Http,
}

/// A certificate and its key.
pub(crate) struct Pem {
    #[cfg(feature = "tls")]
    pub(crate) certificate: String,
    #[cfg(feature = "tls")]
    pub(crate) key: String,
}

#[cfg(feature = "tls")]
impl Pem {
    fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        use tokio_rustls::rustls::pki_types::pem::PemObject as _;
        use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
        use tokio_rustls::rustls::{ServerConfig, crypto::ring};

        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Arc::new(config).into()
    }
}

/// What came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) spans: Vec<Span>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) resources: Vec<Resource>,
    /// The header `authorization` of each request, all its values.
    pub(crate) authorization: Vec<Vec<String>>,
}

impl Received {
    pub(crate) fn span(&self, name: &str) -> &Span {
        let found = self.spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("no span {name}"))
    }

    /// The metric of this name as it came last.
    pub(crate) fn metric(&self, name: &str) -> &Metric {
        let found = self.metrics.iter().rfind(|metric| metric.name == name);
        found.unwrap_or_else(|| panic!("no metric {name}"))
    }
}

/// The attribute's value as text.
pub(crate) fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|pair| pair.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[derive(Debug, Default)]
struct Shared {
    answers_after: Duration,
    refuses: AtomicBool,
    received: Mutex<Received>,
    came: Condvar,
}

impl Shared {
    fn take(&self, put: impl FnOnce(&mut Received)) {
        put(&mut self.received.lock().unwrap());
        self.came.notify_all();
    }

    fn spans(&self, request: ExportTraceServiceRequest, authorization: Vec<String>) {
        self.take(|received| {
            received.authorization.push(authorization);
            for group in request.resource_spans {
                received.resources.extend(group.resource);
                let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
                received.spans.extend(spans);
            }
        });
    }

    fn metrics(&self, request: ExportMetricsServiceRequest, authorization: Vec<String>) {
        self.take(|received| {
            received.authorization.push(authorization);
            for group in request.resource_metrics {
                received.resources.extend(group.resource);
                let metrics = group
                    .scope_metrics
                    .into_iter()
                    .flat_map(|scope| scope.metrics);
                received.metrics.extend(metrics);
            }
        });
    }
}

/// Receives until it is dropped.
pub(crate) struct Collector {
    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(crate) endpoint: String,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl Collector {
    pub(crate) fn start(protocol: Protocol) -> Self {
        Self::start_slow(protocol, Duration::ZERO)
    }

    /// One that answers this long after it was asked.
    pub(crate) fn start_slow(protocol: Protocol, answers_after: Duration) -> Self {
        Self::start_with(protocol, answers_after, None)
    }

    /// One that takes nothing and says what it was given as credentials; over gRPC.
    pub(crate) fn start_refusing() -> Self {
        let collector = Self::start(Protocol::Grpc);
        collector.shared.refuses.store(true, Ordering::Relaxed);
        collector
    }

    /// One at `https://`.
    #[cfg(feature = "tls")]
    pub(crate) fn start_tls(protocol: Protocol, identity: Pem) -> Self {
        Self::start_with(protocol, Duration::ZERO, Some(identity))
    }

    fn start_with(protocol: Protocol, answers_after: Duration, tls: Option<Pem>) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let scheme = tls.as_ref().map_or("http", |_| "https");
        let endpoint = format!("{scheme}://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            answers_after,
            ..Shared::default()
        });
        match protocol {
            Protocol::Grpc => runtime.spawn(grpc(listener, tls, Arc::clone(&shared))),
            Protocol::Http => runtime.spawn(http(listener, tls, Arc::clone(&shared))),
        };
        Self {
            endpoint,
            shared,
            runtime: Some(runtime),
        }
    }

    /// What has come once this holds.
    pub(crate) fn once(&self, holds: impl Fn(&Received) -> bool) -> Received {
        let began = Instant::now();
        let mut received = self.shared.received.lock().unwrap();
        while !holds(&received) {
            let left = PATIENCE.saturating_sub(began.elapsed());
            assert!(!left.is_zero(), "it did not come: {received:?}");
            received = self.shared.came.wait_timeout(received, left).unwrap().0;
        }
        received.clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn http(listener: TcpListener, tls: Option<Pem>, shared: Arc<Shared>) {
    #[cfg(feature = "tls")]
    let acceptor = tls.map(|pem| pem.acceptor());
    #[cfg(not(feature = "tls"))]
    let _ = tls;
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        #[cfg(feature = "tls")]
        if let Some(acceptor) = acceptor.clone() {
            tokio::spawn(async move {
                // who does not trust us goes away
                if let Ok(stream) = acceptor.accept(stream).await {
                    connection(stream, shared).await;
                }
            });
            continue;
        }
        tokio::spawn(connection(stream, shared));
    }
}

async fn connection<S>(stream: S, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = service_fn(move |request| answer(request, Arc::clone(&shared)));
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await
        .ok();
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let values = request.headers().get_all("authorization");
    let authorization = values
        .iter()
        .map(|value| value.to_str().unwrap().to_owned());
    let authorization: Vec<String> = authorization.collect();
    let protobuf = request.headers().get("content-type").unwrap() == "application/x-protobuf";
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    tokio::time::sleep(shared.answers_after).await;
    let mut response = Response::default();
    match &*path {
        "/v1/traces" if protobuf => {
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            shared.spans(request, authorization);
        }
        "/v1/metrics" if protobuf => {
            let request = ExportMetricsServiceRequest::decode(body).unwrap();
            shared.metrics(request, authorization);
        }
        _ => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}

/// Connections as tonic takes them.
struct Accepting(TcpListener);

impl Stream for Accepting {
    type Item = std::io::Result<tokio::net::TcpStream>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let accepted = self.0.poll_accept(context);
        accepted.map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}

async fn grpc(listener: TcpListener, tls: Option<Pem>, shared: Arc<Shared>) {
    let server = tonic::transport::Server::builder();
    #[cfg(feature = "tls")]
    let server = match tls {
        Some(Pem { certificate, key }) => {
            let identity = tonic::transport::Identity::from_pem(certificate, key);
            let tls = tonic::transport::ServerTlsConfig::new().identity(identity);
            { server }.tls_config(tls).unwrap()
        }
        None => server,
    };
    #[cfg(not(feature = "tls"))]
    let _ = tls;
    { server }
        .add_service(TraceServiceServer::from_arc(Arc::clone(&shared)))
        .add_service(MetricsServiceServer::from_arc(shared))
        .serve_with_incoming(Accepting(listener))
        .await
        .unwrap();
}

impl Shared {
    /// The header `authorization` of a request, all its values.
    fn admit<T>(&self, request: &tonic::Request<T>) -> Result<Vec<String>, tonic::Status> {
        let values = request.metadata().get_all("authorization");
        let values = values
            .iter()
            .map(|value| value.to_str().unwrap().to_owned());
        let values: Vec<String> = values.collect();
        match self.refuses.load(Ordering::Relaxed) {
            true => Err(tonic::Status::unauthenticated(format!(
                "unknown token {}",
                values.concat().trim_start_matches("Bearer ")
            ))),
            false => Ok(values),
        }
    }
}

#[tonic::async_trait]
impl TraceService for Shared {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let authorization = self.admit(&request)?;
        tokio::time::sleep(self.answers_after).await;
        self.spans(request.into_inner(), authorization);
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Shared {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        let authorization = self.admit(&request)?;
        tokio::time::sleep(self.answers_after).await;
        self.metrics(request.into_inner(), authorization);
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}
