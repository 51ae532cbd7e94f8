//! What the command serves: metrics, health and readiness, and Prometheus that scrapes them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use genesis_otel::init::{Prometheus, Setup};
use genesis_otel::vocabulary::{Instrument, metrics as vocabulary};

use crate::support::{Peer, Script, finish, genesis, plain_event, signal};

const PATIENCE: Duration = Duration::from_secs(60);

/// A command that serves at a port of its own choice.
struct Serving {
    child: Child,
    address: SocketAddr,
    lines: mpsc::Receiver<String>,
}

impl Serving {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines() {
                sender.send(line.unwrap()).ok();
            }
        });
        let mut serving = Self {
            child,
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            lines,
        };
        while serving.address.port() == 0 {
            let line = serving.lines.recv_timeout(PATIENCE).unwrap();
            if let Some((_, rest)) = line.split_once("at http://") {
                serving.address = rest.split('/').next().unwrap().parse().unwrap();
            }
        }
        serving
    }

    fn get(&self, path: &str) -> String {
        get(self.address, path)
    }

    /// What /health answers once the command has subscribed and a heartbeat came.
    fn healthy(&self) -> String {
        let began = Instant::now();
        loop {
            let health = self.get("/health");
            if health.starts_with("HTTP/1.1 200 ") {
                return health;
            }
            let unhealthy = health.ends_with("{\"status\":\"unhealthy\"}");
            assert!(health.contains("503 ") && unhealthy, "{health}");
            assert!(began.elapsed() < PATIENCE, "{health}");
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The whole answer.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A switch that sends a HEARTBEAT to whoever subscribes, for two subscriptions.
fn beating() -> Peer {
    Peer::start(vec![Script {
        send: plain_event(&[("Event-Name", "HEARTBEAT")]),
        close: false,
    }])
}

#[test]
fn a_process_that_never_had_a_link_says_so() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port().to_string();
    drop(closed);
    let app = std::env::temp_dir().join(format!("genesis-no-link-{}.lua", std::process::id()));
    fs::write(
        &app,
        "local app = genesis.consumer()\napp:handle('CHANNEL_ANSWER', function() end)\n",
    )
    .unwrap();
    let mut consumer = genesis(&["consumer", "run"]);
    consumer
        .arg(&app)
        .args(["--port", &port])
        .env("GENESIS_METRICS_PORT", "0");
    let serving = Serving::start(consumer);
    let began = Instant::now();
    let zero = "\ngenesis_connections_active{type=\"inbound\"} 0\n";
    loop {
        let metrics = serving.get("/metrics");
        if metrics.contains(zero) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{metrics}");
    }
    fs::remove_file(&app).unwrap();
}

#[test]
fn commands_that_follow_serve_metrics_health_and_readiness() {
    for command in [
        &["events", "CHANNEL_ANSWER"][..],
        &["logs"],
        &["channels", "--watch"],
    ] {
        let peer = beating();
        let mut following = genesis(command);
        following
            .args(["--port", &peer.port])
            .env("GENESIS_METRICS_PORT", "0");
        let serving = Serving::start(following);
        assert!(serving.address.ip().is_loopback(), "{}", serving.address);
        let health = serving.healthy();
        assert!(health.ends_with("\r\n\r\n{\"status\":\"ok\"}"), "{health}");
        let ready = serving.get("/ready");
        assert!(ready.ends_with("\r\n\r\n{\"status\":\"ready\"}"), "{ready}");
        let metrics = serving.get("/metrics");
        assert!(metrics.starts_with("HTTP/1.1 200 "), "{metrics}");
        assert!(metrics.contains(Prometheus::CONTENT_TYPE), "{metrics}");
        assert!(serving.get("/").starts_with("HTTP/1.1 404 "));
    }
}

#[test]
fn it_ends_with_the_command() {
    let peer = beating();
    let mut following = genesis(&["events", "--port", &peer.port, "--metrics-port", "0"]);
    following.env_remove("GENESIS_METRICS_PORT");
    let mut serving = Serving::start(following);
    let address = serving.address;
    serving.healthy();
    signal(&serving.child, "-INT");
    let status = serving.child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(TcpStream::connect(address).is_err());
    while let Ok(line) = serving.lines.recv_timeout(PATIENCE) {
        assert!(!line.contains("panicked"), "{line}");
    }
}

#[test]
fn a_port_that_was_asked_for_must_be_free() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for variable in ["GENESIS_METRICS_PORT", "GENESIS_OBSERVABILITY_PORT"] {
        let mut command = genesis(&["events", "--port", "1"]);
        command
            .env_remove("GENESIS_METRICS_PORT")
            .env(variable, &port);
        let done = finish(command, b"");
        assert_eq!(done.code, 1, "{done:?}");
        let expected = format!("127.0.0.1:{port}: somebody else listens there");
        assert!(done.stderr.contains(&expected), "{done:?}");
        assert!(done.stderr.contains("GENESIS_METRICS_PORT"), "{done:?}");
        assert_eq!(done.stderr.lines().count(), 1, "{done:?}");
    }
}

#[test]
fn the_usual_port_may_be_taken() {
    // if it is taken already, by whomever, that is as good
    let _taken = TcpListener::bind("127.0.0.1:8000");
    let peer = Peer::start(vec![Script {
        send: plain_event(&[("Event-Name", "CHANNEL_ANSWER")]),
        close: false,
    }]);
    let mut command = genesis(&["events", "--port", &peer.port, "-n", "1", "CHANNEL_ANSWER"]);
    command.env_remove("GENESIS_METRICS_PORT");
    let done = finish(command, b"");
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("CHANNEL_ANSWER"), "{done:?}");
    let warnings = done.stderr.lines().filter(|line| line.contains("WARNING"));
    assert_eq!(warnings.count(), 1, "{done:?}");
}

#[test]
fn what_is_no_port_or_no_exporter_is_told_by_name() {
    for (variable, value) in [
        ("GENESIS_METRICS_PORT", "http"),
        ("GENESIS_OBSERVABILITY_PORT", "http"),
        ("OTEL_TRACES_EXPORTER", "jaeger"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
    ] {
        let mut command = genesis(&["events", "--port", "1"]);
        command
            .env_remove("GENESIS_METRICS_PORT")
            .env(variable, value);
        let done = finish(command, b"");
        assert_eq!(done.code, 2, "{done:?}");
        let text = done
            .stderr
            .replace("--metrics-port", "GENESIS_METRICS_PORT");
        assert!(text.contains(variable), "{done:?}");
    }
}

#[test]
fn lesson_42_nothing_secret_of_a_collector_is_printed() {
    const BOTH: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret");
    let refused = |problem: &'static str| (2, problem);
    let goes_on = (0, "http://127.0.0.1:1 does not take");
    for (name, value, (code, text)) in [
        (BOTH, "http://127.0.0.1:1", goes_on),
        (BOTH, "http://127.0.0.1:1/s3cret", goes_on),
        (BOTH, "http://c:1/?api-key=s3cret", refused("a query")),
        (BOTH, "http://u:s3cret@c:1", refused("a password")),
        (BOTH, "http//c:1/s3cret", refused("it is no endpoint")),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://c:1/v1/traces?s3cret",
            refused("a query"),
        ),
        (
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "http://c:1/v1/metrics#s3cret",
            refused("a fragment"),
        ),
    ] {
        for more in [&["--loglevel", "TRACE"][..], &["--json"]] {
            let peer = beating();
            let mut command = genesis(more);
            command.args(["api", "--port", &peer.port, "status"]);
            command.env(name, value).env(headers.0, headers.1);
            let done = finish(command, b"");
            assert_eq!(done.code, code, "{done:?}");
            assert!(done.stderr.contains(text), "{text}: {done:?}");
            assert!(!done.stderr.contains("s3cret"), "{done:?}");
            assert!(!done.stdout.contains("s3cret"), "{done:?}");
        }
    }
}

/// Every metric of the vocabulary with a value, as it is served.
fn everything() -> String {
    let setup = Setup::from_lookup(|_| None).unwrap().prometheus();
    let (guard, recorder) = setup.build().unwrap();
    metrics::with_local_recorder(&*recorder.unwrap(), || {
        for metric in vocabulary::ALL {
            let labels = metric.labels.iter().chain(metric.when);
            let labels: Vec<_> = labels.map(|&name| metrics::Label::new(name, "x")).collect();
            match metric.instrument {
                Instrument::Counter => metrics::counter!(metric.name, labels).increment(1),
                Instrument::Gauge => metrics::gauge!(metric.name, labels).set(1.0),
                Instrument::Histogram => metrics::histogram!(metric.name, labels).record(1.0),
            }
        }
    });
    guard.prometheus().unwrap().render()
}

/// A tool of Debian's package `prometheus`.
fn tool(name: &str) -> Command {
    let found = Command::new(name).arg("--version").output();
    assert!(
        found.is_ok(),
        "{name} is missing: run 'apt-get install prometheus' (scripts/test does)"
    );
    Command::new(name)
}

#[test]
fn promtool_has_nothing_to_say_about_our_metrics() {
    let mut check = tool("promtool");
    check.args(["check", "metrics"]);
    let done = finish(check, everything().as_bytes());
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(done.stdout.trim(), "");
    assert_eq!(done.stderr.trim(), "");
}

/// A Prometheus server of a test's own.
struct Server {
    child: Child,
    address: SocketAddr,
    directory: PathBuf,
}

impl Server {
    fn start(targets: &[(&str, SocketAddr)]) -> Self {
        let name = format!("genesis-prometheus-{:08x}", fastrand::u32(..));
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let jobs = targets.iter().map(|(job, target)| {
            format!("  - job_name: {job}\n    static_configs: [{{targets: ['{target}']}}]\n")
        });
        let config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\nscrape_configs:\n{}",
            jobs.collect::<String>()
        );
        let file = directory.join("prometheus.yml");
        fs::write(&file, config).unwrap();
        // given back at once, so that the server can have it
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = tool("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            address,
            directory,
        }
    }

    /// What the server answers to this query once it gives something.
    fn query(&self, query: &str) -> serde_json::Value {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "no answer to {query}");
            if TcpStream::connect(self.address).is_err() {
                thread::yield_now();
                continue;
            }
            let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let path = format!("/api/v1/query?query={query}");
            let mut stream = TcpStream::connect(self.address).unwrap();
            write!(stream, "GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let Some((_, body)) = answer.split_once("\r\n\r\n") else {
                continue;
            };
            let Ok(body) = serde_json::from_str::<serde_json::Value>(body) else {
                continue;
            };
            let result = &body["data"]["result"];
            if result.as_array().is_some_and(|result| !result.is_empty()) {
                return result.clone();
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// Serves one text to whoever asks.
fn fixed(text: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            let _read = stream.read(&mut buffer).unwrap_or(0);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                Prometheus::CONTENT_TYPE,
                text.len()
            );
            stream.write_all(head.as_bytes()).ok();
            stream.write_all(text.as_bytes()).ok();
        }
    });
    address
}

#[test]
fn a_prometheus_server_scrapes_the_command_and_answers_a_query() {
    let peer = beating();
    let mut following = genesis(&["events", "--port", &peer.port]);
    following.env("GENESIS_METRICS_PORT", "0");
    let serving = Serving::start(following);
    let all = fixed(everything());
    let server = Server::start(&[("genesis", serving.address), ("all", all)]);

    let up = server.query("up{job=\"genesis\"} == 1");
    assert_eq!(up[0]["value"][1], "1");
    let links = server.query("genesis_connections_active{job=\"genesis\",type=\"inbound\"}");
    assert_eq!(links[0]["value"][1], "1");
    let heartbeats = "genesis_events_received_total{job=\"genesis\",event_name=\"HEARTBEAT\"} > 0";
    server.query(heartbeats);
    // its metrics are what promtool accepts
    let metrics = serving.get("/metrics");
    let (_, body) = metrics.split_once("\r\n\r\n").unwrap();
    let mut check = tool("promtool");
    check.args(["check", "metrics"]);
    let checked = finish(check, body.as_bytes());
    assert_eq!(checked.code, 0, "{checked:?}\n{body}");

    let causes = server.query("genesis_channel_hangup_causes_total{job=\"all\"}");
    assert_eq!(causes[0]["metric"]["hangup_cause"], "x");
    let query = "histogram_quantile(0.5, genesis_commands_duration_seconds_bucket{job=\"all\"})";
    let median = server.query(query);
    let median: f64 = median[0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!((0.5..=1.0).contains(&median), "{median}");
}
