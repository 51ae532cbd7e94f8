//! A Redis of a test's own: on a free port of the loopback interface, in a directory of its own.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by several tests, each of which uses a part"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running (or stopped) server. Dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    directory: PathBuf,
    durable: bool,
    running: Option<Child>,
}

/// What a restart keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Everything that was acknowledged, if the server is durable.
    Kept,
    /// Nothing.
    Lost,
}

impl RedisServer {
    /// Starts a server; returns when it accepts connections.
    ///
    /// Panics with words if there is no `redis-server`: a test that needs one must not pass without.
    pub fn start() -> Self {
        Self::make(false)
    }

    /// As [`start`](Self::start), but everything acknowledged is on the disk, for [`Data::Kept`].
    pub fn start_durable() -> Self {
        Self::make(true)
    }

    fn make(durable: bool) -> Self {
        let name = format!(
            "genesis-redis-{}-{:08x}",
            std::process::id(),
            fastrand::u32(..)
        );
        let directory = std::env::temp_dir().join(name);
        let mut server = Self {
            port: free_port(),
            directory,
            durable,
            running: None,
        };
        server.run();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server (SIGKILL). It can be started again.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            drop(child.stdin.take());
            child.wait().expect("the server can be waited for");
        }
    }

    /// Starts the server again, on the same port; kills it before if it runs.
    pub fn start_again(&mut self, data: Data) {
        self.kill();
        if data == Data::Lost {
            fs::remove_dir_all(&self.directory).expect("the server's directory can be removed");
        }
        self.run();
    }

    fn run(&mut self) {
        fs::create_dir_all(&self.directory).expect("a temporary directory can be made");
        self.running = Some(run_server(self.port, &self.directory, self.durable));
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        // another run cleans the temporary directory
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn run_server(port: u16, directory: &Path, durable: bool) -> Child {
    let found = Command::new("redis-server").arg("--version").output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "redis-server is missing, and this test needs it: run 'apt-get install redis-server' \
         (scripts/test does)"
    );
    // the shell ends the server when our end of its input is gone, however this process ends
    let watched = r#""$@" & server=$!; cat >/dev/null; kill -9 $server; wait $server"#;
    let mut child = Command::new("sh")
        .args(["-c", watched, "sh", "redis-server"])
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendfsync", "always"])
        .args(["--appendonly", if durable { "yes" } else { "no" }])
        .args(["--daemonize", "no", "--logfile", ""])
        .arg("--dir")
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh can be run");
    let output = child.stdout.take().expect("the output is piped");
    let mut lines = BufReader::new(output).lines();
    let mut log = String::new();
    loop {
        match lines.next() {
            Some(Ok(line)) if line.contains("eady to accept connections") => break,
            Some(Ok(line)) => {
                log.push_str(&line);
                log.push('\n');
            }
            _ => panic!("redis-server did not start:\n{log}"),
        }
    }
    // what it says later has to go somewhere, or it would stop
    std::thread::spawn(move || lines.for_each(drop));
    child
}

/// A port that nobody listens on, below those that the system gives to outgoing connections: with one of
/// those a client could meet itself while the server is down.
fn free_port() -> u16 {
    for _ in 0..1000 {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 10,000 and 32,000")
}
