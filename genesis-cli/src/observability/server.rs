//! A small HTTP server: `/metrics`, `/health`, `/ready`, and 404 for everything else.
//!
//! Every connection is one request; 32 at a time are served and more are closed, 5 s are there for
//! the head of a request and 10 s for everything.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use genesis_otel::init::Prometheus;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::health::Health;

const CONNECTIONS: usize = 32;
const HEAD_WITHIN: Duration = Duration::from_secs(5);
const DONE_WITHIN: Duration = Duration::from_secs(10);
const HEAD_BYTES: usize = 16 * 1024;
/// Before the next try when the system has no more sockets for us.
const PAUSE: Duration = Duration::from_millis(100);

/// What is shown.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) metrics: Prometheus,
    pub(super) health: Arc<Health>,
}

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, state: State) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS => {
                    connections.spawn(connection(stream, state.clone()));
                }
                Ok(_) => {}
                Err(_) => sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection<S>(stream: S, state: State)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = service_fn(|request: Request<hyper::body::Incoming>| {
        let response = respond(request.method(), request.uri().path(), &state);
        async move { Ok::<_, Infallible>(response) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    // a peer that went away or sent nonsense has had its answer
    let _ = timeout(DONE_WITHIN, serving).await;
}

fn respond(method: &Method, path: &str, state: &State) -> Response<Full<Bytes>> {
    let (status, content_type, body) = match path {
        "/metrics" | "/health" | "/ready" if !matches!(*method, Method::GET | Method::HEAD) => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            let allow = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allow);
            return response;
        }
        "/metrics" => (
            StatusCode::OK,
            Prometheus::CONTENT_TYPE,
            Bytes::from(state.metrics.render()),
        ),
        "/health" if state.health.is_well() => json(StatusCode::OK, r#"{"status":"ok"}"#),
        "/health" => json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"unhealthy"}"#),
        "/ready" if state.health.is_ready() => json(StatusCode::OK, r#"{"status":"ready"}"#),
        "/ready" => json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"not ready"}"#),
        _ => {
            let text = "not found; there are /metrics, /health and /ready\n";
            return plain(StatusCode::NOT_FOUND, text);
        }
    };
    response(status, content_type, body)
}

fn json(status: StatusCode, body: &'static str) -> (StatusCode, &'static str, Bytes) {
    (
        status,
        "application/json",
        Bytes::from_static(body.as_bytes()),
    )
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    response(
        status,
        "text/plain; charset=utf-8",
        Bytes::from_static(text.as_bytes()),
    )
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use genesis_otel::init::Setup;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    fn state() -> State {
        let setup = Setup::from_lookup(|_| None).unwrap().prometheus();
        let (guard, recorder) = setup.build().unwrap();
        metrics::with_local_recorder(&*recorder.unwrap(), || {
            metrics::counter!("genesis_commands_sent_total", "command" => "api").increment(3);
        });
        State {
            metrics: guard.prometheus().unwrap().clone(),
            health: Arc::default(),
        }
    }

    /// What is answered to these bytes.
    async fn ask(state: &State, request: &str) -> String {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let task = tokio::spawn(connection(near, state.clone()));
        far.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        far.read_to_string(&mut answer).await.unwrap();
        task.await.unwrap();
        answer
    }

    async fn get(state: &State, path: &str) -> String {
        ask(state, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
    }

    #[tokio::test(start_paused = true)]
    async fn health_and_readiness_follow_the_heartbeat() {
        let state = state();
        let health = get(&state, "/health").await;
        assert!(health.starts_with("HTTP/1.1 503 "), "{health}");
        assert!(
            health.ends_with("\r\n\r\n{\"status\":\"unhealthy\"}"),
            "{health}"
        );
        let ready = get(&state, "/ready").await;
        assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
        assert!(
            ready.ends_with("\r\n\r\n{\"status\":\"not ready\"}"),
            "{ready}"
        );
        state.health.beat();
        let health = get(&state, "/health?verbose").await;
        assert!(health.starts_with("HTTP/1.1 200 OK"), "{health}");
        assert!(
            health.contains("content-type: application/json\r\n"),
            "{health}"
        );
        assert!(health.ends_with("\r\n\r\n{\"status\":\"ok\"}"), "{health}");
        let ready = get(&state, "/ready").await;
        assert!(ready.ends_with("\r\n\r\n{\"status\":\"ready\"}"), "{ready}");
    }

    #[tokio::test(start_paused = true)]
    async fn metrics_and_nothing_else() {
        let state = state();
        let metrics = get(&state, "/metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200 OK"), "{metrics}");
        let content_type = "content-type: text/plain; version=0.0.4; charset=utf-8\r\n";
        assert!(metrics.contains(content_type), "{metrics}");
        assert!(
            metrics.contains("genesis_commands_sent_total{command=\"api\"} 3\n"),
            "{metrics}"
        );
        for path in ["/", "/metrics/", "/healthz", "/METRICS"] {
            let answer = get(&state, path).await;
            assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        }
        let posted = ask(
            &state,
            "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        );
        let posted = posted.await;
        assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
        assert!(posted.contains("allow: GET, HEAD\r\n"), "{posted}");
        let head = ask(&state, "HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(head.ends_with("\r\n\r\n"), "{head}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_does_not_come_to_an_end_is_ended() {
        let state = state();
        let began = Instant::now();
        let answer = ask(&state, "GET /metrics HTTP/1.1\r\nX: ").await;
        assert!(began.elapsed() <= HEAD_WITHIN + Duration::from_secs(1));
        assert!(!answer.contains("genesis_"), "{answer}");
        let began = Instant::now();
        let body = "GET /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nbody";
        ask(&state, body).await;
        assert!(began.elapsed() <= DONE_WITHIN);
    }

    #[tokio::test]
    async fn more_connections_than_the_bound_are_closed_and_the_next_are_served() {
        let state = state();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, state));
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS {
            idle.push(tokio::net::TcpStream::connect(address).await.unwrap());
        }
        let mut one_more = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut buffer = [0; 1];
        // closed without an answer; whether politely depends on the system
        assert!(matches!(one_more.read(&mut buffer).await, Ok(0) | Err(_)));
        drop(idle);
        loop {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
            let mut answer = String::new();
            let asked = stream.write_all(request).await;
            if asked.is_ok()
                && stream.read_to_string(&mut answer).await.is_ok()
                && !answer.is_empty()
            {
                assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
                break;
            }
        }
        server.abort();
    }
}
