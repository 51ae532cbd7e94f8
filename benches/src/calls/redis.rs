//! A Redis of the benchmark's own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::Failure;

/// A running server on a free port of the loopback interface. Dropping it stops it; it keeps nothing
/// on the disk.
#[derive(Debug)]
pub(super) struct RedisServer {
    child: Child,
    port: u16,
}

impl RedisServer {
    /// Starts a server; returns when it accepts connections.
    pub(super) fn start() -> Result<Self, Failure> {
        let found = Command::new("redis-server").arg("--version").output();
        if !found.is_ok_and(|output| output.status.success()) {
            return Err("redis-server is missing: run 'apt-get install redis-server'".into());
        }
        let port = free_port()?;
        // the shell ends the server when our end of its input is gone, however this process ends
        let watched = r#""$@" & server=$!; cat >/dev/null; kill -9 $server; wait $server"#;
        let mut child = Command::new("sh")
            .args(["-c", watched, "sh", "redis-server"])
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .args(["--daemonize", "no", "--logfile", ""])
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = child.stdout.take().ok_or("the output is not piped")?;
        let mut lines = BufReader::new(output).lines();
        loop {
            let line = lines.next().ok_or("redis-server did not start")??;
            if line.contains("eady to accept connections") {
                break;
            }
        }
        // what it says later has to go somewhere, or it would stop
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, port })
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on, below those that the system gives to outgoing connections.
fn free_port() -> Result<u16, Failure> {
    for _ in 0..1000 {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no free port between 10,000 and 32,000".into())
}
