//! A redis-server of our own, on a free port of the loopback and in a folder of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A private redis-server; dropping it ends it and removes its folder.
pub(crate) struct Server {
    child: Option<Child>,
    port: u16,
    folder: PathBuf,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = std::env::temp_dir().join(format!(
            "genesis-redis-{}-{:x}",
            std::process::id(),
            fastrand::u64(..)
        ));
        std::fs::create_dir_all(&folder).unwrap();
        // somebody may take a port that was free a moment ago
        for _ in 0..20 {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let mut server = Self {
                child: None,
                port,
                folder: folder.clone(),
            };
            if server.launch() {
                return server;
            }
            std::mem::forget(server);
        }
        panic!("redis-server did not start on any of 20 ports");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    fn launch(&mut self) -> bool {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string()])
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "redis-server cannot be run ({error}); these tests need it: install it, for \
                     instance with `apt-get install redis-server`"
                )
            });
        self.child = Some(child);
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience {
            if self.command(&["PING"]).is_ok() {
                return true;
            }
            if self.child.as_mut().unwrap().try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::yield_now();
        }
        false
    }

    /// Runs a command on a connection of its own.
    pub(crate) fn command(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let mut connection = redis::Client::open(self.url())?.get_connection()?;
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query(&mut connection)
    }

    pub(crate) fn get<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        redis::from_redis_value(self.command(words).unwrap()).unwrap()
    }

    /// Writes everything to disk, for a restart that keeps it.
    pub(crate) fn save(&self) {
        self.command(&["SAVE"]).unwrap();
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it again with what was saved last.
    pub(crate) fn restart(&mut self) {
        assert!(self.launch(), "redis-server did not come back");
    }

    /// Starts it again without data.
    pub(crate) fn restart_empty(&mut self) {
        let _ = std::fs::remove_file(self.folder.join("dump.rdb"));
        self.restart();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
